// The image at z, the real image beside it, and the plane.

/**
 * @param {object} parts
 * @param {State} parts.state a widget's model, or the page's own object
 * @param {State[]} parts.sliders one for each dimension of z: they hold z, nothing else does
 * @param {HTMLElement} parts.el
 * @param {(axis: number, value: number) => void} [parts.put] puts a slider somewhere; a notebook's without telling the kernel
 */
function picture({ state, sliders, el, put = (axis, value) => sliders[axis].set("value", value) }) {
  const shape = state.get("image_shape");
  const decoded = imageCanvas(shape, tr("The decoded digit"));
  const real = imageCanvas(shape, tr("The real digit"));
  const stage = element("div", { class: "stage" });
  const pair = element("div", { class: "pair" });
  const alert = element("p", { class: "alert", role: "alert", hidden: "" });
  const caption = element("p", { class: "caption", role: "status" });
  const realFigure = figure(real.canvas, tr("real x"));
  const asked = choice(state);
  pair.append(figure(decoded.canvas, asked.line.hidden ? tr("decoded E[x|z]") : tr("decoded E[x|z, y]")), realFigure);
  stage.append(pair);
  el.classList.add("vaelib");
  el.append(asked.line, stage, alert, caption);

  const z = () => sliders.map((slider) => slider.get("value"));
  /** @type {ReturnType<typeof plane> | null} */
  let pad = null;
  /** @type {{ from: number[], to: number[], at: number[], duration: number, start?: number } | null} */
  let glide = null;
  let queued = false;
  let needsKernel = true;

  const fail = (/** @type {Error} */ error) => {
    stage.hidden = true;
    alert.hidden = false;
    alert.textContent = error.message;
  };
  const draw = (/** @type {number[]} */ at, /** @type {Float32Array} */ x) => {
    if (x.some(Number.isNaN)) return fail(new Error(damaged()));
    stage.hidden = false;
    alert.hidden = true;
    decoded.canvas.z = at;
    decoded.draw(x, tr("The decoded digit at z = {z}", { z: spoken(at) }));
    pad?.show(at);
  };
  let show = (/** @type {number[]} */ _) => {};

  // All changes of one event are drawn once, at its end and not a frame later.
  const changed = () => {
    if (queued) return;
    queued = true;
    queueMicrotask(() => {
      queued = false;
      if (glide) carryTo(glide.at);
      else show(z());
    });
  };
  // What was said of a code, and the real digit beside it, are true of that code alone.
  const forget = () => {
    if (!state.get("caption") && !state.get("original").byteLength) return;
    state.set("caption", "");
    state.set("original", new DataView(new ArrayBuffer(0)));
    state.save_changes();
  };
  // A motion takes the sliders along. The kernel, which knows its end from the start, is not told of every step.
  const carryTo = (/** @type {number[]} */ at) => {
    carrying = true;
    at.forEach((value, axis) => put(axis, value));
    carrying = false;
  };
  const end = () => {
    glide = null;
    stage.setAttribute("aria-busy", "false");
  };
  // The reader's hand goes before a motion under way: the sliders stay where they are, and the kernel is told.
  const stay = () => {
    if (!glide) return;
    end();
    for (const slider of sliders) slider.save({ value: slider.get("value") }, { patch: true });
  };
  // A slider that was placed answers with its place, rounded.
  const placed = z();
  const onSlider = (/** @type {State} */ slider, /** @type {number} */ value, /** @type {any} */ options) => {
    const axis = sliders.indexOf(slider);
    if (!options?.updated_view) placed[axis] = value;
    if (carrying) return;
    if (!options?.updated_view) {
      if (glide) glide.to[axis] = value;
    } else if (Math.abs(value - placed[axis]) > ROUNDED) {
      stay();
      forget();
    }
    changed();
  };
  const step = (/** @type {number} */ now) => {
    if (!glide) return;
    const { from, to, duration, start = now } = glide;
    glide.start = start;
    const t = duration > 0 ? Math.min(1, (now - start) / duration) : 1;
    const at = t < 1 ? to.map((value, axis) => from[axis] + t * (value - from[axis])) : to;
    glide.at = at;
    carryTo(at);
    show(at);
    if (t < 1) return void requestAnimationFrame(step);
    end();
    changed();
  };
  const move = (/** @type {Glide} */ { to, seconds }) => {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const from = z();
    glide = { from, to: [...to], at: from, duration: 1000 * seconds };
    stage.setAttribute("aria-busy", "true");
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
      stay();
      forget();
      sliders.forEach((slider, axis) => slider.set("value", to[axis], { updated_view: stage }));
      sliders.forEach((slider) => slider.save_changes());
      changed();
    });
    pad.show(z());
    stage.append(figure(pad.svg, tr("Drag the point, or use the arrow keys. The circles are 1, 2 and 3 spreads of N(0, I).")));
  }
  const onMessage = (/** @type {{ glide?: Glide }} */ content) => content.glide && move(content.glide);
  const lost = (/** @type {string} */ words) => {
    if (needsKernel) fail(new Error(words));
    else caption.textContent = `${words} ${tr("The sliders still work, the buttons do not.")}`;
  };
  sliders.forEach((slider) => slider.on("change:value", onSlider));
  state.on("change:asked", changed);
  ["caption", "original", "message"].forEach((name) => state.on(`change:${name}`, tell));
  state.on("msg:custom", onMessage);
  tell();

  return {
    start(/** @type {PictureEngine} */ engine) {
      needsKernel = engine.needsKernel ?? false;
      show = newest((at) => engine.decode(asked.beside(at)), draw, fail);
      show(z());
    },
    fail,
    lost,
    glide: move,
    stop() {
      sliders.forEach((slider) => slider.off("change:value", onSlider));
      state.off("change:asked", changed);
      asked.stop();
      ["caption", "original", "message"].forEach((name) => state.off(`change:${name}`, tell));
      state.off("msg:custom", onMessage);
    },
  };
}

/**
 * Which label to ask for, of a model of x given y.
 * @param {State} state with the `choices`, the labels' names, and the number `asked`
 */
function choice(state) {
  const names = state.get("choices");
  const options = names.map((/** @type {string} */ name, /** @type {number} */ y) => element("option", { value: y }, [name]));
  const select = element("select", {}, options);
  const line = element("label", { class: "asked" }, [tr("ask for y = "), select]);
  line.hidden = !names.length;
  const tell = () => (select.value = String(state.get("asked")));
  select.addEventListener("change", () => {
    state.set("asked", Number(select.value));
    state.save_changes();
  });
  state.on("change:asked", tell);
  tell();
  return {
    line,
    /** @param {number[]} z */
    beside: (z) => [...z, ...names.map((/** @type {string} */ _, /** @type {number} */ y) => Number(y === state.get("asked")))],
    stop: () => state.off("change:asked", tell),
  };
}

const ROUNDED = 1e-3;
let carrying = false; // whether what changes a slider now is a motion, in this view of a widget or in another
