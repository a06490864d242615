// A citation shows its entry of the references: under the pointer, with the keyboard's focus, and at a finger's first touch.

const AWAY = 200; // ms that the pointer may take from a citation to its entry
/** @type {HTMLElement | null} */
let shown = null; // the note in sight
/** @type {ReturnType<typeof setTimeout> | undefined} */
let leaving;

const noteOf = (/** @type {Element} */ link) =>
  /** @type {HTMLElement} */ (document.getElementById(String(link.getAttribute("aria-describedby"))));

/**
 * The note stands below the first line of its citation, or above it where there is no room below.
 * @param {HTMLElement} note
 * @param {Element} link
 */
function place(note, link) {
  const [line] = link.getClientRects();
  const frame = /** @type {Element} */ (note.offsetParent).getBoundingClientRect();
  const room = document.documentElement.clientWidth - note.offsetWidth - 8;
  const above = line.bottom + note.offsetHeight > innerHeight && line.top > note.offsetHeight;
  note.style.left = `${Math.max(8, Math.min(line.left, room)) - frame.left}px`;
  note.style.top = `${(above ? line.top - note.offsetHeight : line.bottom) - frame.top}px`;
}

function hide() {
  clearTimeout(leaving);
  if (shown) shown.hidden = true;
  shown = null;
}

/** @param {Element} link */
function show(link) {
  const note = noteOf(link);
  hide();
  shown = note;
  note.hidden = false;
  place(note, link);
}

const stay = () => clearTimeout(leaving);
const leave = () => {
  stay();
  leaving = setTimeout(hide, AWAY);
};

for (const link of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("a.cited"))) {
  let touched = false;
  link.addEventListener("pointerenter", ({ pointerType }) => pointerType !== "touch" && show(link));
  link.addEventListener("pointerleave", ({ pointerType }) => pointerType !== "touch" && leave());
  link.addEventListener("pointerdown", ({ pointerType }) => (touched = pointerType === "touch" && shown !== noteOf(link)));
  link.addEventListener("focus", () => show(link));
  link.addEventListener("blur", leave);
  link.addEventListener("click", (event) => {
    if (!touched) return; // the second touch follows the link
    event.preventDefault();
    show(link);
  });
}
for (const note of document.querySelectorAll(".note")) {
  note.addEventListener("pointerenter", stay);
  note.addEventListener("pointerleave", leave);
}
addEventListener("keydown", ({ key }) => key === "Escape" && hide());
addEventListener("pointerdown", ({ target }) => shown && !/** @type {Element} */ (target).closest(".note, a.cited") && hide());
addEventListener("resize", hide);
