"""What the reader's front end needs before a widget can appear."""

import base64
import importlib
import sys


def allow_widgets() -> None:
    """Switch on Colab's third-party widget manager, without which it refuses anywidget; elsewhere do nothing."""
    if "google.colab" in sys.modules:
        importlib.import_module("google.colab.output").enable_custom_widget_manager()


def with_picture(bundle: dict, png: bytes, alt: str) -> tuple[dict, dict]:
    """A widget's mime bundle and metadata with a picture beside it, for those who read without a kernel.

    The picture is text in base64, since a kernel passes raw bytes on as a list of numbers, which no notebook holds.
    """
    return bundle | {"image/png": base64.b64encode(png).decode()}, {"image/png": {"alt": alt}}
