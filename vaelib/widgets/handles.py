"""Handles in a live figure's picture: points that are dragged, and that take sliders along."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import ipywidgets
from matplotlib.axes import Axes
from matplotlib.figure import Figure

SLIDERS = (ipywidgets.FloatSlider, ipywidgets.IntSlider)


@dataclass(frozen=True)
class Along:
    """Where a handle lies in one direction, in shares of the picture from its left or its upper edge.

    `slider` is the number of the slider that it moves with, from `low` at the slider's least value to `high` at its
    most; a handle that does not move in this direction has none.
    """

    low: float
    high: float
    slider: int | None = None


@dataclass(frozen=True)
class Handle:
    """A point of a picture that is dragged."""

    x: Along
    y: Along

    def for_page(self) -> dict:
        """The handle as JSON takes it."""
        return asdict(self)


def checked(handles, fig: Figure, sliders: Mapping[str, ipywidgets.Widget]) -> list[tuple]:
    """The handles as they were asked for, each (ax, x, y).

    Raises:
        TypeError, ValueError: for what is no handle on a linear axis of the figure, with the remedy.
    """
    for handle in handles:
        if not isinstance(handle, tuple) or len(handle) != 3 or not isinstance(handle[0], Axes):
            raise TypeError(f'a handle must be (ax, x, y), such as (ax, "mu", 0.0), got {handle!r}')
        ax, *ends = handle
        if ax.figure is not fig:
            raise ValueError("a handle's axes must be in the live figure, got axes of another one")
        if (ax.get_xscale(), ax.get_yscale()) != ("linear", "linear"):
            raise ValueError("a handle needs linear axes; move the logarithm of the number instead")
        if not any(isinstance(end, str) for end in ends):
            raise ValueError(f"a handle must move at least one slider, one of {sorted(sliders)}, got {ends}")
        for end in ends:
            _check_end(end, sliders)
    return list(handles)


def _check_end(end, sliders: Mapping[str, ipywidgets.Widget]) -> None:
    ranges = {name for name, slider in sliders.items() if isinstance(slider, SLIDERS)}
    if isinstance(end, str) and end not in ranges:
        raise ValueError(f"a handle can move the sliders of numbers {sorted(ranges)}, got {end!r}")
    if not isinstance(end, str) and not (isinstance(end, int | float) and math.isfinite(end)):
        raise TypeError(f"a handle's x and y must be a slider's name or a place on the axis, got {end!r}")


def placed(handle: tuple, sliders: Mapping[str, ipywidgets.Widget]) -> Handle:
    """The handle (ax, x, y) in shares of the picture, once its figure is laid out."""
    ax, *ends = handle
    width, height = ax.figure.canvas.get_width_height()

    def share(direction: int, value: float) -> float:
        point = [0.0, 0.0]
        point[direction] = value
        at = ax.transData.transform(point)[direction]
        return float(1 - at / height if direction else at / width)

    def along(direction: int, end) -> Along:
        if not isinstance(end, str):
            return Along(share(direction, end), share(direction, end))
        slider = sliders[end]
        low, high = (share(direction, value) for value in (slider.min, slider.max))
        return Along(low, high, list(sliders).index(end))

    return Handle(*(along(direction, end) for direction, end in enumerate(ends)))
