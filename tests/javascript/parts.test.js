import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.js";

const { apart, plane, imageCanvas, normals, Element } = load(["parts.js"], ["apart", "plane", "imageCanvas", "normals"]);
const PLANE = { reach: [3, 6], names: ["z₁", "z₂"], palette: ["red", "blue", "green"], classes: ["cat", "dog", "owl"], axes: [0, 1] };
const points = Int8Array.of(127, 127, -127, 0, 0, -127); // the codes (3, 6), (-3, 0) and (0, -6)
const none = new Uint8Array(0);
const ofClass = (svg, name) => svg.find((element) => element.attributes.class === name);
const [LEFT, MIDDLE, RIGHT] = [26, 160, 294]; // of the frame, in a picture of 320 × 320: -6, 0 and 6 on both axes
const HALF = (MIDDLE - LEFT) / 2;

test("codes stand where their numbers say, one cloud and numeral a label", () => {
  const { svg } = plane({ ...PLANE, points, labels: Uint8Array.of(1, 0, 1) }, null);
  const [zero, one] = ofClass(svg, "dots").map((path) => path.attributes);
  assert.deepEqual([zero.style, zero.d], ["--class: red", `M${MIDDLE - HALF}.0 ${MIDDLE}.0h0`]);
  const two = `M${MIDDLE + HALF}.0 ${LEFT}.0h0M${MIDDLE}.0 ${RIGHT}.0h0`;
  assert.deepEqual([one.style, one.d], ["--class: blue", two]);
  assert.deepEqual(ofClass(svg, "numeral").map((text) => text.textContent), ["cat", "dog"]);
});

test("without labels all codes are one cloud without a numeral, and without codes there is none", () => {
  const { svg } = plane({ ...PLANE, points, labels: none }, null);
  assert.deepEqual(ofClass(svg, "dots").map((path) => path.attributes.style), ["--class: currentColor"]);
  assert.equal(ofClass(svg, "numeral").length, 0);
  assert.equal(ofClass(plane({ ...PLANE, points: new Int8Array(0), labels: none }, null).svg, "dots").length, 0);
});

test("the point and the spread of q are shown to scale", () => {
  const { svg, show } = plane({ ...PLANE, points, labels: none }, null);
  show([3, 6], [1.5, 3]);
  const [[point], [spread]] = [ofClass(svg, "point"), ofClass(svg, "spread")];
  assert.deepEqual([point.attributes.cx, point.attributes.cy].map(Number), [MIDDLE + HALF, LEFT]);
  assert.deepEqual([spread.attributes.rx, spread.attributes.ry].map(Number), [HALF / 2, HALF]);
  show([0, 0]);
  assert.deepEqual([point.attributes.cx, point.attributes.cy].map(Number), [MIDDLE, MIDDLE]);
  assert.equal(spread.attributes.visibility, "hidden");
});

test("the prior is round: circles of 1, 2 and 3 of its spreads", () => {
  const { svg } = plane({ ...PLANE, points, labels: none }, null);
  const radii = ofClass(svg, "prior").map((circle) => Number(circle.attributes.r));
  assert.deepEqual(radii.map((radius) => Math.round(radius)), [1, 2, 3].map((r) => Math.round((r * HALF) / 3)));
});

test("numerals are moved apart, and those that are apart stay", () => {
  const places = apart([{ x: 0, y: 0 }, { x: 0, y: 0 }, { x: 3, y: 0 }, { x: 100, y: 0 }]);
  places.forEach((a, i) => places.slice(0, i).forEach((b) => assert.ok(Math.hypot(a.x - b.x, a.y - b.y) >= 18)));
  assert.deepEqual({ ...places[3] }, { x: 100, y: 0 });
});

test("the pointer names the nearest real image", () => {
  const { svg } = plane({ ...PLANE, points, labels: Uint8Array.of(1, 0, 2) }, null);
  const [text] = ofClass(svg, "tick nearest");
  svg.fire("pointermove", { clientX: 2 * MIDDLE, clientY: 2 * RIGHT }); // on screen the picture is twice as large
  assert.equal(text.textContent, "nearest real image: owl");
  svg.fire("pointerleave");
  assert.equal(text.textContent, "");
});

test("a narrow q is magnified, a wide one is not", () => {
  const { svg, show } = plane({ ...PLANE, points, labels: none }, null);
  const [glass] = ofClass(svg, "lens");
  show([0, 0], [0.1, 0.1], [[0.1, 0]]);
  assert.equal(glass.attributes.visibility, "visible");
  show([0, 0], [2, 2], []);
  assert.equal(glass.attributes.visibility, "hidden");
});

test("mouse and keys move the point, and never beyond the frame", () => {
  const moves = [];
  const { svg, show } = plane({ ...PLANE, points, labels: none }, (at) => moves.push(Array.from(at)));
  svg.fire("pointermove", { clientX: 0, clientY: 0 });
  assert.equal(moves.length, 0);
  svg.fire("pointerdown", { clientX: 2 * RIGHT, clientY: 2 * MIDDLE }); // on screen the picture is twice as large
  svg.fire("pointermove", { clientX: 2 * MIDDLE, clientY: 0 });
  assert.deepEqual(moves, [[3, 0], [0, 6]]);
  show([1, 1]);
  svg.fire("keydown", { key: "ArrowLeft" });
  svg.fire("keydown", { key: "ArrowUp", shiftKey: true });
  svg.fire("keydown", { key: "Tab" });
  svg.fire("keydown", { key: "Home" });
  assert.deepEqual(moves.slice(2), [[0.9, 1], [0.9, 1.5], [0, 0]]);
});

test("an image is painted row by row, grey or in its colours, and kept unrounded", () => {
  const grey = imageCanvas([1, 2, 1], "grey");
  grey.draw([0.5, 2]);
  assert.deepEqual(grey.canvas.painted, [128, 128, 128, 255, 255, 255, 255, 255]);
  assert.deepEqual(grey.canvas.pixels, [0.5, 2]);
  const colour = imageCanvas([2, 1, 3], "colour");
  colour.draw([1, 0, 0.2, -1, 0.4, 1]);
  assert.deepEqual(colour.canvas.painted, [255, 0, 51, 255, 0, 102, 255, 255]);
  assert.deepEqual([colour.canvas.attributes.width, colour.canvas.attributes.height], ["1", "2"]);
  assert.equal(colour.canvas.variables["--aspect"], "0.5");
  assert.ok(grey.canvas instanceof Element);
});

test("normals have mean 0 and variance 1", () => {
  const draws = normals(20_000);
  const mean = draws.reduce((sum, value) => sum + value, 0) / draws.length;
  const variance = draws.reduce((sum, value) => sum + (value - mean) ** 2, 0) / draws.length;
  assert.ok(Math.abs(mean) < 0.05, `${mean}`); // seven standard errors
  assert.ok(Math.abs(variance - 1) < 0.07, `${variance}`);
});
