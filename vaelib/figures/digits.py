"""Pictures of digits: one grey scale for all, 0 is black and 1 is white, whatever the images hold."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from vaelib import checks
from vaelib.figures.style import Array, axes, finite_array, groups, name_axes, squares, texts

TILE = 0.6  # inches, for one digit
PAGE = (7.0, 5.6)  # inches, the most a new figure takes


def _mosaic(tiles: np.ndarray, columns: int, above: int, gap: int) -> np.ndarray:
    """Tiles (n, side, side) in rows, with `above` and `gap` empty pixels (NaN) over and to the left of each."""
    n, side, _ = tiles.shape
    rows = -(-n // columns)
    cells = np.full((rows * columns, side + above, side + gap), np.nan)
    cells[:n, above:, gap:] = tiles
    return (
        cells.reshape(rows, columns, side + above, side + gap)
        .transpose(0, 2, 1, 3)
        .reshape(rows * (side + above), -1)[:, gap:]
    )


def _draw(sheet: np.ndarray, side: int, ax: Axes | None, room: float = 0.0) -> Axes:
    """One grey picture without frame or ticks, on Axes whose new figure gives each tile the same size."""
    height, width = (TILE * size / side for size in sheet.shape)
    shrink = min(1.0, PAGE[0] / (width + room), PAGE[1] / height)
    ax = axes(ax, max(shrink * width + room, 1.6), max(shrink * height, 1.0) + 0.2)
    ax.imshow(sheet, cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xticks([])
    ax.set_yticks([])
    return ax


def show_digits(
    images: Float[Array, "image pixel"],
    ax: Axes | None = None,
    *,
    columns: int = 10,
    titles: Sequence | None = None,
) -> Axes:
    """One sheet of digits, row by row, `columns` in a row.

    `images` (n, pixels) are square images of any side; values beyond [0, 1] are drawn black or white. `titles` are n
    words or numbers, each drawn above its digit. Raises ValueError for NaN and for shapes that are no square.
    """
    tiles = squares(images, "images")
    n, side, _ = tiles.shape
    columns = min(checks.positive_int(columns, "columns"), n)
    titles = [] if titles is None else texts(titles, n, "titles")
    gap = max(1, side // 14)
    above = max(gap, side // 2) if titles else gap
    ax = _draw(_mosaic(tiles, columns, above, gap), side, ax)
    for i, title in enumerate(titles):
        row, column = divmod(i, columns)
        left, top = column * (side + gap), row * (side + above) + above
        ax.text(left + side / 2, top - gap, title, ha="center", va="bottom", fontsize="small")
    return ax


def digit_rows(
    rows: dict[str, Float[Array, "image pixel"]], ax: Axes | None = None, *, titles: Sequence | None = None
) -> Axes:
    """Rows of digits one above the other, each with its name on the left: `{"x": images, "E[p(x|z)]": means}`.

    All rows hold the same number of images of the same side. `titles` are words or numbers above the columns.
    """
    tiles = [squares(images, f"rows[{name!r}]") for name, images in groups(rows, "rows").items()]
    for name, row in zip(rows, tiles, strict=True):
        if row.shape != tiles[0].shape:
            raise ValueError(
                f"every row must hold as many images as the first, {len(tiles[0])} of side {tiles[0].shape[1]}; "
                f"rows[{name!r}] holds {len(row)} of side {row.shape[1]}"
            )
    n, side, _ = tiles[0].shape
    titles = [] if titles is None else texts(titles, n, "titles")
    gap = max(1, side // 14)
    room = 0.09 * max(len(line) for name in rows for line in name.split("\n"))  # inches for the names
    ax = _draw(_mosaic(np.concatenate(tiles), n, gap, gap)[gap:], side, ax, room)
    centres = np.arange(max(n, len(tiles))) * (side + gap) + (side - 1) / 2
    ax.set_yticks(centres[: len(tiles)], list(rows))
    if titles:
        ax.xaxis.tick_top()
        ax.set_xticks(centres[:n], titles)
        ax.tick_params(length=0)
    return ax


def reconstruction_sheet(
    images: Float[Array, "image pixel"],
    reconstructions: Float[Array, "image pixel"],
    ax: Axes | None = None,
    *,
    names: tuple[str, str] = ("images", "reconstructions"),
) -> Axes:
    """Two square sheets side by side, the same digit in the same place: 100 images make two sheets of 10 × 10.

    For n images each sheet has the smallest square that holds them.
    """
    left, right = squares(images, "images"), squares(reconstructions, "reconstructions")
    checks.same_shape(images, reconstructions, "images", "reconstructions")
    n, side, _ = left.shape
    columns = math.isqrt(n - 1) + 1
    gap = max(1, side // 14)
    sheets = [_mosaic(tiles, columns, gap, gap)[gap:] for tiles in (left, right)]
    space = np.full((len(sheets[0]), side // 2), np.nan)
    ax = _draw(np.concatenate([sheets[0], space, sheets[1]], axis=1), side, ax)
    width = sheets[0].shape[1]
    ax.xaxis.tick_top()
    ax.set_xticks([width / 2, width * 1.5 + space.shape[1]], texts(names, 2, "names"))
    ax.tick_params(length=0)
    return ax


def prior_grid(side: int = 20, kind: str = "uniform", limit: float | None = None) -> Float[np.ndarray, "side² 2"]:
    """A square grid of codes z, row by row from the top left, as `manifold` draws it: z₁ to the right, z₂ upwards.

    "uniform" has equal steps from -limit to limit (3 unless given), corners included. "inverse-cdf" pushes the centres
    of side × side equal cells of the unit square through the inverse of the Gaussian's distribution function, so every
    code stands for the same share 1/side² of the prior N(0, I), and an average over the grid is one over the prior; it
    needs no limit. Source: Kingma & Welling (2013), appendix A.
    """
    side = checks.positive_int(side, "side")
    if checks.one_of(kind, ("uniform", "inverse-cdf"), "kind") == "uniform":
        limit = checks.number(3.0 if limit is None else limit, "limit", low=0.0, open_low=True)
        steps = np.linspace(-limit, limit, side) if side > 1 else np.zeros(1)
    elif limit is not None:
        raise ValueError(f'limit must be None with kind "inverse-cdf", whose ends follow from side, got {limit}')
    else:
        steps = np.array([NormalDist().inv_cdf((i + 0.5) / side) for i in range(side)])
    z1, z2 = np.meshgrid(steps, steps[::-1])
    return np.stack([z1.ravel(), z2.ravel()], axis=-1).astype(np.float32)


def _round_numbers(values: np.ndarray) -> np.ndarray:
    """A few round numbers between the ends of rising values."""
    if len(values) == 1:
        return values
    ticks = MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(values[0], values[-1]).round(6) + 0.0  # no -0
    return ticks[(values[0] <= ticks) & (ticks <= values[-1])]


def manifold(
    images: Float[Array, "side² pixel"],
    z: Float[Array, "side² 2"],
    ax: Axes | None = None,
    *,
    names: tuple[str, str] = ("z₁", "z₂"),
) -> Axes:
    """The decoded plane: each digit of `images` stands at its code in `z`, and the axes carry the values of z.

    `z` comes from `prior_grid`, `images` from decoding it: `manifold(model.decode(z).mean, z)`. Raises ValueError
    where `z` is no square grid, row by row from the top left.
    """
    tiles, codes = squares(images, "images"), finite_array(z, "z", None, 2)
    n, side, _ = tiles.shape
    width = math.isqrt(n)
    if len(codes) != n:
        raise ValueError(f"images and z must have the same length, got {n} and {len(codes)}")
    columns, rows = codes[:width, 0], codes[::width, 1]
    ordered = (np.diff(columns) > 0).all() and (np.diff(rows) < 0).all()
    if not (ordered and np.array_equal(codes, np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 2))):
        raise ValueError(f"z must be a square grid as made by prior_grid(side), got {n} codes in another order")
    ax = _draw(_mosaic(tiles, width, 0, 0), side, ax, room=0.6)
    centres = np.arange(width) * side + (side - 1) / 2
    for axis, values, places in ((ax.xaxis, columns, centres), (ax.yaxis, rows[::-1], centres[::-1])):
        ticks = _round_numbers(values)
        axis.set_ticks(np.interp(ticks, values, places), [f"{value:.3g}".replace("-", "−") for value in ticks])
    ax.tick_params(length=3)
    name_axes(ax, names)
    return ax
