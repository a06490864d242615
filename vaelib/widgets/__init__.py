"""Widgets that know no model: any matplotlib figure under sliders, and what a front end needs to show a widget.

`loss_clinic` says what a program's loss trains.
"""

from vaelib.widgets.live import LiveFigure, live_figure
from vaelib.widgets.losses import LossClinic, loss_clinic

__all__ = ["LiveFigure", "LossClinic", "live_figure", "loss_clinic"]
