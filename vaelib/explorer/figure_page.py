"""A live figure as one HTML file: sliders, and a picture for each of their places, with no kernel and no network."""

import os
from pathlib import Path

from vaelib.explorer.model_widget import static
from vaelib.explorer.page import filled_page, write_page
from vaelib.languages import tr
from vaelib.widgets import LiveFigure
from vaelib.widgets.browser import shared
from vaelib.widgets.frames import frames_of

PARTS = ("engine.js", "parts.js", "page.js")


def save_figure_page(
    live: LiveFigure,
    path: str | os.PathLike,
    *,
    title: str | None = None,
    limit: int | None = 2_000_000,
    overwrite: bool = False,
) -> Path:
    """Write a live figure to a page that works without a kernel, from a server or opened from disk, with no other file.

    The page holds a picture for each of some 100 places of the sliders; a choice keeps all that it offers.

    Args:
        live: what `live_figure` returned.
        path: the file to write, such as "figure.html".
        title: the page's title and heading, in place of its own.
        limit: the largest page in bytes, or None.
        overwrite: whether an existing file may be replaced.

    Returns:
        The path.

    Raises:
        TypeError: for anything but a live figure.
        RuntimeError: where the figure can not be drawn at a place of its sliders.
        ValueError: for a page above the limit.
        FileExistsError, FileNotFoundError: where the file exists, or its folder does not.
    """
    if not isinstance(live, LiveFigure):
        raise TypeError(f"live must be what vaelib.live_figure returns, got {type(live).__name__}")
    return write_page(
        page_of(frames_of(live), title or tr("A figure in your hand")), path, limit=limit, overwrite=overwrite
    )


def page_of(frames: dict, title: str) -> str:
    """The page's text for what `frames_of` returned."""
    return filled_page(
        "figure",
        title=title,
        style="\n".join([static("vaelib.css", "page.css"), shared("handles.css")]),
        code="\n".join([shared("words.js", "handles.js"), static(*PARTS, "frames.js")]),
        state=frames,
        opens="openFrames",
        without=tr("The sliders need JavaScript."),
    )
