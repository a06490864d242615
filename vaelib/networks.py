"""The networks: an encoder that yields q(z|x), a decoder that yields p(x|z), and what they may be built with.

    x (batch, pixel) -> Encoder -> q(z|x) (batch, latent)
    z (batch, latent) -> Decoder -> p(x|z) (batch, pixel)

Each checks its arguments before it builds a layer.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from vaelib import checks
from vaelib.checks import AnyArray, Whole
from vaelib.distributions import Bernoulli, ContinuousBernoulli, Gaussian

LIKELIHOODS = ("bernoulli", "continuous-bernoulli", "gaussian")
MEANS = ("sigmoid", "linear")
INITIALS = ("normal", "uniform")
Activation = Callable[[Array], Array]
ACTIVATIONS: dict[str, Activation] = {
    "relu": nnx.relu,
    "tanh": nnx.tanh,
    "softplus": nnx.softplus,
    "gelu": nnx.gelu,
    "elu": nnx.elu,
}
Sigma = checks.Number | str  # a number, "learned", or inside `create` a traced number


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

    def __init__(
        self, *, pixels: Whole, hidden: Sequence[Whole], latent: Whole, activation: str = "relu", rngs: nnx.Rngs
    ):
        """Build the trunk and the two heads; raises as `VAE` does."""
        latent, hidden, pixels = checked_sizes(latent, hidden, pixels, activation, rngs)
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
    of Bernoulli. A Gaussian's mean is their sigmoid, since pixels lie in [0, 1], or with `mean="linear"` what the layer
    yields, for data of any range. Sigma is one number for all pixels, fixed or learned; a fixed one is not trained.
    """

    def __init__(
        self,
        *,
        latent: Whole,
        hidden: Sequence[Whole],
        pixels: Whole,
        likelihood: str = "bernoulli",
        sigma: Sigma = 0.1,
        mean: str = "sigmoid",
        activation: str = "relu",
        rngs: nnx.Rngs,
    ):
        """Build the trunk and the output layer; raises as `VAE` does."""
        latent, hidden, pixels = checked_sizes(latent, hidden, pixels, activation, rngs)
        sigma = checked_likelihood(likelihood, sigma, mean)
        self.latent = latent
        self.trunk = MLP(latent, hidden, activation, rngs=rngs)
        self.output = nnx.Linear(hidden[-1], pixels, rngs=rngs)
        self.likelihood, self.mean = likelihood, mean
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
        mu = logits if self.mean == "linear" else jax.nn.sigmoid(logits)
        return Gaussian(mu=mu, log_var=jnp.full(logits.shape, log_var, logits.dtype))


def draw_uniform(network: nnx.Module, rngs: nnx.Rngs) -> None:
    """Give each linear layer weights and biases drawn uniformly within ±1 / sqrt(inputs), as PyTorch's come."""
    for _, layer in nnx.iter_graph(network):
        if isinstance(layer, nnx.Linear):
            bound = layer.in_features**-0.5
            for parameter in (layer.kernel, layer.bias):
                if parameter is not None:
                    parameter[...] = jax.random.uniform(rngs.params(), parameter.shape, minval=-bound, maxval=bound)


def _widths(hidden) -> tuple[int, ...]:
    """The hidden widths as a tuple of positive integers."""
    if isinstance(hidden, str | int) or not isinstance(hidden, Sequence) or not hidden:
        raise TypeError(f"hidden must be a non-empty sequence of widths such as (500, 500), got {hidden!r}")
    return tuple(checks.positive_int(width, "hidden") for width in hidden)


def checked_sizes(latent, hidden, pixels, activation, rngs) -> tuple[int, tuple[int, ...], int]:
    """Latent, hidden and pixels as plain integers, which JSON can hold; all five are what a constructor takes."""
    checks.one_of(activation, ACTIVATIONS, "activation")
    if not isinstance(rngs, nnx.Rngs):
        raise TypeError(f"rngs must be the source of the initial weights, nnx.Rngs(0), got {type(rngs).__name__}")
    return checks.positive_int(latent, "latent"), _widths(hidden), checks.positive_int(pixels, "pixels")


def checked_likelihood(likelihood, sigma, mean) -> Sigma:
    """The standard deviation as a plain number, traced inside `create`, or "learned"."""
    checks.one_of(likelihood, LIKELIHOODS, "likelihood")
    checks.one_of(mean, MEANS, "mean")
    if mean == "linear" and likelihood != "gaussian":
        raise ValueError(f'mean="linear" is for likelihood="gaussian", got {likelihood!r}, whose mean is a probability')
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
