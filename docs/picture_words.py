"""The words that a notebook's or a module's Python puts into pictures, read from its text, for translators."""

import ast
import itertools
import re
from collections.abc import Iterator

from vaelib.languages import FIELD

# The functions whose arguments are words in a picture, and the arguments that are, of any function.
DRAWING = {"annotate", "set_label", "set_text", "set_title", "set_xlabel", "set_ylabel", "suptitle", "text"}
NAMED = {
    "activation",
    "alt",
    "caption",
    "density_label",
    "label",
    "labels",
    "suptitle",
    "title",
    "titles",
    "xlabel",
    "xticklabels",
    "ylabel",
    "yticklabels",
}
# What hands on the strings that it is given, and the code in which strings stand as they are.
HANDED_ON = {"dict", "enumerate", "items", "list", "replace", "reversed", "sorted", "tuple", "zip"}
CONTAINERS = (
    *(ast.Attribute, ast.BinOp, ast.Call, ast.Constant, ast.Dict, ast.DictComp, ast.GeneratorExp),
    *(ast.IfExp, ast.JoinedStr, ast.List, ast.ListComp, ast.Name, ast.Tuple),
)
MATHS = re.compile(r"\$[^$]*\$")
CODE = re.compile(r"\w+(?:[._]\w+)+")

Bound = dict[str, list[ast.expr]]


def bound(tree: ast.AST) -> Bound:
    """What each name is assigned, runs over in a loop, or is as a parameter unless a call says more."""
    found: Bound = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for name, value in _defaults(node.args):
                found.setdefault(name, []).append(value)
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AugAssign):
            before = found.get(ast.unparse(node.target), [node.value])[-1]
            added = ast.BinOp(before, node.op, node.value)
            targets, value = [node.target], added if _text(before) and _text(node.value) else node.value
        elif isinstance(node, ast.For | ast.comprehension):
            targets, value = [node.target], node.iter
        else:
            continue
        for target in (part for one in targets for part in getattr(one, "elts", [one])):
            if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                found.setdefault(target.value.id, []).append(ast.Dict([target.slice], [value]))
            else:
                for name in (part for part in ast.walk(target) if isinstance(part, ast.Name)):
                    found.setdefault(name.id, []).append(value)
    return found


def _defaults(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    """The parameters that have a value of their own, and it."""
    by_place = [*arguments.posonlyargs, *arguments.args][::-1]
    given = [*zip(by_place, arguments.defaults[::-1], strict=False)]
    given += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    yield from ((parameter.arg, value) for parameter, value in given if value is not None)


def handed(tree: ast.AST) -> Bound:
    """What each parameter of a function that the tree defines is handed in its calls."""
    found: Bound = {}
    functions = {node.name: node.args.args for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        by_place = zip(functions.get(call.func.id, []), call.args, strict=False)
        by_name = ((one.arg, one.value) for one in call.keywords if call.func.id in functions and one.arg)
        for name, value in (*((parameter.arg, value) for parameter, value in by_place), *by_name):
            found.setdefault(name, []).append(value)
    return found


def drawn(source: str, elsewhere: Bound | None = None) -> Iterator[str]:
    """The words that Python puts into pictures: where they stand there as they are shown, or have a name there.

    `elsewhere` is what the names mean that the source does not give itself.
    """
    tree = ast.parse(source)
    names = (elsewhere or {}) | bound(tree)
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        for argument in _worded(call, names):
            yield from filter(has_words, constants(argument, names))


def _worded(call: ast.Call, names: Bound) -> list[ast.expr]:
    """The arguments of a call that are words in a picture."""
    arguments = [keyword.value for keyword in call.keywords if keyword.arg in NAMED]
    if isinstance(call.func, ast.Attribute) and call.func.attr in DRAWING:
        arguments += call.args
    called = ast.unparse(call.func)
    if called.startswith("figures."):  # rows, curves and samples by their names
        arguments += [key for argument in call.args for key in _keys(argument, names)]
    if called == "vaelib.live_figure":
        arguments += [keyword.value for keyword in call.keywords if isinstance(keyword.value, ast.List)]  # choices
    return arguments


def _keys(node: ast.expr, names: Bound) -> Iterator[ast.expr]:
    """The keys of a dictionary, written out or by its name."""
    if isinstance(node, ast.Name):
        for value in names.get(node.id, []):
            yield from _keys(value, {})
    if isinstance(node, ast.Dict):
        yield from (key for key in node.keys if key is not None)
    if isinstance(node, ast.DictComp):
        yield node.key
    if isinstance(node, ast.BinOp):
        yield from [*_keys(node.left, names), *_keys(node.right, names)]


def constants(node: ast.expr, names: Bound) -> Iterator[str]:
    """The strings in an argument: itself, or those of a list, a tuple, a choice or a dictionary's values.

    What is filled in at run time, such as the f-string `f"after {n} epochs"`, becomes a pattern: "after {0} epochs". Of
    a name it is every string in what the name is given.
    """
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    if isinstance(node, ast.Name):
        others = {name: given for name, given in names.items() if name != node.id}
        for part in _given(node.id, names):
            yield from constants(part, others)
    if isinstance(node, ast.JoinedStr):
        yield from _patterns(node)
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from constants(part.value, names)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "replace":
        yield from constants(node.func.value, names)
    if isinstance(node, ast.ListComp | ast.GeneratorExp):
        yield from constants(node.elt, names)
    if isinstance(node, ast.IfExp):
        yield from constants(node.body, names)
        yield from constants(node.orelse, names)
    for inner in getattr(node, "elts", []) + getattr(node, "values", []) * isinstance(node, ast.Dict):
        yield from constants(inner, names)


def _patterns(node: ast.JoinedStr) -> Iterator[str]:
    """What an f-string says, a field for each value but a choice of two strings, which makes two texts.

    It is for `str.format`, so a brace of the text itself stands twice.
    """
    ways = [[part.value.body, part.value.orelse] if _chooses(part) else [part] for part in node.values]
    for way in itertools.product(*ways):
        number = itertools.count()
        yield "".join(_escaped(part) if isinstance(part, ast.Constant) else f"{{{next(number)}}}" for part in way)


def _escaped(part: ast.Constant) -> str:
    return part.value.replace("{", "{{").replace("}", "}}")


def _chooses(part: ast.expr) -> bool:
    """Whether a part of an f-string is one of two strings."""
    value = part.value if isinstance(part, ast.FormattedValue) else None
    ends = (value.body, value.orelse) if isinstance(value, ast.IfExp) else ()
    return bool(ends) and all(isinstance(end, ast.Constant) and isinstance(end.value, str) for end in ends)


def _given(name: str, names: Bound) -> Iterator[ast.expr]:
    """The strings in what a name is given, directly or by other names."""
    waiting, seen = list(names.get(name, [])), {name}
    while waiting:
        part = _joined(waiting.pop(0))
        if isinstance(part, ast.Constant | ast.JoinedStr):
            yield part
        elif isinstance(part, ast.Name) and part.id not in seen:
            seen.add(part.id)
            waiting += names.get(part.id, [])
        elif not isinstance(part, ast.Call) or ast.unparse(part.func).rpartition(".")[2] in HANDED_ON:
            waiting += [inner for inner in ast.iter_child_nodes(part) if isinstance(inner, CONTAINERS)]


def _joined(node: ast.expr) -> ast.expr:
    """Two texts that are added, or a name and a text, such as `name + ", fitted"`, as one f-string; or the node."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        ends = node.left, node.right
        if any(map(_text, ends)) and all(isinstance(end, ast.Name) or _text(end) for end in ends):
            return ast.JoinedStr([part for end in ends for part in _parts(end)])
    return node


def _text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _parts(node: ast.expr) -> list[ast.expr]:
    """What an f-string would hold of a text or a name."""
    if isinstance(node, ast.JoinedStr):
        return node.values
    return [ast.FormattedValue(node, -1) if isinstance(node, ast.Name) else node]


def has_words(name: str) -> bool:
    """Whether a name may have another in a language: "VAE" has not, nor "N(0, I)", nor "log_var", which is code."""
    return bool(re.search("[a-z]{2}|-D\\b", MATHS.sub("", FIELD.sub("", name)))) and not CODE.fullmatch(name)
