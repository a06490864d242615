"""Checkers for notebooks 00 and 01, generative models."""

from collections.abc import Callable

import numpy as np
from scipy import stats

from vaelib.exercises.verdict import checker, compare
from vaelib.languages import tr


@checker
def check_pixels_per_number(answer: float) -> str | None:
    """784 pixels from 2 numbers: nearly all of what 784 pixels could show is no digit, and the code leaves it out."""
    got = np.asarray(answer)
    if got.shape == () and np.issubdtype(got.dtype, np.number):
        if np.isclose(got, 784):
            return tr("that is the number of pixels in all; how many fall to each of the two numbers of z?")
        if np.isclose(got, 2 / 784):
            return tr("that is numbers a pixel; turn the fraction over.")
    return compare(got, 392, tr("the number of pixels"))


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
                return tr("both numbers are right, in the other order: return the mean first.")
            if np.isclose(got[1], std**2):
                return tr("the second number is the variance; take its square root.")
            if np.isclose(got[1], np.sum(np.sqrt(p * (1 - p)))):
                return tr("standard deviations do not add up; variances do, and the square root comes last.")
            if np.isclose(got[0], p.mean()):
                return tr("the first number is the mean over pixels; the question is how many are white in all.")
        if complaint := compare(
            got, np.array([mean, std]), tr("(mean, standard deviation) for {size} pixels", size=size)
        ):
            return complaint
    return None


@checker
def check_to_exponential(answer: Callable[[np.ndarray], np.ndarray]) -> str | None:
    """A bend turns the Gaussian into another distribution, exactly; in one dimension such a map always exists."""
    z, other = np.random.default_rng(1).standard_normal((2, 2500, 8))
    got = np.asarray(answer(z))
    if got.shape != z.shape:
        return tr("g should keep the shape of z, {wanted}, got {got}.", wanted=z.shape, got=got.shape)
    if not np.isfinite(got).all():
        return tr("some results are NaN or infinite; is the argument of the logarithm positive for every z?")
    if got.max() <= 0:
        return tr("the results are negative: the logarithm of a number below 1 is. Turn the sign.")
    if got.min() < 0:
        return tr("an exponential number is never negative, got {got:.3g}.", got=got.min())
    if got.max() <= 1:
        return tr("the results stay below 1, so they are still uniform or the like; solve u = 1 - exp(-x) for x.")
    distance = stats.kstest(got.ravel(), stats.expon.cdf).statistic
    if distance > 1.95 / np.sqrt(z.size):  # the 0.1% point of the Kolmogorov-Smirnov test
        return tr(
            "the mean should be 1 and the median 0.693, got {mean:.3g} and {median:.3g}.",
            mean=got.mean(),
            median=np.median(got),
        )
    if not np.array_equal(answer(z), got):
        return tr("the same z gave other numbers at a second call; g is a map, and z its only randomness.")
    if np.array_equal(answer(other), got):
        return tr("another z gave the same numbers; g should be a function of z.")
    return None


@checker
def check_sample_styles(answer: Callable[[np.random.Generator, int], np.ndarray]) -> str | None:
    """The draws follow the two-humped p(x), the average of two Gaussians, though no line of code mentions it."""
    spread = np.sqrt(1.25)  # of x given the style: z adds 1, x adds 0.25
    got = np.asarray(answer(np.random.default_rng(2), 20_000))
    if got.shape != (20_000,):
        return tr("20,000 draws should have shape (20000,), got {got}.", got=got.shape)
    if np.array_equal(got, np.asarray(answer(np.random.default_rng(3), 20_000))):
        return tr("another generator gave the same draws; take every random number from rng.")
    if abs(got.mean()) > 1:
        return tr(
            "the two styles should be equally frequent, but the mean is {mean:.2f}: one coin for all draws?",
            mean=got.mean(),
        )

    def distance(spread):
        """How far the draws are from two humps of that spread, in units of what chance allows at the 0.1% level."""
        two_humps = stats.kstest(got, lambda x: 0.5 * (stats.norm.cdf(x, -2, spread) + stats.norm.cdf(x, 2, spread)))
        return two_humps.statistic * np.sqrt(got.size) / 1.95

    if distance(spread) > 1:
        if distance(1.0) < 1:
            return tr("that is the distribution of z; the last line of the story, x given z, is missing.")
        return tr(
            "the standard deviation should be {wanted:.3f} with humps at -2 and 2, got {got:.3f}.",
            wanted=np.sqrt(5.25),
            got=got.std(),
        )
    return None


@checker
def check_density_of_styles(answer: Callable[[np.ndarray], np.ndarray]) -> str | None:
    """Marginals of marginals: z goes first, by adding variances, and the coin is a sum of two terms."""
    x = np.random.default_rng(4).uniform(-5, 5, (40, 5))

    def humps(spread, places=(-2.0, 2.0), shares=(0.5, 0.5)):
        return sum(share * stats.norm.pdf(x, place, spread) for place, share in zip(places, shares, strict=True))

    got = np.asarray(answer(x))
    near = {
        tr("that is the density of z; x adds the noise of the last line of the story."): humps(1.0),
        tr("that is the density given z = 2s; z itself varies around it, with variance 1."): humps(0.5),
        tr("standard deviations do not add up, 1 + 0.5; variances do."): humps(1.5),
        tr("1.25 is the variance; the spread is its square root."): humps(1.25),
        tr("each style happens half of the time; this integrates to 2."): 2 * humps(np.sqrt(1.25)),
        tr("that is one Gaussian with the right mean and variance; the coin makes two humps."): stats.norm.pdf(
            x, 0, np.sqrt(5.25)
        ),
        tr("that is the logarithm; return the density itself."): np.log(humps(np.sqrt(1.25))),
    }
    for hint, wrong in near.items():
        if got.shape == x.shape and np.allclose(got, wrong, rtol=1e-3):
            return hint
    return compare(got, humps(np.sqrt(1.25)), "p(x)", rtol=1e-3, atol=1e-9)


@checker
def check_whole_ring(answer: Callable[[np.ndarray], np.ndarray]) -> str | None:
    """The ring is one piece, so the plane can be rolled up into it: no tear, and nothing in the hole."""
    rng = np.random.default_rng(5)
    z = rng.standard_normal((20_000, 2))
    got = np.asarray(answer(z))
    if got.shape != z.shape:
        return tr("g should keep the shape of the codes, {wanted}, got {got}.", wanted=z.shape, got=got.shape)
    if not np.isfinite(got).all():
        return tr("some results are NaN or infinite; is every square root and logarithm taken of a positive number?")
    limit = 1.95 / np.sqrt(len(z))  # the 0.1% point of the Kolmogorov-Smirnov test
    radius, angle = np.linalg.norm(got, axis=1), np.arctan2(*got.T[::-1])
    if stats.kstest((radius - 1) * 10, stats.rayleigh.cdf).statistic > limit:
        return tr(
            "the radius should have mean 1.125 and spread 0.066, got {mean:.3f} and {spread:.3f}.",
            mean=radius.mean(),
            spread=radius.std(),
        )
    share = (angle / (2 * np.pi)) % 1
    if stats.kstest(share, stats.uniform.cdf).statistic > limit:
        return tr("the angle should be uniform; some directions of the ring get more points than others.")
    if max(abs(np.corrcoef(f(angle), radius)[0, 1]) for f in (np.cos, np.sin)) > 4 / np.sqrt(len(z)):
        return tr("the ring is thicker on one side: the angle and the radius should be independent.")
    place = _tear(answer, rng)
    if place is not None:
        return tr(
            "the map tears: it jumps at z = ({first:.3g}, {second:.3g}), so it is not continuous.",
            first=place[0],
            second=place[1],
        )
    return None


def _tear(g: Callable[[np.ndarray], np.ndarray], rng: np.random.Generator) -> np.ndarray | None:
    """A place where g jumps, found by halving line segments, some through 0, towards the half that jumps more."""
    start = rng.uniform(-2.5, 2.5, (400, 2))
    end = np.concatenate([-0.7 * start[:200], rng.uniform(-2.5, 2.5, (200, 2))])
    for _ in range(40):
        middle = (start + end) / 2
        left, mid, right = (np.asarray(g(points)) for points in (start, middle, end))
        first = np.linalg.norm(mid - left, axis=1) >= np.linalg.norm(right - mid, axis=1)
        start, end = np.where(first[:, None], start, middle), np.where(first[:, None], middle, end)
    jumps = np.linalg.norm(np.asarray(g(end)) - np.asarray(g(start)), axis=1)
    return start[jumps.argmax()] if jumps.max() > 0.05 else None


@checker
def check_spoil(answer: Callable[[], tuple[Callable, Callable]]) -> str | None:
    """Reconstruction never asks where the codes lie; sampling does, and so the prior has to be trained for."""
    pair = answer()
    if not (isinstance(pair, tuple | list) and len(pair) == 2 and all(map(callable, pair))):
        return tr("spoil should return two functions, (there, back), got {pair!r}.", pair=pair)
    there, back = pair
    rng = np.random.default_rng(6)
    z, other = rng.standard_normal((500, 2)), rng.standard_normal((500, 2))
    returned, moved = np.asarray(back(there(z))), np.asarray(back(z))
    if returned.shape != z.shape or not np.allclose(returned, z, atol=1e-3):
        return tr("back(there(z)) should be z for every code, or digits are no longer given back as they were.")
    if not np.isfinite(moved).all():
        return tr(
            "back(z) is NaN or infinite for some z of N(0, I), so there is nothing to decode: define it everywhere."
        )

    def gap(u, v):
        return np.mean(np.linalg.norm(u[:, None] - v, axis=-1))

    distance = 2 * gap(moved, other) - gap(moved, moved) - gap(other, other)
    if distance < 0.3:
        return tr(
            "what reaches the decoder is still much like N(0, I): energy distance {distance:.2f}, and 0.3 is asked "
            "for. Move it farther, or change its size more; a turn leaves N(0, I) as it is.",
            distance=distance,
        )
    return None
