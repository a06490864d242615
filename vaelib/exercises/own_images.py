"""Checkers for notebook 11, own images and labels."""

from collections.abc import Callable

import numpy as np

from vaelib.exercises.verdict import checker, compare
from vaelib.languages import tr


@checker
def check_label_worth(answer: Callable) -> str | None:
    """The entropy of the labels: log 10 for ten equal shares, less for any others, 0 for one label."""
    for counts in ([50] * 10, [900, 50, 50], [7, 0], [3, 1]):
        got, p = np.asarray(answer(np.array(counts))), np.array(counts) / np.sum(counts)
        wanted = -np.sum(p[p > 0] * np.log(p[p > 0]))
        if got.shape == () and np.isnan(got):
            return tr(
                "for counts {counts} it is NaN: a label that never comes has 0 log 0, which counts as 0.", counts=counts
            )
        if got.shape == () and wanted and np.isclose(got, wanted / np.log(2)):
            return tr("that is in bits; in nats the logarithm is the natural one.")
        if got.shape == () and not np.isclose(wanted, np.log(len(counts))) and np.isclose(got, np.log(len(counts))):
            return tr("log of the number of labels is the worth of equal shares; others say less on average.")
        if complaint := compare(got, wanted, tr("the worth for counts {counts}", counts=counts)):
            return complaint
    return None


@checker
def check_raw_units(answer: Callable) -> str | None:
    """Minus the sum of log s, the same for every row."""
    log_density, std = np.array([-20.0, -31.5, 4.0]), np.array([350.0, 0.02, 1.0, 7.0])
    got, shift = np.asarray(answer(log_density.copy(), std.copy())), np.sum(np.log(std))
    if got.shape == (3,) and np.allclose(got, log_density + shift):
        return tr("the sign is turned: the wider an axis is stretched, the lower the density.")
    if got.shape == (3,) and np.allclose(got, log_density - np.mean(np.log(std))):
        return tr("each column has a factor of its own; log s is summed over them, not averaged.")
    if got.shape == (3,) and np.allclose(got, log_density - np.log(np.sum(std))):
        return tr("the factors multiply, so it is the sum of the logarithms, not the logarithm of the sum.")
    return compare(got, log_density - shift, tr("the log-densities of the raw rows"))


@checker
def check_label_posterior(answer: Callable) -> str | None:
    """Prior times likelihood, divided by their sum, without an overflow."""
    rng = np.random.default_rng(0)
    for level in (-100.0, -1e5):
        log_p, prior = level + rng.normal(0, 2, (6, 4)), np.array([0.7, 0.1, 0.1, 0.1])
        got = np.asarray(answer(log_p.copy(), prior.copy()))
        shifted = np.exp(log_p - log_p.max(axis=1, keepdims=True))
        wanted, without = (w / w.sum(axis=1, keepdims=True) for w in (shifted * prior, shifted))
        if got.shape == wanted.shape and not np.isfinite(got).all():
            return tr(
                "at {level:,.0f} nats exp is 0, and 0 / 0 is NaN; take each row's largest number off first.",
                level=level,
            )
        if got.shape == wanted.shape and np.allclose(got, without):
            return tr("the prior is missing: labels that are rare need more evidence.")
        if complaint := compare(got, wanted, "p(y|x)"):
            return complaint
    return None


@checker
def check_impostor(answer: np.ndarray, average: np.ndarray, digits: np.ndarray) -> str | None:
    """No digit, and more probable than all of them."""
    image = np.asarray(answer, np.float64)
    if image.shape != (digits.shape[1],):
        return tr("the image should have shape ({pixels},), got {got}.", pixels=digits.shape[1], got=image.shape)
    if not np.isin(image, (0, 1)).all():
        return tr("the image should be black and white, each pixel 0 or 1.")
    if image.sum() < 20:
        return tr("it has {count:.0f} white pixels; 20 at least.", count=image.sum())

    def log_p(x):
        return x @ np.log(average) + (1 - x) @ np.log1p(-average)

    least = log_p(digits).max()
    if not log_p(image) > least:
        return tr(
            "its log-probability is {got:.0f}; the most probable digit has {least:.0f}.", got=log_p(image), least=least
        )
    return None
