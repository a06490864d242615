"""What more training does for a denoiser: the shipped VAE with 20 dimensions, trained on digits with salt and pepper.

All seeds start from the same weights and see other noise, in another order. A digit counts as read rightly where the
nearest of the clean training digits bears its label.
"""

from functools import partial
from typing import cast

import jax
import numpy as np

from vaelib.compilation import jit_sooner
from vaelib.data import load_mnist, salt_and_pepper
from vaelib.latents import codes
from vaelib.models import VAE
from vaelib.pretrained import load_pretrained
from vaelib.studies.common import Entries
from vaelib.studies.judges import nearest_label, squared_error
from vaelib.training import epochs

SEEDS, FEW, MANY = (0, 1, 2), 4, 28
TEST_IMAGES = 1_000
NOISE = salt_and_pepper(0.4)


def denoiser(images, test_images) -> Entries:
    """Squared error and share of digits read rightly, after few epochs and after many, of the bundled digits."""
    for seed in SEEDS:
        yield f"seed {seed}", partial(_denoiser, seed)


def _denoiser(seed: int) -> dict:
    digits = load_mnist("train", source="bundled", limit=10_000)
    return trained_on(*digits, *load_mnist("test", source="bundled", limit=TEST_IMAGES), seed, (FEW, MANY))


def trained_on(images, labels, clean, its_labels, seed: int, stops: tuple[int, ...]) -> dict:
    """Train on; after each of the epochs `stops`: squared error, share read rightly, gain since the one before."""
    model = cast(VAE, load_pretrained("bernoulli-z20"))
    noisy = np.asarray(jit_sooner(NOISE)(clean, jax.random.key(9)))
    digit = partial(nearest_label, images=images, labels=labels)
    measured, before = {}, None
    key, total = jax.random.key(seed), max(stops)
    for epoch in epochs(model, images, key, epochs=total, batch_size=256, learning_rate=2e-3, corrupt=NOISE):
        if epoch.number in stops:
            picture = np.asarray(model.decode(codes(model, noisy)).mean)
            right = (digit(picture) == its_labels).astype(float)
            reached = {"error": squared_error(picture, clean), "read": float(right.mean())}
            measured[f"{epoch.number} epochs"] = reached | ({} if before is None else _gain(right - before))
            before = right
    return measured


def _gain(gained) -> dict:
    """The mean gain of the images, and its standard error."""
    return {"gain": float(gained.mean()), "gain_error": float(gained.std() / np.sqrt(len(gained)))}
