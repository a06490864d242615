"""The widgets in notebook 6 with ipywidgets 7, as Colab has them: sliders drag, pictures follow, drawing works."""

import base64
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from classic import Classic
from lab import FRAMES, assert_labs_hand_over, drag, on_canvas, pixels, until, watched
from runtime import published_runtime

import vaelib

ROOT = Path(__file__).parents[2]
MODEL = "import vaelib, vaelib.explorer; model = vaelib.load_pretrained('bernoulli-z2')"
EXPLORER = "explorer = vaelib.explore(model); explorer"
WIDE = "wide = vaelib.explore(vaelib.load_pretrained('bernoulli-z20'), shown=2); wide"
DRAWING = "sketch = vaelib.explorer.draw_digit(model); sketch"
FIGURE = """
import matplotlib.pyplot as plt, numpy as np
from vaelib.widgets import live_figure
fig, ax = plt.subplots(figsize=(5, 2))
x = np.linspace(-4, 4, 100)
(line,) = ax.plot(x, np.exp(-x**2))
def move(mu):
    line.set_ydata(np.exp(-(x - mu)**2))
    return line
live = live_figure(fig, move, mu=(-3.0, 3.0, 0.0), handles=[(ax, 'mu', 0.5)]); live
"""
LABS = "first, second = vaelib.lab(seed=1), vaelib.lab(seed=2, beta=4.0); first"
HANDLE = ".ui-slider-handle"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def classic(tmp_path_factory):
    """A server of Colab's packages with the wheel of this checkout."""
    folder = tmp_path_factory.mktemp("classic")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    server = Classic(published_runtime(folder, "colab", f"{wheel}[notebooks]"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def notebook(browser, classic):
    """A page with a cell for each widget, all run; at the end it must have met no fault."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = watched(context.new_page())
    page.add_init_script(FRAMES)
    classic.run(page, "widgets.ipynb", MODEL, EXPLORER, WIDE, DRAWING, FIGURE, LABS, "second")
    yield page
    context.close()
    assert page.faults == []


def output(page, cell):
    """The output of a cell, scrolled to."""
    area = page.locator(".cell.code_cell").nth(cell).locator(".output_area").last
    area.scroll_into_view_if_needed()
    return area


def settled(page, classic, area, name, before):
    """The code when the kernel and the page agree on it, and it is another one than before."""
    canvas = area.locator("canvas").first
    page.wait_for_function("([c, z]) => String(c.z) !== z", arg=[canvas.element_handle(), before])
    for _ in range(300):
        z = np.array(classic.execute(page, f"print(*{name}.z)").split(), np.float32)
        if np.allclose(z, canvas.evaluate("c => Array.from(c.z)"), atol=1e-5):
            return z
        page.wait_for_timeout(100)
    raise AssertionError(f"the kernel stays at {z}, the page at {canvas.evaluate('c => Array.from(c.z)')}")


@pytest.mark.parametrize(("cell", "name"), [(1, "explorer"), (2, "wide")])
def test_the_digit_follows_the_slider(notebook, classic, cell, name):
    area = output(notebook, cell)
    canvas = area.locator("canvas").first
    notebook.wait_for_function("c => c.z", arg=canvas.element_handle())
    before = canvas.evaluate("c => Array.from(c.pixels)")
    at = canvas.evaluate("c => String(c.z)")
    drag(notebook, area.locator(HANDLE).first, 80)
    z = settled(notebook, classic, area, name, at)
    shown = canvas.evaluate("c => Array.from(c.pixels)")
    assert np.count_nonzero(z) == 1
    assert np.abs(z).max() > 0.5
    assert np.abs(np.array(before) - shown).max() > 0.1
    model = vaelib.load_pretrained("bernoulli-z2" if name == "explorer" else "bernoulli-z20")
    np.testing.assert_allclose(shown, model.decode(z[None]).mean[0], atol=1e-3)


def test_a_digit_that_is_encoded_moves_the_sliders_to_its_code(notebook, classic):
    area = output(notebook, 1)
    before = area.locator("canvas").first.evaluate("c => String(c.z)")
    area.get_by_role("button", name="Encode a real digit").click()
    area.locator(".caption", has_text="z is the mean of q").wait_for()
    z = settled(notebook, classic, area, "explorer", before)
    codes = np.array(classic.execute(notebook, "print(*explorer._encoded.codes.ravel())").split(), float).reshape(-1, 2)
    assert np.abs(codes - z).max(axis=1).min() < 1e-5, "to the code itself, not to a step beside it"


def test_the_keys_move_a_slider_that_has_a_name(notebook, classic):
    area = output(notebook, 1)
    canvas = area.locator("canvas").first
    before = canvas.evaluate("c => String(c.z)")
    classic.execute(notebook, "explorer.move([0.5, 0.0])")
    settled(notebook, classic, area, "explorer", before)
    area.locator(f"{HANDLE}[aria-label='z₂']").focus()
    for _ in range(5):
        notebook.keyboard.press("ArrowRight")
    arrived = "c => Math.abs(c.z[0] - 0.5) + Math.abs(c.z[1] - 0.25) < 1e-5"
    notebook.wait_for_function(arrived, arg=canvas.element_handle())
    np.testing.assert_allclose(settled(notebook, classic, area, "explorer", ""), [0.5, 0.25], atol=1e-5)


def test_the_folded_dimensions_have_their_title(notebook):
    assert output(notebook, 2).get_by_text("more dimensions of z, less active").is_visible()


def test_a_drawing_is_encoded(notebook, classic):
    area = output(notebook, 3)
    box = area.locator(".paper").bounding_box()
    x, y, width, height = (box[name] for name in ("x", "y", "width", "height"))
    notebook.mouse.move(x + width / 2, y + 0.2 * height)
    notebook.mouse.down()
    notebook.mouse.move(x + width / 2, y + 0.8 * height, steps=20)
    notebook.mouse.up()

    def stands():
        drawn = np.array(classic.execute(notebook, "print(*sketch.image[0])").split(), float).reshape(28, 28)
        return drawn.any() and np.ptp(drawn.any(axis=0).nonzero()) < np.ptp(drawn.any(axis=1).nonzero())

    until(notebook, stands)


def test_a_figure_follows_its_slider(notebook, classic):
    area = output(notebook, 4)
    canvas = area.locator(".vaelib-figure canvas")
    painted = "c => c.toDataURL()"
    before = canvas.evaluate(painted)
    drag(notebook, area.locator(HANDLE).first, 80)
    notebook.wait_for_function(f"([c, before]) => ({painted})(c) !== before", arg=[canvas.element_handle(), before])

    def mu():
        return float(classic.execute(notebook, "print(live.values['mu'])"))

    def shows_the_frame():
        frame = classic.execute(notebook, "import base64; print(base64.b64encode(live.frame).decode())")
        return np.array_equal(on_canvas(canvas), pixels(base64.b64decode(frame)))

    until(notebook, shows_the_frame)
    dragged = mu()
    assert dragged > 0.3
    drag(notebook, area.locator(".vaelib-figure .handle"), -40)
    until(notebook, lambda: mu() < dragged)
    until(notebook, shows_the_frame)


def test_two_labs_train_and_hand_their_weights_over(notebook, classic):
    output(notebook, 6).locator(".vaelib-lab canvas.codes").wait_for()
    assert_labs_hand_over(notebook, partial(classic.execute, notebook), "first", "second")
    classic.execute(notebook, "first.load(vaelib.VAE.create(seed=5, latent=2, hidden=(128,)))")
    notebook.wait_for_function("() => document.querySelector('.vaelib-lab').frame.steps === 0")
