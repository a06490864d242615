"""The study of notebook 01: the bent Gaussian, log p(x) by codes of equal shares, and the shipped numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import vaelib
from vaelib.studies import load_study, uniform_prior


@pytest.fixture(scope="module")
def gaussian():
    return vaelib.Gaussian(jnp.asarray([0.5, -1.0]), jnp.asarray([-1.0, -2.0]))


def test_the_bent_gaussian_is_a_density_on_the_square(gaussian):
    u = uniform_prior.equal_codes("uniform", 400)
    density = np.exp(np.asarray(uniform_prior.Bent(gaussian).log_prob(u), np.float64))
    assert density.mean() * (2 * uniform_prior.HALF) ** 2 == pytest.approx(1, abs=1e-3)
    drawn = np.asarray(uniform_prior.Bent(gaussian).sample(jax.random.key(0), (20_000,)))
    assert np.abs(drawn).max() < uniform_prior.HALF
    exact = (u * density[:, None]).mean(axis=0) * (2 * uniform_prior.HALF) ** 2
    assert np.all(np.abs(drawn.mean(axis=0) - exact) < 4 * drawn.std(axis=0) / 20_000**0.5)


def test_its_kl_to_the_uniform_prior_is_the_mean_over_draws(gaussian):
    q, p = uniform_prior.Bent(gaussian), uniform_prior.Uniform(2)
    u = q.sample(jax.random.key(1), (20_000,))
    by_draws = np.asarray(q.log_prob(u) - p.log_prob(u))
    assert abs(by_draws.mean() - float(vaelib.kl(q, p))) < 4 * by_draws.std() / 20_000**0.5
    assert np.all(np.isneginf(p.log_prob(jnp.asarray([[2.0, 0.0], [0.0, -1.8]]))))


@pytest.mark.parametrize("prior", uniform_prior.MODELS)
def test_the_codes_are_even_shares_of_the_prior(prior):
    codes = uniform_prior.equal_codes(prior, 200)
    model = uniform_prior.MODELS[prior].create(latent=2, pixels=2, hidden=(8,))
    drawn = np.asarray(model.prior().sample(jax.random.key(2), (10_000,)))
    for column in range(2):
        assert stats.ks_2samp(codes[:, column], drawn[:, column]).statistic < 0.03


def test_log_px_by_codes_is_log_px_by_many_draws():
    model = uniform_prior.MODELS["uniform"].create(
        latent=2, pixels=2, hidden=(8,), likelihood="gaussian", sigma=uniform_prior.SIGMA
    )
    x = np.asarray(model.decode(model.prior().sample(jax.random.key(3), (20,))).sample(jax.random.key(4))).clip(0, 1)
    by_draws = vaelib.prior_log_evidence(model, x, jax.random.key(5), num_samples=100_000)
    assert uniform_prior.log_px(model, x, uniform_prior.equal_codes("uniform")) == pytest.approx(
        float(by_draws.mean()), abs=0.05
    )


def test_a_training_raises_log_px_of_the_ring():
    short, longer = (uniform_prior.train("uniform", 0, epochs=epochs)["log p(x)"] for epochs in (1, 3))
    assert longer > short


def test_the_shipped_numbers_are_those_of_the_entries():
    found = load_study("uniform-prior")
    assert all(set(entry) == {"log p(x)"} for entry in found.values())
