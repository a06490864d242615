"""A sheet of pictures as PNG: what a widget shows to those who read without a kernel."""

import io

import numpy as np
import PIL.Image
from jaxtyping import Float

from vaelib.explorer.encoded_images import as_bytes

LEAST = 12  # screen pixels, the least height and width of a picture


def sheet(pictures: Float[np.ndarray, "row column pixel"], image_shape: tuple[int, int, int]) -> bytes:
    """A sheet of pictures as PNG, each pixel at least 2 × 2, and larger where that is needed to see a picture."""
    rows, columns, _ = pictures.shape
    height, width, channels = image_shape
    tiles = as_bytes(pictures).reshape(rows, columns, height, width, channels)
    for axis, size in ((2, height), (3, width)):
        tiles = tiles.repeat(max(2, -(-LEAST // size)), axis=axis)
    joined = tiles.swapaxes(1, 2).reshape(rows * tiles.shape[2], columns * tiles.shape[3], channels)
    data = io.BytesIO()
    PIL.Image.fromarray(joined[..., 0] if channels == 1 else joined).save(data, "PNG")
    return data.getvalue()
