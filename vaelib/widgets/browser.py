"""What the reader's front end needs before a widget can appear, with ipywidgets 7, which Colab has, as with 8."""

import base64
from functools import cache, partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import ipywidgets
import psutil


def joined(*names: str, folder: Traversable) -> str:
    """Files of the page's own code, joined: a widget's module is a single text and cannot import its neighbours."""
    return "\n".join((folder / name).read_text("utf-8") for name in names)


shared = partial(joined, folder=files("vaelib.widgets") / "static")
NOTEBOOK = shared("words.js", "notebook.js")  # what every widget's code in a notebook begins with


def finest_step() -> float | None:
    """The step of a slider that stands where it is put: none, or with ipywidgets 7, which wants one, a thousandth."""
    return None if ipywidgets.FloatSlider.step.allow_none else 0.001


def tells_what_it_took() -> bool:
    """Whether ipywidgets says to the page which of its values the kernel took: 8 does, 7 does not."""
    return getattr(ipywidgets.widgets.widget, "JUPYTER_WIDGETS_ECHO", False)


@cache
def is_written_by_nbconvert() -> bool:
    """Whether the cells are run for a page that nbconvert writes, on which no kernel will answer a widget.

    nbconvert does not tell the kernel, so this looks at what started it; on Windows a launcher stands between the two.
    """
    try:
        commands = [starter.cmdline() for starter in psutil.Process().parents()[:2]]
    except psutil.Error:
        return False
    return any(Path(word).stem in ("nbconvert", "jupyter-nbconvert") for words in commands for word in words[:4])


class WithStill:
    """A widget that is a still picture too, for those who read without a kernel; to stand before the widget's class."""

    model_id: str  # of the widget's class
    _ipython_display_ = None  # ipywidgets 7 has one, which IPython would call in place of _repr_mimebundle_

    def still(self) -> tuple[bytes, str] | None:
        """The picture as PNG and its text for screen readers, or None where there is nothing to show."""
        return None

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        """The widget's view and text as ipywidgets 8 has them, and the picture; without the view where none can move.

        The picture is text in base64, since a kernel passes raw bytes on as a list of numbers, which no notebook holds.
        """
        text = repr(self)
        bundle: dict[str, object] = {"text/plain": text if len(text) <= 110 else text[:110] + "…"}
        metadata: dict[str, object] = {}
        if not is_written_by_nbconvert():
            view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
            bundle["application/vnd.jupyter.widget-view+json"] = view
        if (still := self.still()) is not None:
            png, alt = still
            bundle["image/png"], metadata["image/png"] = base64.b64encode(png).decode(), {"alt": alt}
        return bundle, metadata
