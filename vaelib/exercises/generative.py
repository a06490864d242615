"""Checkers for notebooks 00 and 01, generative models."""

from collections.abc import Callable

import numpy as np
from scipy import stats

from vaelib.exercises.verdict import checker, compare


@checker
def check_pixels_per_number(answer: float) -> str | None:
    """784 pixels from 2 numbers: nearly all of what 784 pixels could show is no digit, and the code leaves it out."""
    got = np.asarray(answer)
    if got.shape == () and np.issubdtype(got.dtype, np.number):
        if np.isclose(got, 784):
            return "that is the number of pixels in all; how many fall to each of the two numbers of z?"
        if np.isclose(got, 2 / 784):
            return "that is numbers a pixel; turn the fraction over."
    return compare(got, 392, "the number of pixels")


@checker
def check_white_pixels(answer: Callable[[np.ndarray], tuple[float, float]]) -> str | None:
    """Means add up, variances of independent pixels too: a sum of coins, each with its own bias."""
    rng = np.random.default_rng(0)
    for size in (5, 784):
        p = rng.uniform(size=size)
        mean, std = p.sum(), np.sqrt(np.sum(p * (1 - p)))
        got = answer(p)
        if got is not None and np.shape(got) == (2,):
            if np.allclose(got, (std, mean)):
                return "both numbers are right, in the other order: return the mean first."
            if np.isclose(got[1], std**2):
                return "the second number is the variance; take its square root."
            if np.isclose(got[1], np.sum(np.sqrt(p * (1 - p)))):
                return "standard deviations do not add up; variances do, and the square root comes last."
            if np.isclose(got[0], p.mean()):
                return "the first number is the mean over pixels; the question is how many are white in all."
        if complaint := compare(got, np.array([mean, std]), f"(mean, standard deviation) for {size} pixels"):
            return complaint
    return None


@checker
def check_to_exponential(answer: Callable[[np.ndarray], np.ndarray]) -> str | None:
    """A bend turns the Gaussian into another distribution, exactly; in one dimension such a map always exists."""
    z = np.random.default_rng(1).standard_normal((2500, 8))
    got = np.asarray(answer(z))
    if got.shape != z.shape:
        return f"g should keep the shape of z, {z.shape}, got {got.shape}."
    if not np.isfinite(got).all():
        return "some results are NaN or infinite; is the argument of the logarithm positive for every z?"
    if got.max() <= 0:
        return "the results are negative: the logarithm of a number below 1 is. Turn the sign."
    if got.min() < 0:
        return f"an exponential number is never negative, got {got.min():.3g}."
    if got.max() <= 1:
        return "the results stay below 1, so they are still uniform or the like; solve u = 1 - exp(-x) for x."
    distance = stats.kstest(got.ravel(), stats.expon.cdf).statistic
    if distance > 1.95 / np.sqrt(z.size):  # the 0.1% point of the Kolmogorov-Smirnov test
        return f"the mean should be 1 and the median 0.693, got {got.mean():.3g} and {np.median(got):.3g}."
    return None


@checker
def check_sample_styles(answer: Callable[[np.random.Generator, int], np.ndarray]) -> str | None:
    """The draws follow the two-humped p(x), the average of two Gaussians, though no line of code mentions it."""
    spread = np.sqrt(1.25)  # of x given the style: z adds 1, x adds 0.25
    got = np.asarray(answer(np.random.default_rng(2), 20_000))
    if got.shape != (20_000,):
        return f"20,000 draws should have shape (20000,), got {got.shape}."
    if np.array_equal(got, np.asarray(answer(np.random.default_rng(3), 20_000))):
        return "another generator gave the same draws; take every random number from rng."
    if abs(got.mean()) > 1:
        return f"the two styles should be equally frequent, but the mean is {got.mean():.2f}: one coin for all draws?"

    def distance(spread):
        """How far the draws are from two humps of that spread, in units of what chance allows at the 0.1% level."""
        two_humps = stats.kstest(got, lambda x: 0.5 * (stats.norm.cdf(x, -2, spread) + stats.norm.cdf(x, 2, spread)))
        return two_humps.statistic * np.sqrt(got.size) / 1.95

    if distance(spread) > 1:
        if distance(1.0) < 1:
            return "that is the distribution of z; the last line of the story, x given z, is missing."
        return f"the standard deviation should be {np.sqrt(5.25):.3f} with humps at -2 and 2, got {got.std():.3f}."
    return None
