"""The checkers of notebook 12: right answers in any form pass, wrong ones are told what is off."""

import jax.numpy as jnp
import numpy as np
import pytest

from vaelib.exercises import today as exercises


def step_kl(snr_s, snr_t, error):
    return 0.5 * (snr_s - snr_t) * error


@pytest.mark.parametrize("answer", [step_kl, lambda s, t, error: jnp.asarray(error) * (s - t) / 2])
def test_step_kl_right(answer):
    assert exercises.check_step_kl(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda s, t, error: -step_kl(s, t, error), "never negative"),
        (lambda s, t, error: 2 * step_kl(s, t, error), "is half"),
        (lambda s, t, error: 0.5 * (s / t - 1) * error, "squared error of the noise"),
        (lambda s, t, error: s * error, "should be 2.25"),
        (lambda s, t, error: np.ones(2), "shape ()"),
        (lambda s, t, error: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_step_kl_wrong(answer, hint):
    verdict = exercises.check_step_kl(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def scale_factor(codes):
    return 1 / np.std(codes - codes.mean(axis=0))


@pytest.mark.parametrize("answer", [scale_factor, lambda z: jnp.mean(jnp.var(jnp.asarray(z), axis=0)) ** -0.5])
def test_scale_factor_right(answer):
    assert exercises.check_scale_factor(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda z: 1 / z.std(axis=0), "one a dimension"),
        (lambda z: np.std(z - z.mean(axis=0)), "one over it"),
        (lambda z: 1 / np.var(z - z.mean(axis=0)), "one over the variance"),
        (lambda z: 1 / np.std(z), "far from 0"),
        (lambda z: 0.18215, "should be"),
        (lambda z: z, "shape ()"),
    ],
)
def test_scale_factor_wrong(answer, hint):
    verdict = exercises.check_scale_factor(answer)
    assert verdict.passed is False
    assert hint in verdict.message


@pytest.mark.parametrize("answer", [200.0, 1e-3, np.float32(1e4)])
def test_bad_spread_right(answer):
    assert exercises.check_bad_spread(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (1.0, "loses 0.0"),
        (5.49, "loses 0.0"),
        (0.1, "loses 0.0"),
        (-3.0, "positive"),
        (np.inf, "positive"),
        ("x", "raised"),
    ],
)
def test_bad_spread_wrong(answer, hint):
    verdict = exercises.check_bad_spread(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def test_the_gap_is_that_of_a_chain_written_out():
    """Two levels, by draws: log p(z_0) less recon and both KLs, the guess being E[z_0 | z_2]."""
    spread, snr = 1.5, np.exp([2.0, -1.0])
    alpha2, sigma2 = snr / (1 + snr), 1 / (1 + snr)
    z_0, eps = np.random.default_rng(0).standard_normal((2, 400_000)) * [[spread], [1.0]]
    z_2 = np.sqrt(alpha2[1]) * z_0 + np.sqrt(sigma2[1]) * eps
    guess = np.sqrt(alpha2[1]) * spread**2 / (alpha2[1] * spread**2 + sigma2[1]) * z_2
    kl = 0.5 * (snr[0] - snr[1]) * (z_0 - guess) ** 2
    kl += 0.5 * (alpha2[1] * z_0**2 + sigma2[1] - np.log(sigma2[1]) - 1)
    elbo = -0.5 * (1 + np.log(2 * np.pi / snr[0])) - kl
    gap = -0.5 * ((z_0 / spread) ** 2 + np.log(2 * np.pi * spread**2)) - elbo
    found = exercises.gap_of_gaussian_data(spread, 2, 2.0, -1.0)
    assert abs(np.mean(gap) - found) < 4 * np.std(gap) / np.sqrt(len(z_0))


def blank(*arguments): ...


@pytest.mark.parametrize("check", [exercises.check_step_kl, exercises.check_scale_factor, exercises.check_bad_spread])
@pytest.mark.parametrize("answer", [..., None, blank])
def test_unattempted(check, answer):
    verdict = check(answer)
    assert verdict.passed is None
    assert repr(verdict).startswith("Not attempted")
