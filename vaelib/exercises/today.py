"""Checkers for notebook 12, the diffusion model as a VAE and as a prior of codes."""

from collections.abc import Callable

import numpy as np

from vaelib.exercises.verdict import checker, compare
from vaelib.languages import tr


@checker
def check_step_kl(answer: Callable) -> str | None:
    """Half of the fall of the SNR times the squared error of the guess: the spreads are equal, the means differ."""
    for snr_s, snr_t, error in ((20.0, 5.0, 0.3), (2.0, 1.5, 1.0), (0.1, 0.02, 4.0)):
        got, wanted = np.asarray(answer(snr_s, snr_t, error)), 0.5 * (snr_s - snr_t) * error
        if got.shape == () and np.isclose(got, -wanted):
            return tr("a KL is never negative; level s has the larger SNR.")
        if got.shape == () and np.isclose(got, 2 * wanted):
            return tr("the KL of two Gaussians of one spread is half of the squared distance over the variance.")
        if got.shape == () and np.isclose(got, 0.5 * (snr_s / snr_t - 1) * error):
            return tr("that is right for the squared error of the noise; here it is that of z_0.")
        if complaint := compare(got, wanted, tr("the KL for SNRs of {snr_s} and {snr_t}", snr_s=snr_s, snr_t=snr_t)):
            return complaint
    return None


@checker
def check_scale_factor(answer: Callable) -> str | None:
    """One number for all dimensions, one over the standard deviation about the mean."""
    rng = np.random.default_rng(0)
    for spreads, centre in (([5.0, 5.0], [0.0, 0.0]), ([1.0, 7.0], [0.0, 0.0]), ([2.0, 0.5], [30.0, -4.0])):
        codes = rng.standard_normal((4_000, 2)) * spreads + centre
        about = codes - codes.mean(axis=0)
        got, wanted = np.asarray(answer(codes.copy())), 1 / np.sqrt(np.mean(about**2))
        if got.shape == (2,):
            return tr("one number is asked for, which leaves the cloud its shape; you return one a dimension.")
        if got.shape == () and np.isclose(got, 1 / wanted, rtol=1e-2):
            return tr("that is the standard deviation; the codes are to be multiplied by one over it.")
        if got.shape == () and np.isclose(got, wanted**2, rtol=1e-2) and not np.isclose(wanted, 1, rtol=1e-2):
            return tr("that is one over the variance.")
        if got.shape == () and any(centre) and got < wanted / 2:
            return tr("take the mean of each dimension away first: here the codes lie far from 0.")
        if complaint := compare(got, wanted, tr("the factor"), rtol=1e-2):
            return complaint
    return None


def gap_of_gaussian_data(spread: float, levels: int = 1_000, first: float = 8.0, last: float = -8.0) -> float:
    """The mean of log p(z_0) - ELBO for z_0 ~ N(0, spread²) and its best denoiser, in nats."""
    snr = np.exp(np.linspace(first, last, levels))
    alpha2, sigma2 = snr / (1 + snr), 1 / (1 + snr)
    missed = alpha2 * spread**2 / (alpha2 * spread**2 + sigma2)  # Var(eps | z_t)
    recon = -0.5 * (1 + np.log(2 * np.pi) - first)
    steps = 0.5 * np.sum((snr[:-1] / snr[1:] - 1) * missed[1:])
    at_last = 0.5 * (alpha2[-1] * spread**2 + sigma2[-1] - np.log(sigma2[-1]) - 1)
    return -0.5 * (1 + np.log(2 * np.pi * spread**2)) - (recon - at_last - steps)


@checker
def check_bad_spread(answer: float | int | np.floating) -> str | None:
    """Too large for N(0, 1) to be what is left at the last level, or too small for the noise of the first one."""
    spread = float(answer)
    if not (np.isfinite(spread) and spread > 0):
        return tr("a spread is a positive number, got {spread}.", spread=spread)
    gap = gap_of_gaussian_data(spread)
    if not gap > 1:
        return tr("at a spread of {spread:g} the bound loses {gap:.2f} nats, not more than 1.", spread=spread, gap=gap)
    return None
