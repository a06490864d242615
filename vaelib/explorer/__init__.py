"""Widgets: figures and digits that follow the reader's hand.

`explore` moves z and shows the decoded digit, `draw_digit` encodes what the reader draws, `live_figure` moves the lines
of any matplotlib figure, `save_page` writes the explorer to a page that needs no kernel.
"""

from vaelib.explorer.decode import traversal
from vaelib.explorer.draw import Sketch, draw_digit
from vaelib.explorer.explorer import Explorer, explore
from vaelib.explorer.live import LiveFigure, live_figure
from vaelib.explorer.page import save_page

__all__ = ["Explorer", "LiveFigure", "Sketch", "draw_digit", "explore", "live_figure", "save_page", "traversal"]
