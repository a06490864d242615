"""What the reader's front end needs before a widget can appear, with ipywidgets 7, which Colab has, as with 8."""

import base64
from functools import partial
from importlib.resources import files
from importlib.resources.abc import Traversable

import ipywidgets


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


class WithStill:
    """A widget that is a still picture too, for those who read without a kernel; to stand before the widget's class."""

    model_id: str  # of the widget's class
    _ipython_display_ = None  # ipywidgets 7 has one, which IPython would call in place of _repr_mimebundle_

    def still(self) -> tuple[bytes, str] | None:
        """The picture as PNG and its text for screen readers, or None where there is nothing to show."""
        return None

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        """The widget's view and text as ipywidgets 8 has them, and the picture.

        The picture is text in base64, since a kernel passes raw bytes on as a list of numbers, which no notebook holds.
        """
        text = repr(self)
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        bundle = {
            "text/plain": text if len(text) <= 110 else text[:110] + "…",
            "application/vnd.jupyter.widget-view+json": view,
        }
        still = self.still()
        if still is None:
            return bundle, {}
        png, alt = still
        return bundle | {"image/png": base64.b64encode(png).decode()}, {"image/png": {"alt": alt}}
