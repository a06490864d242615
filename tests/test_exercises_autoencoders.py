"""The checkers of notebook 08: right answers in any form pass, wrong ones are told what is off."""

import jax.numpy as jnp
import numpy as np
import pytest
from rounded import BFLOAT16, rounded_products
from scipy.linalg import orthogonal_procrustes

from vaelib.exercises import autoencoders as exercises


def turn(X, Y):
    U, _, Vt = np.linalg.svd(X.T @ Y)
    return U @ Vt


def turn_after_centring(X, Y):
    return turn(X - X.mean(axis=0), Y - Y.mean(axis=0))


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
    with rounded_products(BFLOAT16):
        assert exercises.check_turn(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda X, Y: turn(Y, X), "transposed"),
        (turn_after_centring, "as they come"),
        (lambda X, Y: turn(X - X.mean(axis=0), Y), "as they come"),
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


@pytest.mark.parametrize(
    "answer", [lambda s: 0.5 * (s**2 - 1) - np.log(s), lambda s: jnp.square(s) / 2 - 0.5 - jnp.log(s)]
)
def test_price_of_scale_right(answer):
    assert exercises.check_price_of_scale(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda s: 0.5 * (s**2 - 1), "logarithm"),
        (lambda s: np.log(s) - 0.5 * (s**2 - 1), "KL rises"),
        (lambda s: s**2 - 1 - 2 * np.log(s), "half"),
        (lambda s: 0.5 * s**2 - np.log(s), "s = 0.5"),
    ],
)
def test_price_of_scale_wrong(answer, hint):
    verdict = exercises.check_price_of_scale(answer)
    assert verdict.passed is False
    assert hint in verdict.message


DIGITS = np.stack([np.eye(1, 36, k=6)[0], np.ones(36)])  # one with little ink, one with much


@pytest.mark.parametrize(
    "answer",
    [
        np.zeros(36),
        0.3 * DIGITS[0],
        jnp.full(36, 0.01),
        (0.3 * DIGITS[0]).astype(np.float16),
        jnp.asarray(0.3 * DIGITS[0], jnp.bfloat16),
    ],
)
def test_fool_right(answer):
    assert exercises.check_fool(answer, DIGITS, 1.5).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (np.zeros((6, 6)), "shape (36,)"),
        (DIGITS[0], "brighter"),
        (0.3021 * DIGITS[0], "got 0.3021"),
        (np.full(36, -0.1), "at least 0"),
        (np.full(36, np.nan), "at least 0"),
        (np.full(36, 0.3), "the nearest digit"),
    ],
)
def test_fool_wrong(answer, hint):
    verdict = exercises.check_fool(answer, DIGITS, 1.5)
    assert verdict.passed is False
    assert hint in verdict.message


def blank(*arguments): ...


def check_fool(answer):
    return exercises.check_fool(answer, DIGITS, 1.5)


CHECKS = [exercises.check_turn, exercises.check_undo, exercises.check_price_of_shift]


@pytest.mark.parametrize("check", [*CHECKS, exercises.check_price_of_scale, check_fool])
@pytest.mark.parametrize("answer", [..., None, blank])
def test_unattempted(check, answer):
    verdict = check(answer)
    assert verdict.passed is None
    assert repr(verdict).startswith("Not attempted")
