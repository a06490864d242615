// A canvas to draw on. `engine` has encode(x) -> [mean..., deviation...] and decode(z) -> pixels, at once or later.

const PEN = { size: 280, width: 22, step: 14 };
const DRAWS = 4;

// The drawing as MNIST has its digits: in a box of 20 x 20, with the centre of mass in the middle of 28 x 28.
function asMnist(canvas) {
  const { width, height } = canvas;
  const ink = canvas.getContext("2d").getImageData(0, 0, width, height).data;
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
  const small = element("canvas", { width: 28, height: 28 }).getContext("2d", { willReadFrequently: true });
  small.imageSmoothingQuality = "high";
  const put = (dx, dy) => {
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
  const centre = (along) => centred.reduce((sum, v, i) => sum + v * (along(i) + 0.5), 0) / mass;
  put(Math.round(14 - centre((i) => i % 28)), Math.round(14 - centre((i) => Math.floor(i / 28))));
  return pixels();
}

// White strokes on black: pointer, or arrow keys with Space to lower and raise the pen.
function drawing(onStroke) {
  const canvas = element("canvas", {
    width: PEN.size,
    height: PEN.size,
    class: "paper",
    tabindex: 0,
    role: "application",
    "aria-label": "Draw a digit here. With keys: arrows move the pen, Space lowers and raises it.",
  });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  Object.assign(context, { lineWidth: PEN.width, lineCap: "round", lineJoin: "round", strokeStyle: "#fff" });
  let at = null;
  const line = (to) => {
    context.beginPath();
    context.moveTo(...(at ?? to));
    context.lineTo(...to);
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
  const point = (event) => {
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

function sketch({ state, el }) {
  const [side, latent, place] = [state.get("side"), state.get("latent"), state.get("plane")];
  const names = ["what the encoder sees", "reconstruction"];
  const seen = names.map((name) => digit(side, name));
  const samples = Array.from({ length: DRAWS }, (_, i) => digit(side, `draw ${i + 1}`));
  const pad = plane(place, null);
  const alert = element("p", { class: "alert", role: "alert", hidden: "" });
  const caption = element("p", { class: "caption", role: "status" });
  const clearButton = element("button", { type: "button", class: "jupyter-button" }, ["Clear"]);
  const againButton = element("button", { type: "button", class: "jupyter-button" }, ["New draws"]);
  let noise = normals(DRAWS * latent);
  let engine = null;
  let waiting = 0;

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

  const fail = (error) => {
    stage.hidden = true;
    alert.hidden = false;
    alert.textContent = error.message;
  };
  const codes = (code) => {
    const [mu, std] = [code.slice(0, latent), code.slice(latent)];
    return [mu, ...samples.map((_, s) => mu.map((m, j) => m + std[j] * noise[s * latent + j]))];
  };
  // In one go where the engine answers at once, so that the pictures come with the stroke.
  const see = (x) => {
    const code = engine.encode(x.map((v) => v / 255));
    if (code instanceof Promise) {
      return code.then(async (code) => {
        const at = codes(code);
        return { x, code, at, decoded: await Promise.all(at.map(engine.decode)) };
      });
    }
    const at = codes(code);
    return { x, code, at, decoded: at.map(engine.decode) };
  };
  const show = (_, { x, code, at, decoded }) => {
    if (decoded.some((y) => y.some(Number.isNaN))) return fail(new Error(DAMAGED));
    stage.hidden = false;
    alert.hidden = true;
    seen[0].draw(x.map((v) => v / 255));
    seen[1].draw(decoded[0]);
    samples.forEach((sample, i) => sample.draw(decoded[i + 1]));
    const on = (values) => place.axes.map((axis) => values[axis]);
    const [mu, std] = [on(code.slice(0, latent)), on(code.slice(latent))];
    pad.show(mu, std, at.slice(1).map(on));
    caption.textContent = `q(z|x): mean ${spoken(mu)}, standard deviation ${spoken(std)} in ${place.names.join(", ")}`;
  };
  let look = () => {};

  clearButton.addEventListener("click", () => paper.clear());
  againButton.addEventListener("click", () => {
    noise = normals(DRAWS * latent);
    look(pixels());
  });
  if (state.get("message")) fail(new Error(state.get("message")));
  return {
    start(ready) {
      engine = ready;
      const latest = newest(see, show, fail);
      look = (x) => latest(Float32Array.from(x));
      paper.clear();
    },
    fail,
  };
}
