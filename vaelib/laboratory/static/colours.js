// Colours that can be told from the page as it is, light or dark.

const SEEN = 3; // the least ratio of luminances of what is drawn and what it is drawn on (WCAG 2, 1.4.11)

/**
 * Red, green and blue from 0 to 255, and the opacity, of a colour as a style says it; null where it says it otherwise.
 * @param {string} color
 */
function partsOf(color) {
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(color.trim());
  if (hex) return [...hex.slice(1).map((pair) => parseInt(pair, 16)), 1];
  const named = /^(rgba?|color)\((?:srgb )?([^)]*)\)$/.exec(color.trim());
  const parts = named ? named[2].split(/[\s,/]+/).map(Number) : [];
  if (!named || parts.length < 3 || !parts.every(Number.isFinite)) return null;
  const scale = named[1] === "color" ? 255 : 1;
  return [...parts.slice(0, 3).map((part) => scale * part), parts[3] ?? 1];
}

/** @param {number[]} color @param {number[]} other @param {number} share of the first */
const mixed = (color, other, share) => [0, 1, 2].map((i) => share * color[i] + (1 - share) * other[i]);

/** @param {number[]} color */
function luminance(color) {
  const [red, green, blue] = color.map((part) => (part <= 10.31 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** @param {number[]} color @param {number[]} other */
function contrast(color, other) {
  const [low, high] = [luminance(color), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

/**
 * The colour with as little of the text's in it as makes it stand out from the paper.
 * @param {string} color
 * @param {{ text: string, paper: string }} ink
 */
function visible(color, { text, paper }) {
  const [own, ink, ground] = [color, text, paper].map(partsOf);
  if (!own || !ink || !ground) return color;
  const opaque = mixed(ink, ground, ink[3]);
  for (let share = 1; share > 0; share -= 0.05) {
    const found = mixed(own, opaque, share).map(Math.round);
    if (contrast(found, ground) >= SEEN) return `rgb(${found.join(", ")})`;
  }
  return text;
}

/**
 * Colours of the page as they are now around an element whose background is the page's paper; `of` makes any colour visible on it.
 * @param {Element} el
 */
function inkOf(el) {
  const style = getComputedStyle(el);
  const [text, paper] = [style.color, style.backgroundColor];
  /** @type {Map<string, string>} */
  const known = new Map();
  const of = (/** @type {string} */ color) => {
    if (!known.has(color)) known.set(color, visible(color, { text, paper }));
    return /** @type {string} */ (known.get(color));
  };
  return { text, paper, guide: of(style.getPropertyValue("--lab-guide").trim()), of };
}
