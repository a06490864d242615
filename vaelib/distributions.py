"""The distributions of the argument: q(z|x) and the three kinds of p(x|z).

An encoder or a decoder returns one of these. A likelihood is anything with `log_prob`, `mean` and `sample`, so decoders
are interchangeable. The last axis is the event (pixels, latent dimensions) and is summed inside `log_prob`; all other
axes are batch. Samples lead: `sample(key, (k,))` has shape (k, *batch, event).

The formulas are the lesson of the series, so these few are our own; the tests hold them against SciPy and quadrature.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from vaelib import checks

LOG_2PI = 1.8378770664093453


def _broadcast(x: Float[Array, "*batch event"], parameter: Float[Array, "*more event"], name: str):
    """Both arrays at their common shape, explicitly, so that implicit rank promotion can stay forbidden."""
    checks.floating(x, "x")
    checks.last_axis(x, parameter.shape[-1], "x", f"entry of {name}")
    try:
        return jnp.broadcast_arrays(x, parameter)
    except ValueError as error:
        raise ValueError(
            f"x and {name} must have shapes that fit, got {x.shape} and {parameter.shape}; give them the same batch "
            "axes, or 1 where one is repeated, with samples leading"
        ) from error


def _checked_parameters(**parameters) -> None:
    """The parameters of a new distribution are floats with an event axis.

    JAX rebuilds these objects with placeholders in place of arrays; only real arrays and lists are looked at.
    """
    arrays = {name: p for name, p in parameters.items() if hasattr(p, "dtype") or isinstance(p, list)}
    for name, parameter in arrays.items():
        checks.floating(parameter, name)
        if parameter.ndim == 0:
            raise ValueError(f"{name} must have shape (*batch, event), got a scalar; use jnp.asarray([value])")


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Bernoulli:
    """Independent black-or-white pixels: log p(x) = Σ_i x_i log p_i + (1 - x_i) log(1 - p_i), p = sigmoid(logits).

    `logits` has shape (*batch, event). For grey x in (0, 1), `log_prob` is the expected log-probability of an image
    whose pixels are drawn black or white with mean x; it is not a density of x (see `ContinuousBernoulli`).
    """

    logits: Float[Array, "*batch event"]

    def __post_init__(self):
        """Refuse logits that are not an array of floats."""
        _checked_parameters(logits=self.logits)

    @property
    def mean(self) -> Float[Array, "*batch event"]:
        """The probability that a pixel is white, sigmoid(logits)."""
        return jax.nn.sigmoid(self.logits)

    def log_prob(self, x: Float[Array, "*batch event"]) -> Float[Array, "*batch"]:
        """Minus the binary cross-entropy, summed over the last axis, in nats.

        With a = logits it is Σ x a - log(1 + exp a), computed as x a - max(a, 0) - log1p(exp(-|a|)): the exponential
        never overflows, and the gradient is x - sigmoid(a) at any a. Raises ValueError for x outside [0, 1].
        """
        x, logits = _broadcast(x, self.logits, "logits")
        checks.unit_interval(x, "x")
        # min(a, -a) is -|a| with derivative 0 at a = 0; JAX gives |a| the derivative 1 there.
        softplus = jnp.maximum(logits, 0.0) + jnp.log1p(jnp.exp(jnp.minimum(logits, -logits)))
        return jnp.sum(x * logits - softplus, axis=-1)

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Float[Array, "*sample_batch event"]:
        """Draw 0/1 pixels as floats, shape (*sample_shape, *batch, event)."""
        checks.key(key)
        p = jnp.broadcast_to(self.mean, (*sample_shape, *self.logits.shape))
        return jax.random.bernoulli(key, p).astype(self.logits.dtype)


def _log_density(x: Float[Array, "*shape"], a: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Return log of exp(a x) a / (exp(a) - 1), each pixel's, exact to rounding from a = 0 to the largest float.

    Near a = 0 by the series of log(sinh(a/2) / (a/2)); elsewhere as log|a| - y|a| - log1p(-exp(-|a|)), where y = 1 - x
    for a > 0 and y = x for a < 0, so that no two large terms are left to cancel.
    """
    near_zero = jnp.abs(a) < 0.6
    v = jnp.square(jnp.where(near_zero, a, 0.0) / 2)
    series = (x - 0.5) * a - (v / 6 - jnp.square(v) / 180 + v**3 / 2835 - v**4 / 37800)
    # The branch not taken must be finite too, or its gradient turns the other one into NaN.
    size = jnp.where(near_zero, 1.0, jnp.abs(a))
    direct = jnp.log(size) - size * jnp.where(a > 0, 1 - x, x) - jnp.log1p(-jnp.exp(-size))
    return jnp.where(near_zero, series, direct)


def _coth_minus_inverse(u: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """coth(u) - 1/u, the derivative of log(sinh(u)/u)."""
    near_zero = jnp.abs(u) < 0.3
    safe = jnp.where(near_zero, 1.0, u)
    v = jnp.square(u)
    series = u / 3 * (1 - v / 15 * (1 - 2 * v / 21 * (1 - v / 10)))
    return jnp.where(near_zero, series, 1 / jnp.tanh(safe) - 1 / safe)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ContinuousBernoulli:
    """Grey pixels with a proper density on [0, 1]: p(x) = Π_i C(λ_i) λ_i^x_i (1 - λ_i)^(1 - x_i), λ = sigmoid(logits).

    C makes each factor integrate to 1; with a = logits the density of a pixel is exp(a x) a / (exp(a) - 1).
    Source: Loaiza-Ganem & Cunningham (2019), "The continuous Bernoulli".
    """

    logits: Float[Array, "*batch event"]

    def __post_init__(self):
        """Refuse logits that are not an array of floats."""
        _checked_parameters(logits=self.logits)

    @property
    def mean(self) -> Float[Array, "*batch event"]:
        """E[x] = 1 / (1 - exp(-a)) - 1 / a, which is not λ: 1/2 + (coth(a/2) - 2/a) / 2."""
        return 0.5 + 0.5 * _coth_minus_inverse(self.logits / 2)

    def log_prob(self, x: Float[Array, "*batch event"]) -> Float[Array, "*batch"]:
        """The log-density, summed over the last axis, in nats; it can be positive.

        Σ a x - log((exp(a) - 1) / a). Where x is exactly 0 or 1 the density grows without bound as a → ∓∞, if only like
        log|a|. Raises ValueError for x outside [0, 1].
        """
        x, logits = _broadcast(x, self.logits, "logits")
        checks.unit_interval(x, "x")
        return jnp.sum(_log_density(x, logits), axis=-1)

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Float[Array, "*sample_batch event"]:
        """Draw grey pixels by inverting the distribution function, shape (*sample_shape, *batch, event).

        For a > 0, x = 1 + log(u + (1 - u) exp(-a)) / a; for a < 0 by the symmetry x → 1 - x.
        """
        checks.key(key)
        shape = (*sample_shape, *self.logits.shape)
        u = jax.random.uniform(key, shape, self.logits.dtype)
        logits = jnp.broadcast_to(self.logits, shape)
        a = jnp.maximum(jnp.abs(logits), 1e-3)  # below 1e-3 the density is flat to 5e-4, and float32 can not divide
        right = jnp.clip(1 + jnp.log(u + (1 - u) * jnp.exp(-a)) / a, 0.0, 1.0)
        return jnp.where(logits >= 0, right, 1 - right)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Gaussian:
    """A normal with diagonal covariance, N(mu, diag exp(log_var)); both parameters have shape (*batch, event)."""

    mu: Float[Array, "*batch event"]
    log_var: Float[Array, "*batch event"]

    def __post_init__(self):
        """Refuse parameters that are not floats of one shape."""
        _checked_parameters(mu=self.mu, log_var=self.log_var)
        if hasattr(self.mu, "shape") and hasattr(self.log_var, "shape"):
            checks.same_shape(self.mu, self.log_var, "mu", "log_var")

    @property
    def mean(self) -> Float[Array, "*batch event"]:
        """The mean, mu."""
        return self.mu

    @property
    def std(self) -> Float[Array, "*batch event"]:
        """The standard deviation, sigma = exp(log_var / 2)."""
        return jnp.exp(0.5 * self.log_var)

    def log_prob(self, x: Float[Array, "*batch event"]) -> Float[Array, "*batch"]:
        """The log-density -½ Σ (x - mu)² / sigma² + log sigma² + log 2π, summed over the last axis, in nats."""
        x, mu = _broadcast(x, self.mu, "mu")
        log_var = jnp.broadcast_to(self.log_var, mu.shape)
        return -0.5 * jnp.sum(jnp.square(x - mu) * jnp.exp(-log_var) + log_var + LOG_2PI, axis=-1)

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Float[Array, "*sample_batch event"]:
        """Draw mu + sigma · eps with eps ~ N(0, I), so gradients reach mu and log_var (AEVB, section 2.4).

        The shape is (*sample_shape, *batch, event).
        """
        checks.key(key)
        shape = (*sample_shape, *self.mu.shape)
        eps = jax.random.normal(key, shape, self.mu.dtype)
        return jnp.broadcast_to(self.mu, shape) + jnp.broadcast_to(self.std, shape) * eps


def standard_normal(shape: tuple[int, ...]) -> Gaussian:
    """The prior p(z) = N(0, I) at the given shape (*batch, latent)."""
    return Gaussian(mu=jnp.zeros(shape), log_var=jnp.zeros(shape))


def kl_to_standard_normal(q: Gaussian) -> Float[Array, "*batch"]:
    """KL(q ‖ N(0, I)) = ½ Σ_j mu_j² + sigma_j² - log sigma_j² - 1, in nats, summed over the last axis.

    Written with expm1, since sigma² - 1 loses every digit where sigma is near 1. Raises TypeError for another family:
    the closed form is the Gaussian's. Source: Kingma & Welling (2013), appendix B.
    """
    if not isinstance(q, Gaussian):
        raise TypeError(
            f"q must be a Gaussian, got {type(q).__name__}; for another family estimate the KL as the mean of "
            "q.log_prob(z) - p.log_prob(z) over draws z from q"
        )
    return 0.5 * jnp.sum(jnp.square(q.mu) + jnp.expm1(q.log_var) - q.log_var, axis=-1)
