"""How many latent dimensions a digit needs, and what those cost that the model leaves unused."""

from dataclasses import replace
from functools import partial
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from vaelib.compilation import jit_sooner
from vaelib.data import binarize
from vaelib.latents import codes, latent_activity
from vaelib.models import VAE
from vaelib.pretrained import load_pretrained
from vaelib.recipes import RECIPES
from vaelib.results import measure
from vaelib.studies.common import Entries

SMALL, LARGE = (2, 5, 10), (20, 40, 80)  # two seeds and three, since the large ones differ least
EPOCHS, LONG = 20, 60  # a longer training, to see what more epochs would change
EVIDENCE_IMAGES, SAMPLES = 1_000, 500  # the first test images, on which ELBO and log p(x) are compared
UNITS_IMAGES = 5_000  # test images on which dimensions are deleted


@jit_sooner
def elbo_by_units(
    model: VAE,
    x: Float[Array | np.ndarray, "batch pixel"],
    key: PRNGKeyArray,
    order: Float[Array | np.ndarray, " latent"],
) -> Float[Array, " kept"]:
    """The mean ELBO with only the first 0, 1, ..., latent dimensions of `order`, the others deleted; in nats per image.

    A deleted dimension has z_j = 0 for the decoder, and no KL: what is left is a VAE of fewer dimensions. All numbers
    are of the same draws.
    """
    q = model.encode(x)
    z, kl = q.sample(key), 0.5 * jnp.mean(jnp.square(q.mu) + jnp.expm1(q.log_var) - q.log_var, axis=0)
    place = jnp.argsort(order)

    def with_first(count):
        recon = model.decode(jnp.where(place < count, z, 0.0)).log_prob(x)
        return jnp.mean(recon) - jnp.sum(jnp.where(place < count, kl, 0.0))

    return jax.lax.map(with_first, jnp.arange(model.latent + 1))


def entries(images, test_images) -> Entries:
    """One network with 2 to 80 latent dimensions, each from two or three seeds, some three times as long."""
    runs = [(latent, seed, EPOCHS) for seed in range(3) for latent in (*SMALL * (seed < 2), *LARGE)]
    for latent, seed, epochs in runs + [(latent, 0, LONG) for latent in (*SMALL, 20, 80)]:
        name = f"z{latent}-seed{seed}" if epochs == EPOCHS else f"z{latent}-long"
        yield name, partial(_of_size, latent, seed, epochs, images, test_images)


def _of_size(latent: int, seed: int, epochs: int, images, test_images) -> dict:
    """Train a model, or take the shipped one that was trained so, and measure it."""
    recipe = replace(RECIPES["bernoulli-z20"], config={"latent": latent}, seed=seed, epochs=epochs)
    shipped = {
        name for name, known in RECIPES.items() if replace(known, evidence_images=recipe.evidence_images) == recipe
    }
    model = cast(VAE, load_pretrained(shipped.pop()) if shipped else recipe.train(images)[0])
    x = binarize(test_images, jax.random.key(0))
    activity = np.asarray(latent_activity(model, x))
    by_units = elbo_by_units(model, x[:UNITS_IMAGES], jax.random.key(1), np.argsort(-activity))
    error = np.square(np.asarray(_means(model, codes(model, x))) - x).sum(-1).mean()
    results = measure(model, test_images, binarize=True)
    results |= {"latent": latent, "seed": seed, "epochs": epochs, "error": round(float(error), 3)}
    results |= {"first_images": measure(model, test_images[:EVIDENCE_IMAGES], binarize=True, samples=SAMPLES)}
    results |= {"activity": _rounded(np.sort(activity)[::-1], 5), "elbo_by_units": _rounded(by_units, 3)}
    return results


def _rounded(values, digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]


@jit_sooner
def _means(model, z):
    return model.decode(z).mean
