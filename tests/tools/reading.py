"""How hard the notebooks' prose is to read, for readers whose first language is not English.

    python tests/tools/reading.py            a line for each notebook, and its longest sentences

LIX (Björnsson 1968) is the mean number of words in a sentence plus the percentage of words with more than six letters.
It needs no list of syllables. Below 30 a text counts as very easy, like a book for children; newspapers have 40 to 50.
Formulas and code count as one short word each; tables, headings and sources are left out.
"""

import re
from pathlib import Path

import nbformat
from tabulate import tabulate

ROOT = Path(__file__).parents[2]
FORMULA = re.compile(r"\$\$.*?\$\$|```.*?```", re.DOTALL)
SYMBOL = re.compile(r"\$[^$]+\$|`[^`]*`")
NO_PROSE = re.compile(r"\]\([^)]*\)|<[^>]+>|^\s*#.*$|^\s*\|.*$|[*_>\[\]]", re.MULTILINE)
PARAGRAPH = re.compile(r"\n\s*\n|^\s*(?:-|\d+\.) ", re.MULTILINE)
SENTENCE = re.compile(r"(?<=[.!?:])\s+")
WORD = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*")


def sentences(notebook) -> list[list[str]]:
    """The words of each sentence of the prose."""
    prose = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown").split("\n## Sources")[0]
    prose = NO_PROSE.sub(" ", SYMBOL.sub("x", FORMULA.sub("x", prose)))
    found = [WORD.findall(part) for paragraph in PARAGRAPH.split(prose) for part in SENTENCE.split(paragraph)]
    return [words for words in found if any(len(word) > 1 for word in words)]


def lix(text: list[list[str]]) -> float:
    """Words in a sentence plus the percentage of words with more than six letters."""
    words = [word for sentence in text for word in sentence]
    return len(words) / len(text) + 100 * sum(len(word) > 6 for word in words) / len(words)


def main():
    """Print the figures."""
    rows, longest = [], []
    for path in sorted(ROOT.glob("notebooks/[0-9]*.ipynb")):
        text = sentences(nbformat.read(path, as_version=4))
        words = sum(map(len, text))
        rows.append([path.stem, words, words / len(text), lix(text), max(map(len, text))])
        longest += [[path.stem, len(words), " ".join(words)] for words in sorted(text, key=len)[-3:]]
    print(tabulate(rows, ["notebook", "words", "words a sentence", "LIX", "longest sentence"], floatfmt=".1f"))
    print("\n" + tabulate(longest, ["notebook", "words", "sentence"], maxcolwidths=[None, None, 90]))


if __name__ == "__main__":
    main()
