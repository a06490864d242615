"""The fixed encoder of a diffusion model: noise that grows level by level, all of it Gaussian and in closed form.

    q(z_t | z_0) = N(alpha_t z_0, sigma_t² I),   alpha_t² + sigma_t² = 1,   SNR_t = alpha_t² / sigma_t²,   t = 1 … T

z_0 are the data, and log SNR_t falls evenly in t. Sources: Sohl-Dickstein et al. (2015); Ho, Jain & Abbeel (2020); the
SNR and its even fall: Kingma et al. (2021).
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from vaelib import checks
from vaelib.checks import AnyArray
from vaelib.distributions import Gaussian

Levels = Int[AnyArray, "*level"] | int


@dataclass(frozen=True)
class Schedule:
    """How much of the data is left at level t = 1 … levels: log SNR_t falls evenly from `first` to `last`.

    Where a level t meets vectors of shape (*batch, size), its shape broadcasts with (*batch,).
    """

    levels: int = 100
    first: float = 8.0
    last: float = -8.0

    def __post_init__(self):
        """Refuse a chain of fewer than two levels, and one whose noise does not grow."""
        checks.at_least(self.levels, "levels", 2)
        if not -math.inf < self.last < self.first < math.inf:
            raise ValueError(f"first must be above last, both finite, got first={self.first} and last={self.last}")

    def time(self, t: Levels) -> Float[Array, "*level"]:
        """The share of the way, from 0 at level 1 to 1 at the last."""
        return (jnp.asarray(t, jnp.float32) - 1) / (self.levels - 1)

    def log_snr(self, t: Levels) -> Float[Array, "*level"]:
        """Return log alpha_t² / sigma_t²."""
        return self.first + (self.last - self.first) * self.time(t)

    def alpha(self, t: Levels) -> Float[Array, "*level"]:
        """The factor of the data, sqrt(sigmoid(log SNR_t))."""
        return jnp.exp(0.5 * jax.nn.log_sigmoid(self.log_snr(t)))

    def sigma(self, t: Levels) -> Float[Array, "*level"]:
        """The spread of the noise, sqrt(1 - alpha_t²)."""
        return jnp.exp(0.5 * jax.nn.log_sigmoid(-self.log_snr(t)))

    def noised(self, z_0: Float[AnyArray, "*batch size"], t: Levels) -> Gaussian:
        """q(z_t | z_0) = N(alpha_t z_0, sigma_t² I)."""
        mu = beside(self.alpha(t), z_0) * z_0
        return Gaussian(mu, jnp.broadcast_to(beside(jax.nn.log_sigmoid(-self.log_snr(t)), mu), mu.shape))

    def onward(self, z_s: Float[AnyArray, "*batch size"], t: Levels) -> Gaussian:
        """q(z_t | z_s), s = t - 1 ≥ 1, which is N(alpha_t / alpha_s z_s, (1 - SNR_t / SNR_s) sigma_t² I)."""
        mu = beside(self.alpha(t) / self.alpha(below(t)), z_s) * z_s
        log_var = jax.nn.log_sigmoid(-self.log_snr(t)) + jnp.log1p(-self.kept(t))
        return Gaussian(mu, jnp.broadcast_to(beside(log_var, mu), mu.shape))

    def back(self, z_t: Float[AnyArray, "*batch size"], z_0: Float[AnyArray, "*batch size"], t: Levels) -> Gaussian:
        """q(z_s | z_t, z_0) of the level below, s = t - 1, by Bayes' rule, exact, t ≥ 2.

        With r = SNR_t / SNR_s it is N(r alpha_s / alpha_t z_t + (1 - r) alpha_s z_0, (1 - r) sigma_s² I).
        """
        alpha_s, kept = self.alpha(below(t)), self.kept(t)
        mu = beside(kept * alpha_s / self.alpha(t), z_t) * z_t + beside((1 - kept) * alpha_s, z_0) * z_0
        log_var = jax.nn.log_sigmoid(-self.log_snr(below(t))) + jnp.log1p(-kept)
        return Gaussian(mu, jnp.broadcast_to(beside(log_var, mu), mu.shape))

    def kept(self, t: Levels) -> Float[Array, "*level"]:
        """SNR_t / SNR_{t-1}, below 1."""
        return jnp.exp(self.log_snr(t) - self.log_snr(below(t)))

    def step_kl(self, squared_error: Float[AnyArray, "*batch"], t: Levels) -> Float[Array, "*batch"]:
        """KL(q(z_s | z_t, z_0) ‖ q(z_s | z_t, ẑ_0)) = ½ (SNR_s / SNR_t - 1) ‖eps - eps_hat‖², in nats, s = t - 1 ≥ 1.

        The squared error is that of the noise eps in z_t, and ẑ_0 = (z_t - sigma_t eps_hat) / alpha_t. Source: Kingma
        et al. (2021), section 4.
        """
        return 0.5 * jnp.expm1(self.log_snr(below(t)) - self.log_snr(t)) * squared_error


class NoisingChain:
    """q(z_1 … z_T | z_0) = q(z_1 | z_0) Π q(z_t | z_{t-1}), the levels side by side along the last axis."""

    def __init__(self, z_0: Float[AnyArray, "*batch size"], schedule: Schedule):
        """Start from the data z_0."""
        self.z_0, self.schedule = z_0, schedule

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Float[Array, "*sample_batch latent"]:
        """Draw chains: z_t / alpha_t is z_0 plus a sum of independent noises, whose variance is 1 / SNR_t in all."""
        levels, (*batch, size) = self.schedule.levels, self.z_0.shape
        eps, t = jax.random.normal(key, (*sample_shape, *batch, levels, size)), jnp.arange(1, levels + 1)
        more = jnp.diff(jnp.exp(-self.schedule.log_snr(t)), prepend=0.0)
        noise = jnp.cumsum(beside(jnp.sqrt(more), eps) * eps, axis=-2)
        chain = beside(self.schedule.alpha(t), eps) * (jnp.broadcast_to(self.z_0[..., None, :], eps.shape) + noise)
        return chain.reshape(*sample_shape, *batch, levels * size)

    def log_prob(self, chain: Float[AnyArray, "*any latent"]) -> Float[Array, "*any"]:
        """The log-density of whole chains, in nats."""
        z, t = side_by_side(chain, self.schedule.levels), jnp.arange(2, self.schedule.levels + 1)
        first = self.schedule.noised(self.z_0, 1).log_prob(z[..., 0, :])
        return first + jnp.sum(self.schedule.onward(z[..., :-1, :], t).log_prob(z[..., 1:, :]), axis=-1)


def side_by_side(chain: Float[AnyArray, "*any latent"], levels: int) -> Float[AnyArray, "*any level size"]:
    """A chain's levels as an axis of their own."""
    return chain.reshape(*chain.shape[:-1], levels, -1)


def below(t: Levels) -> Int[Array, "*level"]:
    """The level t - 1."""
    return jnp.asarray(t) - 1


def beside(values: Float[AnyArray, "*level"], z: Float[AnyArray, "*batch size"]) -> Float[Array, "*ones_level one"]:
    """A number a level, in a shape that broadcasts with vectors z."""
    return jnp.reshape(values, (1,) * (z.ndim - 1 - values.ndim) + values.shape + (1,))
