"""The study of priors for a VAE's codes: its scale, its blocks, and what ships of every run."""

import jax
import numpy as np
import pytest

import vaelib
from vaelib import studies
from vaelib.diffusion import Diffusion, diffusion_elbo
from vaelib.noising import Schedule
from vaelib.studies import common, judges, today


@pytest.fixture(scope="module")
def codes(images):
    model = vaelib.VAE.create(seed=1, latent=3, hidden=(8,), pixels=36)
    return today.Codes(model, images, images[:5])


def test_scaled_codes_have_mean_0_and_spread_1(codes):
    scaled = codes.scaled(codes.drawn)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(), 1, rtol=1e-5)
    mu, spread, label = codes.for_prior(factor=10.0)
    np.testing.assert_allclose(mu * codes.std / 10 + codes.centre, codes.mu, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(spread * codes.std / 10, codes.spread, rtol=1e-5)
    assert set(label) == {-1}


@pytest.mark.parametrize("factor", [1.0, 10.0])
def test_log_prior_is_a_density_of_the_code_whatever_its_size(codes, factor):
    prior = Diffusion.create(size=3, hidden=(4,), schedule=Schedule(50))
    of_scaled = diffusion_elbo(prior, codes.scaled(codes.test, factor), jax.random.key(9), num_samples=20).elbo.mean()
    wanted = of_scaled + 3 * np.log(factor / codes.std)
    np.testing.assert_allclose(today.log_prior(prior, codes, factor), wanted, rtol=1e-5)


def test_draws_come_back_in_the_units_of_the_codes(codes):
    prior = Diffusion.create(size=3, hidden=(4,), schedule=Schedule(50))
    z = np.asarray(prior.with_levels(today.DRAWN).sample(jax.random.key(2), judges.DRAWS))
    np.testing.assert_allclose(today.draws_of(prior, codes, 2, 4.0), z * codes.std / 4 + codes.centre, rtol=1e-5)


def test_a_batch_of_codes_is_drawn_afresh():
    prior = Diffusion.create(size=2, hidden=(4,), schedule=Schedule(50))
    mu = np.zeros((2_000, 2), np.float32)
    batch = mu, np.full_like(mu, 3.0), np.full(2_000, -1)
    found = np.asarray(today.of_codes(prior, batch, jax.random.key(0)).elbo).mean()
    wide = diffusion_elbo(prior, 3 * jax.random.normal(jax.random.key(1), mu.shape), jax.random.key(2)).elbo
    assert abs(found - np.mean(wide)) < 5 * np.std(wide) / np.sqrt(1_000)


def test_a_prior_is_trained_on_codes(codes):
    prior = today.train_prior(tuple(np.tile(part.T, 20).T for part in codes.for_prior()), epochs=2)
    assert (prior.pixels, prior.labels, prior.schedule.levels) == (3, 0, today.FINE)
    assert np.abs(prior.output.kernel[...]).max() > 0


def test_blocks_are_the_whole(codes, images):
    model = vaelib.VAE.create(seed=1, latent=3, hidden=(8,), pixels=36)
    for num in (1, common.BLOCK, common.BLOCK + 7):
        x = np.resize(images, (num, 36))
        q = model.encode(x)
        found = today.Codes(model, x, x)
        np.testing.assert_allclose(found.mu, q.mu, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(found.spread, np.exp(q.log_var / 2), rtol=1e-4)
        np.testing.assert_allclose(common.decoded(model, q.mu), model.decode(q.mu).mean, rtol=1e-4)


def test_every_run_ships():
    study = studies.load_study("today")
    names = {f"beta {beta}, seed {seed}" for beta in today.BETAS for seed in today.SEEDS}
    names |= {f"priors, seed {seed}" for seed in today.SEEDS} | {f"scale {factor}" for factor in today.SCALES}
    assert set(study) == names
    assert names == {name for name, _ in today.entries(np.zeros((1, 784)), np.zeros((1, 784)))}
