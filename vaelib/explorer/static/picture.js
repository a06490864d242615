// The image at z, the real image beside it, and the plane.

/**
 * @param {object} parts
 * @param {State} parts.state a widget's model, or the page's own object
 * @param {(State & { comm_live?: boolean })[]} parts.sliders one for each dimension of z: they hold z, nothing else does
 * @param {HTMLElement} parts.el
 */
function picture({ state, sliders, el }) {
  const shape = state.get("image_shape");
  const decoded = imageCanvas(shape, "The decoded digit");
  const real = imageCanvas(shape, "The real digit");
  const stage = element("div", { class: "stage" });
  const alert = element("p", { class: "alert", role: "alert", hidden: "" });
  const caption = element("p", { class: "caption", role: "status" });
  const realFigure = figure(real.canvas, "real x");
  stage.append(figure(decoded.canvas, "decoded E[x|z]"), realFigure);
  el.classList.add("vaelib");
  el.append(stage, alert, caption);

  const z = () => sliders.map((slider) => slider.get("value"));
  /** @type {ReturnType<typeof plane> | null} */
  let pad = null;
  /** @type {{ from: number[], to: number[], duration: number, start?: number } | null} */
  let glide = null;
  let queued = false;
  let needsKernel = true;

  const fail = (/** @type {Error} */ error) => {
    stage.hidden = true;
    alert.hidden = false;
    alert.textContent = error.message;
  };
  const draw = (/** @type {number[]} */ at, /** @type {Float32Array} */ x) => {
    if (x.some(Number.isNaN)) return fail(new Error(DAMAGED));
    stage.hidden = false;
    alert.hidden = true;
    decoded.canvas.z = at;
    decoded.draw(x, `The decoded digit at z = ${spoken(at)}`);
    pad?.show(at);
  };
  let show = (/** @type {number[]} */ _) => {};

  // All changes of one event are drawn once, at its end and not a frame later.
  const changed = () => {
    if (queued) return;
    queued = true;
    queueMicrotask(() => {
      queued = false;
      if (!glide) show(z());
    });
  };
  // The reader's hand goes before a motion under way; the slider that only takes its new place does not.
  const onSlider = (/** @type {State} */ _, /** @type {number} */ value, /** @type {any} */ options) => {
    if (options?.updated_view && glide?.to.every((end) => Math.abs(value - end) > 1e-6)) glide = null;
    changed();
  };
  const step = (/** @type {number} */ now) => {
    if (!glide) return;
    const { from, to, duration, start = now } = glide;
    glide.start = start;
    const t = duration > 0 ? Math.min(1, (now - start) / duration) : 1;
    show(to.map((value, axis) => from[axis] + t * (value - from[axis])));
    if (t < 1) return void requestAnimationFrame(step);
    glide = null;
    changed();
  };
  const move = (/** @type {Glide} */ { to, seconds }) => {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    glide = { from: z(), to, duration: 1000 * seconds };
    requestAnimationFrame(step);
  };

  const tell = () => {
    caption.textContent = state.get("caption");
    const bytes = state.get("original");
    realFigure.hidden = !bytes.byteLength;
    if (bytes.byteLength) real.draw(Float32Array.from(view(bytes, Uint8Array), (v) => v / 255));
    if (state.get("message")) fail(new Error(state.get("message")));
  };

  if (state.get("plane").reach) {
    pad = plane(state.get("plane"), (to) => {
      glide = null;
      sliders.forEach((slider, axis) => slider.set("value", to[axis]));
      sliders.forEach((slider) => slider.save_changes());
      changed();
    });
    pad.show(z());
    stage.append(figure(pad.svg, "drag the point, or use the arrow keys"));
  }
  const onMessage = (/** @type {{ glide?: Glide }} */ content) => content.glide && move(content.glide);
  const onLive = () => {
    if (sliders.every((slider) => slider.comm_live !== false)) return;
    if (needsKernel) fail(new Error(SILENCE));
    else caption.textContent = `${SILENCE} ${STILL}`;
  };
  sliders.forEach((slider) => slider.on("change:value", onSlider));
  sliders.forEach((slider) => slider.on("comm_live_update", onLive));
  ["caption", "original", "message"].forEach((name) => state.on(`change:${name}`, tell));
  state.on("msg:custom", onMessage);
  tell();

  return {
    start(/** @type {PictureEngine} */ engine) {
      needsKernel = engine.needsKernel ?? false;
      show = newest(engine.decode, draw, fail);
      show(z());
    },
    fail,
    glide: move,
    stop() {
      sliders.forEach((slider) => slider.off("change:value", onSlider));
      sliders.forEach((slider) => slider.off("comm_live_update", onLive));
      ["caption", "original", "message"].forEach((name) => state.off(`change:${name}`, tell));
      state.off("msg:custom", onMessage);
    },
  };
}

const STILL = "The sliders still work, the buttons do not.";
