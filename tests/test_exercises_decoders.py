"""The checkers of notebook 06: right answers in any form pass, wrong ones are told what is off."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from vaelib.exercises import decoders as exercises


def area(p):
    a = np.log(p / (1 - p))
    return (1 - p) * (np.exp(a) - 1) / a


def area_by_quadrature(p):
    x = np.linspace(0, 1, 20_001)[:, None]
    return np.trapezoid(p**x * (1 - p) ** (1 - x), x, axis=0)


@pytest.mark.parametrize("answer", [area, area_by_quadrature, lambda p: (1 - 2 * p) / jnp.log((1 - p) / p)])
def test_area_right(answer):
    assert exercises.check_area(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda p: -area(p), "sign"),
        (lambda p: 1 / area(p), "normaliser"),
        (lambda p: area(p) / (1 - p), "factor 1 - p"),
        (lambda p: np.ones_like(p), "at index"),
        (lambda p: area(p).mean(), "shape (5,)"),
        (lambda p: p.nothing, "AttributeError"),
    ],
)
def test_area_wrong(answer, hint):
    verdict = exercises.check_area(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def best_sigma(x, mean):
    return np.sqrt(np.mean((x - mean) ** 2))


def best_sigma_by_search(x, mean):
    return np.exp(minimize_scalar(lambda s: -norm(mean, np.exp(s)).logpdf(x).sum(), bounds=(-8, 3), method="bounded").x)


@pytest.mark.parametrize("answer", [best_sigma, best_sigma_by_search, lambda x, m: jnp.std(jnp.append(x - m, m - x))])
def test_best_sigma_right(answer):
    assert exercises.check_best_sigma(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda x, mean: best_sigma(x, mean) ** 2, "variance"),
        (lambda x, mean: np.sqrt(np.mean(np.sum((x - mean) ** 2, -1))), "one pixel"),
        (lambda x, mean: best_sigma(x, mean) / np.sqrt(2), "factor"),
        (lambda x, mean: np.sqrt(np.mean((x - mean) ** 2, -1)), "shape ()"),
        (lambda x, mean: 0.1, "should be"),
        (lambda x, mean: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_best_sigma_wrong(answer, hint):
    verdict = exercises.check_best_sigma(answer)
    assert verdict.passed is False
    assert hint in verdict.message


@pytest.mark.parametrize("answer", [np.sqrt(392), 19.8, jnp.sqrt(784.0 / 2)])
def test_sigma_of_mean_error_right(answer):
    assert exercises.check_sigma_of_mean_error(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [(392, "sigma²"), (0.5**0.5, "mean"), (28, "2 sigma²"), (1.0, "should be 19.799"), ("x", "raised")],
)
def test_sigma_of_mean_error_wrong(answer, hint):
    verdict = exercises.check_sigma_of_mean_error(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def slope_in_a(x, a):
    return x - (1 / (1 - np.exp(-a)) - 1 / a)


def slope_by_differences(x, a, h=1e-5):
    def log_density(a):
        return a * x - np.log(np.expm1(a) / a)

    return (log_density(a + h) - log_density(a - h)) / (2 * h)


@pytest.mark.parametrize(
    "answer", [slope_in_a, slope_by_differences, lambda x, a: x - 0.5 - 0.5 / jnp.tanh(a / 2) + 1 / a]
)
def test_slope_in_a_right(answer):
    assert exercises.check_slope_in_a(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda x, a: -slope_in_a(x, a), "sign"),
        (lambda x, a: x - 1 / (1 + np.exp(-a)), "Bernoulli's"),
        (lambda x, a: x - 1 / (1 - np.exp(-a)), "log a"),
        (lambda x, a: slope_in_a(x, a).sum(), "shape (5,)"),
        (lambda x, a: x, "should be"),
    ],
)
def test_slope_in_a_wrong(answer, hint):
    verdict = exercises.check_slope_in_a(answer)
    assert verdict.passed is False
    assert hint in verdict.message


@pytest.mark.parametrize("answer", [(255, 10), (2.0, 1001.0), (-2, -600), np.array([16, 100])])
def test_negative_loss_right(answer):
    assert exercises.check_negative_loss(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ((0.5, 1e6), "never negative"),
        ((1, -1e6), "never negative"),
        ((16, 10), "the right kind"),
        ((255, -10), "sign"),
        ((np.inf, 1), "two finite numbers"),
        ((2, 1e308), "smaller"),
        ((1, 2, 3), "raised"),
    ],
)
def test_negative_loss_wrong(answer, hint):
    verdict = exercises.check_negative_loss(answer)
    assert verdict.passed is False
    assert hint in verdict.message


@pytest.mark.parametrize(
    "check",
    [
        exercises.check_area,
        exercises.check_best_sigma,
        exercises.check_sigma_of_mean_error,
        exercises.check_slope_in_a,
        exercises.check_negative_loss,
    ],
)
@pytest.mark.parametrize("answer", [..., None])
def test_unattempted(check, answer):
    verdict = check(answer)
    assert verdict.passed is None
    assert repr(verdict).startswith("Not attempted")


def test_empty_function_bodies_are_unattempted():
    def empty_area(p): ...
    def empty_sigma(x, mean): ...

    assert exercises.check_area(empty_area).passed is None
    assert exercises.check_best_sigma(empty_sigma).passed is None
