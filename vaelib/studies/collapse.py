"""Posterior collapse in longer trainings.

The runs "beta 8 ..." charge the KL eightfold and measure the same objective after more and more epochs. The runs
"window k ..." give the decoder, beside z, the k rows and columns of pixels that come before each pixel.
"""

from collections.abc import Callable
from functools import partial
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray
from scipy.special import logit

from vaelib import checks
from vaelib.checks import AnyArray
from vaelib.distributions import Bernoulli
from vaelib.evaluation import evaluate
from vaelib.latents import active_units
from vaelib.models import VAE
from vaelib.objectives import Terms, elbo
from vaelib.studies.common import Entries, falling, rounded
from vaelib.training import fit

BETA, SEEDS = 8.0, (0, 1, 2)
LENGTHS, LONG = (8, 24, 48, 150), 400  # epochs with warm-up and without; without warm-up only
BETA_IMAGES, WINDOW_IMAGES, TEST_IMAGES = 5_000, 10_000, 2_000
SIDE, HIDDEN = 14, 32
WINDOWS, WINDOW_SEEDS, WINDOW_EPOCHS = (0, 1, 3), (0, 1), 30
BATCH, LEARNING_RATE = 125, 2e-3


def small_digits(images: Float[AnyArray, "image 784"]) -> Float[np.ndarray, "image 196"]:
    """Digits of 14 × 14 black or white pixels: white where the mean of 2 × 2 pixels is above ½."""
    squares = np.asarray(images).reshape(-1, SIDE, 2, SIDE, 2)
    return (squares.mean(axis=(2, 4)) > 0.5).reshape(-1, SIDE**2).astype(np.float32)


def pixels_before(x: Float[AnyArray, "batch 196"], window: int) -> Float[Array, "batch 196 seen"]:
    """For each pixel those at most `window` rows and columns away that come before it, row by row; black outside."""
    padded = jnp.pad(x.reshape(-1, SIDE, SIDE), ((0, 0), (window, 0), (window, window)))
    steps = [(down, right) for down in range(-window, 1) for right in range(-window, window + 1)]
    views = [
        padded[:, window + down : window + down + SIDE, window + right : window + right + SIDE]
        for down, right in steps
        if (down, right) < (0, 0)
    ]
    return jnp.stack(views, axis=-1).reshape(len(x), SIDE**2, len(views))


class Given:
    """p(x|z) = Π p(x_i | x_before i, z): pixel i's logit is the one z gives, plus one computed from pixels before i."""

    def __init__(self, logits: Float[AnyArray, "*batch 196"], from_pixels: Callable):
        """Take z's logits, and a map from images to the logits that they add."""
        self.logits, self.from_pixels = logits, from_pixels

    def log_prob(self, x: Float[AnyArray, "batch 196"]) -> Float[Array, "*batch"]:
        """The sum over pixels of log p(x_i | x_before i, z), in nats."""
        return Bernoulli(self.logits + jnp.broadcast_to(self.from_pixels(x), self.logits.shape)).log_prob(x)

    def sample(self, key: PRNGKeyArray, sample_shape: tuple[int, ...] = ()) -> Float[Array, "*sample_batch 196"]:
        """Black or white pixels, drawn one after the other."""
        shape = (*sample_shape, *self.logits.shape)
        uniform, logits = jax.random.uniform(checks.key(key), shape), jnp.broadcast_to(self.logits, shape)

        def draw(i, x):
            p = jax.nn.sigmoid(logits + self.from_pixels(x.reshape(-1, SIDE**2)).reshape(shape))
            return x.at[..., i].set((uniform[..., i] < p[..., i]).astype(x.dtype))

        return jax.lax.fori_loop(0, SIDE**2, draw, jnp.zeros(shape))


class WindowVAE(nnx.Module):
    """A VAE whose decoder also sees, for each pixel, those of a window before it; window 0 is the ordinary VAE."""

    def __init__(self, window: int, *, latent: int = 10, seed: int = 0):
        """Build encoder and decoder, and a hidden layer on the window, the same for every pixel."""
        self.window, self.latent, self.pixels = window, latent, SIDE**2
        self.vae = VAE.create(seed=seed, latent=latent, hidden=(128,), image_shape=(SIDE, SIDE))
        seen, rngs = 2 * window * (window + 1), nnx.Rngs(seed)
        if window:
            self.hidden, self.out = nnx.Linear(seen, HIDDEN, rngs=rngs), nnx.Linear(HIDDEN, 1, rngs=rngs)

    def encode(self, x):
        """q(z|x), from the whole image."""
        return self.vae.encode(x)

    def decode(self, z) -> Given:
        """p(x|z), pixel by pixel."""
        return Given(cast(Bernoulli, self.vae.decode(z)).logits, self.from_pixels)

    def from_pixels(self, x: Float[AnyArray, "batch 196"]) -> Float[Array, "batch 196"]:
        """What the pixels before each pixel add to its logit."""
        if not self.window:
            return jnp.zeros(x.shape)
        return self.out(nnx.relu(self.hidden(pixels_before(x, self.window))))[..., 0]

    def check_data(self, x):
        """Images of 196 pixels in [0, 1]."""
        return self.vae.check_data(x)


def warm_up(beta: float, steps: int) -> optax.Schedule:
    """The weight of the KL: from 0 to beta over the first half of the steps, then beta."""
    return optax.linear_schedule(0.0, beta, steps // 2)


def without_z(model: WindowVAE, x, key, *, beta=1.0) -> Terms:
    """The log-likelihood of a decoder that gets z = 0 for every image: what it can do by the pixels alone."""
    recon = model.decode(jnp.zeros((len(x), model.latent))).log_prob(x)
    return Terms(recon=recon, kl=jnp.zeros_like(recon), elbo=recon)


def start_at_means(model: WindowVAE, images: Float[np.ndarray, "image 196"]) -> None:
    """Start each pixel's logit at the log odds of its mean over the images.

    With z = 0 a gradient reaches no weight of the decoder but the last biases. Adam moves these by about its step size
    a step, so from 0 a training as long as with z ends far from the best of them. With z it starts there, too: the
    two differ in z alone.
    """
    bias = cast(nnx.Param, model.vae.decoder.output.bias)
    bias[...] = jnp.asarray(logit(images.mean(axis=0).clip(1e-4, 1 - 1e-4)), jnp.float32)


def beta_run(warm: bool, seed: int, images, test_images) -> dict[str, dict]:
    """The terms after 8, 24, ... epochs with an eightfold KL; with warm-up each length is a training of its own."""
    images, lengths, points = images[:BETA_IMAGES], LENGTHS if warm else (LONG,), {}
    steps = len(images) // BATCH
    for length in lengths:
        model = VAE.create(seed=seed, latent=20, hidden=(128, 128))
        beta = warm_up(BETA, length * steps) if warm else BETA
        wanted = (length,) if warm else (*LENGTHS, LONG)

        def note(epochs, model, history, wanted=wanted):
            if epochs in wanted:
                terms = evaluate(model, test_images, jax.random.key(9))
                points[str(epochs)] = rounded(terms, 3) | {"active": int(active_units(model, test_images).sum())}

        fit(
            model,
            images,
            jax.random.key(seed),
            epochs=length,
            batch_size=BATCH,
            learning_rate=LEARNING_RATE,
            beta=beta,
            callback=note,
            progress=False,
        )
    return points


def window_run(window: int, use_z: bool, seed: int, images, test_images) -> dict[str, float]:
    """The terms of the decoder with that window, with z or without it, after a training whose step size falls to 0."""
    images, test_images = small_digits(images), small_digits(test_images)
    model, objective = WindowVAE(window, seed=seed), elbo if use_z else without_z
    start_at_means(model, images)
    schedule = falling(LEARNING_RATE, WINDOW_EPOCHS, images, BATCH)
    options = {"epochs": WINDOW_EPOCHS, "learning_rate": schedule, "objective": objective, "progress": False}
    fit(model, images, jax.random.key(seed), batch_size=BATCH, **options)
    return rounded(evaluate(model, test_images, jax.random.key(9), objective=objective), 3)


RUNS: dict[str, Callable[..., dict]] = {
    f"beta 8, {'warm-up, ' if warm else ''}seed {seed}": partial(beta_run, warm, seed)
    for seed in SEEDS
    for warm in (False, True)
}
RUNS |= {
    f"window {window}, {'z' if use_z else 'no z'}, seed {seed}": partial(window_run, window, use_z, seed)
    for window in WINDOWS
    for use_z in (True, False)
    for seed in WINDOW_SEEDS
}


def entries(images, test_images) -> Entries:
    """All of RUNS."""
    for name, run in RUNS.items():
        yield name, partial(run, images[:WINDOW_IMAGES], test_images[:TEST_IMAGES])
