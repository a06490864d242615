"""What is maximised: the ELBO, its importance-weighted relatives, and the plain reconstruction of an autoencoder.

Every objective is a function `objective(model, x, key)` that returns `Terms`, one number an image, in nats. Training
minimises minus their mean over the batch; nothing here averages over images.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from vaelib import checks
from vaelib.distributions import Gaussian, kl_to_standard_normal, standard_normal


class LatentVariableModel(Protocol):
    """What the objectives ask of a model: p(x, z) = p(x|z) N(z; 0, I) with an approximate posterior q(z|x)."""

    latent: int
    pixels: int

    def encode(self, x) -> Gaussian:
        """q(z|x)."""

    def decode(self, z):
        """p(x|z)."""

    def check_data(self, x):
        """The data this model is made for, or an error."""


class Terms(NamedTuple):
    """The terms of an objective, each of shape (batch,), in nats per image.

    recon: E_q[log p(x|z)], estimated.  kl: KL(q(z|x) ‖ p(z)) ≥ 0.  elbo: the value to maximise.
    """

    recon: Float[Array, " batch"]
    kl: Float[Array, " batch"]
    elbo: Float[Array, " batch"]


Objective = Callable[..., Terms]


def elbo(
    model: LatentVariableModel,
    x: Float[Array, "batch pixel"],
    key: PRNGKeyArray,
    *,
    num_samples: int = 1,
    beta: float = 1.0,
    inputs: Float[Array, "batch pixel"] | None = None,
) -> Terms:
    """The evidence lower bound, E_q[log p(x|z)] - beta KL(q(z|x) ‖ p(z)) ≤ log p(x) for beta ≥ 1.

    The expectation is the mean over `num_samples` reparameterised draws of z; the KL is in closed form.

    Args:
        model: a `VAE` or `LinearGaussianVAE`.
        x: images, shape (batch, pixel).
        key: random key of the draws.
        num_samples: draws of z an image, L in AEVB.
        beta: weight of the KL; 1 is the ELBO, other values Higgins et al. (2017).
        inputs: what the encoder sees instead of `x`, for denoising; the reconstruction is still of `x`.

    Returns:
        Terms of shape (batch,), in nats per image.

    Source: Kingma & Welling (2013), equations 3, 7 and 10.
    """
    x, key, num_samples = _checked(model, x, key, num_samples)
    if not isinstance(beta, jax.Array):
        checks.number(beta, "beta", low=0.0)
    q = _posterior(model, _encoder_input(model, x, inputs))
    z = q.sample(key, (num_samples,))
    recon = jnp.mean(model.decode(z).log_prob(x), axis=0)
    kl = kl_to_standard_normal(q)
    return Terms(recon=recon, kl=kl, elbo=recon - beta * kl)


def log_weights(
    model: LatentVariableModel,
    x: Float[Array, "batch pixel"],
    key: PRNGKeyArray,
    *,
    num_samples: int,
    proposal: str = "posterior",
) -> Float[Array, "sample batch"]:
    """Return log w = log p(x|z) + log p(z) - log r(z) for draws z from the proposal r, so that E_r[w] = p(x).

    With `proposal="posterior"`, r is q(z|x): importance sampling. With "prior", r is p(z) and w = p(x|z): the naive
    estimate. The mean of log w under q is the ELBO. Shape (num_samples, batch), in nats.
    """
    x, key, num_samples = _checked(model, x, key, num_samples)
    checks.one_of(proposal, ("posterior", "prior"), "proposal")
    if proposal == "prior":
        z = standard_normal((x.shape[0], model.latent)).sample(key, (num_samples,))
        return model.decode(z).log_prob(x)
    q = _posterior(model, x)
    z = q.sample(key, (num_samples,))
    return _likelihood_and_weights(model, q, z, x)[1]


def importance_weighted_bound(
    model: LatentVariableModel,
    x: Float[Array, "batch pixel"],
    key: PRNGKeyArray,
    *,
    num_samples: int,
    gradient_samples: int | None = None,
) -> Terms:
    """The bound L_k = E[log (1/k) Σ_i w_i] ≤ log p(x), k = `num_samples`; L_1 is the ELBO, and L_k rises to log p(x).

    Its gradient is Σ_i w̃_i ∇ log w_i with the normalised weights w̃_i = w_i / Σ_j w_j, an average over the k draws. With
    `gradient_samples` it is estimated, without bias, from that many of the draws, chosen with the probabilities w̃_i.
    The others cost a pass forward and none back, which nearly halves the time of a step.

    Returns Terms whose `elbo` is the bound; `kl` is KL(q ‖ p(z)) in closed form and `recon` the mean of log p(x|z),
    which stay the ELBO's and so show how q is used. Source: Burda, Grosse & Salakhutdinov (2016), equation 8.
    """
    x, key, num_samples = _checked(model, x, key, num_samples)
    q = _posterior(model, x)
    z = q.sample(key, (num_samples,))
    log_px_given_z, log_w = _likelihood_and_weights(model, q, z, x)
    bound = log_mean_exp(log_w)
    if gradient_samples is not None:
        shape = (checks.positive_int(gradient_samples, "gradient_samples"), x.shape[0])
        chosen = jax.random.categorical(jax.random.fold_in(key, 1), log_w, axis=0, shape=shape)
        z = jnp.take_along_axis(z, chosen[..., None], axis=0)
        surrogate = jnp.mean(_likelihood_and_weights(model, q, z, x)[1], axis=0)
        bound = jax.lax.stop_gradient(bound) + (surrogate - jax.lax.stop_gradient(surrogate))
    return Terms(recon=jnp.mean(log_px_given_z, axis=0), kl=kl_to_standard_normal(q), elbo=bound)


def reconstruction(
    model, x: Float[Array, "batch pixel"], key: PRNGKeyArray, *, inputs: Float[Array, "batch pixel"] | None = None
) -> Terms:
    """An autoencoder's objective: log p(x|z) at its one code z(x); the KL is absent, reported as 0.

    `key` is taken so that all objectives have one signature: nothing here is random.
    """
    x, _, _ = _checked(model, x, key, 1)
    z = model.encode(_encoder_input(model, x, inputs))
    if isinstance(z, Gaussian):
        raise TypeError(
            f"model must encode to one code an image, got {type(model).__name__}, whose encode returns q(z|x); use elbo"
        )
    recon = model.decode(z).log_prob(x)
    return Terms(recon=recon, kl=jnp.zeros_like(recon), elbo=recon)


def log_mean_exp(log_w: Float[Array, "sample *batch"]) -> Float[Array, "*batch"]:
    """Return log (1/k) Σ_i exp(log w_i) over the leading axis, without overflow."""
    check_log_weights(log_w)
    return jax.nn.logsumexp(log_w, axis=0) - jnp.log(log_w.shape[0])


def check_log_weights(log_w) -> None:
    """Floats with at least one draw along the leading axis."""
    checks.floating(log_w, "log_w")
    if log_w.ndim == 0 or log_w.shape[0] == 0:
        raise ValueError(f"log_w must have shape (sample, *batch) with at least one sample, got {log_w.shape}")


def _posterior(model, x) -> Gaussian:
    q = model.encode(x)
    if not isinstance(q, Gaussian):
        raise TypeError(
            f"model must encode to a Gaussian q(z|x), got {type(model).__name__}, whose encode does not; the objective "
            "of an Autoencoder is reconstruction"
        )
    return q


def _encoder_input(model, x, inputs):
    if inputs is None:
        return x
    checks.same_shape(model.check_data(inputs), x, "inputs", "x")
    return inputs


def _likelihood_and_weights(model, q: Gaussian, z, x):
    """Return log p(x|z) and log w of draws z from q, both (sample, batch)."""
    log_px_given_z = model.decode(z).log_prob(x)
    return log_px_given_z, log_px_given_z + standard_normal(z.shape).log_prob(z) - q.log_prob(z)


def _checked(model, x, key, num_samples):
    return model.check_data(x), checks.key(key), checks.positive_int(num_samples, "num_samples")
