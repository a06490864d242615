import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { load } from "./load.js";

const { halves, network, continuousMean, engineFrom, engineOf, asker, newest } = load(
  ["engine.js"],
  ["halves", "network", "continuousMean", "engineFrom", "engineOf", "asker", "newest"],
);
const bytesOf = (text) => new Uint8Array(Buffer.from(text, "base64"));
const numbers = JSON.parse(readFileSync(process.env.VAELIB_NUMBERS, "utf8"));

function assertClose(actual, expected, tolerance) {
  assert.equal(actual.length, expected.length);
  expected.forEach((value, i) => assert.ok(Math.abs(actual[i] - value) <= tolerance, `${i}: ${actual[i]} for ${value}`));
}

test("half precision is NumPy's, in every bit", () => {
  const { words, values } = numbers.halves;
  assert.deepEqual(Array.from(halves(Uint16Array.from(words))), values);
  const [infinite, negative, nan, zero] = halves(Uint16Array.of(0x7c00, 0xfc00, 0x7e00, 0x8000));
  assert.deepEqual([infinite, negative, nan, zero], [Infinity, -Infinity, NaN, -0]);
});

for (const { name, header, weights, input, output } of numbers.networks) {
  test(`the network is JAX's: ${name}`, () => assertClose(network(header, bytesOf(weights))(input), output, 1e-5));
}

test("the mean of the continuous Bernoulli is JAX's, far from 0 and near it", () => {
  const { logits, means } = numbers.continuousBernoulli;
  assertClose(logits.map(continuousMean), means, 2e-6);
});

test("a network that is run twice does not remember", () => {
  const { header, weights, input, output } = numbers.networks[0];
  const run = network(header, bytesOf(weights));
  const first = run(input);
  run(input.map((value) => value + 1));
  assertClose(first, output, 1e-5);
});

test("weights may lie anywhere in their buffer", () => {
  const { header, weights, input, output } = numbers.networks[0];
  const bytes = bytesOf(weights);
  const larger = new Uint8Array(bytes.length + 3);
  larger.set(bytes, 3);
  assertClose(network(header, larger.subarray(3))(input), output, 1e-5);
});

test("an encoder's log-variance becomes a standard deviation", () => {
  const header = { sizes: [1, 4], activation: "relu", output: "linear", half: false };
  const weights = new Float32Array([0, 0, 0, 0, 1, 2, 0, Math.log(9)]);
  const { encode } = engineFrom({ encode: header }, [weights]);
  assertClose(Array.from(encode([5])), [1, 2, 1, 3], 1e-6);
});

// A widget's model whose kernel answers as told, or not at all.
function kernel(answer) {
  let hear;
  return {
    asked: [],
    on: (_, listener) => (hear = listener),
    send(question) {
      this.asked.push(question);
      const [content, buffers] = answer(question) ?? [];
      if (content) queueMicrotask(() => hear({ id: question.id, ...content }, buffers));
    },
  };
}

test("what the page cannot run is asked of the kernel", async () => {
  const floats = new Float32Array([0.25, 0.5]);
  const model = kernel(({ ask }) => (ask === "layers" ? [{ layers: {} }, []] : [{}, [new DataView(floats.buffer)]]));
  const engine = await engineOf(model, assert.fail);
  assert.equal(engine.needsKernel, true);
  assert.deepEqual(Array.from(await engine.decode([1, 2])), [0.25, 0.5]);
  assert.deepEqual(Array.from(model.asked[1].input), [1, 2]);
});

test("an error of the kernel is an error here, and an answer to nobody is none", async () => {
  const model = kernel(() => [{ error: "ValueError: the code z must be 2 finite numbers" }]);
  await assert.rejects(asker(model, assert.fail)("decode"), /the code z must be 2 finite numbers/);
  let hear;
  asker({ on: (_, listener) => (hear = listener), send() {} }, assert.fail);
  hear({ id: "unknown" }, []);
});

test("silence is said after ten seconds, and a late answer still counts", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const said = [];
  let hear;
  let id;
  const model = { on: (_, listener) => (hear = listener), send: (question) => (id = question.id) };
  const answer = asker(model, (error) => said.push(error.message))("layers");
  t.mock.timers.tick(9_999);
  assert.equal(said.length, 0);
  t.mock.timers.tick(1);
  assert.match(said[0], /The kernel does not answer/);
  hear({ id, layers: 3 }, []);
  assert.equal((await answer).layers, 3);
});

test("of the inputs that come while one is decoded, the last alone is decoded", async () => {
  const [started, drawn, waiting] = [[], [], []];
  const decode = (z) => {
    started.push(z);
    return new Promise((resolve) => waiting.push(resolve));
  };
  const run = newest(decode, (z, x) => drawn.push([z, x]), assert.fail);
  [1, 2, 3].forEach(run);
  assert.deepEqual(started, [1]);
  waiting.shift()("one");
  await new Promise(setImmediate);
  assert.deepEqual(started, [1, 3]);
  waiting.shift()("three");
  await new Promise(setImmediate);
  assert.deepEqual(drawn, [[1, "one"], [3, "three"]]);
});

test("an error in decoding is handed over, at once or later", async () => {
  const failed = [];
  newest(() => { throw new Error("now"); }, assert.fail, (error) => failed.push(error.message))(1);
  newest(() => Promise.reject(new Error("later")), assert.fail, (error) => failed.push(error.message))(1);
  await new Promise(setImmediate);
  assert.deepEqual(failed, ["now", "later"]);
});
