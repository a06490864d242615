"""The networks: an encoder that yields q(z|x), a decoder that yields p(x|z), and the two models made of them.

    x (batch, pixel) -> Encoder -> q(z|x) (batch, latent) -> z (batch, latent) -> Decoder -> p(x|z) (batch, pixel)

Each model knows the arguments it was built with (`model.config`), so that it can be saved and rebuilt.
"""

import inspect
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from vaelib import checks
from vaelib.checks import AnyArray
from vaelib.compilation import jit_sooner, one_program
from vaelib.distributions import Bernoulli, ContinuousBernoulli, Gaussian, standard_normal
from vaelib.protocols import Distribution

LIKELIHOODS = ("bernoulli", "continuous-bernoulli", "gaussian")
Activation = Callable[[Array], Array]
ACTIVATIONS: dict[str, Activation] = {"relu": nnx.relu, "tanh": nnx.tanh, "softplus": nnx.softplus, "gelu": nnx.gelu}
Sigma = float | int | str | Array  # a number, "learned", or inside `create` a traced number
Model = TypeVar("Model", bound="ImageModel")  # `Self`, which beartype takes on whole classes only


class Constant(nnx.Variable):
    """A number of a model that is given and not trained; traced, so that models that differ in it share a program."""


class MLP(nnx.Module):
    """Linear layers of the given widths, each followed by the activation."""

    def __init__(self, inputs: int, hidden: Sequence[int], activation: str, *, rngs: nnx.Rngs):
        """Map `inputs` numbers through len(hidden) layers."""
        widths = [inputs, *hidden]
        self.layers = nnx.data([nnx.Linear(a, b, rngs=rngs) for a, b in zip(widths, hidden, strict=False)])
        self.activation = activation

    def __call__(self, h: Float[AnyArray, "*batch inputs"]) -> Float[Array, "*batch width"]:
        """The last layer's activations."""
        h, activation = jnp.asarray(h), ACTIVATIONS[self.activation]
        for layer in self.layers:
            h = activation(layer(h))
        return h


class Encoder(nnx.Module):
    """x -> q(z|x) = N(mu(x), diag sigma²(x)), mean and spread from separate last layers, one pair a latent dimension.

    x has shape (*batch, pixel), mu and log_var have shape (*batch, latent).
    """

    def __init__(self, *, pixels: int, hidden: Sequence[int], latent: int, activation: str = "relu", rngs: nnx.Rngs):
        """Build the trunk and the two heads; raises as `VAE` does."""
        latent, hidden, pixels = _checked_sizes(latent, hidden, pixels, activation, rngs)
        self.pixels = pixels
        self.trunk = MLP(pixels, hidden, activation, rngs=rngs)
        self.mu = nnx.Linear(hidden[-1], latent, rngs=rngs)
        self.log_var = nnx.Linear(hidden[-1], latent, rngs=rngs)

    def __call__(self, x: Float[AnyArray, "*batch pixel"]) -> Gaussian:
        """The posterior's approximation q(z|x)."""
        h = self.trunk(checks.last_axis(checks.floating(x, "x"), self.pixels, "x", "pixel"))
        return Gaussian(mu=self.mu(h), log_var=self.log_var(h))


class Decoder(nnx.Module):
    """z -> p(x|z): a deterministic map from a code to the *parameters* of a distribution over images.

    z has shape (*batch, latent), the parameters have shape (*batch, pixel). The last layer yields logits for both kinds
    of Bernoulli; for the Gaussian their sigmoid is the mean, since pixels lie in [0, 1], and sigma is one number for
    all pixels, fixed or learned. No gradient reaches a fixed one.
    """

    def __init__(
        self,
        *,
        latent: int,
        hidden: Sequence[int],
        pixels: int,
        likelihood: str = "bernoulli",
        sigma: Sigma = 0.1,
        activation: str = "relu",
        rngs: nnx.Rngs,
    ):
        """Build the trunk and the output layer; raises as `VAE` does."""
        latent, hidden, pixels = _checked_sizes(latent, hidden, pixels, activation, rngs)
        sigma = _checked_likelihood(likelihood, sigma)
        self.latent = latent
        self.trunk = MLP(latent, hidden, activation, rngs=rngs)
        self.output = nnx.Linear(hidden[-1], pixels, rngs=rngs)
        self.likelihood = likelihood
        if likelihood == "gaussian" and sigma == "learned":
            self.log_var = nnx.Param(jnp.zeros(()))
        elif likelihood == "gaussian":
            self.sigma = Constant(jnp.asarray(sigma, jnp.float32))

    def __call__(self, z: Float[AnyArray, "*batch latent"]) -> Bernoulli | ContinuousBernoulli | Gaussian:
        """The distribution p(x|z) of the image."""
        z = checks.last_axis(checks.floating(z, "z"), self.latent, "z", "latent dimension")
        rows = z.reshape(-1, self.latent)  # samples and images as one axis: each layer is one matrix product
        logits = self.output(self.trunk(rows)).reshape(*z.shape[:-1], self.output.out_features)
        if self.likelihood == "bernoulli":
            return Bernoulli(logits)
        if self.likelihood == "continuous-bernoulli":
            return ContinuousBernoulli(logits)
        learned = hasattr(self, "log_var")
        log_var = self.log_var[...] if learned else 2 * jnp.log(jax.lax.stop_gradient(self.sigma[...]))
        return Gaussian(mu=jax.nn.sigmoid(logits), log_var=jnp.full(logits.shape, log_var, logits.dtype))


class ImageModel(nnx.Module):
    """What the VAE and the autoencoder share: a checked configuration, a decoder, and checks of their input."""

    def __init__(
        self,
        *,
        latent: int = 20,
        hidden: Sequence[int] = (500, 500),
        likelihood: str = "bernoulli",
        sigma: Sigma = 0.1,
        activation: str = "relu",
        image_shape: Sequence[int] | None = None,
        pixels: int | None = None,
        rngs: nnx.Rngs,
    ):
        """Build the networks.

        Args:
            latent: dimensions of z.
            hidden: widths of the encoder's hidden layers; the decoder mirrors them.
            likelihood: "bernoulli", "continuous-bernoulli" or "gaussian", the family of p(x|z).
            sigma: standard deviation of a Gaussian p(x|z) in units of x, or "learned" for one trained number.
            activation: "relu", "tanh", "softplus" or "gelu".
            image_shape: (height, width) or (height, width, channels) of an image, by default (28, 28). Images are flat
                vectors of height × width × channels pixels, row by row, the channels of a pixel side by side.
            pixels: instead of image_shape, the number of pixels: a grey square, or a row where they make no square.
            rngs: the source of the initial weights, `nnx.Rngs(seed)`.

        Raises:
            TypeError, ValueError: for an argument of the wrong kind or size, named in the message.
        """
        image_shape = checks.image_shape(image_shape, pixels)
        latent, hidden, pixels = _checked_sizes(latent, hidden, math.prod(image_shape), activation, rngs)
        sigma = _checked_likelihood(likelihood, sigma)
        self.latent, self.image_shape, self.pixels, self.hidden = latent, image_shape, pixels, hidden
        sizes: dict[str, Any] = {"pixels": pixels, "hidden": hidden, "latent": latent, "activation": activation}
        self._build_encoder(sizes, rngs)
        mirrored = sizes | {"hidden": hidden[::-1]}
        self.decoder = Decoder(**mirrored, likelihood=likelihood, sigma=sigma, rngs=rngs)

    @property
    def likelihood(self) -> str:
        """The family of p(x|z), one of LIKELIHOODS."""
        return self.decoder.likelihood

    @property
    def activation(self) -> str:
        """What follows each hidden layer, one of ACTIVATIONS."""
        return self.decoder.trunk.activation

    @property
    def sigma(self) -> Sigma | None:
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
        values = {name: getattr(self, name) for name in names}
        lists = {"hidden": list(self.hidden), "image_shape": list(self.image_shape)}
        return {"class": type(self).__name__, **values, **lists}

    @classmethod
    def create(cls: type[Model], *, seed: int = 0, **config: Any) -> Model:
        """Build the model inside one compiled program: what `cls(**config, rngs=nnx.Rngs(seed))` builds, sooner.

        Layer by layer, the initialisers compile one small program each; together they are one, which models of equal
        configuration share, and which JAX's compilation cache keeps where it is on. A subclass with arguments that can
        not be hashed is built layer by layer. Raises as the constructor does.

        Example:
            >>> model = VAE.create(seed=1, latent=2, hidden=(16,), likelihood="gaussian", sigma=0.2)
            >>> model.image_shape, model.sigma
            ((28, 28, 1), 0.2)
        """
        checks.seed(seed)
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
        """The images (batch, pixel) in [0, 1] this model is made for; anything else is refused with the remedy."""
        return checks.unit_interval(checks.batch_of(x, self.pixels, "x", "pixel"), "x")


class VAE(ImageModel):
    """The variational autoencoder: the model p(x, z) = p(x|z) p(z), and the tool q(z|x) that trains it.

    Source: Kingma & Welling (2013), "Auto-Encoding Variational Bayes" (AEVB).

    Example:
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


def _widths(hidden) -> tuple[int, ...]:
    """The hidden widths as a tuple of positive integers."""
    if isinstance(hidden, str | int) or not isinstance(hidden, Sequence) or not hidden:
        raise TypeError(f"hidden must be a non-empty sequence of widths such as (500, 500), got {hidden!r}")
    return tuple(checks.positive_int(width, "hidden") for width in hidden)


def _checked_sizes(latent, hidden, pixels, activation, rngs) -> tuple[int, tuple[int, ...], int]:
    """Latent, hidden and pixels as plain integers, which JSON can hold; all five are what a constructor takes."""
    checks.one_of(activation, ACTIVATIONS, "activation")
    if not isinstance(rngs, nnx.Rngs):
        raise TypeError(f"rngs must be the source of the initial weights, nnx.Rngs(0), got {type(rngs).__name__}")
    return checks.positive_int(latent, "latent"), _widths(hidden), checks.positive_int(pixels, "pixels")


def _checked_likelihood(likelihood, sigma) -> Sigma:
    """The standard deviation as a plain number, traced inside `create`, or "learned"."""
    checks.one_of(likelihood, LIKELIHOODS, "likelihood")
    if checks.is_traced(sigma):
        return sigma
    if isinstance(sigma, str):
        if sigma != "learned":
            raise ValueError(f'sigma must be a positive number or "learned", got {sigma!r}')
        return sigma
    sigma = checks.number(sigma, "sigma", low=0.0, open_low=True)
    if not float(np.finfo(np.float32).tiny) <= sigma <= float(np.finfo(np.float32).max):
        raise ValueError(f"sigma must lie within the range of float32, got {sigma}")
    return sigma
