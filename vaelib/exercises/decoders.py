"""Checkers for notebook 06, the decoder's distribution."""

from collections.abc import Callable

import numpy as np

from vaelib.exercises.verdict import checker, compare


def _equals(got, wanted) -> bool:
    return compare(got, wanted, "", rtol=1e-3) is None


@checker
def check_area(answer: Callable) -> str | None:
    """With a = logit(p), p^x (1 - p)^(1 - x) is (1 - p) exp(a x), and its integral is (2p - 1) / a."""
    p = np.array([0.1, 0.3, 0.77, 0.95, 0.001])
    wanted = (2 * p - 1) / np.log(p / (1 - p))
    got = answer(p)
    if _equals(got, -wanted):
        return "the size is right, the sign is not: an integral of a positive function is positive."
    if _equals(got, 1 / wanted):
        return "that is the normaliser C(p), which is one over the integral."
    if _equals(got, wanted / (1 - p)):
        return "that is the integral of exp(a x); the factor 1 - p in front is missing."
    return compare(got, wanted, "the integral at p = 0.1, 0.3, 0.77, 0.95, 0.001", rtol=1e-3)


@checker
def check_best_sigma(answer: Callable) -> str | None:
    """The sigma that explains the errors best is their root mean square, over images and pixels together."""
    rng = np.random.default_rng(0)
    for n, scale in ((1, 0.3), (7, 0.05), (20, 2.0)):
        x, mean = rng.uniform(size=(n, 36)), rng.uniform(size=(n, 36))
        x = mean + scale * (x - mean)
        error = np.square(x - mean)
        mean_square, of_image = error.mean(), error.sum(axis=-1).mean()
        wanted, got = np.sqrt(mean_square), answer(x, mean)
        near = {
            mean_square: "that is the variance sigma²; return sigma.",
            np.sqrt(of_image): "the error of an image is a sum over its pixels; sigma is of one pixel.",
            np.sqrt(mean_square / 2): "check the factor: the derivative of SSE / (2 sigma²) by sigma is -SSE / sigma³.",
        }
        for value, hint in near.items():
            if not _equals(value, wanted) and _equals(got, value):
                return hint
        if complaint := compare(got, wanted, f"sigma for {n} images", rtol=1e-3):
            return complaint
    return None


@checker
def check_sigma_of_mean_error(answer: float) -> str | None:
    """Multiplied by 784 the loss is SSE + 784 KL, so 2 sigma² = 784: pixels in [0, 1], and a sigma of almost 20."""
    wanted = np.sqrt(784 / 2)
    got = float(answer)
    if _equals(got, 392):
        return "that is sigma²; the question asks for sigma."
    if _equals(got, np.sqrt(0.5)):
        return "that belongs to the sum over pixels; here it is a mean."
    if _equals(got, 28):
        return "that is sigma² = 784; the Gaussian has 2 sigma² below the squared error."
    return compare(got, wanted, "sigma", rtol=1e-3)
