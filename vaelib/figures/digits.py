"""Sheets of digits and other images: one scale for all, 0 is black and 1 is white, whatever the images hold."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from vaelib import checks
from vaelib.figures.style import Array, axes, finite_array, groups, name_axes, texts, tiles
from vaelib.languages import with_minus

TILE = 0.6  # inches, the width of one image
PAGE = (7.0, 5.6)  # inches, the most a new figure takes


def _mosaic(images: np.ndarray, columns: int, above: int, gap: int) -> np.ndarray:
    """Images (n, height, width, channel) in rows; NaN in `above` rows over each, and `gap` columns between them."""
    n, height, width, channels = images.shape
    rows = -(-n // columns)
    cells = np.full((rows * columns, height + above, width + gap, channels), np.nan)
    cells[:n, above:, gap:] = images
    sheet = cells.reshape(rows, columns, height + above, width + gap, channels).swapaxes(1, 2)
    return sheet.reshape(rows * (height + above), -1, channels)[:, gap:]


def _draw(sheet: np.ndarray, width: int, ax: Axes | None, room: float = 0.0) -> Axes:
    """One picture without frame or ticks; on a new figure every image, `width` pixels wide, has the same size."""
    down, across = (TILE * size / width for size in sheet.shape[:2])
    shrink = min(1.0, PAGE[0] / (across + room), PAGE[1] / down)
    ax = axes(ax, max(shrink * across + room, 1.6), max(shrink * down, 1.0) + 0.2)
    if sheet.shape[2] == 1:
        ax.imshow(sheet[..., 0], cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
    else:  # empty pixels are transparent
        empty = np.isnan(sheet)
        opaque = 1.0 - empty[..., :1]
        ax.imshow(np.concatenate([np.clip(np.where(empty, 0.0, sheet), 0.0, 1.0), opaque], -1), interpolation="nearest")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xticks([])
    ax.set_yticks([])
    return ax


def _gap(width: int) -> int:
    """The empty pixels between images of that width."""
    return max(1, width // 14)


def show_digits(
    images: Float[Array, "image pixel"],
    ax: Axes | None = None,
    *,
    columns: int = 10,
    titles: Sequence | None = None,
    image_shape: Sequence[int] | None = None,
) -> Axes:
    """One sheet of images, row by row, `columns` in a row.

    `images` (n, pixels) are grey squares of any side, or of `image_shape`, (height, width) or (height, width, 3) for
    colours; values beyond [0, 1] are drawn as 0 or 1. `titles` are n words or numbers, each drawn above its image.
    Raises ValueError for NaN, and where the images' shape cannot be known.
    """
    pictures = tiles(images, "images", image_shape)
    n, height, width, _ = pictures.shape
    columns = min(checks.positive_int(columns, "columns"), n)
    titles = [] if titles is None else texts(titles, n, "titles")
    gap = _gap(width)
    above = max(gap, width // 2) if titles else gap
    ax = _draw(_mosaic(pictures, columns, above, gap), width, ax)
    for i, title in enumerate(titles):
        row, column = divmod(i, columns)
        left, top = column * (width + gap), row * (height + above) + above
        ax.text(left + width / 2, top - gap, title, ha="center", va="bottom", fontsize="small")
    return ax


def digit_rows(
    rows: dict[str, Float[Array, "image pixel"]],
    ax: Axes | None = None,
    *,
    titles: Sequence | None = None,
    image_shape: Sequence[int] | None = None,
) -> Axes:
    """Rows of images one above the other, each with its name on the left: `{"x": images, "E[p(x|z)]": means}`.

    All rows hold the same number of images of the same shape, as for `show_digits`. `titles` are words or numbers above
    the columns.
    """
    pictures = [tiles(images, f"rows[{name!r}]", image_shape) for name, images in groups(rows, "rows").items()]
    for name, row in zip(rows, pictures, strict=True):
        if row.shape != pictures[0].shape:
            wanted, came = (f"{len(x)} of {x.shape[1]} × {x.shape[2]}" for x in (pictures[0], row))
            raise ValueError(f"every row must hold as many images as the first, {wanted}; rows[{name!r}] holds {came}")
    n, height, width, _ = pictures[0].shape
    titles = [] if titles is None else texts(titles, n, "titles")
    gap = _gap(width)
    room = 0.09 * max(len(line) for name in rows for line in name.split("\n"))  # inches for the names
    ax = _draw(_mosaic(np.concatenate(pictures), n, gap, gap)[gap:], width, ax, room)
    ax.set_yticks(np.arange(len(pictures)) * (height + gap) + (height - 1) / 2, list(rows))
    if titles:
        ax.xaxis.tick_top()
        ax.set_xticks(np.arange(n) * (width + gap) + (width - 1) / 2, titles)
        ax.tick_params(length=0)
    return ax


def reconstruction_sheet(
    images: Float[Array, "image pixel"],
    reconstructions: Float[Array, "image pixel"],
    ax: Axes | None = None,
    *,
    names: tuple[str, str] = ("images", "reconstructions"),
    image_shape: Sequence[int] | None = None,
) -> Axes:
    """Two sheets side by side, the same image in the same place: 100 images make two sheets of 10 × 10.

    For n images each sheet has as many columns as the smallest square that holds them. The images' shapes are as for
    `show_digits`.
    """
    left, right = tiles(images, "images", image_shape), tiles(reconstructions, "reconstructions", image_shape)
    checks.same_shape(images, reconstructions, "images", "reconstructions")
    n, _, width, _ = left.shape
    columns, gap = math.isqrt(n - 1) + 1, _gap(width)
    sheets = [_mosaic(pictures, columns, gap, gap)[gap:] for pictures in (left, right)]
    space = np.full((len(sheets[0]), width // 2, left.shape[3]), np.nan)
    ax = _draw(np.concatenate([sheets[0], space, sheets[1]], axis=1), width, ax)
    across = sheets[0].shape[1]
    ax.xaxis.tick_top()
    ax.set_xticks([across / 2, across * 1.5 + space.shape[1]], texts(names, 2, "names"))
    ax.tick_params(length=0)
    return ax


def prior_grid(side: int = 20, kind: str = "uniform", limit: float | None = None) -> Float[np.ndarray, "code 2"]:
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
    ticks = np.round(MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(values[0], values[-1]), 6) + 0.0  # no -0
    return ticks[(values[0] <= ticks) & (ticks <= values[-1])]


def manifold(
    images: Float[Array, "code pixel"],
    z: Float[Array, "code 2"],
    ax: Axes | None = None,
    *,
    names: tuple[str, str] = ("z₁", "z₂"),
    image_shape: Sequence[int] | None = None,
) -> Axes:
    """The decoded plane: each image stands at its code in `z`, and the axes carry the values of z.

    `z` comes from `prior_grid`, `images` from decoding it: `manifold(model.decode(z).mean, z)`; their shape is as for
    `show_digits`. Raises ValueError where `z` is no square grid, row by row from the top left.
    """
    pictures, codes = tiles(images, "images", image_shape), finite_array(z, "z", None, 2)
    n, height, width, _ = pictures.shape
    side = math.isqrt(n)
    if len(codes) != n:
        raise ValueError(f"images and z must have the same length, got {n} and {len(codes)}")
    columns, rows = codes[:side, 0], codes[::side, 1]
    ordered = (np.diff(columns) > 0).all() and (np.diff(rows) < 0).all()
    if not (ordered and np.array_equal(codes, np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 2))):
        raise ValueError(f"z must be a square grid as made by prior_grid(side), got {n} codes in another order")
    ax = _draw(_mosaic(pictures, side, 0, 0), width, ax, room=0.6)
    across, down = (np.arange(side) * size + (size - 1) / 2 for size in (width, height))
    for axis, values, places in ((ax.xaxis, columns, across), (ax.yaxis, rows[::-1], down[::-1])):
        ticks = _round_numbers(values)
        axis.set_ticks(np.interp(ticks, values, places), [with_minus(f"{value:.3g}") for value in ticks])
    ax.tick_params(length=3)
    name_axes(ax, names)
    return ax
