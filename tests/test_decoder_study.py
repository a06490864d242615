"""The comparison of decoders: its measures against sums written out, and what ships against its recipe."""

from dataclasses import asdict
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from numpy.testing import assert_allclose

from vaelib import VAE, eight_bit, studies
from vaelib.studies import decoders
from vaelib.studies.decoders import RUNS

KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def model():
    return VAE.create(latent=3, hidden=(8,))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(size=(6, 784)).astype(np.float32)


def test_what_ships_was_made_by_the_recipe():
    study = studies.load_study("decoders")
    short = f"gaussian 0, {decoders.SHORT_EPOCHS} epochs of {decoders.SHORT_IMAGES} images"
    assert set(study) == set(RUNS) | {f"{name}, refitted" for name in decoders.REFITTED} | {short}
    assert {name.split()[0] for name in decoders.REFITTED} == {"bernoulli", "gaussian", "beta"}
    for name, run in RUNS.items():
        shipped = study[name]
        assert (shipped["run"], shipped["epochs"], shipped["images"]) == (asdict(run), decoders.EPOCHS, 60_000)
        assert ("table" in shipped) == (name.split()[0] in ("bernoulli", "gaussian"))


def test_terms_of_the_mean(model, images):
    terms = decoders.terms_of_mean(model, images, KEY)
    q = model.encode(images)
    m = np.asarray(model.decode(q.sample(KEY)).mean, float)
    assert_allclose(terms["sse"], ((images - m) ** 2).sum(axis=1), rtol=1e-4)
    cross_entropy = -(images * np.log(m) + (1 - images) * np.log(1 - m)).sum(axis=1)
    assert_allclose(terms["cross_entropy"], cross_entropy, rtol=1e-4)
    kl = 0.5 * np.sum(q.mu**2 + np.exp(q.log_var) - q.log_var - 1, axis=1)
    assert_allclose(terms["kl"], kl, rtol=1e-4)


def test_black_and_white_evidence_where_it_is_known(model, images, monkeypatch):
    monkeypatch.setattr(decoders, "EVIDENCE_DRAWS", 2000)
    deaf = nnx.merge(*nnx.split(model))
    deaf.decoder.output.kernel[...] = jnp.zeros_like(deaf.decoder.output.kernel[...])  # z says nothing
    deaf.decoder.output.bias[...] = jnp.linspace(-2, 2, 784)
    b = np.round(images)
    m = 1 / (1 + np.exp(-np.linspace(-2, 2, 784)))
    wanted = (b * np.log(m) + (1 - b) * np.log(1 - m)).sum(axis=1)
    assert_allclose(decoders.black_and_white_evidence(deaf, images, b, KEY), wanted, atol=0.3)


@pytest.mark.parametrize("event", ["8-bit", "black and white"])
def test_refitting_moves_the_encoder_alone(event, model, images):
    table = eight_bit.Table.count(images, np.full_like(images, 0.5))
    by_table = partial(decoders.refit_elbo, table=table)

    def loss(model):
        return {"8-bit": by_table, "black and white": decoders.refit_elbo_of_draws}[event](
            model, images, KEY
        ).elbo.sum()

    gradient = nnx.grad(loss)(model)
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(gradient["decoder"]))
    assert any(np.any(leaf) for leaf in jax.tree.leaves(gradient["encoder"]))


def test_black_and_white_digits_are_scored_by_the_mean_alone(model, images):
    b = np.round(images)
    gaussian = VAE.create(latent=3, hidden=(8,), likelihood="gaussian")
    for either in (model, gaussian):
        terms = decoders.refit_elbo_of_draws(either, b, KEY, beta=2.0)
        q = either.encode(b)
        m = np.asarray(either.decode(q.sample(KEY)).mean, float)
        assert_allclose(terms.recon, np.log(np.where(b == 1, m, 1 - m)).sum(axis=1), rtol=1e-4)
        assert_allclose(terms.elbo, terms.recon - 2 * terms.kl, rtol=1e-5)


def test_a_refitted_encoder_proposes_better(images, monkeypatch):
    monkeypatch.setattr(decoders, "EVIDENCE_DRAWS", 20)
    monkeypatch.setattr(decoders, "REFIT_EPOCHS", 60)
    monkeypatch.setattr(decoders, "BATCH", 6)
    found = decoders.refitted(decoders.RUNS["gaussian 0"], images, images, epochs=20)
    assert found["log_P_b_refitted"] > found["log_P_b"] + 1


def test_the_short_run_is_recorded_under_a_name_of_its_own(images, monkeypatch):
    monkeypatch.setattr(decoders, "EVIDENCE_DRAWS", 2)
    monkeypatch.setattr(decoders, "SHORT_EPOCHS", 1)
    monkeypatch.setattr(decoders, "SHORT_IMAGES", 180)
    *_, (name, do) = decoders.entries(np.tile(images, (40, 1)), np.tile(images, (40, 1)))
    assert name == "gaussian 0, 1 epochs of 180 images"
    result = do()
    assert (result["run"], result["epochs"], result["images"]) == (asdict(RUNS["gaussian 0"]), 1, 180)
    assert result["table"]["elbo"] == pytest.approx(result["table"]["recon"] - result["table"]["kl"], rel=1e-4)
    assert result["normal"] < 0 > result["continuous_bernoulli"]
