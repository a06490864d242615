"""The checkers of notebook 05: right answers in any form pass, wrong ones are told what is off."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import nbformat
import numpy as np
import pytest

from vaelib.exercises import reparameterisation as exercises

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "05_reparameterisation.ipynb"


def solutions():
    """The folded solutions, as a reader would paste them."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    namespace = {"exercises": exercises, "jax": jax, "jnp": jnp, "np": np}
    for code in re.findall(r"<summary>Solution</summary>.*?```python\n(.*?)```", text, re.DOTALL):
        exec(code, namespace)
    return namespace


@pytest.mark.parametrize(
    ("check", "name"),
    [
        ("check_reparameterise", "reparameterise"),
        ("check_exponential", "draw_exponential"),
        ("check_score_gradient", "score_gradient"),
        ("check_half_blocked", "half_blocked"),
        ("check_best_draws", "best_draws"),
    ],
)
def test_the_folded_solution_is_right_and_the_open_exercise_not_attempted(check, name):
    check = getattr(exercises, check)
    assert check(solutions()[name]).passed is True
    assert check(...).passed is None
    assert check(lambda *answer: None).passed is None


@pytest.mark.parametrize(
    "answer",
    [
        lambda mu, log_var, eps: mu + jnp.exp(0.5 * log_var) * eps,
        lambda mu, log_var, eps: mu + jnp.sqrt(jnp.exp(log_var)) * eps,
        jax.jit(lambda mu, log_var, eps: eps * jnp.exp(log_var) ** 0.5 + mu),
    ],
)
def test_reparameterise_right(answer):
    assert exercises.check_reparameterise(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda mu, log_var, eps: mu + jnp.exp(log_var) * eps, "is the variance"),
        (lambda mu, log_var, eps: mu + log_var * eps, "is a logarithm"),
        (lambda mu, log_var, eps: jnp.exp(log_var / 2) * eps, "mu is missing"),
        (lambda mu, log_var, eps: mu, "should be"),
        (lambda mu, log_var, eps: jax.lax.stop_gradient(mu + jnp.exp(log_var / 2) * eps), "no gradient reaches mu"),
        (lambda mu, log_var, eps: mu + jax.lax.stop_gradient(jnp.exp(log_var / 2)) * eps, "reaches log_var"),
        (lambda mu, log_var, eps: mu + np.exp(np.asarray(log_var) / 2) * eps, "raised"),
        (lambda mu, log_var, eps: (mu + jnp.exp(log_var / 2) * eps).sum(), "shape (4, 3)"),
        (lambda mu, log_var, eps: print(), "returned nothing"),
    ],
)
def test_reparameterise_wrong(answer, hint):
    verdict = exercises.check_reparameterise(answer)
    assert verdict.passed is False
    assert hint in verdict.message


@pytest.mark.parametrize(
    "answer",
    [
        lambda rate, u: -jnp.log(u) / rate,
        lambda rate, u: -jnp.log(1 - u) / rate,
        lambda rate, u: jnp.log1p(-u) / -rate,
    ],
)
def test_exponential_right(answer):
    assert exercises.check_exponential(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda rate, u: -jnp.log(u) * rate, "should be 1 / rate"),
        (lambda rate, u: jnp.log(u) / rate, "negative"),
        (lambda rate, u: u / rate, "should be"),
        (lambda rate, u: jnp.mean(-jnp.log(u) / rate), "1,000 draws"),
        (lambda rate, u: jax.lax.stop_gradient(-jnp.log(u) / rate), "gradient"),
        (lambda rate, u: print(), "returned nothing"),
        (lambda rate: rate, "TypeError"),
    ],
)
def test_exponential_wrong(answer, hint):
    verdict = exercises.check_exponential(answer)
    assert verdict.passed is False
    assert hint in verdict.message


@pytest.mark.parametrize(
    "answer",
    [
        lambda f, z, mu, sigma: f * (((z - mu) / sigma) ** 2 - 1) / sigma,
        lambda f, z, mu, sigma: jnp.asarray(f * ((z - mu) ** 2 - sigma**2) / sigma**3),
        lambda f, z, mu, sigma: [fi * ((zi - mu) ** 2 / sigma**3 - 1 / sigma) for fi, zi in zip(f, z, strict=True)],
    ],
)
def test_score_gradient_right(answer):
    assert exercises.check_score_gradient(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda f, z, mu, sigma: f * (z - mu) / sigma**2, "gradient in mu"),
        (lambda f, z, mu, sigma: f * (z - mu) ** 2 / sigma**3, "-log sigma"),
        (lambda f, z, mu, sigma: np.mean(f * ((z - mu) ** 2 / sigma**3 - 1 / sigma)), "one number a draw"),
        (lambda f, z, mu, sigma: (z - mu) ** 2 / sigma**3 - 1 / sigma, "should be"),
        (lambda f, z, mu, sigma: print(), "returned nothing"),
        (lambda f, z, mu, sigma: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_score_gradient_wrong(answer, hint):
    verdict = exercises.check_score_gradient(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def test_the_score_gradient_is_unbiased():
    z = 0.3 + 0.6 * np.random.default_rng(7).standard_normal(400_000)
    draws = z**2 * ((z - 0.3) ** 2 / 0.6**3 - 1 / 0.6)
    assert abs(draws.mean() - 2 * 0.6) < 4 * draws.std() / np.sqrt(len(z))


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda mu, sigma, key: mu + sigma * jax.random.normal(key), "still reaches sigma"),
        (
            lambda mu, sigma, key: jax.lax.stop_gradient(mu + sigma * jax.random.normal(key)),
            "gradient in mu should be 1",
        ),
        (
            lambda mu, sigma, key: mu + jax.lax.stop_gradient(sigma**2) * jax.random.normal(key),
            "standard deviation 0.6",
        ),
        (lambda mu, sigma, key: mu + 0.8 * jax.random.normal(key), "they should have -1.00 and 0.30"),
        (
            lambda mu, sigma, key: (
                mu + jax.lax.stop_gradient(sigma) * jax.random.uniform(key, minval=-(3**0.5), maxval=3**0.5)
            ),
            "not Gaussian",
        ),
    ],
)
def test_half_blocked_says_what_is_off(answer, hint):
    verdict = exercises.check_half_blocked(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def test_best_draws_are_those_of_least_variance():
    def by_search(A, B, encode, decode):
        L = np.linspace(0.05, 20, 400_000)
        return L[np.argmin((encode + L * decode) * (A + B / L))]

    assert exercises.check_best_draws(by_search).passed is True
    assert "square root" in exercises.check_best_draws(lambda A, B, e, d: B * e / (A * d)).message
    assert "changed places" in exercises.check_best_draws(lambda A, B, e, d: np.sqrt(B * d / (A * e))).message
