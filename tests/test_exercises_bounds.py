"""The checkers of notebook 03: right answers in any form pass, wrong ones are told what is off."""

import re
from pathlib import Path

import jax.numpy as jnp
import nbformat
import numpy as np
import pytest

from vaelib.distributions import Gaussian
from vaelib.exercises import bounds as exercises
from vaelib.linear_gaussian import LinearGaussianVAE

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


@pytest.mark.parametrize("name", ["jensen_gap", "elbo_on_grid", "read_off", "deaf_encoder", "misleading_data"])
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


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda: (1.5, 0.6), "KL to the prior is 1.32"),
        (lambda: (0.0, -1.0), "positive"),
        (lambda: 0.0, "two numbers"),
        (lambda: (8 * 3.2 / 17, (1 / 17) ** 0.5), "the gap is 0.0"),
    ],
)
def test_deaf_encoder_says_what_is_off(answer, hint):
    verdict = exercises.check_deaf_encoder(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def test_every_deaf_encoder_is_accepted():
    assert exercises.check_deaf_encoder(lambda: (0.3, 0.9)).passed is True
    assert exercises.check_deaf_encoder(lambda: np.array([-0.2, 1.1])).passed is True


def test_misleading_data_are_judged_as_the_exact_model_does():
    assert exercises.check_misleading_data(lambda: [3.06]).passed is True
    for x, slope in (([1.0], 1), ([9.0, 11.0], 2)):
        verdict = exercises.check_misleading_data(lambda x=x: np.array(x))
        assert verdict.passed is False
        assert f"both prefer slope {slope}" in verdict.message
        elbos = []
        for a in (2.0, 1.0):
            line = LinearGaussianVAE(np.float32([[a]]), np.float32([1.0]), 0.5)
            data = np.float32(x)[:, None]
            mean, _ = line.posterior(data)
            elbos.append(float(line.exact_elbo(data, Gaussian(mean, jnp.full_like(mean, 2 * np.log(0.6)))).elbo.mean()))
        assert f"{elbos[0] - elbos[1]:.2f} in the ELBO" in verdict.message
