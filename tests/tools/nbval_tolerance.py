"""A plugin for pytest over nbval's comparison: words exactly, numbers within the tolerance that their cell states.

Sums are rounded in another order on another processor or by another version of JAX, and a training makes more of it. A
cell whose numbers move says in its metadata by how much, in either or both of two measures, which add up:

    "tolerance": {"units": 2}                      2 in the last digit shown: 6.8 stands for 6.6 to 7.0
    "tolerance": {"units": 1, "relative": 0.05}    1 in the last digit, and 5% of the number

All other cells are compared letter for letter. Where a tolerance is stated, spaces beside a number are not compared, as
a table pads 9 and 10 differently; how many numbers there are, and all that is not a number, has to agree.
"""

import copy
import math
import os
import re
from itertools import zip_longest
from typing import NamedTuple

import pytest
from nbval.plugin import IPyNbCell

# 1,234.5 or 1e-07 or .5 or inf, with its sign; z20 is a name, and 2 in "2-D" a number.
NUMBER = re.compile(
    r"(?<![\w.])[-+−]?(?:(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)(?:\.\d*)?(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?|(?:inf|nan)(?!\w))",
    re.IGNORECASE,
)


class Number(NamedTuple):
    """A number as it is shown: its value, and one unit of its last digit."""

    value: float
    unit: float


def parse(shown: str) -> Number:
    """What a match of NUMBER says."""
    plain = shown.replace("−", "-").replace(",", "").lower()
    mantissa, _, exponent = plain.partition("e")
    decimals = len(mantissa.partition(".")[2])
    return Number(float(plain), 10.0 ** (int(exponent or 0) - decimals))


def numbers(text: str) -> list[Number]:
    """All numbers of a text, in its order."""
    return [parse(shown) for shown in NUMBER.findall(text)]


def words(text: str) -> list[str]:
    """What stands between the numbers, without the spaces beside them."""
    return [between.strip(" ") for between in NUMBER.split(text)]


def malformed(tolerance) -> str | None:
    """What is wrong with a stated tolerance, or None."""
    if not isinstance(tolerance, dict) or not tolerance or set(tolerance) - {"units", "relative"}:
        return f'a tolerance is {{"units": 2}} or {{"units": 1, "relative": 0.05}}, not {tolerance!r}'
    units, relative = tolerance.get("units", 0), tolerance.get("relative", 0)
    if type(units) is not int or units < 0:
        return f"units of the last digit are a whole number of at least 0, not {units!r}"
    if type(relative) not in (int, float) or not 0 <= relative < 1:
        return f"a relative tolerance lies from 0 to below 1, not {relative!r}"
    return None if units or relative else "a tolerance of nothing: leave it out"


def agrees(number: Number, stored: Number, tolerance: dict) -> bool:
    """Whether a number lies within the tolerance of the stored one; nan and infinities must be the same."""
    if not (math.isfinite(number.value) and math.isfinite(stored.value)):
        return str(number.value) == str(stored.value)
    unit = max(number.unit, stored.unit)
    allowed = tolerance.get("units", 0) * unit + tolerance.get("relative", 0) * abs(stored.value)
    return abs(number.value - stored.value) <= allowed + 1e-6 * unit  # decimal fractions are not exact in binary


def matches(text: str, stored: str, tolerance: dict) -> bool:
    """Whether a text is the stored one, but for numbers within the tolerance and the spaces beside them."""
    if text == stored:
        return True
    if words(text) != words(stored):
        return False
    pairs = zip(numbers(text), numbers(stored), strict=True)
    return all(agrees(number, reference, tolerance) for number, reference in pairs)


def texts(output) -> dict[str, str]:
    """The texts of an output by their kind: a stream's name or a MIME type."""
    if output["output_type"] == "stream":
        return {output["name"]: output["text"]}
    return {kind: text for kind, text in output.get("data", {}).items() if kind.startswith("text/")}


def settle(outputs, stored, tolerance: dict, sanitize):
    """The outputs with each text that matches the stored one replaced by it, so that what is left differs."""
    settled = copy.deepcopy(outputs)
    for output, reference in zip_longest(settled, stored, fillvalue={"output_type": ""}):
        for kind, text in texts(output).items():
            expected = texts(reference).get(kind)
            if expected is not None and matches(sanitize(text), sanitize(expected), tolerance):
                if kind.startswith("text/"):
                    output["data"][kind] = expected
                else:
                    output["text"] = expected
    return settled


def pytest_configure(config):
    """Let the notebooks speak English, as their stored outputs do, whatever the machine's locale."""
    os.environ["VAELIB_LANG"] = "en"


def pytest_itemcollected(item):
    """Let a cell that states a tolerance be compared within it."""
    if isinstance(item, IPyNbCell) and "tolerance" in item.cell.metadata:
        tolerance, compare = item.cell.metadata.tolerance, item.compare_outputs
        if problem := malformed(tolerance):
            raise pytest.UsageError(f"{item.nodeid}: {problem}")
        item.compare_outputs = lambda test, ref, *skip: compare(settle(test, ref, tolerance, item.sanitize), ref, *skip)
