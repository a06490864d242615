"""Checkers for notebook 09, questions and answers."""

from collections.abc import Callable

import numpy as np

from vaelib.exercises.verdict import checker, compare
from vaelib.languages import tr


@checker
def check_laplace(answer: Callable) -> str | None:
    """The absolute error is a negative log-likelihood too, and its best constant is the median."""
    rng = np.random.default_rng(33)
    x, mu, b = rng.normal(size=7), 0.4, 0.7
    wanted = np.abs(x - mu) / b + np.log(2 * b)
    got = answer(x, mu, b)
    if np.shape(got) == () and got is not None and np.isclose(got, wanted.sum(), rtol=1e-4):
        return tr("that is the sum over the examples; return one number an example, shape (7,).")
    if np.shape(got) == wanted.shape:
        for hint, wrong in {
            tr("that is the log-likelihood; the loss is minus that."): -wanted,
            tr("the normalising constant 2b is missing: its logarithm depends on b."): np.abs(x - mu) / b,
            tr("the factor 2 in the normalising constant 2b is missing."): np.abs(x - mu) / b + np.log(b),
        }.items():
            if np.allclose(got, wrong, rtol=1e-4):
                return hint
    return compare(got, wanted, tr("the loss of seven examples"))


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
        return tr("that is one number a pixel; sum over the last axis, shape (4,).")
    if np.shape(got) == wanted.shape:
        if np.isnan(np.asarray(got, float)).any():
            return tr("NaN where a pixel is black or white: 0 log 0 counts as 0. scipy.special.xlogy knows.")
        for hint, wrong in {
            tr("that is the cross-entropy; subtract its floor, the entropy of x."): cross.sum(axis=-1),
            tr("the sign is wrong: the excess is never negative."): -wanted,
        }.items():
            if np.allclose(got, wrong, rtol=1e-3):
                return hint
    return compare(got, wanted, tr("the excess of four images"), rtol=1e-3)


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
                return tr("not finite where a / T is large: subtract the largest a first; the result stays the same.")
            if np.allclose(np.sum(got), 1) and not np.allclose(np.sum(got, axis=-1), 1):
                return tr("each row should sum to 1, not the whole array: sum over the last axis.")
            multiplied = np.exp(exponent * temperature**2)
            if temperature != 1 and np.allclose(got, multiplied / multiplied.sum(axis=-1, keepdims=True), rtol=1e-4):
                return tr("a high temperature should make it flatter: divide by T.")
        if complaint := compare(
            got, wanted, tr("the softmax at temperature {temperature}", temperature=temperature), rtol=1e-3
        ):
            return complaint
    return None


@checker
def check_categorical(answer: Callable) -> str | None:
    """The cross-entropy of 256 scores; its gradient is p - y, as for every softmax."""
    a = np.random.default_rng(36).normal(size=256)
    p = np.exp(a - a.max()) / np.exp(a - a.max()).sum()
    for x in (0, 7, 255):
        got = answer(a.copy(), x)
        if not isinstance(got, tuple | list) or len(got) != 2:
            return tr("return two things, the loss and its gradient.")
        if np.shape(got[0]) == () and np.isclose(got[0], np.log(p[x])):
            return tr("that is the log-likelihood; the loss is minus it.")
        if complaint := compare(got[0], -np.log(p[x]), tr("the loss at x = {x}", x=x)):
            return complaint
        wanted = p - (np.arange(256) == x)
        if np.shape(got[1]) == (256,) and np.allclose(got[1], -wanted):
            return tr("that is the gradient of the log-likelihood; the loss has the other sign.")
        if complaint := compare(got[1], wanted, tr("the gradient at x = {x}", x=x)):
            return complaint
    return None


@checker
def check_misleading(answer: tuple) -> str | None:
    """Cross-entropy alone would call the better reconstruction the worse one."""
    pairs = [[np.asarray(image, float) for image in pair] for pair in answer]
    for name, pair in zip(("good", "bad"), pairs, strict=True):
        if any(image.shape != (784,) for image in pair):
            return tr(
                "x_{name} and p_{name} should have shape (784,), got {got}.",
                name=name,
                got=[image.shape for image in pair],
            )
        x, p = pair
        if not (x.min() >= 0 and x.max() <= 1 and p.min() > 0 and p.max() < 1):
            return tr("x_{name} should lie in [0, 1] and p_{name} between 0 and 1, ends left out.", name=name)
    squared = [float(np.sum((x - p) ** 2)) for x, p in pairs]
    cross = [float(-np.sum(x * np.log(p) + (1 - x) * np.log1p(-p))) for x, p in pairs]
    if not squared[0] < squared[1]:
        return tr(
            "the squared errors are {good:.3g} and {bad:.3g}: p_good should be the nearer one.",
            good=squared[0],
            bad=squared[1],
        )
    if not cross[0] >= cross[1] + 100:
        return tr(
            "the cross-entropies are {good:.0f} and {bad:.0f} nats: the first should be 100 higher.",
            good=cross[0],
            bad=cross[1],
        )
    return None
