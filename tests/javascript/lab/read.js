// A training as the lab's page does it, and what it shows after some of its steps: node read.js JOB.json prints the readings, and where
// the training broke, if it did.

import { readFileSync } from "node:fs";
import { kernels, load } from "./load.js";

const { training } = load(["engine.js", "random.js", "places.js", "training.js"], ["training"]);
const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
const data = { pixels: job.pixels, train: bytes(job.train), heldOut: bytes(job.heldOut) };

const reading = (run, latent) => {
  const { recon, kl } = run.evaluate();
  const { mu, logVar } = run.codes();
  const width = Math.sqrt(mu.reduce((sum, value) => sum + value * value, 0) / mu.length);
  const sigma = Math.exp(logVar.slice().sort()[logVar.length >> 1] / 2);
  const count = mu.length / latent;
  const middle = Array.from({ length: latent }, (_, j) => mu.reduce((sum, value, i) => sum + (i % latent === j ? value : 0), 0) / count);
  return { recon, kl, elbo: recon - kl, width, off: Math.hypot(...middle), sigma };
};

const run = training(kernels(), data, job.settings);
const readings = {};
for (const steps of job.steps) {
  while (run.steps() < steps && !run.fault()) run.step();
  if (run.fault()) break;
  readings[steps] = reading(run, job.settings.latent);
}
process.stdout.write(JSON.stringify({ readings, fault: run.fault() }));
