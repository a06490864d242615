// The picture in a notebook: its sliders are ipywidgets' own, found through the widget manager.

const prefix = "IPY_MODEL_";

async function nameHandles(slider, tries = 50) {
  const views = await Promise.all(Object.values(slider.views ?? {}));
  const handles = views.map((view) => view.el.querySelector(".noUi-handle")).filter(Boolean);
  handles.forEach((handle) => handle.setAttribute("aria-label", slider.get("description")));
  if (!handles.length && tries) setTimeout(nameHandles, 100, slider, tries - 1);
}

async function render({ model, el }) {
  const ids = model.get("sliders").map((reference) => reference.slice(prefix.length));
  const sliders = await Promise.all(ids.map((id) => model.widget_manager.get_model(id)));
  const shown = picture({ state: model, sliders, el });
  sliders.forEach((slider) => nameHandles(slider));
  engineOf(model).then(shown.start, shown.fail);
  return shown.stop;
}

export default { render };
