"""The series' own notebooks with widgets, run in JupyterLab: each digit shown is the decoder's, each figure moves."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from lab import drag, until, watched

FOLDER = Path(__file__).parents[2] / "notebooks"
QUICK = ("00_start_here", "07_training")  # every kind of widget is in these; `pytest -m slow` takes the others
NOTEBOOKS = [
    pytest.param(path, id=path.stem, marks=() if path.stem in QUICK else pytest.mark.slow)
    for path in sorted(FOLDER.glob("[0-9]*.ipynb"))
]
FIND = """
import json
from ipywidgets.widgets.widget import _instances
from vaelib.explorer import Explorer, LiveFigure
explorers = [w for w in _instances.values() if isinstance(w, Explorer)]
figures = [w for w in _instances.values() if isinstance(w, LiveFigure)]
print(len(explorers), len(figures))
"""


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_notebook_widgets_follow_the_mouse(browser, lab, path):
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = watched(context.new_page())
    for name in ("notebooks", "figures"):  # the notebooks keep pictures in the folder beside their own
        (lab.folder / name).mkdir(exist_ok=True)
    shutil.copy(path, lab.folder / "notebooks" / path.name)
    lab.run(page, f"notebooks/{path.name}", timeout=600.0)
    explorers, figures = map(int, lab.execute(page, FIND).split())
    assert explorers + figures > 0
    if explorers:
        page.locator(".vaelib canvas").first.wait_for()
    areas = page.locator(".jp-OutputArea", has=page.locator(".noUi-handle"))
    for area in areas.all():
        handle = area.locator(".noUi-handle").first
        handle.scroll_into_view_if_needed()
        picture = area.locator(".vaelib canvas, .vaelib-figure canvas").first
        state = "e => e.pixels ? String(e.pixels) : e.toDataURL()"
        before = picture.evaluate(state)
        at_the_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
        drag(page, handle, -120 if at_the_end else 120)  # more than one step of a slider with few
        page.wait_for_function(f"([e, before]) => ({state})(e) !== before", arg=[picture.element_handle(), before])

    def kernel_and_page_agree():
        images = json.loads(lab.execute(page, "print(json.dumps([e.image.tolist() for e in explorers]))"))
        shown = pictures(page)
        return all(min(np.abs(np.array(image) - other).max() for other in shown) < 1e-3 for image in images)

    until(page, kernel_and_page_agree)
    messages = lab.execute(page, "print([w.message for w in [*explorers, *figures] if w.message])")
    assert messages.strip() == "[]"
    context.close()
    assert page.faults == []


def pictures(page):
    """The pixels of every digit on the page."""
    return page.locator(".vaelib canvas").evaluate_all("all => all.filter((c) => c.z).map((c) => Array.from(c.pixels))")
