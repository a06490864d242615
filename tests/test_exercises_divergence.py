"""The checkers of notebook 04: right answers in any form pass, wrong ones are told what is off."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import nbformat
import numpy as np
import pytest

from vaelib.exercises import divergence as exercises

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "04_kl.ipynb"


def solutions():
    """The folded solutions, as a reader would paste them."""
    text = "\n".join(
        cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "markdown"
    )
    namespace = {"exercises": exercises, "jnp": jnp, "np": np}
    for code in re.findall(r"<summary>Solution</summary>.*?```python\n(.*?)```", text, re.DOTALL):
        exec(code, namespace)
    return namespace


@pytest.mark.parametrize(
    ("check", "name"),
    [
        ("check_gaussian_kl", "gaussian_kl"),
        ("check_balance", "best_sigma"),
        ("check_logistic_kl", "logistic_kl"),
        ("check_correlation_that_hides", "correlation_that_hides"),
    ],
)
def test_the_folded_solution_is_right_and_the_open_exercise_not_attempted(check, name):
    check = getattr(exercises, check)
    assert check(solutions()[name]).passed is True
    assert check(...).passed is None
    assert check(lambda *answer: None).passed is None


def kl(mu_q, log_var_q, mu_p, log_var_p):
    ratio = np.exp(log_var_q - log_var_p)
    return 0.5 * (ratio - np.log(ratio) - 1 + (mu_q - mu_p) ** 2 * np.exp(-log_var_p)).sum(-1)


def kl_jax(*parameters):
    def one(mu_q, log_var_q, mu_p, log_var_p):
        squared = jnp.exp(log_var_q) + (mu_q - mu_p) ** 2
        return 0.5 * jnp.sum(squared * jnp.exp(-log_var_p) - 1 + log_var_p - log_var_q)

    return jax.vmap(one)(*parameters)


@pytest.mark.parametrize("answer", [kl, kl_jax, lambda *p: kl(*p).astype(np.float64)])
def test_gaussian_kl_right(answer):
    assert exercises.check_gaussian_kl(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda mq, lq, mp, lp: kl(mp, lp, mq, lq), "KL(p ‖ q)"),
        (lambda mq, lq, mp, lp: 0.5 * (np.exp(lq - lp) - 1 + lp - lq + (mq - mp) ** 2 * np.exp(-lp)), "sum them"),
        (lambda mq, lq, mp, lp: kl(mq, lq, 0 * mp, 0 * lp), "should be"),
        (lambda mq, lq, mp, lp: kl(mq, lq, mp, lp).sum(), "shape (5,)"),
        (lambda *p: print(), "returned nothing"),
        (lambda mq, lq: 0, "TypeError"),
    ],
)
def test_gaussian_kl_wrong(answer, hint):
    verdict = exercises.check_gaussian_kl(answer)
    assert verdict.passed is False
    assert hint in verdict.message


@pytest.mark.parametrize(
    "answer",
    [
        lambda w, s: (1 + (w / s) ** 2) ** -0.5,
        lambda w, s: s / np.hypot(s, w),
        lambda w, s: jnp.sqrt(s**2 / (s**2 + w**2)),
    ],
)
def test_balance_right(answer):
    assert exercises.check_balance(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda w, s: 1 / (1 + w**2 / s**2), "variance"),
        (lambda w, s: -s / np.hypot(s, w), "positive"),
        (lambda w, s: s / w, "should be"),
        (lambda w, s: [s, w], "shape"),
        (lambda w: w, "TypeError"),
    ],
)
def test_balance_wrong(answer, hint):
    verdict = exercises.check_balance(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def logistic(m, s):
    return 0.5 * (m**2 + np.pi**2 * s**2 / 3 + np.log(2 * np.pi)) - np.log(s) - 2


def test_logistic_kl_agrees_with_quadrature():
    z = np.linspace(-60, 60, 200_001)
    u = z / 0.7 - 0.3 / 0.7
    log_q = -np.abs(u) - 2 * np.log1p(np.exp(-np.abs(u))) - np.log(0.7)
    by_quadrature = np.trapezoid(np.exp(log_q) * (log_q + 0.5 * z**2 + 0.5 * np.log(2 * np.pi)), z)
    assert np.isclose(by_quadrature, logistic(0.3, 0.7), rtol=1e-6)


@pytest.mark.parametrize("answer", [logistic, lambda m, s: logistic(jnp.asarray(m), jnp.asarray(s))])
def test_logistic_kl_right(answer):
    assert exercises.check_logistic_kl(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda m, s: logistic(m, s) - 0.5 * np.log(2 * np.pi), "is missing"),
        (lambda m, s: logistic(m, s) + np.pi**2 * s**2 / 6, "½ in front"),
        (lambda m, s: 0.5 * (m**2 + s**2 - np.log(s**2) - 1), "should be"),
        (lambda m, s: logistic(m, s).sum(), "shape (4,)"),
        (lambda m, s: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_logistic_kl_wrong(answer, hint):
    verdict = exercises.check_logistic_kl(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def test_the_hidden_correlation_right_and_wrong():
    check = exercises.check_correlation_that_hides
    assert check(lambda nats: (-np.expm1(-2 * nats)) ** 0.5).passed is True
    assert check(lambda nats: jnp.sqrt(1 - jnp.exp(-2 * nats))).passed is True
    assert "rho²" in check(lambda nats: 1 - np.exp(-2 * nats)).message
    assert "½" in check(lambda nats: np.sqrt(1 - np.exp(-nats))).message
    assert check(lambda nats: 0.8).passed is False
    rho = (1 - np.exp(-2 * 0.5)) ** 0.5
    covariance = np.array([[1, rho], [rho, 1]])
    assert 0.5 * (np.trace(covariance) - 2 - np.log(np.linalg.det(covariance))) == pytest.approx(0.5)
