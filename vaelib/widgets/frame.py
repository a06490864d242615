"""The picture of a live figure in a notebook, drawn by the page."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import anywidget
import ipywidgets
import traitlets
from ipywidgets import widget_serialization

from vaelib.languages import page_words
from vaelib.widgets.browser import NOTEBOOK, shared


class Frame(anywidget.AnyWidget):
    """A picture that follows sliders.

    The page keeps the pictures that it was sent, each with the sliders' places, and shows one again without asking.
    When the sliders rest it asks for the pictures around them, one at a time, so that a drag finds them there.
    """

    _esm = NOTEBOOK + shared("handles.js", "figure-widget.js")
    _css = shared("handles.css")
    value = traitlets.Bytes().tag(sync=True)
    at = traitlets.List(traitlets.Any()).tag(sync=True)
    said = traitlets.Unicode().tag(sync=True)
    width = traitlets.Int().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    handles = traitlets.List(traitlets.Dict()).tag(sync=True)
    words = traitlets.Dict().tag(sync=True)
    sliders = traitlets.List(traitlets.Instance(ipywidgets.Widget)).tag(sync=True, **widget_serialization)

    def __init__(self, draw: Callable[[list], tuple[bytes, str]], **state):
        """`draw` makes the picture for the sliders' values, and says what is written in it there."""
        super().__init__(words=page_words(), **state)
        self._draw_at = draw
        self.on_msg(self._answer)
        self.show()

    def show(self) -> None:
        """Draw at the sliders' values."""
        png, said = self._draw_at([slider.value for slider in self.sliders])
        with self.hold_sync():
            self.value, self.said, self.at = png, said, [_place(slider) for slider in self.sliders]

    def _answer(self, _, question, __) -> None:
        """Send the picture at the places asked for; none where it can not be drawn, which a move there will say."""
        places = question.get("ahead") if isinstance(question, dict) else None
        if not isinstance(places, list) or len(places) != len(self.sliders):
            return
        try:
            values = [_value(slider, place) for slider, place in zip(self.sliders, places, strict=True)]
            png, said = self._draw_at(values)
        except Exception:  # no cell to appear under, and nobody has moved there yet
            self.send({"at": places}, [])
        else:
            self.send({"at": places, "said": said}, [png])


def _place(slider: ipywidgets.Widget):
    """What stands for a slider's value in a message: the number of a choice, else the value, else None."""
    value = slider.index if slider.has_trait("index") else slider.value
    return value if isinstance(value, bool | int | float | str) else None


def _value(slider: ipywidgets.Widget, place):
    """The value that a place stands for."""
    if slider.has_trait("index"):
        return choices(slider.options)[place][1]
    if not math.isfinite(place):
        raise ValueError(f"a slider's place must be a finite number, got {place}")
    return type(slider.value)(min(max(place, slider.min), slider.max))


def choices(options) -> list[tuple[str, Any]]:
    """The text and the value of each choice, of all that ipywidgets takes as options."""
    if isinstance(options, Mapping):
        return list(options.items())
    pairs = all(isinstance(option, tuple | list) and len(option) == 2 for option in options)
    return [(option[0], option[1]) if pairs else (str(option), option) for option in options]
