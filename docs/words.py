"""The package's own words for translators: extracted from its Python and JavaScript, and compiled for running.

Among them are the words on what the notebooks fold away (Hint, Solution), and the words, captions and descriptions of
the notebooks' pictures, which `vaelib.figures` translates.

A catalogue is `vaelib/locale/LANGUAGE/LC_MESSAGES/vaelib.po`. Beside it lie `vaelib.mo`, which Python reads,
`page.json`, what the JavaScript says, and `patterns.json`, the pictures' texts with fields.
"""

import ast
import io
import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
import printed
from babel.messages import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from picture_words import MATHS, bound, drawn
from translate import SUMMARY

from vaelib.languages import FIELD

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "vaelib"
BOOK = tuple(ROOT / "docs" / f"{name}.py" for name in ("book", "figure_numbers", "teaching"))  # say some words, too
KEYWORDS = {"tr": None}


def praises(path: Path) -> Iterator[tuple[int, str]]:
    """What the checkers of exercises praise a right answer with: the first lines of their docstrings."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and "checker" in map(ast.unparse, node.decorator_list):
            yield node.lineno, (ast.get_docstring(node) or "").partition("\n")[0]


def own_words() -> Iterator[tuple[Path, int, str]]:
    """What the package, its pages and what the notebooks fold away say: file, line and text."""
    for path in sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.js"), *BOOK]):
        with path.open("rb") as file:
            options = {"encoding": "utf-8", "parse_template_string": True}
            method = "python" if path.suffix == ".py" else "javascript"
            found = [(line, text) for line, text, *_ in extract(method, file, KEYWORDS, options=options)]
        for line, text in [*found, *(praises(path) if path.suffix == ".py" else ())]:
            yield path, line, text
    for path in notebooks():
        for text in SUMMARY.findall(path.read_text(encoding="utf-8")):
            yield path, 0, text


def picture_words() -> Iterator[tuple[Path, int, str]]:
    """What the pictures of notebooks and package say, and the names that notebooks print: file, no line, and text."""
    for path in notebooks():
        own = own_code(nbformat.read(path, as_version=4))
        elsewhere = bound(ast.parse("\n".join(own)))
        yield from ((path, 0, text) for source in own for text in drawn(source, elsewhere))
        yield from ((path, 0, text) for source in own for text in printed.names(source, "\n".join(own)))
    for path in sorted(PACKAGE.glob("figures/*.py")):
        yield from ((path, 0, text) for text in drawn(path.read_text(encoding="utf-8")))


def own_code(notebook: nbformat.NotebookNode) -> list[str]:
    """What stands in a notebook's cells of code, but for the setup cell."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [cell.source for cell in code if "setup" not in cell.metadata.get("tags", [])]


def printed_by(notebook: Path) -> list[str]:
    """The texts that a notebook's code prints."""
    return [text for source in own_code(nbformat.read(notebook, as_version=4)) for text in printed.texts(source)]


def add_printed(template: Path, notebook: Path) -> None:
    """Add what a notebook's code prints to what its page asks translators for."""
    with template.open("rb") as file:
        asked = read_po(file)
    for text in printed_by(notebook):
        asked.add(text)
    with template.open("wb") as file:
        write_po(file, asked, width=76)


def notebooks() -> list[Path]:
    """The series, in its order."""
    return sorted(ROOT.glob("notebooks/[0-9]*.ipynb"))


def template() -> Catalog:
    """All words of the package and of the pictures, each with the files that say it."""
    words = Catalog(project="vaelib", copyright_holder="The vaelib authors")
    for path, line, text in (*own_words(), *picture_words()):
        words.add(text, locations=[(path.relative_to(ROOT).as_posix(), line)])
    return words


def path_of(language: str) -> Path:
    """Where a language's words lie."""
    return PACKAGE / "locale" / language / "LC_MESSAGES" / "vaelib.po"


def read(path: Path) -> Catalog:
    """A language's words as they stand, in any catalogue below a folder LANGUAGE/LC_MESSAGES."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[path.parts.index("LC_MESSAGES") - 1])


def done(words: Catalog) -> list[Message]:
    """What of a catalogue is translated, and not for an older text."""
    return [message for message in words if message.id and message.string and not message.fuzzy]


def catalogue(path: Path) -> Catalog:
    """A language's words, brought in step with those that are said now."""
    words = read(path)
    words.update(template(), update_creation_date=False)
    return words


def written(words: Catalog) -> bytes:
    """The catalogue as a file, without the lines' numbers, which change too often."""
    text = io.BytesIO()
    write_po(text, words, width=120, ignore_obsolete=True, include_lineno=False)
    return text.getvalue()


def of_javascript(message: Message) -> bool:
    """Whether the pages' own code says it."""
    return any(place.endswith(".js") for place, _ in message.locations)


def has_fields(message: Message) -> bool:
    """Whether code fills in a part of it, in a picture."""
    return bool(FIELD.search(MATHS.sub("", message.id)))


LISTS = {"page.json": of_javascript, "patterns.json": has_fields}


def compiled(words: Catalog) -> dict[str, bytes]:
    """What the package reads at run time, by the names of the files."""
    binary = io.BytesIO()
    write_mo(binary, words)
    files = {"vaelib.mo": binary.getvalue()}
    for name, chosen in LISTS.items():
        said = {message.id: message.string for message in done(words) if chosen(message)}
        files[name] = (json.dumps(said, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
    return files


def catalogues() -> list[Path]:
    """The package's catalogues, one a language."""
    return sorted(PACKAGE.glob("locale/*/LC_MESSAGES/*.po"))


def update() -> None:
    """Bring all in step, and compile them."""
    for path in catalogues():
        words = catalogue(path)
        path.write_bytes(written(words))
        for name, content in compiled(words).items():
            (path.parent / name).write_bytes(content)
