"""axe finds nothing on the pages that move, light and dark, on a phone and on a desk."""

import numpy as np
import pytest
from axe import violations
from lab import watched

import vaelib.laboratory
from vaelib.data import load_mnist
from vaelib.explorer import save_drawing_page, save_figure_page, save_page
from vaelib.models import VAE
from vaelib.widgets import live_figure


def figure():
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(6, 3))
    (line,) = ax.plot(np.linspace(-3, 3), np.zeros(50))

    def update(mu):
        line.set_ydata(np.exp(-((line.get_xdata() - mu) ** 2)))
        return line

    words = {"labels": {"mu": "mean of q"}, "alt": "A bell curve that moves."}
    return live_figure(fig, update, mu=(-2.0, 2.0, 0.0), handles=[(ax, "mu", 0.0)], **words)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    model, images = VAE.create(seed=0, latent=2, hidden=(64,)), load_mnist("test", limit=300)
    return {
        "lab": vaelib.laboratory.save_page(folder / "lab.html"),
        "ring": vaelib.laboratory.save_page(folder / "ring.html", data="ring"),
        "explorer": save_page(model, folder / "explorer.html", *images),
        "drawing": save_drawing_page(model, folder / "drawing.html", *images),
        "figure": save_figure_page(figure(), folder / "figure.html"),
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("name", ["lab", "ring", "explorer", "drawing", "figure"])
def test_axe_finds_nothing(browser, pages, name, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = watched(context.new_page())
    page.goto(pages[name].as_uri())
    page.locator("canvas").first.wait_for()
    if name in ("lab", "ring"):
        page.wait_for_function("() => document.querySelector('.status')?.textContent")
    for summary in page.locator("summary").all():
        summary.click()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
    assert page.faults == []
