"""Four priors for the codes of a VAE whose KL has a small weight, for three seeds: which draws decode to digits?

The VAE is that of `today`; the diffusion model is trained for a third of the time there, so that a notebook trains one
of the three, and it is told half of the labels. All on the 10,000 digits that ship; the VAE of seed 0 ships as well.
"""

from functools import partial
from typing import Any

import jax
import numpy as np

from vaelib.data import load_mnist
from vaelib.evaluation import evaluate
from vaelib.studies import today
from vaelib.studies.common import Entries, decoded, rounded
from vaelib.studies.judges import DRAWS, judge, nearest_label, squared_error

EPOCHS, CLASSES = 40, 10


def half_withheld(labels, seed: int = 0) -> np.ndarray:
    """The labels, of which about every second is -1: not told."""
    return np.where(np.random.default_rng(seed).random(len(labels)) < 0.5, labels, -1)


def closed_forms(codes: today.Codes, seed: int = 0) -> dict[str, tuple[np.ndarray, float]]:
    """Draws of three priors, and their mean log p(z) of test codes, in nats: N(0, I), one Gaussian, ten Gaussians."""
    import scipy.stats  # both take a second or two, which who reads the results need not wait for
    from sklearn.mixture import GaussianMixture

    rng, z = np.random.default_rng(seed), np.asarray(codes.drawn, np.float64)
    normal = scipy.stats.multivariate_normal(np.zeros(z.shape[1]), seed=rng)
    fitted = scipy.stats.multivariate_normal(codes.centre, np.cov(z.T), seed=rng)
    mixture = GaussianMixture(CLASSES, init_params="k-means++", tol=1e-2, random_state=seed).fit(z)
    one = {"N(0, I)": normal, "1 Gaussian": fitted}
    drawn = {name: (p.rvs(DRAWS), float(p.logpdf(codes.test).mean())) for name, p in one.items()}
    shuffled = rng.permutation(mixture.sample(DRAWS)[0])  # it draws component by component
    return drawn | {"10 Gaussians": (shuffled, float(mixture.score(codes.test)))}


def share_right(x, wanted, images, labels) -> float:
    """The share of pictures whose nearest training digit has the label that is wanted."""
    return float(np.mean(nearest_label(x, images, labels) == wanted))


def _run(seed: int, data, test_data) -> dict:
    (images, labels), (test_images, _) = data, test_data
    model = today.train_vae(images, today.SMALL, seed)
    codes, terms = today.Codes(model, images, test_images, seed), evaluate(model, test_images, jax.random.key(9))
    again = decoded(model, codes.test_mu)
    prior = today.train_prior(codes.for_prior(half_withheld(labels, seed)), seed, labels=CLASSES, epochs=EPOCHS)
    asked = np.repeat(np.arange(CLASSES), DRAWS // CLASSES)
    named, unnamed = (today.draws_of(prior, codes, seed, label=label) for label in (asked, np.full_like(asked, -1)))
    drawn = closed_forms(codes, seed) | {"diffusion": (unnamed, today.log_prior(prior, codes))}
    found: dict[str, Any] = {
        name: judge(decoded(model, z), images, test_images) | {"log_pz": p} for name, (z, p) in drawn.items()
    }
    found["reconstructions"] = judge(again[DRAWS:], images, test_images)
    found["asked"] = share_right(decoded(model, named), asked, images, labels)
    numbers = rounded({**terms, "error": squared_error(again, test_images), "std": codes.std} | found)
    return numbers if seed else numbers | {"model": model}


def entries(images, test_images) -> Entries:
    """A VAE and its four priors for each seed, on the digits that ship whatever is given."""
    data, test_data = load_mnist("train", limit=10_000), load_mnist("test", limit=today.TEST_IMAGES)
    for seed in today.SEEDS:
        yield f"seed {seed}", partial(_run, seed, data, test_data)
