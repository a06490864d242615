"""The study of collapse: a decoder that sees only pixels before each pixel, and results for every run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vaelib import load_mnist, protocols
from vaelib.studies import collapse, load_study


@pytest.fixture(scope="module")
def model():
    return collapse.WindowVAE(2, latent=3, seed=1)


def test_small_digits_are_white_where_most_of_a_square_is():
    image = np.zeros((28, 28), np.float32)
    image[0, :2] = image[1, 0] = 1.0  # three quarters of the first square
    image[0, 2] = image[1, 3] = 1.0  # half of the second, which is not above ½
    small = collapse.small_digits(image.reshape(1, 784))
    assert small.shape == (1, 196)
    assert np.flatnonzero(small).tolist() == [0]


def test_a_pixel_sees_those_of_the_window_before_it_and_no_others(model):
    x = np.random.default_rng(0).random((1, 196)).astype(np.float32)
    seen = collapse.pixels_before(x, 2)[0]
    row, column = 7, 5
    wanted = [
        x[0, 14 * r + c] for r in (5, 6, 7) for c in range(3, 8) if (r, c) < (row, column)
    ]  # two rows above in full width, and two pixels to the left
    np.testing.assert_array_equal(seen[14 * row + column], wanted)
    slopes = np.asarray(jax.jit(jax.jacobian(lambda x: model.from_pixels(x[None])[0]))(x[0]))
    assert np.abs(slopes).max() > 0
    assert not np.triu(slopes).any()


def test_a_window_of_0_adds_nothing():
    plain = collapse.WindowVAE(0, latent=3)
    assert not plain.from_pixels(jnp.ones((2, 196))).any()


def test_it_is_a_model_the_objectives_take(model):
    protocols.check_model(model)
    assert protocols.check_distribution(model.decode(jnp.zeros((2, 3))), "decode").logits.shape == (2, 196)


def test_draws_follow_the_probabilities_given_the_pixels_before(model):
    """A pixel is white where its uniform number is below the probability that the finished image gives it."""
    key, p = jax.random.key(3), model.decode(jnp.ones((2, 3)))
    x = np.asarray(jax.jit(lambda key: p.sample(key, (4,)))(key))
    assert x.shape == (4, 2, 196)
    logits = jnp.broadcast_to(p.logits, x.shape) + model.from_pixels(x.reshape(8, 196)).reshape(x.shape)
    uniform = np.asarray(jax.random.uniform(key, x.shape))
    np.testing.assert_array_equal(x, uniform < np.asarray(jax.nn.sigmoid(logits)))


def test_without_z_the_images_make_no_difference_to_what_the_decoder_gets(model):
    x = (np.random.default_rng(1).random((3, 196)) < 0.3).astype(np.float32)
    terms = collapse.without_z(model, x, jax.random.key(0))
    np.testing.assert_allclose(terms.elbo, model.decode(jnp.zeros((3, 3))).log_prob(x), rtol=1e-5)
    assert not terms.kl.any()


def test_warm_up_rises_over_the_first_half():
    schedule = collapse.warm_up(8.0, 100)
    np.testing.assert_allclose([schedule(step) for step in (0, 25, 50, 99)], [0, 4, 8, 8])


def test_without_z_and_without_a_window_training_ends_at_the_pixels_means():
    """There the best is known: the cross-entropy of test digits with each pixel's mean over training digits."""
    mean = collapse.small_digits(load_mnist("train")[0]).mean(axis=0).clip(1e-4, 1 - 1e-4)
    x = collapse.small_digits(load_mnist("test", limit=collapse.TEST_IMAGES)[0])
    best = np.mean(np.sum(x * np.log(mean) + (1 - x) * np.log1p(-mean), axis=1))
    for seed in collapse.WINDOW_SEEDS:
        np.testing.assert_allclose(load_study("collapse")[f"window 0, no z, seed {seed}"]["elbo"], best, atol=0.5)
