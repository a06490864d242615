// A tour of the lab: a card that says what stands here, asks for a prediction, does it as the reader's hand would, and says what came.

const CARD = { width: 380, gap: 12 }; // CSS pixels: beside what it speaks of, and from the screen's edges
const TOUR_STEPS = 600; // of training, each time

/** Where the tour's trainings have the controls, but for what a step changes: where the lab opens with them. */
const AT_FIRST = {
  ...{ likelihood: "bernoulli", beta: 1, kl: true, noise: true, warm_up: 0, learning_rate: 1e-3 },
  ...{ freeze_encoder: false, freeze_decoder: false },
};

/**
 * What the tour says, in turn. `at` names the parts that are lit, the first of them brought into view. `live` says that what is seen
 * is there without an action; `holds`, whether what is said of it is so.
 * @type {() => TourStep[]}
 */
const tourSteps = () => [
  {
    at: ["plane"],
    title: tr("The plane of z"),
    text: tr("Each dot is a held-out image: the mean μ of its q(z|x), in the colour of its class. The dashed circles are the prior's: one, two and three standard deviations. The tour moves the controls and trains this model, as your own hand would."),
    live: true,
    holds: ({ variance }) => variance < 0.5,
    saw: tr("Nothing is trained yet: all dots lie in one heap, inside the first circle."),
    otherwise: tr("This model is trained already, and the tour trains it on. Reset gives new weights, and these are lost."),
    action: { label: tr("Reset"), press: "reset" },
  },
  {
    at: ["plane"],
    title: tr("Training"),
    text: tr("A step takes a few dozen training images and moves all weights a little."),
    ask: tr("Say it first: which images will come to lie together?"),
    action: { label: tr("Train {count} steps", { count: TOUR_STEPS }), settings: {} },
    holds: (after, before) => after.variance > 1 && after.parted > before.parted,
    saw: tr("The heap unfolds over the circles, and images of one class come to lie together. Nobody told the model the classes."),
    shows: ["parted", "variance"],
  },
  {
    at: ["way"],
    title: tr("One image, step by step"),
    text: tr("The image x gives a mean μ and a deviation σ. With noise ε the code is z = μ + σ ε, and the decoder makes p(x|z) of it."),
    ask: tr("Say it first: what changes with a new ε, and what does not?"),
    action: { label: tr("New ε"), press: "eps" },
    holds: (after, before) => after.mu === before.mu && after.z !== before.z,
    saw: tr("μ and σ stay: the image alone decides them. z moves by σ ε, and what is decoded moves with it."),
    shows: ["mu", "z"],
  },
  {
    at: ["terms"],
    title: tr("The two terms"),
    text: tr("What an image costs, in nats. Purple: the reconstruction, −log p(x|z). Orange: the KL of q(z|x) to the prior, the price of its code."),
    ask: tr("Say it first: which of the two will more training cut?"),
    action: { label: tr("Train {count} steps more", { count: TOUR_STEPS }), settings: {} },
    holds: (after, before) => after.recon - before.recon > Math.abs(after.kl - before.kl),
    saw: tr("The reconstruction, which is nearly all of the cost. The KL stays at a few nats."),
    shows: ["recon", "kl"],
  },
  {
    at: ["plane", "kl"],
    title: tr("Without the KL"),
    text: tr("The KL ties each q(z|x) to the prior: μ to 0, and σ to 1."),
    ask: tr("Say it first: what will μ and σ do without it?"),
    action: { label: tr("KL off, train {count} steps", { count: TOUR_STEPS }), settings: { kl: false } },
    holds: (after, before) => after.variance > before.variance && after.sigma < 0.05,
    saw: tr("The dots spread beyond the prior's circles, and σ shrinks: each image takes a place of its own, as narrow as it likes."),
    shows: ["variance", "sigma"],
  },
  {
    at: ["terms", "noise"],
    title: tr("Without the noise"),
    text: tr("The KL comes back. Now the noise goes: in training, z = μ."),
    ask: tr("Say it first: what becomes of σ when nothing uses it?"),
    action: { label: tr("KL on, noise off, train {count} steps", { count: TOUR_STEPS }), settings: { noise: false } },
    holds: (after) => after.sigma > 0.9 && after.recon < after.trained - 10,
    saw: tr("σ goes to 1: only the KL still pulls at it. The decoder has met no noise, so the reconstruction held out, which always has noise, is far worse than that in training."),
    shows: ["sigma", "recon", "trained"],
  },
  {
    at: ["pictures", "beta"],
    title: tr("β = 100"),
    text: tr("The noise comes back, and the KL weighs a hundred times as much."),
    ask: tr("Say it first: what will be left in the codes, and in the reconstructions?"),
    action: { label: tr("β = 100, train {count} steps", { count: TOUR_STEPS }), settings: { beta: 100 } },
    holds: (after) => after.kl < 0.5 && after.variance < 0.05,
    saw: tr("Nothing: each q(z|x) is the prior, all dots lie at 0, and every reconstruction is the same blur. This is posterior collapse."),
    shows: ["kl", "variance"],
  },
  {
    at: ["plane", "beta"],
    title: tr("And back"),
    text: tr("From the collapsed model on, with β = 1 again."),
    ask: tr("Say it first: will the codes come back?"),
    action: { label: tr("β = 1, train {count} steps", { count: TOUR_STEPS }), settings: {} },
    holds: (after) => after.kl > 1 && after.variance > 0.5,
    saw: tr("They do: this collapse was the objective's doing, and went with it."),
    shows: ["kl", "variance"],
  },
  {
    at: ["own"],
    title: tr("Your own digit"),
    text: tr("Draw a digit on the black paper, with a pointer or with keys."),
    ask: tr("Say it first: does the model have a place for it?"),
    live: true,
    holds: ({ drawn }) => drawn,
    saw: tr("The pink dot in the plane is its code, and the reconstruction is what the decoder has there. “Train on it too” makes it a training image."),
    otherwise: "",
  },
  {
    at: ["settings"],
    title: tr("Where to go on"),
    text: tr("The line that is lit says your settings as code. Three notebooks tell in full what you have seen:"),
    more: { "07_training": tr("Notebook 07: the training"), "08_autoencoders": tr("Notebook 08: what the KL buys"), "10_beyond": tr("Notebook 10: what can go wrong") },
  },
];

/**
 * What a step of the tour reads off a frame.
 * @param {Frame} frame
 * @param {{ heldOut: Terms | null, trained: Terms | null }} terms the newest
 * @param {Uint8Array} labels
 * @returns {Reading}
 */
function readingOf({ mu, logVar, axes, variance, look }, { heldOut, trained }, labels) {
  const on = (/** @type {Float32Array} */ values) => `(${axes.map((j) => figures(values[j])).join(", ")})`;
  return {
    ...{ variance: meanOf(axes.map((j) => variance[j])), sigma: Math.exp(logVar.slice().sort()[logVar.length >> 1] / 2) },
    ...{ parted: labels.length ? partedOf(mu, labels, variance.length) : 1, recon: heldOut?.recon ?? NaN, kl: heldOut?.kl ?? NaN },
    ...{ trained: trained?.recon ?? NaN, mu: on(look.mu), z: on(look.z), drawn: look.index < 0 },
  };
}

/** What a reading's numbers are called, and how they are written. @type {() => Record<string, [string, (value: any) => string]>} */
const readings = () => ({
  variance: [tr("Variance of the means"), (value) => written(value.toFixed(2))],
  parted: [tr("Nearest to the middle of their own class"), (value) => `${Math.round(100 * value)}%`],
  sigma: [tr("σ(x), median"), (value) => written(value.toPrecision(2))],
  recon: [tr("recon, held out"), tenths],
  trained: [tr("recon, training"), tenths],
  kl: [tr("KL, held out"), (value) => written(value.toFixed(2))],
  mu: ["μ", String],
  z: ["z", String],
});

/**
 * Where the tour is after a step back or forth; it ends at its ends.
 * @param {number} at
 * @param {number} by
 * @param {number} count
 */
const movedOn = (at, by, count) => Math.min(count - 1, Math.max(0, at + by));

/**
 * Where the card has room beside what it speaks of, or else the foot of the screen.
 * @param {{ left: number, right: number }} part
 * @param {number} screen its width
 */
function sideOf({ left, right }, screen) {
  const room = CARD.width + 2 * CARD.gap;
  return screen - right >= room ? "right" : left >= room ? "left" : "foot";
}

/**
 * The button that opens the tour, and its card.
 * @param {object} lab
 * @param {HTMLElement} lab.el
 * @param {Record<string, HTMLElement | null>} lab.parts what can be lit, by name; null where the lab has none
 * @param {Hand} lab.hand
 * @param {Uint8Array} lab.labels
 * @param {string} [lab.notebooks] the address of their folder, where they can be linked
 */
function guidedTour({ el, parts, hand, labels, notebooks }) {
  const steps = tourSteps().filter(({ at }) => parts[at[0]]);
  /** @type {{ before: Reading, after: Reading }[]} */
  const results = [];
  /** @type {{ frame: Frame, heldOut: Terms | null, trained: Terms | null } | null} */
  let latest = null;
  /** @type {{ before: Reading | null, started: boolean, from: number, done: (frame: Frame) => boolean } | null} */
  let pending = null; // an action, without a reading from before it until the lab is at rest
  let at = 0;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const make = (/** @type {string} */ text, /** @type {() => void} */ onClick, attributes = {}) => {
    const made = element("button", { type: "button", ...attributes }, [text]);
    made.addEventListener("click", onClick);
    return made;
  };
  const button = make(tr("Tour"), () => (card.hidden ? open() : close()), { class: "tour-button", "aria-expanded": "false", title: tr("What stands here, step by step") });
  button.disabled = true; // until there is something to show
  const [title, place] = [element("h2"), element("span", { class: "place" })];
  const [text, ask, saw, numbers] = ["text", "ask", "saw", "numbers"].map((name) => element("p", { class: name }));
  const more = element("ul");
  const action = make("", () => act(), { class: "try" });
  const [back, next] = [make(tr("Back"), () => go(-1)), make("", () => (at === steps.length - 1 ? close() : go(1)), { class: "next" })];
  const card = element("div", { class: "tour", role: "dialog", tabindex: -1, popover: "manual", hidden: "" }, [
    element("div", { class: "row" }, [title, make("×", () => close(), { class: "close", "aria-label": tr("Close the tour") })]),
    element("div", { "aria-live": "polite" }, [text, ask, more]),
    action,
    element("div", { class: "came", "aria-live": "polite" }, [saw, numbers]),
    element("div", { class: "row" }, [back, place, next]),
  ]);

  const reading = () => latest && readingOf(latest.frame, latest, labels);
  const say = (/** @type {HTMLElement} */ node, words = "") => {
    if (node.textContent !== words) node.textContent = words;
    node.hidden = !words;
  };
  const light = (/** @type {TourStep | null} */ step) => {
    for (const part of Object.values(parts)) part?.classList.toggle("toured", Boolean(step?.at.some((name) => parts[name] === part)));
  };

  /** The card beside what it speaks of, or below it, and that in view. */
  const arrange = () => {
    const part = /** @type {HTMLElement} */ (parts[steps[at].at[0]]);
    const box = part.getBoundingClientRect();
    const side = sideOf(box, document.documentElement.clientWidth);
    card.dataset.side = side;
    const room = side === "foot" ? card.offsetHeight + CARD.gap : 0;
    el.style.paddingBottom = `${room}px`;
    // In a frame as tall as its page the screen's foot is not the frame's: there the card keeps to what it speaks of.
    const framed = parent !== window && document.documentElement.scrollHeight <= innerHeight;
    const top = side === "foot" ? box.bottom + CARD.gap : Math.max(0, box.bottom - card.offsetHeight);
    Object.assign(card.style, framed ? { top: `${top}px`, bottom: "auto" } : { top: "", bottom: "" });
    const above = framed && side !== "foot" ? box.top - Math.min(top, box.top) : 0;
    Object.assign(part.style, { scrollMarginTop: `${above + CARD.gap}px`, scrollMarginBottom: `${room + CARD.gap}px` });
    part.scrollIntoView({ block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
  };

  /** What came of a step's action, or is there without one. */
  const tell = () => {
    const step = steps[at];
    const now = step.live ? reading() : null;
    const result = now ? { before: now, after: now } : results[at];
    const holds = Boolean(result && step.holds?.(result.after, result.before));
    const other = step.otherwise ?? tr("Not so here: the numbers say what came instead. Other images, or another start, train another way.");
    say(saw, result ? (holds ? step.saw : other) : "");
    const named = readings();
    const lines = result ? (step.shows ?? []).map((name) => {
      const [called, write] = named[name];
      const [before, after] = [result.before, result.after].map((one) => write(one[name]));
      return tr("{name}: from {before} to {after}", { name: called, before, after });
    }) : [];
    say(numbers, lines.join("\n"));
    action.hidden = !step.action || (Boolean(step.live) && holds);
  };

  const show = () => {
    const step = steps[at];
    say(title, step.title);
    say(text, step.text);
    say(ask, step.ask);
    more.replaceChildren(...Object.entries(step.more ?? {}).map(([name, words]) => element("li", {}, [notebooks ? element("a", { href: `${notebooks}/${name}.html` }, [words]) : words])));
    more.hidden = !step.more;
    action.textContent = step.action?.label ?? "";
    place.textContent = tr("{step} of {count}", { step: at + 1, count: steps.length });
    next.textContent = at === steps.length - 1 ? tr("Done") : tr("Next");
    back.disabled = at === 0;
    card.setAttribute("aria-label", tr("Tour: {title}", { title: step.title }));
    progress(0);
    tell();
    light(step);
    arrange();
  };
  const progress = (/** @type {number} */ share) => {
    action.style.setProperty("--done", `${Math.round(100 * share)}%`);
    action.setAttribute("aria-disabled", String(Boolean(pending)));
  };
  const go = (/** @type {number} */ by) => {
    const fromBack = document.activeElement === back;
    pending = null;
    at = movedOn(at, by, steps.length);
    card.scrollTop = 0;
    show();
    if (fromBack && back.disabled) next.focus();
  };

  const act = () => {
    if (!latest || pending) return;
    pending = { before: null, started: false, from: 0, done: () => false };
    if (latest.frame.playing) hand.rest();
    else begin(latest);
  };
  const begin = (/** @type {NonNullable<typeof latest>} */ now) => {
    const asked = /** @type {NonNullable<TourStep["action"]>} */ (steps[at].action);
    const { steps: from, look } = now.frame;
    const changed = (/** @type {Frame} */ frame) => frame.look.eps.some((value, j) => value !== look.eps[j]);
    const trained = (/** @type {Frame} */ frame) => frame.steps >= from + TOUR_STEPS;
    const done = { reset: (/** @type {Frame} */ frame) => frame.steps === 0, eps: changed, train: trained }[asked.press ?? "train"];
    pending = { before: readingOf(now.frame, now, labels), started: false, from, done };
    progress(0);
    if (asked.press) return hand[asked.press]();
    hand.steer({ ...AT_FIRST, ...asked.settings });
    hand.train(TOUR_STEPS);
  };

  /** @param {Frame} frame */
  const see = (frame) => {
    latest = { frame, heldOut: frame.heldOut ?? latest?.heldOut ?? null, trained: frame.train ?? latest?.trained ?? null };
    button.disabled = false;
    if (card.hidden) return;
    if (!pending) return steps[at].live ? tell() : undefined;
    if (!pending.before) return frame.playing ? undefined : begin(latest);
    if (frame.playing) pending.started = true;
    progress((frame.steps - pending.from) / TOUR_STEPS);
    const done = pending.done(frame) && Boolean(frame.heldOut);
    if (done) results[at] = { before: pending.before, after: readingOf(frame, latest, labels) };
    else if (!frame.fault && (frame.playing || !pending.started)) return;
    pending = null;
    progress(0);
    tell();
    arrange();
  };

  const onKey = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    if (event.target !== document.body && !el.contains(/** @type {Node} */ (event.target))) return;
    event.stopPropagation();
    close();
  };
  const open = () => {
    if (at === steps.length - 1) at = 0;
    card.hidden = false;
    card.showPopover?.(); // above all else, and where no frame around the lab cuts it off
    button.setAttribute("aria-expanded", "true");
    document.addEventListener("keydown", onKey, { capture: true });
    addEventListener("resize", arrange);
    show();
    card.focus({ preventScroll: true });
  };
  const stop = () => {
    document.removeEventListener("keydown", onKey, { capture: true });
    removeEventListener("resize", arrange);
    el.style.paddingBottom = "";
    light(null);
  };
  const close = () => {
    stop();
    pending = null;
    card.hidePopover?.();
    card.hidden = true;
    button.setAttribute("aria-expanded", "false");
    button.focus();
  };
  return { button, card, see, stop };
}
