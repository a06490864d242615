import assert from "node:assert/strict";
import test from "node:test";
import { deflateRawSync } from "node:zlib";
import { load } from "./load.js";

const files = ["engine.js", "parts.js", "picture.js", "arithmetic.js", "page.js"];
const fresh = () => load(files, ["interleave", "inflate", "openPage", "pageState", "picture", "rangeSlider"]);
const packed = (...bytes) => deflateRawSync(Uint8Array.from(bytes)).toString("base64");
const settled = () => new Promise(setImmediate);

// A decoder of one pixel, the sigmoid of z1 + 2 z2: weights 1, 2 and bias 0 in half precision, byte planes apart.
const PAGE = {
  image_shape: [1, 1, 1],
  header: { sizes: [2, 1], activation: "relu", output: "sigmoid", half: true },
  weights: packed(0x00, 0x00, 0x00, 0x3c, 0x40, 0x00),
  ...{ plane: {}, names: ["z₁", "z₂"], order: [1, 0], reach: [3, 3], codes: [], titles: [], digits: packed() },
  ...{ draws: null, prior: "N(0, I)", origin: "z = 0, the mean of the prior.", choices: [], asked: [] },
};

async function opened(changes = {}) {
  const loaded = fresh();
  const el = new loaded.Element("main");
  await loaded.openPage({ ...PAGE, ...changes }, el);
  await settled();
  const named = (name) => el.find((element) => element.name === name);
  const button = (text) => named("button").find((made) => made.textContent === text);
  const [canvas, real] = named("canvas");
  return { el, named, button, canvas, real, frames: loaded.frames };
}

const sigmoid = (a) => 1 / (1 + Math.exp(-a));

test("byte planes become numbers, and base 64 becomes bytes", async () => {
  const { interleave, inflate } = fresh();
  assert.deepEqual(Array.from(interleave(Uint8Array.of(1, 2, 3, 11, 12, 13), 2)), [1, 11, 2, 12, 3, 13]);
  assert.deepEqual(Array.from(await inflate(packed(0, 255, 7))), [0, 255, 7]);
  assert.equal((await inflate(packed())).length, 0);
});

test("the state tells who listens, until they listen no more", () => {
  const state = fresh().pageState({ a: 1 });
  const heard = [];
  const listener = (_, value, options) => heard.push([value, options.by]);
  state.on("change:a", listener);
  state.set("a", 2, { by: "hand" });
  state.off("change:a", listener);
  state.set("a", 3);
  assert.deepEqual([heard, state.get("a")], [[[2, "hand"]], 3]);
});

test("a slider shows its value, and reaches to where it is set", () => {
  const { line, model } = fresh().rangeSlider("z₁", 3);
  const [, input, output] = line.children;
  input.value = "1.234";
  input.fire("input");
  assert.deepEqual([model.get("value"), output.textContent], [1.234, "1.23"]);
  model.set("value", -4.5);
  assert.deepEqual([input.value, input.min, input.max, output.textContent], ["-4.5", "-4.5", "3", "−4.50"]);
});

test("a page decodes where its sliders stand", async () => {
  const { named, canvas } = await opened();
  assert.deepEqual(Array.from(canvas.pixels), [0.5]);
  const [second, first] = named("input"); // the most active dimension first
  first.value = "1";
  first.fire("input");
  second.value = "-0.25";
  second.fire("input");
  await settled();
  assert.deepEqual(Array.from(canvas.z), [1, -0.25]);
  assert.ok(Math.abs(canvas.pixels[0] - sigmoid(0.5)) < 1e-6);
});

test("without images the page has nothing to encode, and all else works", async () => {
  const { button, canvas, frames } = await opened();
  const names = ["Draw from the prior", "Encode a real digit", "Interpolate to another", "Reset"];
  assert.deepEqual(names.map((name) => button(name).disabled), [false, true, true, false]);
  button("Draw from the prior").fire("click");
  frames.shift()(0);
  frames.shift()(300);
  await settled();
  assert.ok(canvas.z[0] !== 0 && canvas.z[1] !== 0);
});

test("a prior of the model's own is drawn from by its table", async () => {
  const table = { draws: [[5, -6], [7, -8]], prior: "p(z)", origin: "z = 0." };
  const { button, named, canvas, frames } = await opened(table);
  const caption = named("p").find((element) => element.attributes.class === "caption");
  const met = new Set();
  for (let click = 0; click < 32; click++) {
    button("Draw from the prior").fire("click");
    frames.shift()(0);
    frames.shift()(300);
    await settled();
    met.add(String(Array.from(canvas.z)));
    assert.equal(caption.textContent, "A draw from the prior, z ~ p(z).");
  }
  assert.deepEqual([...met].sort(), ["5,-6", "7,-8"]);
  button("Reset").fire("click");
  assert.equal(caption.textContent, "z = 0.");
});

for (const [what, weights] of [["cut in the middle", PAGE.weights.slice(0, 4)], ["no base 64", "???"], ["too few", packed(0)]]) {
  test(`weights that are ${what} are said on the page`, async () => {
    const { named } = await opened({ weights });
    await new Promise((resolve) => setTimeout(resolve, 50));
    const alert = named("p").find((element) => element.attributes.class === "alert");
    assert.match(alert.textContent, /damaged/);
    assert.equal(alert.hidden, false);
  });
}

test("a real image is shown beside its reconstruction, and the caption names it", async () => {
  const images = { codes: [[2, -1]], titles: ["Image 0, digit 7"], digits: packed(51) };
  const { button, canvas, real, named, frames } = await opened(images);
  button("Encode a real digit").fire("click");
  frames.shift()(1000);
  frames.shift()(1150); // half of the way
  assert.deepEqual(Array.from(canvas.z), [1, -0.5]);
  assert.deepEqual(named("input").map((input) => Number(input.value)), [-0.5, 1]); // the sliders go with it
  frames.shift()(1300);
  await settled();
  assert.deepEqual(Array.from(canvas.z), [2, -1]);
  assert.deepEqual(real.painted.slice(0, 3), [51, 51, 51]);
  const caption = named("p").find((element) => element.attributes.class === "caption");
  assert.equal(caption.textContent, "Image 0, digit 7: z is the mean of q(z|x).");
  const [, first] = named("input");
  first.value = "1.9";
  first.fire("input");
  assert.equal(caption.textContent, ""); // another code
  assert.equal(named("figure")[1].hidden, true);
  button("Encode a real digit").fire("click");
  assert.equal(named("figure")[1].hidden, false);
  button("Reset").fire("click");
  assert.equal(named("figure")[1].hidden, true);
});

test("each code comes with its own image", async () => {
  const images = { codes: [[2, -1], [1, 1]], titles: ["Image 0", "Image 1"], digits: packed(51, 102) };
  const { button, real, named } = await opened(images);
  const caption = named("p").find((element) => element.attributes.class === "caption");
  for (let click = 0; click < 16; click++) {
    button("Encode a real digit").fire("click");
    assert.equal(real.painted[0], caption.textContent.startsWith("Image 0:") ? 51 : 102);
  }
});

test("a motion takes the sliders along, and ends where the kernel puts them meanwhile", async () => {
  const { picture, pageState, Element, frames } = fresh();
  const slider = pageState({ value: 0 });
  const state = pageState({ image_shape: [1, 1, 1], plane: {}, choices: [], caption: "", original: new Uint8Array(0) });
  const el = new Element("div");
  const shown = picture({ state, sliders: [slider], el });
  shown.start({ decode: () => Float32Array.of(0.5) });
  const at = () => Array.from(el.find((element) => element.name === "canvas")[0].z);
  shown.glide({ to: [2], seconds: 1 });
  slider.set("value", 2);
  await settled();
  assert.equal(slider.get("value"), 0, "the end comes first, and is put off");
  frames.shift()(0);
  frames.shift()(500);
  assert.deepEqual([at(), slider.get("value")], [[1], 1]);
  slider.set("value", 3);
  frames.shift()(1000);
  await settled();
  assert.deepEqual([at(), slider.get("value"), frames.length], [[3], 3, 0]);
});

test("two views of one motion do not take each other for a hand or the kernel", async () => {
  const { picture, pageState, Element, frames } = fresh();
  const slider = pageState({ value: 0 });
  const empty = { image_shape: [1, 1, 1], plane: {}, choices: [], caption: "", original: new Uint8Array(0) };
  const views = [0, 1].map(() => picture({ state: pageState({ ...empty }), sliders: [slider], el: new Element("div") }));
  for (const shown of views) shown.glide({ to: [2], seconds: 1 });
  slider.set("value", 2);
  for (const now of [0, 0, 500, 500]) frames.shift()(now);
  await settled();
  assert.equal(slider.get("value"), 1);
  for (const now of [1000, 1000]) frames.shift()(now);
  assert.deepEqual([slider.get("value"), frames.length], [2, 0]);
});

test("a hand in the middle of a motion leaves the sliders where they are, and tells so", async () => {
  const { picture, pageState, Element, frames } = fresh();
  const told = [];
  const sliders = [0, 1].map((axis) => Object.assign(pageState({ value: 0 }), { save: ({ value }) => told.push([axis, value]) }));
  const empty = { image_shape: [1, 1, 1], plane: {}, choices: [], caption: "", original: new Uint8Array(0) };
  const shown = picture({ state: pageState(empty), sliders, el: new Element("div") });
  shown.glide({ to: [2, 4], seconds: 1 });
  for (const now of [0, 500]) frames.shift()(now);
  assert.deepEqual(told, []);
  sliders[0].set("value", 0.3, { updated_view: {} });
  frames.shift()(600);
  assert.deepEqual([sliders.map((slider) => slider.get("value")), frames.length], [[0.3, 2], 0]);
  assert.deepEqual(told, [[0, 0.3], [1, 2]]);
});

test("a slider's answer, rounded to its step, is no hand", async () => {
  const { picture, pageState, Element } = fresh();
  const slider = pageState({ value: 0 });
  const state = pageState({ image_shape: [1, 1, 1], plane: {}, choices: [], caption: "", original: new Uint8Array(0) });
  picture({ state, sliders: [slider], el: new Element("div") });
  state.set("caption", "A draw");
  slider.set("value", 1.2344);
  slider.set("value", 1.234, { updated_view: {} });
  assert.equal(state.get("caption"), "A draw");
  slider.set("value", 1.3, { updated_view: {} });
  assert.equal(state.get("caption"), "");
});

test("the label that is asked for stands beside z, and a real image brings its own", async () => {
  const rows = new Uint8Array(new Float32Array([0, 0, -2, 2, 0]).buffer); // of two dimensions, of two labels; the bias
  const planes = Array.from(rows, (_, at) => rows[4 * (at % 5) + Math.floor(at / 5)]);
  const header = { sizes: [4, 1], activation: "relu", output: "sigmoid", half: false };
  const labels = { choices: ["cat", "dog"], asked: [1], codes: [[0, 0]], titles: ["Image 0"], digits: packed(0) };
  const { canvas, named, button } = await opened({ header, weights: packed(...planes), ...labels });
  const asked = named("select").find((select) => select.children.length === 2);
  assert.deepEqual(asked.children.map((option) => option.textContent), ["cat", "dog"]);
  assert.ok(Math.abs(canvas.pixels[0] - sigmoid(-2)) < 1e-6);
  asked.value = "1";
  asked.fire("change");
  await settled();
  assert.ok(Math.abs(canvas.pixels[0] - sigmoid(2)) < 1e-6);
  assert.deepEqual(Array.from(canvas.z), [0, 0]);
  asked.value = "0";
  asked.fire("change");
  button("Encode a real digit").fire("click");
  assert.equal(asked.value, "1");
});

test("the reader's hand ends a motion", async () => {
  const { button, canvas, named, frames } = await opened({ codes: [[2, -1]], titles: ["Image 0"], digits: packed(0) });
  button("Interpolate to another").fire("click");
  frames.shift()(0);
  const [, first] = named("input");
  first.value = "0.5";
  first.fire("input");
  frames.shift()(100);
  await settled();
  assert.deepEqual([Array.from(canvas.z), frames.length], [[0.5, 0], 0]);
});

test("NaN is said in place of the picture", async () => {
  const { named } = await opened({ weights: packed(0x00, 0x00, 0x00, 0x7e, 0x7e, 0x7e) });
  const alert = named("p").find((element) => element.attributes.role === "alert");
  assert.match(alert.textContent, /The decoder yields NaN/);
  assert.equal(alert.hidden, false);
});

test("a picture that is taken away listens no more", () => {
  const { picture, pageState, Element } = fresh();
  const counts = {};
  const counted = (state) => ({
    ...state,
    on: (event) => (counts[event] = (counts[event] ?? 0) + 1),
    off: (event) => (counts[event] -= 1),
  });
  const state = counted(pageState({ image_shape: [1, 1, 1], plane: {}, choices: [], caption: "", original: new Uint8Array(0) }));
  picture({ state, sliders: [counted(pageState({ value: 0 }))], el: new Element("div") }).stop();
  assert.ok(Object.keys(counts).length >= 5);
  assert.ok(Object.values(counts).every((count) => count === 0));
});
