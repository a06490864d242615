"""What the reader's front end needs before a widget can appear."""

import importlib
import sys


def allow_widgets() -> None:
    """Switch on Colab's third-party widget manager, without which it refuses anywidget; elsewhere do nothing."""
    if "google.colab" in sys.modules:
        importlib.import_module("google.colab.output").enable_custom_widget_manager()
