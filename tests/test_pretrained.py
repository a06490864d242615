"""The shipped models: they load, they are what their recipes say, and they reach what was recorded for them."""

import json
import runpy
import signal
from functools import partial
from pathlib import Path

import jax
import numpy as np
import optax
import pytest

import vaelib
from vaelib import pretrained, studies
from vaelib.pretrained import RESULTS, load_pretrained, pretrained_names
from vaelib.recipes import RECIPES, Recipe, make_weights
from vaelib.results import measure


@pytest.fixture(scope="module")
def results():
    return json.loads(RESULTS.read_text())


def test_every_recipe_ships_its_weights_and_results(results):
    assert pretrained_names() == list(RECIPES)
    assert set(pretrained_names()) == set(results)
    files = {path.name for path in pretrained.WEIGHTS.iterdir()}
    assert files == {f"{name}.safetensors" for name in RECIPES} | {"results.json", "README.md"}


def test_the_table_is_in_step_with_the_results(results):
    made = runpy.run_path(str(Path(__file__).parent / "tools" / "make_results_table.py"))
    assert (pretrained.WEIGHTS / "README.md").read_text("utf-8") == made["table"](results)


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_model_is_what_its_recipe_says(name):
    model, recipe = load_pretrained(name), RECIPES[name]
    assert model.hidden == recipe.hidden
    for key, value in recipe.config.items():
        assert getattr(model, key) == value
    pictured = model.given(3) if isinstance(model, vaelib.ConditionalVAE) else model
    assert pictured.decode(np.zeros((1, model.latent), np.float32)).mean.shape == (1, 784)


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_model_reaches_its_recorded_elbo(name, results):
    """On the bundled half of the test set, to within 4 standard errors of the difference between two sets of images."""
    model, recipe, record = load_pretrained(name), RECIPES[name], results[name]
    images, labels = vaelib.load_mnist("test")
    x = vaelib.binarize(images, jax.random.key(0)) if recipe.binarize else images
    objective = vaelib.reconstruction if isinstance(model, vaelib.Autoencoder) else vaelib.elbo
    terms = objective(model, recipe.data(x, labels), jax.random.key(1))
    values = np.asarray(terms.elbo, np.float64)
    # The record is the mean of 10,000 images of which these are the first, somewhat harder, half.
    assert abs(values.mean() - record["elbo"]) < 0.03 * abs(record["elbo"]) + 4 * values.std() / len(values) ** 0.5


@pytest.mark.parametrize("name", RECIPES)
def test_half_precision_cost_less_than_a_twentieth_of_a_nat(name, results):
    assert abs(results[name]["elbo"] - results[name]["elbo_float32"]) < 0.05


def test_unknown_names_are_refused_with_the_list():
    with pytest.raises(ValueError, match=r"'bernoulli-z2', .* got 'bernoulli-z3'"):
        load_pretrained("bernoulli-z3")


def test_a_recipe_is_a_training_of_these_options(images):
    bound, config = partial(vaelib.importance_weighted_bound, num_samples=3), {"latent": 2, "pixels": 36}
    options = {"objective": bound, "binarize": True, "epochs": 2, "batch_size": 8}
    recipe = Recipe(vaelib.VAE.create, config, peak_learning_rate=0.01, seed=1, hidden=(4,), **options)
    model, history = recipe.train(images, held_out=images[:3], progress=False)
    wanted = vaelib.VAE.create(seed=1, hidden=(4,), **config)
    options |= {"learning_rate": optax.cosine_decay_schedule(0.01, 4), "held_out": images[:3], "progress": False}
    assert vaelib.fit(wanted, images, jax.random.key(1), **options).held_out == history.held_out
    assert model.hidden == (4,)
    np.testing.assert_array_equal(model.encoder.mu.kernel[...], wanted.encoder.mu.kernel[...])


def test_a_record_says_how_the_weights_were_made_and_what_they_reach(tmp_path, monkeypatch, images):
    class Timed(Recipe):
        def train(self, *arguments, **options):
            model, history = super().train(*arguments, progress=False, **options)
            history.seconds = [1.25, 2.11]
            return model, history

    recipe = Timed(vaelib.VAE.create, {"latent": 2, "pixels": 36}, epochs=2, batch_size=8, evidence_images=5)
    monkeypatch.setitem(RECIPES, "own", recipe)
    record = make_weights("own", images, images[:9], tmp_path, samples=7, overwrite=False, command="as here")
    assert json.loads((tmp_path / "results.json").read_text()) == {"own": record}
    made = {"training_seconds": 3.4, "training_images": 16, "epochs": 2, "command": "as here", "binarized": False}
    made |= {"test_images": 9, "samples": 7, "evidence_images": 5}
    assert {name: record[name] for name in made} == made
    assert f"JAX {jax.__version__}" in record["machine"]
    assert "curve" not in record
    written = vaelib.load_model(tmp_path / "own.safetensors")
    assert record["elbo"] == measure(written, images[:9], binarize=False)["elbo"]
    assert record["elbo_float32"] != record["elbo"]
    assert record["elbo_float32"] == pytest.approx(record["elbo"], abs=0.05)


def test_a_recipe_that_was_interrupted_records_nothing_and_goes_on(tmp_path, monkeypatch, images):
    class Interrupted(Recipe):
        def train(self, *arguments, callback, **options):
            def interrupt(done, model, history):
                callback(done, model, history)
                if done == 1:
                    signal.raise_signal(signal.SIGINT)

            return super().train(*arguments, progress=False, callback=interrupt, **options)

    recipe = Interrupted(vaelib.VAE.create, {"latent": 2, "pixels": 36}, epochs=2, batch_size=8, hidden=(4,))
    monkeypatch.setitem(RECIPES, "own", recipe)

    def write():
        return make_weights("own", images, images[:9], tmp_path, samples=1, overwrite=False, command="")

    assert write() is None
    assert [file.name for file in tmp_path.iterdir()] == ["own.checkpoint"]
    record = write()
    model, _ = Recipe.train(recipe, images, progress=False)
    assert record["elbo_float32"] == measure(model, images[:9], binarize=False)["elbo"]


@pytest.mark.parametrize("run", ["pretrain", "study"])
def test_results_that_another_process_writes_are_refused_before_training(
    tmp_path, monkeypatch, images, run, held_elsewhere
):
    recipe = Recipe(vaelib.VAE.create, {"latent": 2, "pixels": 36}, epochs=1, batch_size=8)
    monkeypatch.setitem(RECIPES, "own", recipe)
    monkeypatch.setitem(studies.STUDIES, "own", lambda *_: iter([("a", dict)]))
    path = tmp_path / "results.json"

    def write():
        if run == "study":
            return dict(studies.run_study("own", images, images, path))
        return make_weights("own", images, images, tmp_path, samples=1, overwrite=False, command="")

    with held_elsewhere(path):
        with pytest.raises(BlockingIOError, match=r"results '.*results\.json' can not be written: another process is"):
            write()
        assert {file.name for file in tmp_path.iterdir()} == {".results.json.lock"}
    write()
    assert path.exists()
    assert not list(tmp_path.glob(".*"))


def test_a_recipe_raises_the_weight_of_the_kl_from_0_to_1(images):
    recipe = Recipe(
        vaelib.VAE.create, {"latent": 2, "pixels": 36}, warm_up=0.5, epochs=4, batch_size=8, hidden=(4,), seed=1
    )
    _, history = recipe.train(images, progress=False)
    steps = history.steps
    # Two steps an epoch, eight in all: beta rises over the first four.
    beta = (steps["recon"] - steps["elbo"]) / steps["kl"]
    np.testing.assert_allclose(beta, [0, 0.25, 0.5, 0.75, 1, 1, 1, 1], atol=1e-3)


def test_a_recipe_goes_on_from_the_weights_it_names(monkeypatch, images):
    start = vaelib.VAE.create(seed=9, latent=2, hidden=(4,), pixels=36)
    monkeypatch.setattr("vaelib.recipes.load_pretrained", {"bernoulli-z2": start}.get)
    wanted = np.asarray(start.encoder.mu.kernel[...])
    recipe = Recipe(
        vaelib.VAE.create,
        {"latent": 2, "pixels": 36},
        start_from="bernoulli-z2",
        epochs=1,
        batch_size=16,
        hidden=(4,),
        peak_learning_rate=1e-9,
    )
    model, history = recipe.train(images, progress=False)
    np.testing.assert_allclose(model.encoder.mu.kernel[...], wanted, atol=1e-8)
    assert history.epochs == 1
