// The drawing of a page without a kernel: encoder and decoder are in the page.

/**
 * @param {SketchPage} page
 * @param {HTMLElement} el
 */
async function openSketchPage(page, el) {
  const { points, labels, ...place } = page.plane;
  const plane = { ...place, points: await inflate(points), labels: await inflate(labels) };
  const { image_shape, latent, headers } = page;
  const shown = sketch({ state: pageState({ image_shape, latent, plane, message: "" }), el });
  const weights = Object.entries(headers).map(([name, header]) => weightsFrom(page.weights[name], header));
  try {
    const { encode, decode } = engineFrom(headers, await Promise.all(weights));
    shown.start({ encode, decode });
  } catch {
    shown.fail(new Error(tr("The model's weights in this page are damaged or cut off. Write or load the page again.")));
  }
}
