// The explorer of a page without a kernel. PAGE is what `save_page` wrote; the sliders are the browser's own.

const LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

// Base 85: five letters for four bytes, the last ones padded as if they were full.
function bytesOf(text) {
  const values = new Map(Array.from(LETTERS, (letter, value) => [letter, value]));
  const words = new DataView(new ArrayBuffer(4 * Math.ceil(text.length / 5)));
  for (let at = 0; at < text.length; at += 5) {
    let word = 0;
    for (let i = 0; i < 5; i++) word = 85 * word + (values.get(text[at + i]) ?? 84);
    words.setUint32((at / 5) * 4, word);
  }
  return new Uint8Array(words.buffer, 0, Math.floor((text.length * 4) / 5));
}

async function inflate(text) {
  const bytes = bytesOf(text);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Numbers whose first bytes come first, then their second ones ...
function interleave(planes, size) {
  const count = planes.length / size;
  const bytes = new Uint8Array(planes.length);
  for (let byte = 0; byte < size; byte++) {
    for (let i = 0; i < count; i++) bytes[i * size + byte] = planes[byte * count + i];
  }
  return bytes;
}

// A range input that speaks like the model of a slider widget.
function rangeSlider(name, reach) {
  const input = element("input", { type: "range", min: -reach, max: reach, step: "any", value: 0, "aria-label": name });
  const output = element("output", {}, ["0.00"]);
  const line = element("div", { class: "slider" }, [element("span", { "aria-hidden": "true" }, [name]), input, output]);
  const listeners = new Set();
  const tell = (options) => {
    output.textContent = Number(input.value).toFixed(2);
    listeners.forEach((listener) => listener(null, Number(input.value), options));
  };
  input.addEventListener("input", () => tell({ updated_view: input }));
  const model = {
    get: () => Number(input.value),
    set: (_, value) => {
      input.value = value;
      tell();
    },
    on: (event, listener) => event === "change:value" && listeners.add(listener),
    save_changes: () => {},
  };
  return { line, model };
}

// Named values that tell when they change, as a widget's model does.
function pageState(values) {
  const listeners = {};
  return {
    get: (name) => values[name],
    set: (name, value) => {
      values[name] = value;
      listeners[`change:${name}`]?.forEach((listener) => listener());
    },
    on: (event, listener) => (listeners[event] ??= []).push(listener),
  };
}

function buttons(state, models, digits, glide) {
  const size = state.get("side") ** 2;
  const move = (z, caption, original, seconds = 0.3) => {
    state.set("original", original);
    glide({ to: z, seconds });
    models.forEach((model, dim) => model.set("value", z[dim]));
    state.set("caption", caption);
  };
  const real = (says, seconds) => () => {
    const index = Math.floor(Math.random() * PAGE.codes.length);
    const original = digits.subarray(index * size, (index + 1) * size);
    move(PAGE.codes[index], says(PAGE.titles[index]), original, seconds);
  };
  const none = new Uint8Array(0);
  const actions = {
    "Draw from the prior": () => move(Array.from(normals(models.length)), "A draw from the prior, z ~ N(0, I).", none),
    "Encode a real digit": PAGE.codes.length && real((title) => `${title}: z is the mean of q(z|x).`),
    "Interpolate to another": PAGE.codes.length && real((title) => `On a straight line to ${title}.`, 2),
    Reset: () => move(models.map(() => 0), "z = 0, the mean of the prior.", none),
  };
  return Object.entries(actions).map(([name, action]) => {
    const button = element("button", { type: "button" }, [name]);
    button.disabled = !action;
    button.addEventListener("click", action);
    return button;
  });
}

const SHOWN = 10;

async function open(el) {
  const place = { ...PAGE.plane };
  for (const name of ["points", "labels"]) if (place[name]) place[name] = await inflate(place[name]);
  const state = pageState({ side: PAGE.side, plane: place, caption: "", message: "", original: new Uint8Array(0) });
  const sliders = PAGE.names.map((name, dim) => rangeSlider(name, PAGE.reach[dim]));
  const models = sliders.map((slider) => slider.model);
  const stage = element("div");
  const shown = picture({ state, sliders: models, el: stage });
  const lines = PAGE.order.map((dim) => sliders[dim].line);
  const column = element("div", { class: "sliders" }, lines.slice(0, SHOWN));
  const rest = lines.slice(SHOWN);
  if (rest.length) {
    const summary = element("summary", {}, [`${rest.length} more dimensions of z, less active`]);
    column.append(element("details", {}, [summary, ...rest]));
  }
  const digits = await inflate(PAGE.digits);
  const bar = element("div", { class: "bar" }, buttons(state, models, digits, shown.glide));
  el.classList.add("vaelib");
  el.append(bar, element("div", { class: "columns" }, [stage, column]));
  const weights = interleave(await inflate(PAGE.weights), PAGE.header.half ? 2 : 4);
  shown.start(engineFrom({ decode: PAGE.header }, [weights]));
}

open(document.getElementById("explorer"));
