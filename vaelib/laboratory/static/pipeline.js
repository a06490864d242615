// One image's way through the model, each number beside its symbol in the formula.

/** @type {Record<string, string>} */
const SYMBOLS = {
  x: "x, the image",
  mu: "μ(x), the mean of q(z|x)",
  sigma: "σ(x), the standard deviation of q(z|x)",
  eps: "ε ~ N(0, I), the noise",
  z: "z = μ + σ ε, the code",
  picture: "the mean of p(x|z), the picture",
  recon: "log p(x|z), how well the picture explains x",
  kl: "KL(q(z|x) ‖ p(z)), what the code costs",
  elbo: "ELBO = log p(x|z) − KL",
};

/**
 * A term of the formula, or its place in the pipeline: whichever is pointed at or has the focus, both light up.
 * @param {HTMLElement} root
 * @param {HTMLElement} part
 * @param {string} symbol
 */
function linked(root, part, symbol) {
  part.dataset.symbol = symbol;
  const light = (/** @type {boolean} */ on) => {
    for (const other of root.querySelectorAll(`[data-symbol="${symbol}"]`)) other.classList.toggle("lit", on);
  };
  for (const [event, on] of /** @type {[string, boolean][]} */ ([["pointerenter", true], ["pointerleave", false], ["focus", true], ["blur", false]])) {
    part.addEventListener(event, () => light(on));
  }
  return part;
}

/**
 * @param {number[]} shape
 * @param {{ onEps: () => void, onOther: () => void }} actions
 */
function pipeline(shape, { onEps, onOther }) {
  const root = element("div", { class: "pipeline" });
  const [from, to] = [imageCanvas(shape, SYMBOLS.x), imageCanvas(shape, SYMBOLS.picture)];
  /** @type {Record<string, HTMLOutputElement>} */
  const numbers = {};
  const stage = (/** @type {string} */ symbol, /** @type {string} */ letter, /** @type {Element | null} */ picture = null) => {
    numbers[symbol] = element("output");
    const part = element("div", { class: "stage-of-pipeline", title: SYMBOLS[symbol], tabindex: 0 }, [
      element("span", { class: "symbol" }, [letter]),
      picture ?? numbers[symbol],
    ]);
    return linked(root, part, symbol);
  };
  const arrow = () => element("span", { class: "arrow", "aria-hidden": "true" }, ["→"]);
  const button = (/** @type {string} */ text, /** @type {() => void} */ action) => {
    const made = element("button", { type: "button" }, [text]);
    made.addEventListener("click", action);
    return made;
  };
  const column = (/** @type {HTMLElement[]} */ ...parts) => element("div", { class: "column" }, parts);
  const way = element("div", { class: "way" }, [
    column(stage("x", "x", from.canvas), button("Another image", onOther)),
    arrow(),
    column(stage("mu", "μ"), stage("sigma", "σ")),
    arrow(),
    column(stage("eps", "ε"), button("New ε", onEps)),
    arrow(),
    stage("z", "z"),
    arrow(),
    stage("picture", "p(x|z)", to.canvas),
    arrow(),
    column(stage("recon", "log p(x|z)"), stage("kl", "KL"), stage("elbo", "ELBO")),
  ]);
  const term = (/** @type {string} */ text, /** @type {string} */ symbol) =>
    linked(root, element("span", { class: "term", tabindex: 0, title: SYMBOLS[symbol] }, [text]), symbol);
  const formula = element("p", { class: "formula" }, [
    ...[term("ELBO", "elbo"), " = ", term("log p(x|z)", "recon"), " − ", term("KL(q(z|x) ‖ p(z))", "kl"), ",  "],
    ...[term("z", "z"), " = ", term("μ", "mu"), "(", term("x", "x"), ") + ", term("σ", "sigma"), "(x) ", term("ε", "eps")],
  ]);
  root.append(formula, way);
  const list = (/** @type {Float32Array} */ values) => Array.from(values.slice(0, 6), (v) => v.toFixed(2)).join("\n") + (values.length > 6 ? "\n…" : "");
  const show = (/** @type {Look} */ look, /** @type {string} */ name) => {
    from.draw(look.x, name);
    to.draw(look.picture, "Its reconstruction, the mean of p(x|z)");
    numbers.mu.textContent = list(look.mu);
    numbers.sigma.textContent = list(look.logVar.map((v) => Math.exp(v / 2)));
    numbers.eps.textContent = list(look.eps);
    numbers.z.textContent = list(look.z);
    numbers.recon.textContent = look.recon.toFixed(2);
    numbers.kl.textContent = look.kl.toFixed(2);
    numbers.elbo.textContent = (look.recon - look.kl).toFixed(2);
  };
  return { root, show };
}
