"""The checkers of notebook 08: right answers in any form pass, wrong ones are told what is off."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes

from vaelib.exercises import autoencoders as exercises


def turn(X, Y):
    U, _, Vt = np.linalg.svd(X.T @ Y)
    return U @ Vt


def turn_by_jax(X, Y):
    U, _, Vt = jnp.linalg.svd(jnp.asarray(Y).T @ jnp.asarray(X))
    return (U @ Vt).T


def turn_without_reflection(X, Y):
    U, _, Vt = np.linalg.svd(X.T @ Y)
    U[:, -1] *= np.sign(np.linalg.det(U @ Vt))
    return U @ Vt


@pytest.mark.parametrize("answer", [turn, turn_by_jax, lambda X, Y: orthogonal_procrustes(X, Y)[0]])
def test_turn_right(answer):
    assert exercises.check_turn(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda X, Y: turn(Y, X), "transposed"),
        (turn_without_reflection, "allowed to reflect"),
        (lambda X, Y: np.linalg.lstsq(X, Y, rcond=None)[0], "stretches"),
        (lambda X, Y: X @ turn(X, Y), "shape (3, 3)"),
        (lambda X, Y: np.eye(3), "R should be"),
        (lambda X, Y: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_turn_wrong(answer, hint):
    verdict = exercises.check_turn(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def undo(kernel, bias, scale, shift):
    new_kernel = kernel / scale
    return new_kernel, bias - shift @ new_kernel


def undo_by_sums(kernel, bias, scale, shift):
    new_kernel = jnp.asarray(kernel) * (1 / scale)
    return new_kernel, bias - jnp.sum(shift[:, None] * new_kernel, axis=0)


@pytest.mark.parametrize("answer", [undo, undo_by_sums])
def test_undo_right(answer):
    assert exercises.check_undo(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda K, c, s, t: (K * s, c - t @ K), "new kernel should be"),
        (lambda K, c, s, t: (K / s, c - t @ K), "old kernel"),
        (lambda K, c, s, t: (K / s, c + t @ K / s), "sign"),
        (lambda K, c, s, t: (K / s, c), "output should be"),
        (lambda K, c, s, t: K / s, "should have shape"),
        (lambda K, c, s, t: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_undo_wrong(answer, hint):
    verdict = exercises.check_undo(answer)
    assert verdict.passed is False
    assert hint in verdict.message


@pytest.mark.parametrize("answer", [4.5, 9 / 2, np.float32(4.5), jnp.array(4.5)])
def test_price_of_shift_right(answer):
    assert exercises.check_price_of_shift(answer).passed is True


@pytest.mark.parametrize(("answer", "hint"), [(9, "half"), (-4.5, "KL rises"), (3, "should be 4.5"), ("x", "raised")])
def test_price_of_shift_wrong(answer, hint):
    verdict = exercises.check_price_of_shift(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def blank(*arguments): ...


@pytest.mark.parametrize("check", [exercises.check_turn, exercises.check_undo, exercises.check_price_of_shift])
@pytest.mark.parametrize("answer", [..., None, blank])
def test_unattempted(check, answer):
    verdict = check(answer)
    assert verdict.passed is None
    assert repr(verdict).startswith("Not attempted")
