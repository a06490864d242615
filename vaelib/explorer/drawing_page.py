"""The drawing as one HTML file: draw a digit, and the page encodes and decodes it, with no kernel and no network."""

import os
from pathlib import Path

import numpy as np
from jaxtyping import Float

from vaelib import checks
from vaelib.explorer.draw import drawable_digits, most_active
from vaelib.explorer.encoded_images import EncodedImages
from vaelib.explorer.layers import decoder_layers, encoder_layers
from vaelib.explorer.model_widget import static
from vaelib.explorer.page import deflated_plane, filled_page, weights_text, write_page
from vaelib.languages import tr
from vaelib.widgets.browser import shared


def save_drawing_page(
    model,
    path: str | os.PathLike,
    images: Float[np.ndarray, "image pixel"] | None = None,
    labels: checks.Labels | None = None,
    *,
    title: str | None = None,
    limit: int | None = 1_200_000,
    overwrite: bool = False,
) -> Path:
    """Write `draw_digit` as a page that works without a kernel, from a server or opened from disk, with no other file.

    Args:
        model: as for `draw_digit`, with an encoder and a decoder that are plain networks.
        path: the file to write, such as "draw.html".
        images: real images in [0, 1], by default the bundled test digits; the page keeps the codes of 1,000.
        labels: the class of each image, a whole number or a name.
        title: the page's title and heading, in place of its own.
        limit: the largest page in bytes, or None.
        overwrite: whether an existing file may be replaced.

    Returns:
        The path.

    Raises:
        TypeError, ValueError: as `draw_digit`; for a model of other networks; for a page above the limit.
        FileExistsError, FileNotFoundError: where the file exists, or its folder does not.
    """
    encoded = drawable_digits(model, images, labels)
    page = filled_page(
        "drawing",
        title=title or tr("Draw a digit, and see its code"),
        style=static("vaelib.css", "page.css"),
        code=shared("words.js") + static("engine.js", "parts.js", "paper.js", "sketch.js", "page.js", "sketch-page.js"),
        state=_state(encoded),
        opens="openSketchPage",
        without=tr("This page encodes the digit itself and needs JavaScript."),
    )
    return write_page(page, path, limit=limit, overwrite=overwrite)


def _state(encoded: EncodedImages) -> dict:
    """What the page's script is given: the networks' weights as text, and the plane."""
    layers = {"encode": encoder_layers(encoded.model), "decode": decoder_layers(encoded.model)}
    packed = {name: found.packed() for name, found in layers.items() if found is not None}
    if len(packed) < len(layers):
        raise ValueError(
            f"encoder and decoder of {type(encoded.model.module).__name__} are no plain networks and cannot run in a "
            "page; show them with draw_digit(model), which has a kernel"
        )
    return {
        "image_shape": encoded.model.image_shape,
        "latent": encoded.model.latent,
        "plane": deflated_plane(encoded, most_active(encoded)),
        "headers": {name: header for name, (header, _) in packed.items()},
        "weights": {name: weights_text(*pair) for name, pair in packed.items()},
    }
