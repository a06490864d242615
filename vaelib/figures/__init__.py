"""The house style and the pictures of the series: arrays in, `ax=None` in, Axes out.

Each function draws on the Axes it is given, or on a new figure, and returns the Axes, so that the caller can add to
the picture. `show` puts it on the page with a caption and a description. No function here knows of models.
"""

from vaelib.figures.architecture import architecture
from vaelib.figures.digits import digit_rows, manifold, prior_grid, reconstruction_sheet, show_digits
from vaelib.figures.plots import (
    apart,
    band,
    gaussian_ellipse,
    heatmap,
    histograms,
    label_lines,
    latent_scatter,
    training_curves,
)
from vaelib.figures.publish import save, show
from vaelib.figures.style import CLASS_COLORS, LINE_COLORS, QUANTITY_COLORS, class_colors, set_style

__all__ = [
    "CLASS_COLORS",
    "LINE_COLORS",
    "QUANTITY_COLORS",
    "apart",
    "architecture",
    "band",
    "class_colors",
    "digit_rows",
    "gaussian_ellipse",
    "heatmap",
    "histograms",
    "label_lines",
    "latent_scatter",
    "manifold",
    "prior_grid",
    "reconstruction_sheet",
    "save",
    "set_style",
    "show",
    "show_digits",
    "training_curves",
]
