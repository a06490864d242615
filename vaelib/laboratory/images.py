"""The images of a lab: some to train on, some held out, a byte a pixel."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from vaelib import checks
from vaelib.data import load_mnist
from vaelib.explorer.encoded_images import IN_A_BYTE

TRAINED, HELD_OUT = 4000, 800  # of the bundled digits
MOST_HELD_OUT = 1000  # points on the plane
TENTH = 10


@dataclass(frozen=True)
class Images:
    """Training images, held-out images with their labels, the classes' names, and the shape in which they are shown.

    `passed` are the arguments of `lab` that say where they come from, in Python's words.
    """

    train: np.ndarray = field(repr=False)
    held_out: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    classes: tuple[str, ...]
    image_shape: tuple[int, int, int]
    passed: tuple[str, ...] = ()

    @property
    def pixels(self) -> int:
        """Numbers in an image."""
        return self.train.shape[1]


def lab_images(
    images: Float[np.ndarray, "image pixel"] | None,
    labels: checks.Labels | None,
    *,
    image_shape=None,
    batch_size: int = 1,
    limit: int | None = None,
) -> Images:
    """The bundled digits, or the reader's images, of which every tenth is held out.

    Args:
        images: in [0, 1], kept to 1/255; None for the bundled digits.
        labels: the class of each image, a whole number or a name.
        image_shape: how an image is shown, by default as `VAE` does.
        batch_size: the images of a step.
        limit: at most this many training images.

    Raises:
        TypeError, ValueError: for images or labels that do not fit, or too few for a batch.
    """
    if images is None:
        if labels is not None:
            raise ValueError("labels came without images; pass both, as in vaelib.lab(images, labels)")
        train, _ = load_mnist("train", limit=TRAINED)
        held_out, held_out_labels = load_mnist("test", limit=HELD_OUT)
        held_out_labels, classes = checks.classes(held_out_labels, len(held_out), "image", most=IN_A_BYTE)
    else:
        checks.floating(images, "images")
        pixels = images.shape[-1] if images.ndim == 2 else 0
        images = np.asarray(checks.unit_interval(checks.batch_of(images, pixels, "images", "pixel"), "images"))
        known, classes = np.zeros(0, np.uint8), ()
        if labels is not None:
            known, classes = checks.classes(labels, len(images), "image", most=IN_A_BYTE)
        is_held_out = np.arange(len(images)) % TENTH == 0
        train, held_out = images[~is_held_out], images[is_held_out][:MOST_HELD_OUT]
        held_out_labels = known[is_held_out][:MOST_HELD_OUT] if len(known) else known
    train = train[:limit]
    if len(train) < batch_size or not len(held_out):
        raise ValueError(
            f"images must hold at least batch_size = {batch_size} images beside every tenth, which is held out; got "
            f"{len(train)} and {len(held_out)}; pass more images or a smaller batch_size"
        )
    shape = checks.drawable(checks.image_shape(image_shape, train.shape[1]))
    is_usual = shape == checks.image_shape(pixels=train.shape[1])
    said = {"images": images is not None, "labels": labels is not None, f"image_shape={shape}": not is_usual}
    passed = tuple(argument for argument, is_needed in said.items() if is_needed)
    return Images(_bytes(train), _bytes(held_out), held_out_labels.astype(np.uint8), classes, shape, passed)


def _bytes(images: Float[np.ndarray, "image pixel"]) -> np.ndarray:
    return np.round(255 * images).astype(np.uint8)
