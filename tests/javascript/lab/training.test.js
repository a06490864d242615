import assert from "node:assert/strict";
import test from "node:test";
import { kernelBytes, kernels, load } from "./load.js";

const { training, uniforms, fillNormal, shuffled, layersOf, fillInitial, objectiveAt, ringOf, activeAxes } = load(
  ["engine.js", "random.js", "places.js", "points.js", "training.js"],
  ["training", "uniforms", "fillNormal", "shuffled", "layersOf", "fillInitial", "objectiveAt", "ringOf", "activeAxes"],
);

const plain = {
  ...{ seed: 3, hidden: [16], latent: 2, batch_size: 8, likelihood: "bernoulli", sigma: 0.1, beta: 1, noise: true, kl: true },
  ...{ learning_rate: 1e-2, warm_up: 0, freeze_encoder: false, freeze_decoder: false },
};
const next = uniforms(1, 0);
// Two kinds of bars on 6 x 6 pixels.
const bars = Uint8Array.from({ length: 40 * 36 }, (_, i) => {
  const [image, row, column] = [Math.floor(i / 36), Math.floor((i % 36) / 6), i % 6];
  return (image % 2 ? row : column) === (image >> 1) % 6 ? 255 - Math.floor(40 * next()) : 0;
});
const data = { pixels: 36, train: bars.subarray(0, 32 * 36), heldOut: bars.subarray(32 * 36) };
const start = (changed = {}) => training(kernels(), data, { ...plain, ...changed });
const looked = { index: 1, eps: Float32Array.of(0.5, -1) };
const frameOf = (run, asked = {}) => run.frame({ evaluated: true, looked, tiled: false, ...asked });
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

test("draws from a seed are repeatable, their own in each stream, and normal", () => {
  const draw = (seed, stream) => fillNormal(uniforms(seed, stream), new Float32Array(20001));
  const draws = draw(5, 1);
  assert.deepEqual(draws, draw(5, 1));
  assert.notDeepEqual(draws, draw(5, 2));
  assert.notDeepEqual(draws, draw(6, 1));
  assert.ok(Math.abs(mean(draws)) < 0.03);
  assert.ok(Math.abs(mean(draws.map((v) => v * v)) - 1) < 0.04);
  assert.ok(Math.abs(mean(draws.map((v) => v ** 4)) - 3) < 0.3);
  const distinct = new Set(draws);
  assert.ok(distinct.size > 19990);
});

test("an order holds each number once, and is another each time", () => {
  const uniform = uniforms(0, 1);
  const [first, second] = [shuffled(uniform, 500), shuffled(uniform, 500)];
  assert.deepEqual(Array.from(first).sort((a, b) => a - b), Array.from({ length: 500 }, (_, i) => i));
  assert.notDeepEqual(first, second);
});

test("kernels start with variance 1 / inputs within two deviations, biases at 0", () => {
  const layers = layersOf({ pixels: 100, hidden: [80], latent: 2 });
  const weights = new Float32Array(layers.at(-1).end).fill(7);
  fillInitial(layers, uniforms(0, 0), weights);
  const [{ start, bias, end }] = layers;
  const kernel = weights.slice(start, bias);
  assert.ok(Math.abs(mean(kernel.map((w) => w * w)) - 1 / 100) < 0.0005);
  assert.ok(kernel.every((w) => Math.abs(w) < (2 / 0.8796) * 0.1 + 1e-6));
  assert.ok(weights.subarray(bias, end).every((b) => b === 0));
});

test("the KL's weight grows over the warm-up, and is 0 where the KL is off", () => {
  const beta = (steps, changed) => objectiveAt({ ...plain, beta: 4, warm_up: 100, ...changed }, steps).beta;
  assert.deepEqual([0, 25, 100, 1000].map((steps) => beta(steps, {})), [0, 1, 4, 4]);
  assert.equal(beta(0, { warm_up: 0 }), 4);
  assert.equal(beta(50, { kl: false }), 0);
});

test("training raises the held-out ELBO, and the same seed gives the same weights", () => {
  const [run, again, other] = [start(), start(), start({ seed: 4 })];
  const elbo = (terms) => terms.recon - terms.kl;
  const before = elbo(run.evaluate());
  for (let i = 0; i < 150; i++) for (const training of [run, again, other]) training.step();
  assert.ok(elbo(run.evaluate()) > before + 5, `${before} to ${elbo(run.evaluate())}`);
  assert.deepEqual(run.net.weights, again.net.weights);
  assert.notDeepEqual(run.net.weights, other.net.weights);
});

test("an epoch visits each training image once, in an order of its own", () => {
  const run = start();
  const image = (x, i) => Array.from(x.subarray(36 * i, 36 * (i + 1)), (v) => Math.round(v)).join();
  const epoch = () =>
    Array.from({ length: 4 }).flatMap(() => {
      run.step();
      const x = run.net.x.map((v) => 255 * v);
      return Array.from({ length: plain.batch_size }, (_, i) => image(x, i));
    });
  const there = Array.from({ length: 32 }, (_, i) => image(data.train, i));
  const [first, second] = [epoch(), epoch()];
  assert.equal(new Set(there).size, 32);
  for (const order of [first, second]) assert.deepEqual([...order].sort(), [...there].sort());
  assert.notDeepEqual(first, there);
  assert.notDeepEqual(first, second);
});

test("what is seen does not change what is trained", () => {
  const [seen, unseen] = [start(), start()];
  for (let i = 0; i < 5; i++) {
    seen.step();
    unseen.step();
    frameOf(seen, { tiled: true });
  }
  assert.deepEqual(seen.net.weights, unseen.net.weights);
});

test("a frame holds the codes, pictures and terms of the present weights", () => {
  const run = start();
  for (let i = 0; i < 3; i++) run.step();
  const frame = frameOf(run);
  assert.deepEqual([frame.steps, frame.images, frame.mu.length, frame.tiles], [3, 24, 16, null]);
  const { look } = frame;
  assert.deepEqual(look.mu, frame.mu.slice(2, 4));
  look.z.forEach((z, j) => assert.ok(Math.abs(z - (look.mu[j] + Math.exp(look.logVar[j] / 2) * looked.eps[j])) < 1e-6));
  assert.deepEqual(look.picture, run.decode(look.z));
  const logPx = look.x.reduce((sum, x, i) => sum + x * Math.log(look.picture[i]) + (1 - x) * Math.log1p(-look.picture[i]), 0);
  assert.ok(Math.abs(logPx - look.recon) < 1e-3);
  const kl = look.mu.reduce((sum, mu, j) => sum + (mu ** 2 + Math.exp(look.logVar[j]) - 1 - look.logVar[j]) / 2, 0);
  assert.ok(Math.abs(kl - look.kl) < 1e-5);
  assert.equal(frameOf(run).train, null);
});

test("tiles are decoded on the plane of the two most active dimensions, 0 in the others, at once after a reset", () => {
  for (const latent of [2, 5]) {
    const run = start({ latent });
    const frame = frameOf(run, { tiled: true, looked: { index: 0, eps: new Float32Array(latent) } });
    assert.deepEqual(frame.axes, activeAxes(frame.mu, latent).axes);
    assert.equal(frame.tiles.length, 15 * 15 * 36);
    const corner = new Float32Array(latent);
    [corner[frame.axes[0]], corner[frame.axes[1]]] = [(-14 / 15) * frame.reach, (14 / 15) * frame.reach];
    assert.deepEqual(frame.tiles.slice(0, 36), run.decode(corner));
    [corner[frame.axes[0]], corner[frame.axes[1]]] = [(14 / 15) * frame.reach, (-14 / 15) * frame.reach];
    const last = run.decode(corner);
    frame.tiles.slice(-36).forEach((value, i) => assert.ok(Math.abs(value - last[i]) < 1e-6));
  }
});

test("a drawing takes the place of a held-out image", () => {
  const run = start();
  const pixels = new Uint8Array(36).fill(51);
  assert.ok(frameOf(run, { looked: { ...looked, pixels } }).look.x.every((x) => Math.abs(x - 0.2) < 1e-6));
});

test("new draws are others, and stay until the next ones are asked for", () => {
  const run = start();
  const first = frameOf(run).priorCodes;
  assert.deepEqual(frameOf(run).priorCodes, first);
  run.redraw();
  assert.notDeepEqual(frameOf(run).priorCodes, first);
});

test("a training that breaks names the term and goes back to the last good weights", () => {
  const run = start();
  for (let i = 0; i < 4; i++) run.step();
  frameOf(run);
  const good = run.net.weights.slice();
  run.set({ learning_rate: 1e30 });
  for (let i = 0; i < 9 && !run.fault(); i++) run.step();
  assert.match(run.fault(), /^The (KL|reconstruction term) became (NaN|-?Infinity) at step \d+\.$/);
  assert.equal(frameOf(run).fault, run.fault());
  run.goBack();
  assert.equal(run.fault(), "");
  assert.equal(run.steps(), 4);
  assert.deepEqual(run.net.weights, good);
  run.set({ learning_rate: 1e-3 });
  run.step();
  assert.equal(run.fault(), "");
});

test("weights that are loaded are those that are seen", () => {
  const [run, other] = [start(), start({ seed: 9 })];
  run.step();
  run.load(other.net.weights.slice());
  assert.deepEqual(frameOf(run).mu, frameOf(other).mu);
  run.step();
  other.step();
  assert.deepEqual(run.net.updates, other.net.updates);
});

test("the ring is Doersch's, x = z/10 + z/|z|", () => {
  const { pixels, labels } = ringOf(uniforms(0, 0), 5000);
  const points = Array.from({ length: 5000 }, (_, i) => [pixels[2 * i], pixels[2 * i + 1]].map((byte) => 3 * (byte / 255 - 0.5)));
  const radii = points.map(([a, b]) => Math.hypot(a, b));
  const deviation = Math.sqrt(mean(radii.map((r) => (r - mean(radii)) ** 2)));
  // |z| has mean sqrt(pi / 2) and variance 2 - pi / 2.
  assert.ok(Math.abs(mean(radii) - 1 - Math.sqrt(Math.PI / 2) / 10) < 0.005);
  assert.ok(Math.abs(deviation - Math.sqrt(2 - Math.PI / 2) / 10) < 0.005);
  for (const axis of [0, 1]) assert.ok(Math.abs(mean(points.map((point) => point[axis]))) < 0.05);
  points.forEach(([a, b], i) => {
    const tenth = (5 * Math.atan2(b, a)) / Math.PI + 5;
    assert.ok(Math.abs(tenth - labels[i] - 0.5) < 0.52 || Math.abs(tenth - labels[i] - 0.5) > 9.4);
  });
  assert.deepEqual(new Set(labels).size, 10);
});

test("drawings come about once a batch, beside all images", () => {
  const run = start();
  const drawing = new Uint8Array(36).fill(100);
  run.include([drawing, drawing.map((v) => v + 50)]);
  const met = [100, 150].map(() => 0);
  const [batches, drawn] = [200, Math.fround(100 / 255)];
  for (let i = 0; i < batches; i++) {
    run.step();
    for (let row = 0; row < 8; row++) {
      const x = run.net.x.subarray(36 * row, 36 * (row + 1));
      if (x.every((v) => v === drawn)) met[0]++;
      else if (x.every((v) => v === Math.fround(150 / 255))) met[1]++;
    }
  }
  for (const count of met) assert.ok(count > 0.7 * batches && count < 1.3 * batches, `${met}`);
  run.include([]);
  run.step();
  assert.ok(run.net.x[0] !== drawn);
});

test("training images that come later are trained on as if they had been there", () => {
  const [before, later] = [start(), training(kernels(), { ...data, train: new Uint8Array(0) }, plain)];
  assert.deepEqual(frameOf(later).mu, frameOf(before).mu);
  later.learn(data.train);
  for (let i = 0; i < 6; i++) assert.deepEqual(later.step(), before.step());
  assert.deepEqual(later.net.weights, before.net.weights);
});

// A worker's side of its own, and what is sent to it and comes from it.
function worker() {
  const frames = [];
  const port = { postMessage: (message) => frames.push(message), onmessage: null };
  globalThis.self = port;
  load(["engine.js", "random.js", "places.js", "points.js", "training.js", "worker.js"], ["serve"]);
  const send = (name, details = {}) => port.onmessage({ data: { do: name, ...details } });
  return { frames, send };
}

async function until(holds) {
  while (!holds()) await new Promise((done) => setTimeout(done, 5));
}

test("what is pressed while the kernels are compiled is done when they are", async () => {
  const { frames, send } = worker();
  send("start", { data: { ...data, train: new Uint8Array(0) }, settings: plain, words: {}, kernels: kernelBytes });
  send("set", { settings: { beta: 4 } });
  send("learn", { train: data.train });
  send("step");
  send("reset", { settings: {} });
  send("play");
  await until(() => (send("drawn"), frames.at(-1)?.steps > 3));
  assert.ok(frames.at(-1).playing);
  assert.ok(frames.some((frame) => frame.steps === 1) && frames.some((frame) => frame.beta === 4));
  send("pause");
});

test("a page that waits for its training images takes no step before they are there, then the one that it owes", async () => {
  const { frames, send } = worker();
  send("start", { data: { ...data, train: new Uint8Array(0) }, settings: plain, words: {}, kernels: kernelBytes });
  await until(() => frames.length);
  send("step");
  send("play");
  await until(() => frames.length > 2);
  send("pause");
  send("step");
  assert.deepEqual(frames.map((frame) => frame.steps), frames.map(() => 0));
  send("learn", { train: data.train });
  assert.equal(frames.at(-1).steps, 1);
  send("play");
  await until(() => (send("drawn"), frames.at(-1).steps > 3));
  send("pause");
});

test("a control that is changed at rest changes what is seen", async () => {
  const { frames, send } = worker();
  send("start", { data, settings: { ...plain, kl: false }, words: {}, kernels: kernelBytes });
  await until(() => frames.length);
  send("look", { looked: { index: 0, eps: Float32Array.of(1, -1) } });
  const change = (settings) => {
    const before = frames.at(-1);
    send("set", { settings });
    assert.notEqual(frames.at(-1), before, Object.keys(settings).join());
    return [before, frames.at(-1)];
  };
  const [off, on] = change({ kl: true });
  const [, four] = change({ beta: 4 });
  assert.deepEqual([off, on, four].map(({ beta }) => beta), [0, 1, 4]);
  assert.notDeepEqual(four.look.gradient.mu, on.look.gradient.mu);
  const [, silent] = change({ noise: false });
  assert.notDeepEqual(four.look.z, four.look.mu);
  assert.deepEqual(silent.look.z, silent.look.mu);
  const [, gaussian] = change({ likelihood: "gaussian" });
  const [, wide] = change({ sigma: 1 });
  assert.equal(new Set([silent, gaussian, wide].map(({ heldOut }) => heldOut.recon)).size, 3);
  assert.equal(change({ warm_up: 100 })[1].beta, 0);
});

test("a control that is changed while it trains waits for the next frame", async () => {
  const { frames, send } = worker();
  send("start", { data, settings: plain, words: {}, kernels: kernelBytes });
  await until(() => frames.length);
  send("play");
  const before = frames.length;
  send("set", { settings: { beta: 4 } });
  assert.equal(frames.length, before);
  send("pause");
});

test("a training with an end stops at its step, and without one goes on", async () => {
  const { frames, send } = worker();
  send("start", { data, settings: plain, words: {}, kernels: kernelBytes });
  await until(() => frames.length);
  send("play", { until: 7 });
  await until(() => !frames.at(-1).playing);
  assert.equal(frames.at(-1).steps, 7);
  assert.ok(frames.at(-1).heldOut);
  send("play");
  await until(() => (send("drawn"), frames.at(-1).steps > 9));
  send("pause");
});
