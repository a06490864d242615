// A live figure of a page without a kernel: a picture for each place of its sliders.

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
    output.textContent = places[Number(input.value)];
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => {
    say();
    onMove(Number(input.value));
  });
  say();
  return element("div", { class: "slider named" }, [element("span", { "aria-hidden": "true" }, [label]), input, output]);
}

/**
 * @param {FramesPage} page
 * @param {HTMLElement} el
 */
async function openFrames({ width, height, alt, sliders, base, frames }, el) {
  const canvas = element("canvas", { width, height, class: "still", role: "img", "aria-label": alt });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const alert = element("p", { class: "alert", role: "alert", hidden: "" });
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
      const words = sliders.map(({ label, places: all }, i) => `${label} ${all[places[i]]}`);
      canvas.setAttribute("aria-label", tr("{alt} Now {places}.", { alt, places: words.join(", ") }));
    },
    fail,
  );
  const lines = sliders.map((slider, i) =>
    placeSlider(slider, (place) => {
      at[i] = place;
      draw([...at]);
    }),
  );
  el.classList.add("vaelib");
  el.append(...lines, canvas, alert);
  tellHeight();
  /** @type {HTMLImageElement} */
  let background;
  try {
    background = await decoded(base);
    draw([...at]);
  } catch {
    fail();
  }
}

/** A page inside another says how high it is. */
function tellHeight() {
  const tell = () => parent.postMessage({ height: document.documentElement.offsetHeight }, "*");
  new ResizeObserver(tell).observe(document.documentElement);
}
