"""The conditional VAE: both networks see the label y, and everything speaks of x given y.

    log p(x|y) ≥ E_q(z|x,y)[log p(x|z, y)] - KL(q(z|x, y) ‖ p(z))

For given labels it is a model of x like any other (`ConditionalVAE.given`), so every objective and estimate applies as
it stands. They take the images with their labels, `(x, y)`, and condition on y by themselves.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from vaelib import checks
from vaelib.checks import AnyArray
from vaelib.compilation import one_program
from vaelib.distributions import Bernoulli, ContinuousBernoulli, Gaussian
from vaelib.models import ImageModel
from vaelib.networks import Constant, Encoder
from vaelib.protocols import Distribution

Labels = Int[AnyArray, "*of_last_axes"] | int | np.integer


class ConditionalVAE(ImageModel):
    """A VAE of x given a label y: p(x, z|y) = p(x|z, y) p(z) and q(z|x, y).

    The label enters both networks as `classes` numbers, of which one is 1, beside x and beside z. As z has the same
    prior for every label, it is left with what the label does not say.

    Source: Kingma, Rezende, Mohamed & Welling (2014), model M2; Sohn, Lee & Yan (2015).

    Example:
        >>> model = ConditionalVAE.create(classes=10, latent=2, hidden=(16,))
        >>> model.decode(jnp.zeros((5, 2)), 3).mean.shape  # five times the digit 3
        (5, 784)
    """

    def __init__(self, *, classes: int, rngs: nnx.Rngs, **config):
        """Build the networks; `classes` is the number of labels, 0, 1, ..., the other arguments are those of `VAE`."""
        self.classes = checks.at_least(classes, "classes", 2)
        super().__init__(**config, rngs=rngs)

    def _build_encoder(self, sizes: dict, rngs: nnx.Rngs) -> None:
        self.encoder = Encoder(**sizes | {"pixels": self.pixels + self.classes}, rngs=rngs)

    def encode(self, x: Float[AnyArray, "*batch pixel"], y: Labels) -> Gaussian:
        """q(z|x, y) for images x of shape (*batch, pixel) and a label for each, or one for all."""
        checks.last_axis(checks.floating(x, "x"), self.pixels, "x", "pixel")
        return self._encode(x, self.check_labels(y))

    @one_program
    def _encode(self, x, y) -> Gaussian:
        return self.encoder(self._beside(x, y))

    def decode(  # type: ignore[override]  # nothing can be decoded without a label; `given` has the others' form
        self, z: Float[AnyArray, "*batch latent"], y: Labels
    ) -> Bernoulli | ContinuousBernoulli | Gaussian:
        """p(x|z, y) for codes z of shape (*batch, latent) and a label for each of the last axes, or one for all."""
        checks.last_axis(checks.floating(z, "z"), self.latent, "z", "latent dimension")
        return self._decode(z, self.check_labels(y))

    @one_program
    def _decode(self, z, y) -> Bernoulli | ContinuousBernoulli | Gaussian:
        return self.decoder(self._beside(z, y))

    def given(self, y: Labels) -> "Given":
        """The model of x that this is for the labels y: one for all images, or one for each of a batch.

        Example:
            >>> three = ConditionalVAE.create(classes=10, latent=2, hidden=(16,)).given(3)
            >>> three.decode(jnp.zeros((5, 2))).mean.shape
            (5, 784)
        """
        return Given(self, self.check_labels(y))

    def check_labels(self, y) -> Int[AnyArray, "*of_last_axes"]:
        """Whole numbers from 0 to classes - 1; raises TypeError or ValueError for anything else."""
        if isinstance(y, bool) or not isinstance(y, AnyArray | int | np.integer):
            raise TypeError(f"y must be a label or an array of labels, got {type(y).__name__}; use np.asarray")
        y = np.asarray(y, np.int32) if isinstance(y, int | np.integer) else y
        if y.dtype.kind not in "iu":
            raise TypeError(f"y must hold whole numbers, got dtype {y.dtype}; use .astype(np.int32)")
        if not checks.is_traced(y) and y.size:
            low, high = int(np.min(y)), int(np.max(y))
            if low < 0 or high >= self.classes:
                raise ValueError(f"y must hold labels from 0 to {self.classes - 1}, got labels from {low} to {high}")
        return y

    def _beside(self, values, y) -> Float[Array, "*batch both"]:
        """The values and, after them, a 1 in the place of the label."""
        one_hot = jax.nn.one_hot(y, self.classes, dtype=values.dtype)
        return jnp.concatenate([values, jnp.broadcast_to(one_hot, (*values.shape[:-1], self.classes))], axis=-1)


class Given(nnx.Module):
    """p(x, z|y) and q(z|x, y) for labels y that are given: a `LatentVariableModel`."""

    def __init__(self, model: ConditionalVAE, y: Int[AnyArray, "*of_last_axes"]):
        """Made by `ConditionalVAE.given`."""
        self.model, self.y = model, Constant(jnp.asarray(y))
        self.latent, self.pixels, self.image_shape = model.latent, model.pixels, model.image_shape

    def encode(self, x: Float[AnyArray, "*batch pixel"]) -> Gaussian:
        """q(z|x, y), shape (*batch, latent)."""
        return self.model.encode(x, self.y[...])

    def decode(self, z: Float[AnyArray, "*batch latent"]) -> Bernoulli | ContinuousBernoulli | Gaussian:
        """p(x|z, y), shape (*batch, pixel)."""
        return self.model.decode(z, self.y[...])

    def prior(self) -> Distribution:
        """p(z), the same for every label."""
        return self.model.prior()

    def check_data(self, x) -> Float[AnyArray, "batch pixel"]:
        """The images (batch, pixel) that the model is made for."""
        return self.model.check_data(x)
