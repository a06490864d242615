"""Adversarial autoencoders from several seeds, beside an autoencoder and a VAE of the same network and epochs.

Two losses that chase each other end at another place for every seed, and for every rounding. Each run says where its
codes lie, how well it reconstructs, and how far what its prior decodes to is from test digits.
"""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

from vaelib.checks import AnyArray
from vaelib.compilation import jit_sooner
from vaelib.distributions import Gaussian
from vaelib.models import VAE, Autoencoder
from vaelib.objectives import elbo, reconstruction
from vaelib.studies.common import Entries, decoded, rounded
from vaelib.studies.judges import DRAWS, judge, squared_error
from vaelib.training import fit

SEEDS = tuple(range(5))
IMAGES, TEST_IMAGES, EPOCHS, BATCH, LEARNING_RATE = 5_000, 2_000, 30, 125, 2e-3
PULL, MOMENTUM = 30.0, 0.5  # nats of the encoder's reward; less of Adam's momentum, since the losses chase each other
NETWORK: dict[str, Any] = {"latent": 2, "hidden": (128, 128)}


def gaussian(key: PRNGKeyArray, n: int) -> Float[Array, "n 2"]:
    """Draws of N(0, I)."""
    return jax.random.normal(key, (n, 2))


def ring(key: PRNGKeyArray, n: int) -> Float[Array, "n 2"]:
    """Draws at the distance N(2, 0.2²) from 0, in every direction."""
    angle_key, radius_key = jax.random.split(key)
    angle = jax.random.uniform(angle_key, (n, 1), maxval=2 * jnp.pi)
    radius = 2 + 0.2 * jax.random.normal(radius_key, (n, 1))
    return radius * jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], axis=1)


PRIORS = {"adversarial": gaussian, "adversarial, ring": ring}
OBJECTIVES: dict[str, tuple[Any, Callable]] = {"AE": (Autoencoder, reconstruction), "VAE": (VAE, elbo)}


class Discriminator(nnx.Module):
    """The logit of the probability that z came from the prior."""

    def __init__(self, *, rngs: nnx.Rngs):
        """Two hidden layers of 64 units."""
        sizes = (2, 64, 64, 1)
        self.layers = nnx.data([nnx.Linear(a, b, rngs=rngs) for a, b in itertools.pairwise(sizes)])

    def __call__(self, z: Float[AnyArray, "batch 2"]) -> Float[Array, "batch"]:
        """One logit for each z."""
        hidden = jnp.asarray(z)
        for layer in self.layers[:-1]:
            hidden = nnx.relu(layer(hidden))
        return self.layers[-1](hidden)[..., 0]


class Pair(nnx.Module):
    """An autoencoder and its discriminator."""

    def __init__(self, seed: int):
        """Build both from one seed."""
        self.ae = Autoencoder.create(seed=seed, **NETWORK)
        self.d = Discriminator(rngs=nnx.Rngs(seed + 1))


def losses(pair: Pair, x, from_prior) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """What the autoencoder and the discriminator minimise, in nats, each a function of its own weights alone."""
    graph, frozen_d = nnx.split(pair.d)
    z, d = pair.ae.encode(x), nnx.merge(graph, jax.lax.stop_gradient(frozen_d))
    of_ae = -jnp.mean(pair.ae.decode(z).log_prob(x) + PULL * jax.nn.log_sigmoid(d(z)))
    taken = jax.nn.log_sigmoid(pair.d(from_prior)), jax.nn.log_sigmoid(-pair.d(jax.lax.stop_gradient(z)))
    return of_ae, -jnp.mean(taken[0]) - jnp.mean(taken[1])


def train_adversarial(images, prior: Callable, seed: int, epochs: int = EPOCHS) -> tuple[Autoencoder, float]:
    """The autoencoder, and the discriminator's mean loss over the last epoch."""
    graph, weights = nnx.split(Pair(seed))
    adam = optax.adam(LEARNING_RATE, b1=MOMENTUM)

    @jit_sooner
    def epoch(state, images, key):
        def step(state, batch):
            (weights, moments), (rows, key) = state, batch

            def loss(weights):
                of_ae, of_d = losses(nnx.merge(graph, weights), images[rows], prior(key, BATCH))
                return of_ae + of_d, of_d

            gradient, of_d = jax.grad(loss, has_aux=True)(weights)
            updates, moments = adam.update(gradient, moments)
            return (optax.apply_updates(weights, updates), moments), of_d

        order_key, prior_key = jax.random.split(key)
        order = jax.random.permutation(order_key, len(images) // BATCH * BATCH).reshape(-1, BATCH)
        return jax.lax.scan(step, state, (order, jax.random.split(prior_key, len(order))))

    state = weights, adam.init(weights)
    for key in jax.random.split(jax.random.key(seed), epochs):
        state, of_d = epoch(state, images, key)
    return nnx.merge(graph, state[0]).ae, float(of_d.mean())


def where(cloud: Float[AnyArray, "code 2"]) -> dict[str, float]:
    """The shares of codes within the circles of radius 1 and 2, and of those within 0.6 of radius 2."""
    radius = np.linalg.norm(cloud, axis=1)
    shares = {"within 1": radius < 1, "within 2": radius < 2, "on the ring": np.abs(radius - 2) < 0.6}
    return {name: round(float(share.mean()), 4) for name, share in shares.items()}


def measured(model, cloud, prior: Callable, images, test_images) -> dict[str, float]:
    """Where the codes lie, the squared error of their reconstructions, and the judge's words on 1,000 draws."""
    error = squared_error(decoded(model, cloud), test_images)
    verdict = judge(decoded(model, prior(jax.random.key(4), DRAWS)), images, test_images)
    return where(cloud) | {"error": round(error, 2)} | rounded(verdict, 3)


def cloud_of(model: VAE | Autoencoder, x) -> Float[np.ndarray, "image 2"]:
    """The codes of images: draws of q(z|x) where the encoder gives a distribution."""
    q = model.encode(x)
    return np.asarray(q.sample(jax.random.key(1)) if isinstance(q, Gaussian) else q)


def run(name: str, seed: int, images, test_images) -> dict[str, float]:
    """Train one of the four kinds and measure it."""
    if name in PRIORS:
        ae, loss = train_adversarial(images, PRIORS[name], seed)
        cloud = cloud_of(ae, test_images)
        return measured(ae, cloud, PRIORS[name], images, test_images) | {"loss": round(loss, 4)}
    kind, objective = OBJECTIVES[name]
    model = kind.create(seed=seed, **NETWORK)
    options: dict[str, Any] = {"learning_rate": LEARNING_RATE, "objective": objective, "progress": False}
    fit(model, images, jax.random.key(seed), epochs=EPOCHS, batch_size=BATCH, **options)
    return measured(model, cloud_of(model, test_images), gaussian, images, test_images)


def entries(images, test_images) -> Entries:
    """Four kinds, each from every seed, and what the judge says of real digits."""
    images, test_images = images[:IMAGES], test_images[:TEST_IMAGES]
    yield "test digits", lambda: rounded(judge(test_images[DRAWS:], images, test_images), 3)
    for seed in SEEDS:
        for name in (*OBJECTIVES, *PRIORS):
            yield f"{name}, seed {seed}", partial(run, name, seed, images, test_images)
