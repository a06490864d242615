// The digit at z, the real digit beside it, and the plane. `state` is a widget's model, or the page's own object with
// get, set, on; `sliders` are the models of the sliders, one for each dimension of z: they hold z, and nothing else does.

function picture({ state, sliders, el }) {
  const side = state.get("side");
  const decoded = digit(side, "The decoded digit");
  const real = digit(side, "The real digit");
  const stage = element("div", { class: "stage" });
  const alert = element("p", { class: "alert", role: "alert", hidden: "" });
  const caption = element("p", { class: "caption", role: "status" });
  const realFigure = figure(real.canvas, "real x");
  stage.append(figure(decoded.canvas, "decoded E[x|z]"), realFigure);
  el.classList.add("vaelib");
  el.append(stage, alert, caption);

  const z = () => sliders.map((slider) => slider.get("value"));
  let pad = null;
  let glide = null;
  let queued = false;
  let needsKernel = true;

  const fail = (error) => {
    stage.hidden = true;
    alert.hidden = false;
    alert.textContent = error.message;
  };
  const draw = (at, x) => {
    if (x.some(Number.isNaN)) return fail(new Error(DAMAGED));
    stage.hidden = false;
    alert.hidden = true;
    decoded.canvas.z = at;
    decoded.draw(x, `The decoded digit at z = ${spoken(at)}`);
    pad?.show(at);
  };
  let show = () => {};

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
  const onSlider = (_model, value, options) => {
    if (options?.updated_view && glide?.to.every((end) => Math.abs(value - end) > 1e-6)) glide = null;
    changed();
  };
  const step = (now) => {
    if (!glide) return;
    glide.start ??= now;
    const t = Math.min(1, (now - glide.start) / glide.duration);
    show(glide.to.map((value, axis) => glide.from[axis] + t * (value - glide.from[axis])));
    if (t < 1) return requestAnimationFrame(step);
    glide = null;
    changed();
  };
  const move = ({ to, seconds }) => {
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
  const onMessage = (content) => content.glide && move(content.glide);
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
    start(engine) {
      needsKernel = engine.needsKernel;
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
