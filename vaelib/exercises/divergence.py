"""Checkers for notebook 04, the KL in closed form."""

from collections.abc import Callable

import numpy as np

from vaelib.exercises.verdict import checker, compare
from vaelib.languages import tr


@checker
def check_gaussian_kl(answer: Callable) -> str | None:
    """It is the KL of any two diagonal Gaussians, and with p = N(0, I) the formula of this notebook."""
    rng = np.random.default_rng(4)
    mu_q, log_var_q, mu_p, log_var_p = rng.normal(size=(4, 5, 3)).astype(np.float32)

    def kl(mu_q, log_var_q, mu_p, log_var_p):
        squared = np.exp(log_var_q) + (mu_q - mu_p) ** 2
        return 0.5 * np.sum(squared / np.exp(log_var_p) - 1 + log_var_p - log_var_q, axis=-1)

    got = answer(mu_q, log_var_q, mu_p, log_var_p)
    if np.shape(got) == (5, 3):
        return tr("you return one number a latent dimension, shape (5, 3); sum them over the last axis.")
    if np.shape(got) == (5,) and np.allclose(got, kl(mu_p, log_var_p, mu_q, log_var_q), rtol=1e-3):
        return tr("that is KL(p ‖ q); here the average is taken under q.")
    return compare(got, kl(mu_q, log_var_q, mu_p, log_var_p), tr("the KL of five pairs of 3-D Gaussians"), rtol=1e-3)


@checker
def check_balance(answer: Callable) -> str | None:
    """There the two pulls cancel: it is the spread of the exact posterior."""
    for a, s in ((1.0, 1.0), (2.0, 0.5), (0.3, 1.7), (-1.5, 0.2)):
        wanted = s / np.sqrt(s**2 + a**2)
        got = answer(a, s)
        number = np.shape(got) == () and got is not None
        if number and np.isclose(got, wanted**2, rtol=1e-3):
            return tr("at a = {a}, s = {s} that is the variance sigma²; the question asks for sigma.", a=a, s=s)
        if number and np.isclose(got, -wanted, rtol=1e-3):
            return tr("a standard deviation is positive.")
        if complaint := compare(got, wanted, tr("sigma at a = {a}, s = {s}", a=a, s=s), rtol=1e-3):
            return complaint
    return None


@checker
def check_logistic_kl(answer: Callable) -> str | None:
    """A second family with a closed form, so it is not the Gaussian that makes one possible."""
    m, s = np.array([0.0, 1.0, -2.0, 0.4]), np.array([0.55, 0.2, 1.3, 2.0])
    wanted = 0.5 * (m**2 + np.pi**2 * s**2 / 3) + 0.5 * np.log(2 * np.pi) - np.log(s) - 2
    got = answer(m, s)
    if np.shape(got) == (4,) and np.allclose(got, wanted - 0.5 * np.log(2 * np.pi), rtol=1e-3):
        return tr("½ log 2π is missing: with a Gaussian q it cancelled, here it does not.")
    if np.shape(got) == (4,) and np.allclose(got, wanted + np.pi**2 * s**2 / 6, rtol=1e-3):
        return tr("check the ½ in front of E[z²] = m² + π² s² / 3.")
    return compare(got, wanted, tr("the KL of four logistic distributions"), rtol=1e-3)


@checker
def check_correlation_that_hides(answer: Callable) -> str | None:
    """The KL is -½ log(1 - rho²), all of it in the correlation, where a sum over dimensions can not see it."""
    for nats in (0.1, 0.5, 2.0):
        wanted, got = np.sqrt(-np.expm1(-2 * nats)), answer(nats)
        if np.shape(got) == () and got is not None:
            if np.isclose(got, wanted**2, rtol=1e-3):
                return tr("at {nats} nats that is rho²; the question asks for rho.", nats=nats)
            if np.isclose(got, np.sqrt(-np.expm1(-nats)), rtol=1e-3):
                return tr("check the ½: the KL is -½ log(1 - rho²).")
        if complaint := compare(got, wanted, tr("rho at {nats} nats", nats=nats), rtol=1e-3):
            return complaint
    return None
