"""The house style: colours, sizes, and the checks every picture shares."""

import math
from collections.abc import Sequence
from colorsys import hls_to_rgb

import jax
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from vaelib import checks

Array = jax.Array | np.ndarray
Numbers = Sequence[float | int | np.number]

# Ten colours chosen to stay apart under the three common colour-vision deficiencies (Petroff 2021, arXiv:2107.02270).
# The tests measure it: no two come closer than 17 units of CIELAB; matplotlib's own ten come as close as 5.
# Digit k always has colour k, whatever else is in the picture, and a numeral says so again.
CLASS_COLORS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
GOLDEN = (5**0.5 - 1) / 2  # its multiples spread evenly over a circle, however many they are
# The same colours for lines: the first four differ in lightness too, and the pale ones come last.
LINE_COLORS = tuple(CLASS_COLORS[k] for k in (0, 2, 4, 6, 8, 5, 1, 3, 7, 9))
# One colour for each quantity of the argument, in every figure: kl is the KL to the prior, gap the KL to the posterior.
QUANTITY_COLORS = {
    "evidence": CLASS_COLORS[8],
    "elbo": CLASS_COLORS[0],
    "recon": CLASS_COLORS[4],
    "kl": CLASS_COLORS[6],
    "gap": CLASS_COLORS[2],
}
INK, GUIDE = "#222222", "#8a8a8a"


def class_colors(count: int) -> tuple[str, ...]:
    """A colour of its own for each of so many classes, the first ten always those of the digits."""
    others = range(len(CLASS_COLORS), count)
    shades = [to_hex(hls_to_rgb(k * GOLDEN % 1, (0.3, 0.45, 0.65)[k % 3], 0.8)) for k in others]
    return (*CLASS_COLORS[:count], *shades)


def set_style() -> None:
    """Make the house style matplotlib's default for this session.

    Every function of this package also works without it. The background is opaque white, so that pictures keep their
    dark text in a dark notebook theme.
    """
    plt.rcParams.update(
        {
            "figure.figsize": (6.4, 3.8),
            "figure.dpi": 100,
            "figure.facecolor": "white",
            "figure.constrained_layout.use": True,
            "font.size": 11,
            "axes.titlesize": 11,
            "axes.titleweight": "normal",
            "axes.labelsize": 11,
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.axisbelow": True,
            "axes.grid": False,
            "axes.prop_cycle": cycler(color=LINE_COLORS),
            "grid.color": "#e3e3e3",
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "xtick.labelsize": 10,
            "ytick.labelsize": 10,
            "legend.fontsize": 10,
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "image.cmap": "viridis",
        }
    )


def axes(ax: Axes | None, width: float = 6.4, height: float = 3.8) -> Axes:
    """The Axes given, or those of a new figure of that many inches."""
    if ax is None:
        return plt.subplots(figsize=(width, height), layout="constrained")[1]
    if not isinstance(ax, Axes):
        raise TypeError(
            f"ax must be a matplotlib Axes or None, got {type(ax).__name__}; take one with axes[0] or ax=None"
        )
    return ax


def figure_of(ax: Axes) -> Figure:
    """The whole figure that the Axes are drawn on; raises ValueError for Axes that were removed from theirs."""
    figure = ax.get_figure(root=True)
    if figure is None:
        raise ValueError("the Axes must be on a figure, got Axes that were removed from theirs; draw on others")
    return figure


def finite_array(values, name: str, *shape: int | None) -> np.ndarray:
    """Numbers as a NumPy array without NaN, of the given shape, where None stands for any size of at least 1."""
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must hold numbers only, got {type(values).__name__}: {error}") from error
    fits = array.ndim == len(shape) and all(
        n == wanted or (wanted is None and n > 0) for n, wanted in zip(array.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("n" if size is None else str(size) for size in shape)
        raise ValueError(f"{name} must have shape ({wanted}{',' if len(shape) == 1 else ''}), got {array.shape}")
    return checks.finite(array, name)


def tiles(
    images: Float[Array, "image pixel"], name: str, image_shape: Sequence[int] | None
) -> Float[np.ndarray, "image height width channel"]:
    """Flat images as (n, height, width, channels): of `image_shape`, or grey squares.

    Raises TypeError or ValueError for anything else than pixels of 1 or 3 channels.
    """
    checks.floating(images, name)
    pixels = images.shape[-1] if images.ndim else 0
    if image_shape is None and (pixels == 0 or math.isqrt(pixels) ** 2 != pixels):
        raise ValueError(
            f"{name} must have shape (n, pixels) with a square number of pixels, got {images.shape}; "
            "flatten 28 × 28 images with .reshape(-1, 784), and for others pass image_shape=(height, width) or "
            "(height, width, channels), such as model.image_shape"
        )
    height, width, channels = checks.drawable(checks.image_shape(image_shape, None if image_shape else pixels))
    flat = checks.batch_of(images, height * width * channels, name, "pixel")
    return np.asarray(flat).reshape(-1, height, width, channels)


def groups(values, name: str) -> dict:
    """A dictionary from names to arrays, with at least one entry."""
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise TypeError(f'{name} must be a dictionary like {{"name": array}}, got {type(values).__name__}')
    if not values:
        raise ValueError(f"{name} must have at least one entry, got an empty dictionary")
    return values


def texts(values: Sequence, n: int, name: str) -> list[str]:
    """Exactly n words or numbers as strings; one string is no list of them."""
    if isinstance(values, str) or len(values) != n:
        came = repr(values) if isinstance(values, str) else f"{len(values)} of them"
        raise ValueError(f"{name} must be a list of {n} words or numbers, got {came}")
    return [str(value) for value in values]


def name_axes(ax: Axes, names: tuple[str, str]) -> None:
    """Label the horizontal and the vertical axis."""
    horizontal, vertical = texts(names, 2, "names")
    ax.set_xlabel(horizontal)
    ax.set_ylabel(vertical)
