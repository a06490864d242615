"""Data as a tree of arrays that share their first axis: images alone, or images with labels, weights or masks.

The images are the array itself, the first part of a tuple or list, or what a mapping has under "images". All else goes
with them: an epoch takes the same rows of every array.
"""

from collections.abc import Mapping

import jax
import numpy as np

IMAGES, LABELS = "images", "labels"
Parts = tuple | list | Mapping  # images with what belongs to them


def images_of(data):
    """The images of the data, or of a batch of it."""
    if isinstance(data, Mapping):
        return data[IMAGES]
    return data[0] if isinstance(data, tuple | list) else data


def conditioned(model, data):
    """The model and the images of the data; of a model with `given` it is that of x given the data's labels."""
    if not hasattr(model, "given"):
        return model, data
    return model.given(_labels_of(model, data)), images_of(data)


def _labels_of(model, data):
    """What says the class of each image: the second part of a tuple or list, or what a mapping has under "labels"."""
    name = type(model).__name__
    if isinstance(data, Mapping) and LABELS in data:
        labels = data[LABELS]
    elif isinstance(data, tuple | list) and len(data) > 1:
        labels = data[1]
    else:
        raise TypeError(f"{name} needs a label for each image, got images alone; pass both, (images, labels)")
    images = images_of(data)
    if getattr(labels, "shape", None) != images.shape[:1]:
        got = getattr(labels, "shape", type(labels).__name__)
        raise ValueError(f"{name} needs a label for each image, shape {images.shape[:1]}, got {got}")
    return labels


def with_images(data, images):
    """The same data with other images in their place."""
    if isinstance(data, Mapping):
        return type(data)({**data, IMAGES: images})  # type: ignore[call-arg]  # as dict does
    if not isinstance(data, tuple | list):
        return images
    parts = (images, *data[1:])
    return type(data)(*parts) if hasattr(data, "_fields") else type(data)(parts)


def checked(model, data, name: str):
    """The data, where they are, its images as the model's `check_data` wants them.

    Raises:
        TypeError, ValueError: for bad images, for a part that is no array, or not of as many rows as there are images,
            and for labels that a conditional model lacks or does not know.
    """
    has_images = IMAGES in data if isinstance(data, Mapping) else not isinstance(data, tuple | list) or len(data) > 0
    if not has_images:
        raise ValueError(
            f'{name} must hold images: an array, a tuple whose first part they are, or a mapping with "{IMAGES}", got '
            f"{type(data).__name__} of {', '.join(map(repr, data)) or 'nothing'}"
        )
    data = with_images(data, model.check_data(images_of(data)))
    rows = len(images_of(data))
    for path, part in jax.tree_util.tree_leaves_with_path(data):
        where = name + jax.tree_util.keystr(path)
        if not isinstance(part, jax.Array | np.ndarray):
            raise TypeError(f"{where} must be an array, got {type(part).__name__}; convert it with np.asarray")
        if part.dtype.kind in "OSUMm":
            raise TypeError(f"{where} must hold numbers, got dtype {part.dtype}")
        if part.shape[:1] != (rows,):
            raise ValueError(f"{where} must have {rows} rows, one an image, got shape {part.shape}")
    conditioned(model, data)  # refuses labels that the model does not know
    return data


def rows_of(data) -> int:
    """How many images there are."""
    return len(images_of(data))


def take(data, rows):
    """The given rows of every array."""
    return jax.tree.map(lambda part: part[rows], data)
