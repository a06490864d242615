// The picture of a live figure in a notebook. It keeps the pictures it was sent, so that a slider that comes back to a place
// shows it at once; while the sliders rest it asks for the places around them.

const REST = 100; // milliseconds without a move
const MOST_BYTES = 16e6; // of pictures that are kept
const MOST_PIXELS = 16e6; // of those that are kept decoded, ready to be drawn; 4 bytes each

/**
 * The places of a slider, where they can be counted: which one a value is, and what stands for one in a message.
 * @param {WidgetState} slider
 */
function placesOf(slider) {
  const [kind, min, step] = ["_model_name", "min", "step"].map((name) => slider.get(name));
  if (kind === "SelectionSliderModel") {
    return { count: slider.get("_options_labels").length, at: (/** @type {number} */ index) => index, value: (/** @type {number} */ i) => i };
  }
  if (!["FloatSliderModel", "IntSliderModel"].includes(kind) || !step) return null;
  return {
    count: Math.floor((slider.get("max") - min) / step + 1e-6) + 1,
    at: (/** @type {number} */ value) => Math.round((value - min) / step),
    value: (/** @type {number} */ i) => Number((min + i * step).toPrecision(12)),
  };
}

/** @param {WidgetState} slider */
const standsFor = (slider) => slider.get("index") ?? slider.get("value");

/**
 * The pictures by the sliders' places; the oldest go when there are too many. One that is null can not be drawn.
 * @param {WidgetState[]} sliders
 */
function keptPictures(sliders) {
  const places = sliders.map(placesOf);
  /** @type {Map<string, Blob | null>} */
  const kept = new Map();
  let bytes = 0;
  const key = (/** @type {any[]} */ at) => at.map((value, i) => places[i]?.at(value) ?? String(value)).join(" ");
  return {
    get: (/** @type {any[]} */ at) => kept.get(key(at)),
    same: (/** @type {any[]} */ at, /** @type {any[]} */ other) => key(at) === key(other),
    set: (/** @type {any[]} */ at, /** @type {Blob | null} */ png) => {
      bytes += (png?.size ?? 0) - (kept.get(key(at))?.size ?? 0);
      kept.set(key(at), png);
      for (const [old, content] of kept) {
        if (bytes < MOST_BYTES) break;
        bytes -= content?.size ?? 0;
        kept.delete(old);
      }
    },
    /** The nearest places of one slider that have no picture yet, those of the slider `first` before others as near. */
    missing: (/** @type {any[]} */ at, /** @type {number} */ first) => {
      const farthest = Math.max(0, ...places.map((one) => one?.count ?? 0));
      const order = sliders.map((_, i) => i).sort((a, b) => Number(b === first) - Number(a === first));
      for (let far = 1; far < farthest && bytes < MOST_BYTES / 2; far++) {
        for (const i of order) {
          for (const step of [far, -far]) {
            const one = places[i];
            const place = one ? one.at(at[i]) + step : -1;
            if (!one || place < 0 || place >= one.count) continue;
            const there = at.map((value, axis) => (axis === i ? one.value(place) : value));
            if (!kept.has(key(there))) return there;
          }
        }
      }
      return null;
    },
  };
}

/**
 * Pictures that are decoded, ready to be drawn at once. Where they are too many those go first that were decoded ahead and
 * never shown, then those that were shown longest ago.
 */
function decodedPictures() {
  /** @type {Map<Blob, ImageBitmap>[]} */
  const [ahead, shown] = [new Map(), new Map()];
  let [pixels, sinceMove] = [0, 0];
  const size = (/** @type {ImageBitmap} */ { width, height }) => width * height;
  const take = (/** @type {Blob} */ png) => {
    const picture = shown.get(png) ?? ahead.get(png);
    if (picture) pixels -= size(picture);
    for (const pictures of [ahead, shown]) pictures.delete(png);
    return picture;
  };
  const put = (/** @type {Map<Blob, ImageBitmap>} */ pictures, /** @type {Blob} */ png, /** @type {ImageBitmap} */ picture) => {
    pictures.set(png, picture);
    pixels += size(picture);
    for (const old of [...ahead.keys(), ...shown.keys()]) {
      if (pixels <= MOST_PIXELS) break;
      if (old !== png) take(old)?.close();
    }
    return picture;
  };
  return {
    /** The picture, if it is decoded; it counts as shown. */
    ready: (/** @type {Blob} */ png) => {
      const picture = take(png);
      return picture && put(shown, png, picture);
    },
    decode: async (/** @type {Blob} */ png) => {
      const picture = await createImageBitmap(png);
      take(png)?.close(); // another call was as quick
      put(shown, png, picture);
    },
    /** Decodes a picture that may be wanted. The nearest come first, so after a while there are enough. */
    prepare: async (/** @type {Blob} */ png) => {
      if (sinceMove < MOST_PIXELS / 2) sinceMove += size(put(ahead, png, await createImageBitmap(png)));
    },
    moved: () => (sinceMove = 0),
    drop: (/** @type {Blob} */ png) => take(png)?.close(),
  };
}

/**
 * Places of the sliders, in words.
 * @param {WidgetState[]} sliders
 * @param {any[]} at
 */
function wordsOf(sliders, at = sliders.map(standsFor)) {
  const said = (/** @type {any} */ value) => (typeof value === "number" ? written(Number(value.toPrecision(6))) : value);
  const place = (/** @type {WidgetState} */ slider, /** @type {number} */ i) => slider.get("_options_labels")?.[at[i]] ?? said(at[i] ?? slider.get("value"));
  return sliders.map((slider, i) => `${slider.get("description")} ${place(slider, i)}`).join(", ");
}

/**
 * Takes a slider to a part of its range, or some steps on.
 * @param {WidgetState} slider
 * @param {(now: { min: number, max: number, step: number, value: number }) => number} to
 */
function moveSlider(slider, to) {
  const [min, max, value] = ["min", "max", "value"].map((name) => slider.get(name));
  const step = slider.get("step") || (max - min) / 1000;
  const wanted = min + Math.round((to({ min, max, step, value }) - min) / step) * step;
  slider.set("value", Number(Math.min(max, Math.max(min, wanted)).toPrecision(12)));
  slider.save_changes();
}

/**
 * @param {PictureHandle} handle
 * @param {WidgetState[]} sliders
 * @param {HTMLElement} canvas
 */
function widgetHandle({ x, y }, sliders, canvas) {
  const ends = [x, y];
  /** Calls for each direction in which the handle moves. */
  const each = (/** @type {(slider: WidgetState, along: HandleAlong, direction: number) => void} */ move) =>
    ends.forEach((along, direction) => along.slider !== null && move(sliders[along.slider], along, direction));
  const made = handleOver(canvas, tr("handle that arrow keys move"), {
    to: (to) => each((slider, along, d) => moveSlider(slider, ({ min, max }) => min + partOf(along, to[d]) * (max - min))),
    by: (steps) => each((slider, _, d) => steps[d] && moveSlider(slider, ({ value, step }) => value + steps[d] * step)),
  });
  const show = () => {
    const part = (/** @type {WidgetState} */ s) => (s.get("value") - s.get("min")) / (s.get("max") - s.get("min"));
    const at = ends.map((along) => shareOf(along, along.slider === null ? 0 : part(sliders[along.slider])));
    const moved = ends.flatMap(({ slider }) => (slider === null ? [] : [sliders[slider]]));
    made.show(at, wordsOf(moved));
  };
  return { handle: made.handle, show };
}

/** @param {{ model: WidgetState, el: HTMLElement }} widget */
async function render({ model, el }) {
  speak(model.get("words"));
  const sliders = await modelsOf(model, model.get("sliders"));
  const canvas = document.createElement("canvas");
  canvas.setAttribute("role", "img");
  canvas.style.width = `${model.get("width")}px`;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const handles = model.get("handles").map((/** @type {PictureHandle} */ handle) => widgetHandle(handle, sliders, canvas));
  const alert = document.createElement("p");
  alert.setAttribute("role", "alert");
  alert.className = "alert";
  alert.hidden = true;
  const stage = document.createElement("div");
  stage.className = "vaelib-figure";
  stage.append(canvas, ...handles.map((/** @type {{ handle: HTMLElement }} */ { handle }) => handle));
  const said = document.createElement("output");
  el.append(stage, said, alert);

  /** @type {WeakMap<Blob, string>} what is written in a picture */
  const texts = new WeakMap();
  const [pictures, decoded] = [keptPictures(sliders), decodedPictures()];
  const now = () => sliders.map(standsFor);
  let [turn, drawn, moved] = [0, 0, 0];
  let [waiting, resting, seen] = [false, false, true];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let rest;

  /** Draws the picture of these places, if none that was begun later is there before it. */
  const draw = async (/** @type {Blob} */ png, /** @type {any[]} */ at) => {
    const mine = ++turn;
    if (!decoded.ready(png)) await decoded.decode(png);
    const picture = decoded.ready(png);
    if (mine < drawn || !picture) return;
    drawn = mine;
    if (canvas.width !== picture.width || canvas.height !== picture.height) Object.assign(canvas, { width: picture.width, height: picture.height });
    context.drawImage(picture, 0, 0);
    said.textContent = texts.get(png) ?? "";
    canvas.setAttribute("aria-label", tr("{alt} Now {places}.", { alt: model.get("alt"), places: wordsOf(sliders, at) }));
  };
  const ask = () => {
    resting = true;
    const ahead = waiting || !seen || document.hidden ? null : pictures.missing(now(), moved);
    if (!ahead) return;
    waiting = true;
    model.send({ ahead });
  };
  const soon = () => {
    resting = false;
    clearTimeout(rest);
    rest = setTimeout(ask, REST);
  };
  const onSlider = (/** @type {State} */ slider) => {
    moved = sliders.findIndex((one) => one === slider);
    decoded.moved();
    for (const { show } of handles) show();
    const known = pictures.get(now());
    if (known) draw(known, now());
    soon();
  };
  const blob = (/** @type {DataView<ArrayBuffer>} */ data, /** @type {string} */ text) => {
    const png = new Blob([data], { type: "image/png" });
    texts.set(png, text);
    return png;
  };
  /** @type {DataView<ArrayBuffer> | undefined} */
  let last;
  const onValue = () => {
    const value = model.get("value");
    if (value === last) return; // it is called for each of the two that changed
    last = value;
    const [png, at] = [blob(value, model.get("said")), model.get("at")];
    const before = pictures.get(at);
    if (before) decoded.drop(before);
    pictures.set(at, png);
    if (!pictures.get(now()) || pictures.same(now(), at)) draw(png, at);
    else decoded.decode(png);
    soon();
  };
  const onMessage = (/** @type {{ at: any[], said?: string }} */ { at, said: text = "" }, /** @type {DataView<ArrayBuffer>[]} */ [png]) => {
    waiting = false;
    const picture = png ? blob(png, text) : null;
    pictures.set(at, picture);
    if (picture) decoded.prepare(picture);
    if (resting) ask();
  };
  const watcher = new IntersectionObserver(([{ isIntersecting }]) => {
    seen = isIntersecting;
    soon();
  });
  watcher.observe(el);
  for (const slider of sliders) slider.on("change:value change:index", onSlider);
  model.on("change:value change:at", onValue);
  model.on("msg:custom", onMessage);
  sliders.forEach((slider) => nameHandles(slider));
  const hearNoMore = whenKernelIsLost(sliders, (words) => {
    alert.textContent = words;
    alert.hidden = false;
  });
  for (const { show } of handles) show();
  onValue();
  return () => {
    hearNoMore();
    clearTimeout(rest);
    watcher.disconnect();
    for (const slider of sliders) slider.off("change:value change:index", onSlider);
    model.off("change:value change:at", onValue);
    model.off("msg:custom", onMessage);
  };
}

export default { render };
