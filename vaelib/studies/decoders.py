"""Bernoulli or Gaussian, trained long.

Each run trains the network 784-200-z10-200-784 on grey digits, with another likelihood, sigma, factor of the KL or
seed. It is measured on test digits by what every decoder has, its mean m(z): KL and squared error, log P(b) of digits b
drawn black and white from the grey ones, and log P of the 8-bit image by `vaelib.eight_bit`.
"""

from dataclasses import asdict, dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from vaelib import eight_bit
from vaelib.compilation import jit_sooner
from vaelib.data import binarize
from vaelib.divergence import kl_to_standard_normal
from vaelib.evaluation import evaluate
from vaelib.models import VAE
from vaelib.objectives import Terms, elbo, log_mean_exp
from vaelib.studies.common import Entries, falling, frozen
from vaelib.training import fit

BATCH, LEARNING_RATE, EPOCHS, REFIT_EPOCHS = 128, 2e-3, 30, 4
SHORT_EPOCHS, SHORT_IMAGES = 2, 5_000
EVIDENCE_IMAGES, EVIDENCE_DRAWS = 1000, 200
TABLE_IMAGES = 10_000
SIGMAS_OF_NORMAL = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)  # among which the best is taken


@dataclass(frozen=True)
class Run:
    """One training: the family of p(x|z), a Gaussian's sigma, the weight of the KL, and the seed."""

    likelihood: str
    sigma: float | str = 0.1
    beta: float = 1.0
    seed: int = 0

    def train(self, images, epochs: int = EPOCHS) -> VAE:
        """Train with Adam and a step size that falls to 0 along a cosine."""
        family = {"sigma": self.sigma} if self.likelihood == "gaussian" else {}
        model = VAE.create(seed=self.seed, latent=10, hidden=(200,), likelihood=self.likelihood, **family)
        _fit(model, images, epochs, self.seed, elbo, self.beta)
        return model


SSE_SIGMA = 0.5**0.5  # where the Gaussian's log-density is -SSE and a constant
SIGMAS, TWINS, BETAS = (0.2, 0.4, 0.7, 1.0), (0.2, 0.4, 1.0), (0.25, 4.0)
MATCHED = 0.41  # the sigma at which the Gaussian's KL is the Bernoulli's
RUNS = {
    **{f"bernoulli {seed}": Run("bernoulli", seed=seed) for seed in range(3)},
    **{f"gaussian {seed}": Run("gaussian", MATCHED, seed=seed) for seed in range(3)},
    **{f"sigma {sigma}": Run("gaussian", sigma) for sigma in SIGMAS},
    **{f"twin {sigma}": Run("gaussian", SSE_SIGMA, 2 * sigma**2, seed=3) for sigma in TWINS},
    **{f"beta {beta}": Run("bernoulli", beta=beta) for beta in BETAS},
}


def _of(*families: str) -> list[str]:
    return [name for name in RUNS if name.split()[0] in families]


TABLED = _of("bernoulli", "gaussian")  # compared on 8-bit images, for which the encoder is trained once more
REFITTED = [*TABLED, *_of("beta")]  # and on black-and-white ones, by log P(b), in the same way


def refit_elbo(model: VAE, x, key, *, table: eight_bit.Table, beta=1.0) -> Terms:
    """The ELBO of 8-bit images by a table of levels given the mean; no gradient reaches the decoder."""
    q = model.encode(x)
    mean = frozen(model.decoder)(q.sample(key)).mean
    recon, kl = table.log_prob(x, mean), kl_to_standard_normal(q)
    return Terms(recon, kl, recon - beta * kl)


def refit_elbo_of_draws(model: VAE, x, key, *, beta=1.0) -> Terms:
    """The ELBO of black-and-white digits by the mean alone; no gradient reaches the decoder."""
    q = model.encode(x)
    recon, kl = log_p_of_mean(frozen(model.decoder)(q.sample(key)).mean, x), kl_to_standard_normal(q)
    return Terms(recon, kl, recon - beta * kl)


def log_p_of_mean(mean, b):
    """Compute log P(b|z) = Σ b log m + (1 - b) log (1 - m), whatever distribution has this mean m."""
    m = jnp.clip(mean, 1e-6, 1 - 1e-6)
    return jnp.sum(b * jnp.log(m) + (1 - b) * jnp.log1p(-m), axis=-1)


@jit_sooner
def terms_of_mean(model: VAE, x, key) -> dict:
    """KL, squared error and cross-entropy of the mean, with z drawn from q; each of shape (batch,)."""
    q = model.encode(x)
    m = model.decode(q.sample(key)).mean
    return {
        "kl": kl_to_standard_normal(q),
        "sse": jnp.sum((x - m) ** 2, axis=-1),
        "cross_entropy": -log_p_of_mean(m, x),
    }


@jit_sooner
def black_and_white_evidence(model: VAE, x, b, key):
    """The estimate of log P(b) by draws of z from q(z|x), where P(b|z) is Π m^b (1 - m)^(1 - b)."""
    q = model.encode(x)

    def log_weight(key):
        z = q.sample(key)
        return log_p_of_mean(model.decode(z).mean, b) + model.prior().log_prob(z) - q.log_prob(z)

    return log_mean_exp(jax.lax.map(log_weight, jax.random.split(key, EVIDENCE_DRAWS)))


def table_elbo(model: VAE, images, test_images, seed: int) -> dict:
    """The ELBO of log P(8-bit image) by a table, after the encoder, alone, was trained for it."""
    model, key = nnx.merge(*nnx.split(model)), jax.random.key(seed)
    table = _count(model, images, key)
    _fit(model, images, REFIT_EPOCHS, seed, partial(refit_elbo, table=table), 1.0)
    table = _count(model, images, key)
    return evaluate(model, test_images, key, objective=partial(refit_elbo, table=table))


def refitted(run: Run, images, test_images, epochs: int = EPOCHS) -> dict:
    """Estimate log P(b) with the run's own encoder, and with one that was trained once more, alone, for b.

    An encoder made for another event proposes codes that miss, and the estimate is lower for it.
    """
    model = run.train(images, epochs)
    draw_key, _, key = jax.random.split(jax.random.key(0), 3)
    x = test_images[:EVIDENCE_IMAGES]
    b = binarize(x, draw_key)
    own = float(np.mean(black_and_white_evidence(model, x, b, key)))
    _fit(model, images, REFIT_EPOCHS, 8, refit_elbo_of_draws, 1.0, drawn=True)
    return {"log_P_b": own, "log_P_b_refitted": float(np.mean(black_and_white_evidence(model, b, b, key)))}


def _count(model: VAE, images, key) -> eight_bit.Table:
    return eight_bit.Table.count(images[:TABLE_IMAGES], _drawn_mean(model, images[:TABLE_IMAGES], key))


@jit_sooner
def _drawn_mean(model: VAE, x, key):
    return model.decode(model.encode(x).sample(key)).mean


def measure(model: VAE, images, test_images, *, refit: bool) -> dict:
    """All numbers of a trained model, as means over test images, in nats per image."""
    draw_key, key, evidence_key = jax.random.split(jax.random.key(0), 3)
    means = {name: float(values.mean()) for name, values in terms_of_mean(model, test_images, key).items()}
    x = test_images[:EVIDENCE_IMAGES]
    b = binarize(x, draw_key)
    means |= {"log_P_b": float(np.mean(black_and_white_evidence(model, x, b, evidence_key)))}
    mean = _drawn_mean(model, test_images, key)
    normals = [float(eight_bit.normal(test_images, mean, sigma).mean()) for sigma in SIGMAS_OF_NORMAL]
    means |= {"normal": max(normals), "sigma_of_normal": SIGMAS_OF_NORMAL[int(np.argmax(normals))]}
    means |= {"continuous_bernoulli": float(eight_bit.continuous_bernoulli(test_images, mean).mean())}
    return means | ({"table": table_elbo(model, images, test_images, 7)} if refit else {})


def _fit(model, images, epochs, seed, objective, beta, *, drawn=False) -> None:
    fit(
        model,
        images,
        jax.random.key(seed),
        epochs=epochs,
        batch_size=BATCH,
        learning_rate=falling(LEARNING_RATE, epochs, images, BATCH),
        objective=objective,
        beta=beta,
        binarize=drawn,
        progress=False,
    )


def entries(images, test_images) -> Entries:
    """All of RUNS, those of which log P(b) is compared refitted, and a short one on few images, to be repeated live."""
    for name, run in RUNS.items():
        yield name, partial(_trained, run, EPOCHS, images, test_images, refit=name in TABLED)
    for name in REFITTED:
        yield f"{name}, refitted", partial(refitted, RUNS[name], images, test_images)
    few, few_test = images[:SHORT_IMAGES], test_images[:SHORT_IMAGES]
    short = partial(_trained, RUNS["gaussian 0"], SHORT_EPOCHS, few, few_test, refit=True)
    yield f"gaussian 0, {SHORT_EPOCHS} epochs of {SHORT_IMAGES} images", short


def _trained(run: Run, epochs: int, images, test_images, *, refit: bool) -> dict:
    measured = measure(run.train(images, epochs), images, test_images, refit=refit)
    return {"run": asdict(run), "epochs": epochs, "images": len(images)} | measured
