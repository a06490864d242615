import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.js";

const { codeOf, settingsFrom, fragmentOf } = load(["controls.js"], ["codeOf", "settingsFrom", "fragmentOf"]);
const { activeAxes, reachOf } = load(["places.js"], ["activeAxes", "reachOf"]);
const { partedOf, nearestOf } = load(["plane.js"], ["partedOf", "nearestOf"]);
const { spreadsOf } = load(["plane.js"], ["spreadsOf"]);
const { listed } = load(["plane.js", "pipeline.js"], ["listed"]);
const { visible, contrast, partsOf } = load(["colours.js"], ["visible", "contrast", "partsOf"]);
const { record, ticks } = load(["curves.js"], ["record", "ticks"]);
const { barsOf } = load(["curves.js"], ["barsOf"]);
const { written } = load([], ["written"]);
const { faultOf } = load(["training.js"], ["faultOf"]);
const { fillNormal, uniforms } = load(["random.js"], ["fillNormal", "uniforms"]);

const plain = {
  ...{ data: "images", seed: 0, hidden: [128], latent: 2, batch_size: 64, likelihood: "bernoulli", sigma: 0.1, beta: 1, noise: true, kl: true },
  ...{ learning_rate: 1e-3, warm_up: 0, freeze_encoder: false, freeze_decoder: false },
};

test("settings as a line of code", () => {
  assert.equal(codeOf(plain, plain), "vaelib.lab()");
  assert.equal(codeOf(plain, plain, ["images", "labels"]), "vaelib.lab(images, labels)");
  const changed = { ...plain, beta: 4, noise: false, likelihood: "gaussian", hidden: [64, 32] };
  const line = codeOf(changed, plain);
  for (const part of ["beta=4", "noise=False", 'likelihood="gaussian"', "hidden=(64, 32,)"]) assert.ok(line.includes(part), line);
});

test("settings as a link, there and back", () => {
  const changed = { ...plain, beta: 0.25, kl: false, likelihood: "gaussian", sigma: 0.3, latent: 5, seed: 12, warm_up: 500 };
  assert.deepEqual(settingsFrom(fragmentOf(changed, plain), plain), changed);
  assert.equal(fragmentOf(plain, plain), "#");
});

const ring = { ...plain, data: "ring", likelihood: "gaussian", sigma: 0.05 };

test("a line of code names what differs from the settings that Python starts from, with the ring's for the ring", () => {
  assert.equal(codeOf(ring, plain), 'vaelib.lab(data="ring")');
  assert.equal(codeOf({ ...ring, sigma: 0.1 }, plain), 'vaelib.lab(data="ring", sigma=0.1)');
  assert.equal(codeOf({ ...ring, likelihood: "bernoulli" }, plain), 'vaelib.lab(data="ring", likelihood="bernoulli")');
});

test("a link names what differs from the page that it leads to", () => {
  const page = { ...plain, beta: 4, hidden: [64] };
  assert.equal(fragmentOf(page, page), "#");
  assert.equal(fragmentOf({ ...page, beta: 1 }, page), "#beta=1");
});

test("no run is lost by a link, whatever data the page and the run have", () => {
  const pages = [plain, { ...plain, beta: 4, sigma: 0.3 }, ring, { ...ring, sigma: 0.2 }];
  const changes = [{}, { beta: 1 }, { sigma: 0.1 }, { sigma: 0.05 }, { likelihood: "bernoulli" }, { likelihood: "gaussian" }];
  for (const page of pages) {
    for (const data of ["images", "ring"]) {
      for (const change of changes) {
        const run = { ...page, data, ...change };
        assert.deepEqual(settingsFrom(fragmentOf(run, page), page), run, fragmentOf(run, page));
      }
    }
  }
});

test("a link to the ring has a likelihood for points, unless it names another", () => {
  assert.deepEqual(settingsFrom("#data=ring", plain), ring);
  assert.deepEqual(settingsFrom("#sigma=0.2&data=ring", plain), { ...ring, sigma: 0.2 });
});

test("what a link should not hold is left out", () => {
  const bad = "#beta=-1&sigma=0&latent=2.5&likelihood=poisson&noise=maybe&hidden=3&constructor=1&learning_rate=Infinity&seed=x";
  assert.deepEqual(settingsFrom(bad, plain), plain);
});

test("of many dimensions the two that vary most", () => {
  const mu = Float32Array.from({ length: 4 * 50 }, (_, n) => [0, 3, 0.1, 1][n % 4] * (n % 8 < 4 ? 1 : -1));
  assert.deepEqual(activeAxes(mu, 4).axes, [1, 3]);
  assert.ok(Math.abs(activeAxes(mu, 4).variance[1] - 9) < 1e-4);
});

test("the plane reaches as far as the codes, and no less than 4", () => {
  const spread = (size) => Float32Array.from({ length: 200 }, (_, n) => (n % 2 ? size : -size / 2));
  assert.deepEqual([0.1, 4.5, 20, 100].map((size) => reachOf(spread(size), [0, 1], 2)), [4, 6, 24, 128]);
});

test("a record keeps the newest point, and not too many", () => {
  const history = record();
  for (let step = 0; step < 5000; step++) history.add("elbo", step, -step);
  const points = history.lines().elbo;
  assert.ok(points.length <= 1200 && points.length > 500);
  assert.deepEqual(points.at(-1), [4999, -4999]);
  assert.ok(points[0][0] < 20, "the beginning stays");
  history.cut(100);
  assert.ok(history.lines().elbo.every(([step]) => step <= 100));
});

test("of two values of one step a record keeps the second, as where a control is moved at rest", () => {
  const history = record();
  for (const [step, value] of [[0, 1], [5, 2], [5, 3]]) history.add("elbo", step, value);
  assert.deepEqual(history.lines().elbo, [[0, 1], [5, 3]]);
});

test("bars of terms have one scale; costs lie to the right of 0, a log density above 0 to its left", () => {
  assert.deepEqual(barsOf([{ recon: -150, kl: 50 }, { recon: -90, kl: 10 }]), {
    zero: 0,
    bars: [{ recon: [0, 75], kl: [75, 100] }, { recon: [0, 45], kl: [45, 50] }],
  });
  assert.deepEqual(barsOf([{ recon: 60, kl: 20 }, { recon: -10, kl: 30 }]), {
    zero: 60,
    bars: [{ recon: [0, 60], kl: [60, 80] }, { recon: [60, 70], kl: [70, 100] }],
  });
});

test("ticks are round and lie between the bounds", () => {
  assert.deepEqual(ticks(-213, -141), [-200, -180, -160]);
  assert.deepEqual(ticks(0, 8), [0, 2, 4, 6, 8]);
});

test("a number has the true minus where readers see it, and 0 has none", () => {
  const texts = [-183.34.toFixed(1), -160, (-1.5e-5).toExponential(1), -Infinity, 4, (-1e-9).toFixed(2)];
  assert.deepEqual(texts.map(written), ["−183.3", "−160", "−1.5e−5", "−Infinity", "4", "0.00"]);
  assert.deepEqual(["-0.5", "mnist-10", "1-3"].map(written), ["−0.5", "mnist-10", "1-3"]);
});

test("a fault says its number so, too", () => {
  assert.equal(faultOf({ recon: -Infinity, kl: 1 }, 3), "The reconstruction term became −Infinity at step 3.");
});

test("every number of a list is there, each of more than two with its dimension", () => {
  assert.deepEqual(listed([0.5, -2]), ["0.50", "−2.00"]);
  const lines = listed(Float32Array.from({ length: 20 }, (_, i) => i));
  assert.deepEqual([lines.length, lines[0], lines[19]], [20, "₁ 0.00", "₂₀ 19.00"]);
});

test("how far classes have parted is the share of codes nearest to their own middle", () => {
  const mu = Float32Array.of(0, 0, 0, 2, 10, 0, 10, 2, 9, 1);
  assert.equal(partedOf(mu, Uint8Array.of(3, 3, 7, 7, 7), 2), 1);
  assert.equal(partedOf(mu, Uint8Array.of(3, 3, 7, 7, 3), 2), 0.8);
  assert.equal(nearestOf([8, 1], mu), 4);
});

test("the aggregate's spread is that of draws from all q(z|x)", () => {
  const [count, latent] = [20000, 3];
  const mu = Float32Array.from({ length: count * latent }, (_, n) => [0, 2, 0.5][n % 3] * (n % 2 ? 1 : -1) + 0.3);
  const logVar = Float32Array.from({ length: count * latent }, (_, n) => 2 * Math.log([1, 0.1, 0.5][n % 3] * (n % 4 < 2 ? 1 : 2)));
  const eps = fillNormal(uniforms(0, 0), new Float32Array(count * latent));
  const z = (j) => Array.from({ length: count }, (_, i) => mu[i * latent + j] + Math.exp(logVar[i * latent + j] / 2) * eps[i * latent + j]);
  const deviation = (values) => {
    const mean = values.reduce((a, b) => a + b, 0) / count;
    return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count);
  };
  const { variance } = activeAxes(mu, latent);
  spreadsOf({ logVar, variance }, [0, 1, 2]).forEach((spread, j) => assert.ok(Math.abs(spread / deviation(z(j)) - 1) < 0.02, `${j}: ${spread}`));
});

// What pages are made of: text and paper of Chromium and of the site, light and dark, and of JupyterLab's themes.
const papers = [
  ...[["rgb(0, 0, 0)", "rgb(255, 255, 255)"], ["rgb(255, 255, 255)", "rgb(18, 18, 18)"]],
  ...[["rgb(29, 35, 48)", "rgb(252, 252, 250)"], ["rgb(232, 234, 239)", "rgb(20, 24, 31)"]],
  ...[["rgba(0, 0, 0, 0.87)", "rgb(255, 255, 255)"], ["rgba(255, 255, 255, 0.87)", "rgb(17, 17, 17)"]],
];

test("a ratio of luminances is WCAG's", () => {
  const ratio = (a, b) => contrast(partsOf(a), partsOf(b));
  assert.ok(Math.abs(ratio("#000000", "#ffffff") - 21) < 1e-9);
  assert.ok(Math.abs(ratio("#767676", "#ffffff") - 4.54) < 5e-3);
  assert.ok(Math.abs(ratio("#ff0000", "rgb(255 255 255)") - 4) < 5e-3);
  assert.deepEqual(partsOf("color(srgb 1 0.5 0 / 0.5)"), [255, 127.5, 0, 0.5]);
});

test("classes, quantities and guides stand out 3 : 1 from every paper, light and dark", () => {
  const { colors } = JSON.parse(process.env.VAELIB_COLORS ?? "null") ?? { colors: ["#ffa90e", "#92dadd", "#832db6", "#717581", "#e6007a"] };
  for (const [text, paper] of papers) {
    for (const color of colors) {
      const found = visible(color, { text, paper });
      assert.ok(contrast(partsOf(found), partsOf(paper)) >= 3, `${color} on ${paper} became ${found}`);
    }
  }
});

test("what stands out already stays as it is", () => {
  assert.equal(visible("#832db6", { text: "rgb(0, 0, 0)", paper: "rgb(255, 255, 255)" }), "rgb(131, 45, 182)");
  assert.equal(visible("hotpink", { text: "rgb(0, 0, 0)", paper: "rgb(255, 255, 255)" }), "hotpink");
});
