// A training on given weights, batches and noise, for comparison: node run.js JOB.json prints one image's way through the model
// and back, the terms of each step, the first gradients and the last weights.

import { readFileSync } from "node:fs";
import { kernels, load } from "./load.js";

const { training } = load(["engine.js", "random.js", "places.js", "training.js"], ["training"]);
const floats = (text) => {
  const bytes = Buffer.from(text, "base64");
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
};
const text = (numbers) => Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength).toString("base64");

const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
const images = new Uint8Array(Buffer.from(job.images, "base64"));
const data = { pixels: job.pixels, train: images, heldOut: images };
const run = training(kernels(), data, job.settings);
run.load(floats(job.weights));

const { batch_size: batch, latent } = job.settings;
const noise = floats(job.noise);
const { gradient, picture } = run.look({ index: job.looked, eps: noise.subarray(0, latent) });
const look = { ...Object.fromEntries(["logits", "z", "mu", "logVar"].map((name) => [name, text(gradient[name])])), picture: text(picture) };
let gradients = "";
const steps = job.rows.map((rows, step) => {
  const terms = run.step(rows, noise.subarray(step * batch * latent, (step + 1) * batch * latent));
  gradients ||= text(run.net.gradients);
  return terms;
});
process.stdout.write(JSON.stringify({ look, norms: gradient.norms, steps, gradients, weights: text(run.net.weights), fault: run.fault() }));
