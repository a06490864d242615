"""The checkers of notebook 07: right answers in any form pass, wrong ones are told what is off."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import vaelib
from vaelib.exercises import training as exercises


@pytest.mark.parametrize("answer", [784 * np.log(2), 543.4, jnp.log(2.0) * 784, np.float32(543.43)])
def test_grey_cost_right(answer):
    assert exercises.check_grey_cost(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [(-543.43, "minus"), (0.6931, "one pixel"), (784, "bits"), (100.0, "should be 543"), ("x", "raised")],
)
def test_grey_cost_wrong(answer, hint):
    verdict = exercises.check_grey_cost(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def solution(model, x, key):
    q = model.encode(x)
    z = q.sample(key)
    return model.decode(z).log_prob(x) - vaelib.kl_to_standard_normal(q)


def by_weights(model, x, key):
    """Another right answer: the mean log weight is the ELBO too, only noisier."""
    return jnp.mean(vaelib.log_weights(model, x, key, num_samples=2), axis=0)


@pytest.mark.parametrize("answer", [solution, by_weights, lambda m, x, k: vaelib.elbo(m, x, k, num_samples=3).elbo])
def test_elbo_right(answer):
    assert exercises.check_elbo(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda m, x, k: solution(m, x, k).mean(), "one number"),
        (lambda m, x, k: solution(m, x, k)[:, None], "shape (6,)"),
        (lambda m, x, k: solution(m, x, jax.random.key(0)), "same for every key"),
        (lambda m, x, k: solution(m, x, k) + 2 * vaelib.kl_to_standard_normal(m.encode(x)), "KL subtracted"),
        (lambda m, x, k: print(), "one ELBO an image"),
        (lambda m, x, k: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_elbo_wrong(answer, hint):
    verdict = exercises.check_elbo(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def test_beta_of_mean():
    assert exercises.check_beta_of_mean(784).passed is True
    assert "relative" in exercises.check_beta_of_mean(1 / 784).message
    assert exercises.check_beta_of_mean(28).passed is False


def blank(model, x, key): ...


@pytest.mark.parametrize("check", [exercises.check_grey_cost, exercises.check_elbo, exercises.check_beta_of_mean])
@pytest.mark.parametrize("answer", [..., None, blank])
def test_unattempted(check, answer):
    verdict = check(answer)
    assert verdict.passed is None
    assert repr(verdict).startswith("Not attempted")
