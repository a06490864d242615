// The drawing in a notebook.

async function render({ model, el }) {
  const shown = sketch({ state: model, el });
  if (!model.get("message")) engineOf(model, shown.fail).then(shown.start, shown.fail);
}

export default { render };
