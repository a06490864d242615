"""The study of notebook 03: the split of the KL, and which network moves."""

import jax
import numpy as np
import pytest
from flax import nnx

import vaelib
from vaelib.studies import pull


@pytest.fixture(scope="module")
def given():
    digits = np.random.default_rng(0).uniform(size=(pull.IMAGES, 784)).astype(np.float32)
    given = pull.setting(digits, digits[:20])
    return given._replace(batches=given.batches[:3])


def test_each_epoch_has_every_image_once(given):
    images = pull.setting(given.test.repeat(100, axis=0), given.test).batches
    assert images.shape == (pull.EPOCHS * pull.IMAGES // pull.BATCH, pull.BATCH, 784)
    per_epoch = images.reshape(pull.EPOCHS, pull.IMAGES, 784)
    for epoch in per_epoch[1:]:
        assert not np.array_equal(epoch, per_epoch[0])
        np.testing.assert_array_equal(epoch.sum(axis=0), per_epoch[0].sum(axis=0))


def test_the_two_parts_add_up_to_the_kl_to_the_prior():
    rng = np.random.default_rng(7)
    mu, log_var = rng.normal(size=(400, 2)), np.full((400, 2), -1.0)
    _, information, cloud = pull.split_of_kl(vaelib.Gaussian(mu, log_var))
    closed_form = 0.5 * np.sum(mu**2 + np.exp(log_var) - log_var - 1, axis=1).mean()
    error = np.hypot(information.std(), cloud.std()) / np.sqrt(len(mu))
    assert abs(information.mean() + cloud.mean() - closed_form) < 4 * error


def test_where_all_posteriors_are_one_there_is_no_information():
    everywhere = vaelib.Gaussian(np.zeros((50, 2)), np.zeros((50, 2)))
    _, information, cloud = pull.split_of_kl(everywhere)
    np.testing.assert_allclose(information, 0, atol=1e-12)
    np.testing.assert_allclose(cloud, 0, atol=1e-12)


@pytest.mark.parametrize("network", ["encoder", "decoder"])
def test_a_frozen_network_stays_and_the_other_moves(given, network):
    start = nnx.split(pull.small_vae(0, given.mean_image))[1]
    free = pull.EVERYTHING | {network: 0.0}
    end = pull.climb(given.graph, start, given.batches, jax.random.key(0), 1.0, free)
    for name in pull.EVERYTHING:
        before, after = (np.concatenate([np.ravel(v) for v in jax.tree.leaves(state[name])]) for state in (start, end))
        assert np.array_equal(before, after) == (name == network)


def test_a_network_of_one_and_the_rest_of_another(given):
    one, two = (nnx.split(pull.small_vae(seed, given.mean_image))[1] for seed in (0, 1))
    both = pull.with_network("decoder", one, two)
    for name, source in {"encoder": two, "decoder": one}.items():
        for mine, its in zip(jax.tree.leaves(both[name]), jax.tree.leaves(source[name]), strict=True):
            np.testing.assert_array_equal(mine, its)


def test_a_model_that_says_nothing_has_a_perfect_cloud(given):
    silent = pull.small_vae(0, given.mean_image)
    for head in (silent.encoder.mu, silent.encoder.log_var):
        head.kernel[...], head.bias[...] = 0 * head.kernel[...], 0 * head.bias[...]
    measured = pull.measure_pull(silent, np.tile(given.test, (50, 1)))
    assert (measured["information"], measured["cloud"]) == (0, 0)
    assert 0 <= measured["apart"] < 0.05


@pytest.mark.parametrize("way", pull.WAYS)
def test_each_way_of_the_study_ends_at_an_elbo(monkeypatch, way):
    monkeypatch.setattr(pull, "IMAGES", 100)
    monkeypatch.setattr(pull, "EPOCHS", 2)
    digits = np.random.default_rng(1).uniform(size=(100, 784)).astype(np.float32)
    ends = dict(pull.freezing(digits, digits[:20]))
    assert np.isfinite(ends[f"{way}, seed 0"]()["elbo"])


def test_a_trained_network_that_goes_on_ends_elsewhere_than_a_frozen_one(monkeypatch):
    monkeypatch.setattr(pull, "IMAGES", 100)
    monkeypatch.setattr(pull, "EPOCHS", 2)
    digits = np.random.default_rng(1).uniform(size=(100, 784)).astype(np.float32)
    ends = dict(pull.freezing(digits, digits[:20]))
    frozen, moving = (ends[f"{fate}: trained decoder, seed 0"]()["elbo"] for fate in ("frozen", "going on"))
    assert frozen != moving
