"""Widgets that know no model: any matplotlib figure under sliders, and what a front end needs to show a widget."""

from vaelib.widgets.live import LiveFigure, live_figure

__all__ = ["LiveFigure", "live_figure"]
