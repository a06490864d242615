// What a search finds is shown as plain text, cut anywhere and with the words found in colour; so each formula in it becomes a line of Unicode.

// prettier-ignore
/** @type {Record<string, string>} */
const SIGNS = {
  alpha: "α", beta: "β", chi: "χ", epsilon: "ϵ", eta: "η", kappa: "κ", lambda: "λ", mu: "μ", phi: "ϕ", pi: "π", psi: "ψ", rho: "ρ", sigma: "σ", theta: "θ", varepsilon: "ε",
  Phi: "Φ", Sigma: "Σ", partial: "∂", nabla: "∇", int: "∫", sum: "∑", prod: "∏", sqrt: "√", infty: "∞", top: "ᵀ", star: "⋆", dots: "…", cdots: "⋯",
  mid: "|", Vert: "‖", lVert: "‖", rVert: "‖", "|": "‖", sim: "~", approx: "≈", propto: "∝", le: "≤", leq: "≤", ge: "≥", geq: "≥", ne: "≠", neq: "≠", gg: "≫", in: "∈", pm: "±", times: "×", cdot: "·", odot: "⊙",
  to: "→", leftarrow: "←", mapsto: "↦", Longrightarrow: "⟹", Longleftrightarrow: "⟺", quad: " ", qquad: " ", ",": " ", ";": " ", "\\": " ", "!": "",
  mathrm: "", mathbb: "", mathcal: "", mathsf: "", text: "", left: "", right: "", big: "", Big: "", boxed: "", underbrace: "",
};
/** @type {Record<string, string>} */
const ACCENTS = { hat: "\u0302", widehat: "\u0302", tilde: "\u0303", bar: "\u0304", overline: "\u0304" };
const FRACTIONS = ["frac", "tfrac", "dfrac"];
const WITHOUT_WORDS = ["phantom", "begin", "end"];

const inBrackets = (/** @type {string} */ text) => (/^([\p{L}\p{M}]+|\p{N}+)$/u.test(text) ? text : `(${text})`);

/**
 * The tokens up to the closing one, as text; all of them where there is none.
 * @param {string[]} tokens
 * @param {string} [end]
 */
function upTo(tokens, end) {
  let text = "";
  while (tokens.length && tokens[0] !== end) text += next(tokens);
  tokens.shift();
  return text.replace(/\s+/g, " ");
}

/**
 * @param {string[]} tokens
 * @returns {string}
 */
function argument(tokens) {
  while (/^\s/.test(tokens[0])) tokens.shift();
  return next(tokens).trim();
}

/**
 * The next token, with its arguments, as text; a command without a sign is said by its name.
 * @param {string[]} tokens
 * @returns {string}
 */
function next(tokens) {
  const token = tokens.shift() ?? "";
  if (token === "{") return upTo(tokens, "}");
  if (token === "^" && tokens[0] === "2") {
    tokens.shift();
    return "²";
  }
  if (token === "^" || token === "_") return token + inBrackets(argument(tokens));
  if (token[0] !== "\\") return token;
  const name = token.slice(1);
  if (FRACTIONS.includes(name)) return `${inBrackets(argument(tokens))}/${inBrackets(argument(tokens))}`;
  if (WITHOUT_WORDS.includes(name)) return argument(tokens) && " ";
  return name in ACCENTS ? argument(tokens) + ACCENTS[name] : (SIGNS[name] ?? name);
}

/** LaTeX as a line of text; words without LaTeX stay as they are. */
const plain = (/** @type {string} */ latex) => upTo(latex.match(/\\(?:[a-z]+|.)|\s+|./gis) ?? []).trim();

const IN_CODE = /\$([^$\n]*\\[^$\n]*)\$/g; // a formula in a string

/** What a page says, or the part of it at the anchor; of its frame nothing. */
Search.htmlToText = (page, anchor) => {
  const read = new DOMParser().parseFromString(page, "text/html");
  const article = /** @type {Element} */ (read.querySelector("article.bd-article"));
  const part = (anchor && read.getElementById(anchor.slice(1))) || article;
  part.querySelectorAll(".headerlink, script, style").forEach((silent) => silent.remove());
  for (const formula of part.querySelectorAll(".math")) formula.textContent = plain(formula.textContent.trim().slice(2, -2));
  for (const code of part.querySelectorAll("pre")) code.textContent = code.textContent.replace(IN_CODE, (_, latex) => plain(latex));
  return part.textContent;
};

const { _performSearch } = Search;
Search._performSearch = (...query) =>
  _performSearch(...query).map(([page, title, ...others]) => [page, plain(title), ...others]);
