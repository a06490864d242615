"""A diffusion model of Doersch's ring: how many draws end in its hole, with fresh noise at each step and without?"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from vaelib.checks import AnyArray
from vaelib.compilation import jit_sooner
from vaelib.diffusion import Diffusion, diffusion_elbo
from vaelib.noising import Schedule
from vaelib.studies.common import Entries, falling, rounded
from vaelib.studies.judges import energy_distance
from vaelib.training import fit

HIDDEN, EPOCHS, BATCH, LEARNING_RATE = (128, 128), 40, 250, 5e-3
FINE, DRAWN = 1_000, 100  # levels in training; levels to draw with
POINTS, DRAWS, SEEDS = 10_000, 1_500, (0, 1, 2)
HOLE = 0.9  # a radius that no point of the ring is below: they lie at 1 + ‖z‖ / 10


def doersch_ring(z: Float[AnyArray, "point 2"]) -> np.ndarray:
    """Return z / 10 + z / ‖z‖, for z from N(0, I) points on a ring. Source: Doersch (2016), figure 2."""
    return z / 10 + z / np.linalg.norm(z, axis=-1, keepdims=True)


def judge(x: Float[AnyArray, "point 2"], fresh: Float[AnyArray, "other 2"]) -> dict[str, float]:
    """The energy distance to fresh points of the ring, and the share of points in the hole."""
    return {"energy": energy_distance(x, fresh), "inside": float(np.mean(np.linalg.norm(x, axis=1) < HOLE))}


@jit_sooner
def without_noise(model: Diffusion, z: Float[AnyArray, "point 2"]) -> Float[Array, "point 2"]:
    """Each step goes to alpha_s ẑ_0 + sigma_s eps_hat: one continuous map of z_T. Source: Song et al. (2021), DDIM."""
    schedule = model.schedule

    def down(z, t):
        return schedule.alpha(t - 1) * model.clean(z, t) + schedule.sigma(t - 1) * model.noise(z, t), None

    return model.clean(jax.lax.scan(down, z, jnp.arange(schedule.levels, 1, -1))[0], 1)


def train(x: Float[AnyArray, "point 2"], seed: int = 0) -> Diffusion:
    """A diffusion model of points of spread 1."""
    model = Diffusion.create(seed=seed, size=2, hidden=HIDDEN, schedule=Schedule(FINE))
    options: dict[str, Any] = {"epochs": EPOCHS, "batch_size": BATCH, "objective": diffusion_elbo, "progress": False}
    schedule = falling(LEARNING_RATE, EPOCHS, x, BATCH)
    fit(model, np.asarray(x, np.float32), jax.random.key(seed), learning_rate=schedule, **options)
    return model


def _run(seed: int) -> dict:
    rng = np.random.default_rng(seed)
    ring, fresh, other = (doersch_ring(rng.standard_normal((num, 2))) for num in (POINTS, DRAWS, DRAWS))
    size = ring.std()
    model = train(ring / size, seed).with_levels(DRAWN)
    path = np.asarray(model.sample(jax.random.key(seed), DRAWS, path=True))
    gaussian = rng.multivariate_normal(ring.mean(axis=0), np.cov(ring.T), DRAWS)
    points = {
        "fresh points": other,
        "diffusion": size * path[-1],
        "no fresh noise": size * without_noise(model, path[0]),
    }
    points |= {"fitted Gaussian": gaussian, "N(0, I)": path[0]}
    return rounded({name: judge(np.asarray(x), fresh) for name, x in points.items()})


def entries(images, test_images) -> Entries:
    """The same for three seeds, which no image enters."""
    for seed in SEEDS:
        yield f"seed {seed}", partial(_run, seed)
