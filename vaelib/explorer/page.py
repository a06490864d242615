"""The explorer as one HTML file: sliders, plane and digit with the decoder in the page, no kernel and no network."""

import base64
import html
import json
import os
import re
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Float

from vaelib import checks
from vaelib.explorer.encoded_images import OFFERED, EncodedImages, dimension
from vaelib.explorer.layers import Layers, decoder_layers
from vaelib.explorer.model_widget import static
from vaelib.files import write_atomically
from vaelib.languages import language, page_words, tr
from vaelib.widgets.browser import shared

PIXEL = 1e-3  # the largest difference a pixel between the page's digit and the decoder's that half precision may make
COMMENT = re.compile(r"^ *(//|/\*\*|\*).*\n", re.MULTILINE)  # a line of its own; a page's reader has the sources
POINTS, DRAWS = 1000, 100  # codes on the plane, draws from a prior of its own


def save_page(
    model,
    path: str | os.PathLike,
    images: Float[np.ndarray, "image pixel"] | None = None,
    labels: checks.Labels | None = None,
    *,
    title: str | None = None,
    limit: int | None = 600_000,
    overwrite: bool = False,
) -> Path:
    """Write an explorer that works without a kernel, from a server or opened from disk, with no other file.

    The page holds the decoder's weights, in half precision where no pixel changes by more than 1e-3, else in single.

    Args:
        model: a VAE or an Autoencoder whose decoder is a plain network.
        path: the file to write, such as "explorer.html".
        images: real images in [0, 1], by default the bundled test digits; the page keeps 200 and the codes of 1,000.
        labels: the class of each image, a whole number or a name.
        title: the page's title and heading, in place of its own.
        limit: the largest page in bytes, or None.
        overwrite: whether an existing file may be replaced.

    Returns:
        The path.

    Raises:
        TypeError, ValueError: as `explore`; for a decoder that is no plain network; for a page above the limit.
        FileExistsError, FileNotFoundError: where the file exists, or its folder does not.
    """
    page = _page(EncodedImages(model, images, labels), title or tr("A decoder in your hand"))
    return write_page(page, path, limit=limit, overwrite=overwrite)


def write_page(page: str, path: str | os.PathLike, *, limit: int | None, overwrite: bool) -> Path:
    """Write the page, if it stays below the limit; returns the path."""
    content = page.encode()
    if limit is not None and len(content) > limit:
        raise ValueError(
            f"the page would have {len(content):,} bytes, more than limit = {limit:,}; train a model with fewer "
            "hidden units, or pass limit=None"
        )
    write_atomically(path, content, overwrite=overwrite)
    return Path(path)


def _page(encoded: EncodedImages, title: str) -> str:
    """The page as text."""
    if encoded.problem:
        raise ValueError(encoded.problem)
    layers = decoder_layers(encoded.model)
    if layers is None:
        raise ValueError(
            f"the decoder of {type(encoded.model.module).__name__} is no plain network and cannot run in a page; "
            "show it with explore(model), which has a kernel"
        )
    header, weights = _close_enough(layers, encoded).packed()
    state = state_of(encoded, header, weights_text(header, weights))
    return filled_page(
        "explorer",
        title=title,
        style=static("vaelib.css", "page.css"),
        code=shared("words.js") + static("engine.js", "parts.js", "picture.js", "arithmetic.js", "page.js"),
        state=state,
        opens="openPage",
        without=tr("This page decodes the digit itself and needs JavaScript."),
    )


def filled_page(name: str, *, title: str, style: str, code: str, state: dict, opens: str, without: str) -> str:
    """The text of a page that needs no other file: `opens` is the function of its code that is handed the state.

    `name` is the id of the page's main element, and `without` what it says where there is no JavaScript.
    """
    parts = {
        "name": name,
        "title": html.escape(title),
        "style": style,
        "code": COMMENT.sub("", code),
        "state": embedded(state),
        "opens": opens,
        "without": without,
        "language": language(),
        "words": embedded(page_words(code)),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], static("page.html"))


def embedded(value) -> str:
    """JSON inside a script: "</script>" in a string would end it, and "<!--<script>" would keep it from ending."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def state_of(encoded: EncodedImages, header: dict, weights: str) -> dict:
    """What the page's script is given: the decoder's weights as text, the plane, some real digits and their codes."""
    titles, digits = encoded.offered()
    return {
        "image_shape": encoded.model.image_shape,
        "header": header,
        "plane": deflated_plane(encoded, (0, 1)) if encoded.model.latent == 2 else {},
        "names": [dimension(dim) for dim in range(encoded.model.latent)],
        "order": encoded.order,
        "reach": [float(reach) for reach in encoded.reach],
        "codes": _rounded(encoded.codes[: len(titles)]),
        "draws": None if encoded.draws is None else _rounded(encoded.draws[:DRAWS]),
        "prior": encoded.prior,
        "origin": encoded.origin,
        "titles": titles,
        "choices": encoded.choices,
        "asked": [] if encoded.labels is None or not encoded.choices else encoded.labels[:OFFERED].tolist(),
        "digits": deflated(digits),
        "weights": weights,
    }


def deflated_plane(encoded: EncodedImages, axes: tuple[int, int]) -> dict:
    """The plane of two dimensions of z with the first POINTS codes, its bytes as text."""
    plane = encoded.plane(axes)
    first = plane | {"points": plane["points"][: 2 * POINTS], "labels": plane["labels"][:POINTS]}
    return {name: deflated(value) if isinstance(value, bytes) else value for name, value in first.items()}


def _close_enough(layers: Layers, encoded: EncodedImages) -> Layers:
    """The layers in half precision if the digits stay the same to PIXEL a pixel, else as they are."""
    draws = np.random.default_rng(0).standard_normal((POINTS, encoded.model.latent), np.float32)
    z = np.concatenate([encoded.codes[:POINTS], draws if encoded.draws is None else encoded.draws])
    z = encoded.model.asked(z, np.arange(len(z)) % max(1, encoded.model.classes))
    halved = layers.halved()
    return halved if np.abs(halved(z) - encoded.model.decode(z)).max() < PIXEL else layers


def _rounded(codes: Float[np.ndarray, "code latent"]) -> list[list[float]]:
    return [[round(float(value), 4) for value in code] for code in codes]


def byte_planes(data: bytes, size: int) -> bytes:
    """The first bytes of all numbers, then the second ...: 547 kB for the page of bernoulli-z2, else 582.

    Bytes that hold exponents repeat, which `deflated` uses, if no bytes of fractions, which look random, lie between.
    """
    return np.frombuffer(data, np.uint8).reshape(-1, size).T.tobytes()


def weights_text(header: dict, weights: bytes) -> str:
    """What `Layers.packed` gave, as text for a page."""
    return deflated(byte_planes(weights, 2 if header["half"] else 4))


def deflated(data: bytes) -> str:
    """Bytes for a page: deflated, in base 64."""
    compress = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return base64.b64encode(compress.compress(data) + compress.flush()).decode()
