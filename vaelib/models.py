"""The two models that a pair of networks makes, the VAE and the autoencoder.

    x (batch, pixel) -> Encoder -> q(z|x) (batch, latent) -> z (batch, latent) -> Decoder -> p(x|z) (batch, pixel)

Each model knows the arguments it was built with (`model.config`), so that it can be saved and rebuilt.
"""

import inspect
import math
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from vaelib import checks
from vaelib.checks import AnyArray, Whole
from vaelib.compilation import jit_sooner, one_program
from vaelib.distributions import Bernoulli, ContinuousBernoulli, Gaussian, standard_normal
from vaelib.networks import (
    INITIALS,
    MLP,
    Constant,
    Decoder,
    Encoder,
    Sigma,
    checked_likelihood,
    checked_sizes,
    draw_uniform,
)
from vaelib.protocols import Distribution

Model = TypeVar("Model", bound="ImageModel")  # `Self`, which beartype takes on whole classes only


class ImageModel(nnx.Module):
    """What the VAE and the autoencoder share: a checked configuration, a decoder, and checks of their input."""

    classes = 0  # of labels that the networks see beside x and beside z; a `ConditionalVAE` has some

    def __init__(
        self,
        *,
        latent: Whole = 20,
        hidden: Sequence[Whole] = (500, 500),
        likelihood: str = "bernoulli",
        sigma: Sigma = 0.1,
        mean: str = "sigmoid",
        activation: str = "relu",
        image_shape: Sequence[Whole] | None = None,
        pixels: Whole | None = None,
        initial: str = "normal",
        rngs: nnx.Rngs,
    ):
        """Build the networks.

        Args:
            latent: dimensions of z.
            hidden: widths of the encoder's hidden layers; the decoder mirrors them.
            likelihood: "bernoulli", "continuous-bernoulli" or "gaussian", the family of p(x|z).
            sigma: standard deviation of a Gaussian p(x|z) in units of x, or "learned" for one trained number.
            mean: "sigmoid" for pixels in [0, 1], or "linear", a Gaussian p(x|z) for rows of real numbers of any range.
            activation: "relu", "tanh", "softplus", "gelu" or "elu".
            image_shape: (height, width) or (height, width, channels) of an image, by default (28, 28). Images are flat
                vectors of height × width × channels pixels, row by row, the channels of a pixel side by side.
            pixels: instead of image_shape, the number of pixels: a grey square, or a row where they make no square.
            initial: "normal" for first weights of variance 1 / inputs and biases of 0 (LeCun et al., 1998; Flax's), or
                "uniform" for both within ±1 / sqrt(inputs) (PyTorch's). A finished model does not keep the word.
            rngs: the source of the initial weights, `nnx.Rngs(seed)`.

        Raises:
            TypeError, ValueError: for an argument of the wrong kind or size, named in the message.
        """
        image_shape = checks.image_shape(image_shape, pixels)
        latent, hidden, pixels = checked_sizes(latent, hidden, math.prod(image_shape), activation, rngs)
        sigma = checked_likelihood(likelihood, sigma, mean)
        checks.one_of(initial, INITIALS, "initial")
        self.latent, self.image_shape, self.pixels, self.hidden = latent, image_shape, pixels, hidden
        sizes: dict[str, Any] = {"pixels": pixels, "hidden": hidden, "latent": latent, "activation": activation}
        self._build_encoder(sizes, rngs)
        mirrored = sizes | {"hidden": hidden[::-1], "latent": latent + self.classes}
        self.decoder = Decoder(**mirrored, likelihood=likelihood, sigma=sigma, mean=mean, rngs=rngs)
        if initial == "uniform":
            draw_uniform(self, rngs)

    @property
    def likelihood(self) -> str:
        """The family of p(x|z), one of LIKELIHOODS."""
        return self.decoder.likelihood

    @property
    def mean(self) -> str:
        """How the decoder's last layer becomes a Gaussian's mean, one of MEANS."""
        return self.decoder.mean

    @property
    def activation(self) -> str:
        """What follows each hidden layer, one of ACTIVATIONS."""
        return self.decoder.trunk.activation

    @property
    def sigma(self) -> Sigma | jax.ShapeDtypeStruct | None:
        """The standard deviation of a Gaussian p(x|z) as it was given, to float32's digits; None for other families."""
        if self.likelihood != "gaussian":
            return None
        if not hasattr(self.decoder, "sigma"):
            return "learned"
        (value,) = jax.tree.leaves(nnx.state(self.decoder, Constant))
        if checks.is_traced(value) or isinstance(value, jax.ShapeDtypeStruct):
            return value
        return float(str(np.float32(value)))  # the shortest decimal: 0.1, and not 0.10000000149

    @property
    def config(self) -> dict:
        """The arguments that rebuild this model, ready for JSON: {"class": "VAE", "latent": 2, ...}."""
        names = ("latent", "hidden", "likelihood", "activation") + ("sigma",) * (self.likelihood == "gaussian")
        names += ("mean",) * (self.mean != "sigmoid") + ("classes",) * (self.classes > 0)
        values = {name: getattr(self, name) for name in names}
        lists = {"hidden": list(self.hidden), "image_shape": list(self.image_shape)}
        return {"class": type(self).__name__, **values, **lists}

    @classmethod
    def create(cls: type[Model], *, seed: Whole = 0, **config: Any) -> Model:
        """Build the model inside one compiled program: what `cls(**config, rngs=nnx.Rngs(seed))` builds, sooner.

        Layer by layer, the initialisers compile one small program each; together they are one, which models of equal
        configuration share, and which JAX's compilation cache keeps where it is on. A subclass with arguments that can
        not be hashed is built layer by layer. Raises as the constructor does.

        Example:
            >>> model = VAE.create(seed=1, latent=2, hidden=(16,), likelihood="gaussian", sigma=0.2)
            >>> model.image_shape, model.sigma
            ((28, 28, 1), 0.2)
        """
        seed = checks.seed(seed)
        parameters = inspect.signature(cls.__init__).parameters
        takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
        known = set(config) if takes_any else set(parameters)
        unknown = sorted(set(config) - known | {"self", "rngs"} & set(config))
        if unknown:
            name = cls.__name__
            raise TypeError(f"{name}.create has no argument {', '.join(unknown)}; it takes seed and those of {name}")

        nnx.eval_shape(lambda: cls(**config, rngs=nnx.Rngs(seed)))  # refuses what the constructor refuses
        traced: dict[str, np.float32] = {}
        static: dict[str, Any] = {k: tuple(v) if k in ("hidden", "image_shape") else v for k, v in config.items()}
        if cls.__init__ is ImageModel.__init__ and not isinstance(config.get("sigma", ""), str):
            traced["sigma"] = np.float32(static.pop("sigma"))  # models that differ in sigma share the program, too
        pairs = tuple(sorted(static.items()))
        try:
            hash(pairs)
        except TypeError:
            return cls(**config, rngs=nnx.Rngs(seed))
        return nnx.merge(*_initialised(cls, pairs, traced, jax.random.key(seed)))

    def _build_encoder(self, sizes: dict[str, Any], rngs: nnx.Rngs) -> None:
        """Add what `encode` needs; each class has its own."""
        raise NotImplementedError(f"{type(self).__name__} has no encoder; build a VAE or an Autoencoder")

    @one_program
    def decode(self, z: Float[AnyArray, "*batch latent"]) -> Bernoulli | ContinuousBernoulli | Gaussian:
        """p(x|z) for codes z of shape (*batch, latent)."""
        return self.decoder(z)

    def prior(self) -> Distribution:
        """p(z) = N(0, I), shape (latent,); override it for another, whose parameters are then trained with the rest."""
        return standard_normal((self.latent,))

    def check_data(self, x) -> Float[AnyArray, "batch pixel"]:
        """The images (batch, pixel) in [0, 1] this model is made for; anything else is refused with the remedy.

        With `mean="linear"` rows of any range.
        """
        x = checks.batch_of(x, self.pixels, "x", "pixel")
        return x if self.mean == "linear" else checks.unit_interval(x, "x")


class VAE(ImageModel):
    """The variational autoencoder: the model p(x, z) = p(x|z) p(z), and the tool q(z|x) that trains it.

    Source: Kingma & Welling (2013), "Auto-Encoding Variational Bayes" (AEVB).

    Example:
        >>> import jax.numpy as jnp
        >>> model = VAE.create(latent=2, hidden=(16,))
        >>> q = model.encode(jnp.zeros((5, 784)))
        >>> q.mu.shape, model.decode(q.mu).mean.shape
        ((5, 2), (5, 784))
    """

    def _build_encoder(self, sizes: dict[str, Any], rngs: nnx.Rngs) -> None:
        self.encoder = Encoder(**sizes, rngs=rngs)

    @one_program
    def encode(self, x: Float[AnyArray, "*batch pixel"]) -> Gaussian:
        """q(z|x) for images x of shape (*batch, pixel)."""
        return self.encoder(x)


class Autoencoder(ImageModel):
    """The VAE without the KL and without the noise: one code z(x) an image, asked for nothing but to decode well."""

    def _build_encoder(self, sizes: dict[str, Any], rngs: nnx.Rngs) -> None:
        self.trunk = MLP(sizes["pixels"], sizes["hidden"], sizes["activation"], rngs=rngs)
        self.code = nnx.Linear(sizes["hidden"][-1], sizes["latent"], rngs=rngs)

    @one_program
    def encode(self, x: Float[AnyArray, "*batch pixel"]) -> Float[Array, "*batch latent"]:
        """The code z of each image, shape (*batch, latent)."""
        return self.code(self.trunk(checks.last_axis(checks.floating(x, "x"), self.pixels, "x", "pixel")))


@partial(jit_sooner, static_argnums=(0, 1))
def _initialised(cls, config, numbers, key):
    """A model's structure and its initial weights; `config` as (name, value) pairs, `numbers` by name."""
    return nnx.split(cls(**dict(config), **numbers, rngs=nnx.Rngs(key)))
