"""The lab as one HTML file: it trains without a kernel and without a network."""

import os
from pathlib import Path

import numpy as np
from jaxtyping import Float

from vaelib import checks
from vaelib.explorer.model_widget import static as explorer_static
from vaelib.explorer.page import deflated, filled_page, write_page
from vaelib.laboratory.files import KERNELS, static
from vaelib.laboratory.images import TRAINED, Images
from vaelib.laboratory.settings import Settings
from vaelib.laboratory.widget import opening, page_text, prepare
from vaelib.languages import tr


def save_page(
    path: str | os.PathLike,
    images: Float[np.ndarray, "image pixel"] | None = None,
    labels: checks.Labels | None = None,
    *,
    title: str | None = None,
    image_shape=None,
    limit: int | None = TRAINED,
    overwrite: bool = False,
    **settings,
) -> Path:
    """Write a lab that works without a kernel, from a server or opened from disk, with no other file.

    A link to the page may set the controls: lab.html#beta=4&noise=false.

    Args:
        path: the file to write, such as "lab.html".
        images: as for `vaelib.lab`.
        labels: the class of each image, a whole number or a name.
        title: the page's title and heading, in place of its own.
        image_shape: how an image is shown.
        limit: the most training images that the page holds, or None for all.
        overwrite: whether an existing file may be replaced.
        settings: where the controls stand at first, as for `vaelib.lab`.

    Returns:
        The path.

    Raises:
        TypeError, ValueError: as `vaelib.lab`.
        FileExistsError, FileNotFoundError: where the file exists, or its folder does not.
    """
    page = filled_page(
        "lab",
        title=title or tr("Train a VAE under your hand"),
        style="\n".join([page_style(), static("lab-page.css")]),
        code=page_code(),
        state=page_state(images, labels, image_shape=image_shape, limit=limit, **settings),
        opens="openLabPage",
        without=tr("This page trains the model itself and needs JavaScript."),
    )
    return write_page(page, path, limit=None, overwrite=overwrite)


def page_style() -> str:
    """The style of a lab in a page."""
    return "\n".join([explorer_static("vaelib.css", "page.css"), static("lab.css", "tour.css")])


def page_code(*, tour: bool = True) -> str:
    """The code of a lab in a page; `openLabPage(state, element)` opens it. One in brief needs none of the tour's."""
    return "\n".join([page_text(tour=tour), explorer_static("page.js"), static("lab-page.js")])


def page_state(images=None, labels=None, *, image_shape=None, limit: int | None = TRAINED, **settings) -> dict:
    """What `openLabPage` is handed: the images, the kernels and the settings; arguments and errors as `save_page`."""
    return state_of(*prepare(images, labels, image_shape=image_shape, settings=settings, limit=limit))


def state_of(chosen: Settings, images: Images) -> dict:
    """What `openLabPage` is handed for checked settings and images."""
    arrays = {"train": images.train, "heldOut": images.held_out, "labels": images.labels}
    state = opening(images, chosen) | {name: deflated(array.tobytes()) for name, array in arrays.items()}
    return state | {"kernels": deflated(KERNELS.read_bytes())}
