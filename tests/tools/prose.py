"""Ties the numbers of a "What you saw" paragraph to what was seen: an output, or the code, of the cells just above.

A number of the paragraph that stands in neither says in the metadata of its cell where it comes from:

    "numbers": {"22": "difference", "60": "rounded", "0.6": "picture", "32": "known"}

All but the last two are worked out again. What is read off a picture or a slider, and what is known beforehand (the
bits of a float, the size of MNIST, a value that the text derives), is not in any output.
"""

import ast
import itertools
import math
import re

from nbval_tolerance import NUMBER, Number, numbers, parse, texts

ABOVE = 3  # code cells that a paragraph may speak of
SOURCES = {  # of numbers that were seen, what may be told of them
    "rounded": lambda near, earlier: near,
    "earlier": lambda near, earlier: earlier,
    "difference": lambda near, earlier: [one - other for one, other in itertools.permutations(near, 2)],
    "ratio": lambda near, earlier: [one / other for one, other in itertools.permutations(near, 2) if other],
    "complement": lambda near, earlier: [100 - one for one in near],  # of a percentage
    "exponential": lambda near, earlier: [math.exp(one) for one in near if abs(one) < 50],  # of nats
}
UNSEEN = ("picture", "known")
NO_NEED = "it needs no source"
PARAGRAPH = re.compile(r"^(?:> )?\*\*What you saw\*\*.*?(?=\n\s*\n|\Z)", re.DOTALL | re.MULTILINE)
# Formulas, code and the targets of links are no statements about an output.
NO_PROSE = re.compile(r"\$\$.*?\$\$|\$[^$]+\$|`[^`]*`|\]\([^)]*\)", re.DOTALL)


def quoted(source: str) -> list[str]:
    """The numbers that a cell's "What you saw" paragraphs state, as they are written."""
    plain = [NO_PROSE.sub(" ", paragraph[0]) for paragraph in PARAGRAPH.finditer(source)]
    return [shown.rstrip(".") for text in plain for shown in NUMBER.findall(text)]


def put_out(cell) -> list[Number]:
    """The numbers of a code cell's outputs."""
    return [number for output in cell.outputs for text in texts(output).values() for number in numbers(text)]


def constants(cell) -> list[Number]:
    """The numbers that stand in a cell's code."""
    values = [node.value for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Constant)]
    return [Number(float(value), 0.0) for value in values if type(value) in (int, float)]


def rounds_to(value: float, stated: Number, units: float) -> bool:
    """Whether a value is a stated number to so many units of its last digit; a loss may be told without its sign."""
    return abs(abs(value) - abs(stated.value)) <= stated.unit * units * (1 + 1e-6)


def comes_from(source: str, number: str, near: list[Number], earlier: list[Number]) -> bool:
    """Whether a number is what its source says of what was seen, to a unit of its last digit that is no closing 0."""
    if source in UNSEEN:
        return True
    stated = parse(number)
    zeros = len(number) - len(number.rstrip("0,")) - number[len(number.rstrip("0,")) :].count(",")
    unit = stated.unit * 10.0 ** (zeros if "." not in number else 0)
    values = SOURCES[source]([n.value for n in near], [n.value for n in earlier])
    return any(abs(abs(value) - abs(stated.value)) < unit * (1 + 1e-6) for value in values)


def complaint(number: str, source: str | None, above: list, units: float) -> str | None:
    """What is wrong with a number of a paragraph and the source it states, given the code cells above it; or None."""
    near = [shown for cell in above[-ABOVE:] for shown in put_out(cell)]
    found = near + [constant for cell in above[-ABOVE:] for constant in constants(cell)]
    tied = any(rounds_to(n.value, parse(number), units) for n in found)
    if source is None:
        return None if tied else f"{number} is in none of the {ABOVE} code cells above, nor is its source stated"
    if tied:
        return f"{number} is in a cell above; {NO_NEED}"
    if source not in SOURCES and source not in UNSEEN:
        return f"{source!r} is no source; there are {', '.join([*SOURCES, *UNSEEN])}"
    earlier = [shown for cell in above for shown in put_out(cell)]
    return None if comes_from(source, number, near, earlier) else f"{number} does not come from above as {source!r}"


def loose_numbers(notebook, units: float = 0.5) -> list[str]:
    """Complaints about numbers of "What you saw" paragraphs that nothing above shows, to so many units of theirs."""
    complaints, above = [], []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            above += [] if "setup" in cell.metadata.get("tags", []) else [cell]
            continue
        sources, written = cell.metadata.get("numbers", {}), quoted(cell.source)
        found = [complaint(number, sources.get(number), above, units) for number in dict.fromkeys(written)]
        found += [f"{number} is not in its text" for number in sources if number not in written]
        complaints += [f"cell {cell.id}: {text}" for text in found if text]
    return complaints
