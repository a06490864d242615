// The lab of a page without a kernel, from what `save_page` wrote; a link's fragment sets the controls.
/* global WORKER */

/**
 * @param {LabPage} page
 * @param {HTMLElement} el
 */
async function openLabPage(page, el) {
  tellHeight();
  const [kernels, train, heldOut, labels] = await Promise.all([page.kernels, page.train, page.heldOut, page.labels].map(inflate));
  const settings = settingsFrom(location.hash, page.settings);
  const data = { pixels: page.pixels, train, heldOut };
  return openLab({ ...page, settings, kernels, labels, data, worker: WORKER, linked: true }, el);
}
