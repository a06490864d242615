// A drawing and what the model makes of it. `engine` has encode(x) -> [mean..., deviation...] and decode(z) -> pixels, at once or later.

const DRAWS = 4;

/**
 * @param {object} parts
 * @param {State} parts.state a widget's model, or the page's own object
 * @param {HTMLElement} parts.el
 */
function sketch({ state, el }) {
  const [shape, latent, place] = [state.get("image_shape"), state.get("latent"), /** @type {Plane} */ (state.get("plane"))];
  const names = [tr("what the encoder sees"), tr("reconstruction")];
  const seen = names.map((name) => imageCanvas(shape, name));
  const samples = Array.from({ length: DRAWS }, (_, i) => imageCanvas(shape, tr("draw {number}", { number: i + 1 })));
  const pad = plane(place, null);
  const alert = element("p", { class: "alert", role: "alert", hidden: "" });
  const caption = element("p", { class: "caption", role: "status" });
  const clearButton = element("button", { type: "button", class: "jupyter-button" }, [tr("Clear")]);
  const againButton = element("button", { type: "button", class: "jupyter-button" }, [tr("New draws")]);
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
    figure(paper.canvas, tr("draw a digit here")),
    figure(pad.svg, tr("q(z|x): its mean and one standard deviation")),
    element("div", { class: "stage small" }, [
      ...seen.map(({ canvas }, i) => figure(canvas, names[i])),
      ...samples.map(({ canvas }, i) => figure(canvas, tr("draw {number}", { number: i + 1 }))),
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
    if (decoded.some((y) => y.some(Number.isNaN))) return fail(new Error(damaged()));
    stage.hidden = false;
    alert.hidden = true;
    seen[0].draw(x.map((v) => v / 255));
    seen[1].draw(decoded[0]);
    samples.forEach((sample, i) => sample.draw(decoded[i + 1]));
    const on = (/** @type {Vector} */ values) => place.axes.map((axis) => values[axis]);
    const [mu, std] = [on(code.slice(0, latent)), on(code.slice(latent))];
    pad.show(mu, std, at.slice(1).map(on));
    const values = { mean: spoken(mu), deviation: spoken(std), names: place.names.join(", ") };
    caption.textContent = tr("q(z|x): mean {mean}, standard deviation {deviation} in {names}", values);
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
