// Paper to draw a digit on, and the drawing as MNIST has its digits.

const PEN = { size: 280, width: 22, step: 14 };

const readable = { willReadFrequently: true };

/** @param {HTMLCanvasElement} canvas */
const contextOf = (canvas) => /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", readable));

/**
 * The drawing as MNIST has its digits: in a box of 20 x 20, with the centre of mass in the middle of 28 x 28.
 * @param {HTMLCanvasElement} canvas
 */
function asMnist(canvas) {
  const { width, height } = canvas;
  const ink = contextOf(canvas).getImageData(0, 0, width, height).data;
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!ink[4 * (y * width + x)]) continue;
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
    }
  }
  if (right < 0) return new Uint8Array(784);
  const scale = 20 / Math.max(right - left + 1, bottom - top + 1);
  const small = contextOf(element("canvas", { width: 28, height: 28 }));
  small.imageSmoothingQuality = "high";
  const put = (/** @type {number} */ dx, /** @type {number} */ dy) => {
    small.fillStyle = "#000";
    small.fillRect(0, 0, 28, 28);
    const [w, h] = [(right - left + 1) * scale, (bottom - top + 1) * scale];
    small.drawImage(canvas, left, top, right - left + 1, bottom - top + 1, 14 - w / 2 + dx, 14 - h / 2 + dy, w, h);
  };
  const pixels = () => {
    const data = small.getImageData(0, 0, 28, 28).data;
    return Uint8Array.from({ length: 784 }, (_, i) => data[4 * i]);
  };
  put(0, 0);
  const centred = pixels();
  const mass = centred.reduce((sum, v) => sum + v, 0);
  const centre = (/** @type {(i: number) => number} */ along) => centred.reduce((sum, v, i) => sum + v * (along(i) + 0.5), 0) / mass;
  put(Math.round(14 - centre((i) => i % 28)), Math.round(14 - centre((i) => Math.floor(i / 28))));
  return pixels();
}

/**
 * White strokes on black: pointer, or arrow keys with Space to lower and raise the pen.
 * @param {() => void} onStroke
 */
function drawing(onStroke) {
  const canvas = element("canvas", {
    width: PEN.size,
    height: PEN.size,
    class: "paper",
    tabindex: 0,
    role: "application",
    "aria-label": tr("Draw a digit here. With keys: arrows move the pen, Space lowers and raises it."),
  });
  const context = contextOf(canvas);
  Object.assign(context, { lineWidth: PEN.width, lineCap: "round", lineJoin: "round", strokeStyle: "#fff" });
  /** @type {number[] | null} */
  let at = null;
  const line = (/** @type {number[]} */ to) => {
    const from = at ?? to;
    context.beginPath();
    context.moveTo(from[0], from[1]);
    context.lineTo(to[0], to[1]);
    context.stroke();
    at = to;
    onStroke();
  };
  const clear = () => {
    context.fillStyle = "#000";
    context.fillRect(0, 0, PEN.size, PEN.size);
    at = null;
    onStroke();
  };
  const point = (/** @type {PointerEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    const scale = PEN.size / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    at = null;
    line(point(event));
  });
  canvas.addEventListener("pointermove", (event) => canvas.hasPointerCapture(event.pointerId) && line(point(event)));

  const pen = { at: [PEN.size / 2, PEN.size / 2], down: false };
  canvas.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    if (!step) pen.down = !pen.down;
    else pen.at = [pen.at[0] + PEN.step * step[0], pen.at[1] - PEN.step * step[1]];
    pen.at = pen.at.map((value) => Math.min(PEN.size - PEN.width, Math.max(PEN.width, value)));
    at = step && pen.down ? at : null;
    if (pen.down) line(pen.at);
  });
  return { canvas, clear };
}
