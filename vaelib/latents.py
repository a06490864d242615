"""What the code z is used for: which of its dimensions carry information about x."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from vaelib import batches, checks
from vaelib.blocks import over_images
from vaelib.checks import AnyArray
from vaelib.compilation import one_program
from vaelib.protocols import check_model

BLOCK = 1000  # images encoded at once


def codes(model, images: Float[AnyArray, "image pixel"] | batches.Parts) -> Float[Array, "image latent"]:
    """One code an image: the mean of q(z|x) for a model with a posterior, z(x) for an autoencoder.

    A `ConditionalVAE` takes images and labels, `(x, y)`, here and below, and yields the mean of q(z|x, y).
    """
    check_model(model)
    return over_images(_code, model, batches.checked(model, images, "images"), jax.random.key(0), block=BLOCK)


def latent_activity(model, images: Float[AnyArray, "image pixel"] | batches.Parts) -> Float[Array, " latent"]:
    """The variance over images of each dimension's code, Var_x(E_q[z_j | x]), shape (latent,).

    A dimension that q leaves at the prior whatever the image has activity 0. Source: Burda, Grosse & Salakhutdinov
    (2016), section 5.2.
    """
    z = codes(model, images)
    if len(z) < 2:
        raise ValueError(f"images must be at least 2, for a variance over them, got {len(z)}")
    return _variance(z)


def active_units(
    model, images: Float[AnyArray, "image pixel"] | batches.Parts, *, threshold: float = 0.01
) -> Bool[Array, " latent"]:
    """Which dimensions have an activity above the threshold, 0.01 as in Burda et al. (2016); shape (latent,)."""
    checks.number(threshold, "threshold", low=0.0)
    return _is_above(latent_activity(model, images), threshold)


@one_program
def _variance(z) -> Float[Array, " latent"]:
    return jnp.var(z, axis=0)


@one_program
def _is_above(activity, threshold) -> Bool[Array, " latent"]:
    return activity > threshold


def _code(model, images, _) -> Float[Array, "image latent"]:
    model, images = batches.conditioned(model, images)
    encoded = model.encode(images)
    return encoded if isinstance(encoded, jax.Array) else encoded.mean
