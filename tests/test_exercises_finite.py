"""No checker of a notebook takes NaN or infinity for right: each right answer, with one put into it, is refused."""

import importlib
import re
from functools import cache, partial
from itertools import product
from pathlib import Path

import jax
import jax.numpy as jnp
import nbformat
import numpy as np
import pytest
import scipy
import scipy.special
from flax import nnx
from scipy import stats

from vaelib.data import load_mnist

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
WITHOUT_NUMBERS = {"check_bugs"}  # names of bugs
OF_NETWORKS = {"check_deeper"}  # a class
CALL = re.compile(r"^exercises\.(check_\w+)\((.*)\)$", re.MULTILINE)


@cache
def right_answers() -> dict:
    """Of each check the function and what the folded solution of its notebook gives it."""
    found = {}
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        prose, code = ("\n".join(c.source for c in cells if c.cell_type == kind) for kind in ("markdown", "code"))
        imported = re.search(r"from vaelib\.exercises import (\w+) as exercises", code)
        if not imported:
            continue
        exercises = importlib.import_module(f"vaelib.exercises.{imported[1]}")
        names = _of_the_notebook()
        for solution in re.findall(r"<summary>Solution</summary>.*?```python\n(.*?)```", prose, re.DOTALL):
            if "class " not in solution:
                exec(CALL.sub("", solution), names)
        for name, given in CALL.findall(code):
            if name not in OF_NETWORKS:
                found[name] = getattr(exercises, name), eval(f"({given},)", names)
    return found


def _of_the_notebook() -> dict:
    images = load_mnist("train", limit=10_000)[0]
    average = images[:1_000].mean(axis=0).clip(1e-3, 1 - 1e-3)
    numbers = {"images": images, "average": average, "near": {"real test digits": 9.0}}
    return numbers | {"np": np, "jnp": jnp, "jax": jax, "nnx": nnx, "scipy": scipy, "stats": stats}


def spoiled(answer, bad: float, place: int | None, part: int | None):
    """The answer, or what it returns, with `bad` in one number or in all, of one part of a tuple or of all parts."""
    if isinstance(answer, tuple | list):
        chosen = range(len(answer)) if part is None else [part % len(answer)]
        return tuple(spoiled(one, bad, place, None) if i in chosen else one for i, one in enumerate(answer))
    if callable(answer):
        return lambda *given: spoiled(answer(*given), bad, place, part)
    library = jnp if isinstance(answer, jax.Array) else np
    numbers = np.arange(np.size(answer))
    struck = numbers == (numbers if place is None else numbers[place])
    return library.where(struck.reshape(np.shape(answer)), answer + bad, answer)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of NaN and infinity: an error would hide the verdict
@pytest.mark.parametrize("name", sorted(right_answers().keys() - WITHOUT_NUMBERS))
def test_nan_and_infinity_are_never_right(name):
    check, (answer, *given) = right_answers()[name]
    assert check(answer, *given).passed is True
    for bad, place, part in product((np.nan, np.inf, -np.inf), (None, 0, -1), (None, 0, 1)):
        verdict = check(spoiled(answer, bad, place, part), *given)
        assert verdict.passed is False, f"{bad} in number {place} of part {part}, where None is all"


def test_every_check_is_tried():
    rooms = {check.__module__ for check, _ in right_answers().values()}
    checks = {name for room in rooms for name in vars(importlib.import_module(room)) if name.startswith("check_")}
    assert checks == right_answers().keys() | OF_NETWORKS


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_way_back_that_holds_nan_for_codes_of_the_prior_is_refused():
    verdict = right_answers()["check_spoil"][0](lambda: (np.exp, np.log))
    assert verdict.passed is False
    assert "back(z) is NaN" in verdict.message


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_a_callable_that_is_no_plain_function_returns_is_looked_at_too():
    check, (answer, *_) = right_answers()["check_sample_styles"]
    verdict = check(partial(spoiled(answer, np.nan, 0, None)))
    assert verdict.passed is False
    assert "NaN or infinite" in verdict.message
