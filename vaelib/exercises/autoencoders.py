"""Checkers for notebook 08, autoencoders."""

from collections.abc import Callable

import numpy as np

from vaelib.exercises.verdict import checker, compare
from vaelib.languages import tr


@checker
def check_turn(answer: Callable) -> str | None:
    """The matrix is orthogonal, and no other rotation or reflection brings X nearer to Y."""
    rng = np.random.default_rng(0)
    for mirrored in (False, True):
        X = np.array([3, 0, 0]) + rng.standard_normal((40, 3))  # off the origin: centred codes have another R
        Q = np.linalg.qr(rng.standard_normal((3, 3)))[0]
        Q[:, 0] *= np.sign(np.linalg.det(Q)) * (-1 if mirrored else 1)
        Y = 2 * X @ Q + np.array([0, 3, 0]) + 0.3 * rng.standard_normal((40, 3))  # which R alone cannot undo
        R = np.asarray(answer(X.copy(), Y.copy()))
        wanted, of_centred = _procrustes(X, Y), _procrustes(X - X.mean(axis=0), Y)
        if R.shape != (3, 3):
            return tr("R should have shape (3, 3) for codes of 3 dimensions, got {got}.", got=R.shape)
        rounded = 0.02  # what it costs R that a GPU or a TPU rounds the factors of X.T @ Y, and of U @ Vt
        if complaint := compare(R.T @ R, np.eye(3), "R.T @ R", rtol=rounded, atol=rounded):
            return tr("{complaint} A rotation or reflection keeps lengths; yours also stretches.", complaint=complaint)
        if np.allclose(R, wanted.T, rtol=rounded, atol=rounded):
            return tr("R is transposed: it turns Y onto X. Codes are rows, and X @ R should lie near Y.")
        if np.allclose(R, of_centred, rtol=rounded, atol=rounded):
            return tr("R is that of centred codes. Take X and Y as they come: X @ R should lie near Y itself.")
        if mirrored and np.linalg.det(R) > 0:
            return tr("R should also be allowed to reflect: on mirrored codes yours stays a rotation.")
        if complaint := compare(R, wanted, "R", rtol=rounded, atol=rounded):
            return complaint
    return None


def _procrustes(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    U, _, Vt = np.linalg.svd(X.T @ Y)
    return U @ Vt


@checker
def check_undo(answer: Callable) -> str | None:
    """The layer puts out for the moved codes what it put out before, whatever the weights, the scale and the shift."""
    rng = np.random.default_rng(1)
    for latent, width in ((2, 5), (3, 4)):
        kernel, bias = rng.standard_normal((latent, width)), rng.standard_normal(width)
        scale, shift = rng.uniform(0.5, 3.0), rng.standard_normal(latent)
        z = rng.standard_normal((6, latent))
        new_kernel, new_bias = (np.asarray(part) for part in answer(kernel.copy(), bias.copy(), scale, shift))
        if complaint := compare(new_kernel, kernel / scale, tr("the new kernel")):
            return complaint
        if np.allclose(new_bias, bias - shift @ kernel):
            return tr("the new bias subtracts the shift through the old kernel; the layer now uses the new one.")
        if np.allclose(new_bias, bias + shift @ new_kernel):
            return tr("the new bias has the wrong sign: shift @ new_kernel reaches the layer, and must be taken away.")
        if complaint := compare(
            (z * scale + shift) @ new_kernel + new_bias, z @ kernel + bias, tr("the layer's output")
        ):
            return complaint
    return None


@checker
def check_price_of_shift(answer: float) -> str | None:
    """The variances cost the same; of ½ (mu + 3)² the mean over images rises by ½ · 9, as the means average to 0."""
    got = float(answer)
    if np.isclose(got, 9.0):
        return tr("the KL holds half of mu².")
    if np.isclose(got, -4.5):
        return tr("that is the change of the ELBO; the KL rises.")
    return compare(got, 4.5, tr("the rise of the KL in nats"), rtol=1e-3)


@checker
def check_price_of_scale(answer: Callable) -> str | None:
    """Mean and variance cost s² times their 1, the logarithm gives back log s; the slope s - 1/s is 0 at s = 1."""
    for s in (0.5, 1.0, 2.0, 3.0):
        got, wanted = float(answer(s)), 0.5 * (s**2 - 1) - np.log(s)
        if s != 1 and np.isclose(got, 0.5 * (s**2 - 1)):
            return tr("the logarithm is missing: a wider q also saves log s.")
        if s != 1 and np.isclose(got, -wanted):
            return tr("that is the change of the ELBO; the KL rises.")
        if s != 1 and np.isclose(got, 2 * wanted):
            return tr("the KL holds half of mu² + sigma² - log sigma².")
        if complaint := compare(got, wanted, tr("the rise of the KL for s = {s}", s=s)):
            return complaint
    return None


@checker
def check_fool(answer: np.ndarray, images: np.ndarray, real: float) -> str | None:
    """The judge takes it for a digit: a dark image is near to every digit with little ink."""
    x = np.asarray(answer, np.float64)
    if x.shape != images.shape[1:]:
        return tr("fool should be one image of shape {wanted}, got {got}.", wanted=images.shape[1:], got=x.shape)
    if not (np.isfinite(x).all() and x.min() >= 0):
        return tr("pixels should be finite numbers of at least 0.")
    if x.max() > 0.3 * (1 + 2**-8):  # 0.3 in bfloat16 is a little more
        return tr("no pixel may be brighter than 0.3, got {got:.4g}.", got=x.max())
    distance = np.sqrt(np.min(np.sum((images - x) ** 2, axis=-1)))
    if distance >= real:
        return tr(
            "the nearest digit is at {distance:.1f}; half of the real ones have one within {real:.1f}.",
            distance=distance,
            real=real,
        )
    return None
