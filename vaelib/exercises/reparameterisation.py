"""Checkers for notebook 05, the reparameterisation trick."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from vaelib.exercises.verdict import checker, compare


@checker
def check_reparameterise(answer: Callable) -> str | None:
    """The draw has the right distribution, and the gradient reaches both parameters."""
    keys = jax.random.split(jax.random.key(5), 3)
    mu, log_var, eps = (jax.random.normal(key, (4, 3)) for key in keys)
    wanted = mu + jnp.exp(0.5 * log_var) * eps
    got = answer(mu, log_var, eps)
    for hint, wrong in {
        "exp(log_var) is the variance; sigma is exp(log_var / 2).": mu + jnp.exp(log_var) * eps,
        "log_var is a logarithm; sigma is exp(log_var / 2).": mu + log_var * eps,
        "mu is missing.": jnp.exp(0.5 * log_var) * eps,
    }.items():
        if np.shape(got) == wanted.shape and np.allclose(got, wrong, rtol=1e-4):
            return hint
    if complaint := compare(got, wanted, "z", rtol=1e-4):
        return complaint
    slopes = jax.grad(lambda *parameters: jnp.sum(answer(*parameters, eps) * eps), argnums=(0, 1))(mu, log_var)
    exact = eps, 0.5 * jnp.exp(0.5 * log_var) * eps**2
    for name, slope, right in zip(("mu", "log_var"), slopes, exact, strict=True):
        if not np.any(slope):
            return f"the values are right, but no gradient reaches {name}. Is something stopping it?"
        if complaint := compare(slope, right, f"the gradient in {name}", rtol=1e-3):
            return complaint
    return None


@checker
def check_exponential(answer: Callable) -> str | None:
    """Uniform noise in, exponential draws out, and a gradient in the rate: it is reparameterised."""
    u = (jnp.arange(1_000) + 0.5) / 1_000
    for rate in (0.5, 1.0, 3.0):
        got = answer(rate, u)
        if np.shape(got) != u.shape:
            return f"for 1,000 numbers u you should return 1,000 draws, got shape {np.shape(got)}."
        wanted = -np.log1p(-np.asarray(u)) / rate
        if np.allclose(np.sort(got), wanted * rate**2, rtol=1e-3) and rate != 1:
            return "the mean of your draws is the rate; it should be 1 / rate."
        if np.allclose(np.sort(got), np.sort(-wanted), rtol=1e-3):
            return "your draws are negative; log u is, for u below 1."
        if complaint := compare(np.sort(got), wanted, f"the sorted draws at rate {rate}", rtol=1e-3):
            return complaint
        slope = jax.grad(lambda rate: jnp.mean(answer(rate, u)))(rate)
        if complaint := compare(slope, -np.mean(wanted) / rate, f"the gradient of the mean at rate {rate}", rtol=1e-3):
            return complaint
    return None


@checker
def check_score_gradient(answer: Callable) -> str | None:
    """One number a draw, unbiased, and no derivative of f was asked for."""
    mu, sigma = 0.3, 0.6
    z = mu + sigma * np.random.default_rng(6).standard_normal(8)
    f = np.sin(3 * z) + 2
    wanted = f * ((z - mu) ** 2 / sigma**3 - 1 / sigma)
    got = answer(f, z, mu, sigma)
    if np.shape(got) == () and got is not None and np.isclose(got, wanted.mean(), rtol=1e-3):
        return "that is the mean over the draws; return one number a draw, shape (8,)."
    if np.shape(got) == wanted.shape:
        if np.allclose(got, f * (z - mu) / sigma**2, rtol=1e-3):
            return "that is the gradient in mu; the question asks for sigma."
        if np.allclose(got, f * (z - mu) ** 2 / sigma**3, rtol=1e-3):
            return "log q also holds -log sigma, whose derivative is missing."
    return compare(got, wanted, "the estimates of eight draws", rtol=1e-3)
