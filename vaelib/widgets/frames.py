"""A live figure as pictures for all places of its sliders, for pages that have no kernel to draw them."""

import base64
import io
import itertools
import json
import os
from pathlib import Path

import ipywidgets
import numpy as np
import PIL.Image

from vaelib.files import write_atomically
from vaelib.widgets.frame import choices
from vaelib.widgets.handles import Along, Handle
from vaelib.widgets.live import LiveFigure

MOST = 120  # pictures of a figure whose sliders have numbers; choices are all kept
LONGEST = 21  # places of one slider
COLORS = (  # of all pictures, and how they are chosen: text and lines have few, a map of colours has more
    (64, PIL.Image.Quantize.MAXCOVERAGE),
    (256, PIL.Image.Quantize.MEDIANCUT),
)
LOSS = 1.0  # the mean difference, of 255, that is allowed to few colours
SAMPLED = 9  # pictures from which the colours are chosen


def frames_of(live: LiveFigure, most: int = MOST) -> dict:
    """The figure's pictures at a grid of its sliders' places, as JSON takes them; the sliders end where they stood.

    Returns:
        `width`, `height`, `alt`; `sliders`, each with its label, its places as text and the index of its start;
        `handles`, for `x` and `y` the number of a slider and the shares of the picture at its places, or no slider and
        one share; `base`, the picture at the start; and `frames`, one for each place in the order of
        `itertools.product`: the left and upper edge of what differs from `base`, and its picture; `said`, what
        the moving texts of each say. Pictures are WebP in base 64.
    """
    start = live.values
    places = {name: _places(slider, _share(live, most)) for name, slider in live.sliders.items()}
    shown, said = [], []
    for values in itertools.product(*places.values()):
        shown.append(_move(live, dict(zip(places, values, strict=True))))
        said.append(live.said)
    base, *pictures = _in_few_colors([_move(live, start), *shown])
    return {
        "width": base.width,
        "height": base.height,
        "alt": live.still()[1],
        "sliders": [_description(live.sliders[name], places[name], start[name]) for name in places],
        "handles": [_handle(handle, live, list(places.values())) for handle in live.handles],
        "base": _webp(base),
        "frames": [_difference(base, picture) for picture in pictures],
        "said": said,
    }


def save_frames(live: LiveFigure, path: str | os.PathLike) -> Path:
    """Write `frames_of` the figure as JSON, in place of an older file; returns the path."""
    content = json.dumps(frames_of(live), ensure_ascii=False, separators=(",", ":"))
    write_atomically(path, content.encode(), overwrite=True)
    return Path(path)


def _share(live: LiveFigure, most: int) -> int:
    """How many places a slider of numbers gets."""
    choices = [len(slider.options) for slider in live.sliders.values() if _is_choice(slider)]
    numbers = len(live.sliders) - len(choices)
    room = most / max(1, int(np.prod(choices)))
    return max(3, min(LONGEST, int(room ** (1 / numbers)))) if numbers else 0


def _is_choice(slider: ipywidgets.Widget) -> bool:
    return hasattr(slider, "options")


def _places(slider: ipywidgets.Widget, count: int) -> list:
    """The values of a slider that get a picture, its present one among them."""
    if _is_choice(slider):
        return [value for _, value in choices(slider.options)]
    low, high, step = slider.min, slider.max, slider.step
    if isinstance(slider, ipywidgets.IntSlider):
        values = {low + step * round(k / (count - 1) * (high - low) / step) for k in range(count)}
    else:
        values = {round(float(value), 6) for value in np.linspace(low, high, count)}
    nearest = min(values, key=lambda value: abs(value - slider.value))
    return sorted((values - {nearest}) | {slider.value})


def _description(slider: ipywidgets.Widget, places: list, start) -> dict:
    named = choices(slider.options) if _is_choice(slider) else [(str(place), place) for place in places]
    words = [f"{value:.3g}" if isinstance(value, float) and text == str(value) else text for text, value in named]
    return {"label": slider.description, "places": words, "start": places.index(start)}


def _handle(handle: Handle, live: LiveFigure, places: list[list]) -> dict:
    """Where a handle lies at each place of its sliders."""
    sliders = list(live.sliders.values())

    def at(along: Along) -> list[float]:
        if along.slider is None:
            return [along.low]
        low, high = sliders[along.slider].min, sliders[along.slider].max
        parts = [(place - low) / (high - low) for place in places[along.slider]]
        return [round(along.low + part * (along.high - along.low), 4) for part in parts]

    return {name: {"slider": along.slider, "at": at(along)} for name, along in (("x", handle.x), ("y", handle.y))}


def _move(live: LiveFigure, values: dict) -> PIL.Image.Image:
    """What is on screen when the sliders stand at these values.

    Raises:
        RuntimeError: where the figure can not be drawn there.
    """
    for name, value in values.items():
        live.sliders[name].value = value
    if live.message:
        raise RuntimeError(live.message)
    return PIL.Image.open(io.BytesIO(live.frame)).convert("RGB")


def _in_few_colors(pictures: list[PIL.Image.Image]) -> list[PIL.Image.Image]:
    """The pictures in few colours, the same for all, so that what does not move does not differ."""
    some = pictures[:: -(-len(pictures) // SAMPLED)]
    sheet = PIL.Image.new("RGB", (some[0].width, some[0].height * len(some)))
    for row, picture in enumerate(some):
        sheet.paste(picture, (0, row * picture.height))
    for count, method in COLORS:
        palette = sheet.quantize(count, method, dither=PIL.Image.Dither.NONE)
        lost = np.abs(np.asarray(sheet).astype(int) - np.asarray(palette.convert("RGB"))).mean()
        if lost < LOSS:
            break
    sheet_of_paper = PIL.Image.new("RGB", (1, 1), "white")
    paper, *few = (
        np.asarray(picture.quantize(palette=palette, dither=PIL.Image.Dither.NONE).convert("RGB"))
        for picture in (sheet_of_paper, *pictures)
    )
    return [_with_white(picture, paper) for picture in few]


def _with_white(pixels: np.ndarray, paper: np.ndarray) -> PIL.Image.Image:
    """The picture on white paper, which has the one of its few colours that white became."""
    return PIL.Image.fromarray(np.where((pixels == paper).all(axis=-1, keepdims=True), np.uint8(255), pixels))


def _difference(base: PIL.Image.Image, picture: PIL.Image.Image) -> list:
    """Where a picture differs from the base, and what it has there."""
    differs = np.any(np.asarray(base) != np.asarray(picture), axis=-1)
    rows, columns = np.flatnonzero(differs.any(axis=1)), np.flatnonzero(differs.any(axis=0))
    if not len(rows):
        return [0, 0, ""]
    left, upper = int(columns[0]), int(rows[0])
    return [left, upper, _webp(picture.crop((left, upper, int(columns[-1]) + 1, int(rows[-1]) + 1)))]


def _webp(picture: PIL.Image.Image) -> str:
    data = io.BytesIO()
    picture.save(data, "WEBP", lossless=True, quality=100, method=4)
    return base64.b64encode(data.getvalue()).decode()
