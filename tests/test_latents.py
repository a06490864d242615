"""Codes and the activity of latent dimensions, against the exact model and NumPy."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from vaelib.latents import active_units, codes, latent_activity
from vaelib.models import VAE, Autoencoder


def test_codes_are_the_means_of_q(exact_model, vectors):
    wanted = (vectors - np.asarray(exact_model.b[...])) @ np.asarray(exact_model.A[...]).T
    np.testing.assert_allclose(codes(exact_model, vectors), wanted, rtol=1e-4, atol=1e-5)


def test_codes_of_an_autoencoder_are_its_codes(images):
    model = Autoencoder(latent=3, hidden=(8,), pixels=36, rngs=nnx.Rngs(0))
    np.testing.assert_allclose(codes(model, images), model.encode(jnp.asarray(images)), rtol=1e-5, atol=1e-6)


def test_many_images_are_encoded_in_blocks(images, monkeypatch):
    model = VAE.create(latent=3, hidden=(8,), pixels=36)
    whole = np.asarray(codes(model, images))
    monkeypatch.setattr("vaelib.latents.BLOCK", 5)  # 16 images: three blocks and a fifth of one
    np.testing.assert_allclose(codes(model, images), whole, rtol=1e-5, atol=1e-6)


def test_activity_is_the_variance_of_the_codes(exact_model, vectors):
    activity = latent_activity(exact_model, vectors)
    np.testing.assert_allclose(activity, np.var(codes(exact_model, vectors), axis=0), rtol=1e-5)
    assert not np.allclose(activity, np.std(codes(exact_model, vectors), axis=0), rtol=0.05)


def test_active_units_are_above_the_threshold(exact_model, vectors):
    activity = np.sort(latent_activity(exact_model, vectors))
    between = float(np.mean(activity))
    assert np.sum(active_units(exact_model, vectors, threshold=between)) == 1
    assert np.sum(active_units(exact_model, vectors)) == 2
    # The threshold of Burda et al. is 0.01, of a variance: codes of standard deviation 0.05 are silent.
    assert not active_units(exact_model, vectors, threshold=float(activity[-1])).any()


def test_the_threshold_is_001_unless_another_is_given(images):
    model = VAE.create(latent=2, hidden=(8,), pixels=36)
    model.encoder.mu.kernel[...] = jnp.zeros_like(model.encoder.mu.kernel[...])
    assert not active_units(model, images).any()
    activity = np.asarray(latent_activity(VAE.create(latent=2, hidden=(8,), pixels=36), images))
    kernel = VAE.create(latent=2, hidden=(8,), pixels=36).encoder.mu.kernel[...]
    model.encoder.mu.kernel[...] = kernel * np.sqrt(np.array([[0.009, 0.011]], np.float32) / activity[None])
    assert active_units(model, images).tolist() == [False, True]


def test_too_few_images_and_bad_thresholds_are_refused(exact_model, vectors):
    with pytest.raises(ValueError, match="images must be at least 2, for a variance over them, got 1"):
        latent_activity(exact_model, vectors[:1])
    assert latent_activity(exact_model, vectors[:2]).shape == (2,)
    with pytest.raises(ValueError, match=r"^threshold must be"):
        active_units(exact_model, vectors, threshold=-1.0)
