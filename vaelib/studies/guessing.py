"""What becomes of a model that is trained by draws from the prior: the naive objective beside the ELBO, to level.

Both decode 128 codes a step, in 2 and in 20 dimensions, from three seeds; the control is the naive objective with ten
times the draws.
"""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp

from vaelib.compilation import jit_sooner
from vaelib.data import binarize, load_mnist
from vaelib.divergence import kl_to_standard_normal
from vaelib.evidence import log_evidence
from vaelib.models import VAE
from vaelib.objectives import Terms, elbo
from vaelib.recipes import Recipe
from vaelib.studies.bound import log_likelihoods, log_px_on_grid
from vaelib.studies.common import Entries, frozen
from vaelib.training import fit

CHUNK = 1000  # codes decoded at once
PRIOR_CHUNKS, POSTERIOR_SAMPLES, EVIDENCE_IMAGES = 300, 1000, 300


def prior_average(model, x, key, *, draws: int = 128) -> Terms:
    """The naive objective log (1/n) Σ_i p(x|z_i), z_i ~ p(z), with the same n = `draws` codes for all images.

    The model has a Bernoulli decoder, whose log-probability is linear in x, so that one matrix product serves all pairs
    of codes and images. Terms of shape (batch,), in nats; there is no q, and so `kl` is 0.
    """
    log_w = log_likelihoods(model, x, jax.random.normal(key, (draws, model.latent)))
    log_px = jax.nn.logsumexp(log_w, axis=0) - jnp.log(draws)
    return Terms(recon=log_px, kl=jnp.zeros_like(log_px), elbo=log_px)


def _recipe(latent: int, seed: int, objective, epochs: int = 30) -> Recipe:
    return Recipe(VAE.create, {"latent": latent}, binarize=True, objective=objective, epochs=epochs, seed=seed)


TRAININGS = {
    f"{name}-z{latent}-seed{seed}": _recipe(latent, seed, objective)
    for name, objective in (("naive", prior_average), ("elbo", elbo))
    for latent in (2, 20)
    for seed in range(3)
} | {"naive-z20-seed0-1280-draws": _recipe(20, 0, partial(prior_average, draws=1280), epochs=10)}


def short_run(name: str, images) -> float:
    """The objective in the second epoch of a training's recipe on these images, in nats per image."""
    _, history = replace(TRAININGS[name], epochs=2).train(images, progress=False)
    return history.train["elbo"][-1]


def train(images, test_images, name: str) -> dict:
    """Train one of TRAININGS: `curve` is the objective by epoch, `log_px` the best estimate on 300 test images.

    `short` is `short_run` on the 10,000 digits that ship, for a notebook to repeat. All in nats per image.
    """
    model, history = TRAININGS[name].train(images, progress=False)
    curve = [round(value, 2) for value in history.train["elbo"]]
    estimates = _estimates(model, images, binarize(test_images[:EVIDENCE_IMAGES], jax.random.key(4)), TRAININGS[name])
    found = {how: round(float(jnp.mean(log_px)), 2) for how, log_px in estimates.items()}
    few_images, _ = load_mnist("train", limit=10_000)
    return {"curve": curve, **found, "log_px": max(found.values()), "short": round(short_run(name, few_images), 2)}


def naive(images, test_images) -> Entries:
    """All of TRAININGS."""
    for name in TRAININGS:
        yield name, partial(train, images, test_images, name)


def _estimates(model, images, x, recipe: Recipe) -> dict[str, jax.Array]:
    """Estimates of log p(x), each biased low or exact: by a grid on the plane, else by draws from p(z) and from q."""
    if model.latent == 2:
        return {"by_grid": log_px_on_grid(model, x)}
    by_prior = _log_px_by_prior(model, x, jax.random.key(9))
    if recipe.objective is not elbo:  # the encoder is still untrained
        key = jax.random.key(recipe.seed + 50)
        fit(model, images, key, epochs=5, batch_size=128, objective=_elbo_of_encoder, binarize=True, progress=False)
    by_encoder = log_evidence(model, x, jax.random.key(10), num_samples=POSTERIOR_SAMPLES)
    return {"by_prior": by_prior, "by_encoder": by_encoder}


def _elbo_of_encoder(model, x, key) -> Terms:
    """The ELBO, whose gradient reaches the encoder alone."""
    q = model.encode(x)
    recon = frozen(model.decoder)(q.sample(key, (1,))).log_prob(x)[0]
    kl = kl_to_standard_normal(q)
    return Terms(recon=recon, kl=kl, elbo=recon - kl)


@jit_sooner
def _log_px_by_prior(model, x, key):
    def add(i, log_sum):
        z = jax.random.normal(jax.random.fold_in(key, i), (CHUNK, model.latent))
        return jnp.logaddexp(log_sum, jax.nn.logsumexp(log_likelihoods(model, x, z), axis=0))

    log_sum = jax.lax.fori_loop(0, PRIOR_CHUNKS, add, jnp.full(len(x), -jnp.inf))
    return log_sum - jnp.log(PRIOR_CHUNKS * CHUNK)
