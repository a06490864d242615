// A canvas to draw on. `engine` has encode(x) -> [mean..., deviation...] and decode(z) -> pixels, at once or later.

const PEN = { size: 280, width: 22, step: 14 };
const DRAWS = 4;

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
    "aria-label": "Draw a digit here. With keys: arrows move the pen, Space lowers and raises it.",
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

/**
 * @param {object} parts
 * @param {WidgetState} parts.state
 * @param {HTMLElement} parts.el
 */
function sketch({ state, el }) {
  const [shape, latent, place] = [state.get("image_shape"), state.get("latent"), /** @type {Plane} */ (state.get("plane"))];
  const names = ["what the encoder sees", "reconstruction"];
  const seen = names.map((name) => imageCanvas(shape, name));
  const samples = Array.from({ length: DRAWS }, (_, i) => imageCanvas(shape, `draw ${i + 1}`));
  const pad = plane(place, null);
  const alert = element("p", { class: "alert", role: "alert", hidden: "" });
  const caption = element("p", { class: "caption", role: "status" });
  const clearButton = element("button", { type: "button", class: "jupyter-button" }, ["Clear"]);
  const againButton = element("button", { type: "button", class: "jupyter-button" }, ["New draws"]);
  let noise = normals(DRAWS * latent);
  /** @type {Engine} */
  let engine;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;

  const pixels = () => asMnist(paper.canvas);
  const paper = drawing(() => {
    look(pixels());
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      state.set("drawn", new DataView(pixels().buffer));
      state.save_changes();
    }, 300);
  });
  const stage = element("div", { class: "stage" }, [
    figure(paper.canvas, "draw a digit here"),
    figure(pad.svg, "q(z|x): its mean and one standard deviation"),
    element("div", { class: "stage small" }, [
      ...seen.map(({ canvas }, i) => figure(canvas, names[i])),
      ...samples.map(({ canvas }, i) => figure(canvas, `draw ${i + 1}`)),
    ]),
  ]);
  el.classList.add("vaelib");
  el.append(element("div", { class: "bar" }, [clearButton, againButton]), stage, alert, caption);

  const fail = (/** @type {Error} */ error) => {
    stage.hidden = true;
    alert.hidden = false;
    alert.textContent = error.message;
  };
  const codes = (/** @type {Float32Array} */ code) => {
    const [mu, std] = [Array.from(code.slice(0, latent)), code.slice(latent)];
    return [mu, ...samples.map((_, s) => mu.map((m, j) => m + std[j] * noise[s * latent + j]))];
  };
  // In one go where the engine answers at once, so that the pictures come with the stroke.
  const see = (/** @type {Float32Array} */ x) => {
    const code = engine.encode(x.map((v) => v / 255));
    if (code instanceof Promise) return code.then((code) => seeWith(x, code));
    return seeWith(x, code);
  };
  const seeWith = (/** @type {Float32Array} */ x, /** @type {Float32Array} */ code) => {
    const at = codes(code);
    const decoded = at.map((z) => engine.decode(z));
    const ready = decoded.filter((y) => y instanceof Float32Array);
    if (ready.length === decoded.length) return { x, code, at, decoded: ready };
    return Promise.all(decoded).then((decoded) => ({ x, code, at, decoded }));
  };
  /**
   * @param {Float32Array} _
   * @param {{ x: Float32Array, code: Float32Array, at: number[][], decoded: Float32Array[] }} seen
   */
  const show = (_, { x, code, at, decoded }) => {
    if (decoded.some((y) => y.some(Number.isNaN))) return fail(new Error(DAMAGED));
    stage.hidden = false;
    alert.hidden = true;
    seen[0].draw(x.map((v) => v / 255));
    seen[1].draw(decoded[0]);
    samples.forEach((sample, i) => sample.draw(decoded[i + 1]));
    const on = (/** @type {Vector} */ values) => place.axes.map((axis) => values[axis]);
    const [mu, std] = [on(code.slice(0, latent)), on(code.slice(latent))];
    pad.show(mu, std, at.slice(1).map(on));
    caption.textContent = `q(z|x): mean ${spoken(mu)}, standard deviation ${spoken(std)} in ${place.names.join(", ")}`;
  };
  let look = (/** @type {Uint8Array} */ _) => {};

  clearButton.addEventListener("click", () => paper.clear());
  againButton.addEventListener("click", () => {
    noise = normals(DRAWS * latent);
    look(pixels());
  });
  const onMessage = () => state.get("message") && fail(new Error(state.get("message")));
  state.on("change:message", onMessage);
  onMessage();
  return {
    start(/** @type {Engine} */ ready) {
      engine = ready;
      const latest = newest(see, show, fail);
      look = (x) => latest(Float32Array.from(x));
      paper.clear();
    },
    fail,
    stop: () => state.off("change:message", onMessage),
  };
}
