// The picture in a notebook: its sliders are ipywidgets' own, found through the widget manager.

/** @type {Record<string, number>} */
const KEYS = { ArrowLeft: -0.05, ArrowDown: -0.05, ArrowRight: 0.05, ArrowUp: 0.05, PageDown: -0.5, PageUp: 0.5 };

/**
 * Without steps a handle of ipywidgets moves by a tenth of the range at a key, so the keys are dealt with here.
 * @param {KeyboardEvent} event
 * @param {WidgetState} slider
 */
function onKey(event, slider) {
  if (!(event.key in KEYS)) return;
  event.preventDefault();
  event.stopPropagation();
  const value = Math.round(1e4 * (slider.get("value") + KEYS[event.key])) / 1e4;
  const within = Math.min(slider.get("max"), Math.max(slider.get("min"), value));
  slider.set("value", within, { updated_view: event.currentTarget });
  slider.save_changes();
}

/**
 * Puts a slider somewhere without telling the kernel, not even of the place, rounded, that its view answers.
 * @param {WidgetState} slider
 * @param {number} value
 */
function put(slider, value) {
  const { save } = slider;
  slider.save = () => {};
  slider.set_state({ value });
  slider.save = save;
}

/**
 * Arithmetic on codes: the images come from the kernel when they are asked for, so that no notebook stores them.
 * @param {WidgetState} model
 * @param {ReturnType<typeof picture>} shown
 */
function arithmeticOf(model, { fail, lost }) {
  const ask = asker(model, ({ message }) => lost(message));
  const offered = async () => {
    const { titles, buffers } = await ask("images");
    return { image_shape: model.get("image_shape"), titles, digits: view(buffers[0], Uint8Array) };
  };
  const panel = arithmetic(offered, ([a, b, c]) => void ask("combine", { a, b, c }).catch(fail), fail);
  panel.addEventListener("keydown", (event) => event.stopPropagation()); // a notebook's shortcuts
  return panel;
}

/** @param {{ model: WidgetState, el: HTMLElement }} widget */
async function render({ model, el }) {
  speak(model.get("words"));
  const sliders = await modelsOf(model, model.get("sliders"));
  const shown = picture({ state: model, sliders, el, put: (axis, value) => put(sliders[axis], value) });
  for (const slider of sliders) {
    const listen = (/** @type {HTMLElement} */ track) => track.addEventListener("keydown", (event) => onKey(event, slider), { capture: true });
    nameHandles(slider, ({ parentElement }) => parentElement && listen(parentElement));
  }
  if (model.get("encodes")) el.append(arithmeticOf(model, shown));
  if (!model.get("message")) engineOf(model, shown.fail).then(shown.start, shown.fail);
  const hearNoMore = whenKernelIsLost(sliders, shown.lost);
  return () => {
    hearNoMore();
    shown.stop();
  };
}

export default { render };
