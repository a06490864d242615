"""Any matplotlib figure that follows sliders: drawn once, then only the artists that move are drawn again.

Slider -> update(**values) -> the moved artists, drawn over the stored background (Agg) -> PNG (Pillow) -> the page,
which keeps it for the next time.
"""

import html
import io
import re
from collections.abc import Callable, Iterable, Mapping

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cbook import is_math_text
from matplotlib.figure import Figure
from matplotlib.text import Text

from vaelib.languages import cells, tr
from vaelib.lettering import letter
from vaelib.widgets.browser import WithStill, finest_step
from vaelib.widgets.frame import Frame, choices
from vaelib.widgets.handles import Handle, checked, placed


class LiveFigure(WithStill, ipywidgets.VBox):
    """Sliders above a figure whose moving artists follow them; made by `live_figure`."""

    def __init__(
        self, fig: Figure, update: Callable, sliders: Mapping[str, ipywidgets.Widget], alt: str, handles: list
    ):
        """Draw the first frame, and let the sliders draw the next ones."""
        plt.close(fig)  # else the notebook shows the figure a second time, as a dead picture
        self._update, self._canvas = update, FigureCanvasAgg(fig)
        self._background = None
        self._drawn: frozenset[Artist] = frozenset()
        self.sliders = dict(sliders)
        self._image = Frame(self._draw, sliders=list(self.sliders.values()), alt=alt)
        self.handles: list[Handle] = [placed(handle, self.sliders) for handle in handles]
        self._image.width = self._canvas.get_width_height()[0]
        self._image.handles = [handle.for_page() for handle in self.handles]
        self._image.layout = ipywidgets.Layout(max_width="100%", align_self="flex-start")
        self._alert = ipywidgets.HTML(layout=ipywidgets.Layout(display="none"))
        for slider in self.sliders.values():
            slider.observe(self._on_move, names="value")
        super().__init__([*self.sliders.values(), self._image, self._alert])

    @property
    def values(self) -> dict:
        """The sliders' values by name."""
        return {name: slider.value for name, slider in self.sliders.items()}

    @property
    def frame(self) -> bytes:
        """The picture on screen, as PNG."""
        return bytes(self._image.value)

    @property
    def said(self) -> str:
        """What the texts say that `update` returned, for screen readers; empty where it returned none."""
        return self._image.said

    @property
    def message(self) -> str:
        """What is shown in place of the picture; empty while all is well."""
        return self._alert.value

    def _on_move(self, _) -> None:
        try:
            self._image.show()
            self._alert.value = ""
        except Exception as error:  # a callback's exception has no cell to appear under, so it is shown here
            moved = ", ".join(f"{name} = {value}" for name, value in self.values.items())
            text = tr("The figure could not be drawn at {values}.", values=moved) + f" {type(error).__name__}: {error}"
            self._alert.value = f'<div role="alert">{html.escape(text)}</div>'
        self._image.layout.display = "none" if self.message else None
        self._alert.layout.display = None if self.message else "none"

    def _draw(self, values: list) -> tuple[bytes, str]:
        """The frame at these values of the sliders, as PNG, and what its moving texts say."""
        named = dict(zip(self.sliders, values, strict=True))
        returned = _artists(self._update(**named))
        moving = sorted(returned, key=Artist.get_zorder)
        canvas, fig = self._canvas, self._canvas.figure
        parts: list[Artist] = [fig] if self._background is None else moving
        for part in parts:
            letter(part)
        if self._background is None or any(a in self._drawn and not a.get_animated() for a in moving):
            for artist in moving:
                artist.set_animated(True)
            canvas.draw()
            fig.set_layout_engine("none")  # a layout that breathes with the artists would leave the background behind
            self._background, self._drawn = canvas.copy_from_bbox(fig.bbox), frozenset(fig.findobj())
        canvas.restore_region(self._background)
        for artist in moving:
            artist.set_animated(True)
            fig.draw_artist(artist)
        return _png(canvas), _said(returned)

    def __repr__(self) -> str:
        """The sliders' names and values."""
        return f"LiveFigure({', '.join(f'{name}={value!r}' for name, value in self.values.items())})"

    def still(self) -> tuple[bytes, str]:
        """The present frame."""
        return self.frame, self._image.alt or repr(self)


def live_figure(
    fig: Figure,
    update: Callable[..., Artist | Iterable[Artist]],
    *,
    alt: str = "",
    labels: Mapping | None = None,
    handles: Iterable[tuple] = (),
    **sliders,
) -> LiveFigure:
    """A figure that follows sliders, fast enough to be dragged: only what `update` returns is drawn again.

    It is used so::

        line, = ax.plot(x, density(x, mu=0))
        def update(mu):
            line.set_ydata(density(x, mu))
            return line
        live_figure(fig, update, mu=(-3.0, 3.0, 0.0), labels={"mu": "mean of q"}, alt="The density of q")

    Args:
        fig: a matplotlib figure, drawn in full once; limits and ticks stay as they are then.
        update: called with the sliders' values; changes some artists (lines, texts, titles, polygons) and returns them,
            one or many. An artist that is not returned keeps its place in the background, or is not shown if it was
            returned before. The picture follows from the values alone: the page keeps it, and has some drawn ahead.
        alt: what the figure shows, in a sentence, for screen readers.
        labels: name -> the text beside its slider, the name itself by default.
        handles: points in the picture that can be dragged, each (ax, x, y), where x and y are the name of the slider
            that moves along, or a place on the axis where the handle stays: (ax, "mu", "log_var"), (ax, "mu", 0.0).
        sliders: name=(low, high, start) or (low, high, start, step); all integers make a slider of integers. A list
            makes a choice among its entries. A ready ipywidgets control is taken as it is.

    Returns:
        A widget with `sliders` (by name), `values`, `frame` (the PNG on screen), `handles` and `message` (an error of
        `update`, shown in place of the picture).

    Raises:
        TypeError, ValueError: for a figure, an update, a slider or a handle that cannot be used, with the remedy; an
            error in the first call of `update` is raised as it is.
    """
    if not isinstance(fig, Figure):
        raise TypeError(f"fig must be a matplotlib Figure, got {type(fig).__name__}; from Axes, pass ax.figure")
    if not callable(update):
        raise TypeError(f"update must be a function of {', '.join(sliders) or 'the sliders'}, got {update!r}")
    if not sliders:
        raise ValueError("live_figure needs at least one slider, such as mu=(-3.0, 3.0, 0.0) for low, high and start")
    labels = labels or {}
    if unknown := sorted(set(labels) - set(sliders)):
        raise ValueError(f"labels names {unknown}, but the sliders are {sorted(sliders)}")
    words = {name: tr(labels.get(name, name)) for name in sliders}
    # One width for all labels, so that the tracks begin at one x; a letter is as wide as a digit or two, and most less.
    style = {"description_width": f"{1 + max(map(cells, words.values()))}ch"}
    controls = {name: _control(name, spec, words[name], style) for name, spec in sliders.items()}
    return LiveFigure(fig, update, controls, tr(alt) if alt else "", checked(handles, fig, controls))


def _control(name: str, spec, label: str, style: dict) -> ipywidgets.Widget:
    """The control that `spec` asks for."""
    layout = ipywidgets.Layout(width="100%", max_width="600px")
    if isinstance(spec, ipywidgets.Widget) and spec.has_trait("value"):
        return spec
    if isinstance(spec, list) and spec:
        options = [(tr(text), value) for text, value in choices(spec)]
        return ipywidgets.SelectionSlider(options=options, description=label, style=style, layout=layout)
    number = int | float | np.integer | np.floating
    if not isinstance(spec, tuple) or len(spec) not in (3, 4) or not all(isinstance(v, number) for v in spec):
        raise TypeError(
            f"{name} must be (low, high, start) or (low, high, start, step), a list of choices, or an ipywidgets "
            f"control, got {spec!r}"
        )
    low, high, start, *step = (v.item() if isinstance(v, np.generic) else v for v in spec)
    if not low <= start <= high or low == high or any(s <= 0 for s in step):
        raise ValueError(f"{name} must have low < high, low <= start <= high and a positive step, got {spec!r}")
    settings = {"min": low, "max": high, "value": start, "description": label, "style": style, "layout": layout}
    if all(isinstance(v, int) for v in spec):
        return ipywidgets.IntSlider(step=step[0] if step else 1, **settings)
    return ipywidgets.FloatSlider(step=step[0] if step else _step(low, high, start), readout_format=".2f", **settings)


def _step(low: float, high: float, start: float) -> float | None:
    """The largest round step (1, 2 or 5 times a power of ten) that cuts the range into 200 parts or more.

    The front end moves a slider to the nearest whole number of steps from `low`, so `start` has to be one. Where it is
    none even of finer steps it is the finest there is.
    """
    most = (high - low) / 200
    power = 10.0 ** np.floor(np.log10(most))
    for step in (factor * power for factor in (5, 2, 1, 0.5, 0.2, 0.1)):
        steps = (start - low) / step
        if step <= most * (1 + 1e-9) and abs(steps - round(steps)) < 1e-6:
            return float(step)
    return finest_step()


def _artists(returned) -> list[Artist]:
    """The artists in what `update` returned: one, or any nesting of lists and tuples."""
    if isinstance(returned, Artist):
        return [returned]
    if isinstance(returned, Iterable) and not isinstance(returned, str):
        return [artist for part in returned for artist in _artists(part)]
    raise TypeError(f"update must return the artists it changed, such as `return line, title`, got {returned!r}")


def _said(artists: list[Artist]) -> str:
    """What the visible texts among these artists say, in one line, formulas without their signs."""
    texts = [artist.get_text() for artist in artists if isinstance(artist, Text) and artist.get_visible()]
    plain = (re.sub(r"[\\${}]", "", text) if is_math_text(text) else text for text in texts)
    return "; ".join(" ".join(text.split()) for text in plain if text.strip())


def _png(canvas: FigureCanvasAgg) -> bytes:
    """The canvas as PNG; compression 1 is as fast as none and the sixth of the size of a frame on the wire."""
    rgba = np.asarray(canvas.buffer_rgba())
    data = io.BytesIO()
    PIL.Image.fromarray(rgba).convert("RGB").save(data, "PNG", compress_level=1)
    return data.getvalue()
