// The drawing in a notebook.

/** @param {{ model: WidgetState, el: HTMLElement }} widget */
async function render({ model, el }) {
  speak(model.get("words"));
  const shown = sketch({ state: model, el });
  if (!model.get("message")) engineOf(model, shown.fail).then(shown.start, shown.fail);
  return shown.stop;
}

export default { render };
