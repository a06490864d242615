// The lab of a page without a kernel, from what `save_page` wrote; a link's fragment sets the controls.
/* global WORKER */

/**
 * @param {LabPage} page
 * @param {HTMLElement} el
 */
async function openLabPage(page, el) {
  tellHeight();
  const [kernels, heldOut, labels] = await Promise.all([page.kernels, page.heldOut, page.labels].map(inflate));
  const settings = settingsFrom(location.hash, page.settings);
  const isHere = typeof page.train === "string";
  const trainLater = Promise.resolve(page.train).then(inflate);
  const data = { pixels: page.pixels, train: isHere ? await trainLater : new Uint8Array(0), heldOut };
  return openLab({ ...page, settings, kernels, labels, data, trainLater, worker: WORKER, linked: page.settings }, el);
}
