"""Does raising the ELBO raise log p(x)? A VAE with a code in the plane, where a grid gives log p(x), during training.

The controls are the same network with the same batches, trained on the bound of 20 draws, which lies nearer to
log p(x), and on the ELBO again with the mean of 20 draws, which is the same bound with less noise.
"""

import itertools
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from vaelib.checks import AnyArray
from vaelib.compilation import jit_sooner
from vaelib.data import binarize
from vaelib.evidence import log_evidence
from vaelib.models import VAE
from vaelib.objectives import elbo, importance_weighted_bound
from vaelib.studies.common import Entries, falling
from vaelib.training import fit

EPOCHS, BATCH, PEAK, TEST_IMAGES = 60, 100, 2e-3, 100
STOPS = (0, 1, 2, 4, 8, 16, 30, 60)  # epochs after which all is measured
OBJECTIVES = {
    "ELBO": elbo,
    "20 draws": partial(importance_weighted_bound, num_samples=20, gradient_samples=2),
    "ELBO, mean of 20": partial(elbo, num_samples=20),
}
SEEDS = (0, 1, 2)
AXIS = np.linspace(-5, 5, 401, dtype=np.float32)


def log_likelihoods(
    model, x: Float[AnyArray, "image pixel"], z: Float[AnyArray, "code latent"]
) -> Float[Array, "code image"]:
    """Return log p(x|z) of a Bernoulli decoder for every code and image, in nats.

    It is linear in x, so one matrix product serves all of them.
    """
    logits = model.decode(z).logits
    return logits @ x.T - jnp.sum(jax.nn.softplus(logits), axis=-1, keepdims=True)


@jit_sooner
def log_px_on_grid(model, x: Float[Array, "image pixel"]) -> Float[Array, " image"]:
    """Sum over a grid: log p(x) of binary images, by AXIS × AXIS codes of the plane, in nats, shape (image,)."""

    def add_row(log_sum, first):
        z = jnp.stack([jnp.full_like(AXIS, first), AXIS], axis=-1)
        log_joint = log_likelihoods(model, x, z) - 0.5 * jnp.sum(jnp.square(z), axis=-1, keepdims=True)
        return jnp.logaddexp(log_sum, jax.nn.logsumexp(log_joint, axis=0)), None

    log_sum, _ = jax.lax.scan(add_row, jnp.full(len(x), -jnp.inf), AXIS)
    return log_sum - jnp.log(2 * jnp.pi) + 2 * jnp.log(AXIS[1] - AXIS[0])


def measure_log_px(model: VAE, x: Float[Array, "image pixel"], key) -> dict[str, float]:
    """Mean over the images, in nats: log p(x) by the grid, which needs no key."""
    return _means({"log p(x)": log_px_on_grid(model, x)})


def measure_all(model: VAE, x: Float[Array, "image pixel"], key) -> dict[str, float]:
    """Means over the images, in nats: log p(x) by the grid, the ELBO by 50 draws with its terms, bounds of k draws."""
    found = elbo(model, x, key, num_samples=50)._asdict()
    found |= {f"k = {k}": log_evidence(model, x, key, num_samples=k) for k in (5, 50, 500)}
    return measure_log_px(model, x, key) | _means(found)


def _means(found: dict) -> dict[str, float]:
    return {name: round(float(np.mean(np.asarray(values, np.float64))), 3) for name, values in found.items()}


def train(
    images, x, name: str, seed: int, stops=STOPS, epochs: int = EPOCHS, measure: Callable = measure_all
) -> dict[str, list[int] | list[float]]:
    """Train by one of OBJECTIVES, and return what `measure` found on x at the stops, name by name.

    Where the last stop comes before `epochs` it is the same run up to there: the step size follows the whole cosine.
    """
    model = VAE.create(seed=seed, latent=2, hidden=(100,), pixels=images.shape[1])
    x, key = jnp.asarray(x), jax.random.key(seed)
    found = [{"epoch": 0, **measure(model, x, key)}] if 0 in stops else []

    def record(epoch, model, history):
        if epoch in stops:
            found.append({"epoch": epoch, **measure(model, x, key)})

    fit(
        model,
        images,
        key,
        epochs=stops[-1],
        batch_size=BATCH,
        learning_rate=falling(PEAK, epochs, images, BATCH),
        objective=OBJECTIVES[name],
        binarize=True,
        callback=record,
        progress=False,
    )
    return {name: [terms[name] for terms in found] for name in found[0]}


def bound(images, test_images) -> Entries:
    """A training by each of OBJECTIVES with each of its SEEDS."""
    x = np.asarray(binarize(test_images[:TEST_IMAGES], jax.random.key(0)))
    for name, seed in itertools.product(OBJECTIVES, SEEDS):
        yield f"{name}, seed {seed}", partial(train, images, x, name, seed)
