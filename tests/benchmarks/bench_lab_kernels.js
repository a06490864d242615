// Images per second of processor time of a training step: the lab's kernels against the same loops in plain JavaScript.
//
//     node tests/benchmarks/bench_lab_kernels.js        prints JSON, in turns

import { kernels, load } from "../javascript/lab/load.js";

const PLAIN = `
function kernelsWith(_, room) {
  const heap = new Float32Array(room);
  let next = 0;
  const take = (count) => heap.subarray(next, (next += count));
  const each = (rows, columns, f) => {
    for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) f(i, j);
  };
  const affine = (x, w, b, y, rows, inputs, outputs) => {
    [x, w, b, y] = [x >> 2, w >> 2, b >> 2, y >> 2];
    for (let i = 0; i < rows; i++, x += inputs, y += outputs) {
      for (let j = 0; j < outputs; j++) heap[y + j] = heap[b + j];
      for (let k = 0; k < inputs; k++) {
        const value = heap[x + k];
        if (value !== 0) for (let j = 0, row = w + k * outputs; j < outputs; j++) heap[y + j] += value * heap[row + j];
      }
    }
  };
  const weights_gradient = (x, dy, dw, rows, inputs, outputs) => {
    [x, dy, dw] = [x >> 2, dy >> 2, dw >> 2];
    heap.fill(0, dw, dw + inputs * outputs);
    for (let k = 0; k < rows; k++, x += inputs, dy += outputs) {
      for (let i = 0; i < inputs; i++) {
        const value = heap[x + i];
        if (value !== 0) for (let j = 0, row = dw + i * outputs; j < outputs; j++) heap[row + j] += value * heap[dy + j];
      }
    }
  };
  const kernels = {
    affine,
    weights_gradient,
    affine_sparse: (x, w, b, y, _, ...sizes) => affine(x, w, b, y, ...sizes),
    weights_gradient_sparse: weights_gradient,
    bias_gradient(dy, db, rows, outputs) {
      heap.fill(0, db >> 2, (db >> 2) + outputs);
      each(rows, outputs, (k, j) => (heap[(db >> 2) + j] += heap[(dy >> 2) + k * outputs + j]));
    },
    inputs_gradient(dy, w, dx, rows, inputs, outputs) {
      [dy, w, dx] = [dy >> 2, w >> 2, dx >> 2];
      for (let i = 0; i < rows; i++, dy += outputs, dx += inputs) {
        for (let k = 0; k < inputs; k++) {
          let total = 0;
          for (let j = 0, row = w + k * outputs; j < outputs; j++) total += heap[dy + j] * heap[row + j];
          heap[dx + k] = total;
        }
      }
    },
    relu(y, count) {
      for (let n = y >> 2; n < (y >> 2) + count; n++) if (heap[n] < 0) heap[n] = 0;
    },
    relu_gradient(y, dy, count) {
      for (let n = 0; n < count; n++) if (heap[(y >> 2) + n] <= 0) heap[(dy >> 2) + n] = 0;
    },
    bernoulli(a, x, da, logPx, rows, pixels, scale) {
      [a, x, da, logPx] = [a >> 2, x >> 2, da >> 2, logPx >> 2];
      for (let i = 0; i < rows; i++, a += pixels, x += pixels, da += pixels) {
        let total = 0;
        for (let p = 0; p < pixels; p++) {
          const [logit, e] = [heap[a + p], Math.exp(-Math.abs(heap[a + p]))];
          total += heap[x + p] * logit - Math.max(logit, 0) - Math.log1p(e);
          heap[da + p] = (heap[x + p] - (logit < 0 ? e : 1) / (1 + e)) * scale;
        }
        heap[logPx + i] = total;
      }
    },
    adam(p, g, m, v, count, rate, first, second) {
      [p, g, m, v] = [p >> 2, g >> 2, m >> 2, v >> 2];
      for (let n = 0; n < count; n++) {
        heap[m + n] = 0.9 * heap[m + n] + 0.1 * heap[g + n];
        heap[v + n] = 0.999 * heap[v + n] + 0.001 * heap[g + n] ** 2;
        heap[p + n] += (rate * heap[m + n]) / first / (Math.sqrt(heap[v + n] / second) + 1e-8);
      }
    },
  };
  return { kernels, take };
}`;

const SETTINGS = {
  ...{ seed: 0, hidden: [128], latent: 2, batch_size: 64, likelihood: "bernoulli", sigma: 0.1, beta: 1, noise: true, kl: true },
  ...{ learning_rate: 1e-3, warm_up: 0, freeze_encoder: false, freeze_decoder: false },
};
const [ROUNDS, STEPS, INK] = [7, 100, 0.19]; // of a digit's pixels so many are not black
const images = Uint8Array.from({ length: 2000 * 784 }, () => (Math.random() < INK ? 1 + Math.floor(255 * Math.random()) : 0));
const data = { pixels: 784, train: images, heldOut: images.subarray(0, 784) };
const files = ["engine.js", "random.js", "places.js", "training.js"];
const variants = {
  wasm: load(files, ["training"]).training(kernels(), data, SETTINGS),
  plain: load(files, ["training"], PLAIN).training(null, data, SETTINGS),
};

const rates = { wasm: [], plain: [] };
for (let round = 0; round <= ROUNDS; round++) {
  for (const [name, run] of Object.entries(variants)) {
    const before = process.cpuUsage();
    for (let i = 0; i < STEPS; i++) run.step();
    const { user, system } = process.cpuUsage(before);
    if (round) rates[name].push((STEPS * SETTINGS.batch_size) / ((user + system) / 1e6)); // the first turn warms up
  }
}
const apart = variants.wasm.net.weights.reduce((most, w, i) => Math.max(most, Math.abs(w - variants.plain.net.weights[i])), 0);
process.stdout.write(`${JSON.stringify({ ...rates, apart })}\n`);
