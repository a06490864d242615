"""Checkers for notebook 07, training."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from vaelib.exercises.verdict import checker, compare
from vaelib.models import VAE
from vaelib.objectives import log_weights

TRIES = 50


@checker
def check_grey_cost(answer: float) -> str | None:
    """Each pixel at probability 1/2 costs log 2, whatever the image, and there are 784 of them."""
    wanted = 784 * np.log(2)
    got = float(answer)
    if np.isclose(got, -wanted, rtol=1e-3):
        return "that is the log-probability; the cost is minus it."
    if np.isclose(got, np.log(2), rtol=1e-3):
        return "that is the cost of one pixel; an image has 784."
    if np.isclose(got, 784, rtol=1e-3):
        return "that is in bits; one bit is log 2 nats."
    return compare(got, wanted, "the cost in nats", rtol=1e-3)


@checker
def check_elbo(answer: Callable) -> str | None:
    """The function is the ELBO: it agrees with vaelib's on new images, new weights and a new key."""
    model = VAE.create(seed=5, latent=3, hidden=(16,), pixels=12)
    x = jax.random.bernoulli(jax.random.key(1), 0.4, (6, 12)).astype(jnp.float32)
    log_w = log_weights(model, x, jax.random.key(2), num_samples=5000)  # their mean is the ELBO, by another way
    mean, error = jnp.mean(log_w, axis=0), jnp.std(log_w, axis=0) / TRIES**0.5
    got = [answer(model, x, jax.random.key(1000 + i)) for i in range(TRIES)]
    if np.shape(got[0]) == ():
        return "your function returns one number; return one ELBO an image, shape (batch,)."
    if np.shape(got[0]) != (6,):
        return f"the ELBO should have shape (6,) for six images, got {np.shape(got[0])}. Which axis do you sum over?"
    if np.array_equal(got[0], got[1]):
        return "the result is the same for every key: z should be a draw from q, made with the key."
    distance = jnp.abs(jnp.mean(jnp.asarray(got), 0) - mean) / error
    if float(distance.max()) > 6:
        off = float(jnp.mean(jnp.mean(jnp.asarray(got), 0) - mean))
        return (
            f"on average your ELBO differs by {off:.3g} nats. Is the KL subtracted, and summed over latent dimensions?"
        )
    return None


@checker
def check_beta_of_mean(answer: float) -> str | None:
    """A mean over pixels divides the reconstruction by 784, which is the same as a KL weighted 784 times."""
    got = float(answer)
    if np.isclose(got, 1 / 784, rtol=1e-3):
        return "that is the weight the reconstruction is left with; relative to it, what is the weight of the KL?"
    return compare(got, 784.0, "the effective beta", rtol=1e-3)
