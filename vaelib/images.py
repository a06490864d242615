"""Your own images: a folder of pictures, an NPZ or IDX file, or an array, as flat floats in [0, 1] with their shape.

    folder, file or array -> pixels of 8 or 16 bits, or floats -> images (n, height * width * channels) in [0, 1]

The rows are what every other function here takes; the shape is what a model needs to be built for them.
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, Num

from vaelib import checks
from vaelib.image_files import read_file, read_folder, read_idx, resized, room_for


@dataclass(frozen=True)
class LoadedImages:
    """Images with what they show.

    Attributes:
        images: flat pixels in [0, 1], (image, pixel), row by row and the channels of a pixel side by side.
        labels: the number of each image's class, or None.
        classes: the names of the classes: of the folders, or the numbers themselves.
        image_shape: (height, width, channels), for `VAE.create(image_shape=...)`.
    """

    images: Float[np.ndarray, "image pixel"]
    labels: Int[np.ndarray, " image"] | None
    classes: tuple[str, ...]
    image_shape: tuple[int, int, int]

    def __repr__(self) -> str:
        """The sizes."""
        height, width, channels = self.image_shape
        kind = {1: "grey", 3: "colour"}.get(channels, f"{channels}-channel")
        classes = f", {len(self.classes)} classes" if self.classes else ""
        return f"LoadedImages({len(self.images)} {kind} images of {height} × {width}{classes})"


def load_images(
    source: str | os.PathLike | Num[np.ndarray, "image *shape"] | Bool[np.ndarray, "image *shape"],
    labels: str | os.PathLike | checks.Labels | None = None,
    *,
    size: tuple[int, int] | None = None,
    grey: bool | None = None,
    limit: int | None = None,
    progress: bool = True,
) -> LoadedImages:
    """Read images of any kind as flat floats in [0, 1].

    Args:
        source: a folder of pictures, where each folder inside is a class; an NPZ file (its images under a usual name
            such as "images" or "x_train"), an IDX file such as train-images-idx3-ubyte, gzipped or not; or an array of
            8-bit or 16-bit numbers, booleans or floats in [0, 1], of shape (n, height, width) or (n, height, width,
            channels).
        labels: the classes of an array's or an IDX file's images, as numbers, names or an IDX file; a folder and an NPZ
            file bring their own.
        size: (height, width) that every image is cropped to in proportion, and resized to; by default it stays as it
            is, and the pictures of a folder must have the same size.
        grey: True makes colours grey, False makes grey pictures coloured; by default a folder is grey where all its
            pictures are.
        limit: only the first `limit` images, of a folder in the order of their names.
        progress: show a bar while a folder is read.

    Returns:
        The images, their labels, the classes' names and the images' shape.

    Raises:
        TypeError, ValueError: for what is no such images, with the files' names and the remedy.
        FileNotFoundError: where there is no such file or folder.

    Example:
        >>> load_images(np.zeros((5, 8, 8), np.uint8))
        LoadedImages(5 grey images of 8 × 8)
    """
    if limit is not None:
        checks.positive_int(limit, "limit")
    path = labels_path = None
    if isinstance(labels, str | os.PathLike):
        labels_path = Path(labels)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        if not path.exists():
            raise FileNotFoundError(f"source must be a folder or a file that is there, got {str(path)!r}")
        if path.is_dir():
            if labels is not None:
                raise ValueError("labels must be left out for a folder: the folders inside it are the classes")
            pictures, labels, classes = read_folder(path, size, limit, progress)
            grey = all(picture.shape[2] == 1 for picture in pictures) if grey is None else grey
            return _loaded(np.stack([_with_channels(picture, grey) for picture in pictures]), labels, classes)
        pixels, found = read_file(path)
        if found is not None and labels is not None:
            raise ValueError(f"labels must be left out for {path.name}, which has its own")
        if found is not None:
            labels, labels_path = found, path
    else:
        pixels = source
    with _named(path):
        images = _with_channels(_unit_images(pixels, size, limit), grey)
    if labels is None:
        return _loaded(images, None)
    labels = read_idx(Path(labels)) if isinstance(labels, str | os.PathLike) else labels
    with _named(labels_path):
        numbers, names = _classes(labels, len(pixels))
    return _loaded(images, numbers[: len(images)], names)


@contextmanager
def _named(path: Path | None) -> Iterator[None]:
    """Put the file's name, where there is a file, in front of what is refused of its content."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if path is None:
            raise
        raise type(error)(f"{path}: {error}") from error


def _loaded(images: np.ndarray, labels: np.ndarray | None, classes: tuple[str, ...] = ()) -> LoadedImages:
    """The images flat."""
    flat = np.ascontiguousarray(images.reshape(len(images), -1), np.float32)
    return LoadedImages(flat, labels, classes, tuple(images.shape[1:]))


def _unit_images(
    pixels, size: tuple[int, int] | None, limit: int | None
) -> Float[np.ndarray, "image height width channel"]:
    """An array of pixels as floats in [0, 1], of four axes, resized if asked for."""
    if not isinstance(pixels, np.ndarray):
        raise TypeError(f"source must be a path or a NumPy array, got {type(pixels).__name__}; use np.asarray")
    if pixels.ndim not in (3, 4) or 0 in pixels.shape:
        raise ValueError(
            "images must have shape (n, height, width) or (n, height, width, channels), none of them 0, got "
            f"{pixels.shape}; reshape flat rows with .reshape(-1, height, width)"
        )
    pixels = pixels[:limit].reshape(*pixels[:limit].shape[:3], -1)
    height, width = size or pixels.shape[1:3]
    shape = (height, width, *pixels.shape[3:])
    room_for(len(pixels) * math.prod(shape), f"{len(pixels)} images of {' × '.join(map(str, shape))}")
    most = {np.dtype(bool): 1, np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}.get(pixels.dtype)
    if most is None and pixels.dtype.kind == "f":
        most = 1
    if most is None:
        raise TypeError(
            f"images must have 8 or 16 bits, or be booleans or floats in [0, 1], got dtype {pixels.dtype}; for numbers "
            "from 0 to 255 use .astype(np.uint8)"
        )
    if most == 1:
        checks.unit_interval(checks.finite(pixels, "images"), "images")
    if size is not None and most == 255:
        pixels = np.stack([resized(image, size) for image in pixels])
    elif size is not None:
        return np.stack([resized(np.divide(image, most, dtype=np.float32), size) for image in pixels])
    return np.divide(pixels, most, dtype=np.float32)


def _with_channels(images: np.ndarray, grey: bool | None) -> np.ndarray:
    """Grey or coloured as asked for: grey is Rec. 601's luma, as Pillow has it."""
    channels = images.shape[-1]
    if grey is None or channels == (1 if grey else 3):
        return images
    if channels not in (1, 3):
        raise ValueError(f"grey needs images of 1 or 3 channels, got {channels}; leave it out")
    return images @ np.array([[0.299], [0.587], [0.114]], np.float32) if grey else np.repeat(images, 3, axis=-1)


def _classes(labels, count: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """The class of each image and the classes' names, of an array or a list."""
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:  # a column, as some archives have it
        labels = labels[:, 0]
    return checks.classes(labels, count, "image")
