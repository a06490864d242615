"""Widgets: figures and digits that follow the reader's hand.

`live_figure` moves the lines of any matplotlib figure.
"""

from vaelib.explorer.live import LiveFigure, live_figure

__all__ = ["LiveFigure", "live_figure"]
