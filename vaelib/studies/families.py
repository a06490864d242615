"""Does a VAE need a closed form for its KL? Equally long trainings: with the formula, a draw, and another family.

The code lies in the plane, so that a grid gives log p(x), and with it how far each q is from the posterior.
"""

import itertools
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

from vaelib.checks import AnyArray
from vaelib.data import binarize
from vaelib.distributions import Gaussian, standard_normal
from vaelib.evaluation import evaluate
from vaelib.models import VAE
from vaelib.objectives import Terms, elbo
from vaelib.studies.bound import log_px_on_grid
from vaelib.studies.common import Entries, falling
from vaelib.training import epochs

EPOCHS, BATCH, PEAK, SEEDS, TEST_IMAGES = 60, 100, 2e-3, (0, 1, 2), 100
STOPS = (2, 8, 30, 60)  # epochs after which all is measured


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TwoGaussians:
    """The mixture q = ½ N(mu_1, diag sigma_1²) + ½ N(mu_2, diag sigma_2²), whose KL to the prior has no closed form."""

    first: Gaussian
    second: Gaussian

    def log_prob(self, z: Float[AnyArray, "*any latent"]) -> Float[Array, "*any"]:
        """The log-density, summed over the last axis, in nats."""
        return jnp.logaddexp(self.first.log_prob(z), self.second.log_prob(z)) - jnp.log(2.0)

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Float[Array, "*sample_batch latent"]:
        """Toss a fair coin for the component, then draw mu + sigma · eps from it; the coin has no parameters."""
        coin_key, *keys = jax.random.split(key, 3)
        z_1, z_2 = (q.sample(key, sample_shape) for q, key in zip((self.first, self.second), keys, strict=True))
        return jnp.where(jax.random.bernoulli(coin_key, 0.5, (*z_1.shape[:-1], 1)), z_1, z_2)


class MixtureVAE(VAE):
    """A VAE whose q(z|x) is a mixture of two Gaussians: the second one's parameters come from one more head."""

    def _build_encoder(self, sizes, rngs) -> None:
        super()._build_encoder(sizes, rngs)
        self.second = nnx.Linear(sizes["hidden"][-1], 2 * sizes["latent"], rngs=rngs)

    def encode(self, x: Float[AnyArray, "*batch pixel"]) -> TwoGaussians:  # type: ignore[override]  # no Gaussian, on purpose
        """q(z|x) for images x of shape (*batch, pixel)."""
        mu, log_var = jnp.split(self.second(self.encoder.trunk(x)), 2, axis=-1)
        return TwoGaussians(self.encoder(x), Gaussian(mu, log_var))


def sampled_elbo(model: VAE, x: Float[AnyArray, "batch pixel"], key: PRNGKeyArray) -> Terms:
    """The ELBO with both terms from one draw an image, whether or not the KL has a closed form."""
    q = model.encode(x)
    z = q.sample(key)
    recon = model.decode(z).log_prob(x)
    kl = q.log_prob(z) - standard_normal(z.shape).log_prob(z)
    return Terms(recon, kl, recon - kl)


WAYS = {
    "Gaussian, formula": (VAE, elbo),
    "Gaussian, draw": (VAE, sampled_elbo),
    "mixture, draw": (MixtureVAE, elbo),  # without a closed form, `elbo` takes the KL from its draw by itself
}


def train(images, x, way: str, seed: int, stops=STOPS) -> dict[str, list[int] | list[float]]:
    """Train in one of WAYS and return, at the stops, the ELBO on x, its terms and log p(x) by the grid, in nats."""
    family, objective = WAYS[way]
    model = family.create(seed=seed, latent=2, hidden=(100,), pixels=images.shape[1])
    training = epochs(
        model,
        images,
        jax.random.key(seed),
        epochs=stops[-1],
        batch_size=BATCH,
        learning_rate=falling(PEAK, EPOCHS, images, BATCH),
        objective=objective,
        binarize=True,
    )
    found = []
    for epoch in training:
        if epoch.number in stops:
            terms = evaluate(model, np.repeat(x, 50, axis=0), jax.random.key(1), objective=objective)
            log_px = float(np.mean(log_px_on_grid(model, x)))
            rounded = {name: round(value, 3) for name, value in (terms | {"log p(x)": log_px}).items()}
            found.append({"epoch": epoch.number, **rounded})
    return {name: [terms[name] for terms in found] for name in found[0]}


def families(images, test_images) -> Entries:
    """A training in each of WAYS with each of SEEDS."""
    x = np.asarray(binarize(test_images[:TEST_IMAGES], jax.random.key(0)))
    for way, seed in itertools.product(WAYS, SEEDS):
        yield f"{way}, seed {seed}", partial(train, images, x, way, seed)
