"""The checkers of notebooks 00 and 01: right answers in any form pass, wrong ones are told what is off."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from vaelib.exercises import generative as exercises


@pytest.mark.parametrize("answer", [392, 28 * 28 / 2, np.float32(392), jnp.asarray(392)])
def test_pixels_per_number_right(answer):
    assert exercises.check_pixels_per_number(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (784, "each of the two"),
        (2 / 784, "turn the fraction"),
        (28, "should be 392"),
        ([392] * 2, "shape"),
        ("392", "numbers"),
    ],
)
def test_pixels_per_number_wrong(answer, hint):
    verdict = exercises.check_pixels_per_number(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def white_pixels(p):
    return p.sum(), np.sqrt((p * (1 - p)).sum())


def white_pixels_as_array(p):
    return jnp.asarray([jnp.sum(p), jnp.linalg.norm(jnp.sqrt(p - p**2))])


@pytest.mark.parametrize("answer", [white_pixels, white_pixels_as_array])
def test_white_pixels_right(answer):
    assert exercises.check_white_pixels(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda p: white_pixels(p)[::-1], "other order"),
        (lambda p: (p.sum(), (p * (1 - p)).sum()), "variance"),
        (lambda p: (p.sum(), np.sqrt(p * (1 - p)).sum()), "do not add up"),
        (lambda p: (p.mean(), white_pixels(p)[1]), "mean over pixels"),
        (lambda p: p.sum(), "shape (2,)"),
        (lambda p: p.nothing, "AttributeError"),
    ],
)
def test_white_pixels_wrong(answer, hint):
    verdict = exercises.check_white_pixels(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def to_exponential(z):
    return -stats.norm.logsf(z)


streams = map(np.random.default_rng, itertools.count())


@pytest.mark.parametrize(
    "answer",
    [
        to_exponential,
        lambda z: stats.expon.ppf(stats.norm.cdf(z)),
        lambda z: -np.log(stats.norm.cdf(z)),  # falling instead of rising
        lambda z: -stats.norm.logsf(np.sign(z) * np.abs(z)[::-1]),  # not even pixel by pixel
    ],
)
def test_to_exponential_right(answer):
    assert exercises.check_to_exponential(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda z: to_exponential(z).ravel(), "keep the shape"),
        (lambda z: np.where(z > 0, np.nan, 1.0), "NaN"),
        (lambda z: -to_exponential(z), "Turn the sign"),
        (lambda z: to_exponential(z) - 0.5, "never negative"),
        (stats.norm.cdf, "still uniform"),
        (lambda z: 2 * to_exponential(z), "the mean should be 1"),
        (lambda z: np.abs(z) / np.abs(z).mean(), "the mean should be 1"),
        (lambda z: np.random.default_rng(0).exponential(size=z.shape), "function of z"),
        (lambda z: to_exponential(z) * 0 + next(streams).exponential(size=z.shape), "second call"),
        (lambda z: z.nothing, "AttributeError"),
    ],
)
def test_to_exponential_wrong(answer, hint):
    verdict = exercises.check_to_exponential(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def sample_styles(rng, num):
    s = rng.choice([-1.0, 1.0], size=num)
    z = 2 * s + rng.standard_normal(num)
    return z + 0.5 * rng.standard_normal(num)


def sample_styles_one_by_one(rng, num):
    return np.array([rng.normal(rng.normal(2 if rng.random() < 0.5 else -2, 1), 0.5) for _ in range(num)])


@pytest.mark.parametrize("answer", [sample_styles, sample_styles_one_by_one])
def test_sample_styles_right(answer):
    assert exercises.check_sample_styles(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda rng, num: sample_styles(rng, num)[:, None], "shape (20000,)"),
        (lambda rng, num: sample_styles(np.random.default_rng(0), num), "from rng"),
        (lambda rng, num: 2 * rng.choice([-1, 1]) + np.sqrt(1.25) * rng.standard_normal(num), "one coin"),
        (lambda rng, num: 2 * rng.choice([-1, 1], size=num) + rng.standard_normal(num), "x given z"),
        (lambda rng, num: np.sqrt(5.25) * rng.standard_normal(num), "humps"),
        (lambda rng, num: rng.nothing, "AttributeError"),
    ],
)
def test_sample_styles_wrong(answer, hint):
    verdict = exercises.check_sample_styles(answer)
    assert verdict.passed is False
    assert hint in verdict.message


@pytest.mark.parametrize(
    "check", [exercises.check_white_pixels, exercises.check_to_exponential, exercises.check_sample_styles]
)
def test_an_exercise_left_alone_is_not_attempted(check):
    def blank(p): ...

    assert check(blank).passed is None
    assert check(...).passed is None


def density_of_styles(x):
    return (stats.norm(-2, 1.25**0.5).pdf(x) + stats.norm(2, 1.25**0.5).pdf(x)) / 2


def density_by_quadrature(x):
    z = np.linspace(-12, 12, 2401)
    p_z = (stats.norm.pdf(z, -2, 1) + stats.norm.pdf(z, 2, 1)) / 2
    return np.sum(p_z * stats.norm.pdf(np.asarray(x)[..., None], z, 0.5), axis=-1) * (z[1] - z[0])


@pytest.mark.parametrize("answer", [density_of_styles, density_by_quadrature])
def test_density_of_styles_right(answer):
    assert exercises.check_density_of_styles(answer).passed is True


def humps(spread):
    return lambda x: (stats.norm(-2, spread).pdf(x) + stats.norm(2, spread).pdf(x)) / 2


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (humps(1.0), "density of z"),
        (humps(0.5), "given z = 2s"),
        (humps(1.5), "do not add up"),
        (humps(1.25), "square root"),
        (lambda x: 2 * density_of_styles(x), "integrates to 2"),
        (lambda x: stats.norm(0, 5.25**0.5).pdf(x), "two humps"),
        (lambda x: np.log(density_of_styles(x)), "logarithm"),
        (lambda x: density_of_styles(x)[0], "shape"),
        (lambda x: 0 * x, "should be"),
    ],
)
def test_density_of_styles_wrong(answer, hint):
    verdict = exercises.check_density_of_styles(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def ring_of(angle, radius):
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def exponential(z):
    return -stats.norm.logsf(z)


def whole_ring(z):
    return ring_of(2 * np.pi * stats.norm.cdf(z[:, 0]), 1 + np.sqrt(2 * exponential(z[:, 1])) / 10)


def other_whole_ring(z):
    """The coordinates change roles, the angle runs the other way and starts elsewhere."""
    return ring_of(1 - 2 * np.pi * stats.norm.cdf(z[:, 1]), 1 + np.sqrt(2 * exponential(-z[:, 0])) / 10)


def torn(z):
    return z / 10 + z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-300)


def torn_in_half(z):
    """The right distribution, with a tear along z1 = 0."""
    share = stats.norm.cdf(z[:, 0])
    return ring_of(2 * np.pi * np.where(share < 0.5, 0.5 - share, share), 1 + np.sqrt(2 * exponential(z[:, 1])) / 10)


@pytest.mark.parametrize("answer", [whole_ring, other_whole_ring])
def test_whole_ring_right(answer):
    assert exercises.check_whole_ring(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (torn, "tears"),
        (torn_in_half, "tears"),
        (lambda z: z, "radius should"),
        (lambda z: ring_of(z[:, 0], 1 + np.sqrt(2 * exponential(z[:, 1])) / 10), "uniform"),
        (lambda z: ring_of(2 * np.pi * stats.norm.cdf(z[:, 0]), 1 + np.sqrt(2 * exponential(z[:, 0])) / 10), "thicker"),
        (lambda z: whole_ring(z)[:, 0], "shape"),
        (lambda z: np.sqrt(z), "NaN"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_whole_ring_wrong(answer, hint):
    verdict = exercises.check_whole_ring(answer)
    assert verdict.passed is False
    assert hint in verdict.message


@pytest.mark.parametrize(
    "pair",
    [
        (lambda z: z + 10, lambda z: z - 10),
        (lambda z: 10 * z, lambda z: z / 10),
        [lambda z: z / 5, lambda z: 5 * z],
        (lambda z: jnp.sinh(3 * z), lambda z: jnp.arcsinh(z) / 3),
    ],
)
def test_spoil_right(pair):
    assert exercises.check_spoil(lambda: pair).passed is True


@pytest.mark.parametrize(
    ("pair", "hint"),
    [
        ((lambda z: -z, lambda z: -z), "turn leaves"),
        ((lambda z: z + 10, lambda z: z - 9), "given back"),
        ((lambda z: z[:, 0], lambda z: z), "given back"),
        (lambda z: z, "two functions"),
        ((3, 4), "two functions"),
    ],
)
def test_spoil_wrong(pair, hint):
    verdict = exercises.check_spoil(lambda: pair)
    assert verdict.passed is False
    assert hint in verdict.message
