"""Handles in a live figure's picture, and the pictures that the page asks for ahead of a move."""

import io

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
import pytest

from vaelib.widgets import live_figure
from vaelib.widgets.frame import Frame
from vaelib.widgets.frames import frames_of


def red_dot(handles=None, fail_above=9.0, **sliders):
    """A red dot at (mu, nu), of which both are sliders, and its axes."""
    fig, ax = plt.subplots(figsize=(4, 3), layout="constrained")
    (dot,) = ax.plot([], [], "s", color="red", ms=5)
    ax.set(xlim=(-2, 2), ylim=(0, 8), xlabel="mu")

    def update(mu, nu, color="red"):
        if nu > fail_above:
            raise ValueError("too high")
        dot.set_data([mu], [nu])
        dot.set_color(color)
        return dot

    sliders = {"mu": (-1.0, 2.0, 0.5, 0.25), "nu": (0, 8, 3)} | sliders
    return live_figure(fig, update, handles=[(ax, "mu", "nu")] if handles is None else handles(ax), **sliders)


def place_of_the_dot(png):
    """Its middle, in shares of the picture's width and height."""
    rgb = np.asarray(PIL.Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    rows, columns = np.nonzero((rgb[..., 0] > 200) & (rgb[..., 1] < 80))
    return (columns.mean() + 0.5) / rgb.shape[1], (rows.mean() + 0.5) / rgb.shape[0]


def share(along, slider):
    part = (slider.value - slider.min) / (slider.max - slider.min)
    return along.low + part * (along.high - along.low)


@pytest.mark.parametrize(("mu", "nu"), [(0.5, 3), (-0.75, 7), (1.75, 1)])
def test_a_handle_lies_where_the_figure_draws_its_point(mu, nu):
    live = red_dot()
    live.sliders["mu"].value, live.sliders["nu"].value = mu, nu
    (handle,) = live.handles
    assert (handle.x.slider, handle.y.slider) == (0, 1)
    at = share(handle.x, live.sliders["mu"]), share(handle.y, live.sliders["nu"])
    np.testing.assert_allclose(at, place_of_the_dot(live.frame), atol=0.004)


def test_a_handle_may_stay_at_a_place_of_an_axis():
    live = red_dot(handles=lambda ax: [(ax, "mu", 3.0)])
    (handle,) = live.handles
    assert handle.y.slider is None
    at = share(handle.x, live.sliders["mu"]), handle.y.low
    np.testing.assert_allclose(at, place_of_the_dot(live.frame), atol=0.004)


def test_a_page_without_a_kernel_gets_a_handles_place_at_each_place_of_its_sliders():
    live = red_dot()
    frames = frames_of(live, most=20)
    (handle,) = frames["handles"]
    assert handle["x"]["slider"] == 0
    assert handle["y"]["slider"] == 1
    assert [len(handle["x"]["at"]), len(handle["y"]["at"])] == [len(one["places"]) for one in frames["sliders"]]
    for i, mu in enumerate(frames["sliders"][0]["places"]):
        live.sliders["mu"].value = float(mu)
        at = handle["x"]["at"][i], handle["y"]["at"][frames["sliders"][1]["start"]]
        np.testing.assert_allclose(at, place_of_the_dot(live.frame), atol=0.004)


@pytest.mark.parametrize(
    ("handles", "error", "words"),
    [
        (lambda ax: ["mu"], TypeError, r"a handle must be \(ax, x, y\)"),
        (lambda ax: [(ax.figure, "mu", 0.0)], TypeError, r"a handle must be \(ax, x, y\)"),
        (lambda ax: [(plt.subplots()[1], "mu", 0.0)], ValueError, "axes of another"),
        (lambda ax: [(ax, 0.0, 1.0)], ValueError, r"at least one slider, one of \['color', 'mu', 'nu'\]"),
        (lambda ax: [(ax, "sigma", 1.0)], ValueError, r"sliders of numbers \['mu', 'nu'\], got 'sigma'"),
        (lambda ax: [(ax, "color", 1.0)], ValueError, r"sliders of numbers \['mu', 'nu'\], got 'color'"),
        (lambda ax: [(ax, "mu", np.nan)], TypeError, "a place on the axis, got nan"),
        (lambda ax: (ax.set_yscale("log"), [(ax, "mu", 1.0)])[1], ValueError, "needs linear axes"),
    ],
)
def test_what_is_no_handle_is_refused(handles, error, words):
    with pytest.raises(error, match=words):
        red_dot(handles=handles, color=["red", "blue"])


@pytest.fixture
def sent(monkeypatch):
    messages = []
    monkeypatch.setattr(Frame, "send", lambda _, content, buffers=(): messages.append((content, list(buffers))))
    return messages


def test_the_page_gets_the_picture_of_a_place_ahead(sent):
    live = red_dot(color=["red", "blue"])
    before = live.frame
    live._image._answer(live._image, {"ahead": [1.25, 6, 1]}, [])
    ((content, (ahead,)),) = sent
    assert content == {"at": [1.25, 6, 1], "said": ""}
    assert live.values == {"mu": 0.5, "nu": 3, "color": "red"}
    assert live.frame == before
    live.sliders["mu"].value, live.sliders["nu"].value, live.sliders["color"].value = 1.25, 6, "blue"
    assert live.frame == ahead
    assert live._image.at == [1.25, 6, 1]


def test_a_place_ahead_that_can_not_be_drawn_has_no_picture_and_shows_no_error(sent):
    live = red_dot(fail_above=5.0)
    before = live.frame
    for nonsense in ({"ahead": [0.5, 6]}, {"ahead": [0.5, "high"]}):
        live._image._answer(live._image, nonsense, [])
    assert [pictures for _, pictures in sent] == [[], []]
    for unasked in ("text", {}, {"ahead": 3}, {"ahead": [0.5]}):
        live._image._answer(live._image, unasked, [])
    assert len(sent) == 2
    assert live.message == ""
    assert live.frame == before


def test_controls_without_places_are_drawn_as_before(sent):
    ready = ipywidgets.ColorPicker(value="blue")
    live = red_dot(color=ready)
    before = live.frame
    ready.value = "red"
    assert live.frame != before
    assert live._image.at == [0.5, 3, "red"]
