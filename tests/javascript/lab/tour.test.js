import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import test from "node:test";
import { load } from "./load.js";

const VIEWS = ["layout.js", "plane.js", "curves.js", "pipeline.js", "controls.js", "tour.js"];
const { tourSteps, movedOn, sideOf, readingOf, readings, AT_FIRST, controls } = load(VIEWS, [
  ...["tourSteps", "movedOn", "sideOf", "readingOf", "readings", "AT_FIRST", "controls"],
]);

test("the tour ends at its ends", () => {
  assert.deepEqual([movedOn(0, -1, 10), movedOn(0, 1, 10), movedOn(8, 1, 10), movedOn(9, 1, 10)], [0, 1, 9, 9]);
});

test("the card stands beside what it speaks of, and below it where there is no room", () => {
  assert.equal(sideOf({ left: 250, right: 710 }, 1400), "right");
  assert.equal(sideOf({ left: 820, right: 1385 }, 1400), "left");
  assert.equal(sideOf({ left: 240, right: 700 }, 980), "foot");
  assert.equal(sideOf({ left: 10, right: 380 }, 390), "foot");
});

test("each step says what it is about, and asks before it does", () => {
  for (const { title, text, ask, action, holds, saw, live } of tourSteps()) {
    assert.ok(title && text);
    if (action) assert.ok(action.label && holds && saw && (ask || live), title);
  }
});

test("what a step sets is a place of the lab's control, and what it shows has a name", () => {
  const places = Object.fromEntries(controls().map((control) => [control.name, control]));
  for (const step of tourSteps()) {
    for (const [name, value] of Object.entries({ ...AT_FIRST, ...step.action?.settings })) {
      const { values, options, restarts } = places[name];
      assert.ok(!restarts && (values ?? Object.keys(options ?? { true: 0, false: 0 })).includes(values ? value : String(value)), `${name} = ${value}`);
    }
    for (const name of step.shows ?? []) assert.ok(readings()[name], name);
  }
});

test("the notebooks that it leads to are there", () => {
  const names = tourSteps().flatMap(({ more }) => Object.keys(more ?? {}));
  assert.equal(names.length, 3);
  for (const name of names) assert.ok(existsSync(new URL(`../../../notebooks/${name}.ipynb`, import.meta.url)), name);
});

test("a reading is of the two dimensions that are shown", () => {
  const look = { index: -1, mu: Float32Array.of(9, -1, 2), z: Float32Array.of(9, -1.5, 2) };
  const frame = { mu: Float32Array.of(9, -1, 2), logVar: Float32Array.of(-6, 0, 2 * Math.log(3)), axes: [1, 2], variance: [9, 1, 3], look };
  const found = readingOf(frame, { heldOut: { recon: -170, kl: 6 }, trained: null }, new Uint8Array(0));
  assert.deepEqual({ ...found }, { variance: 2, sigma: 1, parted: 1, recon: -170, kl: 6, trained: NaN, mu: "(−1.00, 2.00)", z: "(−1.50, 2.00)", drawn: true });
});
