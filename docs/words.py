"""The package's own words for translators: extracted from its Python and JavaScript, and compiled for running.

The words on what the notebooks fold away (Hint, Solution) are among them.

A catalogue is `vaelib/locale/LANGUAGE/LC_MESSAGES/vaelib.po`, or `pictures.po` for the words, captions and descriptions
of the notebooks' pictures, which `vaelib.figures` translates. Beside them lie `vaelib.mo` and `pictures.mo`, which
Python reads, `page.json`, with what the JavaScript says, and `patterns.json`, the pictures' texts with fields.
"""

import ast
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
from babel.messages import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from picture_words import MATHS, bound, drawn
from translate import SUMMARY

from vaelib.languages import FIELD

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "vaelib"
BOOK = (ROOT / "docs" / "book.py", ROOT / "docs" / "figure_numbers.py")  # say a few words on the pages, too
KEYWORDS = {"tr": None}


def praises(path: Path) -> Iterator[tuple[int, str]]:
    """What the checkers of exercises praise a right answer with: the first lines of their docstrings."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and "checker" in map(ast.unparse, node.decorator_list):
            yield node.lineno, (ast.get_docstring(node) or "").partition("\n")[0]


def template() -> Catalog:
    """All words of the package, each with the files that say it."""
    words = Catalog(project="vaelib", copyright_holder="The vaelib authors")
    for path in sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.js"), *BOOK]):
        place = path.relative_to(ROOT).as_posix()
        with path.open("rb") as file:
            options = {"encoding": "utf-8", "parse_template_string": True}
            method = "python" if path.suffix == ".py" else "javascript"
            found = [(line, text) for line, text, *_ in extract(method, file, KEYWORDS, options=options)]
        for line, text in [*found, *(praises(path) if path.suffix == ".py" else ())]:
            words.add(text, locations=[(place, line)])
    for path in sorted(ROOT.glob("notebooks/[0-9]*.ipynb")):
        for text in SUMMARY.findall(path.read_text(encoding="utf-8")):
            words.add(text, locations=[(path.relative_to(ROOT).as_posix(), 0)])
    return words


def path_of(language: str, name: str) -> Path:
    """Where a language's words lie, those named "vaelib" or "pictures"."""
    return PACKAGE / "locale" / language / "LC_MESSAGES" / f"{name}.po"


def read(path: Path) -> Catalog:
    """A language's words as they stand."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3])


def done(words: Catalog) -> list[Message]:
    """What of a catalogue is translated, and not for an older text."""
    return [message for message in words if message.id and message.string and not message.fuzzy]


def pictures() -> Catalog:
    """The words of the pictures of notebooks and package, each with the files that have them."""
    words = Catalog(project="vaelib", copyright_holder="The vaelib authors")
    for path in sorted(ROOT.glob("notebooks/[0-9]*.ipynb")):
        code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        own = [cell.source for cell in code if "setup" not in cell.metadata.get("tags", [])]
        elsewhere = bound(ast.parse("\n".join(own)))
        for text in (text for source in own for text in drawn(source, elsewhere)):
            words.add(text, locations=[(path.relative_to(ROOT).as_posix(), 0)])
    for path in sorted(PACKAGE.glob("figures/*.py")):
        for text in drawn(path.read_text(encoding="utf-8")):
            words.add(text, locations=[(path.relative_to(ROOT).as_posix(), 0)])
    return words


LISTS = {"vaelib": "page.json", "pictures": "patterns.json"}
TEMPLATES: dict[str, Callable[[], Catalog]] = {"vaelib": template, "pictures": pictures}


def catalogue(path: Path) -> Catalog:
    """A language's words, brought in step with those that are said now."""
    words = read(path)
    words.update(TEMPLATES[path.stem](), update_creation_date=False)
    return words


def written(words: Catalog) -> bytes:
    """The catalogue as a file, without the lines' numbers, which change too often."""
    text = io.BytesIO()
    write_po(text, words, width=120, ignore_obsolete=True, include_lineno=False)
    return text.getvalue()


def compiled(words: Catalog, name: str) -> dict[str, bytes]:
    """What the package reads at run time, by the names of the files."""
    binary = io.BytesIO()
    write_mo(binary, words)
    if name == "vaelib":
        chosen = [message for message in done(words) if any(place.endswith(".js") for place, _ in message.locations)]
    else:
        chosen = [message for message in done(words) if FIELD.search(MATHS.sub("", message.id))]
    said = {message.id: message.string for message in chosen}
    text = json.dumps(said, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    return {f"{name}.mo": binary.getvalue(), LISTS[name]: text.encode()}


def catalogues() -> list[Path]:
    """The package's catalogues, two a language."""
    return sorted(PACKAGE.glob("locale/*/LC_MESSAGES/*.po"))


def update() -> None:
    """Bring all in step, and compile them."""
    for path in catalogues():
        words = catalogue(path)
        path.write_bytes(written(words))
        for name, content in compiled(words, path.stem).items():
            (path.parent / name).write_bytes(content)
