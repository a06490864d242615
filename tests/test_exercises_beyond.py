"""The checkers of notebook 10: right answers in any form pass, wrong ones are told what is off."""

import jax.numpy as jnp
import numpy as np
import pytest

from vaelib.exercises import beyond as exercises


def charged(kl, floor):
    return jnp.sum(jnp.maximum(jnp.mean(kl, axis=0), floor))


@pytest.mark.parametrize("answer", [charged, lambda kl, floor: sum(max(column.mean(), floor) for column in kl.T)])
def test_charged_right(answer):
    assert exercises.check_charged(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda kl, floor: np.maximum(kl, floor).sum(1).mean(), "for each image"),
        (lambda kl, floor: max(kl.mean(0).sum(), floor), "has its own"),
        (lambda kl, floor: np.maximum(kl.mean(0), floor), "shape ()"),
        (lambda kl, floor: kl.mean(0).sum(), "has its own"),
        (lambda kl, floor: np.minimum(kl.mean(0), floor).sum(), "floor of 0.0 should be"),
        (lambda kl, floor: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_charged_wrong(answer, hint):
    verdict = exercises.check_charged(answer)
    assert verdict.passed is False
    assert hint in verdict.message


@pytest.mark.parametrize("answer", [-0.5 * np.log(1 / 3) - np.log(2 / 3), 0.9548, jnp.array(0.9548)])
def test_half_covered_right(answer):
    assert exercises.check_half_covered(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [(2 * np.log(2), "equal"), (np.log(3) + np.log(1.5), "only half"), (0.5, "should be 0.95"), ("x", "raised")],
)
def test_half_covered_wrong(answer, hint):
    verdict = exercises.check_half_covered(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def kl_left(eigenvalues, beta, sigma2):
    return 0.5 * jnp.sum(jnp.log(jnp.maximum(eigenvalues / (beta * sigma2), 1)))


@pytest.mark.parametrize(
    "answer", [kl_left, lambda e, beta, sigma2: sum(0.5 * np.log(v / beta / sigma2) for v in e if v > beta * sigma2)]
)
def test_kl_left_right(answer):
    assert exercises.check_kl_left(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda e, beta, sigma2: 0.5 * np.sum(np.log(e / (beta * sigma2))), "never negative"),
        (lambda e, beta, sigma2: 2 * kl_left(e, beta, sigma2), "half"),
        (lambda e, beta, sigma2: kl_left(e, 1.0, sigma2), "beta = 4.0"),
        (lambda e, beta, sigma2: np.log(e), "shape ()"),
    ],
)
def test_kl_left_wrong(answer, hint):
    verdict = exercises.check_kl_left(answer)
    assert verdict.passed is False
    assert hint in verdict.message


SWINGING = np.tile([[0.12], [-0.12]], (50, 1))


def witnesses(first, second, log_var=0.0):
    return np.hstack([first * np.ones((100, 1)), second * np.ones((100, 1))]), np.full((100, 2), log_var)


@pytest.mark.parametrize("answer", [witnesses(SWINGING, 2.0), witnesses(SWINGING, -1.5)])
def test_witnesses_right(answer):
    assert exercises.check_witnesses(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (witnesses(0.1, 2.0), "first dimension should be active"),
        (witnesses(10 * SWINGING, 2.0), "below 0.02"),
        (witnesses(SWINGING, 20 * SWINGING), "second dimension should be inactive"),
        (witnesses(SWINGING, 0.5), "above 1 nat"),
        ((np.zeros((100, 3)), np.zeros((100, 3))), "shape (100, 2)"),
    ],
)
def test_witnesses_wrong(answer, hint):
    verdict = exercises.check_witnesses(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def blank(*arguments): ...


CHECKS = [exercises.check_charged, exercises.check_half_covered, exercises.check_kl_left, exercises.check_witnesses]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("answer", [..., None, blank])
def test_unattempted(check, answer):
    verdict = check(answer)
    assert verdict.passed is None
    assert repr(verdict).startswith("Not attempted")
