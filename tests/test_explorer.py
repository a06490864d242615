import re

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest

from vaelib.explorer import live_figure


def curve(update=None, **sliders):
    fig, ax = plt.subplots(figsize=(6, 3.6), dpi=100, layout="constrained")
    x = np.linspace(-4, 4, 200)
    (line,) = ax.plot(x, np.exp(-(x**2)))
    title = ax.set_title("")

    def move(mu):
        line.set_ydata(np.exp(-((x - mu) ** 2)))
        title.set_text(f"mu = {mu:.2f}")
        return line, [title]

    return live_figure(fig, update or move, **(sliders or {"mu": (-3.0, 3.0, 0.0)}))


def pixels(frame):
    import io

    import PIL.Image

    return np.asarray(PIL.Image.open(io.BytesIO(frame)))


def test_live_figure_draws_another_frame_at_another_value_and_the_same_at_the_same():
    live = curve()
    first = live.frame
    live.sliders["mu"].value = 1.5
    second = live.frame
    live.sliders["mu"].value = 0.0
    assert second != first
    assert live.frame == first
    assert live.message == ""
    assert live.values == {"mu": 0.0}


def test_live_figure_blits_what_a_full_draw_would_show():
    live = curve()
    live.sliders["mu"].value = 1.0
    fresh = curve(mu=(-3.0, 3.0, 1.0))
    np.testing.assert_array_equal(pixels(live.frame), pixels(fresh.frame))


def test_live_figure_leaves_no_open_figure_and_no_artist_twice():
    before = plt.get_fignums()
    live = curve()
    assert plt.get_fignums() == before
    dark = [(pixels(live.frame).min(axis=-1) < 200).sum()]
    for mu in (1.0, 2.0, 0.0):
        live.sliders["mu"].value = mu
        dark.append((pixels(live.frame).min(axis=-1) < 200).sum())
    assert dark[-1] == dark[0]


def test_live_figure_takes_artists_that_update_replaces_or_adds_later():
    fig, ax = plt.subplots(figsize=(6, 3.6), dpi=100)
    ax.set(xlim=(-4, 4), ylim=(0, 1))
    x = np.linspace(-4, 4, 200)
    mark = ax.axvline(2.0, color="red")
    fill = []

    def update(mu):
        while fill:
            fill.pop().remove()
        fill.append(ax.fill_between(x, 0, np.exp(-((x - mu) ** 2))))
        return [fill, mark] if mu > 1 else fill

    live = live_figure(fig, update, mu=(-3.0, 3.0, 0.0))
    start = live.frame
    live.sliders["mu"].value = 2.0
    assert live.frame != start
    live.sliders["mu"].value = 0.0
    red = (pixels(live.frame)[..., 0] > 200) & (pixels(live.frame)[..., 1] < 50)
    assert not red.any(), "an artist that is returned no more leaves the figure"


def test_live_figure_shows_the_error_of_update_in_place_of_the_picture():
    fig, ax = plt.subplots()
    (line,) = ax.plot([0, 1])

    def update(mu):
        if mu > 1:
            raise ZeroDivisionError("no <spread> left")
        return line

    live = live_figure(fig, update, mu=(0.0, 3.0, 0.0))
    live.sliders["mu"].value = 2.0
    assert re.search(r"mu = 2\.0\. ZeroDivisionError: no &lt;spread&gt; left", live.message)
    live.sliders["mu"].value = 0.5
    assert live.message == ""


def test_live_figure_makes_the_control_that_is_asked_for():
    fig, ax = plt.subplots()
    (line,) = ax.plot([0, 1])
    ready = ipywidgets.FloatLogSlider(value=1.0)
    live = live_figure(
        fig,
        lambda **_: line,
        labels={"mu": "mean of q"},
        mu=(-1.0, 1.0, 0.0, 0.25),
        n=(1, 9, 2),
        name=["a", "b"],
        sigma=ready,
    )
    kinds = {name: type(slider).__name__ for name, slider in live.sliders.items()}
    assert kinds == {"mu": "FloatSlider", "n": "IntSlider", "name": "SelectionSlider", "sigma": "FloatLogSlider"}
    assert live.sliders["mu"].description == "mean of q"
    assert live.sliders["mu"].step == 0.25
    assert live.sliders["mu"].continuous_update
    assert live.sliders["sigma"] is ready
    assert repr(live) == "LiveFigure(mu=0.0, n=2, name='a', sigma=1.0)"


def test_live_figure_is_a_picture_too_where_there_are_no_widgets():
    live = curve()
    bundle = live._repr_mimebundle_()
    assert bundle["image/png"] == live.frame
    assert "application/vnd.jupyter.widget-view+json" in bundle


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"fig": "ax"}, TypeError, "pass ax.figure"),
        ({"update": 3}, TypeError, "update must be a function"),
        ({"mu": 3}, TypeError, r"mu must be \(low, high, start\)"),
        ({"mu": (0.0, 1.0)}, TypeError, "low, high, start"),
        ({"mu": (0.0, 1.0, 2.0)}, ValueError, "low <= start <= high"),
        ({"mu": (0.0, 1.0, 0.5, 0.0)}, ValueError, "positive step"),
        ({"labels": {"nu": "x"}}, ValueError, "labels names"),
        ({"update": lambda mu: None}, TypeError, "must return the artists"),
    ],
)
def test_live_figure_refuses_what_it_cannot_show(arguments, error, words):
    fig, ax = plt.subplots()
    (line,) = ax.plot([0, 1])
    good = {"fig": fig, "update": lambda mu: line, "mu": (0.0, 1.0, 0.5)} | arguments
    with pytest.raises(error, match=words):
        live_figure(good.pop("fig"), good.pop("update"), **good)
    plt.close(fig)


def test_live_figure_needs_a_slider():
    fig = plt.figure()
    with pytest.raises(ValueError, match="at least one slider"):
        live_figure(fig, lambda: [])
    plt.close(fig)
