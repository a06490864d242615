// Arithmetic on codes: z = a - b + c, of three real images that the reader picks.

/** @type {[string, string][]} */
const OPERANDS = [["a", "a"], ["b", "− b"], ["c", "+ c"]];

/**
 * The code a - b + c.
 * @param {number[][]} codes of a, b and c
 */
const combined = ([a, b, c]) => a.map((value, axis) => value - b[axis] + c[axis]);

/**
 * An image to pick, and its picture.
 * @param {Offered} offered
 * @param {{ name: string, sign: string, start: number }} operand
 * @param {() => void} onPick
 */
function operand({ image_shape, titles, digits }, { name, sign, start }, onPick) {
  const size = digits.length / titles.length;
  const { canvas, draw } = imageCanvas(image_shape, name);
  const options = titles.map((title, index) => element("option", { value: index }, [title]));
  const select = element("select", { "aria-label": tr("Image {name}", { name }) }, options);
  const show = () => {
    const index = Number(select.value);
    draw(Float32Array.from(digits.subarray(index * size, (index + 1) * size), (v) => v / 255), `${name}: ${titles[index]}`);
  };
  select.value = String(start);
  select.addEventListener("change", () => {
    show();
    onPick();
  });
  show();
  const line = element("label", {}, [element("span", {}, [sign]), canvas, select]);
  return { line, index: () => Number(select.value) };
}

/**
 * Three images to pick, and the way to a - b + c, behind a heading that opens.
 * @param {() => Later<Offered>} offered the images, asked for when the heading is opened first
 * @param {(picked: number[]) => void} go to the code of the images of these three indices
 * @param {(error: Error) => void} fail
 */
function arithmetic(offered, go, fail) {
  const bar = element("div", { class: "bar" });
  const fill = (/** @type {Offered} */ images) => {
    const picked = () => go(parts.map(({ index }) => index()));
    const count = images.titles.length;
    const parts = OPERANDS.map(([name, sign], i) => operand(images, { name, sign, start: i % count }, picked));
    const button = element("button", { type: "button", class: "jupyter-button" }, [tr("Go to a − b + c")]);
    button.addEventListener("click", picked);
    bar.append(...parts.map(({ line }) => line), button);
  };
  const details = element("details", { class: "arithmetic" }, [element("summary", {}, [tr("Arithmetic on codes")]), bar]);
  details.addEventListener("toggle", () => Promise.resolve(offered()).then(fill).catch(fail), { once: true });
  return details;
}
