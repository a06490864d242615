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


def blank(*arguments): ...


@pytest.mark.parametrize("check", [exercises.check_charged, exercises.check_half_covered])
@pytest.mark.parametrize("answer", [..., None, blank])
def test_unattempted(check, answer):
    verdict = check(answer)
    assert verdict.passed is None
    assert repr(verdict).startswith("Not attempted")
