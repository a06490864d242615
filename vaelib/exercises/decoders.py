"""Checkers for notebook 06, the decoder's distribution."""

from collections.abc import Callable

import numpy as np

from vaelib.exercises.verdict import checker, compare
from vaelib.languages import tr


def _equals(got, wanted) -> bool:
    return compare(got, wanted, "", rtol=1e-3) is None


@checker
def check_area(answer: Callable) -> str | None:
    """With a = logit(p), p^x (1 - p)^(1 - x) is (1 - p) exp(a x), and its integral is (2p - 1) / a."""
    p = np.array([0.1, 0.3, 0.77, 0.95, 0.001])
    wanted = (2 * p - 1) / np.log(p / (1 - p))
    got = answer(p)
    if _equals(got, -wanted):
        return tr("the size is right, the sign is not: an integral of a positive function is positive.")
    if _equals(got, 1 / wanted):
        return tr("that is the normaliser C(p), which is one over the integral.")
    if _equals(got, wanted / (1 - p)):
        return tr("that is the integral of exp(a x); the factor 1 - p in front is missing.")
    return compare(got, wanted, tr("the integral at p = 0.1, 0.3, 0.77, 0.95, 0.001"), rtol=1e-3)


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
            mean_square: tr("that is the variance sigma²; return sigma."),
            np.sqrt(of_image): tr("the error of an image is a sum over its pixels; sigma is of one pixel."),
            np.sqrt(mean_square / 2): tr(
                "check the factor: the derivative of SSE / (2 sigma²) by sigma is -SSE / sigma³."
            ),
        }
        for value, hint in near.items():
            if not _equals(value, wanted) and _equals(got, value):
                return hint
        if complaint := compare(got, wanted, tr("sigma for {n} images", n=n), rtol=1e-3):
            return complaint
    return None


@checker
def check_sigma_of_mean_error(answer: float) -> str | None:
    """Multiplied by 784 the loss is SSE + 784 KL, so 2 sigma² = 784: pixels in [0, 1], and a sigma of almost 20."""
    wanted = np.sqrt(784 / 2)
    got = float(answer)
    if _equals(got, 392):
        return tr("that is sigma²; the question asks for sigma.")
    if _equals(got, np.sqrt(0.5)):
        return tr("that belongs to the sum over pixels; here it is a mean.")
    if _equals(got, 28):
        return tr("that is sigma² = 784; the Gaussian has 2 sigma² below the squared error.")
    return compare(got, wanted, "sigma", rtol=1e-3)


@checker
def check_slope_in_a(answer: Callable) -> str | None:
    """The slope is x minus the mean 1 / (1 - exp(-a)) - 1 / a: it is 0, on average, where the mean is right."""
    x, a = np.array([0.0, 0.2, 0.5, 0.9, 1.0]), np.array([-3.0, 0.7, 4.0, -0.5, 12.0])
    mean = 1 / (1 - np.exp(-a)) - 1 / a
    got = answer(x, a)
    if _equals(got, mean - x):
        return tr("the size is right, the sign is not: a larger pixel asks for a larger a.")
    if _equals(got, x - 1 / (1 + np.exp(-a))):
        return tr("that is the Bernoulli's, x - p; here the logarithm of (exp(a) - 1) / a is to be differentiated.")
    if _equals(got, x - 1 / (1 - np.exp(-a))):
        return tr("log a is in the formula, too: log((exp(a) - 1) / a) = log(exp(a) - 1) - log a.")
    return compare(got, x - mean, tr("the slope at x = 0, 0.2, 0.5, 0.9, 1 and a = -3, 0.7, 4, -0.5, 12"), rtol=1e-3)


@checker
def check_negative_loss(answer: tuple[float, float]) -> str | None:
    """A pixel outside [0, 1] takes the floor away: the loss falls for ever as the logit grows."""
    pixel, logit = (float(value) for value in answer)
    if not np.isfinite([pixel, logit]).all():
        return tr("give two finite numbers.")
    loss = np.logaddexp(0, logit) - pixel * logit
    if not np.isfinite(loss):
        return tr("the loss is not finite in 64 bits: make the numbers smaller in size.")
    if 0 <= pixel <= 1:
        return tr("the loss is {loss:.3g}; with a pixel in [0, 1] it is never negative, whatever the logit.", loss=loss)
    if loss >= -1000:
        return tr(
            "the right kind of pixel; the loss is {loss:.4g}. Make the logit larger in size, or mind its sign.",
            loss=loss,
        )
    return None
