// The lab's tour, its trainings one after the other as its card has them: node tour.js JOB.json prints of each step with an action the
// readings before and after it, whether what the card says of them holds, and more that its sentences can be held to.

import { readFileSync } from "node:fs";
import { kernels, load } from "./load.js";

const VIEWS = ["layout.js", "plane.js", "curves.js", "pipeline.js", "tour.js"];
const { training, tourSteps, readingOf, AT_FIRST, TOUR_STEPS } = load(
  ["engine.js", "random.js", "places.js", "training.js", ...VIEWS],
  ["training", "tourSteps", "readingOf", "AT_FIRST", "TOUR_STEPS"],
);
const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
const [data, labels] = [{ pixels: job.pixels, train: bytes(job.train), heldOut: bytes(job.heldOut) }, bytes(job.labels)];
const { latent } = job.settings;
const run = training(kernels(), data, job.settings);
let eps = new Float32Array(latent);

const shareWithin = (mu, radius) => {
  const count = mu.length / latent;
  return Array.from({ length: count }, (_, i) => Math.hypot(...mu.subarray(i * latent, (i + 1) * latent))).filter((size) => size < radius).length / count;
};

/** By how much the first reconstructions differ, pixel by pixel. */
const variety = (pictures) => {
  const count = pictures.length / job.pixels;
  const deviations = Array.from({ length: job.pixels }, (_, p) => {
    const values = Array.from({ length: count }, (_, i) => pictures[i * job.pixels + p]);
    const mean = values.reduce((sum, value) => sum + value, 0) / count;
    return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
  });
  return Math.sqrt(deviations.reduce((sum, value) => sum + value, 0) / job.pixels);
};

const read = () => {
  const frame = run.frame({ evaluated: true, looked: { index: 0, eps }, tiled: false });
  const more = { inFirst: shareWithin(frame.mu, 1), inThird: shareWithin(frame.mu, 3), variety: variety(frame.reconstructions) };
  const { picture, logVar } = frame.look;
  return { ...readingOf(frame, { heldOut: frame.heldOut, trained: frame.train }, labels), ...more, picture: Array.from(picture), lookedLogVar: Array.from(logVar) };
};

const found = tourSteps().map(({ title, action, live, holds }) => {
  const before = read();
  if (action?.press === "eps") eps = Float32Array.from({ length: latent }, () => 1);
  if (action?.settings) {
    run.set({ ...AT_FIRST, ...action.settings });
    for (let i = 0; i < TOUR_STEPS; i++) run.step();
  }
  const after = live ? before : read();
  return { title, before, after, held: Boolean(holds?.(before, before)), holds: Boolean(holds?.(after, before)) };
});
process.stdout.write(JSON.stringify(found));
