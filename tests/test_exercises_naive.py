"""The checkers of notebook 02: right answers in any form pass, wrong ones are told what is off."""

import re
from pathlib import Path

import jax.numpy as jnp
import nbformat
import numpy as np
import pytest
from scipy.stats import norm

from vaelib.exercises import naive as exercises

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "02_naive_likelihood.ipynb"


def solutions():
    """The folded solutions, as a reader would paste them."""
    text = "\n".join(
        cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "markdown"
    )
    namespace = {"np": np}
    for code in re.findall(r"<summary>Solution</summary>\s+```python\n(.*?)```", text, re.DOTALL):
        exec(code, namespace)
    return namespace


@pytest.mark.parametrize("name", ["budget", "px_from_uniform", "first_hopeless_dimension"])
def test_the_folded_solution_is_right_and_the_open_exercise_not_attempted(name):
    check = getattr(exercises, f"check_{name}")
    assert check(solutions()[name]).passed is True
    assert check(...).passed is None


@pytest.mark.parametrize(
    "answer",
    [lambda V, accuracy: V / accuracy**2, lambda V, a: int(np.ceil(V / a**2)), lambda V, a: jnp.float32(V) / a / a],
)
def test_budget_right(answer):
    assert exercises.check_budget(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda V, accuracy: V / accuracy, "squared"),
        (lambda V, accuracy: V / (2 * accuracy), "spread"),
        (lambda V, accuracy: V * accuracy**2, "should be"),
        (lambda V: V, "TypeError"),
    ],
)
def test_budget_wrong(answer, hint):
    verdict = exercises.check_budget(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def joint(x, sigma, z):
    return norm.pdf(x, z, sigma) * norm.pdf(z)


@pytest.mark.parametrize(
    "answer",
    [
        lambda x, sigma, z, a: np.mean(joint(x, sigma, z)) * 2 * a,
        lambda x, sigma, z, a: jnp.mean(jnp.asarray(joint(x, sigma, z) * 2 * a)),
    ],
)
def test_px_from_uniform_right(answer):
    assert exercises.check_px_from_uniform(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda x, sigma, z, a: np.log(np.mean(joint(x, sigma, z)) * 2 * a), "logarithm"),
        (lambda x, sigma, z, a: np.mean(norm.pdf(x, z, sigma)), "the prior is missing"),
        (lambda x, sigma, z, a: np.mean(joint(x, sigma, z)), "1 / (2a)"),
        (lambda x, sigma, z, a: np.mean(joint(x, sigma, z)) / (2 * a), "divide by it"),
        (lambda x, sigma, z, a: np.mean(norm.pdf(x, z, sigma)) * 2 * a, "where is the prior"),
        (lambda x, sigma, z, a: np.sum(joint(x, sigma, z)) * 2 * a, "mean"),
        (lambda x, sigma, z, a: joint(x, sigma, z), "shape ()"),
        (lambda x, sigma, z, a: norm.pdf(x, 0, np.sqrt(1 + sigma**2)), "should be"),
        (lambda x, sigma, z, a: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_px_from_uniform_wrong(answer, hint):
    verdict = exercises.check_px_from_uniform(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def one_dimension(sigma):
    """1 + V of one dimension at x = 1."""
    return norm.pdf(1, 0, np.sqrt(1 + sigma**2 / 2)) / (
        np.sqrt(4 * np.pi) * sigma * norm.pdf(1, 0, np.sqrt(1 + sigma**2)) ** 2
    )


def by_logarithm(sigma, draws, factor=100):
    return int(np.floor(np.log(draws / factor + 1) / np.log(one_dimension(sigma)))) + 1


@pytest.mark.parametrize(
    "answer", [by_logarithm, lambda s, n: float(by_logarithm(s, n)), lambda s, n: jnp.asarray(by_logarithm(s, n))]
)
def test_first_hopeless_dimension_right(answer):
    assert exercises.check_first_hopeless_dimension(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda sigma, draws: by_logarithm(sigma, draws) - 1, "last dimension"),
        (lambda sigma, draws: by_logarithm(sigma, draws, factor=1), "a hundred times"),
        (lambda sigma, draws: 3, "should be"),
        (lambda sigma, draws: [1, 2], "shape"),
        (lambda sigma, draws: draws[0], "TypeError"),
    ],
)
def test_first_hopeless_dimension_wrong(answer, hint):
    verdict = exercises.check_first_hopeless_dimension(answer)
    assert verdict.passed is False
    assert hint in verdict.message
