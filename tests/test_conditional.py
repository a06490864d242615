"""The conditional VAE: what its networks see, that each image meets its own label, and what is refused."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from flax import nnx

import vaelib
from vaelib.conditional import ConditionalVAE, Given
from vaelib.protocols import LatentVariableModel

SIZES = {"classes": 4, "latent": 3, "hidden": (6,), "pixels": 9}
KEY = jax.random.key(0)
CLOSE = {"rtol": 2e-5, "atol": 2e-5}


@pytest.fixture(scope="module")
def model():
    return ConditionalVAE.create(seed=1, **SIZES)


@pytest.fixture(scope="module")
def x():
    return (np.random.default_rng(0).random((150, 9)) < 0.4).astype(np.float32)


@pytest.fixture(scope="module")
def y():
    return np.random.default_rng(1).integers(0, 4, 150)


def layer(module, h):
    return h @ np.asarray(module.kernel[...], np.float64) + np.asarray(module.bias[...], np.float64)


def knows_the_label_alone(classes, pixels):
    """A model whose picture is that of its label, and whose q is the prior; and the pictures' logits."""
    model = ConditionalVAE.create(classes=classes, latent=2, hidden=(classes,), pixels=pixels)
    logits = np.random.default_rng(2).normal(0, 2, (classes, pixels)).astype(np.float32)
    state = jax.tree.map(jnp.zeros_like, nnx.state(model, nnx.Param))
    nnx.update(model, state)
    model.decoder.trunk.layers[0].kernel[...] = jnp.concatenate([jnp.zeros((2, classes)), jnp.eye(classes)])
    model.decoder.output.kernel[...] = jnp.asarray(logits)
    return model, logits


@pytest.mark.usefixtures("full_precision")
def test_both_networks_see_the_label_beside_their_input(model, x, y):
    one_hot = np.eye(4)[y]
    h = np.maximum(layer(model.encoder.trunk.layers[0], np.concatenate([x, one_hot], axis=1)), 0)
    q = model.encode(x, y)
    np.testing.assert_allclose(q.mu, layer(model.encoder.mu, h), **CLOSE)
    np.testing.assert_allclose(q.log_var, layer(model.encoder.log_var, h), **CLOSE)
    z = np.random.default_rng(3).normal(size=(2, 150, 3)).astype(np.float32)  # two draws an image
    h = np.concatenate([z, np.broadcast_to(one_hot, (2, 150, 4))], axis=-1)
    logits = layer(model.decoder.output, np.maximum(layer(model.decoder.trunk.layers[0], h), 0))
    np.testing.assert_allclose(model.decode(z, y).logits, logits, **CLOSE)


def test_one_label_is_one_for_all(model, x):
    twos = np.full(150, 2)
    np.testing.assert_array_equal(model.encode(x, 2).mu, model.encode(x, twos).mu)
    np.testing.assert_array_equal(
        model.given(2).decode(jnp.ones((5, 3))).logits, model.decode(jnp.ones((5, 3)), 2).logits
    )


def test_given_labels_it_is_a_model_like_any_other(model, x, y):
    given = model.given(y)
    assert isinstance(given, Given | LatentVariableModel)
    for objective in (vaelib.elbo, partial(vaelib.importance_weighted_bound, num_samples=3)):
        for mine, wanted in zip(objective(model, (x, y), KEY), objective(given, x, KEY), strict=True):
            np.testing.assert_array_equal(mine, wanted)


@pytest.mark.usefixtures("full_precision")
def test_the_bound_is_the_one_of_x_given_y(x, y):
    model, logits = knows_the_label_alone(4, 9)
    p = scipy.special.expit(logits.astype(np.float64))[y]
    exact = np.sum(x * np.log(p) + (1 - x) * np.log1p(-p), axis=1)
    terms = vaelib.elbo(model, {"images": x, "labels": y}, KEY)
    np.testing.assert_allclose(terms.elbo, exact, **CLOSE)
    np.testing.assert_allclose(terms.kl, 0, atol=1e-6)
    # 150 images are two blocks: a label that stayed behind would show
    np.testing.assert_allclose(vaelib.log_evidence(model, (x, y), KEY, num_samples=7), exact, **CLOSE)
    np.testing.assert_allclose(vaelib.evaluate(model, (x, y), KEY)["elbo"], exact.mean(), rtol=1e-4)
    assert not vaelib.active_units(model, (x, y)).any()


def test_codes_are_those_of_image_and_label(model, x, y):
    np.testing.assert_allclose(vaelib.codes(model, (x, y)), model.encode(x, y).mu, **CLOSE)


def test_it_learns_what_the_label_says(y):
    x = np.eye(9, dtype=np.float32)[y]  # the label is all there is to know
    model = ConditionalVAE.create(seed=0, classes=4, latent=1, hidden=(16,), pixels=9)
    options = {"epochs": 60, "batch_size": 50, "learning_rate": 0.02, "progress": False}
    history = vaelib.fit(model, (x, y), KEY, held_out=(x, y), **options)
    assert history.held_out["elbo"][-1] > -0.3  # log 4 nats, and more, without the label
    asked = np.arange(4)
    z = jax.random.normal(KEY, (4, 1))
    np.testing.assert_array_equal(np.argmax(model.decode(z, asked).mean, axis=1), asked)


@pytest.mark.parametrize(
    ("labels", "error", "says"),
    [
        (None, TypeError, "needs a label for each image, got images alone"),
        (np.zeros(3, np.int32), ValueError, "150"),
        (np.full(150, 4), ValueError, "labels from 0 to 3, got labels from 4 to 4"),
        (np.full(150, -1), ValueError, "got labels from -1"),
        (np.zeros(150, np.float32), TypeError, "whole numbers, got dtype float32"),
    ],
)
def test_labels_are_checked_before_anything_is_compiled(model, x, labels, error, says, compilations):
    data = x if labels is None else (x, labels)
    calls = [
        lambda: vaelib.fit(model, data, KEY, epochs=1, progress=False),
        lambda: vaelib.elbo(model, data, KEY),
        lambda: vaelib.log_evidence(model, data, KEY, num_samples=2),
        lambda: vaelib.codes(model, data),
    ]
    compilations.clear()
    for call in calls:
        with pytest.raises(error, match=says):
            call()
    assert compilations == []


def test_a_label_is_no_word_and_no_truth_value(model):
    for wrong in ("3", True, None):
        with pytest.raises(TypeError, match="y must be a label"):
            model.given(wrong)
    with pytest.raises(TypeError, match="classes must be an integer"):
        ConditionalVAE.create(**SIZES | {"classes": "ten"})
    with pytest.raises(ValueError, match="classes must be an integer of at least 2"):
        ConditionalVAE.create(**SIZES | {"classes": 1})


def test_it_comes_back_from_disk(model, x, y, tmp_path):
    vaelib.save_model(model, tmp_path / "c.safetensors")
    loaded = vaelib.load_model(tmp_path / "c.safetensors")
    assert type(loaded) is ConditionalVAE
    assert loaded.config == model.config
    assert loaded.config["classes"] == 4
    np.testing.assert_array_equal(loaded.encode(x, y).mu, model.encode(x, y).mu)


@pytest.mark.usefixtures("fully_optimised")
def test_create_is_the_constructor():
    created, built = ConditionalVAE.create(seed=1, **SIZES), ConditionalVAE(**SIZES, rngs=nnx.Rngs(1))
    for mine, wanted in zip(jax.tree.leaves(nnx.state(created)), jax.tree.leaves(nnx.state(built)), strict=True):
        np.testing.assert_array_equal(mine, wanted)
