"""The comparison of decoders: its measures against sums written out, and what ships against its recipe."""

import json
from dataclasses import asdict

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from click.testing import CliRunner
from flax import nnx
from numpy.testing import assert_allclose

from vaelib import VAE, decoder_study, eight_bit
from vaelib.decoder_study import RUNS

KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def model():
    return VAE.create(latent=3, hidden=(8,))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(size=(6, 784)).astype(np.float32)


def test_what_ships_was_made_by_the_recipe():
    study = decoder_study.load_study()
    assert set(RUNS) <= set(study)
    for name, run in RUNS.items():
        shipped = study[name]
        assert (shipped["run"], shipped["epochs"], shipped["images"]) == (asdict(run), decoder_study.EPOCHS, 60_000)
        assert ("table" in shipped) == (name.split()[0] in ("bernoulli", "gaussian"))


def test_terms_of_the_mean(model, images):
    terms = decoder_study.terms_of_mean(model, images, KEY)
    q = model.encode(images)
    m = np.asarray(model.decode(q.sample(KEY)).mean, float)
    assert_allclose(terms["sse"], ((images - m) ** 2).sum(axis=1), rtol=1e-4)
    cross_entropy = -(images * np.log(m) + (1 - images) * np.log(1 - m)).sum(axis=1)
    assert_allclose(terms["cross_entropy"], cross_entropy, rtol=1e-4)
    kl = 0.5 * np.sum(q.mu**2 + np.exp(q.log_var) - q.log_var - 1, axis=1)
    assert_allclose(terms["kl"], kl, rtol=1e-4)


def test_black_and_white_evidence_where_it_is_known(model, images, monkeypatch):
    monkeypatch.setattr(decoder_study, "EVIDENCE_DRAWS", 2000)
    deaf = nnx.merge(*nnx.split(model))
    deaf.decoder.output.kernel[...] = jnp.zeros_like(deaf.decoder.output.kernel[...])  # z says nothing
    deaf.decoder.output.bias[...] = jnp.linspace(-2, 2, 784)
    b = np.round(images)
    m = 1 / (1 + np.exp(-np.linspace(-2, 2, 784)))
    wanted = (b * np.log(m) + (1 - b) * np.log(1 - m)).sum(axis=1)
    assert_allclose(decoder_study.black_and_white_evidence(deaf, images, b, KEY), wanted, atol=0.3)


def test_refitting_moves_the_encoder_alone(model, images):
    table = eight_bit.Table.count(images, np.full_like(images, 0.5))

    def loss(model):
        return decoder_study.refit_elbo(model, images, KEY, table=table).elbo.sum()

    gradient = nnx.grad(loss)(model)
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(gradient["decoder"]))
    assert any(np.any(leaf) for leaf in jax.tree.leaves(gradient["encoder"]))


def test_the_command_records_a_short_run_under_a_name_of_its_own(tmp_path, images, monkeypatch):
    monkeypatch.setattr(decoder_study, "load_mnist", lambda split, **_: (np.tile(images, (30, 1)), None))
    monkeypatch.setattr(decoder_study, "EVIDENCE_DRAWS", 2)
    file = tmp_path / "study.json"
    options = ["--output", str(file), "--source", "bundled", "--limit", "180", "--epochs", "1"]
    outcome = CliRunner().invoke(decoder_study.main, [*options, "gaussian 1"])
    assert outcome.exit_code == 0, outcome.output
    ((name, result),) = json.loads(file.read_text()).items()
    assert name == "gaussian 1, 1 epochs of 180 images"
    assert result["run"] == asdict(RUNS["gaussian 1"])
    assert result["table"]["elbo"] == pytest.approx(result["table"]["recon"] - result["table"]["kl"], rel=1e-4)
    assert result["normal"] < 0 > result["continuous_bernoulli"]


def test_refuses_a_run_it_does_not_know(tmp_path):
    outcome = CliRunner().invoke(decoder_study.main, ["--output", str(tmp_path / "study.json"), "gaussian 9"])
    assert outcome.exit_code == 2
    assert "there is no run gaussian 9; there are bernoulli 0" in outcome.output
