"""The checkers of notebook 03: right answers in any form pass, wrong ones are told what is off."""

import re
from pathlib import Path

import jax.numpy as jnp
import nbformat
import numpy as np
import pytest

from vaelib.exercises import bounds as exercises

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "03_elbo.ipynb"


def solutions():
    """The folded solutions, as a reader would paste them."""
    text = "\n".join(
        cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "markdown"
    )
    namespace = {"jnp": jnp, "np": np}
    for code in re.findall(r"<summary>Solution</summary>.*?```python\n(.*?)```", text, re.DOTALL):
        exec(code, namespace)
    return namespace


@pytest.mark.parametrize("name", ["jensen_gap", "elbo_on_grid", "read_off"])
def test_the_folded_solution_is_right_and_the_open_exercise_not_attempted(name):
    check = getattr(exercises, f"check_{name}")
    assert check(solutions()[name]).passed is True
    assert check(...).passed is None
    assert check(lambda *answer: None).passed is None
    broken = check(lambda *answer: 1 / 0)
    assert broken.passed is False
    assert "ZeroDivisionError" in broken.message


def simulated_gap(m, s):
    y = np.exp(m + s * np.random.default_rng(7).normal(size=1_000_000))
    return np.log(np.mean(y)) - np.mean(np.log(y))


@pytest.mark.parametrize("answer", [lambda m, s: s**2 / 2, lambda m, s: jnp.square(s) / 2, simulated_gap])
def test_jensen_gap_right(answer):
    assert exercises.check_jensen_gap(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda m, s: -(s**2) / 2, "larger minus the smaller"),
        (lambda m, s: m + s**2 / 2, "log E[Y] alone"),
        (lambda m, s: np.exp(m + s**2 / 2), "take its logarithm"),
        (lambda m, s: s**2, "should be"),
        (lambda m, s: s / 2, "should be"),
        (lambda m, s: [s**2 / 2], "shape"),
    ],
)
def test_jensen_gap_wrong(answer, hint):
    verdict = exercises.check_jensen_gap(answer)
    assert verdict.passed is False
    assert hint in verdict.message


@pytest.mark.parametrize(
    "answer",
    [
        lambda z, log_joint, log_q: np.trapezoid(np.exp(log_q) * (log_joint - log_q), z),
        lambda z, log_joint, log_q: jnp.sum(jnp.exp(log_q) * (log_joint - log_q)) * (z[1] - z[0]),
        lambda z, log_joint, log_q: np.average(log_joint - log_q, weights=np.exp(log_q)),
    ],
)
def test_elbo_on_grid_right(answer):
    assert exercises.check_elbo_on_grid(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda z, joint, q: np.sum(np.exp(q) * (joint - q)), "width of a grid cell"),
        (lambda z, joint, q: np.trapezoid(np.exp(q) * joint, z), "also subtracts"),
        (lambda z, joint, q: np.log(np.trapezoid(np.exp(joint), z)), "log p(x) itself"),
        (lambda z, joint, q: np.trapezoid(np.exp(q) * (q - joint), z), "sign"),
        (lambda z, joint, q: np.exp(q) * (joint - q), "shape"),
        (lambda z, joint, q: 0.0, "should be"),
    ],
)
def test_elbo_on_grid_wrong(answer, hint):
    verdict = exercises.check_elbo_on_grid(answer)
    assert verdict.passed is False
    assert hint in verdict.message


@pytest.mark.parametrize(
    "answer",
    [
        lambda elbo, kl, log_px: (elbo + kl, log_px - elbo),
        lambda elbo, kl, log_px: [elbo + kl, log_px - elbo],
        lambda elbo, kl, log_px: jnp.array([elbo + kl, log_px - elbo]),
    ],
)
def test_read_off_right(answer):
    assert exercises.check_read_off(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda elbo, kl, log_px: (log_px - elbo, elbo + kl), "other order"),
        (lambda elbo, kl, log_px: (elbo - kl, log_px - elbo), "given back"),
        (lambda elbo, kl, log_px: (elbo + kl, elbo - log_px), "cannot be negative"),
        (lambda elbo, kl, log_px: (log_px + kl, log_px - elbo), "should be"),
        (lambda elbo, kl, log_px: elbo + kl, "shape"),
    ],
)
def test_read_off_wrong(answer, hint):
    verdict = exercises.check_read_off(answer)
    assert verdict.passed is False
    assert hint in verdict.message
