"""An explorer and a live figure in the front ends beside JupyterLab: sliders drag, and pictures follow."""

import importlib.metadata
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from classic import NbClassic
from lab import Notebook7, drag, number, on_canvas, pixels, until, watched
from test_classic import EXPLORER, FIGURE, MODEL
from voila_server import Voila

import vaelib

pytestmark = pytest.mark.slow
HANDLE = ".noUi-handle"
CELLS = (MODEL, EXPLORER, FIGURE)


def notebook_7(folder, page):
    server = Notebook7(folder)
    server.run(page, server.write("widgets.ipynb", *CELLS))
    return server


def nbclassic(folder, page):
    server = NbClassic(SimpleNamespace(folder=folder, python=sys.executable))
    server.run(page, "widgets.ipynb", *CELLS)
    return server


def voila(folder, page):
    server = Voila(folder, *CELLS)
    server.run(page)
    return server


FRONT_ENDS = {"notebook": notebook_7, "nbclassic": nbclassic, "voila": voila}
ICONS = "request to https://cdn.jsdelivr.net/npm/@fortawesome/"  # Voila's own page asks for them


@pytest.fixture(scope="module", params=FRONT_ENDS)
def notebook(browser, request, tmp_path_factory):
    """A page with both widgets; at the end it must have asked no other machine."""
    try:
        importlib.metadata.version(request.param)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{request.param} is not installed: pip install -e '.[dev,voila]'")
    folder = tmp_path_factory.mktemp(request.param)
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = watched(context.new_page())
    server = FRONT_ENDS[request.param](folder, page)
    page.locator(".vaelib .plane").wait_for(timeout=120_000)
    page.locator(".vaelib-figure canvas").wait_for()
    yield page
    context.close()
    server.close()
    outside = [fault for fault in page.faults if fault.startswith("request to")]
    if request.param == "voila":
        outside = [fault for fault in outside if not fault.startswith(ICONS)]
    assert outside == [], "what else the console says is the front end's own"


def test_the_digit_follows_the_slider(notebook):
    canvas = notebook.locator(".vaelib canvas").first
    notebook.wait_for_function("c => c.z", arg=canvas.element_handle())
    before = canvas.evaluate("c => String(c.z)")
    handle = notebook.locator(HANDLE).first
    handle.scroll_into_view_if_needed()
    drag(notebook, handle, 80)
    notebook.wait_for_function("([c, z]) => String(c.z) !== z", arg=[canvas.element_handle(), before])
    notebook.wait_for_function("c => Math.max(...c.z.map(Math.abs)) > 0.5", arg=canvas.element_handle())
    z, shown = canvas.evaluate("c => [Array.from(c.z), Array.from(c.pixels)]")
    assert np.count_nonzero(z) == 1
    expected = vaelib.load_pretrained("bernoulli-z2").decode(np.float32([z])).mean[0]
    np.testing.assert_allclose(shown, expected, atol=1e-3)


def test_the_figure_follows_its_slider(notebook):
    canvas, handle = notebook.locator(".vaelib-figure canvas"), notebook.locator(HANDLE).last
    painted = "c => c.toDataURL()"
    before = canvas.evaluate(painted)
    handle.scroll_into_view_if_needed()
    drag(notebook, handle, 80)
    notebook.wait_for_function(f"([c, before]) => ({painted})(c) !== before", arg=[canvas.element_handle(), before])
    here = {}
    exec(FIGURE, here)
    here["live"].sliders["mu"].value = number(handle.get_attribute("aria-valuetext"))  # valuenow is rounded
    assert here["live"].sliders["mu"].value > 0.3
    until(notebook, lambda: np.array_equal(pixels(here["live"].frame), on_canvas(canvas)))
