"""The package's own words for translators: extracted from its Python and JavaScript, and compiled for running.

The words on what the notebooks fold away (Hint, Solution) are among them.

A catalogue is `vaelib/locale/LANGUAGE/LC_MESSAGES/vaelib.po`, or `pictures.po` for the words, captions and descriptions
of the notebooks' pictures, which `vaelib.figures` translates. Beside them lie `vaelib.mo` and `pictures.mo`, which
Python reads, `page.json`, with what the JavaScript says, and `patterns.json`, the pictures' texts with fields.
"""

import ast
import io
import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
from babel.messages import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from translate import SUMMARY

from vaelib.languages import FIELD

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "vaelib"
BOOK = ROOT / "docs" / "book.py"  # says a few words on the pages, too
KEYWORDS = {"tr": None}
# The functions whose arguments are words in a picture, and the arguments that are, of any function.
DRAWING = {"annotate", "set_label", "set_text", "set_title", "set_xlabel", "set_ylabel", "suptitle", "text"}
NAMED = {"alt", "caption", "label", "labels", "suptitle", "title", "xlabel", "xticklabels", "ylabel", "yticklabels"}
# What hands on the strings that it is given, and the code in which strings stand as they are.
HANDED_ON = {"dict", "enumerate", "items", "list", "replace", "reversed", "sorted", "tuple", "zip"}
CONTAINERS = (
    *(ast.Attribute, ast.BinOp, ast.Call, ast.Constant, ast.Dict, ast.DictComp, ast.IfExp, ast.JoinedStr),
    *(ast.List, ast.ListComp, ast.Name, ast.Tuple),
)
MATHS = re.compile(r"\$[^$]*\$")


def praises(path: Path) -> Iterator[tuple[int, str]]:
    """What the checkers of exercises praise a right answer with: the first lines of their docstrings."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and "checker" in map(ast.unparse, node.decorator_list):
            yield node.lineno, (ast.get_docstring(node) or "").partition("\n")[0]


def template() -> Catalog:
    """All words of the package, each with the files that say it."""
    words = Catalog(project="vaelib", copyright_holder="The vaelib authors")
    for path in sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.js"), BOOK]):
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


def read(path: Path) -> Catalog:
    """A language's words as they stand."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3])


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


Bound = dict[str, list[ast.expr]]


def bound(tree: ast.AST) -> Bound:
    """What each name is assigned, or runs over in a loop."""
    found: Bound = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AugAssign):
            targets, value = [node.target], node.value
        elif isinstance(node, ast.For | ast.comprehension):
            targets, value = [node.target], node.iter
        else:
            continue
        for name in (part for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)):
            found.setdefault(name.id, []).append(value)
    return found


def drawn(source: str, elsewhere: Bound | None = None) -> Iterator[str]:
    """The words that Python puts into pictures: where they stand there as they are shown, or have a name there.

    `elsewhere` is what the names mean that the source does not give itself.
    """
    tree = ast.parse(source)
    names = (elsewhere or {}) | bound(tree)
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        for argument in _worded(call):
            yield from filter(_has_words, _constants(argument, names))


def _worded(call: ast.Call) -> list[ast.expr]:
    """The arguments of a call that are words in a picture."""
    arguments = [keyword.value for keyword in call.keywords if keyword.arg in NAMED]
    if isinstance(call.func, ast.Attribute) and call.func.attr in DRAWING:
        arguments += call.args
    called = ast.unparse(call.func)
    if called.startswith("figures."):  # rows, curves and samples by their names
        named = [argument for argument in call.args if isinstance(argument, ast.Dict)]
        arguments += [key for argument in named for key in argument.keys if key is not None]
    if called == "vaelib.live_figure":
        arguments += [keyword.value for keyword in call.keywords if isinstance(keyword.value, ast.List)]  # choices
    return arguments


def _constants(node: ast.expr, names: Bound) -> Iterator[str]:
    """The strings in an argument: itself, or those of a list, a tuple, a choice or a dictionary's values.

    What is filled in at run time, such as the f-string `f"after {n} epochs"`, becomes a pattern: "after {0} epochs". Of
    a name it is every string in what the name is given.
    """
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    if isinstance(node, ast.Name):
        for part in _given(node.id, names):
            yield from _constants(part, {})
    if isinstance(node, ast.JoinedStr):
        yield from _patterns(node)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from _constants(part.value, names)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "replace":
        yield from _constants(node.func.value, names)
    if isinstance(node, ast.ListComp):
        yield from _constants(node.elt, names)
    if isinstance(node, ast.IfExp):
        yield from _constants(node.body, names)
        yield from _constants(node.orelse, names)
    for inner in getattr(node, "elts", []) + getattr(node, "values", []) * isinstance(node, ast.Dict):
        yield from _constants(inner, names)


def _patterns(node: ast.JoinedStr) -> Iterator[str]:
    """What an f-string says, a field for each value but a choice of two strings, which makes two texts."""
    ways = [[part.value.body, part.value.orelse] if _chooses(part) else [part] for part in node.values]
    for way in itertools.product(*ways):
        number = itertools.count()
        yield "".join(part.value if isinstance(part, ast.Constant) else f"{{{next(number)}}}" for part in way)


def _chooses(part: ast.expr) -> bool:
    """Whether a part of an f-string is one of two strings."""
    value = part.value if isinstance(part, ast.FormattedValue) else None
    ends = (value.body, value.orelse) if isinstance(value, ast.IfExp) else ()
    return bool(ends) and all(isinstance(end, ast.Constant) and isinstance(end.value, str) for end in ends)


def _given(name: str, names: Bound) -> Iterator[ast.expr]:
    """The strings in what a name is given, directly or by other names."""
    waiting, seen = list(names.get(name, [])), {name}
    while waiting:
        part = waiting.pop(0)
        if isinstance(part, ast.Constant | ast.JoinedStr):
            yield part
        elif isinstance(part, ast.Name) and part.id not in seen:
            seen.add(part.id)
            waiting += names.get(part.id, [])
        elif not isinstance(part, ast.Call) or ast.unparse(part.func).rpartition(".")[2] in HANDED_ON:
            waiting += [inner for inner in ast.iter_child_nodes(part) if isinstance(inner, CONTAINERS)]


def _has_words(text: str) -> bool:
    return bool(re.search("[a-zA-Z]{3}", MATHS.sub("", FIELD.sub("", text))))


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
    done = [message for message in words if message.id and message.string and not message.fuzzy]
    if name == "vaelib":
        chosen = [message for message in done if any(place.endswith(".js") for place, _ in message.locations)]
    else:
        chosen = [message for message in done if FIELD.search(MATHS.sub("", message.id))]
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
