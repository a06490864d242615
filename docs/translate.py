"""Markdown in another language: paragraphs, headings, cells of tables and summaries of what is folded away.

All else stays as it stands. The texts are those that Sphinx takes for its catalogues, and the summaries, so one
catalogue serves a notebook's page and the notebook.
"""

import re
from collections.abc import Callable, Iterator

from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

EXTENSIONS = {"dollarmath", "amsmath", "deflist", "attrs_inline", "colon_fence"}
PARSER = create_md_parser(MdParserConfig(enable_extensions=EXTENSIONS), RendererHTML)
SUMMARY = re.compile(r"(?<=<summary>).+?(?=</summary>)")
BAR = r"\\?\|"  # a table's cell escapes it
CONTINUED = r"\n[ \t>]*"  # what stands before the next line of a text, in a list or a quotation


def texts(markdown: str) -> list[str]:
    """What a translator is asked for."""
    return [*(_one_line(token.content) for token in _inline(markdown)), *SUMMARY.findall(markdown)]


def translated(markdown: str, lookup: Callable[[str], str | None]) -> str:
    """The Markdown with every text for which `lookup` has another in its place."""
    starts = [0, *(found.end() for found in re.finditer("\n", markdown)), len(markdown)]
    parts, done, cursor = [], 0, 0
    for token in _inline(markdown):
        assert token.map is not None
        lines = (re.escape(line.strip()).replace(r"\|", BAR) for line in token.content.split("\n"))
        found = re.compile(CONTINUED.join(lines)).search(markdown, max(cursor, starts[token.map[0]]))
        assert found is not None, token.content
        cursor = found.end()
        words = lookup(_one_line(token.content))
        if words is not None:
            in_table = r"\|" in found[0] and r"\|" not in token.content  # which is read without the cell's escapes
            parts += [markdown[done : found.start()], words.replace("|", r"\|") if in_table else words]
            done = cursor
    whole = "".join([*parts, markdown[done:]])
    return SUMMARY.sub(lambda found: lookup(found[0]) or found[0], whole)


def _inline(markdown: str) -> Iterator[Token]:
    return (token for token in PARSER.parse(markdown) if token.type == "inline" and token.content.strip())


def _one_line(text: str) -> str:
    return " ".join(text.split("\n"))
