// What widgets in a notebook share: ipywidgets' own sliders, found through the widget manager, and the kernel that may go.

const REFERENCE = "IPY_MODEL_";
const HANDLE = ".noUi-handle, .ui-slider-handle"; // of ipywidgets 8, and of 7

/**
 * The models of the widgets that a widget's state refers to.
 * @param {WidgetState} model
 * @param {string[]} references
 * @returns {Promise<WidgetState[]>}
 */
const modelsOf = (model, references) =>
  Promise.all(references.map((reference) => model.widget_manager.get_model(reference.slice(REFERENCE.length))));

/**
 * Gives a slider's handles the name that ipywidgets leaves out, once its views are there.
 * @param {WidgetState} slider
 * @param {(handle: Element) => void} also called with each handle
 */
async function nameHandles(slider, also = () => {}, tries = 50) {
  const views = await Promise.all(Object.values(slider.views ?? {}));
  const handles = views.flatMap((view) => [...view.el.querySelectorAll(HANDLE)]);
  if (!handles.length && tries) setTimeout(nameHandles, 100, slider, also, tries - 1);
  for (const handle of handles) {
    handle.setAttribute("aria-label", slider.get("description"));
    also(handle);
  }
}

const silence = () =>
  tr("The kernel does not answer: it is busy, or it has stopped. If it has stopped, restart it and run this cell again.");

/**
 * Calls `tell` when the kernel of the sliders is lost; returns what ends that.
 * @param {WidgetState[]} sliders
 * @param {(words: string) => void} tell
 */
function whenKernelIsLost(sliders, tell) {
  const onLive = () => sliders.some((slider) => slider.comm_live === false) && tell(silence());
  sliders.forEach((slider) => slider.on("comm_live_update", onLive));
  return () => sliders.forEach((slider) => slider.off("comm_live_update", onLive));
}
