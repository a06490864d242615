"""A live figure's page without a kernel: its handles take the sliders along, by mouse, finger and keys."""

import re

import matplotlib.pyplot as plt
import pytest
from lab import drag, finger, number, watched

from vaelib.explorer import save_figure_page
from vaelib.widgets import live_figure


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    fig, ax = plt.subplots(figsize=(6, 4))
    (dot,) = ax.plot([], [], "o")
    ax.set(xlim=(-2, 2), ylim=(0, 8))
    title = ax.set_title(" ")

    def update(mu, nu):
        dot.set_data([mu], [nu])
        title.set_text(f"sum $\\Sigma$\n= {mu + nu:g}")
        return dot, title

    sliders = {"mu": (-2.0, 2.0, 0.0, 0.25), "nu": (0, 8, 4)}
    live = live_figure(
        fig, update, handles=[(ax, "mu", "nu")], labels={"mu": "mean of the whole"}, alt="A dot.", **sliders
    )
    return save_figure_page(live, tmp_path_factory.mktemp("figure") / "figure.html")


def values(page):
    return [number(slider.get_attribute("aria-valuetext")) for slider in page.get_by_role("slider").all()]


def opened(page, path):
    page.goto(path.as_uri())
    page.get_by_role("img", name="A dot. Now mean of the whole 0, nu 4.").wait_for()
    return page.locator(".handle")


def test_a_page_whose_pictures_are_cut_off_says_so(page, path, tmp_path):
    cut = tmp_path / "cut.html"
    cut.write_text(re.sub(r'("base": ?")[A-Za-z0-9+/=]{20}', r"\1", path.read_text("utf-8")), "utf-8")
    page.goto(cut.as_uri())
    page.get_by_role("alert").filter(has_text="damaged or cut off").wait_for()


def test_a_handle_follows_the_mouse_and_takes_its_sliders_along(page, path):
    handle = opened(page, path)
    before = page.locator("canvas").evaluate("c => c.toDataURL()")
    box = handle.bounding_box()
    drag(page, handle, 120)
    mu, nu = values(page)
    assert mu > 0.5
    assert nu == 4
    page.get_by_role("img", name=f"A dot. Now mean of the whole {mu:g}, nu 4.").wait_for()
    assert page.locator("canvas").evaluate("c => c.toDataURL()") != before
    assert abs(handle.bounding_box()["x"] - box["x"] - 120) < 30, "it stands at a place near the mouse"
    assert handle.get_attribute("aria-label") == f"mean of the whole {mu:g}, nu 4"


def test_a_handle_follows_the_keys_to_the_ends_of_its_sliders(page, path):
    handle = opened(page, path)
    handle.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    mu, nu = values(page)
    assert mu < 0
    assert nu > 4
    for _ in range(30):
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
    assert values(page) == [2, 0]


def test_a_slider_takes_the_handle_along(page, path):
    handle = opened(page, path)
    before = handle.bounding_box()
    page.get_by_role("slider", name="mean").press("End")
    page.get_by_role("img", name="A dot. Now mean of the whole 2, nu 4.").wait_for()
    after = handle.bounding_box()
    assert after["x"] > before["x"] + 50
    assert after["y"] == before["y"]


def test_what_is_written_in_the_picture_is_said(page, path):
    opened(page, path)
    said = page.get_by_role("status").last
    assert said.inner_text() == "sum Sigma = 4"
    page.get_by_role("slider", name="nu").press("End")
    page.get_by_role("status").filter(has_text="sum Sigma = 8").wait_for(state="attached")
    box = said.bounding_box()
    assert max(box["width"], box["height"]) <= 1, "it is in the picture for those who see"


@pytest.mark.parametrize("width", [390, 1400])
def test_the_tracks_of_all_sliders_begin_at_one_x(page, path, width):
    page.set_viewport_size({"width": width, "height": 900})
    opened(page, path)
    boxes = [slider.bounding_box() for slider in page.get_by_role("slider").all()]
    assert boxes[0]["x"] == boxes[1]["x"]
    assert boxes[0]["width"] == boxes[1]["width"] > 100
    assert min(box["height"] for box in boxes) >= 44
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_handle_follows_a_finger_on_a_phone(browser, path):
    context = browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    page = watched(context.new_page())
    handle = opened(page, path)
    box = handle.bounding_box()
    assert min(box["width"], box["height"]) >= 44
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    finger(page, *((x + 8 * step, y - 8 * step) for step in range(9)))
    mu, nu = values(page)
    assert mu > 0.25
    assert nu > 4
    assert page.evaluate("scrollX + scrollY") == 0
    context.close()
    assert page.faults == []
