// The picture in a notebook: its sliders are ipywidgets' own, found through the widget manager.

const prefix = "IPY_MODEL_";

/** @type {Record<string, number>} */
const KEYS = { ArrowLeft: -0.05, ArrowDown: -0.05, ArrowRight: 0.05, ArrowUp: 0.05, PageDown: -0.5, PageUp: 0.5 };

const HANDLE = ".noUi-handle, .ui-slider-handle"; // of ipywidgets 8, and of 7

/**
 * ipywidgets leaves its handles without a name, and without steps a tenth of the range to a key.
 * @param {WidgetState} slider
 */
async function finishHandles(slider, tries = 50) {
  const views = await Promise.all(Object.values(slider.views ?? {}));
  const handles = views.map((view) => view.el.querySelector(HANDLE)).filter((handle) => handle !== null);
  if (!handles.length && tries) setTimeout(finishHandles, 100, slider, tries - 1);
  for (const handle of handles) {
    handle.setAttribute("aria-label", slider.get("description"));
    handle.parentElement?.addEventListener("keydown", (event) => onKey(event, slider), { capture: true });
  }
}

/**
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
  const ids = model.get("sliders").map((/** @type {string} */ reference) => reference.slice(prefix.length));
  const sliders = await Promise.all(ids.map((/** @type {string} */ id) => model.widget_manager.get_model(id)));
  const shown = picture({ state: model, sliders, el });
  sliders.forEach((slider) => finishHandles(slider));
  if (!model.get("message")) engineOf(model, shown.fail).then(shown.start, shown.fail);
  return shown.stop;
}

export default { render };
