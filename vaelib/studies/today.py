"""A VAE with a small weight of the KL, and priors fitted to its codes: which draws decode to digits?

The runs "beta B, seed s" train a VAE and judge what N(0, I) decodes to. The runs "priors, seed s" fit a Gaussian and a
diffusion model to the codes of beta 0.01, the runs "scale k" the latter to codes of k times the right size.
"""

from functools import cache, partial

import jax
import numpy as np

from vaelib.compilation import jit_sooner
from vaelib.diffusion import Diffusion, diffusion_elbo
from vaelib.evaluation import evaluate
from vaelib.models import VAE
from vaelib.noising import Schedule
from vaelib.objectives import Terms
from vaelib.studies.common import Entries, by_block, decoded, falling, rounded
from vaelib.studies.judges import DRAWS, judge, squared_error
from vaelib.training import fit

LATENT, HIDDEN, EPOCHS, BATCH = 16, (200, 200), 30, 125
BETAS, SEEDS, SMALL = (1.0, 0.1, 0.01), (0, 1, 2), 0.01
SCALES = (0.1, 10.0)
PRIOR_HIDDEN, PRIOR_EPOCHS, PRIOR_BATCH, LEARNING_RATE = (256, 256, 256), 120, 250, 2e-3
FINE, DRAWN = 1_000, 100  # levels in training and for the bound; levels to draw with
TEST_IMAGES = 2_000


def train_vae(images, beta: float, seed: int = 0) -> VAE:
    """A VAE whose KL has the weight beta, with a step size that falls to 0."""
    model = VAE.create(seed=seed, latent=LATENT, hidden=HIDDEN)
    schedule = falling(2e-3, EPOCHS, images, BATCH)
    options = {"epochs": EPOCHS, "batch_size": BATCH, "learning_rate": schedule, "beta": beta, "progress": False}
    fit(model, images, jax.random.key(seed), **options)
    return model


def of_codes(model: Diffusion, batch, key) -> Terms:
    """The bound of `diffusion_elbo` for fresh draws of q(z|x); a batch is mean, spread and label of each code."""
    draw_key, key = jax.random.split(key)
    mu, spread, label = batch
    return diffusion_elbo(model, (mu + spread * jax.random.normal(draw_key, mu.shape), label), key)


def train_prior(codes, seed: int = 0, *, labels: int = 0, epochs: int = PRIOR_EPOCHS) -> Diffusion:
    """A diffusion model of codes, given as mean, spread and label, as `of_codes` takes them."""
    prior = Diffusion.create(
        seed=seed, size=codes[0].shape[1], hidden=PRIOR_HIDDEN, labels=labels, schedule=Schedule(FINE)
    )
    schedule = falling(LEARNING_RATE, epochs, codes[0], PRIOR_BATCH)
    options = {"epochs": epochs, "batch_size": PRIOR_BATCH, "learning_rate": schedule, "objective": of_codes}
    fit(prior, codes, jax.random.key(seed), progress=False, **options)
    return prior


class Codes:
    """The codes of a VAE: means and spreads of q(z|x), draws, their place and size; of test images, means and draws."""

    def __init__(self, model: VAE, images, test_images, seed: int = 0):
        """Encode, and draw one code an image."""
        rng = np.random.default_rng(seed)
        (self.mu, log_var), (self.test_mu, test_log_var) = (
            by_block(_posterior, model, x) for x in (images, test_images)
        )
        self.spread = np.exp(log_var / 2)
        self.drawn = self.mu + self.spread * rng.standard_normal(self.mu.shape, np.float32)
        self.test = self.test_mu + np.exp(test_log_var / 2) * rng.standard_normal(self.test_mu.shape, np.float32)
        self.centre, self.std = self.drawn.mean(axis=0), float(np.std(self.drawn - self.drawn.mean(axis=0)))

    def scaled(self, z, factor: float = 1.0):
        """The codes about 0, times factor / std."""
        return np.float32((z - self.centre) * factor / self.std)

    def for_prior(self, label=None, factor: float = 1.0):
        """Mean, spread and label of every scaled code."""
        label = np.full(len(self.mu), -1) if label is None else label
        return self.scaled(self.mu, factor), np.float32(self.spread * factor / self.std), label


def log_prior(prior: Diffusion, codes: Codes, factor: float = 1.0) -> float:
    """A lower bound on the mean log p(z) of test codes, a density of z and not of the scaled code, in nats."""
    terms = diffusion_elbo(prior, codes.scaled(codes.test, factor), jax.random.key(9), num_samples=20)
    return float(np.mean(terms.elbo)) + codes.mu.shape[1] * float(np.log(factor / codes.std))


@jit_sooner
def _posterior(model, x):
    q = model.encode(x)
    return q.mu, q.log_var


def draws_of(prior: Diffusion, codes: Codes, seed: int = 0, factor: float = 1.0, label=None) -> np.ndarray:
    """Codes drawn by the prior, in the VAE's units."""
    z = np.asarray(prior.with_levels(DRAWN).sample(jax.random.key(seed), DRAWS, label=label))
    return z * codes.std / factor + codes.centre


def _vae_run(trained, beta: float, seed: int, images, test_images) -> dict:
    model = trained(beta, seed)
    codes, terms = Codes(model, images, test_images), evaluate(model, test_images, jax.random.key(9))
    again = decoded(model, codes.test_mu)
    z = np.random.default_rng(seed).standard_normal((DRAWS, LATENT))
    numbers = {**terms, "error": squared_error(again, test_images), "std": codes.std}
    pictures = {"reconstructions": again[DRAWS:], "N(0, I)": decoded(model, z)}
    return rounded(numbers | {name: judge(x, images, test_images) for name, x in pictures.items()})


def _prior_run(trained, seed: int, images, test_images) -> dict:
    import scipy.stats  # takes a second or two, which who reads the results need not wait for

    model = trained(SMALL, seed)
    codes = Codes(model, images, test_images)
    gaussian = scipy.stats.multivariate_normal(codes.drawn.mean(axis=0), np.cov(codes.drawn.T), seed=seed)
    prior = train_prior(codes.for_prior(), seed)
    draws = {"Gaussian": gaussian.rvs(DRAWS), "diffusion": draws_of(prior, codes, seed)}
    results = {name: judge(decoded(model, z), images, test_images) for name, z in draws.items()}
    results["Gaussian"]["log_pz"] = float(gaussian.logpdf(codes.test).mean())
    results["diffusion"]["log_pz"] = log_prior(prior, codes)
    return rounded(results)


def _scale_run(trained, factor: float, images, test_images) -> dict:
    model = trained(SMALL, 0)
    codes = Codes(model, images, test_images)
    prior = train_prior(codes.for_prior(factor=factor), 0)
    found = judge(decoded(model, draws_of(prior, codes, 0, factor)), images, test_images)
    return rounded(found | {"log_pz": log_prior(prior, codes, factor)})


def entries(images, test_images) -> Entries:
    """The VAEs, the priors of their codes, and two wrong scales."""
    test_images, trained = test_images[:TEST_IMAGES], cache(partial(train_vae, images))
    for seed in SEEDS:
        for beta in BETAS:
            yield f"beta {beta}, seed {seed}", partial(_vae_run, trained, beta, seed, images, test_images)
        yield f"priors, seed {seed}", partial(_prior_run, trained, seed, images, test_images)
    for factor in SCALES:
        yield f"scale {factor}", partial(_scale_run, trained, factor, images, test_images)
