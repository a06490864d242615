"""Pictures with words: every figure reaches the page, or the disk, with a description for those who cannot see it."""

import base64
import errno
import html
import os
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from vaelib.figures.style import figure_of
from vaelib.files import write_atomically
from vaelib.languages import tr
from vaelib.lettering import letter

DPI, SCREEN_DPI = 160, 100  # drawn finer than shown, for screens of high resolution
LARGE = 60_000  # bytes
SIGNATURE = "vaelib.figures"


def _figure(fig: Figure | Axes) -> Figure:
    if isinstance(fig, Axes):
        return figure_of(fig)
    if not isinstance(fig, Figure):
        raise TypeError(f"fig must be a matplotlib Figure or Axes, got {type(fig).__name__}")
    return fig


def _words(text, name: str, example: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{name} must be a sentence like {example!r}, got {text!r}")
    return " ".join(text.split())


def _png(fig: Figure, alt: str) -> tuple[bytes, int]:
    """The picture as a small PNG with `alt` inside, and its width on the page.

    256 colours look the same as all of them and take a third of the room; for a grey picture that is still large, 32
    levels do. Neither date nor software version is written, so the same figure gives the same bytes.
    """
    raw = BytesIO()
    fig.savefig(raw, format="png", dpi=DPI, facecolor="white", bbox_inches="tight", pad_inches=0.06)
    image = Image.open(raw).convert("RGB")
    info = PngInfo()
    info.add_itxt("Description", alt)
    info.add_text("Source", SIGNATURE)
    grey = not np.ptp(np.asarray(image), axis=-1).any()
    for colours in (256, 32) if grey else (256,):
        small = BytesIO()
        palette = image.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        palette.save(small, "png", optimize=True, pnginfo=info)
        if small.tell() <= LARGE:
            break
    return small.getvalue(), round(image.width * SCREEN_DPI / DPI)


def _ours(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            return image.info.get("Source") == SIGNATURE
    except UnidentifiedImageError:
        return False


def _target(path: str | os.PathLike) -> Path:
    """The path, if a picture may be written there."""
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"path must end in .png, got {str(path)!r}")
    if not path.parent.parent.is_dir():
        raise FileNotFoundError(f"path must lie in an existing folder, got {str(path)!r}; create {path.parent} first")
    if path.exists() and not _ours(path):
        raise FileExistsError(f"{path} exists and was not made by vaelib; choose another name, or remove it first")
    path.parent.mkdir(exist_ok=True)
    return path


def save(fig: Figure | Axes, path: str | os.PathLike, *, alt: str) -> Path:
    """Write the figure as a small PNG whose metadata hold the description `alt`; returns the path.

    The file appears whole or not at all, and the same figure gives the same bytes. Its folder is made where it is
    missing. A file that vaelib has written is replaced, any other is refused with FileExistsError. Given Axes, the
    whole figure they belong to is written.
    """
    path, alt = _target(path), _words(alt, "alt", "A curve that rises and levels off.")
    write_atomically(path, _png(_figure(fig), alt)[0], overwrite=True)
    return path


def _save_if_allowed(content: bytes, path: str | os.PathLike) -> None:
    """Write the picture, or say that this folder does not take it: what is to be seen is shown all the same."""
    try:
        write_atomically(_target(path), content, overwrite=True)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC):
            raise
        print(
            tr(
                "The figure was not saved as {path}: {reason}. All is shown here as it should be; to keep it, work in "
                "a copy of this folder.",
                path=repr(os.fspath(path)),
                reason=os.strerror(error.errno),
            )
        )


@dataclass(frozen=True)
class _Shown:
    """What a notebook draws from `data`; a console prints the text alone."""

    text: str
    data: dict
    metadata: dict

    def __repr__(self):
        return self.text

    def _repr_mimebundle_(self, include=None, exclude=None):
        return self.data, self.metadata


def show(fig: Figure | Axes, *, alt: str, caption: str, save_as: str | os.PathLike | None = None) -> None:
    """Show the figure in a notebook with its caption below, and close it.

    In another language than English, `vaelib.language`, words that it has translations of appear in that language.

    `caption` states the finding in one sentence. `alt` says what the picture shows to those who cannot see it: it is
    the image's plain text and its `alt` metadata, and, because JupyterLab and nbconvert's default template pass
    neither on to screen readers, it is also folded below the caption. With `save_as` the picture is written too, as
    `save` does.
    """
    fig = _figure(fig)
    letter(fig)
    alt = tr(_words(alt, "alt", "A curve that rises and levels off."))
    caption = tr(_words(caption, "caption", "The bound is tight after ten epochs."))
    content, width = _png(fig, alt)
    if save_as is not None:
        _save_if_allowed(content, save_as)
    plt.close(fig)
    display(_Shown(alt, {"image/png": base64.b64encode(content).decode()}, {"image/png": {"alt": alt, "width": width}}))
    summary = tr("The figure in words")
    words = f"<details><summary>{summary}</summary>{html.escape(alt)}</details>"
    display(_Shown(caption, {"text/html": f"<div><em>{html.escape(caption)}</em></div>\n{words}"}, {}))
