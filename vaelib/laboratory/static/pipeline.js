// One image's way through the model, each number beside its symbol in the formula.

/** @type {() => Record<string, string>} */
const symbols = () => ({
  x: tr("x, the image"),
  mu: tr("μ(x), the mean of q(z|x)"),
  sigma: tr("σ(x), the standard deviation of q(z|x)"),
  eps: tr("ε ~ N(0, I), the noise"),
  z: tr("z = μ + σ ε, the code"),
  picture: tr("the mean of p(x|z), the picture"),
  recon: tr("log p(x|z), how well the picture explains x"),
  kl: tr("KL(q(z|x) ‖ p(z)), what the code costs"),
  elbo: tr("ELBO = log p(x|z) − KL"),
  dLogits: tr("∂loss/∂a, the loss by the picture's logits a: bright where a should fall, dark where it should rise"),
  dDecoder: tr("the lengths of the gradients by the decoder's weights, layer by layer from z on"),
  dz: tr("∂loss/∂z, the loss by the code"),
  dMu: tr("∂loss/∂μ = ∂loss/∂z + β μ"),
  dLogVar: tr("∂loss/∂ log σ² = ½ (∂loss/∂z · σ ε + β (σ² − 1))"),
  dEncoder: tr("the lengths of the gradients by the encoder's weights: the hidden layers, then those of μ and of log σ²"),
  loss: tr("loss = β KL − log p(x|z), of this one image"),
});

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
 * Three figures or so.
 * @param {number} value
 */
const figures = (value) => written(value === 0 || (Math.abs(value) >= 0.01 && Math.abs(value) < 1e5) ? value.toFixed(2) : value.toExponential(1));

const [ROWS, COLUMNS] = [7, 3]; // of a list of numbers; more rows only where these columns are full

/**
 * Each number as text; of more than two, with the number of its dimension.
 * @param {ArrayLike<number>} values
 */
const listed = (values) => Array.from(values, (value, i) => (values.length > 2 ? `${subscript(i + 1)} ` : "") + figures(value));

/**
 * @param {number[]} shape
 * @param {{ onEps: () => void, onOther: () => void }} actions
 */
function pipeline(shape, { onEps, onOther }) {
  const named = symbols();
  const root = element("div", { class: "pipeline", role: "group" });
  const isPoint = shape[0] * shape[1] * shape[2] === 2;
  const [from, to, slope] = [named.x, named.picture, named.dLogits].map((name) => imageCanvas(shape, name));
  /** @type {Record<string, HTMLOutputElement>} */
  const numbers = {};
  const stage = (/** @type {string} */ symbol, /** @type {string} */ letter, /** @type {Element | null} */ picture = null) => {
    numbers[symbol] = element("output", { "aria-live": "off" });
    const part = element("div", { class: "stage-of-pipeline", title: named[symbol], tabindex: 0 }, [
      element("span", { class: "symbol" }, [letter]),
      picture ?? numbers[symbol],
    ]);
    return linked(root, part, symbol);
  };
  const picture = (/** @type {string} */ symbol, /** @type {string} */ letter, /** @type {{ canvas: Element }} */ { canvas }) =>
    stage(symbol, letter, isPoint ? null : canvas);
  const arrow = (sign = "→") => element("span", { class: "arrow", "aria-hidden": "true" }, [sign]);
  const button = (/** @type {string} */ text, /** @type {() => void} */ action) => {
    const made = element("button", { type: "button" }, [text]);
    made.addEventListener("click", action);
    return made;
  };
  const column = (/** @type {HTMLElement[]} */ ...parts) => element("div", { class: "column" }, parts);
  const way = element("div", { class: "way" }, [
    column(picture("x", "x", from), button(tr("Another image"), onOther)),
    arrow(),
    column(stage("mu", "μ"), stage("sigma", "σ")),
    arrow(),
    column(stage("eps", "ε"), button(tr("New ε"), onEps)),
    arrow(),
    stage("z", "z"),
    arrow(),
    picture("picture", "p(x|z)", to),
    arrow(),
    column(stage("recon", "log p(x|z)"), stage("kl", "KL"), stage("elbo", "ELBO")),
  ]);
  const term = (/** @type {string} */ text, /** @type {string} */ symbol) =>
    linked(root, element("span", { class: "term", tabindex: 0, title: named[symbol] }, [text]), symbol);
  const formula = element("p", { class: "formula" }, [
    ...[term("ELBO", "elbo"), " = ", term("log p(x|z)", "recon"), " − ", term("KL(q(z|x) ‖ p(z))", "kl"), ",  "],
    ...[term("z", "z"), " = ", term("μ", "mu"), "(", term("x", "x"), ") + ", term("σ", "sigma"), "(x) ", term("ε", "eps"), ",  "],
    ...[term("p(x|z)", "picture"), " = ", tr("decoder"), "(", term("z", "z"), ")"],
  ]);
  const back = element("div", { class: "way back", role: "group", "aria-label": tr("The gradient's way back") }, [
    stage("dEncoder", "‖∂ encoder‖"),
    arrow("←"),
    column(stage("dMu", "∂/∂μ"), stage("dLogVar", "∂/∂ log σ²")),
    arrow("←"),
    stage("dz", "∂/∂z"),
    arrow("←"),
    stage("dDecoder", "‖∂ decoder‖"),
    arrow("←"),
    picture("dLogits", "∂/∂ logits", slope),
    arrow("←"),
    stage("loss", "loss"),
  ]);
  const chain = element("p", { class: "formula" }, [
    ...[tr("And back, of "), term("loss", "loss"), " = β ", term("KL", "kl"), " − ", term("log p(x|z)", "recon"), ":  "],
    ...[term("∂loss/∂μ", "dMu"), " = ", term("∂loss/∂z", "dz"), " + β ", term("μ", "mu"), ",  "],
    ...[term("∂loss/∂ log σ²", "dLogVar"), " = ½ (", term("∂loss/∂z", "dz"), " · ", term("σ", "sigma"), " ", term("ε", "eps")],
    ...[" + β (", term("σ", "sigma"), "² − 1)),  "],
    ...[term("∂loss/∂z", "dz"), " = (∂a/∂z)ᵀ ", term("∂loss/∂a", "dLogits"), ",  "],
    ...[term("‖∂ decoder‖", "dDecoder"), ", ", term("‖∂ encoder‖", "dEncoder"), " = ‖∂loss/∂W‖"],
  ]);
  const note = element("p", { class: "look-at" });
  root.append(formula, way, chain, back, note);
  const list = (/** @type {string} */ symbol, /** @type {ArrayLike<number>} */ values) => {
    const [output, texts] = [numbers[symbol], listed(values)];
    if (output.children.length !== texts.length) {
      const rows = Math.max(Math.min(texts.length, ROWS), Math.ceil(texts.length / COLUMNS));
      output.style.gridTemplateRows = `repeat(${rows}, auto)`;
      output.parentElement?.classList.toggle("long", texts.length > ROWS);
      output.replaceChildren(...texts.map(() => element("span")));
    }
    texts.forEach((text, i) => (output.children[i].textContent = text));
  };
  const showPictures = (/** @type {Look} */ { x, picture, gradient }, /** @type {string} */ name) => {
    if (isPoint) {
      for (const [symbol, values] of Object.entries({ x, picture, dLogits: gradient.logits })) list(symbol, values);
      return;
    }
    const largest = gradient.logits.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-30);
    from.draw(x, name);
    to.draw(picture, tr("Its reconstruction, the mean of p(x|z)"));
    slope.draw(gradient.logits.map((value) => 0.5 + value / (2 * largest)), tr("{name}; white is {value}", { name: named.dLogits, value: figures(largest) }));
  };
  const showBack = (/** @type {Look} */ { recon, kl, gradient }, /** @type {number} */ beta) => {
    const border = (gradient.norms.length + 1) / 2; // after the encoder's hidden layers, μ and log σ²
    numbers.loss.textContent = figures(beta * kl - recon);
    list("dz", gradient.z);
    list("dMu", gradient.mu);
    list("dLogVar", gradient.logVar);
    const [ups, downs] = [gradient.norms.slice(0, border), gradient.norms.slice(border)];
    const layer = (/** @type {number} */ i) => tr("layer {number}", { number: i + 1 });
    const byLayer = (/** @type {number[]} */ norms, /** @type {string[]} */ last) =>
      norms.map((norm, i) => `${last[i - norms.length + last.length] ?? layer(i)} ${figures(norm)}`).join("\n");
    numbers.dEncoder.textContent = byLayer(ups, [tr("to μ"), tr("to log σ²")]);
    numbers.dDecoder.textContent = byLayer(downs, [tr("output")]);
  };
  const show = (/** @type {Look} */ look, /** @type {string} */ name, /** @type {{ beta: number, playing: boolean }} */ { beta, playing }) => {
    showPictures(look, name);
    showBack(look, beta);
    back.classList.toggle("hurried", playing);
    note.textContent = playing ? tr("Pause to read the gradient's way back.") : tr("One step moves all weights against the mean of such gradients over a batch.");
    list("mu", look.mu);
    list("sigma", look.logVar.map((v) => Math.exp(v / 2)));
    list("eps", look.eps);
    list("z", look.z);
    const [recon, kl, elbo] = [look.recon, look.kl, look.recon - look.kl].map((nats) => written(nats.toFixed(2)));
    const terms = { recon, kl, elbo };
    for (const [symbol, text] of Object.entries(terms)) numbers[symbol].textContent = text;
    root.setAttribute("aria-label", tr("The way of {name}: log p(x|z) {recon}, KL {kl}, ELBO {elbo} nats.", { name, ...terms }));
  };
  return { root, way, show };
}
