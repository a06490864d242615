"""Checkers for notebook 02, naive maximum likelihood by sampling the prior."""

from collections.abc import Callable

import numpy as np

from vaelib.exercises.verdict import checker, compare


@checker
def check_budget(answer: Callable[[float, float], float]) -> str | None:
    """The draws grow in proportion to V, and an accuracy ten times finer costs a hundred times as many."""
    rng = np.random.default_rng(0)
    for V, accuracy in zip(rng.uniform(1.0, 1e4, 4), rng.uniform(0.05, 0.5, 4), strict=True):
        got, wanted = np.asarray(answer(V, accuracy)), V / accuracy**2
        if got.shape == () and np.isclose(got, V / accuracy, rtol=1e-3):
            return "the accuracy is a standard deviation, the square root of a variance: it enters squared."
        if got.shape == () and np.isclose(got, V / (2 * accuracy), rtol=1e-3):
            return "that many draws bring the bias V/2n down to the accuracy; the question is about the spread."
        if complaint := compare(
            np.ceil(got), np.ceil(wanted), f"n at V = {V:.0f}, accuracy = {accuracy:.2f}", atol=1.0
        ):
            return complaint
    return None


@checker
def check_px_from_uniform(answer: Callable[[float, float, np.ndarray, float], float]) -> str | None:
    """The draws do not follow the prior here, so p(z) belongs in the weight, over the density 1 / 2a of the draws."""
    rng = np.random.default_rng(1)
    for _ in range(4):
        x, sigma, a = rng.uniform(-2.0, 2.0), rng.uniform(0.3, 1.0), rng.uniform(5.0, 8.0)
        z = rng.uniform(-a, a, int(rng.integers(500, 1000)))
        p_x_given_z, p_z = _normal(x - z, sigma), _normal(z, 1.0)
        wanted = np.mean(p_x_given_z * p_z) * 2 * a
        got = np.asarray(answer(x, sigma, z, a))
        near = {
            np.log(wanted): "that is the logarithm of the estimate; return p(x) itself.",
            np.mean(p_x_given_z): "that is right for draws from the prior; these are uniform, so the prior is missing.",
            np.mean(p_x_given_z * p_z): "the weight is still to be divided by the density of the draws, 1 / (2a).",
            np.mean(p_x_given_z * p_z) / (2 * a): "you multiplied by the density of the draws; divide by it.",
            np.mean(p_x_given_z) * 2 * a: "you divide by the density of the draws, but where is the prior p(z)?",
            wanted * len(z): "that is a sum over the draws; the estimate is their mean.",
        }
        for wrong, hint in near.items():
            if got.shape == () and np.isclose(got, wrong, rtol=1e-4):
                return hint
        if complaint := compare(got, wanted, "the estimate", rtol=1e-3, atol=1e-9):
            return complaint
    return None


@checker
def check_first_hopeless_dimension(answer: Callable[[float, int], int]) -> str | None:
    """Each dimension multiplies 1 + V by the same factor, so even a huge budget lasts for a few dimensions only."""
    rng = np.random.default_rng(2)
    for sigma, draws in zip(rng.uniform(0.05, 0.8, 5), 10 ** rng.integers(3, 9, 5), strict=True):
        s2, draws = sigma**2, int(draws)
        one = (1 + s2) / np.sqrt(s2 * (2 + s2)) * np.exp(1 / ((1 + s2) * (2 + s2)))
        d = np.arange(1, 200)
        wanted = int(d[(one**d - 1) * 100 > draws][0])
        got = np.asarray(answer(float(sigma), draws))
        if got.shape == () and got == wanted - 1 and wanted > 1:
            return "that is the last dimension the draws suffice for; the question is for the first they do not."
        forgotten = int(d[one**d - 1 > draws][0])
        if got.shape == () and got == forgotten != wanted:
            return "V draws give a spread of 1 nat; for 0.1 nats a hundred times as many are needed."
        if complaint := compare(got, wanted, f"the dimension at sigma = {sigma:.2f} and {draws} draws", rtol=0, atol=0):
            return complaint
    return None


def _normal(difference: np.ndarray, sigma: float) -> np.ndarray:
    """The density of N(0, sigma²)."""
    return np.exp(-0.5 * (difference / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
