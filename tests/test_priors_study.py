"""The studies of four priors, of the ring and of two small data sets: what they fit, against definitions."""

import jax
import numpy as np
import pytest
from scipy import stats

import vaelib
from vaelib import studies
from vaelib.diffusion import Diffusion
from vaelib.noising import Schedule
from vaelib.studies import common, judges, own_images, priors, ring, today


@pytest.fixture
def rng():
    """A generator of each test's own, so that no test depends on which others ran before."""
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def codes(images):
    model = vaelib.VAE.create(seed=1, latent=3, hidden=(8,), pixels=36)
    return today.Codes(model, np.tile(images, (20, 1)), images[:5])


# --- the ring


def test_the_ring_keeps_the_direction_and_a_tenth_of_the_length(rng):
    z = rng.standard_normal((50, 2))
    x = ring.doersch_ring(z)
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1 + np.linalg.norm(z, axis=1) / 10)
    np.testing.assert_allclose(np.arctan2(*x.T), np.arctan2(*z.T))
    assert ring.judge(x, x[:20])["inside"] == 0


def test_the_judge_counts_points_in_the_hole(rng):
    x, fresh = np.array([[0.1, 0.0], [0.0, -0.8], [1.1, 0.0], [0.7, 0.7]]), rng.standard_normal((9, 2))
    assert ring.judge(x, fresh) == {"energy": judges.energy_distance(x, fresh), "inside": 0.5}


def test_without_noise_each_step_is_the_guess_put_back(rng):
    model = Diffusion.create(seed=3, size=2, hidden=(4,), schedule=Schedule(5))
    model.output.kernel[...] = jax.random.normal(jax.random.key(0), model.output.kernel.shape)
    first = z = np.float32(rng.standard_normal((6, 2)))
    for t in (5, 4, 3, 2):
        alpha, sigma = model.schedule.alpha(t - 1), model.schedule.sigma(t - 1)
        z = alpha * model.clean(z, t) + sigma * model.noise(z, t)
    np.testing.assert_allclose(ring.without_noise(model, first), model.clean(z, 1), rtol=1e-4, atol=1e-5)


def test_an_entry_of_the_ring_holds_what_a_notebook_reads(monkeypatch):
    for name, value in {"HIDDEN": (4,), "EPOCHS": 1, "POINTS": 500, "DRAWS": 30, "DRAWN": 3}.items():
        monkeypatch.setattr(ring, name, value)
    name, do = next(ring.entries(None, None))
    shipped = studies.load_study("ring")
    entry = do()
    assert {key: set(value) for key, value in entry.items()} == {
        key: set(value) for key, value in shipped[name].items()
    }
    assert entry["fresh points"]["inside"] == 0


# --- the priors


def test_half_of_the_labels_are_withheld(rng):
    labels = rng.integers(10, size=2_000)
    found = priors.half_withheld(labels)
    assert abs(np.mean(found == -1) - 0.5) < 5 * 0.5 / np.sqrt(2_000)
    np.testing.assert_array_equal(found[found >= 0], labels[found >= 0])


def test_the_closed_forms_are_densities_of_the_codes(codes):
    found = priors.closed_forms(codes)
    drawn = {name: z for name, (z, _) in found.items()}
    log_pz = {name: value for name, (_, value) in found.items()}
    covariance = np.cov(codes.drawn.T)
    np.testing.assert_allclose(log_pz["N(0, I)"], stats.norm.logpdf(codes.test).sum(axis=1).mean(), rtol=1e-5)
    by_scipy = stats.multivariate_normal(codes.centre, covariance).logpdf(codes.test).mean()
    np.testing.assert_allclose(log_pz["1 Gaussian"], by_scipy, rtol=1e-5)
    for name, wanted in {"N(0, I)": np.eye(3), "1 Gaussian": covariance, "10 Gaussians": covariance}.items():
        assert drawn[name].shape == (judges.DRAWS, 3)
        np.testing.assert_allclose(np.cov(drawn[name].T), wanted, atol=0.2 * np.max(np.diag(wanted)))


def test_a_picture_is_read_as_its_nearest_digit(images):
    images, labels = images[:4], np.array([3, 1, 4, 1])
    assert priors.share_right(images + 0.01, labels, images, labels) == 1
    assert priors.share_right(images[[0, 1]], np.array([3, 7]), images, labels) == 0.5


# --- what ships


def test_the_shipped_vae_is_the_one_that_was_measured():
    test_images, _ = vaelib.load_mnist("test", limit=today.TEST_IMAGES)
    model, measured = studies.load_study_model("priors"), studies.load_study("priors")["seed 0"]
    codes = today.Codes(model, test_images, test_images)
    found = judges.squared_error(common.decoded(model, codes.mu), test_images)
    np.testing.assert_allclose(found, measured["error"], rtol=1e-3)
    np.testing.assert_allclose(measured["error"], studies.load_study("today")["beta 0.01, seed 0"]["error"], rtol=0.02)


def test_a_study_without_a_model_is_refused():
    with pytest.raises(ValueError, match="own-images"):
        studies.load_study_model("ring")


def test_the_shipped_table_model_is_the_one_that_was_measured():
    raw, mean, std = own_images.table()
    rows, measured = (raw - mean) / std, studies.load_study("own-images")["table, seed 0"]
    found = vaelib.evaluate(studies.load_study_model("own-images"), rows[own_images.ROWS :], jax.random.key(1))
    np.testing.assert_allclose(found["elbo"], measured["elbo"], atol=0.05)
    assert abs(np.mean(raw[: own_images.ROWS] / std - mean / std)) < 1e-3


def test_pairs_in_order_are_counted():
    log_px = np.concatenate([np.full(20, 1.0), np.full(70, 0.0), np.full(30, 2.0)])
    assert own_images.in_order(log_px) == pytest.approx(0.7)


def test_columns_that_hang_together_alike_agree(rng):
    x = rng.standard_normal((4_000, 5)) @ rng.standard_normal((5, 5))
    assert own_images.agreement(x[:2_000], 3 + 2 * x[2_000:]) > 0.95
    turned = x * np.array([1, -1, 1, 1, 1])
    wanted = [np.corrcoef(values.T)[np.triu_indices(5, 1)] for values in (x, turned)]
    np.testing.assert_allclose(own_images.agreement(x, turned), np.corrcoef(wanted)[0, 1])


def test_a_number_of_all_seeds():
    study = {f"run {seed}": {"a": {"b": 10.0 + seed}} for seed in range(3)}
    np.testing.assert_array_equal(studies.of_seeds(study, "run {}", "a", "b"), [10, 11, 12])


def test_a_model_goes_beside_the_numbers(monkeypatch, tmp_path):
    model = vaelib.VAE.create(latent=1, hidden=(2,), pixels=3)
    monkeypatch.setitem(studies.STUDIES, "ring", lambda *_: iter([("one", lambda: {"number": 1.0, "model": model})]))
    assert list(studies.run_study("ring", None, None, tmp_path / "ring.json")) == [("one", {"number": 1.0})]
    np.testing.assert_allclose(
        vaelib.load_model(tmp_path / "ring.safetensors").encode(np.ones(3)).mu, model.encode(np.ones(3)).mu, rtol=1e-2
    )
