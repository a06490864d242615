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
 * @param {Page} page
 * @param {Uint8Array} digits
 * @param {{ name: string, sign: string, start: number }} operand
 * @param {() => void} onPick
 */
function operand({ titles, image_shape }, digits, { name, sign, start }, onPick) {
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
 * Three images and the way to a - b + c; none where there are no images.
 * @param {Page} page
 * @param {Uint8Array} digits
 * @param {(z: number[], caption: string) => void} move
 */
function arithmetic(page, digits, move) {
  const count = page.codes.length;
  if (!count) return element("div", { hidden: "" });
  const go = () => {
    const picked = parts.map(({ index }) => index());
    const [a, b, c] = picked.map((index) => page.titles[index].replace(/^I/, "i"));
    move(combined(picked.map((index) => page.codes[index])), tr("z = a − b + c: {a}, minus {b}, plus {c}.", { a, b, c }));
  };
  const parts = OPERANDS.map(([name, sign], i) => operand(page, digits, { name, sign, start: i % count }, go));
  const button = element("button", { type: "button" }, [tr("Go to a − b + c")]);
  button.addEventListener("click", go);
  const summary = element("summary", {}, [tr("Arithmetic on codes")]);
  return element("details", { class: "arithmetic" }, [summary, element("div", { class: "bar" }, [...parts.map(({ line }) => line), button])]);
}
