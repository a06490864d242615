"""What is maximised: the ELBO, its importance-weighted relatives, and the plain reconstruction of an autoencoder.

Every objective is a function `objective(model, x, key)` that returns `Terms`, one number an image, in nats. Training
minimises minus their mean over the batch; nothing here averages over images.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from vaelib import batches, checks
from vaelib.checks import AnyArray
from vaelib.compilation import one_program
from vaelib.divergence import kl_given_draws
from vaelib.protocols import (
    Distribution,
    LatentVariableModel,
    check_distribution,
    check_model,
    check_reparameterised,
    checked_log_prob,
    prior_of,
)


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
    x: Float[AnyArray, "batch pixel"] | batches.Parts,
    key: PRNGKeyArray,
    *,
    num_samples: int = 1,
    beta: float | int | Float[AnyArray, ""] | Int[AnyArray, ""] = 1.0,
    inputs: Float[AnyArray, "batch pixel"] | None = None,
) -> Terms:
    """The evidence lower bound, E_q[log p(x|z)] - beta KL(q(z|x) ‖ p(z)) ≤ log p(x) for beta ≥ 1.

    The expectation is the mean over `num_samples` reparameterised draws of z. The KL is in closed form where `kl` knows
    one, as for the Gaussian prior, and else the mean of log q(z|x) - log p(z) over the same draws.

    Args:
        model: a `VAE`, a `LinearGaussianVAE`, or a `LatentVariableModel` of your own.
        x: images, shape (batch, pixel); for a `ConditionalVAE` images and labels, `(x, y)`, here and below: all is then
            given y.
        key: random key of the draws.
        num_samples: draws of z an image, L in AEVB.
        beta: weight of the KL, a number or a traced scalar; 1 is the ELBO, other values Higgins et al. (2017).
        inputs: what the encoder sees instead of `x`, for denoising; the reconstruction is still of `x`.

    Returns:
        Terms of shape (batch,), in nats per image.

    Source: Kingma & Welling (2013), equations 3, 7 and 10.

    Example:
        >>> import vaelib
        >>> model = vaelib.load_pretrained("bernoulli-z20")
        >>> images, _ = vaelib.load_mnist("test", limit=100)
        >>> terms = elbo(model, images, jax.random.key(0))
        >>> terms.elbo.shape, bool((terms.kl > 0).all())
        ((100,), True)
    """
    model, x, key, num_samples = _checked(model, x, key, num_samples)
    _check_beta(beta)
    return _elbo(model, x, key, num_samples, beta, _encoder_input(model, x, inputs))


@partial(one_program, static=("num_samples",))
def _elbo(model, x, key, num_samples: int, beta, inputs) -> Terms:
    q = _posterior(model, inputs)
    z = _draw(q, key, (num_samples,), x, model)
    recon = jnp.mean(_log_likelihood(model, x, z), axis=0)
    kl = kl_given_draws(q, prior_of(model), z)
    return Terms(recon=recon, kl=kl, elbo=recon - beta * kl)


def log_weights(
    model: LatentVariableModel,
    x: Float[AnyArray, "batch pixel"] | batches.Parts,
    key: PRNGKeyArray,
    *,
    num_samples: int,
    proposal: str = "posterior",
) -> Float[Array, "sample batch"]:
    """Return log w = log p(x|z) + log p(z) - log r(z) for draws z from the proposal r, so that E_r[w] = p(x).

    With `proposal="posterior"`, r is q(z|x): importance sampling. With "prior", r is p(z) and w = p(x|z): the naive
    estimate. The mean of log w under q is the ELBO. Shape (num_samples, batch), in nats.
    """
    model, x, key, num_samples = _checked(model, x, key, num_samples)
    checks.one_of(proposal, ("posterior", "prior"), "proposal")
    return _log_weights_from(model, x, key, num_samples, proposal)


@partial(one_program, static=("num_samples", "proposal"))
def _log_weights_from(model, x, key, num_samples: int, proposal: str) -> Float[Array, "sample batch"]:
    if proposal == "prior":
        z = _draw(prior_of(model), key, (num_samples, len(x)), x, model)
        return _log_likelihood(model, x, z)
    q = _posterior(model, x)
    return _log_weights(model, q, x, _draw(q, key, (num_samples,), x, model))[1]


def importance_weighted_bound(
    model: LatentVariableModel,
    x: Float[AnyArray, "batch pixel"] | batches.Parts,
    key: PRNGKeyArray,
    *,
    num_samples: int,
    gradient_samples: int | None = None,
) -> Terms:
    """The bound L_k = E[log (1/k) Σ_i w_i] ≤ log p(x), k = `num_samples`; L_1 is the ELBO, and L_k rises to log p(x).

    Its gradient is Σ_i w̃_i ∇ log w_i with the normalised weights w̃_i = w_i / Σ_j w_j, an average over the k draws. With
    `gradient_samples` it is estimated, without bias, from that many of the draws, chosen with the probabilities w̃_i.
    The others cost a pass forward and none back, which nearly halves the time of a step. The key is then split: the
    value is the one that `jax.random.split(key)[0]` gives without this option.

    Returns Terms whose `elbo` is the bound; `kl` is KL(q ‖ p(z)) and `recon` the mean of log p(x|z), which stay the
    ELBO's and so show how q is used. Source: Burda, Grosse & Salakhutdinov (2016), equation 8.
    """
    model, x, key, num_samples = _checked(model, x, key, num_samples)
    if gradient_samples is not None:
        gradient_samples = checks.positive_int(gradient_samples, "gradient_samples")
    return _importance_weighted_bound(model, x, key, num_samples, gradient_samples)


@partial(one_program, static=("num_samples", "gradient_samples"))
def _importance_weighted_bound(model, x, key, num_samples: int, gradient_samples: int | None) -> Terms:
    if gradient_samples is not None:
        key, choice_key = jax.random.split(key)
    q = _posterior(model, x)
    z = _draw(q, key, (num_samples,), x, model)
    log_px_given_z, log_w = _log_weights(model, q, x, z)
    bound = log_mean_exp(log_w)
    if gradient_samples is not None:
        chosen = jax.random.categorical(choice_key, log_w, axis=0, shape=(gradient_samples, len(x)))
        chosen_z = jnp.take_along_axis(z, chosen[..., None], axis=0)
        surrogate = jnp.mean(_log_weights(model, q, x, chosen_z)[1], axis=0)
        bound = jax.lax.stop_gradient(bound) + (surrogate - jax.lax.stop_gradient(surrogate))
    return Terms(recon=jnp.mean(log_px_given_z, axis=0), kl=kl_given_draws(q, prior_of(model), z), elbo=bound)


def reconstruction(
    model, x: Float[AnyArray, "batch pixel"], key: PRNGKeyArray, *, inputs: Float[AnyArray, "batch pixel"] | None = None
) -> Terms:
    """An autoencoder's objective: log p(x|z) at its one code z(x); the KL is absent, reported as 0.

    `key` is taken so that all objectives have one signature: nothing here is random.
    """
    model, x, _, _ = _checked(model, x, key, 1)
    return _reconstruction(model, x, _encoder_input(model, x, inputs))


@one_program
def _reconstruction(model, x, inputs) -> Terms:
    z = model.encode(inputs)
    if isinstance(z, Distribution):
        raise TypeError(
            f"model must encode to one code an image, got {type(model).__name__}, whose encode returns q(z|x); use elbo"
        )
    recon = _log_likelihood(model, x, z)
    return Terms(recon=recon, kl=jnp.zeros_like(recon), elbo=recon)


@one_program
def log_mean_exp(log_w: Float[AnyArray, "sample *batch"]) -> Float[Array, "*batch"]:
    """Return log (1/k) Σ_i exp(log w_i) over the leading axis, without overflow."""
    check_log_weights(log_w)
    return jax.nn.logsumexp(log_w, axis=0) - jnp.log(log_w.shape[0])


def check_log_weights(log_w) -> None:
    """Floats with at least one draw along the leading axis."""
    checks.floating(log_w, "log_w")
    if log_w.ndim == 0 or log_w.shape[0] == 0:
        raise ValueError(f"log_w must have shape (sample, *batch) with at least one sample, got {log_w.shape}")


def _checked(model, x, key, num_samples):
    check_model(model)
    model, x = batches.conditioned(model, x)
    return model, model.check_data(x), checks.key(key), checks.positive_int(num_samples, "num_samples")


def _check_beta(beta) -> None:
    """A number of at least 0, or a scalar array, whose value is looked at where it is known."""
    if isinstance(beta, AnyArray) and beta.shape != ():
        raise ValueError(f"beta must be one number, got an array of shape {beta.shape}; weigh each image outside")
    if not checks.is_traced(beta):
        checks.number(beta, "beta", low=0.0)


def _encoder_input(model, x, inputs):
    if inputs is None:
        return x
    checks.same_shape(model.check_data(inputs), x, "inputs", "x")
    return inputs


def _posterior(model, x) -> Distribution:
    q = model.encode(x)
    if not isinstance(q, Distribution):
        raise TypeError(
            f"model must encode to a distribution q(z|x), got {type(model).__name__}, whose encode does not; the "
            "objective of an Autoencoder is reconstruction"
        )
    return check_reparameterised(q)


def _draw(distribution, key, sample_shape, x, model) -> Float[Array, "sample batch latent"]:
    """Codes for each image, in the one shape that everything here relies on."""
    z = distribution.sample(key, sample_shape)
    if z.shape != (sample_shape[0], len(x), model.latent):
        raise ValueError(
            f"{type(distribution).__name__}.sample(key, {sample_shape}) must have shape (sample, batch, latent) = "
            f"{(sample_shape[0], len(x), model.latent)}, got {z.shape}; a prior has parameters of shape (latent,), "
            "q(z|x) of shape (batch, latent)"
        )
    return z


def _log_likelihood(model, x, z) -> Float[Array, "*sample batch"]:
    """Return log p(x|z), of the shape of z without its last axis."""
    return checked_log_prob(check_distribution(model.decode(z), f"{type(model).__name__}.decode"), x, z.shape[:-1])


def _log_weights(model, q, x, z) -> tuple[Float[Array, "sample batch"], Float[Array, "sample batch"]]:
    """Return log p(x|z) and log w = log p(x|z) + log p(z) - log q(z|x) of draws z from q."""
    shape = z.shape[:-1]
    log_px_given_z = _log_likelihood(model, x, z)
    log_joint = log_px_given_z + checked_log_prob(prior_of(model), z, shape)
    return log_px_given_z, log_joint - checked_log_prob(q, z, shape)
