"""Notebook 11's exercises: right answers pass in any form, common mistakes are named."""

import numpy as np
import pytest

from vaelib.exercises import own_images as exercises


def entropy(counts):
    p = np.asarray(counts) / np.sum(counts)
    return -np.sum(p[p > 0] * np.log(p[p > 0]))


def posterior(log_p, prior):
    a = log_p + np.log(prior)
    a = np.exp(a - a.max(axis=1, keepdims=True))
    return a / a.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (exercises.check_label_worth, entropy),
        (exercises.check_raw_units, lambda log_density, std: log_density - np.log(np.prod(std))),
        (exercises.check_label_posterior, posterior),
    ],
)
def test_right_answers_pass(check, answer):
    assert check(answer).passed, check(answer)


@pytest.mark.parametrize(
    ("check", "answer", "says"),
    [
        (exercises.check_label_worth, lambda counts: np.log(len(counts)), "equal shares"),
        (exercises.check_label_worth, lambda counts: entropy(counts) / np.log(2), "in bits"),
        (
            exercises.check_label_worth,
            lambda counts: -np.sum(counts / np.sum(counts) * np.log(counts / np.sum(counts))),
            "NaN",
        ),
        (exercises.check_label_worth, lambda counts: 0.0, "should be"),
        (exercises.check_raw_units, lambda log_density, std: log_density + np.log(std).sum(), "sign is turned"),
        (exercises.check_raw_units, lambda log_density, std: log_density - np.log(std).mean(), "not averaged"),
        (exercises.check_raw_units, lambda log_density, std: log_density - np.log(std.sum()), "logarithm of the sum"),
        (exercises.check_raw_units, lambda log_density, std: log_density, "should be"),
        (exercises.check_label_posterior, lambda log_p, prior: posterior(log_p, np.ones(4)), "prior is missing"),
        (exercises.check_label_posterior, lambda log_p, prior: np.exp(log_p) * prior / 0.0, "largest number off first"),
        (exercises.check_label_posterior, lambda log_p, prior: posterior(log_p.T, 1.0), "should have shape"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_wrong_answers_are_told_what_is_off(check, answer, says):
    verdict = check(answer)
    assert verdict.passed is False
    assert says in verdict.message


def test_an_impostor_is_more_probable_than_every_digit_and_not_black():
    rng = np.random.default_rng(0)
    digits = np.float32(rng.random((40, 100)) < np.linspace(0.05, 0.6, 100))
    average = np.clip(digits.mean(axis=0), 1e-3, 1 - 1e-3)
    image = np.zeros(100)
    image[np.argsort(-average)[:20]] = 1
    least = (digits @ np.log(average) + (1 - digits) @ np.log1p(-average)).max()
    if image @ np.log(average) + (1 - image) @ np.log1p(-average) < least:
        image = np.float32(average > 0.5)
    assert exercises.check_impostor(image, average, digits).passed
    cases = {
        "white pixels; 20": np.zeros(100),
        "black and white": np.full(100, 0.5),
        "shape": np.zeros(7),
        "log-probability": digits[0],
    }
    for says, wrong in cases.items():
        verdict = exercises.check_impostor(wrong, average, digits)
        assert verdict.passed is False
        assert says in verdict.message
