"""The two networks of a VAE and the draw between them, as a drawing."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from vaelib import checks
from vaelib.figures.style import GUIDE, INK, QUANTITY_COLORS, axes

WIDTH, TALL = 0.46, 2.6  # of a layer's box, the unit being the distance from layer to layer; the height of the widest
FAINT = "#f4f6f9"

Real = float | int


def architecture(
    *,
    pixels: int,
    hidden: Sequence[int],
    latent: int,
    activation: str,
    output: str = "logits a",
    ax: Axes | None = None,
) -> Axes:
    """A VAE's layers from left to right: a box a layer, its width below it, and the draw of z in the middle.

    `hidden` are the widths of the encoder's hidden layers, which the decoder mirrors; `activation` is what follows each
    of them, and `output` the name of the decoder's last layer. Heights go with the logarithm of the width.
    """
    widths = [checks.positive_int(width, "hidden") for width in hidden]
    pixels, latent = checks.positive_int(pixels, "pixels"), checks.positive_int(latent, "latent")
    ax = axes(ax, 7.0, 3.0)
    heights = [TALL * math.log(width + 1) / math.log(max(pixels, *widths) + 1) for width in (pixels, *widths, latent)]
    n, middle, end = len(widths), len(widths) + 2, 2 * len(widths) + 3
    for i, width in enumerate(widths, start=1):
        for place in (i, end - i):
            _layer(ax, place, 0, heights[i], label=activation, width=f"{width}")
            _arrow(ax, (place - 1, 0), (place, 0))
    _layer(ax, 0, 0, heights[0], label="x", width=f"{pixels}", color=INK)
    _layer(ax, end, 0, heights[0], label=output, width=f"{pixels}", color=QUANTITY_COLORS["recon"])
    _arrow(ax, (end - 1, 0), (end, 0))
    for level, name in ((0.85, "μ"), (-0.85, "log σ²")):
        _layer(ax, n + 1, level, heights[-1], label=name, width=f"{latent}", color=QUANTITY_COLORS["kl"])
        _arrow(ax, (n, 0), (n + 1, level))
        _arrow(ax, (n + 1, level), (middle, 0))
    _layer(ax, middle, 0, heights[-1], label="z", width=f"{latent}", color=QUANTITY_COLORS["elbo"])
    ax.annotate("ε ~ N(0, I)", (middle, heights[-1] / 2 + 0.1), (middle, 1.75), ha="center", arrowprops=_style())
    for centre, words in ((n / 2, "encoder"), (middle, "z = μ + σ ⊙ ε"), (end - n / 2, "decoder")):
        ax.text(centre, -2.3, words, ha="center", color=INK, weight="bold")
    ax.set(xlim=(-0.6, end + 0.6), ylim=(-2.5, 2.1))
    ax.axis("off")
    return ax


def _layer(ax: Axes, place: Real, level: Real, height: float, *, label: str, width: str, color: str = GUIDE) -> None:
    """A box with its label inside, upright where it is a word, and its width below."""
    corner = (place - WIDTH / 2, level - height / 2)
    ax.add_patch(FancyBboxPatch(corner, WIDTH, height, boxstyle="round,pad=0.02", fc=FAINT, ec=color, lw=1.6))
    ax.text(place, level, label, ha="center", va="center", fontsize=10, rotation=90 if len(label) > 2 else 0)
    ax.text(place, level - height / 2 - 0.09, width, ha="center", va="top", fontsize=9.5)


def _arrow(ax: Axes, start: tuple[Real, Real], end: tuple[Real, Real]) -> None:
    """From the right edge of one box to the left edge of another."""
    ax.annotate("", (end[0] - WIDTH / 2 - 0.04, end[1]), (start[0] + WIDTH / 2 + 0.04, start[1]), arrowprops=_style())


def _style() -> dict:
    return {"arrowstyle": "-|>", "color": GUIDE, "shrinkA": 0, "shrinkB": 0}
