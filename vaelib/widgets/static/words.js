// The words of the reader's language, by the English ones, which stand where there are no others.

/** @type {{ words: Record<string, string> }} */
const told = { words: {} };

/** @param {Record<string, string>} words as `vaelib.languages.page_words` has them */
function speak(words) {
  told.words = words;
}

/**
 * The text in the reader's language, its {fields} filled in.
 * @param {string} text
 * @param {Record<string, string | number>} values
 */
const tr = (text, values = {}) => (told.words[text] ?? text).replace(/\{(\w+)\}/g, (_, name) => String(values[name]));

/**
 * A number, or its figures, as readers see it: with the true minus, and 0 without one. A name keeps its hyphens.
 * @param {number | string} figures
 */
function written(figures) {
  const text = String(figures);
  return Number(text) === 0 ? text.replace("-", "") : text.replace(/^-|(?<=\de)-/g, "−");
}
