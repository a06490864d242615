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
        ("check_laplace", lambda x, mu, b: print(), "returned nothing"),
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
        ("check_softmax", lambda a, t: print(), "returned nothing"),
    ],
)
def test_wrong(check, answer, hint):
    verdict = getattr(exercises, check)(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def categorical(a, x):
    p = scipy.special.softmax(a)
    return -np.log(p[x]), p - np.eye(256)[x]


def categorical_by_jax(a, x):
    def loss(a):
        return -jax.nn.log_softmax(a)[x]

    return loss(a), jax.grad(loss)(jnp.asarray(a, jnp.float32))


@pytest.mark.parametrize("answer", [categorical, categorical_by_jax])
def test_categorical_right(answer):
    assert exercises.check_categorical(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda a, x: categorical(a, x)[0], "two things"),
        (lambda a, x: (-categorical(a, x)[0], categorical(a, x)[1]), "log-likelihood"),
        (lambda a, x: (categorical(a, x)[0], -categorical(a, x)[1]), "other sign"),
        (lambda a, x: (categorical(a, x)[0], scipy.special.softmax(a)), "the gradient at x"),
        (lambda a, x: (0.0, a), "the loss at x"),
    ],
)
def test_categorical_wrong(answer, hint):
    verdict = exercises.check_categorical(answer)
    assert verdict.passed is False
    assert hint in verdict.message


HALF, BLACK, TENTH = np.full(784, 0.5), np.zeros(784), np.full(784, 0.1)


def test_misleading_right():
    assert exercises.check_misleading(((HALF, HALF), (BLACK, TENTH))).passed is True
    assert exercises.check_misleading([[HALF, HALF + 0.01], [BLACK, TENTH]]).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (((BLACK, TENTH), (HALF, HALF)), "the nearer one"),
        (((BLACK, TENTH / 10), (BLACK, TENTH)), "100 higher"),
        (((HALF[:10], HALF), (BLACK, TENTH)), "shape (784,)"),
        (((HALF, HALF), (BLACK, BLACK)), "ends left out"),
    ],
)
def test_misleading_wrong(answer, hint):
    verdict = exercises.check_misleading(answer)
    assert verdict.passed is False
    assert hint in verdict.message
