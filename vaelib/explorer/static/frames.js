// A live figure of a page without a kernel: a picture for each place of its sliders.

const READABLE = 0.65; // of its width, in a narrow page: what is written in it is 14 pixels tall and keeps 9

/** @param {string} webp in base 64 */
async function decoded(webp) {
  const image = new Image();
  image.src = `data:image/webp;base64,${webp}`;
  await image.decode();
  return image;
}

/**
 * The number of the picture for these places, the last slider's running fastest.
 * @param {number[]} at
 * @param {FramesPage["sliders"]} sliders
 */
const frameNumber = (at, sliders) => at.reduce((number, place, i) => number * sliders[i].places.length + place, 0);

/**
 * A slider over the places.
 * @param {FramesPage["sliders"][number]} slider
 * @param {(place: number) => void} onMove
 */
function placeSlider({ label, places, start }, onMove) {
  const input = element("input", { type: "range", min: 0, max: places.length - 1, step: 1, value: start, "aria-label": label });
  const output = element("output");
  const say = () => {
    output.textContent = written(places[Number(input.value)]);
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => {
    say();
    onMove(Number(input.value));
  });
  say();
  const set = (/** @type {number} */ place) => {
    input.value = String(place);
    say();
  };
  const line = element("div", { class: "slider" }, [element("span", { "aria-hidden": "true" }, [label]), input, output]);
  return { line, set };
}

/**
 * A handle over the picture, which takes its sliders to the nearest of their places.
 * @param {{ x: PlacedAlong, y: PlacedAlong }} handle
 * @param {HTMLElement} canvas
 * @param {() => number[]} now the sliders' places
 * @param {(moved: [number, number][]) => void} onMove called with the sliders that move, each with its new place
 */
function placedHandle({ x, y }, canvas, now, onMove) {
  const ends = [x, y];
  const move = (/** @type {(end: PlacedAlong, direction: number) => number} */ place) =>
    onMove(
      ends.flatMap((end, direction) => {
        if (end.slider === null) return [];
        return [[end.slider, Math.min(end.at.length - 1, Math.max(0, place(end, direction)))]];
      }),
    );
  const far = (/** @type {PlacedAlong} */ { at }, /** @type {number} */ share) => at.map((one) => Math.abs(one - share));
  const made = handleOver(canvas, tr("handle that arrow keys move"), {
    to: (to) => move((end, direction) => far(end, to[direction]).indexOf(Math.min(...far(end, to[direction])))),
    by: (steps) => move((end, direction) => now()[Number(end.slider)] + steps[direction]),
  });
  const show = (/** @type {string[]} */ words) => {
    const moved = ends.flatMap(({ slider }) => (slider === null ? [] : [words[slider]]));
    made.show(ends.map(({ slider, at }) => at[slider === null ? 0 : now()[slider]]), moved.join(", "));
  };
  return { handle: made.handle, show };
}

/**
 * @param {FramesPage} page
 * @param {HTMLElement} el
 */
async function openFrames({ width, height, alt, sliders, handles = [], base, frames, said = [] }, el) {
  const canvas = element("canvas", { width, height, class: "still", role: "img", "aria-label": alt });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const alert = element("p", { class: "alert", role: "alert", hidden: "" });
  const words = element("output");
  const fail = () => {
    alert.textContent = tr("The pictures in this page are damaged or cut off. Load the page again.");
    alert.hidden = false;
  };
  const at = sliders.map(({ start }) => start);
  const draw = newest(
    async (/** @type {number[]} */ places) => {
      const [left, upper, webp] = frames[frameNumber(places, sliders)];
      return { left, upper, image: webp ? await decoded(webp) : null };
    },
    (places, { left, upper, image }) => {
      context.drawImage(background, 0, 0);
      if (image) context.drawImage(image, left, upper);
      words.textContent = said[frameNumber(places, sliders)] ?? "";
      canvas.setAttribute("aria-label", tr("{alt} Now {places}.", { alt, places: wordsAt(places).join(", ") }));
    },
    fail,
  );
  const wordsAt = (/** @type {number[]} */ places) => sliders.map(({ label, places: all }, i) => `${label} ${written(all[places[i]])}`);
  const go = (/** @type {[number, number][]} */ moved) => {
    for (const [i, place] of moved) at[i] = place;
    for (const { show } of points) show(wordsAt(at));
    draw([...at]);
  };
  const lines = sliders.map((slider, i) => placeSlider(slider, (place) => go([[i, place]])));
  const points = handles.map((handle) =>
    placedHandle(handle, canvas, () => at, (moved) => {
      for (const [i, place] of moved) lines[i].set(place);
      go(moved);
    }),
  );
  el.classList.add("vaelib");
  const shown = element("div", { class: "vaelib-figure" }, [canvas, ...points.map(({ handle }) => handle)]);
  shown.style.minWidth = `${Math.ceil(READABLE * width)}px`;
  const box = element("div", { class: "scrolls" }, [shown, words]);
  el.append(element("div", { class: "places" }, lines.map(({ line }) => line)), box, alert);
  new ResizeObserver(() => (box.tabIndex = box.scrollWidth > box.clientWidth ? 0 : -1)).observe(box);
  tellHeight();
  /** @type {HTMLImageElement} */
  let background;
  try {
    background = await decoded(base);
    go([]);
  } catch {
    fail();
  }
}
