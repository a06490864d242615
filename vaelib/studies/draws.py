"""How many draws of z should a step take? Trainings with L = 1 and 10 draws, in batches of M = 100 images.

Work is counted in network passes: an image is encoded once and decoded L times, so a step of M images is M (1 + L). One
draw gets as many epochs as ten, and once more as many passes.
"""

import itertools
from functools import partial

import jax
import numpy as np

from vaelib.data import binarize
from vaelib.models import VAE
from vaelib.objectives import elbo
from vaelib.studies.common import Entries, falling
from vaelib.training import epochs

PEAK, M, TEST_IMAGES = 2e-3, 100, 2_000
BUDGETS = ((1, 40), (1, 220), (10, 40))  # L and epochs; the last two make 4.4 million passes
SEEDS = (0, 1, 2)


def train(images, held_out, L: int, total: int, seed: int, *, stop: int | None = None) -> dict:
    """The held-out ELBO after each of `total` epochs, over which the step size falls to 0, and an epoch's passes.

    With an earlier `stop` it is the same run up to there.
    """
    model = VAE.create(seed=seed, latent=20, hidden=(100,), pixels=images.shape[1])
    training = epochs(
        model,
        images,
        jax.random.key(seed),
        epochs=stop or total,
        batch_size=M,
        learning_rate=falling(PEAK, total, images, M),
        objective=partial(elbo, num_samples=L),
        binarize=True,
        held_out=held_out,
    )
    curve = [round(epoch.held_out["elbo"], 3) for epoch in training if epoch.held_out is not None]
    return {"L": L, "epochs": total, "seed": seed, "passes": len(images) * (1 + L), "elbo": curve}


def draws(images, test_images) -> Entries:
    """A training with each of BUDGETS and each of SEEDS."""
    held_out = np.asarray(binarize(test_images[:TEST_IMAGES], jax.random.key(0)))
    for (L, total), seed in itertools.product(BUDGETS, SEEDS):
        yield f"L = {L}, {total} epochs, seed {seed}", partial(train, images, held_out, L, total, seed)
