"""Probabilities of 8-bit images against SciPy's distribution functions, and against counts."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm

from vaelib import eight_bit

LEVELS = (np.arange(256) / 255).astype(np.float32)[:, None]  # every image of one pixel
MEANS = [0.0, 0.02, 0.3, 0.5, 0.9, 1.0]


def masses(family, mean, *spread):
    """P of every level of a pixel with this mean."""
    return np.exp(np.asarray(family(LEVELS, np.full_like(LEVELS, mean), *spread)))


@pytest.mark.parametrize("sigma", [0.03, 0.1, 0.7])
@pytest.mark.parametrize("mean", MEANS)
def test_normal(mean, sigma):
    edges = np.concatenate([[-np.inf], np.arange(1, 256) / 256, [np.inf]])
    wanted = np.diff(norm((mean * 255 + 0.5) / 256, sigma).cdf(edges))
    assert_allclose(masses(eight_bit.normal, mean, np.float32(sigma)), wanted, atol=2e-7)


def test_normal_keeps_its_digits_far_from_the_mean():
    log_mass = eight_bit.normal(np.float32([[0.5]]), np.float32([[0.0]]), np.float32(0.02))
    middle = (128 + 0.5) / 256 - 0.5 / 256
    assert_allclose(log_mass, norm(0, 0.02).logpdf(middle) - np.log(256), rtol=1e-2)


@pytest.mark.parametrize("mean", [0.003, *MEANS[1:-1], 0.997])
def test_continuous_bernoulli_has_the_mean_and_the_shape(mean):
    mass = masses(eight_bit.continuous_bernoulli, mean)
    centre = (np.arange(256) + 0.5) / 256
    assert_allclose(mass.sum(), 1, rtol=1e-5)
    assert_allclose(mass @ centre, (mean * 255 + 0.5) / 256, atol=1e-3)
    slopes = np.diff(np.log(mass[mass > 1e-30]))  # the logarithm is linear in the grey value
    assert_allclose(slopes, slopes.mean(), atol=1e-3)


@pytest.mark.parametrize("mean", [0.01, 0.2, 0.45])
def test_rate_of_mean(mean):
    s = float(eight_bit.rate_of_mean(np.float32(mean)))
    area = quad(lambda x: np.exp(-s * x), 0, 1)[0]
    assert_allclose(quad(lambda x: x * np.exp(-s * x), 0, 1)[0] / area, mean, rtol=1e-4)


def test_a_table_counts_levels_by_the_mean():
    rng = np.random.default_rng(0)
    at_low, at_high = expit(eight_bit.NODES[[27, 38]])  # between two nodes a table mixes their rows
    mean = rng.choice([at_low, at_high], size=(400, 500)).astype(np.float32)
    level = np.where(mean < 0.5, rng.choice([0, 40], size=mean.shape), rng.choice([100, 255], size=mean.shape))
    table = eight_bit.Table.count((level / 255).astype(np.float32), mean)
    assert_allclose(table.mass.sum(axis=1), 1, rtol=1e-5)
    low, high = masses(table.log_prob, at_low), masses(table.log_prob, at_high)
    assert_allclose(low.sum(), 1, rtol=1e-5)
    assert_allclose([low[0], low[40], high[100], high[255]], 0.5, atol=0.01)
    assert low[100] < 1e-3 > high[0]


def test_a_table_knows_more_than_a_family_that_does_not_fit():
    rng = np.random.default_rng(1)
    mean = rng.uniform(0.01, 0.99, size=(2000, 20)).astype(np.float32)
    x = (rng.uniform(size=mean.shape) < mean).astype(np.float32)  # black or white: no normal is like that
    table = eight_bit.Table.count(x[:1000], mean[:1000])
    of_table = np.mean(table.log_prob(x[1000:], mean[1000:]))
    best = np.mean(x[1000:] * np.log(mean[1000:]) + (1 - x[1000:]) * np.log1p(-mean[1000:])) * 20
    assert best - 2 < of_table < best + 0.5
    assert of_table > np.mean(eight_bit.normal(x[1000:], mean[1000:], np.float32(0.5))) + 1
