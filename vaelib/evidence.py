"""Estimates of log p(x), with memory that stays flat however many samples are asked for.

Draws are made a chunk at a time and images a block at a time; only the running log-sum of weights is kept.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from vaelib import batches, checks
from vaelib.blocks import over_images
from vaelib.checks import AnyArray
from vaelib.compilation import one_program
from vaelib.objectives import check_log_weights, log_weights
from vaelib.protocols import LatentVariableModel, check_model

CHUNK = 50  # draws of z decoded at once
MOST = 2**31 - 1 - CHUNK  # draws that a loop can count in 32 bits
BLOCK = 100  # images treated at once; 50 × 100 images of 784 floats are 16 MB


def log_evidence(
    model: LatentVariableModel,
    x: Float[AnyArray, "batch pixel"] | batches.Parts,
    key: PRNGKeyArray,
    *,
    num_samples: int,
) -> Float[Array, " batch"]:
    """Estimate log p(x) by importance sampling from q(z|x): log (1/k) Σ_i p(x|z_i) p(z_i) / q(z_i|x).

    Inside the log the estimate is unbiased; its log is biased low, less so with more samples, so that its mean is the
    importance-weighted bound L_k.

    Args:
        model: a `VAE`, a `LinearGaussianVAE`, or a `LatentVariableModel` of your own that is a `flax.nnx.Module`.
        x: images, shape (batch, pixel); for a `ConditionalVAE` images and labels, `(x, y)`, which gives log p(x|y).
        key: random key of the draws.
        num_samples: draws an image, k. One compiled program serves every k.

    Returns:
        log p(x), shape (batch,), in nats per image.

    Raises:
        TypeError, ValueError: for images, key or number that are not such, before anything is compiled.

    Source: Burda, Grosse & Salakhutdinov (2016), section 3; Kingma & Welling (2013), appendix D.

    Example:
        >>> import vaelib
        >>> model, (images, _) = vaelib.load_pretrained("bernoulli-z20"), vaelib.load_mnist("test", limit=10)
        >>> log_px = log_evidence(model, images, jax.random.key(0), num_samples=100)
        >>> bool(log_px.mean() > vaelib.elbo(model, images, jax.random.key(1)).elbo.mean())
        True
    """
    return _streamed(model, x, key, num_samples, "posterior")


def prior_log_evidence(
    model: LatentVariableModel,
    x: Float[AnyArray, "batch pixel"] | batches.Parts,
    key: PRNGKeyArray,
    *,
    num_samples: int,
) -> Float[Array, " batch"]:
    """Estimate log p(x) naively, by draws from the prior: log (1/n) Σ_i p(x|z_i), z_i ~ p(z), n = `num_samples`.

    It is `log_evidence` with the prior as the proposal: right on average inside the log, and useless where few draws
    explain x. Arguments, result and errors are those of `log_evidence`.
    """
    return _streamed(model, x, key, num_samples, "prior")


@one_program
def effective_sample_size(log_w: Float[AnyArray, "sample *batch"]) -> Float[Array, "*batch"]:
    """(Σ w)² / Σ w², the number of equally weighted draws worth as much: from 1 (one carries all) to the number drawn.

    `log_w` are log weights with draws along the leading axis, as from `log_weights`. Source: Kong (1992).
    """
    check_log_weights(log_w)
    return jnp.exp(2 * jax.nn.logsumexp(log_w, axis=0) - jax.nn.logsumexp(2 * log_w, axis=0))


def _streamed(model, x, key, num_samples, proposal) -> Float[Array, " batch"]:
    check_model(model)
    x, key = batches.checked(model, x, "x"), checks.key(key)
    if checks.positive_int(num_samples, "num_samples") > MOST:
        raise ValueError(
            f"num_samples must be at most {MOST:,}, got {num_samples:,}; average over several keys instead"
        )
    return over_images(partial(_log_mean_weight, proposal=proposal), model, x, key, num_samples, block=BLOCK)


def _log_mean_weight(model, x, key, num_samples, *, proposal: str) -> Float[Array, " batch"]:
    """Return log (1/n) Σ w an image; the number of samples is a traced loop bound, so it costs no recompilation."""

    def add_chunk(i, log_sum):
        log_w = log_weights(model, x, jax.random.fold_in(key, i), num_samples=CHUNK, proposal=proposal)
        drawn = i * CHUNK + jnp.arange(CHUNK) < num_samples
        log_w = jnp.where(drawn[:, None], log_w, -jnp.inf)
        return jnp.logaddexp(log_sum, jax.nn.logsumexp(log_w, axis=0))

    chunks = (num_samples + CHUNK - 1) // CHUNK
    log_sum = jax.lax.fori_loop(0, chunks, add_chunk, jnp.full(batches.rows_of(x), -jnp.inf))
    return log_sum - jnp.log(num_samples)
