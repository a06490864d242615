"""The fixed encoder against Bayes' rule by quadrature, and whole chains against one Gaussian of all levels."""

import jax
import numpy as np
import pytest
import scipy.stats

import vaelib
from vaelib.noising import NoisingChain, Schedule

SCHEDULE = Schedule(levels=4, first=3.0, last=-4.0)
STEPS = range(2, SCHEDULE.levels + 1)
GRID = np.linspace(-12, 12, 6001)


def normal(z, mean, variance):
    return scipy.stats.norm(mean, np.sqrt(variance)).pdf(z)


def level(t):
    """alpha_t² and sigma_t² by their definition, in float64."""
    snr = np.exp(3.0 - 7.0 * (t - 1) / 3)
    return snr / (1 + snr), 1 / (1 + snr)


def moments(gaussian):
    return float(gaussian.mu[0]), float(np.exp(gaussian.log_var[0]))


def test_levels_are_those_of_the_definition():
    t = np.arange(1, 5)
    np.testing.assert_allclose(SCHEDULE.alpha(t) ** 2, level(t)[0], rtol=1e-5)
    np.testing.assert_allclose(SCHEDULE.sigma(t) ** 2, level(t)[1], rtol=1e-5)
    np.testing.assert_allclose(SCHEDULE.time(t), [0, 1 / 3, 2 / 3, 1], rtol=1e-6)


@pytest.mark.parametrize("t", STEPS)
def test_one_level_more_of_noise_leads_to_the_same_as_all_at_once(t):
    z_0 = 0.7
    before, kept = normal(GRID, *moments(SCHEDULE.noised(np.float32([z_0]), t - 1))), []
    for z_t in (-1.0, 0.3, 2.0):
        onward = SCHEDULE.onward(np.float32(GRID)[:, None], t)
        step = normal(z_t, np.asarray(onward.mu, np.float64)[:, 0], np.exp(np.asarray(onward.log_var)[:, 0]))
        kept.append(np.trapezoid(before * step, GRID))
    alpha2, sigma2 = level(t)
    np.testing.assert_allclose(kept, normal(np.array([-1.0, 0.3, 2.0]), np.sqrt(alpha2) * z_0, sigma2), rtol=1e-4)


@pytest.mark.parametrize("t", STEPS)
def test_the_way_back_is_bayes_rule(t):
    z_0, z_t = 0.7, -1.2
    (alpha2_s, sigma2_s), (alpha2, sigma2) = level(t - 1), level(t)
    onward_variance = sigma2 - alpha2 / alpha2_s * sigma2_s
    joint = normal(GRID, np.sqrt(alpha2_s) * z_0, sigma2_s)
    joint *= normal(z_t, np.sqrt(alpha2 / alpha2_s) * GRID, onward_variance)
    posterior = joint / np.trapezoid(joint, GRID)
    mean = np.trapezoid(posterior * GRID, GRID)
    variance = np.trapezoid(posterior * (GRID - mean) ** 2, GRID)
    found = moments(SCHEDULE.back(np.float32([z_t]), np.float32([z_0]), t))
    np.testing.assert_allclose(found, (mean, variance), rtol=1e-4)


@pytest.mark.parametrize("t", STEPS)
def test_the_kl_of_a_step_is_that_of_its_two_gaussians(t):
    z_0, eps, guess = np.float32([0.7]), np.float32([0.4]), np.float32([-0.5])
    alpha, sigma = np.sqrt(level(t))
    z_t = np.float32(alpha * z_0 + sigma * eps)
    q, p = SCHEDULE.back(z_t, z_0, t), SCHEDULE.back(z_t, np.float32((z_t - sigma * guess) / alpha), t)
    log_q, log_p = (scipy.stats.norm(mean, np.sqrt(var)).logpdf(GRID) for mean, var in (moments(q), moments(p)))
    by_grid = np.trapezoid(np.exp(log_q) * (log_q - log_p), GRID)
    found = float(SCHEDULE.step_kl(np.asarray(np.sum((eps - guess) ** 2)), t))
    np.testing.assert_allclose(found, by_grid, rtol=1e-3)
    np.testing.assert_allclose(found, float(vaelib.kl(q, p)), rtol=1e-3)


@pytest.fixture(scope="module")
def all_levels():
    """The levels of a chain from z_0 = 0.7 as one Gaussian: cov(z_s, z_t) = alpha_s alpha_t / SNR_min(s, t)."""
    alpha2, sigma2 = level(np.arange(1, 5))
    alpha, lower = np.sqrt(alpha2), np.minimum.outer(np.arange(4), np.arange(4))
    return scipy.stats.multivariate_normal(alpha * 0.7, np.outer(alpha, alpha) * (sigma2 / alpha2)[lower])


def test_whole_chains_are_one_gaussian(all_levels):
    chain = NoisingChain(np.full((1, 1), 0.7, np.float32), SCHEDULE)
    z = np.random.default_rng(0).normal(size=(20, 1, 4))
    np.testing.assert_allclose(chain.log_prob(np.float32(z))[:, 0], all_levels.logpdf(z[:, 0]), rtol=1e-4)


def test_draws_of_chains_have_its_moments(all_levels):
    z = np.asarray(NoisingChain(np.full((1, 1), 0.7, np.float32), SCHEDULE).sample(jax.random.key(0), (40_000,)))[:, 0]
    error = np.sqrt(np.diag(all_levels.cov) / len(z))
    assert np.all(np.abs(z.mean(axis=0) - all_levels.mean) < 4 * error)
    np.testing.assert_allclose(np.cov(z.T), all_levels.cov, atol=4 / np.sqrt(len(z)))


def test_levels_of_vectors_lie_side_by_side():
    z_0 = np.float32([[3.0, -5.0]])
    sharp = Schedule(levels=3, first=30.0, last=10.0)
    z = np.asarray(NoisingChain(z_0, sharp).sample(jax.random.key(0), (2,)))
    assert z.shape == (2, 1, 6)
    np.testing.assert_allclose(z[0, 0].reshape(3, 2), np.tile(z_0, (3, 1)), atol=0.1)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"levels": 1}, ValueError, "levels must be an integer of at least 2"),
        ({"levels": 2.5}, TypeError, "levels must be an integer"),
        ({"first": -8.0}, ValueError, "first must be above last"),
        ({"first": float("inf")}, ValueError, "both finite"),
        ({"last": float("nan")}, ValueError, "both finite"),
    ],
)
def test_refused(options, error, says):
    with pytest.raises(error, match=says):
        Schedule(**options)
