"""A live figure's pictures for a page: each is what the figure shows there, and each notebook's are in step with it."""

import base64
import io
import itertools
import json

import ipywidgets
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import PIL.Image
import pytest
from notebook import FOLDER, FRAMES, live_cells, names

from vaelib.explorer import save_figure_page
from vaelib.widgets import live_figure
from vaelib.widgets.frames import _in_few_colors, frames_of, save_frames


def pixels(webp):
    return np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(webp))).convert("RGB")).astype(int)


def composed(frames, number):
    """The picture that the page puts together."""
    picture = pixels(frames["base"]).copy()
    left, upper, webp = frames["frames"][number]
    if webp:
        part = pixels(webp)
        picture[upper : upper + part.shape[0], left : left + part.shape[1]] = part
    return picture


@pytest.fixture
def live():
    fig, ax = plt.subplots(figsize=(3, 2))
    (line,) = ax.plot(np.linspace(-3, 3), np.zeros(50))
    ax.set(ylim=(0, 1))
    title = ax.set_title(" ")

    def update(mu, count, color):
        line.set_ydata(np.exp(-((line.get_xdata() - mu) ** 2)))
        line.set_color(color)
        title.set_text(f"{count}")
        return line, title

    return live_figure(fig, update, mu=(-2.0, 2.0, 0.3), count=(1, 9, 2), color=["C0", "C1"], alt="A bell curve.")


def test_the_paper_is_white_also_where_the_palette_has_a_brighter_colour_for_nothing():
    rng = np.random.default_rng(0)
    pixels = np.full((40, 60, 3), 255, np.uint8)
    pixels[rng.integers(0, 40, 340), rng.integers(0, 60, 340)] = rng.integers(200, 256, (340, 1))
    (few,) = _in_few_colors([PIL.Image.fromarray(pixels)])
    assert (np.asarray(few)[pixels == 255] == 255).all()


@pytest.mark.parametrize("options", [[("one", 1), ("two", 2.5)], {"one": 1, "two": 2.5}], ids=["pairs", "mapping"])
def test_a_ready_control_keeps_the_words_of_its_choices(options):
    fig, ax = plt.subplots(figsize=(2, 1))
    (line,) = ax.plot([0, 1], [0, 0])

    def update(height):
        line.set_ydata([0, height])
        return line

    live = live_figure(fig, update, height=ipywidgets.Dropdown(options=options))
    assert frames_of(live)["sliders"][0]["places"] == ["one", "two"]
    picture, sent = live.children[1], []
    picture.send = lambda content, buffers: sent.append((content, len(buffers)))
    picture._answer(picture, {"ahead": [1]}, [])
    assert sent == [({"at": [1], "said": ""}, 1)]


def test_what_a_figure_says_has_a_true_minus():
    fig, ax = plt.subplots(figsize=(2, 1))

    def update(height):
        title = ax.set_title(f"at {height:.1f}")
        return title

    frames = frames_of(live_figure(fig, update, height=(-1.0, 1.0, 0.0)))
    assert frames["said"][0] == "at −1.0"


@pytest.mark.parametrize("place", [float("nan"), float("inf")])
def test_no_picture_is_drawn_at_a_place_that_is_not_finite(place):
    fig, ax = plt.subplots(figsize=(2, 1))
    (line,) = ax.plot([0, 1], [0, 0])
    drawn, sent = [], []

    def update(height):
        drawn.append(height)
        line.set_ydata([0, height])
        return line

    picture = live_figure(fig, update, height=(0.0, 1.0, 0.5)).children[1]
    picture.send = lambda content, buffers: sent.append(len(buffers))
    before = list(drawn)
    picture._answer(picture, {"ahead": [place]}, [])
    assert (drawn, sent) == (before, [0])


def test_every_frame_is_what_the_figure_shows_there(live):
    frames = frames_of(live, most=24)
    assert (pixels(frames["base"])[:3] == 255).all(), "the paper is white"
    assert live.values == {"mu": 0.3, "count": 2, "color": "C0"}, "the sliders stand where they stood"
    mu, count, color = frames["sliders"]
    assert [mu["label"], count["label"], color["label"]] == ["mu", "count", "color"]
    assert color["places"] == ["C0", "C1"]
    assert [slider["places"][slider["start"]] for slider in frames["sliders"]] == ["0.3", "2", "C0"]
    assert len(frames["frames"]) == len(mu["places"]) * len(count["places"]) * 2 <= 24
    places = list(itertools.product(*(slider["places"] for slider in frames["sliders"])))
    assert frames["said"] == [times for _, times, _ in places], "what the title says there"
    for number, (at, times, paint) in enumerate(places):
        live.sliders["mu"].value, live.sliders["count"].value, live.sliders["color"].value = (
            float(at),
            int(times),
            paint,
        )
        shown = np.asarray(PIL.Image.open(io.BytesIO(live.frame)).convert("RGB")).astype(int)
        assert np.abs(shown - composed(frames, number)).mean() < 1.0, (at, times, paint)
    assert np.abs(composed(frames, 0) - composed(frames, len(frames["frames"]) - 1)).max() > 100


def test_a_figure_that_can_not_be_drawn_somewhere_is_not_kept(tmp_path):
    fig, ax = plt.subplots()

    def update(n):
        if n == 3:
            raise ValueError("three")
        return ax.set_title(str(n))

    live = live_figure(fig, update, n=(1, 5, 1))
    with pytest.raises(RuntimeError, match="could not be drawn at n = 3"):
        save_frames(live, tmp_path / "a.json")
    assert not list(tmp_path.iterdir())


def test_save_figure_page_refuses_what_is_no_live_figure_and_what_is_too_large(live, tmp_path):
    with pytest.raises(TypeError, match=r"live must be what vaelib.live_figure returns, got int"):
        save_figure_page(3, tmp_path / "a.html")
    with pytest.raises(ValueError, match="more than limit = 1,000"):
        save_figure_page(live, tmp_path / "a.html", limit=1000)


FIGURES = [
    (name, number, index)
    for name in names()
    for number, index in enumerate(live_cells(nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)), 1)
]


@pytest.mark.parametrize(("name", "number", "index"), FIGURES, ids=[f"{name}-{number}" for name, number, _ in FIGURES])
def test_the_sites_frames_begin_with_the_notebooks_own_picture(name, number, index):
    path = FRAMES / f"{name}-{number}.json"
    assert path.exists(), f"python tests/tools/notebook.py frames {name}"
    frames = json.loads(path.read_text(encoding="utf-8"))
    (output,) = (o for o in nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells[index].outputs if "data" in o)
    stored = PIL.Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))).convert("RGB")
    assert np.abs(np.asarray(stored).astype(int) - pixels(frames["base"])).mean() < 2.0, (
        f"python tests/tools/notebook.py frames {name}"
    )
    assert frames["alt"] == output.metadata["image/png"]["alt"]
    start = 0
    for slider in frames["sliders"]:
        start = start * len(slider["places"]) + slider["start"]
    assert frames["frames"][start][2] == "", "at its start the picture is the base"


def test_no_frames_lie_about_of_figures_that_are_gone():
    assert {path.stem for path in FRAMES.glob("*")} == {f"{name}-{number}" for name, number, _ in FIGURES}
