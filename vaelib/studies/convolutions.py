"""A convolutional VAE beside the usual one, at equal numbers of weights and at equal time.

The convolutions have a stride equal to their kernel, 2 × 2: the image is cut into squares, and one linear layer treats
them all. That is a matrix product, which a CPU does fast; `nnx.Conv` in a compiled loop takes several times as long
there. Each run keeps the test ELBO against the epochs and against the CPU seconds of training.
"""

import time
from dataclasses import asdict, dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from vaelib import checks
from vaelib.data import binarize
from vaelib.distributions import Bernoulli, Gaussian
from vaelib.evaluation import evaluate
from vaelib.models import VAE
from vaelib.studies.common import Entries
from vaelib.training import epochs

LEARNING_RATE, EPOCHS, EVERY, SEEDS = 2e-3, 20, 2, range(3)
IMAGES, TEST_IMAGES = 10_000, 2_000


def cut(h):
    """Each square of 2 × 2 pixels as one of 4 times the channels; h has shape (*batch, height, width, channel)."""
    *batch, height, width, channels = h.shape
    h = h.reshape(*batch, height // 2, 2, width // 2, 2, channels)
    return jnp.swapaxes(h, -4, -3).reshape(*batch, height // 2, width // 2, 4 * channels)


def joined(h):
    """The inverse of `cut`."""
    *batch, height, width, channels = h.shape
    h = jnp.swapaxes(h.reshape(*batch, height, width, 2, 2, channels // 4), -4, -3)
    return h.reshape(*batch, 2 * height, 2 * width, channels // 4)


class ConvVAE(nnx.Module):
    """Two convolutions down to 7 × 7 with 32 channels, a linear layer to q(z|x), and the way back."""

    def __init__(self, latent: int = 20, *, rngs: nnx.Rngs):
        """Build the six layers."""
        self.latent, self.pixels = latent, 784
        self.down = nnx.data([nnx.Linear(4, 16, rngs=rngs), nnx.Linear(64, 32, rngs=rngs)])
        self.to_q = nnx.Linear(49 * 32, 2 * latent, rngs=rngs)
        self.from_z = nnx.Linear(latent, 49 * 32, rngs=rngs)
        self.up = nnx.data([nnx.Linear(32, 64, rngs=rngs), nnx.Linear(16, 4, rngs=rngs)])

    def encode(self, x) -> Gaussian:
        """q(z|x)."""
        h = x.reshape(*x.shape[:-1], 28, 28, 1)
        for layer in self.down:
            h = nnx.relu(layer(cut(h)))
        mu, log_var = jnp.split(self.to_q(h.reshape(*x.shape[:-1], -1)), 2, axis=-1)
        return Gaussian(mu, log_var)

    def decode(self, z) -> Bernoulli:
        """p(x|z)."""
        h = self.from_z(z).reshape(*z.shape[:-1], 7, 7, 32)
        for layer in self.up:
            h = joined(layer(nnx.relu(h)))
        return Bernoulli(h.reshape(*z.shape[:-1], 784))

    def check_data(self, x):
        """Images of 784 pixels."""
        return checks.batch_of(x, self.pixels, "x", "pixel")


@dataclass(frozen=True)
class Run:
    """One training: hidden widths of the usual network, or None for the convolutional one, the epochs, the seed.

    With `shuffled` the pixels of all images are in one other order, in which neighbours are strangers.
    """

    hidden: tuple[int, ...] | None
    epochs: int = EPOCHS
    seed: int = 0
    shuffled: bool = False

    def build(self, seed: int):
        """The untrained network."""
        if self.hidden is None:
            return ConvVAE(rngs=nnx.Rngs(seed))
        return VAE.create(seed=seed, latent=20, hidden=self.hidden)


ALIKE, USUAL = (61,), (200,)  # as many weights as the convolutional network; the series' usual network
RUNS = {f"convolutional {seed}": Run(None, seed=seed) for seed in SEEDS}
RUNS |= {f"equal weights {seed}": Run(ALIKE, seed=seed) for seed in SEEDS}
RUNS |= {f"equal time {seed}": Run(USUAL, epochs=4 * EPOCHS, seed=seed) for seed in SEEDS}
RUNS |= {f"convolutional, shuffled {seed}": Run(None, seed=seed, shuffled=True) for seed in SEEDS}
RUNS |= {f"equal weights, shuffled {seed}": Run(ALIKE, seed=seed, shuffled=True) for seed in SEEDS}


def weights(model: nnx.Module) -> int:
    """How many numbers are trained."""
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))


def trained(run: Run, images, test_images) -> dict:
    """Train, and keep the test ELBO every few epochs; compiling is not part of the seconds."""
    if run.shuffled:
        order = np.random.default_rng(0).permutation(784)
        images, test_images = images[:, order], test_images[:, order]
    test = binarize(test_images, jax.random.key(1))
    model, warm = run.build(run.seed), run.build(0)
    loop = partial(epochs, learning_rate=LEARNING_RATE, binarize=True)
    next(iter(loop(warm, images, jax.random.key(0), epochs=1)))
    curve, seconds, start = [], 0.0, time.process_time()
    for epoch in loop(model, images, jax.random.key(run.seed), epochs=run.epochs):
        seconds += time.process_time() - start
        if epoch.number % EVERY == 0 or epoch.number == run.epochs:
            terms = evaluate(model, test, jax.random.key(2))
            curve.append({"epoch": epoch.number, "seconds": round(seconds, 2), "elbo": round(terms["elbo"], 2)})
        start = time.process_time()
    record = asdict(run) | {"weights": weights(model), "images": len(images), "test_images": len(test)}
    return record | {"elbo": curve[-1]["elbo"], "curve": curve}


def entries(images, test_images) -> Entries:
    """Each of RUNS, on the first of the images."""
    images, test_images = images[:IMAGES], test_images[:TEST_IMAGES]
    for name, run in RUNS.items():
        yield name, partial(trained, run, images, test_images)
