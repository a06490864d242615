"""A model as the widgets see it: two compiled functions on NumPy arrays."""

import reprlib
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Float

from vaelib import checks
from vaelib.distributions import Gaussian
from vaelib.protocols import prior_of


class CompiledModel:
    """Encoder and decoder of a model as it was when this was made, each compiled once a shape.

    A picture is the mean of p(x|z); a code is the mean of q(z|x), or the code itself for an autoencoder. A model of x
    given y, with `classes` labels, takes a 1 in the label's place beside x and beside z (`asked`).
    """

    def __init__(self, model):
        """Split the model once: to cross the module's Python at each call costs four times the decoding.

        Raises:
            TypeError: for an object without `latent`, `pixels`, `encode` and `decode`.
            ValueError: where its `image_shape` is not one of `pixels` numbers.
        """
        missing = [name for name in ("latent", "pixels", "encode", "decode") if not hasattr(model, name)]
        if missing:
            raise TypeError(
                f"model must be a VAE or anything with latent, pixels, encode and decode, got {type(model).__name__} "
                f"without {', '.join(missing)}; make one with vaelib.load_pretrained('bernoulli-z2')"
            )
        graphdef, state = nnx.split(model) if isinstance(model, nnx.Module) else (None, None)
        # A loop of the reader's own may donate the model's arrays: what is shown needs arrays of its own.
        state = jax.jit(partial(jax.tree.map, jnp.copy))(state)

        def rebuilt(state):
            return model if graphdef is None else nnx.merge(graphdef, state)

        self.module, self.latent, self.pixels = rebuilt(state), int(model.latent), int(model.pixels)
        self.classes = int(getattr(model, "classes", 0))
        self.image_shape = checks.image_shape(getattr(model, "image_shape", None), self.pixels)
        parted = partial(_parted, classes=self.classes)
        decode = jax.jit(_exactly(lambda state, z: rebuilt(state).decode(*parted(z)).mean))
        encode = jax.jit(_exactly(lambda state, x: _mean_and_std(rebuilt(state).encode(*parted(x)))))
        self._decode = lambda z: decode(state, z)
        self._encode = lambda x: encode(state, x)

    def asked(self, values: Float[np.ndarray, "batch size"], y) -> Float[np.ndarray, "batch both"]:
        """Codes or images with their labels y, one for all or one for each; as they are for a model without labels."""
        if not self.classes:
            return values
        labels = np.broadcast_to(self.module.check_labels(y), (len(values),))
        return np.concatenate([values, np.eye(self.classes, dtype=np.float32)[labels]], axis=1)

    def decode(self, z: Float[np.ndarray, "batch both"]) -> Float[np.ndarray, "batch pixel"]:
        """The decoder's pictures at the codes z, with their labels where the model has some.

        Raises:
            ValueError: where the model yields something else than `pixels` numbers a code, or NaN.
        """
        x = np.asarray(self._decode(jnp.asarray(z, jnp.float32)))
        if x.shape != (len(z), self.pixels):
            raise ValueError(f"the decoder must yield shape {(len(z), self.pixels)}, got {x.shape}")
        return checks.finite(x, "the decoded picture")

    def encode(self, x: Float[np.ndarray, "batch both"]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of q(z|x), each (batch, latent); the deviation of an autoencoder's code is 0.

        The images come with their labels where the model has some.

        Raises:
            ValueError: where the model yields something else than `latent` numbers an image, or NaN.
        """
        mu, std = map(np.asarray, self._encode(jnp.asarray(x, jnp.float32)))
        if mu.shape != (len(x), self.latent):
            raise ValueError(f"the encoder must yield shape {(len(x), self.latent)}, got {mu.shape}")
        return checks.finite(mu, "the mean of q(z|x)"), checks.finite(std, "the spread of q(z|x)")

    def draws(self, count: int) -> Float[np.ndarray, "{count} {self.latent}"] | None:
        """Codes from the model's own prior; None where that is N(0, I), which needs no model to draw from.

        Raises:
            TypeError, ValueError: where `prior()` returns no distribution, or one of other codes.
        """
        prior = prior_of(self.module)
        if type(prior) is Gaussian and prior.mu.shape == (self.latent,) and not np.any([prior.mu, prior.log_var]):
            return None
        z = np.asarray(prior.sample(jax.random.key(0), (count,)), np.float32)
        if z.shape != (count, self.latent):
            raise ValueError(f"the prior must yield draws of shape {(count, self.latent)}, got {z.shape}")
        return checks.finite(z, "a draw from the prior")


def finite_vector(values, size: int, name: str) -> Float[np.ndarray, " size"]:
    """`size` finite numbers as float32, from a caller or from the page; raises ValueError for anything else."""
    wrong = ValueError(f"{name} must be {size} finite numbers, got {reprlib.repr(values)}")
    try:
        given = np.asarray(values)
    except ValueError:
        raise wrong from None
    if given.shape != (size,) or given.dtype.kind not in "fiu":
        raise wrong
    with np.errstate(over="ignore"):  # what is too large for float32 becomes infinite
        vector = given.astype(np.float32)
    if not np.isfinite(vector).all():
        raise wrong
    return vector


def _exactly(function):
    """The function with products in full float32, as a browser computes them; GPUs and TPUs round them otherwise."""
    return jax.default_matmul_precision("highest")(function)


def _parted(values, classes: int):
    """The arguments of `encode` or `decode`: codes or images, and the labels that stand beside them."""
    return (values[:, :-classes], jnp.argmax(values[:, -classes:], axis=1)) if classes else (values,)


def _mean_and_std(q):
    """The two numbers a code is shown by."""
    return (q.mu, jnp.exp(0.5 * q.log_var)) if hasattr(q, "log_var") else (q, jnp.zeros_like(q))


def traversal(
    model, z: Float[np.ndarray, " latent"], dims: Sequence[int], values: Sequence[float] | np.ndarray, *, y: int = 0
) -> Float[np.ndarray, "dim value pixel"]:
    """The pictures met on the way along single axes: `z` with z[dim] = value, for each of `dims` and `values`.

    `y` is the label that is asked for, of a model that has labels.
    """
    compiled = model if isinstance(model, CompiledModel) else CompiledModel(model)
    codes = np.tile(np.asarray(z, np.float32), (len(dims), len(values), 1))
    for row, dim in enumerate(dims):
        codes[row, :, dim] = values
    pictures = compiled.decode(compiled.asked(codes.reshape(-1, compiled.latent), y))
    return pictures.reshape(len(dims), len(values), compiled.pixels)
