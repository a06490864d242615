// The lab of a page without a kernel, from what `save_page` wrote; a link's fragment sets the controls.
/* global WORKER */

/**
 * @param {LabPage} page
 * @param {HTMLElement} el
 */
async function openLabPage(page, el) {
  tellHeight();
  /** @type {Pick<Parameters<typeof openLab>[0], "kernels" | "labels" | "data">} */
  let parts;
  const settings = settingsFrom(location.hash, page.settings);
  const trainLater = Promise.resolve(page.train).then(inflate);
  try {
    const train = typeof page.train === "string" ? await trainLater : new Uint8Array(0);
    const [kernels, heldOut, labels] = await Promise.all([page.kernels, page.heldOut, page.labels].map(inflate));
    parts = { kernels, labels, data: { pixels: page.pixels, train, heldOut } };
  } catch {
    const words = tr("The pictures in this page are damaged or cut off. Load the page again.");
    el.classList.add("vaelib");
    el.append(element("p", { class: "alert", role: "alert" }, [words]));
    return;
  }
  return openLab({ ...page, settings, ...parts, trainLater, worker: WORKER, linked: page.settings }, el);
}
