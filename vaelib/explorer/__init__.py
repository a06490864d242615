"""Widgets: figures and digits that follow the reader's hand.

`explore` moves z and shows the decoded digit, `live_figure` moves the lines of any matplotlib figure.
"""

from vaelib.explorer.decode import traversal
from vaelib.explorer.explorer import Explorer, explore
from vaelib.explorer.live import LiveFigure, live_figure

__all__ = ["Explorer", "LiveFigure", "explore", "live_figure", "traversal"]
