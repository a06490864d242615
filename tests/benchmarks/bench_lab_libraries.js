// Images per second of processor time of the lab's training step: its own kernels against libraries for the browser.
//
//     npm install --prefix FOLDER @jax-js/jax @tensorflow/tfjs @tensorflow/tfjs-backend-wasm esbuild
//     node tests/benchmarks/bench_lab_libraries.js FOLDER        prints a line for each, and what each weighs
//
// The step is 784-128-z2-128-784, batch 64, Bernoulli, Adam, 32 bits, on the CPU: the WebAssembly of both libraries.
// They take turns of 60 steps, and their losses fall alike, from some 590 nats. ONNX Runtime Web is not here: it runs
// finished models and has no gradients.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { kernelBytes, kernels, load } from "../javascript/lab/load.js";

const folder = resolve(process.argv[2] ?? ".");
const from = createRequire(join(folder, "package.json"));
const [PIXELS, HIDDEN, LATENT, BATCH, INK, ROUNDS, STEPS, RATE] = [784, 128, 2, 64, 0.19, 7, 60, 1e-3];
const SETTINGS = {
  ...{ seed: 0, hidden: [HIDDEN], latent: LATENT, batch_size: BATCH, likelihood: "bernoulli", sigma: 0.1, beta: 1, noise: true, kl: true },
  ...{ learning_rate: RATE, warm_up: 0, freeze_encoder: false, freeze_decoder: false },
};
const SHAPES = [[PIXELS, HIDDEN], [HIDDEN, LATENT], [HIDDEN, LATENT], [LATENT, HIDDEN], [HIDDEN, PIXELS]];
const bytes = Uint8Array.from({ length: 2000 * PIXELS }, () => (Math.random() < INK ? 1 + Math.floor(255 * Math.random()) : 0));

const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
const filled = (length, draw) => Float32Array.from({ length }, draw);
const initial = () => SHAPES.flatMap(([rows, columns]) => [filled(rows * columns, () => normal() / Math.sqrt(rows)), new Float32Array(columns)]);
const batchAt = (step) => Float32Array.from(bytes.subarray((step % 31) * BATCH * PIXELS, ((step % 31) + 1) * BATCH * PIXELS), (v) => v / 255);

function ofTheLab() {
  const run = load(["engine.js", "random.js", "places.js", "training.js"], ["training"]).training(
    kernels(),
    { pixels: PIXELS, train: bytes, heldOut: bytes.subarray(0, PIXELS) },
    SETTINGS,
  );
  return async () => {
    const { recon, kl } = run.step();
    return kl - recon;
  };
}

async function ofTensorFlow() {
  const tf = from("@tensorflow/tfjs");
  const wasm = from("@tensorflow/tfjs-backend-wasm");
  wasm.setWasmPaths(join(from.resolve("@tensorflow/tfjs-backend-wasm/package.json"), "..", "dist/"));
  await tf.setBackend("wasm");
  await tf.ready();
  const variables = initial().map((values, i) => tf.variable(tf.tensor(values, i % 2 ? [values.length] : SHAPES[i / 2])));
  const [w1, b1, w2, b2, w3, b3, w4, b4, w5, b5] = variables;
  const adam = tf.train.adam(RATE);
  let steps = 0;
  return async () => {
    const [x, eps] = [tf.tensor(batchAt(steps++), [BATCH, PIXELS]), tf.tensor(filled(BATCH * LATENT, normal), [BATCH, LATENT])];
    const loss = adam.minimize(
      () => {
        const h = x.matMul(w1).add(b1).relu();
        const [mu, logVar] = [h.matMul(w2).add(b2), h.matMul(w3).add(b3)];
        const z = mu.add(logVar.div(2).exp().mul(eps));
        const logits = z.matMul(w4).add(b4).relu().matMul(w5).add(b5);
        const recon = x.mul(logits).sub(logits.relu()).sub(logits.abs().neg().exp().add(1).log()).sum().div(BATCH);
        const kl = mu.square().add(logVar.exp()).sub(1).sub(logVar).sum().div(2 * BATCH);
        return kl.sub(recon);
      },
      true,
      variables,
    );
    const value = (await loss.data())[0];
    tf.dispose([x, eps, loss]);
    return value;
  };
}

async function ofJax() {
  const jax = await import(from.resolve("@jax-js/jax").replace("index.cjs", "index.js"));
  const { numpy: np } = jax;
  await jax.init("wasm");
  jax.defaultDevice("wasm");
  const lossOf = ([w1, b1, w2, b2, w3, b3, w4, b4, w5, b5], x, eps) => {
    const h = np.maximum(np.dot(x.ref, w1).add(b1), 0);
    const [mu, logVar] = [np.dot(h.ref, w2).add(b2), np.dot(h, w3).add(b3)];
    const z = mu.ref.add(np.exp(logVar.ref.div(2)).mul(eps));
    const logits = np.dot(np.maximum(np.dot(z, w4).add(b4), 0), w5).add(b5);
    const soft = np.maximum(logits.ref, 0).add(np.log(np.exp(np.abs(logits.ref).mul(-1)).add(1)));
    const recon = x.mul(logits).sub(soft).sum().div(BATCH);
    const kl = np.square(mu).add(np.exp(logVar.ref)).sub(1).sub(logVar).sum().div(2 * BATCH);
    return kl.sub(recon);
  };
  const step = jax.jit((weights, m, v, x, eps, first, second) => {
    const [loss, gradients] = jax.valueAndGrad(lossOf)(weights.map((w) => w.ref), x, eps);
    const [newM, newV] = [
      m.map((one, i) => one.mul(0.9).add(gradients[i].ref.mul(0.1))),
      v.map((one, i) => one.mul(0.999).add(np.square(gradients[i]).mul(0.001))),
    ];
    const moved = weights.map((w, i) => w.sub(newM[i].ref.div(first.ref).mul(RATE).div(np.sqrt(newV[i].ref.div(second.ref)).add(1e-8))));
    first.dispose();
    second.dispose();
    return [moved, newM, newV, loss];
  });
  const arrays = (all) => all.map((values, i) => np.array(values).reshape(i % 2 ? [values.length] : SHAPES[i / 2]));
  const zeros = () => arrays(initial().map(({ length }) => new Float32Array(length)));
  let [weights, m, v, steps] = [arrays(initial()), zeros(), zeros(), 0];
  return async () => {
    const [x, eps] = [np.array(batchAt(steps++)).reshape([BATCH, PIXELS]), np.array(filled(BATCH * LATENT, normal)).reshape([BATCH, LATENT])];
    const [first, second] = [0.9, 0.999].map((decay) => np.array(1 - decay ** steps));
    let loss;
    [weights, m, v, loss] = step(weights, m, v, x, eps, first, second);
    return (await loss.data())[0];
  };
}

/** Bytes that a page would carry, as they are and under gzip: a bundle of what the step needs, and WebAssembly. */
async function weigh(source, extra = []) {
  const room = mkdtempSync(join(tmpdir(), "weigh-"));
  writeFileSync(join(room, "page.js"), source);
  const { outputFiles } = await from("esbuild").build({
    ...{ entryPoints: [join(room, "page.js")], bundle: true, minify: true, format: "esm", write: false, splitting: true, outdir: room },
    ...{ nodePaths: [join(folder, "node_modules")], platform: "browser", external: ["fs", "path", "crypto", "worker_threads", "perf_hooks", "os"] },
  });
  rmSync(room, { recursive: true });
  const parts = [...outputFiles.map(({ contents }) => contents), ...extra];
  return [parts.reduce((sum, part) => sum + part.length, 0), parts.reduce((sum, part) => sum + gzipSync(part).length, 0)];
}

const tfWasm = join(from.resolve("@tensorflow/tfjs-backend-wasm/package.json"), "..", "dist/tfjs-backend-wasm-simd.wasm");
const labScripts = new URL("../../vaelib/laboratory/static/", import.meta.url);
const own = ["engine.js", "random.js", "training.js"].map((name) => readFileSync(new URL(name, labScripts)));
const runs = { lab: ofTheLab(), "TensorFlow.js": await ofTensorFlow(), "jax-js": await ofJax() };
const weights = {
  lab: [kernelBytes, ...own].reduce(([plain, packed], part) => [plain + part.length, packed + gzipSync(part).length], [0, 0]),
  "TensorFlow.js": await weigh('export * from "@tensorflow/tfjs"; export * from "@tensorflow/tfjs-backend-wasm";', [readFileSync(tfWasm)]),
  "jax-js": await weigh('export * from "@jax-js/jax";'),
};

const [rates, losses] = [{}, {}];
for (let round = 0; round <= ROUNDS; round++) {
  for (const [name, step] of Object.entries(runs)) {
    const before = process.cpuUsage();
    for (let i = 0; i < STEPS; i++) (losses[name] ??= []).push(await step());
    const { user, system } = process.cpuUsage(before);
    if (round) (rates[name] ??= []).push((STEPS * BATCH) / ((user + system) / 1e6)); // the first turn warms up
  }
}
const middle = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
for (const [name, values] of Object.entries(rates)) {
  const ratios = values.map((value, i) => rates.lab[i] / value).sort((a, b) => a - b);
  const [plain, packed] = weights[name].map((count) => Math.round(count / 1000));
  console.log(
    `${name.padEnd(14)} ${Math.round(middle(values))} images/s of processor time; the lab / it ${middle(ratios).toFixed(1)} ` +
      `(${ratios[0].toFixed(1)} to ${ratios.at(-1).toFixed(1)}); loss ${losses[name][0].toFixed(0)} to ${losses[name].at(-1).toFixed(0)}; ${plain} kB, ${packed} kB under gzip`,
  );
}
process.exit(0); // the libraries' threads are left
