// The lab in a notebook: the kernel hands out the images when asked, and gets the weights.
/* global WORKER */

/** @param {{ model: LabState, el: HTMLElement }} widget */
function render({ model, el }) {
  speak(model.get("words"));
  /** @type {ReturnType<typeof openLab> | undefined} */
  let lab;
  const bytes = (/** @type {DataView} */ view) => new Uint8Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
  const onWeights = (/** @type {Float32Array} */ weights, /** @type {number} */ steps, /** @type {LabSettings} */ settings) =>
    model.send({ weights: steps, settings }, undefined, [weights.buffer]);
  const hear = (/** @type {any} */ content, /** @type {DataView[]} */ buffers) => {
    const parts = buffers.map(bytes);
    if (content.open && !lab) {
      const [kernels, train, heldOut, labels, weights] = parts;
      const data = { pixels: content.open.pixels, train, heldOut };
      lab = openLab({ ...content.open, kernels, labels, data, worker: WORKER, onWeights }, el);
      if (weights.length) lab.load(new Float32Array(weights.buffer), content.open.settings);
    } else if (content.load) lab?.load(new Float32Array(parts[0].buffer), content.load);
  };
  model.on("msg:custom", hear);
  model.send({ ask: "open" });
  return () => {
    model.off("msg:custom", hear);
    lab?.stop();
  };
}

export default { render };
