"""A diffusion model: a VAE with many levels, whose encoder is fixed, so that every KL of its ELBO has a closed form.

The encoder adds noise, z_0 -> z_1 -> … -> z_T (`vaelib.noising`); the model takes it away again, with one network:

    p(z_T) = N(0, I),   p(z_{t-1} | z_t) = q(z_{t-1} | z_t, ẑ_0(z_t, t)),   p(z_0 | z_1) = N(z_1 / alpha_1, 1 / SNR_1)

A `Diffusion` is a `LatentVariableModel` whose latent is the whole chain z_1 … z_T, so `elbo` and `log_evidence` take it
as they take a VAE; `diffusion_elbo` is the same bound with its KLs in closed form, which is what trains.
Sources: Sohl-Dickstein et al. (2015); Ho, Jain & Abbeel (2020); Kingma et al. (2021).
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int, PRNGKeyArray

from vaelib import checks
from vaelib.checks import AnyArray
from vaelib.compilation import one_program, program
from vaelib.distributions import LOG_2PI, Gaussian, standard_normal
from vaelib.divergence import kl_to_standard_normal
from vaelib.networks import MLP
from vaelib.noising import Levels, NoisingChain, Schedule, beside, side_by_side
from vaelib.objectives import Terms

WAVES = 4  # sines and cosines of the level that the network sees
Labels = Int[AnyArray, " batch"] | None


class Diffusion(nnx.Module):
    """p(z_0) by a chain of denoising steps, each a Gaussian whose mean the network gives.

    The network's guess of the noise in z_t is sigma_t z_t, the best for data from N(0, I), plus alpha_t times what an
    MLP adds, which is 0 at first: an untrained model is N(0, I), up to what its levels lose.
    """

    def __init__(
        self,
        *,
        size: int,
        hidden: Sequence[int] = (256, 256),
        labels: int = 0,
        schedule: Schedule = Schedule(),  # noqa: B008  # frozen
        rngs: nnx.Rngs,
    ):
        """Build the network.

        Args:
            size: entries of z_0.
            hidden: widths of the MLP's layers.
            labels: kinds that a draw may be asked for, 0 … labels - 1.
            schedule: the levels and their noise.
            rngs: the source of the initial weights.
        """
        self.pixels, self.labels = checks.positive_int(size, "size"), checks.at_least(labels, "labels", 0)
        self.schedule, self.latent = schedule, size * schedule.levels
        self.trunk = MLP(size + 1 + 2 * WAVES + labels, hidden, "gelu", rngs=rngs)
        self.output = nnx.Linear(hidden[-1], size, kernel_init=nnx.initializers.zeros, rngs=rngs)

    @classmethod
    def create(cls, *, seed: int = 0, hidden: Sequence[int] = (256, 256), **config) -> "Diffusion":
        """What `cls(**config, hidden=hidden, rngs=nnx.Rngs(seed))` builds, as one compiled program."""
        pairs = tuple(sorted(config.items()))
        nnx.eval_shape(lambda: cls(hidden=tuple(hidden), **config, rngs=nnx.Rngs(0)))  # refuses bad arguments
        return nnx.merge(*program(_built, cls, tuple(hidden), pairs)(jax.random.key(checks.seed(seed))))

    def with_levels(self, levels: int) -> "Diffusion":
        """The same network with so many levels between the same two ends: fewer to draw sooner, more for the bound."""
        model = nnx.clone(self)
        model.schedule = replace(self.schedule, levels=levels)
        model.latent = self.pixels * levels
        return model

    def noise(
        self, z_t: Float[AnyArray, "*batch size"], t: Levels, label: Labels = None
    ) -> Float[Array, "*batch size"]:
        """The guess eps_hat of the noise in z_t = alpha_t z_0 + sigma_t eps; t broadcasts with the batch axes."""
        batch, time = z_t.shape[:-1], beside(self.schedule.time(t), z_t)
        waves = [wave(2 * jnp.pi * k * time) for k in range(1, WAVES + 1) for wave in (jnp.sin, jnp.cos)]
        features = jnp.concatenate([time - 0.5, *waves], axis=-1)
        parts = [z_t, jnp.broadcast_to(features, (*batch, features.shape[-1]))]
        if self.labels:
            asked = jax.nn.one_hot(-1 if label is None else label, self.labels)  # -1 is no label: all zeros
            parts.append(jnp.broadcast_to(asked, (*batch, self.labels)))
        added = self.output(self.trunk(jnp.concatenate(parts, axis=-1)))
        return beside(self.schedule.sigma(t), z_t) * z_t + beside(self.schedule.alpha(t), z_t) * added

    def clean(
        self, z_t: Float[AnyArray, "*batch size"], t: Levels, label: Labels = None
    ) -> Float[Array, "*batch size"]:
        """The guess ẑ_0 = (z_t - sigma_t eps_hat) / alpha_t of the data."""
        removed = jnp.asarray(z_t) - beside(self.schedule.sigma(t), z_t) * self.noise(z_t, t, label)
        return removed / beside(self.schedule.alpha(t), z_t)

    def step(self, z_t: Float[AnyArray, "*batch size"], t: Levels, label: Labels = None) -> Gaussian:
        """p(z_{t-1} | z_t) for t ≥ 2."""
        return self.schedule.back(z_t, self.clean(z_t, t, label), t)

    def encode(self, z_0: Float[AnyArray, "*batch size"]) -> NoisingChain:
        """q(z_1 … z_T | z_0), which no weight enters."""
        return NoisingChain(jnp.asarray(z_0), self.schedule)

    def decode(self, chain: Float[AnyArray, "*batch latent"]) -> Gaussian:
        """p(z_0 | z_1) = N(z_1 / alpha_1, sigma_1² / alpha_1² I), the step without a network."""
        mu = chain[..., : self.pixels] / self.schedule.alpha(1)
        return Gaussian(mu, jnp.full(mu.shape, -self.schedule.log_snr(1), mu.dtype))

    def prior(self) -> "DenoisingChain":
        """p(z_1 … z_T), without a label."""
        return DenoisingChain(self)

    def check_data(self, x) -> Float[AnyArray, "batch size"]:
        """Finite vectors (batch, size); anything else is refused with the remedy."""
        return checks.finite(checks.batch_of(x, self.pixels, "x", "entry"), "x")

    def sample(
        self, key: PRNGKeyArray, num: int, *, label: Labels = None, path: bool = False
    ) -> Float[Array, "num size"] | Float[Array, "level num size"]:
        """Draw z_0, from level T down, shape (num, size); with `path` all levels, T first and z_0 last.

        Raises ValueError for labels that are not `num` whole numbers below `labels`; -1 asks for no label.
        """
        checks.key(key), checks.positive_int(num, "num")
        levels = _sample(self, key, num, _checked_label(self, label, num))
        return levels if path else levels[-1]


class DenoisingChain:
    """p(z_1 … z_T) = p(z_T) Π p(z_{t-1} | z_t), the levels side by side along the last axis."""

    def __init__(self, model: Diffusion):
        """Take the network's steps."""
        self.model = model

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Float[Array, "*sample latent"]:
        """Draw chains from the last level down."""
        path = _sample(self.model, key, math.prod(sample_shape), None)[-2::-1]  # levels 1 … T
        return jnp.moveaxis(path, 0, 1).reshape(*sample_shape, self.model.latent)

    def log_prob(self, chain: Float[AnyArray, "*any latent"]) -> Float[Array, "*any"]:
        """The log-density of whole chains, in nats."""
        levels = self.model.schedule.levels
        z = side_by_side(chain, levels)
        back = self.model.step(z[..., 1:, :], jnp.arange(2, levels + 1)).log_prob(z[..., :-1, :])
        return standard_normal((self.model.pixels,)).log_prob(z[..., -1, :]) + jnp.sum(back, axis=-1)


def diffusion_elbo(
    model: Diffusion, x: Float[AnyArray, "batch size"] | tuple | list, key: PRNGKeyArray, *, num_samples: int = 1
) -> Terms:
    """The ELBO of the chain, E_q[log p(z_0 | z_1)] - KL(q(z_T | z_0) ‖ p(z_T)) - Σ_{t=2}^T E_q[KL of the step t].

    The first two terms are exact; the sum is estimated by `num_samples` random levels an example, spread evenly over
    the batch. `x` is z_0, shape (batch, size), or a pair of it and labels of shape (batch,), integers, -1 for none.

    Returns Terms of shape (batch,), in nats: `recon` the first term, `kl` all others.
    """
    z_0, label = (x[0], x[1]) if isinstance(x, tuple | list) else (x, None)
    z_0, num_samples = model.check_data(z_0), checks.positive_int(num_samples, "num_samples")
    return _terms(model, z_0, checks.key(key), _checked_label(model, label, len(z_0)), num_samples)


@partial(one_program, static=("num_samples",))
def _terms(model: Diffusion, z_0, key, label, num_samples: int) -> Terms:
    keys = jax.random.split(key, num_samples)
    steps = jnp.mean(jax.lax.map(lambda key: _sum_of_steps(model, z_0, key, label), keys), axis=0)
    recon = jnp.full(len(z_0), -0.5 * model.pixels * (1 + LOG_2PI - model.schedule.first))
    kl = kl_to_standard_normal(model.schedule.noised(z_0, model.schedule.levels)) + steps
    return Terms(recon=recon, kl=kl, elbo=recon - kl)


def _sum_of_steps(model: Diffusion, z_0, key, label) -> Float[Array, " batch"]:
    """An estimate from one level an example: T - 1 times its KL."""
    level_key, eps_key = jax.random.split(key)
    schedule, batch = model.schedule, len(z_0)
    even = (jnp.arange(batch) / batch + jax.random.uniform(level_key)) % 1
    t = 2 + jnp.minimum(even * (schedule.levels - 1), schedule.levels - 2).astype(jnp.int32)
    eps = jax.random.normal(eps_key, z_0.shape)
    z_t = schedule.noised(z_0, t).mu + beside(schedule.sigma(t), z_0) * eps
    error = jnp.sum(jnp.square(eps - model.noise(z_t, t, label)), axis=-1)
    return (schedule.levels - 1) * schedule.step_kl(error, t)


@partial(one_program, static=("num",))
def _sample(model: Diffusion, key, num: int, label) -> Float[Array, "level num size"]:
    """The levels T … 0 of so many chains."""

    def down(z_t, planned):
        t, key = planned
        z_s = model.step(z_t, t, label).sample(key)
        return z_s, z_s

    first_key, last_key, key = jax.random.split(key, 3)
    z_T = jax.random.normal(first_key, (num, model.pixels))
    levels = jnp.arange(model.schedule.levels, 1, -1)
    z_1, path = jax.lax.scan(down, z_T, (levels, jax.random.split(key, len(levels))))
    return jnp.concatenate([z_T[None], path, model.decode(z_1).sample(last_key)[None]])


def _checked_label(model: Diffusion, label, num: int):
    """Labels of the right shape and, where their values are known, in range."""
    if label is None:
        return None
    if not isinstance(label, AnyArray) or not jnp.issubdtype(label.dtype, jnp.integer) or label.shape != (num,):
        raise ValueError(f"label must be {num} whole numbers, one a row, got {label!r}; use np.full({num}, 7)")
    if not checks.is_traced(label) and not (int(label.min()) >= -1 and int(label.max()) < model.labels):
        raise ValueError(
            f"label must lie from 0 to {model.labels - 1}, or be -1 for none, got {int(label.min())} to "
            f"{int(label.max())}; build the model with labels={int(label.max()) + 1}"
        )
    return label


def _built(cls, hidden, config, key):
    return nnx.split(cls(hidden=hidden, **dict(config), rngs=nnx.Rngs(key)))
