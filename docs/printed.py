"""What a notebook's code prints, in another language: the strings that `print` is called with, and names in them.

A text is what stands between the quotes, with its fields: `epoch {n:>2}: held out {elbo:.0f} nats`. It is translated
in the code. What a field may be at run time, such as a dictionary's key, is no text of the code, which goes on to use
the key: it passes through `vaelib.languages.said` as it is printed.
"""

import ast
import functools
import re
from collections.abc import Callable

import libcst
from libcst import matchers
from picture_words import Bound, bound, constants, handed, has_words

Lookup = Callable[[str], str | None]

FIELD = re.compile(r"(?<!\{)\{(?!\{)[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")
LETTERS = re.compile("[A-Za-z]{2}")
NUMERIC = re.compile(r"[bdeEfFgGnoxX%]$")  # the type at the end of a format, which no string has
PRINT = matchers.Call(func=matchers.Name("print"))
METHOD = matchers.Call(func=matchers.Attribute(attr=matchers.OneOf(*map(matchers.Name, ("format", "join", "replace")))))
NAMING = libcst.Name | libcst.SimpleString | libcst.IfExp  # what may be a name at run time
EMPTY = libcst.Module([])


class _Printed(libcst.CSTTransformer):
    """Replaces each printed text by what `lookup` gives for it, and sends each name that it has words for past `said`.

    What it was asked for stays in `texts` and `names`.
    """

    def __init__(self, lookup: Lookup, given: list[Bound], lists: set[str]):
        super().__init__()
        self.lookup, self.given, self.in_field = lookup, given, False
        self.lists = {f"{name}.append" for name in lists}
        self.texts: list[str] = []
        self.names: list[str] = []

    def leave_Call(self, original_node: libcst.Call, updated_node: libcst.Call) -> libcst.Call:
        printed = matchers.matches(original_node, PRINT) or _code(original_node.func) in self.lists
        return self._handed(updated_node) if printed else updated_node

    def _said(self, node):
        """An expression that is printed, with its strings in the language: they alone, and none that is a key."""
        match node:
            case libcst.SimpleString() if self.in_field:
                return self._name(node)
            case libcst.SimpleString():
                return self._text(node, node.prefix + node.quote, node.raw_value, node.quote)
            case libcst.FormattedString():
                made = self._text(node, node.start, "".join(map(_code, node.parts)), node.end)
                return made.with_changes(parts=[self._field(part) for part in made.parts])
            case libcst.ConcatenatedString() | libcst.BinaryOperation():
                return node.with_changes(left=self._said(node.left), right=self._said(node.right))
            case libcst.IfExp():
                return node.with_changes(body=self._said(node.body), orelse=self._said(node.orelse))
            case libcst.GeneratorExp() | libcst.ListComp():
                return node.with_changes(elt=self._said(node.elt))
            case libcst.List() | libcst.Tuple():
                return node.with_changes(elements=self._each(node.elements))
            case libcst.Call() if matchers.matches(node, METHOD):
                words = node.with_changes(func=node.func.with_changes(value=self._said(node.func.value)))
                return self._handed(words, joined=True) if node.func.attr.value == "join" else words
            case libcst.Name():
                return self._name(node)
        return node

    def _each(self, parts):
        return [part.with_changes(value=self._said(part.value)) for part in parts]

    def _handed(self, call: libcst.Call, joined: bool = False) -> libcst.Call:
        """The call with its arguments in the language, and with each part of those of which it prints the parts."""
        args = self._each(call.args)
        for place, (before, after) in enumerate(zip(call.args, args, strict=True)):
            if isinstance(before.value, libcst.Name) and after.value is not before.value and (joined or before.star):
                parts = libcst.parse_expression(f"map(said, {before.value.value})")
                args[place] = after.with_changes(value=parts)
        return call.with_changes(args=args)

    def _text(self, node, start: str, text: str, end: str):
        if not says_something(text):
            return node
        self.texts.append(text)
        words = self.lookup(text)
        if words is None or words == text:
            return node
        if sorted(FIELD.findall(words)) != sorted(FIELD.findall(text)):
            raise ValueError(f"the fields of {text!r} must stand in its translation as they are, got {words!r}")
        try:
            made = libcst.parse_expression(start + words + end)
        except libcst.ParserSyntaxError:
            made = None
        if type(made) is not type(node):
            raise ValueError(f"the translation of {text!r} must fit between its quotes, got {words!r}")
        return made.with_changes(lpar=node.lpar, rpar=node.rpar)

    def _field(self, part):
        """A part of an f-string: a field is what the code says, but for a name, and for strings that it joins."""
        if not isinstance(part, libcst.FormattedStringExpression):
            return part
        spec = "".join(map(_code, part.format_spec or []))
        if part.conversion or NUMERIC.search(spec):
            return part
        if isinstance(part.expression, NAMING):
            return part.with_changes(expression=self._name(part.expression))
        outside, self.in_field = self.in_field, True
        made = part.with_changes(expression=self._said(part.expression))
        self.in_field = outside
        return made

    def _name(self, node):
        """What is printed by a name, or chosen of names."""
        asked = ast.parse(_code(node).strip(), mode="eval").body
        found = next(filter(None, (list(filter(has_words, constants(asked, given))) for given in self.given)), [])
        self.names += found
        if all(self.lookup(text) in (None, text) for text in found):
            return node
        return libcst.Call(libcst.Name("said"), [libcst.Arg(node)])


def _lists(tree: ast.AST) -> set[str]:
    """The lists of which the parts are printed, joined or one by one."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"]
    parts = [one.value for call in calls for one in call.args if isinstance(one, ast.Starred)]
    inside = (node for call in calls for node in ast.walk(call) if isinstance(node, ast.Call))
    joins = (node for node in inside if isinstance(node.func, ast.Attribute) and node.func.attr == "join")
    return {part.id for part in [*parts, *(part for join in joins for part in join.args)] if isinstance(part, ast.Name)}


def _code(node: libcst.CSTNode) -> str:
    return EMPTY.code_for_node(node)


def says_something(text: str) -> bool:
    """Whether there is a word beside the fields."""
    return bool(LETTERS.search(FIELD.sub("", text)))


@functools.cache
def _meanings(notebook: str) -> tuple[Bound, Bound]:
    """What the names and the parameters mean in a notebook's code."""
    tree = ast.parse(notebook)
    return bound(tree), handed(tree)


def _read(source: str, lookup: Lookup, notebook: str) -> tuple[_Printed, libcst.Module]:
    elsewhere, parameters = _meanings(notebook)
    tree = ast.parse(source)
    own = elsewhere | bound(tree)
    own |= {name: own.get(name, []) + parts for name, parts in parameters.items()}
    printed = _Printed(lookup, [own, elsewhere], _lists(tree))
    return printed, libcst.parse_module(source).visit(printed)


def texts(source: str) -> list[str]:
    """The texts that a cell's code prints."""
    return list(dict.fromkeys(_read(source, {}.get, "")[0].texts))


def names(source: str, notebook: str = "") -> list[str]:
    """What a cell's code prints by a name, of which the notebook's other code may say what it means."""
    return list(dict.fromkeys(_read(source, {}.get, notebook)[0].names))


def translated(source: str, lookup: Lookup, notebook: str = "") -> str:
    """The code with each printed text for which `lookup` has another in its place, and `said` around names.

    Raises:
        ValueError: for a translation that lacks a field, has one more, or ends the string.
    """
    return _read(source, lookup, notebook)[1].code
