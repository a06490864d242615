"""What the library asks of a distribution and of a model: any class with these methods will do."""

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Array, Float, PRNGKeyArray

from vaelib.checks import AnyArray
from vaelib.distributions import Bernoulli, standard_normal


@runtime_checkable
class Distribution(Protocol):
    """A distribution over vectors, the last axis; all other axes are batch.

    As a q(z|x) its `sample` has to be reparameterised, z = g(parameters, noise), for a gradient to pass through.
    """

    def log_prob(self, x: Float[AnyArray, "*any event"]) -> Float[Array, "*broadcast"]:
        """The log-probability or log-density, summed over the last axis, in nats; x and the parameters broadcast."""

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Float[Array, "*sample_batch event"]:
        """Independent draws of shape (*sample_shape, *batch, event)."""


@runtime_checkable
class LatentVariableModel(Protocol):
    """A model p(x, z) = p(x|z) p(z) with an approximate posterior q(z|x), as every objective and estimate takes it.

    It is a `flax.nnx.Module`, if it is to be trained or its evidence estimated. A model of your own in full::

        class Small(nnx.Module):
            def __init__(self, rngs):
                self.latent, self.pixels = 2, 784
                self.to_q = nnx.Linear(784, 4, rngs=rngs)
                self.to_p = nnx.Linear(2, 784, rngs=rngs)

            def encode(self, x):
                mu, log_var = jnp.split(self.to_q(x), 2, axis=-1)
                return vaelib.Gaussian(mu, log_var)

            def decode(self, z):
                return vaelib.Bernoulli(self.to_p(z))

            def check_data(self, x):
                return vaelib.checks.batch_of(x, self.pixels, "x", "pixel")

    It may have a method `prior()` that returns p(z), a `Distribution` of shape (latent,), so that
    `prior().sample(key, (sample, batch))` has shape (sample, batch, latent); its parameters may be trained. A model
    without one has the prior N(0, I).
    """

    latent: int
    pixels: int

    def encode(self, x: Float[AnyArray, "*batch pixel"]) -> Any:
        """q(z|x), a `Distribution` of shape (*batch, latent); an autoencoder's returns the code itself."""

    def decode(self, z: Float[AnyArray, "*batch latent"]) -> Distribution:
        """p(x|z), a `Distribution` of shape (*batch, pixel)."""

    def check_data(self, x: Any) -> Float[AnyArray, "batch pixel"]:
        """The data this model is made for, or an error."""


HOW_TO_WRITE = {
    "latent": "self.latent = 2  # dimensions of z",
    "pixels": "self.pixels = 784  # entries of x",
    "encode": "def encode(self, x): return vaelib.Gaussian(mu, log_var)  # q(z|x)",
    "decode": "def decode(self, z): return vaelib.Bernoulli(logits)  # p(x|z)",
    "check_data": 'def check_data(self, x): return vaelib.checks.batch_of(x, self.pixels, "x", "pixel")',
}


def check_model(model) -> None:
    """Refuse with TypeError, before anything is computed, what lacks a part of a `LatentVariableModel`."""
    missing = [name for name in HOW_TO_WRITE if not hasattr(model, name)]
    if missing:
        came = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        lines = "".join(f"\n    {HOW_TO_WRITE[name]}" for name in missing)
        raise TypeError(
            f"model must be a LatentVariableModel, got {came} without {', '.join(missing)}; "
            f"write, with your own numbers and networks:{lines}"
        )


def prior_of(model: LatentVariableModel) -> Distribution:
    """p(z): what the model's `prior()` returns, or N(0, I) where it has no such method; shape (latent,)."""
    if not hasattr(model, "prior"):
        return standard_normal((model.latent,))
    return check_distribution(model.prior(), f"{type(model).__name__}.prior")


def check_distribution(p, made_by: str) -> Distribution:
    """Refuse with TypeError what has no `log_prob` or no `sample`."""
    if not isinstance(p, Distribution):
        raise TypeError(
            f"{made_by} must return a distribution with log_prob and sample, got {type(p).__name__}; return a "
            "vaelib.Gaussian, or an object of your own with these methods"
        )
    return p


def check_reparameterised(q: Distribution) -> Distribution:
    """Refuse with TypeError what is known to have draws that no gradient passes through."""
    if isinstance(q, Bernoulli):
        raise TypeError(
            "q must have draws that a gradient passes through, got Bernoulli, whose draws are 0 and 1; for values "
            "without gradients average over its draws yourself"
        )
    return q


def checked_log_prob(distribution: Distribution, value, shape: tuple[int, ...]) -> Float[Array, "..."]:
    """The log-probability of the value, of the shape that one number a draw and image has.

    Raises ValueError for any other: a forgotten sum would broadcast, and go on unnoticed.
    """
    log_p = distribution.log_prob(value)
    if log_p.shape != shape:
        raise ValueError(
            f"{type(distribution).__name__}.log_prob must sum over the last axis alone and return shape {shape}, "
            f"got {log_p.shape}"
        )
    return log_p
