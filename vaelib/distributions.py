"""The distributions of the argument: q(z|x) and the three kinds of p(x|z).

An encoder or a decoder returns one of these. A likelihood is anything with `log_prob`, `mean` and `sample`, so decoders
are interchangeable. The last axis is the event (pixels, latent dimensions) and is summed inside `log_prob`; all other
axes are batch. Samples lead: `sample(key, (k,))` has shape (k, *batch, event).

The formulas are the lesson of the series, so these few are our own; the tests hold them against SciPy and quadrature.
"""

from dataclasses import dataclass, fields
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from vaelib import checks
from vaelib.checks import AnyArray
from vaelib.compilation import one_program

LOG_2PI = 1.8378770664093453


class Parametric:
    """What the families share: their parameters are checked when one is made, and again where they are used.

    JAX takes these objects apart and rebuilds them with what it likes in the parameters' place: shapes, axes, booleans.
    That is not checked, so that such a thing may exist; `check` refuses it once it is asked for a number.
    """

    def __post_init__(self):
        """Refuse bad parameters, as `check` does."""
        self.check()

    def check(self) -> None:
        """Refuse with TypeError or ValueError parameters that are not float arrays of one shape (*batch, event)."""
        (first, shaped), *others = vars(self).items()
        for name, parameter in vars(self).items():
            checks.floating(parameter, name)
            if parameter.ndim == 0:
                raise ValueError(f"{name} must have shape (*batch, event), got a scalar; use jnp.asarray([value])")
        for name, parameter in others:
            checks.same_shape(shaped, parameter, first, name)


def _rebuilt_unchecked(family: type) -> type:
    """Register a frozen dataclass with JAX, which then rebuilds it without asking `__post_init__`."""
    names = [field.name for field in fields(family)]

    def flatten(distribution):
        return [getattr(distribution, name) for name in names], None

    def flatten_with_keys(distribution):
        return [(jax.tree_util.GetAttrKey(name), getattr(distribution, name)) for name in names], None

    def unflatten(_, parameters):
        distribution: Parametric = object.__new__(family)
        vars(distribution).update(zip(names, parameters, strict=True))
        return distribution

    jax.tree_util.register_pytree_with_keys(family, flatten_with_keys, unflatten, flatten)
    return family


@_rebuilt_unchecked
@dataclass(frozen=True, eq=False)
class Bernoulli(Parametric):
    """Independent black-or-white pixels: log p(x) = Σ_i x_i log p_i + (1 - x_i) log(1 - p_i), p = sigmoid(logits).

    `logits` has shape (*batch, event). For grey x in (0, 1), `log_prob` is the expected log-probability of an image
    whose pixels are drawn black or white with mean x; it is not a density of x (see `ContinuousBernoulli`).
    """

    logits: Float[AnyArray, "*batch event"]

    @property
    @one_program
    def mean(self) -> Float[Array, "*batch event"]:
        """The probability that a pixel is white, sigmoid(logits)."""
        self.check()
        return jax.nn.sigmoid(self.logits)

    def log_prob(self, x: Float[AnyArray, "*any event"]) -> Float[Array, "*broadcast"]:
        """Minus the binary cross-entropy, summed over the last axis, in nats.

        With a = logits it is Σ x a - log(1 + exp a), computed as -y |a| - log1p(exp(-|a|)), where y is the share of x
        that a speaks against, 1 - x for a > 0 and x for a < 0: nothing overflows or cancels, infinite logits give 0 or
        -∞, and the gradient is x - sigmoid(a) at any a. Raises ValueError for x outside [0, 1].
        """
        self.check()
        checks.unit_interval(checks.fits(x, self.logits, "x", "logits"), "x")
        return self._log_prob(x)

    @one_program
    def _log_prob(self, x):
        x, a = jnp.broadcast_arrays(x, self.logits)
        size, against = jnp.where(a > 0, a, -a), jnp.where(a > 0, 1 - x, x)
        penalty = against * jnp.where((against == 0) & jnp.isinf(a), 0.0, size)  # 0 · ∞ is 0 here
        return -jnp.sum(penalty + jnp.log1p(jnp.exp(-size)), axis=-1)

    @partial(one_program, static=("sample_shape",))
    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Float[Array, "*sample_batch event"]:
        """Draw 0/1 pixels as floats, shape (*sample_shape, *batch, event)."""
        checks.key(key)
        p = jnp.broadcast_to(self.mean, (*sample_shape, *self.logits.shape))
        return jax.random.bernoulli(key, p).astype(self.logits.dtype)


def _log_density(x: Float[AnyArray, "*shape"], a: Float[AnyArray, "*shape"]) -> Float[Array, "*shape"]:
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


def _coth_minus_inverse(u: Float[AnyArray, "*shape"]) -> Float[Array, "*shape"]:
    """coth(u) - 1/u, the derivative of log(sinh(u)/u)."""
    near_zero = jnp.abs(u) < 0.3
    safe = jnp.where(near_zero, 1.0, u)
    v = jnp.square(u)
    series = u / 3 * (1 - v / 15 * (1 - 2 * v / 21 * (1 - v / 10)))
    return jnp.where(near_zero, series, 1 / jnp.tanh(safe) - 1 / safe)


@_rebuilt_unchecked
@dataclass(frozen=True, eq=False)
class ContinuousBernoulli(Parametric):
    """Grey pixels with a proper density on [0, 1]: p(x) = Π_i C(λ_i) λ_i^x_i (1 - λ_i)^(1 - x_i), λ = sigmoid(logits).

    C makes each factor integrate to 1; with a = logits the density of a pixel is exp(a x) a / (exp(a) - 1).
    Source: Loaiza-Ganem & Cunningham (2019), "The continuous Bernoulli".
    """

    logits: Float[AnyArray, "*batch event"]

    @property
    @one_program
    def mean(self) -> Float[Array, "*batch event"]:
        """E[x] = 1 / (1 - exp(-a)) - 1 / a, which is not λ: 1/2 + (coth(a/2) - 2/a) / 2."""
        self.check()
        return 0.5 + 0.5 * _coth_minus_inverse(self.logits / 2)

    def log_prob(self, x: Float[AnyArray, "*any event"]) -> Float[Array, "*broadcast"]:
        """The log-density, summed over the last axis, in nats; it can be positive.

        Σ a x - log((exp(a) - 1) / a). Where x is exactly 0 or 1 the density grows without bound as a → ∓∞, if only like
        log|a|. Raises ValueError for x outside [0, 1].
        """
        self.check()
        checks.unit_interval(checks.fits(x, self.logits, "x", "logits"), "x")
        return self._log_prob(x)

    @one_program
    def _log_prob(self, x):
        return jnp.sum(_log_density(*jnp.broadcast_arrays(x, self.logits)), axis=-1)

    @partial(one_program, static=("sample_shape",))
    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Float[Array, "*sample_batch event"]:
        """Draw grey pixels by inverting the distribution function, shape (*sample_shape, *batch, event).

        For a > 0, x = 1 + log(u + (1 - u) exp(-a)) / a; for a < 0 by the symmetry x → 1 - x.
        """
        checks.key(key)
        self.check()
        shape = (*sample_shape, *self.logits.shape)
        u = jax.random.uniform(key, shape, self.logits.dtype)
        logits = jnp.broadcast_to(self.logits, shape)
        a = jnp.maximum(jnp.abs(logits), 1e-3)  # below 1e-3 the density is flat to 5e-4, and float32 can not divide
        right = jnp.clip(1 + jnp.log(u + (1 - u) * jnp.exp(-a)) / a, 0.0, 1.0)
        return jnp.where(logits >= 0, right, 1 - right)


@_rebuilt_unchecked
@dataclass(frozen=True, eq=False)
class Gaussian(Parametric):
    """A normal with diagonal covariance, N(mu, diag exp(log_var)); both parameters have shape (*batch, event)."""

    mu: Float[AnyArray, "*batch event"]
    log_var: Float[AnyArray, "*batch event"]

    @property
    def mean(self) -> Float[AnyArray, "*batch event"]:
        """The mean, mu."""
        self.check()
        return self.mu

    @property
    @one_program
    def std(self) -> Float[Array, "*batch event"]:
        """The standard deviation, sigma = exp(log_var / 2)."""
        self.check()
        return jnp.exp(0.5 * self.log_var)

    @one_program
    def log_prob(self, x: Float[AnyArray, "*any event"]) -> Float[Array, "*broadcast"]:
        """The log-density -½ Σ (x - mu)² / sigma² + log sigma² + log 2π, summed over the last axis, in nats."""
        self.check()
        checks.fits(x, self.mu, "x", "mu")
        x, mu, log_var = jnp.broadcast_arrays(x, self.mu, self.log_var)
        standardised = (x - mu) * jnp.exp(-0.5 * log_var)  # 1 / sigma² would overflow from log_var = -88 on
        return -0.5 * jnp.sum(jnp.square(standardised) + log_var + LOG_2PI, axis=-1)

    @partial(one_program, static=("sample_shape",))
    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Float[Array, "*sample_batch event"]:
        """Draw mu + sigma · eps with eps ~ N(0, I), so gradients reach mu and log_var (AEVB, section 2.4).

        The shape is (*sample_shape, *batch, event).
        """
        checks.key(key)
        self.check()
        shape = (*sample_shape, *self.mu.shape)
        eps = jax.random.normal(key, shape, self.mu.dtype)
        return jnp.broadcast_to(self.mu, shape) + jnp.broadcast_to(self.std, shape) * eps


@partial(one_program, static=("shape",))
def standard_normal(shape: tuple[int, ...]) -> Gaussian:
    """The prior p(z) = N(0, I) at the given shape (*batch, latent)."""
    return Gaussian(mu=jnp.zeros(shape), log_var=jnp.zeros(shape))
