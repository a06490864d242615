// The widgets' files, joined as the package joins them, run beside a page of which only what they use is there.

import { readFileSync } from "node:fs";
import vm from "node:vm";

const folder = new URL("../../vaelib/explorer/static/", import.meta.url);
const SHARED = ["words.js", "notebook.js"].map((file) => `../../widgets/static/${file}`);

class Element {
  constructor(name) {
    Object.assign(this, { name, attributes: {}, children: [], listeners: {}, hidden: false, textContent: "", variables: {} });
    this.style = { setProperty: (key, value) => (this.variables[key] = value) };
    this.classList = { add: (name) => (this.attributes.class = name) };
  }
  setAttribute(key, value) {
    this.attributes[key] = value;
    if (["value", "min", "max"].includes(key)) this[key] = value;
  }
  append(...children) {
    this.children.push(...children);
    for (const child of children) if (typeof child === "string") this.textContent += child;
  }
  addEventListener(event, listener) {
    (this.listeners[event] ??= []).push(listener);
  }
  fire(event, details = {}) {
    const silent = { preventDefault() {}, stopPropagation() {} };
    for (const listener of this.listeners[event] ?? []) listener({ ...silent, ...details });
  }
  getContext() {
    return {
      createImageData: (width, height) => ({ data: new Uint8ClampedArray(4 * width * height) }),
      putImageData: (image) => (this.painted = Array.from(image.data)),
    };
  }
  getBoundingClientRect() {
    return { left: 0, top: 0, width: 640, height: 640 };
  }
  setPointerCapture() {
    this.captured = true;
  }
  hasPointerCapture() {
    return this.captured;
  }
  focus() {}
  find(test) {
    const below = this.children.filter((child) => child instanceof Element).flatMap((child) => child.find(test));
    return test(this) ? [this, ...below] : below;
  }
}

// The names asked for, out of the files joined; `frames` collects what waits for the next picture on screen.
export function load(files, names) {
  const text = [...SHARED, ...files].map((file) => readFileSync(new URL(file, folder), "utf8")).join("\n");
  const frames = [];
  const page = {
    document: { createElement: (name) => new Element(name), createElementNS: (_, name) => new Element(name) },
    matchMedia: () => ({ matches: false }),
    requestAnimationFrame: (callback) => frames.push(callback),
    crypto: { getRandomValues: (numbers) => crypto.getRandomValues(numbers) },
    ...{ queueMicrotask, setTimeout: (...all) => setTimeout(...all), clearTimeout: (...all) => clearTimeout(...all) },
    ...{ Error, Float32Array, Uint8Array, Uint8ClampedArray, Int8Array, Uint16Array, Uint32Array, Promise, Array, Map },
    ...{ atob, Blob, Response, DecompressionStream },
  };
  const found = vm.runInNewContext(`${text}\n({ ${names.join(", ")} })`, page);
  return { ...found, frames, Element };
}
