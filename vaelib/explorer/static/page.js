// The explorer of a page without a kernel, from what `save_page` wrote; the sliders are the browser's own.

/**
 * Bytes that were deflated and written in base 64.
 * @param {string} text
 */
async function inflate(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * Numbers whose first bytes come first, then their second ones ...
 * @param {Uint8Array} planes
 * @param {number} size bytes of a number
 */
function interleave(planes, size) {
  const count = planes.length / size;
  return planes.map((_, at) => planes[(at % size) * count + Math.floor(at / size)]);
}

/**
 * A range input that speaks like the model of a slider widget.
 * @param {string} name
 * @param {number} reach
 */
function rangeSlider(name, reach) {
  const input = element("input", { type: "range", min: -reach, max: reach, step: "any", value: 0, "aria-label": name });
  const output = element("output", {}, ["0.00"]);
  const line = element("div", { class: "slider" }, [element("span", { "aria-hidden": "true" }, [name]), input, output]);
  const model = pageState({ value: 0 });
  input.addEventListener("input", () => model.set("value", Number(input.value), { updated_view: input }));
  model.on("change:value", (_, value) => {
    input.min = String(Math.min(Number(input.min), value));
    input.max = String(Math.max(Number(input.max), value));
    input.value = String(value);
    output.textContent = written(value.toFixed(2));
  });
  return { line, model };
}

/**
 * Named values that tell when they change, as a widget's model does.
 * @param {Record<string, any>} values
 */
function pageState(values) {
  /** @type {Record<string, ((...details: any[]) => void)[]>} */
  const listeners = {};
  const state = {
    get: (/** @type {string} */ name) => values[name],
    set: (/** @type {string} */ name, /** @type {any} */ value, options = {}) => {
      values[name] = value;
      for (const listener of listeners[`change:${name}`] ?? []) listener(state, value, options);
    },
    on: (/** @type {string} */ event, /** @type {(...details: any[]) => void} */ listener) => {
      (listeners[event] ??= []).push(listener);
    },
    off: (/** @type {string} */ event, /** @type {(...details: any[]) => void} */ listener) => {
      listeners[event] = (listeners[event] ?? []).filter((known) => known !== listener);
    },
    save: () => {},
    save_changes: () => {},
  };
  return state;
}

/**
 * What takes the sliders to a code along a straight line, and says what it is.
 * @param {State} state
 * @param {State[]} models of the sliders
 * @param {(glide: Glide) => void} glide
 */
function mover(state, models, glide) {
  /**
   * @param {number[]} z
   * @param {string} caption
   * @param {Uint8Array} original
   */
  return (z, caption, original = new Uint8Array(0), seconds = 0.3) => {
    state.set("original", original);
    glide({ to: z, seconds });
    models.forEach((model, dim) => model.set("value", z[dim]));
    state.set("caption", caption);
  };
}

/**
 * @param {Page} page
 * @param {Uint8Array} digits
 * @param {State} state
 * @param {ReturnType<typeof mover>} move
 */
function buttons(page, digits, state, move) {
  const count = page.codes.length;
  const real = (/** @type {(title: string) => string} */ says, /** @type {number} */ seconds) => () => {
    const index = Math.floor(Math.random() * count);
    const size = digits.length / count;
    if (page.choices.length) state.set("asked", page.asked[index]);
    move(page.codes[index], says(page.titles[index]), digits.subarray(index * size, (index + 1) * size), seconds);
  };
  // A prior of the model's own comes as a table of its draws.
  const draw = () => page.draws?.[Math.floor(Math.random() * page.draws.length)] ?? Array.from(normals(page.names.length));
  /** @type {[string, boolean, () => void][]} */
  const actions = [
    [tr("Draw from the prior"), true, () => move(draw(), tr("A draw from the prior, z ~ {prior}.", { prior: page.prior }))],
    [tr("Encode a real digit"), count > 0, real((image) => tr("{image}: z is the mean of q(z|x).", { image }), 0.3)],
    [tr("Interpolate to another"), count > 0, real((image) => tr("On a straight line to {image}.", { image }), 2)],
    [tr("Reset"), true, () => move(page.names.map(() => 0), page.origin)],
  ];
  return actions.map(([name, enabled, action]) => {
    const button = element("button", { type: "button" }, [name]);
    button.disabled = !enabled;
    button.addEventListener("click", action);
    return button;
  });
}

const SHOWN = 10;

/**
 * A network's weights, of which the page holds a text.
 * @param {string} text
 * @param {Header} header
 */
async function weightsFrom(text, header) {
  return interleave(await inflate(text), header.half ? 2 : 4);
}

/**
 * @param {Page} page
 * @param {HTMLElement} el
 * @param {ArrayBufferView | Promise<ArrayBufferView>} weights
 */
async function openPage(page, el, weights = weightsFrom(page.weights, page.header)) {
  const loading = Promise.resolve(weights);
  loading.catch(() => {}); // what goes wrong is said below, once there is a place for it
  const { points = "", labels = "", ...place } = page.plane;
  const plane = place.reach ? { ...place, points: await inflate(points), labels: await inflate(labels) } : {};
  const words = { caption: "", message: "", choices: page.choices, asked: 0 };
  const state = pageState({ image_shape: page.image_shape, plane, original: new Uint8Array(0), ...words });
  const sliders = page.names.map((name, dim) => rangeSlider(name, page.reach[dim]));
  const models = sliders.map((slider) => slider.model);
  const stage = element("div");
  const shown = picture({ state, sliders: models, el: stage });
  const lines = page.order.map((dim) => sliders[dim].line);
  const column = element("div", { class: "sliders" }, lines.slice(0, SHOWN));
  const rest = lines.slice(SHOWN);
  if (rest.length) {
    const summary = element("summary", {}, [tr("{count} more dimensions of z, less active", { count: rest.length })]);
    column.append(element("details", {}, [summary, ...rest]));
  }
  const digits = await inflate(page.digits);
  const move = mover(state, models, shown.glide);
  const bar = element("div", { class: "bar" }, buttons(page, digits, state, move));
  const combine = (/** @type {number[]} */ picked) => {
    const [a, b, c] = picked.map((index) => page.titles[index].replace(/^I/, "i"));
    move(combined(picked.map((index) => page.codes[index])), tr("z = a − b + c: {a}, minus {b}, plus {c}.", { a, b, c }));
  };
  if (page.codes.length) column.append(arithmetic(() => ({ ...page, digits }), combine, shown.fail));
  el.classList.add("vaelib");
  el.append(bar, element("div", { class: "columns" }, [stage, column]));
  try {
    const { decode } = engineFrom({ decode: page.header }, [await loading]);
    shown.start({ decode });
  } catch {
    shown.fail(new Error(tr("The decoder's weights in this page are damaged or cut off. Write or load the page again.")));
  }
}

/** A page inside another takes its colours: the outer page says "light" or "dark". */
function followColours() {
  addEventListener("message", ({ source, data }) => {
    const known = source === parent && ["light", "dark"].includes(data?.theme);
    if (known) document.documentElement.style.colorScheme = data.theme;
  });
}

/** A page inside another says how high it is. */
function tellHeight() {
  const tell = () => parent.postMessage({ height: document.documentElement.offsetHeight }, "*");
  new ResizeObserver(tell).observe(document.documentElement);
}
