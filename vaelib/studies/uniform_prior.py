"""Does a uniform prior serve a ring of points as well as N(0, I)? Two small VAEs with a code in the plane.

A Gaussian q(z|x) reaches beyond the square of a uniform prior, so the q of that model is a Gaussian that a map bends
into it.
"""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from scipy.special import logsumexp, ndtri

from vaelib.checks import AnyArray
from vaelib.distributions import Gaussian
from vaelib.divergence import kl_to_standard_normal, register_kl
from vaelib.models import VAE
from vaelib.studies.common import Entries
from vaelib.studies.ring import doersch_ring
from vaelib.training import fit

HALF = 3**0.5  # half the width of the square; the coordinates then have mean 0 and spread 1
SIGMA, SIDE, POINTS, FRESH = 0.02, 140, 10_000, 100
SEEDS = (0, 1, 2)


class Uniform:
    """p(z) on the square of width 2 HALF about 0, of `latent` dimensions; it has no parameters."""

    def __init__(self, latent: int):
        """Take the number of dimensions."""
        self.latent = latent

    def log_prob(self, u: Float[AnyArray, "*batch latent"]) -> Float[Array, "*batch"]:
        """The logarithm of the density, in nats; minus infinity outside."""
        return jnp.sum(jnp.where(jnp.abs(u) < HALF, -jnp.log(2 * HALF), -jnp.inf), axis=-1)

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...] = ()) -> Float[Array, "*shape latent"]:
        """Draws, of any shape of samples."""
        return jax.random.uniform(key, (*shape, self.latent), minval=-HALF, maxval=HALF)


class Bent:
    """The Gaussian q(z|x) after u = HALF (2 Φ(z) - 1), which takes N(0, I) to the uniform prior."""

    def __init__(self, gaussian: Gaussian):
        """Take the Gaussian before the map."""
        self.gaussian = gaussian

    def log_prob(self, u: Float[AnyArray, "*batch latent"]) -> Float[Array, "*batch"]:
        """The Gaussian's density over how much the map stretches there, as a logarithm in nats."""
        z = jax.scipy.special.ndtri((u / HALF + 1) / 2)
        return self.gaussian.log_prob(z) - jnp.sum(jax.scipy.stats.norm.logpdf(z) + jnp.log(2 * HALF), axis=-1)

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...] = ()) -> Float[Array, "*shape batch latent"]:
        """Draws of the Gaussian, mapped."""
        return HALF * (2 * jax.scipy.special.ndtr(self.gaussian.sample(key, shape)) - 1)


@register_kl(Bent, Uniform)
def kl_of_bent(q: Bent, p: Uniform) -> Float[Array, "*batch"]:
    """The KL of the Gaussian to N(0, I): one map, invertible, takes both pairs into each other."""
    return kl_to_standard_normal(q.gaussian)


class UniformVAE(VAE):
    """A VAE with the uniform prior."""

    def prior(self) -> Uniform:
        """p(z)."""
        return Uniform(self.latent)

    def encode(self, x: Float[AnyArray, "*batch pixel"]) -> Bent:  # type: ignore[override]  # no Gaussian, on purpose
        """q(z|x)."""
        return Bent(super().encode(x))


MODELS = {"N(0, I)": VAE, "uniform": UniformVAE}


def ring(z: Float[np.ndarray, "point 2"]) -> Float[np.ndarray, "point 2"]:
    """Points of Doersch's ring, shrunk into the unit square, where a model's data lie."""
    return np.asarray(0.5 + 0.3 * doersch_ring(z), np.float32)


def fresh_points() -> Float[np.ndarray, "point 2"]:
    """Points of the ring that no model is trained on."""
    return ring(np.random.default_rng(9).standard_normal((FRESH, 2)))


def equal_codes(prior: str, side: int = SIDE) -> Float[np.ndarray, "code 2"]:
    """Codes that stand for equal shares of the prior, side × side of them: the middles of equal cells."""
    middles = (np.arange(side) + 0.5) / side
    u = np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2)
    return np.asarray(ndtri(u) if prior == "N(0, I)" else HALF * (2 * u - 1), np.float32)


def log_px(model: VAE, x: Float[np.ndarray, "point 2"], codes: Float[np.ndarray, "code 2"]) -> float:
    """Mean over the points of log p(x) = log mean p(x|z), in nats, over codes of equal shares of the prior."""
    squared = np.sum((x[:, None] - np.asarray(model.decode(codes).mean, np.float64)) ** 2, axis=-1)
    log_px_given_z = -squared / (2 * SIGMA**2) - np.log(2 * np.pi * SIGMA**2)
    return float(np.mean(logsumexp(log_px_given_z, axis=1) - np.log(len(codes))))


def train(prior: str, seed: int, epochs: int = 20) -> dict[str, float]:
    """Train a model with one of the priors on the ring, and return log p(x) of fresh points of it."""
    model = MODELS[prior].create(seed=seed, latent=2, pixels=2, hidden=(64, 64), likelihood="gaussian", sigma=SIGMA)
    points = ring(np.random.default_rng(8).standard_normal((POINTS, 2)))
    fit(model, points, jax.random.key(seed), epochs=epochs, batch_size=100, learning_rate=1e-2, progress=False)
    return {"log p(x)": round(log_px(model, fresh_points(), equal_codes(prior)), 3)}


def entries(images, test_images) -> Entries:
    """A training with each prior and each of SEEDS; the digits play no part."""
    for prior, seed in itertools.product(MODELS, SEEDS):
        yield f"{prior}, seed {seed}", partial(train, prior, seed)
