"""Small trainings that differ in one thing: a bug, what the spread of q depends on, the optimiser and its rate, noise.

All use the first 10,000 training images: those of the bugs and of the spreads drawn black or white afresh in each
batch, the others grey.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

from vaelib.data import binarize
from vaelib.distributions import Gaussian
from vaelib.divergence import kl_to_standard_normal
from vaelib.evaluation import evaluate
from vaelib.latents import codes
from vaelib.models import VAE, Autoencoder
from vaelib.objectives import Terms, elbo, reconstruction
from vaelib.studies.common import Entries, decoded, falling
from vaelib.training import fit

TRAINING, VALIDATION = 9_000, 1_000  # images to train on, and those after them on which a learning rate is chosen
BUGS = ("none", "mean over pixels", "forgotten ½", "stopped gradient", "log sigma for log sigma²")
SPREADS = ("of each image", "of each dimension", "equal to the mean")
RATES = {
    "SGD": (2e-3, 5e-3, 7e-3, 1e-2, 2e-2),
    "SGD with momentum": (1e-3, 4e-3, 6e-3, 1e-2),
    "Adam": (1e-3, 5e-3, 1e-2, 3e-2),
}
EPOCHS = (3, 20)  # a short race and a long one
WITH_AND_WITHOUT_NOISE = {"AE": (Autoencoder, reconstruction), "VAE": (VAE, elbo)}
BLUR_EPOCHS, BLUR_IMAGES = 30, 1_000  # the first test images, and as many draws from the prior


def bugs(images, test_images) -> Entries:
    """The terms that a program with each bug prints while it trains, a mean over each 13 of its steps."""
    for bug in BUGS:
        yield bug, partial(_with_bug, bug, images[: TRAINING + VALIDATION])


def broken_elbo(model: VAE, x, key, *, bug: str) -> Terms:
    """The ELBO as a program with the bug writes it."""
    q = model.encode(x)
    sigma = jnp.exp(q.log_var if bug == "log sigma for log sigma²" else 0.5 * q.log_var)
    z = q.mu + sigma * jax.random.normal(key, q.mu.shape)
    if bug == "stopped gradient":
        z = jax.lax.stop_gradient(z)
    recon = model.decode(z).log_prob(x) / (x.shape[-1] if bug == "mean over pixels" else 1)
    kl = kl_to_standard_normal(q) * (2 if bug == "forgotten ½" else 1)
    return Terms(recon, kl, recon - kl)


def _with_bug(bug: str, images) -> dict:
    model = VAE.create(seed=0, latent=10, hidden=(200,))
    objective = partial(broken_elbo, bug=bug)
    history = fit(model, images, jax.random.key(0), epochs=5, objective=objective, binarize=True, progress=False)
    return {name: _means(history.steps[name], 13) for name in ("recon", "kl")}


def _means(values, size: int) -> list[float]:
    values = np.asarray(values)[: len(values) // size * size]
    return [float(f"{mean:.4g}") for mean in values.reshape(-1, size).mean(axis=1)]


class OneSpread(VAE):
    """A VAE whose q has the same spread for every image, one number a dimension."""

    def encode(self, x) -> Gaussian:
        """q(z|x), its spread that of the black image."""
        mu = self.encoder(x).mu
        log_var = self.encoder(jnp.zeros(self.pixels)).log_var
        return Gaussian(mu, jnp.broadcast_to(log_var, mu.shape))


class OneHead(VAE):
    """A VAE whose encoder has one head: the same number is the mean and the log variance."""

    def encode(self, x) -> Gaussian:
        """q(z|x) = N(mu, exp mu)."""
        mu = self.encoder(x).mu
        return Gaussian(mu, mu)


def spreads(images, test_images) -> Entries:
    """What an encoder loses whose spread is not its own output for each image, for two of them with more epochs too."""
    builds = dict(zip(SPREADS, (VAE, OneSpread, OneHead), strict=True))
    runs = [(20, seed, spread) for seed in range(3) for spread in SPREADS]
    runs += [(100, seed, spread) for seed in range(3) for spread in SPREADS[:2]]
    for epochs, seed, spread in runs:
        for latent in (2, 10):
            name = f"{spread}, {latent}-D, {epochs} epochs, seed {seed}"
            few = images[: TRAINING + VALIDATION]
            yield name, partial(_with_spread, builds[spread], latent, epochs, seed, few, test_images)


def _with_spread(build, latent: int, epochs: int, seed: int, images, test_images) -> dict:
    model = build.create(seed=seed, latent=latent, hidden=(200,))
    rate = falling(2e-3, epochs, images, 128)
    fit(model, images, jax.random.key(seed), epochs=epochs, learning_rate=rate, binarize=True, progress=False)
    return evaluate(model, binarize(test_images, jax.random.key(0)), jax.random.key(1))


def optimizers(images, test_images) -> Entries:
    """SGD, SGD with momentum and Adam, each at four rates or five, after a short race and after a long one."""
    training, validation = images[:TRAINING], images[TRAINING : TRAINING + VALIDATION]
    for epochs in EPOCHS:
        for seed in range(3):
            for method, rates in RATES.items():
                for rate in rates:
                    name = f"{method}, rate {rate:g}, {epochs} epochs, seed {seed}"
                    yield name, partial(_with_rate, method, rate, epochs, seed, training, validation, test_images)


def _with_rate(method, rate, epochs, seed, training, validation, test_images) -> dict:
    """The ELBO on validation and test digits; None where training diverged."""
    model = VAE.create(seed=seed, latent=2, hidden=(200,))
    momentum = 0.9 if method == "SGD with momentum" else None
    step = {"learning_rate": rate} if method == "Adam" else {"optimizer": optax.sgd(rate, momentum)}
    settings = {"method": method, "rate": rate, "epochs": epochs, "seed": seed}
    try:
        fit(model, training, jax.random.key(seed), epochs=epochs, progress=False, **step)
    except FloatingPointError:
        return settings | {"validation": None, "test": None}
    reached = {"validation": validation, "test": test_images}
    return settings | {name: evaluate(model, x, jax.random.key(9))["elbo"] for name, x in reached.items()}


def blur(images, test_images) -> Entries:
    """How grey the pictures of an autoencoder and of a VAE are, with 2 numbers and with 20, from the same digits."""
    for seed in range(3):
        for latent in (2, 20):
            for kind in WITH_AND_WITHOUT_NOISE:
                few = images[: TRAINING + VALIDATION]
                yield f"{kind}, {latent}-D, seed {seed}", partial(_blurred, kind, latent, seed, few, test_images)


def grey(pixels) -> float:
    """How many of a hundred pixels are between ¼ and ¾."""
    return 100 * float(np.mean((np.asarray(pixels) > 0.25) & (np.asarray(pixels) < 0.75)))


def _blurred(kind: str, latent: int, seed: int, images, test_images) -> dict:
    build, objective = WITH_AND_WITHOUT_NOISE[kind]
    model = build.create(seed=seed, latent=latent, hidden=(200,))
    rate = falling(2e-3, BLUR_EPOCHS, images, 128)
    options = {"epochs": BLUR_EPOCHS, "learning_rate": rate, "objective": objective, "progress": False}
    fit(model, images, jax.random.key(seed), **options)
    x, z = test_images[:BLUR_IMAGES], np.random.default_rng(seed).standard_normal((BLUR_IMAGES, latent))
    pictures = {"reconstructions": codes(model, x), "draws": z}
    return {name: round(grey(decoded(model, code)), 2) for name, code in pictures.items()}
