"""The naive objective against a loop over its definition, and the shipped results against their recipes."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from flax import nnx
from scipy.special import logsumexp

from vaelib.models import VAE
from vaelib.recipes import Recipe
from vaelib.studies import guessing as study
from vaelib.studies import load_study
from vaelib.studies.bound import log_px_on_grid


@pytest.mark.usefixtures("full_precision")
def test_the_naive_objective_is_the_log_of_a_plain_average():
    model = VAE.create(seed=3, latent=2, hidden=(8,), pixels=9)
    x = np.random.default_rng(0).integers(2, size=(4, 9)).astype(np.float32)
    key = jax.random.key(1)
    terms = study.prior_average(model, x, key, draws=16)
    each = [[float(model.decode(z).log_prob(image)) for image in x] for z in jax.random.normal(key, (16, 2))]
    np.testing.assert_allclose(terms.elbo, logsumexp(each, axis=0) - np.log(16), rtol=1e-5)
    assert not np.any(terms.kl)


def test_the_shipped_results_are_those_of_the_recipes():
    found = load_study("naive")
    assert set(found) == set(study.TRAININGS)
    for name, recipe in study.TRAININGS.items():
        assert len(found[name]["curve"]) == recipe.epochs
        estimates = [value for how, value in found[name].items() if how.startswith("by_")]
        assert found[name]["log_px"] == max(estimates)


def test_each_entry_is_a_training_and_holds_what_a_notebook_reads(monkeypatch, images):
    images = np.tile(images, (20, 1))[:128]
    recipe = Recipe(VAE.create, {"latent": 20, "pixels": 36}, binarize=True, objective=study.prior_average, epochs=2)
    monkeypatch.setattr(study, "TRAININGS", {"one": replace(recipe, hidden=(8,), batch_size=8)})
    monkeypatch.setattr(study, "PRIOR_CHUNKS", 1)
    monkeypatch.setattr(study, "load_mnist", lambda *args, **options: (images, None))
    ((name, do),) = study.naive(images, images)
    entry = do()
    assert name == "one"
    assert set(entry) == {"curve", "by_prior", "by_encoder", "log_px", "short"}
    assert entry["short"] == entry["curve"][-1]


def test_the_encoder_alone_is_fitted_to_a_finished_decoder():
    model = VAE.create(seed=3, latent=2, hidden=(8,), pixels=9)
    x = np.random.default_rng(0).integers(2, size=(4, 9)).astype(np.float32)

    def loss(model):
        return -study._elbo_of_encoder(model, x, jax.random.key(2)).elbo.mean()

    gradient = nnx.grad(loss)(model)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(gradient["decoder"]))
    assert all(np.any(leaf) for leaf in jax.tree.leaves(gradient["encoder"]))


def test_grid_and_prior_draws_agree_on_a_small_model():
    model = VAE.create(seed=3, latent=2, hidden=(8,), pixels=9)
    x = np.random.default_rng(0).integers(2, size=(4, 9)).astype(np.float32)
    by_prior = study._log_px_by_prior(model, x, jax.random.key(0))
    np.testing.assert_allclose(log_px_on_grid(model, x), by_prior, atol=0.02)
