// The front page's lab presses Play by itself when its training images are there, and Pause when its digits have parted:
// not where the reader wants less motion, and no more once the reader has touched it.
/* global opened */
const OPENING = 600; // steps
const touched = new AbortController();
const { signal } = touched;
const lab = /** @type {HTMLElement} */ (document.getElementById("lab"));
const press = () => lab.querySelector("button")?.click(); // a damaged page has none
for (const kind of ["pointerdown", "keydown", "click", "input"]) {
  lab.addEventListener(kind, ({ isTrusted }) => isTrusted && touched.abort(), { signal });
}
Promise.all([opened, PAGE.train]).then(() => {
  if (signal.aborted || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  press();
  lab.addEventListener("frame", (event) => {
    if (/** @type {CustomEvent} */ (event).detail.steps < OPENING) return;
    touched.abort();
    press();
  }, { signal });
});
