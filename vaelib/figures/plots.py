"""Pictures of codes, curves and densities: arrays in, Axes out, values in viridis."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Real
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Ellipse
from matplotlib.ticker import MaxNLocator

from vaelib import checks
from vaelib.figures.style import (
    GUIDE,
    INK,
    QUANTITY_COLORS,
    Array,
    Numbers,
    axes,
    class_colors,
    figure_of,
    finite_array,
    groups,
    name_axes,
)

# The terms of the ELBO have the same name and colour in every picture.
TERMS = {"elbo": "ELBO", "recon": r"$\mathrm{E}_q[\log p(x|z)]$", "kl": "KL(q‖p(z))"}


def apart(points: Real[Array, "point 2"] | Sequence[Numbers], gap: float) -> np.ndarray:
    """Places for names at the points: those nearer to each other than `gap`, in their units, are pushed apart.

    `latent_scatter` places the names of its classes so; in a live figure it gives the places of each frame.
    """
    places = finite_array(points, "points", None, 2)
    gap = checks.number(gap, "gap", low=0.0)
    places = places + np.outer(np.arange(len(places)), [0.0, 1e-6 * gap])  # so that no two coincide
    for _ in range(200):
        between = places[:, None] - places
        distance = np.linalg.norm(between, axis=-1) + np.where(np.eye(len(places)), np.inf, 0.0)
        push = np.maximum(gap - distance, 0.0) / np.maximum(distance, np.finfo(float).tiny)
        places = places + 0.2 * (push[..., None] * between).sum(axis=1)
    return places


def _share_of_height(ax: Axes, inches: float) -> float:
    """What part of the height of the Axes that many inches are."""
    return inches / (ax.get_position().height * figure_of(ax).get_size_inches()[1])


def latent_scatter(
    codes: Real[Array, "image 2"] | Sequence[Numbers],
    labels: checks.Labels,
    ax: Axes | None = None,
    *,
    circles: Numbers = (),
    names: tuple[str, str] = ("z₁", "z₂"),
) -> Axes:
    """The map of labels: one dot a code, coloured by its class, with each class's name at the median of its codes.

    `labels` are whole numbers from 0, or names. `circles` are radii around 0: N(0, I) has 39%, 86% and 99% of its mass
    within 1, 2 and 3. A median, since stray codes draw a mean away; names that would touch are moved, tied by a line.
    """
    codes = finite_array(codes, "codes", None, 2)
    numbers, classes = checks.classes(labels, len(codes), "code")
    colors = class_colors(len(classes))
    ax = axes(ax, 5.4, 5.0)
    horizontal, vertical = codes.T
    size = max(3.0, min(25.0, 2e4 / len(codes)))
    ax.scatter(horizontal, vertical, c=np.array(colors)[numbers], s=size, alpha=0.7, lw=0)
    for radius in circles:
        radius = checks.number(radius, "circles", low=0.0, open_low=True)
        ax.add_patch(Circle((0, 0), radius, fill=False, ls="--", lw=1, ec=INK))
    present = np.unique(numbers)
    medians = np.array([np.median(codes[numbers == number], axis=0) for number in present])
    gap = _share_of_height(ax, 0.28) * np.ptp(codes, axis=0).max()
    for number, median, place in zip(present, medians, apart(medians, gap), strict=True):
        color, name = colors[number], classes[number]
        shape = "circle" if len(name) == 1 else "round"
        box = {"boxstyle": f"{shape},pad=0.2", "fc": "white", "ec": color, "lw": 2}
        leader = {"arrowstyle": "-", "color": color, "lw": 1.5, "shrinkB": 0}
        ax.annotate(name, median, place, weight="bold", ha="center", va="center", bbox=box, arrowprops=leader)
    ax.set_aspect("equal", adjustable="datalim")
    name_axes(ax, names)
    return ax


def gaussian_ellipse(
    mu: Real[Array, "2"] | Numbers,
    sigma: Real[Array, "2"] | Numbers | None = None,
    ax: Axes | None = None,
    *,
    cov: Real[Array, "2 2"] | Sequence[Numbers] | None = None,
    radii: Numbers = (1, 2),
    color: str = INK,
    label: str | None = None,
) -> Axes:
    """N(mu, diag sigma²), or N(mu, cov), on the plane: a dot at its mean and an ellipse at each of `radii` deviations.

    Radii 1 and 2 enclose 39% and 86% of the mass. Give exactly one of `sigma`, the standard deviations, and `cov`.
    """
    mu = finite_array(mu, "mu", 2)
    if (sigma is None) == (cov is None):
        raise ValueError("give exactly one of sigma (standard deviations) and cov (covariance matrix)")
    cov = np.diag(finite_array(sigma, "sigma", 2) ** 2) if cov is None else finite_array(cov, "cov", 2, 2)
    variances, directions = np.linalg.eigh(cov)
    if variances.min() <= 0 or not np.allclose(cov, cov.T):
        raise ValueError(f"the Gaussian must have a symmetric covariance with positive variances, got {cov.tolist()}")
    ax = axes(ax, 4.6, 4.4)
    angle = np.degrees(np.arctan2(directions[1, 1], directions[0, 1]))
    ax.plot(*mu, "o", ms=4, color=color, label=label)
    for radius in radii:
        radius = checks.number(radius, "radii", low=0.0, open_low=True)
        minor, major = 2 * radius * np.sqrt(variances)
        ax.add_patch(Ellipse((mu[0], mu[1]), major, minor, angle=angle, fill=False, ec=color, lw=1.5))
    ax.autoscale_view()
    return ax


def label_lines(ax: Axes) -> Axes:
    """Write each line's label at its right end, in its colour made dark enough to read; call it last.

    Takes the place of a legend. Labels that would touch are moved apart; lines without a label stay unnamed.
    """
    lines = [line for line in ax.get_lines() if not str(line.get_label()).startswith("_")]
    if not lines:
        return ax
    ax.set_ylim(ax.get_ylim())
    last = [line.get_transform().transform(np.asarray(line.get_xydata())[-1]) for line in lines]
    ends = [ax.transAxes.inverted().transform(point) for point in last]
    heights = np.array([(0.0, height) for _, height in ends]).reshape(-1, 2)
    for line, (_, height) in zip(lines, apart(heights, _share_of_height(ax, 0.2)), strict=True):
        ax.annotate(
            str(line.get_label()),
            (1, height),
            xytext=(5, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            color=0.72 * np.array(to_rgb(line.get_color())),
            va="center",
            annotation_clip=False,
        )
    return ax


def training_curves(
    curves: dict[str, Real[Array, " step"] | Numbers],
    ax: Axes | None = None,
    *,
    held_out: dict[str, Real[Array, " step"] | Numbers] | None = None,
    x: Real[Array, " step"] | Numbers | None = None,
    xlabel: str = "epoch",
    ylabel: str = "nats per image",
) -> Axes:
    """Curves over training, such as the terms of the ELBO: solid on the training set, dashed on held-out images.

    `curves` and `held_out` map names to equally long sequences, as `History.train`, `History.held_out` and
    `History.steps` do; empty held-out ones are left out. `x` are their positions, 1, 2, 3, ... unless given. Each curve
    is named at its right end.
    """
    first = next(iter(groups(curves, "curves")))
    size = len(finite_array(curves[first], f"curves[{first!r}]", None))
    x = np.arange(1, size + 1) if x is None else finite_array(x, "x", size)
    held_out = {name: values for name, values in (held_out or {}).items() if len(values)}
    if set(held_out) - set(curves):
        raise ValueError(f"held_out must have names from curves, {list(curves)}, got {list(held_out)}")
    ax = axes(ax)
    for name, values in curves.items():
        style: dict[str, Any] = {"color": QUANTITY_COLORS.get(name), "marker": "o" if size == 1 else None}
        (line,) = ax.plot(x, finite_array(values, f"curves[{name!r}]", size), label=TERMS.get(name, name), **style)
        if name in held_out:
            style["color"] = line.get_color()
            ax.plot(x, finite_array(held_out[name], f"held_out[{name!r}]", size), ls="--", **style)
    ax.margins(x=0.02)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    if held_out:
        styles = [Line2D([], [], color=GUIDE, ls=ls, label=text) for ls, text in (("-", "train"), ("--", "held out"))]
        ax.legend(handles=styles)
    return label_lines(ax)


def band(
    x: Real[Array, " point"] | Numbers,
    low: Real[Array, " point"] | Numbers,
    mid: Real[Array, " point"] | Numbers,
    high: Real[Array, " point"] | Numbers,
    ax: Axes | None = None,
    *,
    label: str | None = None,
    color: str | None = None,
) -> Axes:
    """A line with its spread: `mid` over `x`, and the area from `low` to `high`.

    With `draws` of shape (repeats, points): `band(x, *np.quantile(draws, [0.1, 0.5, 0.9], axis=0), label="...")`.
    """
    x = finite_array(x, "x", None)
    low, mid, high = (finite_array(v, name, len(x)) for v, name in ((low, "low"), (mid, "mid"), (high, "high")))
    if not ((low <= mid).all() and (mid <= high).all()):
        raise ValueError("low, mid and high must be in this order everywhere; pass quantiles in rising order")
    ax = axes(ax)
    (line,) = ax.plot(x, mid, label=label, color=color)
    ax.fill_between(x, low, high, color=line.get_color(), alpha=0.2, lw=0)
    return ax


def histograms(
    samples: dict[str, Real[Array, " draw"] | Numbers],
    ax: Axes | None = None,
    *,
    bins: int = 50,
    density: Callable | None = None,
    density_label: str = "density",
    xlabel: str = "",
) -> Axes:
    """Histograms of several samples over the same bins, each of area 1, with a probability density drawn on top.

    `samples` maps names to one-dimensional arrays; `density` takes an array of x and returns p(x).
    """
    draws = {
        name: finite_array(values, f"samples[{name!r}]", None) for name, values in groups(samples, "samples").items()
    }
    edges = np.histogram_bin_edges(np.concatenate(list(draws.values())), checks.positive_int(bins, "bins"))
    ax = axes(ax)
    for name, values in draws.items():
        ax.hist(values, edges.tolist(), density=True, alpha=0.45, label=name)
    if density is not None:
        x = np.linspace(edges[0], edges[-1], 400)
        ax.plot(x, finite_array(density(x), "density(x)", len(x)), color=INK, label=density_label)
    ax.set_xlabel(xlabel)
    ax.set_ylabel("density")
    ax.legend()
    return ax


def heatmap(
    x: Real[Array, " column"] | Numbers,
    y: Real[Array, " row"] | Numbers,
    values: Real[Array, "row column"] | Sequence[Numbers],
    ax: Axes | None = None,
    *,
    label: str,
) -> Axes:
    """A function of two variables in viridis: `values[i, j]` at (x[j], y[i]), its unit in the colour bar's `label`."""
    x, y = finite_array(x, "x", None), finite_array(y, "y", None)
    values = finite_array(values, "values", len(y), len(x))
    ax = axes(ax, 5.4, 4.4)
    mesh = ax.pcolormesh(x, y, values, cmap="viridis", shading="nearest")
    ax.figure.colorbar(mesh, ax=ax, label=label)
    return ax
