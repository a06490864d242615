"""Checkers for notebook 09, questions and answers."""

from collections.abc import Callable

import numpy as np

from vaelib.exercises.verdict import checker, compare


@checker
def check_laplace(answer: Callable) -> str | None:
    """The absolute error is a negative log-likelihood too, and its best constant is the median."""
    rng = np.random.default_rng(33)
    x, mu, b = rng.normal(size=7), 0.4, 0.7
    wanted = np.abs(x - mu) / b + np.log(2 * b)
    got = answer(x, mu, b)
    if np.shape(got) == () and got is not None and np.isclose(got, wanted.sum(), rtol=1e-4):
        return "that is the sum over the examples; return one number an example, shape (7,)."
    if np.shape(got) == wanted.shape:
        for hint, wrong in {
            "that is the log-likelihood; the loss is minus that.": -wanted,
            "the normalising constant 2b is missing: its logarithm depends on b.": np.abs(x - mu) / b,
            "the factor 2 in the normalising constant 2b is missing.": np.abs(x - mu) / b + np.log(b),
        }.items():
            if np.allclose(got, wrong, rtol=1e-4):
                return hint
    return compare(got, wanted, "the loss of seven examples")


@checker
def check_excess(answer: Callable) -> str | None:
    """What is left above the floor is a KL: zero at p = x, positive elsewhere, finite for black and white pixels."""
    rng = np.random.default_rng(34)
    x, p = rng.uniform(0.05, 0.95, (4, 5)), rng.uniform(0.05, 0.95, (4, 5))
    x[0, :2] = 0.0, 1.0
    floor_terms = [np.where(y > 0, y * np.log(np.where(y > 0, y, 1.0)), 0.0) for y in (x, 1 - x)]
    floor = -np.sum(floor_terms, axis=0)
    cross = -x * np.log(p) - (1 - x) * np.log(1 - p)
    wanted = (cross - floor).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        got = answer(x, p)
    if np.shape(got) == (4, 5):
        return "that is one number a pixel; sum over the last axis, shape (4,)."
    if np.shape(got) == wanted.shape:
        if np.isnan(np.asarray(got, float)).any():
            return "NaN where a pixel is black or white: 0 log 0 counts as 0. scipy.special.xlogy knows."
        for hint, wrong in {
            "that is the cross-entropy; subtract its floor, the entropy of x.": cross.sum(axis=-1),
            "the sign is wrong: the excess is never negative.": -wanted,
        }.items():
            if np.allclose(got, wrong, rtol=1e-3):
                return hint
    return compare(got, wanted, "the excess of four images", rtol=1e-3)


@checker
def check_softmax(answer: Callable) -> str | None:
    """A softmax with a temperature, also where exp(a / T) alone would overflow."""
    rng = np.random.default_rng(35)
    a = rng.normal(size=(3, 4)).astype(np.float32)
    for scale, temperature in ((1.0, 1.0), (1.0, 0.5), (1.0, 3.0), (100.0, 0.1), (1.0, 0.001)):
        exponent = (scale * a - (scale * a).max(axis=-1, keepdims=True)) / temperature
        wanted = np.exp(exponent) / np.exp(exponent).sum(axis=-1, keepdims=True)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            got = answer(scale * a, temperature)
        if np.shape(got) == wanted.shape:
            if not np.isfinite(np.asarray(got, float)).all():
                return "not finite where a / T is large: subtract the largest a first; the result stays the same."
            if np.allclose(np.sum(got), 1) and not np.allclose(np.sum(got, axis=-1), 1):
                return "each row should sum to 1, not the whole array: sum over the last axis."
            multiplied = np.exp(exponent * temperature**2)
            if temperature != 1 and np.allclose(got, multiplied / multiplied.sum(axis=-1, keepdims=True), rtol=1e-4):
                return "a high temperature should make it flatter: divide by T."
        if complaint := compare(got, wanted, f"the softmax at temperature {temperature}", rtol=1e-3):
            return complaint
    return None
