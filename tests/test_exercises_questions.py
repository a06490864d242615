"""The checkers of notebook 09: right answers in any form pass, wrong ones are told what is off."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import nbformat
import numpy as np
import pytest
import scipy.special
import scipy.stats

from vaelib.exercises import questions as exercises

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "09_questions.ipynb"


def solutions():
    """The folded solutions, as a reader would paste them."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    namespace = {"exercises": exercises, "np": np, "scipy": scipy}
    for code in re.findall(r"<summary>Solution</summary>.*?```python\n(.*?)```", text, re.DOTALL):
        exec(code, namespace)
    return namespace


@pytest.mark.parametrize(
    ("check", "name"),
    [("check_laplace", "laplace_loss"), ("check_excess", "excess"), ("check_softmax", "softmax_at")],
)
def test_the_folded_solution_is_right_and_the_open_exercise_not_attempted(check, name):
    check = getattr(exercises, check)
    assert check(solutions()[name]).passed is True
    assert check(...).passed is None
    assert check(lambda *answer: None).passed is None


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        ("check_laplace", lambda x, mu, b: -scipy.stats.laplace(mu, b).logpdf(x)),
        ("check_laplace", lambda x, mu, b: jnp.abs(x - mu) / b + jnp.log(2 * b)),
        ("check_excess", lambda x, p: scipy.special.rel_entr([x, 1 - x], [p, 1 - p]).sum(axis=(0, 2))),
        ("check_excess", lambda x, p: (scipy.stats.entropy([x, 1 - x], [p, 1 - p], axis=0)).sum(-1)),
        ("check_softmax", lambda a, temperature: jax.nn.softmax(a / temperature, axis=-1)),
        ("check_softmax", lambda a, temperature: scipy.special.softmax(a / temperature, axis=-1)),
    ],
)
def test_right(check, answer):
    assert getattr(exercises, check)(answer).passed is True


def _unsafe_excess(x, p):
    return np.sum(x * np.log(x / p) + (1 - x) * np.log((1 - x) / (1 - p)), axis=-1)


@pytest.mark.parametrize(
    ("check", "answer", "hint"),
    [
        ("check_laplace", lambda x, mu, b: scipy.stats.laplace(mu, b).logpdf(x), "minus that"),
        ("check_laplace", lambda x, mu, b: np.abs(x - mu) / b, "2b is missing"),
        ("check_laplace", lambda x, mu, b: np.abs(x - mu) / b + np.log(b), "factor 2"),
        ("check_laplace", lambda x, mu, b: -scipy.stats.laplace(mu, b).logpdf(x).sum(), "sum over the examples"),
        ("check_laplace", lambda x, mu, b: (x - mu) ** 2, "should be"),
        ("check_laplace", lambda x, mu, b: print(), "missing"),
        ("check_laplace", lambda x: x, "TypeError"),
        ("check_excess", _unsafe_excess, "0 log 0"),
        ("check_excess", lambda x, p: -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum(-1), "subtract its floor"),
        ("check_excess", lambda x, p: scipy.special.rel_entr([x, 1 - x], [p, 1 - p]).sum(0), "last axis"),
        ("check_excess", lambda x, p: -scipy.special.rel_entr([x, 1 - x], [p, 1 - p]).sum((0, 2)), "sign"),
        ("check_excess", lambda x, p: ((x - p) ** 2).sum(-1), "should be"),
        ("check_excess", lambda x, p: 1 / 0, "ZeroDivisionError"),
        ("check_softmax", lambda a, t: np.exp(a / t) / np.exp(a / t).sum(-1, keepdims=True), "largest a first"),
        ("check_softmax", lambda a, t: scipy.special.softmax(a / t), "each row"),
        ("check_softmax", lambda a, t: scipy.special.softmax(a * t, axis=-1), "divide by T"),
        ("check_softmax", lambda a, t: scipy.special.softmax(a, axis=-1), "temperature 0.5"),
        ("check_softmax", lambda a, t: print(), "missing"),
    ],
)
def test_wrong(check, answer, hint):
    verdict = getattr(exercises, check)(answer)
    assert verdict.passed is False
    assert hint in verdict.message
