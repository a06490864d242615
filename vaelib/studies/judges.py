"""Judges of pictures, shared by several studies: how far are they from real ones, and from the training images?"""

import numpy as np
from jaxtyping import Float

from vaelib.checks import AnyArray

DRAWS = 1_000  # pictures that are judged, and real ones to which the energy distance is taken


def energy_distance(u: Float[AnyArray, "a pixel"], v: Float[AnyArray, "b pixel"]) -> float:
    """2 E‖u - v‖ - E‖u - u'‖ - E‖v - v'‖ ≥ 0, means over all pairs of two clouds; 0 for equal distributions only."""

    def mean_gap(a, b):
        squared = np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1) - 2 * a @ b.T
        return np.mean(np.sqrt(np.maximum(squared, 0)))

    return float(2 * mean_gap(u, v) - mean_gap(u, u) - mean_gap(v, v))


def nearest(x: Float[AnyArray, "image pixel"], images: Float[AnyArray, "train pixel"]) -> tuple[np.ndarray, np.ndarray]:
    """The row of the nearest training image, and the distance to it."""
    beyond = np.sum(images**2, axis=1) - 2 * x @ images.T  # the squared distance, less ‖x‖²
    rows = beyond.argmin(axis=1)
    return rows, np.sqrt(np.maximum(np.sum(x**2, axis=1) + beyond[np.arange(len(x)), rows], 0))


def nearest_label(x, images, labels) -> np.ndarray:
    """The label of the nearest of the images, for each row of x."""
    return labels[nearest(x, images)[0]]


def judge(x: Float[AnyArray, "image pixel"], images, test_images) -> dict[str, float]:
    """Median distance to a training image, ink, and the energy distance to the first 1,000 test images."""
    return {
        "distance": float(np.median(nearest(x, images)[1])),
        "ink": float(np.sum(x, axis=1).mean()),
        "energy": energy_distance(x, test_images[:DRAWS]),
    }


def squared_error(x, images) -> float:
    """The mean over images of ‖x - image‖²."""
    return float(np.sum((x - images) ** 2, axis=1).mean())
