"""The studies of notebooks 03 to 05: exact log p(x), the mixture, short runs of each, and the shipped tables."""

import json
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from click.testing import CliRunner

import vaelib
from vaelib.__main__ import main
from vaelib.studies import load_study, run_study
from vaelib.studies.bound import log_px_on_grid, measure_log_px
from vaelib.studies.bound import train as train_bound
from vaelib.studies.draws import train as train_draws
from vaelib.studies.families import MixtureVAE, TwoGaussians
from vaelib.studies.families import train as train_family


@pytest.fixture(scope="module")
def strokes(images):
    """A hundred binary strokes, as one batch, and the first sixteen of them."""
    many = np.tile((images > 0.5).astype(np.float32), (7, 1))[:100]
    return many, many[:16]


@pytest.fixture(scope="module")
def mixture():
    first = vaelib.Gaussian(jnp.asarray([[-1.0, 0.5]]), jnp.asarray([[-1.0, 0.2]]))
    return TwoGaussians(first, vaelib.Gaussian(jnp.asarray([[0.8, -0.5]]), jnp.asarray([[0.3, -2.0]])))


def test_the_grid_gives_what_many_prior_draws_give(strokes):
    model = vaelib.VAE.create(latent=2, hidden=(16,), pixels=36)
    by_draws = vaelib.prior_log_evidence(model, strokes[1], jax.random.key(0), num_samples=50_000)
    np.testing.assert_allclose(log_px_on_grid(model, strokes[1]), by_draws, atol=0.02)


def test_the_mixture_is_a_density_and_its_draws_follow_it(mixture):
    axis = np.linspace(-8, 8, 401, dtype=np.float32)
    z = np.stack(np.meshgrid(axis, axis), axis=-1)
    density = np.exp(np.asarray(mixture.log_prob(z[:, :, None])[..., 0], np.float64))
    cell = (axis[1] - axis[0]) ** 2
    assert density.sum() * cell == pytest.approx(1, abs=1e-4)
    drawn = np.asarray(mixture.sample(jax.random.key(0), (20_000,)))[:, 0]
    for moment in (z, z**2):
        exact = (moment * density[..., None]).sum((0, 1)) * cell
        sampled = drawn if moment is z else drawn**2
        assert np.all(np.abs(sampled.mean(0) - exact) < 4 * sampled.std(0) / 20_000**0.5)


def test_a_gradient_reaches_both_components(mixture):
    slopes = jax.grad(lambda q: q.sample(jax.random.key(1), (200,)).sum())(mixture)
    for component in (slopes.first, slopes.second):
        assert np.all(np.asarray(component.mu) > 0)
        assert np.any(np.asarray(component.log_var) != 0)


def test_the_elbo_of_a_mixture_takes_its_kl_from_the_draw(strokes):
    model = MixtureVAE.create(latent=2, hidden=(16,), pixels=36)
    key = jax.random.key(0)
    q = model.encode(strokes[1])
    z = q.sample(key, (1,))
    wanted = (q.log_prob(z) - vaelib.standard_normal(z.shape).log_prob(z))[0]
    np.testing.assert_allclose(vaelib.elbo(model, strokes[1], key).kl, wanted, rtol=1e-5, atol=1e-5)


def test_a_short_run_of_each_study_starts_as_the_long_one(strokes):
    many, few = strokes
    one, two = (train_bound(many, few, "ELBO", 0, stops=stops) for stops in ((0, 1), (0, 1, 2)))
    assert one["log p(x)"] == two["log p(x)"][:2]
    assert two["epoch"] == [0, 1, 2]
    assert all(elbo < log_px for elbo, log_px in zip(two["elbo"], two["log p(x)"], strict=True))
    short = train_bound(many, few, "ELBO", 0, stops=(1,), measure=measure_log_px)
    assert short == {"epoch": [1], "log p(x)": one["log p(x)"][1:]}
    one, two = (train_draws(many, few, 2, 5, 0, stop=stop) for stop in (1, 2))
    assert one["elbo"] == two["elbo"][:1]
    assert two["passes"] == 300
    one, two = (train_family(many, few, "mixture, draw", 0, stops=stops) for stops in ((1,), (1, 2)))
    assert one["elbo"] == two["elbo"][:1]


def test_a_study_goes_on_after_what_it_has_written(tmp_path, monkeypatch):
    did = []

    def do(name):
        did.append(name)
        return {"did": len(did)}

    def two_entries(images, test_images):
        yield from ((name, partial(do, name)) for name in "ab")

    monkeypatch.setitem(vaelib.studies.STUDIES, "bound", two_entries)
    path = tmp_path / "bound.json"
    path.write_text(json.dumps({"a": {"did": 7}}), encoding="utf-8")
    assert dict(run_study("bound", None, None, path)) == {"a": {"did": 7}, "b": {"did": 1}}
    assert did == ["b"]


def test_an_unknown_study_is_refused():
    with pytest.raises(ValueError, match="name must be one of"):
        load_study("nothing")
    result = CliRunner().invoke(main, ["study", "nothing"])
    assert result.exit_code == 1
    assert "NAME must be one of" in result.output


def test_other_libraries_were_asked_with_their_versions():
    answers = load_study("other-libraries")
    assert set(answers) == {
        "m",
        "draws",
        "gaussians",
        "torch",
        "tensorflow",
        "tensorflow-probability",
        "numpyro",
        "distrax",
    }
    assert all(answer["version"][0].isdigit() for answer in answers.values() if isinstance(answer, dict))
