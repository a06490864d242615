"""Widgets of a model: digits that follow the reader's hand.

`explore` moves z and shows the decoded digit, `draw_digit` encodes what the reader draws, `save_page` and
`save_drawing_page` write them to pages that need no kernel. `live_figure`, which moves the lines of any matplotlib
figure, knows no model and lives in `vaelib.widgets`; it has its name here too, and `save_figure_page` writes it to a
page.
"""

from vaelib.explorer.compiled_model import traversal
from vaelib.explorer.draw import Sketch, draw_digit
from vaelib.explorer.drawing_page import save_drawing_page
from vaelib.explorer.explorer import Explorer, explore
from vaelib.explorer.figure_page import save_figure_page
from vaelib.explorer.page import save_page
from vaelib.widgets import LiveFigure, live_figure

__all__ = [
    "Explorer",
    "LiveFigure",
    "Sketch",
    "draw_digit",
    "explore",
    "live_figure",
    "save_drawing_page",
    "save_figure_page",
    "save_page",
    "traversal",
]
