// A point over a picture that is dragged by mouse or finger, or moved by the arrow keys.

/** @type {Record<string, number[]>} */
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const STRIDE = 5; // of an arrow key with Shift

/**
 * @param {HTMLElement} picture which it lies over
 * @param {string} kind what it is, for screen readers
 * @param {object} moves
 * @param {(to: number[]) => void} moves.to shares of the picture's width and height, from its upper left corner
 * @param {(steps: number[]) => void} moves.by steps to the right, and upwards
 */
function handleOver(picture, kind, { to, by }) {
  const handle = document.createElement("div");
  const attributes = { class: "handle", tabindex: "0", role: "application", "aria-roledescription": kind };
  for (const [name, value] of Object.entries(attributes)) handle.setAttribute(name, value);
  const drag = (/** @type {PointerEvent} */ event) => {
    const box = picture.getBoundingClientRect();
    to([(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]);
  };
  handle.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    handle.setPointerCapture(event.pointerId);
    handle.focus({ preventScroll: true });
  });
  handle.addEventListener("pointermove", (event) => handle.hasPointerCapture(event.pointerId) && drag(event));
  handle.addEventListener("keydown", (event) => {
    const way = WAYS[event.key];
    if (!way) return;
    event.preventDefault();
    event.stopPropagation();
    by(way.map((step) => step * (event.shiftKey ? STRIDE : 1)));
  });
  const show = (/** @type {number[]} */ [x, y], /** @type {string} */ label) => {
    handle.style.left = `${100 * x}%`;
    handle.style.top = `${100 * y}%`;
    handle.setAttribute("aria-label", label);
  };
  return { handle, show };
}

/**
 * The share of the picture at which a handle lies in one direction.
 * @param {HandleAlong} along
 * @param {number} part of the slider's range that lies below its value
 */
const shareOf = ({ low, high }, part) => low + part * (high - low);

/**
 * The part of the slider's range that lies below the value a share of the picture stands for.
 * @param {HandleAlong} along
 * @param {number} share
 */
const partOf = ({ low, high }, share) => Math.min(1, Math.max(0, (share - low) / (high - low)));
