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


@pytest.mark.parametrize("name", ["budget", "px_from_uniform", "first_hopeless_dimension", "nats_told", "flattering_q"])
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
    return norm.pdf(x, 2 * z + 1, sigma) * norm.pdf(z)


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
        (lambda x, sigma, z, a: np.mean(norm.pdf(x, 2 * z + 1, sigma)), "the prior is missing"),
        (lambda x, sigma, z, a: np.mean(joint(x, sigma, z)), "1 / (2h)"),
        (lambda x, sigma, z, a: np.mean(joint(x, sigma, z)) / (2 * a), "divide by it"),
        (lambda x, sigma, z, a: np.mean(norm.pdf(x, 2 * z + 1, sigma)) * 2 * a, "where is the prior"),
        (lambda x, sigma, z, a: np.sum(joint(x, sigma, z)) * 2 * a, "mean"),
        (lambda x, sigma, z, a: np.mean(norm.pdf(x, z, sigma) * norm.pdf(z)) * 2 * a, "2z + 1"),
        (lambda x, sigma, z, a: joint(x, sigma, z), "shape ()"),
        (lambda x, sigma, z, a: norm.pdf(x, 1, np.sqrt(4 + sigma**2)), "should be"),
        (lambda x, sigma, z, a: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_px_from_uniform_wrong(answer, hint):
    verdict = exercises.check_px_from_uniform(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def one_dimension(sigma):
    """1 + V of one line at x = 3."""
    return norm.pdf(3, 1, np.sqrt(4 + sigma**2 / 2)) / (
        np.sqrt(4 * np.pi) * sigma * norm.pdf(3, 1, np.sqrt(4 + sigma**2)) ** 2
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
        (lambda sigma, draws: by_logarithm(2 * sigma, draws), "sigma / 2"),
        (lambda sigma, draws: 3, "should be"),
        (lambda sigma, draws: [1, 2], "shape"),
        (lambda sigma, draws: draws[0], "TypeError"),
    ],
)
def test_first_hopeless_dimension_wrong(answer, hint):
    verdict = exercises.check_first_hopeless_dimension(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def posterior(x, sigma):
    return 2 * (x - 1) / (4 + sigma**2), sigma**2 / (4 + sigma**2)


def nats_told(x, sigma):
    m, v = posterior(x, sigma)
    return 0.5 * (m**2 + v - np.log(v) - 1)


def nats_by_quadrature(x, sigma):
    m, v = posterior(x, sigma)
    z = np.linspace(m - 10 * np.sqrt(v), m + 10 * np.sqrt(v), 4001)
    p = norm.pdf(z, m, np.sqrt(v))
    return np.sum(p * (norm.logpdf(z, m, np.sqrt(v)) - norm.logpdf(z))) * (z[1] - z[0])


@pytest.mark.parametrize("answer", [nats_told, nats_by_quadrature, lambda x, s: jnp.asarray(nats_told(x, s))])
def test_nats_told_right(answer):
    assert exercises.check_nats_told(answer).passed is True


def terms(x, sigma):
    m, v = posterior(x, sigma)
    return m**2, v, np.log(v)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda x, s: 2 * nats_told(x, s), "one half"),
        (lambda x, s: (terms(x, s)[1] - terms(x, s)[2] - 1) / 2, "not 0"),
        (lambda x, s: nats_told(x, s) + 0.5, "minus 1"),
        (lambda x, s: nats_told(x, s) + terms(x, s)[2], "sign"),
        (lambda x, s: ((1 + terms(x, s)[0]) / terms(x, s)[1] - 1 + terms(x, s)[2]) / 2, "posterior comes first"),
        (lambda x, s: nats_told(x + 1, s), "offset"),
        (lambda x, s: x, "should be"),
        (lambda x, s: [x, s], "shape"),
    ],
)
def test_nats_told_wrong(answer, hint):
    verdict = exercises.check_nats_told(answer)
    assert verdict.passed is False
    assert hint in verdict.message


@pytest.mark.parametrize("q", [(1.0, 0.05), (-1.0, 0.05), [0.995, 0.052], np.array([1.0, 0.055])])
def test_flattering_q_right(q):
    assert exercises.check_flattering_q(lambda: q).passed is True


@pytest.mark.parametrize(
    ("q", "hint"),
    [
        ((0.0, 1.0), "more than 800"),
        ((1.0, 0.3), "more than 800"),
        ((40.0, 0.1), "every weight is 0"),
        ((1.0, -0.05), "positive sigma"),
        (1.0, "two numbers"),
    ],
)
def test_flattering_q_wrong(q, hint):
    verdict = exercises.check_flattering_q(lambda: q)
    assert verdict.passed is False
    assert hint in verdict.message
