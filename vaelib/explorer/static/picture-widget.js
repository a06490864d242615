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
  slider.set("value", Math.min(slider.get("max"), Math.max(slider.get("min"), value)));
  slider.save_changes();
}

/** @param {{ model: WidgetState, el: HTMLElement }} widget */
async function render({ model, el }) {
  speak(model.get("words"));
  const sliders = await modelsOf(model, model.get("sliders"));
  const shown = picture({ state: model, sliders, el });
  for (const slider of sliders) {
    const listen = (/** @type {HTMLElement} */ track) => track.addEventListener("keydown", (event) => onKey(event, slider), { capture: true });
    nameHandles(slider, ({ parentElement }) => parentElement && listen(parentElement));
  }
  if (!model.get("message")) engineOf(model, shown.fail).then(shown.start, shown.fail);
  const hearNoMore = whenKernelIsLost(sliders, shown.lost);
  return () => {
    hearNoMore();
    shown.stop();
  };
}

export default { render };
