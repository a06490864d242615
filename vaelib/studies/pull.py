"""Short trainings of one small VAE in the plane: the KL's pull on the cloud of codes, and networks that are frozen.

Each takes twelve epochs of 2,000 black-and-white digits. The output starts at their mean image.
"""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple, cast

import jax
import numpy as np
import optax
from flax import nnx
from jaxtyping import Float, PRNGKeyArray
from scipy.special import logsumexp

from vaelib.checks import AnyArray
from vaelib.compilation import jit_sooner
from vaelib.data import binarize
from vaelib.evaluation import evaluate
from vaelib.models import VAE
from vaelib.objectives import elbo
from vaelib.studies.common import Entries, decoded, rounded
from vaelib.studies.judges import energy_distance

SEEDS, BETAS = (0, 1, 2, 3, 4), (0.01, 1.0, 30.0)
IMAGES, EPOCHS, BATCH, RATE = 2_000, 12, 100, 4e-3
DIGITS, PICTURES = 2_000, 1_000  # of the cloud, and those of them that are decoded
HELD_OUT, DRAWS = 500, 10  # digits and draws of z of a held-out ELBO
EVERYTHING = {"encoder": 1.0, "decoder": 1.0}
FROZEN = ("nothing", "untrained decoder", "untrained encoder", "trained decoder", "trained encoder")
WAYS = (*(f"frozen: {which}" for which in FROZEN), "going on: trained decoder", "going on: trained encoder")


class Setting(NamedTuple):
    """What all trainings share: the structure of the model, batches in order, digits held out, and the mean image."""

    graph: nnx.GraphDef
    batches: Float[np.ndarray, "step image 784"]
    test: Float[np.ndarray, "image 784"]
    mean_image: Float[np.ndarray, "784"]


def setting(images, test_images) -> Setting:
    """Digits drawn black or white once, twelve times in a new order."""
    train = np.asarray(binarize(images[:IMAGES], jax.random.key(4)))
    order = np.random.default_rng(0).permuted(np.tile(np.arange(IMAGES), (EPOCHS, 1)), axis=1)
    mean_image = np.clip(train.mean(axis=0), 0.001, 0.999)
    graph, _ = nnx.split(small_vae(0, mean_image))
    test = np.asarray(binarize(test_images, jax.random.key(0)))
    return Setting(graph, train[order].reshape(-1, BATCH, train.shape[1]), test, mean_image)


def small_vae(seed: int, mean_image: Float[AnyArray, "784"]) -> VAE:
    """A code of 2 and a hidden layer of 64, untrained, but for an output that starts at the mean image."""
    model = VAE.create(seed=seed, latent=2, hidden=(64,))
    bias = cast(nnx.Param, model.decoder.output.bias)
    bias[...] = np.log(mean_image / (1 - mean_image))
    return model


@partial(jit_sooner, static_argnums=0)
def climb(graph, weights, batches, key: PRNGKeyArray, beta: float, free: Mapping[str, float]):
    """The weights after climbing recon - beta KL, a step a batch; each network moves by its share in `free`."""
    optimizer = optax.adam(RATE)

    def loss(weights, x, key):
        return -elbo(nnx.merge(graph, weights), x, key, beta=beta).elbo.mean()

    def step(carry, x):
        weights, state, key = carry
        key, draw_key = jax.random.split(key)
        updates, state = optimizer.update(jax.grad(loss)(weights, x, draw_key), state)
        updates = jax.tree_util.tree_map_with_path(lambda path, update: free[path[0].key] * update, updates)
        return (optax.apply_updates(weights, updates), state, key), None

    return jax.lax.scan(step, (weights, optimizer.init(weights), key), batches)[0][0]


def split_of_kl(q, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws of the cloud q(z), and for each digit its information and log q(z) - log p(z), in nats, by a draw of its q.

    The two add up to the mean KL to the prior (Hoffman and Johnson 2016). The cloud is the mixture of all q(z|x_n).
    """
    mu, log_var = (np.asarray(part, np.float64) for part in (q.mu, q.log_var))
    std = np.exp(0.5 * log_var)
    z, z_cloud = mu + std * np.random.default_rng(seed).standard_normal((2, *mu.shape))

    def log_cloud(z):
        return logsumexp(_log_normal(z[:, None], mu, std), axis=1) - np.log(len(mu))

    return z_cloud, _log_normal(z, mu, std) - log_cloud(z), log_cloud(z_cloud) - _log_normal(z_cloud, 0, 1)


def _log_normal(z, mu, std) -> np.ndarray:
    return -0.5 * np.sum(((z - mu) / std) ** 2 + np.log(2 * np.pi * np.square(std)), axis=-1)


def measure_pull(model: VAE, x: Float[AnyArray, "image 784"]) -> dict[str, float]:
    """Information, the cloud's KL to the prior, and how far pictures of cloud and prior lie apart."""
    z_cloud, information, off = split_of_kl(jax.device_get(model.encode(x[:DIGITS])))
    z_prior = np.random.default_rng(3).standard_normal((PICTURES, 2))
    apart = energy_distance(decoded(model, z_cloud[:PICTURES]), decoded(model, z_prior))
    return rounded({"information": float(information.mean()), "cloud": float(off.mean()), "apart": apart})


def pull(images, test_images) -> Entries:
    """Each weight of the KL, from five starts."""
    for beta in BETAS:
        for seed in SEEDS:
            yield f"KL counted {beta}, seed {seed}", partial(_pulled, beta, seed, images, test_images)


def _pulled(beta: float, seed: int, images, test_images) -> dict[str, float]:
    given = setting(images, test_images)
    start = nnx.split(small_vae(seed, given.mean_image))[1]
    end = climb(given.graph, start, given.batches, jax.random.key(seed), beta, EVERYTHING)
    return measure_pull(nnx.merge(given.graph, end), given.test)


def freezing(images, test_images) -> Entries:
    """The ends with nothing frozen, either network frozen, untrained or trained, and a trained one going on."""
    for seed in SEEDS:
        for way in WAYS:
            yield f"{way}, seed {seed}", partial(_frozen, way, seed, images, test_images)


def _frozen(way: str, seed: int, images, test_images) -> dict[str, float]:
    """Where a network was trained before, a new one of another start is trained beside it, or both go on together."""
    given = setting(images, test_images)
    new, other = (nnx.split(small_vae(start, given.mean_image))[1] for start in (seed, seed + len(SEEDS)))
    train = partial(climb, given.graph, batches=given.batches, beta=1.0)
    fate, _, which = way.partition(": ")
    state, _, network = which.partition(" ")
    end = new if state == "untrained" else train(new, key=jax.random.key(seed), free=EVERYTHING)
    if network:
        start = with_network(network, end, other) if state == "trained" else end
        end = train(start, key=jax.random.key(1), free=EVERYTHING | {network: float(fate == "going on")})
    return rounded({"elbo": held_out_elbo(nnx.merge(given.graph, end), given.test)})


def with_network(name: str, one, other):
    """The second model's weights, with the encoder or the decoder of the first."""
    return jax.tree_util.tree_map_with_path(lambda path, a, b: a if path[0].key == name else b, one, other)


def held_out_elbo(model: VAE, x: Float[AnyArray, "image 784"]) -> float:
    """The mean ELBO of the first digits held out, in nats."""
    return evaluate(model, x[:HELD_OUT], jax.random.key(2), objective=partial(elbo, num_samples=DRAWS))["elbo"]
