"""Checkers for notebook 05, the reparameterisation trick."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import kstest, norm

from vaelib.exercises.verdict import checker, compare
from vaelib.languages import tr


@checker
def check_reparameterise(answer: Callable) -> str | None:
    """The draw has the right distribution, and the gradient reaches both parameters."""
    keys = jax.random.split(jax.random.key(5), 3)
    mu, log_var, eps = (jax.random.normal(key, (4, 3)) for key in keys)
    wanted = mu + jnp.exp(0.5 * log_var) * eps
    got = answer(mu, log_var, eps)
    for hint, wrong in {
        tr("exp(log_var) is the variance; sigma is exp(log_var / 2)."): mu + jnp.exp(log_var) * eps,
        tr("log_var is a logarithm; sigma is exp(log_var / 2)."): mu + log_var * eps,
        tr("mu is missing."): jnp.exp(0.5 * log_var) * eps,
    }.items():
        if np.shape(got) == wanted.shape and np.allclose(got, wrong, rtol=1e-4):
            return hint
    if complaint := compare(got, wanted, "z", rtol=1e-4):
        return complaint
    slopes = jax.grad(lambda *parameters: jnp.sum(answer(*parameters, eps) * eps), argnums=(0, 1))(mu, log_var)
    exact = eps, 0.5 * jnp.exp(0.5 * log_var) * eps**2
    for name, slope, right in zip(("mu", "log_var"), slopes, exact, strict=True):
        if not np.any(slope):
            return tr("the values are right, but no gradient reaches {name}. Is something stopping it?", name=name)
        if complaint := compare(slope, right, tr("the gradient in {name}", name=name), rtol=1e-3):
            return complaint
    return None


@checker
def check_exponential(answer: Callable) -> str | None:
    """Uniform noise in, exponential draws out, and a gradient in the rate: it is reparameterised."""
    u = (jnp.arange(1_000) + 0.5) / 1_000
    for rate in (0.5, 1.0, 3.0):
        got = answer(rate, u)
        if np.shape(got) != u.shape:
            return tr("for 1,000 numbers u you should return 1,000 draws, got shape {got}.", got=np.shape(got))
        wanted = -np.log1p(-np.asarray(u)) / rate
        if np.allclose(np.sort(got), wanted * rate**2, rtol=1e-3) and rate != 1:
            return tr("the mean of your draws is the rate; it should be 1 / rate.")
        if np.allclose(np.sort(got), np.sort(-wanted), rtol=1e-3):
            return tr("your draws are negative; log u is, for u below 1.")
        if complaint := compare(np.sort(got), wanted, tr("the sorted draws at rate {rate}", rate=rate), rtol=1e-3):
            return complaint
        slope = jax.grad(lambda rate: jnp.mean(answer(rate, u)))(rate)
        if complaint := compare(
            slope, -np.mean(wanted) / rate, tr("the gradient of the mean at rate {rate}", rate=rate), rtol=1e-3
        ):
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
        return tr("that is the mean over the draws; return one number a draw, shape (8,).")
    if np.shape(got) == wanted.shape:
        if np.allclose(got, f * (z - mu) / sigma**2, rtol=1e-3):
            return tr("that is the gradient in mu; the question asks for sigma.")
        if np.allclose(got, f * (z - mu) ** 2 / sigma**3, rtol=1e-3):
            return tr("log q also holds -log sigma, whose derivative is missing.")
    return compare(got, wanted, tr("the estimates of eight draws"), rtol=1e-3)


@checker
def check_half_blocked(answer: Callable) -> str | None:
    """The values are right, one of the two gradients is missing, and nothing says so."""
    keys = jax.random.split(jax.random.key(7), 4_000)
    for mu, sigma in ((0.7, 0.8), (-1.0, 0.3)):  # two of each: a number written in by hand fits one alone
        z = np.ravel(np.asarray(jax.vmap(answer, (None, None, 0))(mu, sigma, keys)))
        if z.shape != (4_000,):
            return tr("one key should give one draw, got {count:g} numbers a key.", count=z.size / 4000)
        if not (abs(z.mean() - mu) <= 0.06 and abs(z.std() - sigma) <= 0.05):  # so written, it refuses NaN
            return tr(
                "the draws have mean {mean:.2f} and standard deviation {spread:.2f}; "
                "they should have {mu:.2f} and {sigma:.2f}.",
                **{"mean": z.mean(), "spread": z.std(), "mu": mu, "sigma": sigma},
            )
        if kstest(z, norm(mu, sigma).cdf).pvalue < 1e-4:
            return tr("mean and standard deviation are right, but the draws are not Gaussian.")
        slopes = jax.vmap(jax.grad(lambda *at: jnp.sum(answer(*at)), argnums=(0, 1)), (None, None, 0))(mu, sigma, keys)
        by_mu, by_sigma = map(np.asarray, slopes)
        if not np.allclose(by_mu, 1, atol=1e-4):
            return tr("the gradient in mu should be 1 for every draw, got {got:.2f} on average.", got=by_mu.mean())
        if np.any(by_sigma):
            return tr("the gradient still reaches sigma.")
    return None


@checker
def check_best_draws(answer: Callable) -> str | None:
    """The best number of draws grows with the noise of a draw and with the price of an encoding, by a square root."""
    for A, B, encode, decode in ((1.0, 1.0, 1.0, 1.0), (2.0, 5.0, 1.0, 1.0), (1.0, 4.0, 9.0, 0.5)):
        wanted, got = np.sqrt(B * encode / (A * decode)), answer(A, B, encode, decode)
        if np.shape(got) == () and got is not None and wanted != 1:
            if np.isclose(got, wanted**2, rtol=1e-3):
                return tr("take the square root: the derivative is decode · A - encode · B / L².")
            if np.isclose(got, np.sqrt(B * decode / (A * encode)), rtol=1e-3) and encode != decode:
                return tr("encode and decode have changed places: dear encodings are an argument for more draws.")
        if complaint := compare(
            got,
            wanted,
            tr("L at A = {A}, B = {B}, encode = {encode}, decode = {decode}", A=A, B=B, encode=encode, decode=decode),
            rtol=1e-3,
        ):
            return complaint
    return None
