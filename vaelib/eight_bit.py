"""The probability of an 8-bit image, given the mean of each pixel: one event, whatever a decoder was trained for.

A pixel has the levels 0 to 255. A density gives level k, the grey value k/255, its mass from k/256 to (k + 1)/256; a
mean in [0, 1] moves along, to (255 mean + 1/2)/256. A `Table` holds 256 probabilities for each mean, counted on images.
Images and means have shape (*batch, pixel); what is returned is in nats, of shape (*batch,).
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr
from jaxtyping import Array, Float

from vaelib.checks import AnyArray

LEVELS = 256
SMALLEST_MEAN = 1e-4  # how near to 0 and 1 a continuous Bernoulli's mean may come
NODES = np.linspace(-9.0, 9.0, 73)  # logits of a mean
PSEUDO = 100.0  # pixels added to the counts of each node
FAR = 1e4  # in spreads; float32 holds no probability beyond
# A continuous Bernoulli with logit -s < 0 has the mean 1/s - 1/(exp(s) - 1): a table of s for each mean below 1/2.
_S = np.geomspace(1e5, 1e-3, 4000)
_LOG_MEANS = np.log(1 / _S - 1 / np.expm1(np.minimum(_S, 700.0))).astype(np.float32)
_LOG_S = np.log(_S).astype(np.float32)


def normal(x: Float[AnyArray, "*batch pixel"], mean: Float[AnyArray, "*batch pixel"], sigma) -> Float[Array, "*batch"]:
    """The log-probability of pixels normal with this mean and spread; levels 0 and 255 get the tails."""
    low, high = _standardised(x, mean, sigma)
    low, high = (
        jnp.where(low > 0, -high, low),
        jnp.where(low > 0, -low, high),
    )  # differences are exact in the lower tail
    upper, lower = log_ndtr(high), log_ndtr(low)
    return jnp.sum(upper + jnp.log(-jnp.expm1(jnp.minimum(lower - upper, -1e-7))), axis=-1)


def continuous_bernoulli(
    x: Float[AnyArray, "*batch pixel"], mean: Float[AnyArray, "*batch pixel"]
) -> Float[Array, "*batch"]:
    """The log-probability of pixels that are continuous Bernoullis with this mean; there is no spread to choose.

    With logit -s the mass from u to u + w is exp(-s u) (1 - exp(-s w)) / (1 - exp(-s)); a mean above 1/2 is mirrored.
    """
    mean = _moved(mean)
    below = mean <= 0.5
    level = jnp.where(below, _level(x), LEVELS - 1 - _level(x))
    s = rate_of_mean(jnp.where(below, mean, 1 - mean))
    log_mass = -s * level / LEVELS + jnp.log(-jnp.expm1(-s / LEVELS)) - jnp.log(-jnp.expm1(-s))
    return jnp.sum(log_mass, axis=-1)


def rate_of_mean(mean: Float[AnyArray, "*shape"] | np.floating) -> Float[Array, "*shape"]:
    """The s at which the continuous Bernoulli with logit -s has this mean, from SMALLEST_MEAN to 1/2."""
    return jnp.exp(jnp.interp(jnp.log(jnp.clip(mean, SMALLEST_MEAN, 0.5)), _LOG_MEANS, _LOG_S))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Table:
    """256 classes: the probability of each level given the mean, whose logit lies at one of the nodes or between two.

    `mass` has shape (node, level), and a row for each logit of `NODES`; `log_prob` mixes the rows on both sides.
    """

    mass: Float[AnyArray, "node level"]

    @classmethod
    def count(cls, x: Float[AnyArray, "batch pixel"], mean: Float[AnyArray, "batch pixel"]) -> "Table":
        """Count the levels of pixels by the node nearest to their mean; PSEUDO more are spread as all pixels are."""
        node = np.rint(np.asarray(_position(mean))).astype(int).ravel()
        level = np.asarray(_level(x)).astype(int).ravel()
        counts = np.bincount(node * LEVELS + level, minlength=len(NODES) * LEVELS).reshape(len(NODES), LEVELS)
        counts = counts + PSEUDO * (counts.sum(axis=0) + 1) / (counts.sum() + LEVELS)
        return cls((counts / counts.sum(axis=1, keepdims=True)).astype(np.float32))

    def log_prob(self, x: Float[AnyArray, "*batch pixel"], mean: Float[AnyArray, "*batch pixel"]):
        """The log-probability: minus the categorical cross-entropy, summed over pixels."""
        position, level = _position(mean), _level(x).astype(int)
        left = jnp.clip(jnp.floor(jax.lax.stop_gradient(position)).astype(int), 0, len(NODES) - 2)
        share = position - left
        mass = jnp.asarray(self.mass)
        return jnp.sum(jnp.log((1 - share) * mass[left, level] + share * mass[left + 1, level]), axis=-1)


def _position(mean) -> Float[Array, "*shape"]:
    """Where the logit of the mean lies among the nodes, 0 at the first."""
    logit = jax.scipy.special.logit(jnp.clip(mean, 1e-6, 1 - 1e-6))
    return (jnp.clip(logit, NODES[0], NODES[-1]) - NODES[0]) / (NODES[1] - NODES[0])


def _level(x) -> Float[Array, "*shape"]:
    return jnp.round(jnp.asarray(x) * (LEVELS - 1))


def _moved(mean) -> Float[Array, "*shape"]:
    return (jnp.asarray(mean) * (LEVELS - 1) + 0.5) / LEVELS


def _standardised(x, mean, sigma) -> tuple[Array, Array]:
    """The ends of each pixel's interval, in spreads from the mean; the first and the last are open outwards."""
    level, mean = _level(x), _moved(mean)
    low = jnp.where(level == 0, -FAR, (level / LEVELS - mean) / sigma)
    return low, jnp.where(level == LEVELS - 1, FAR, ((level + 1) / LEVELS - mean) / sigma)
