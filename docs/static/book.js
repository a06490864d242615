// What the book's pages do beyond the theme: frames take the page's colours and their own height, wide formulas scroll, long lines of code hang.

const root = document.documentElement;
const explorers = () => [.../** @type {NodeListOf<HTMLIFrameElement>} */ (document.querySelectorAll("figure.explorer iframe"))];
const tell = (/** @type {HTMLIFrameElement} */ frame) => frame.contentWindow?.postMessage({ theme: root.dataset.theme }, "*");

for (const frame of explorers()) frame.addEventListener("load", () => tell(frame));
addEventListener("message", ({ source, data }) => {
  const frame = explorers().find(({ contentWindow }) => contentWindow === source);
  if (frame && data?.height > 0) frame.style.height = `${Math.min(3000, data.height + 4)}px`;
});
new MutationObserver(() => explorers().forEach(tell)).observe(root, { attributeFilter: ["data-theme"] });

/** A formula that is wider than its line gets one of its own, and scrolls there. */
function fit() {
  for (const formula of document.querySelectorAll("span.math")) {
    formula.classList.remove("wide");
    const set = formula.querySelector("mjx-container");
    const line = formula.parentElement?.closest("p, li, td, th, dt, dd, h1, h2, h3, blockquote");
    if (set && line) formula.classList.toggle("wide", set.getBoundingClientRect().width > line.clientWidth);
  }
}
window.addEventListener("load", () => window.MathJax?.startup?.promise.then(fit));
window.addEventListener("resize", fit);

/** Keys scroll a figure that is wider than its column. */
const reach = new ResizeObserver((boxes) => {
  for (const { target } of boxes) target.setAttribute("tabindex", target.scrollWidth > target.clientWidth ? "0" : "-1");
});
document.querySelectorAll(".picture").forEach((picture) => reach.observe(picture));

/**
 * Each line of a cell becomes an element that knows its indent; the breaks stay between them, for whoever copies.
 * @param {Element} pre
 */
function hang(pre) {
  const indent = (/** @type {string} */ line) => line.replace(/<[^>]*>/g, "").search(/\S|$/);
  const hung = (/** @type {string} */ line) => line && `<span class="line" style="--indent: ${indent(line)}ch">${line}</span>`;
  pre.innerHTML = pre.innerHTML.split("\n").map(hung).join("\n");
}
document.querySelectorAll("div.cell_input pre").forEach(hang);
