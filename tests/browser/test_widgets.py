"""The widgets in JupyterLab, with a real kernel and a real mouse."""

import base64
import re
from contextlib import contextmanager

import jax.numpy as jnp
import numpy as np
import pytest
from lab import contrast, drag, heap, number, on_canvas, pixels, settle, stroke, until, watched

from vaelib.data import load_mnist

SETUP = """
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from vaelib.data import load_mnist
from vaelib.explorer import draw_digit, explore, live_figure
from vaelib.linear_gaussian import LinearGaussianVAE
from vaelib.models import VAE

images, labels = load_mnist("test", limit=300)
model = VAE.create(seed=0, latent=2, hidden=(64, 32))
model.encoder.mu.kernel[...] *= 6
model.decoder.trunk.layers[0].kernel[...] *= 3
model.decoder.output.kernel[...] *= 3
"""
PAINTED = "c => c.toDataURL()"
FRAME = "import base64; print(base64.b64encode({}.frame).decode())"
KERNEL = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
RUN = f"(code) => {{ {KERNEL}.requestExecute({{ code }}); }}"
LINEAR = "linear_model = LinearGaussianVAE.maximum_likelihood(images, 3); linear_model.solve_encoder()"
BROKEN = "broken = VAE.create(seed=0, latent=2, hidden=(8,)); broken.decoder.output.bias[...] = jnp.full(784, jnp.nan)"
FIGURE = """
fig, ax = plt.subplots(figsize=(6, 3.6), dpi=100)
(line,) = ax.plot(np.linspace(-3, 3), np.zeros(50))
ax.set_ylim(0, 1)

drawn = []

def update(mu):
    drawn.append(mu)
    line.set_ydata(np.exp(-((line.get_xdata() - mu) ** 2)))
    return line

live = live_figure(fig, update, mu=(-3.0, 3.0, 0.0), alt="A bell curve around mu")
live
"""
TWO = """
fig, ax = plt.subplots(figsize=(6, 3.6), dpi=100)
(dot,) = ax.plot([], [], "o")
ax.set(xlim=(-3, 3), ylim=(0, 3))
title = ax.set_title(" ")

def place(mean, scale):
    dot.set_data([mean], [scale])
    title.set_text(f"mean + scale = {mean + scale:.1f}")
    return dot, title

two = live_figure(
    fig, place, mean=(-3.0, 3.0, 0.0, 0.1), scale=(0.0, 3.0, 1.0, 0.1), labels={"mean": "mean of q"},
    handles=[(ax, "mean", "scale")], alt="A point",
)
two
"""
# Whether the picture is another one when a key's event has been dealt with.
AT_ONCE = f"""([handle, canvas, key]) => {{
  const before = ({PAINTED})(canvas);
  handle.dispatchEvent(new KeyboardEvent('keydown', {{ key, bubbles: true, cancelable: true }}));
  return ({PAINTED})(canvas) !== before;
}}"""
WATCH_KERNEL = """
import gc, tracemalloc
import jax
compiled = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, _, **more: event.endswith("backend_compile_duration") and compiled.append(event)
)
tracemalloc.start()

def held():
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
"""
CELLS = [
    SETUP,
    "explorer = explore(model, images, labels); explorer",
    f"{LINEAR}\nlinear = explore(linear_model, images, labels); linear",
    f"{BROKEN}\nexplore(broken, images, labels)",
    "sketch = draw_digit(model, images, labels); sketch",
    FIGURE,
    TWO,
]


@pytest.fixture(scope="module")
def here():
    """The same objects in this process."""
    names = {}
    exec(f"{SETUP}\n{LINEAR}", names)
    return names


@pytest.fixture(scope="module")
def notebook(lab, browser):
    """The notebook of all widgets, run."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = watched(context.new_page())
    lab.run(page, lab.write("widgets.ipynb", *CELLS))
    page.locator(".vaelib .plane").first.wait_for()
    yield page
    context.close()
    assert page.faults == []


@contextmanager
def busy(notebook, folder):
    """The notebook's kernel runs a cell all the while."""
    begun, free = folder / "begun", folder / "free"
    wait = "begun.touch()\nwhile not free.exists(): time.sleep(0.05)"
    paths = f"import pathlib, time; begun, free = (pathlib.Path(one) for one in {[str(begun), str(free)]})"
    notebook.evaluate(RUN, f"{paths}\n{wait}")
    until(notebook, begun.exists)
    try:
        yield
    finally:
        free.touch()


def output(page, cell):
    return page.locator(".jp-Notebook .jp-Cell").nth(cell).locator(".jp-OutputArea")


def shown(area):
    """z and pixels of the decoded digit on screen, and the bytes on its canvas."""
    canvas = area.locator("canvas").first
    script = "c => [c.z, Array.from(c.pixels), Array.from(c.getContext('2d').getImageData(0, 0, 28, 28).data)]"
    z, pixels, data = canvas.evaluate(script)
    return np.array(z, np.float32), np.array(pixels), np.array(data).reshape(-1, 4)


def assert_shows(area, model, z=None):
    """The digit on screen is the decoder's own picture for z."""
    at, pixels, data = shown(area)
    if z is not None:
        np.testing.assert_allclose(at, z, atol=1e-6)
    expected = np.asarray(model.decode(jnp.asarray(at)).mean)
    np.testing.assert_allclose(pixels, expected, atol=1e-3)
    np.testing.assert_allclose(data[:, 0], 255 * np.clip(expected, 0, 1), atol=1)
    return at


def at(area):
    return area.locator("canvas").first.evaluate("c => String(c.z)")


def kernel_z(page, lab):
    return np.array(lab.execute(page, "print(*explorer.z)").split(), float)


def assert_kernel_comes_to(page, lab, z):
    """The front end holds a move back until the kernel has done the one before."""
    until(page, lambda: np.allclose(kernel_z(page, lab), z, atol=1e-6))


def arrive(page, area, z):
    """Wait until the digit has come to this code."""
    arrived = "([c, z]) => c.z?.every((value, j) => Math.abs(value - z[j]) < 1e-5)"
    page.wait_for_function(arrived, arg=[area.locator("canvas").first.element_handle(), list(z)])


def test_explorer_sliders_follow_the_mouse(notebook, here, lab):
    area = output(notebook, 1)
    area.scroll_into_view_if_needed()
    handles = area.locator(".noUi-handle")
    assert_shows(area, here["model"], [0.0, 0.0])
    before = at(area)
    drag(notebook, handles.nth(0), 80)
    settle(notebook, area, before)
    z = assert_shows(area, here["model"])
    assert z[0] > 0.5
    assert z[1] == 0.0
    readout = area.locator(".widget-readout").first.inner_text()
    assert number(readout) == pytest.approx(z[0], abs=0.005)
    assert_kernel_comes_to(notebook, lab, z)


def test_explorer_sliders_follow_the_keys(notebook, here):
    area = output(notebook, 1)
    handle = area.get_by_role("slider", name="z₂")
    handle.focus()
    before = at(area)
    for _ in range(5):
        notebook.keyboard.press("ArrowRight")
    settle(notebook, area, before)
    assert assert_shows(area, here["model"])[1] == pytest.approx(0.25)


def test_explorer_follows_the_kernel(notebook, here, lab):
    area = output(notebook, 1)
    lab.execute(notebook, "explorer.sliders[0].value, explorer.sliders[1].value = -1.5, 0.75")
    arrive(notebook, area, [-1.5, 0.75])
    assert_shows(area, here["model"], [-1.5, 0.75])


def test_explorer_plane_follows_mouse_and_keys(notebook, here, lab):
    area = output(notebook, 1)
    plane = area.locator(".plane")
    plane.scroll_into_view_if_needed()
    before = at(area)
    box = plane.bounding_box()
    notebook.mouse.move(box["x"] + 100, box["y"] + 100)
    notebook.mouse.down()
    notebook.mouse.move(box["x"] + 200, box["y"] + 120, steps=8)
    notebook.mouse.up()
    settle(notebook, area, before)
    z = assert_shows(area, here["model"])
    assert z[0] > 0 < z[1]
    notebook.keyboard.press("ArrowLeft")
    notebook.keyboard.press("Shift+ArrowUp")
    arrive(notebook, area, z + np.array([-0.1, 0.5]))
    moved = assert_shows(area, here["model"])
    np.testing.assert_allclose(moved - z, [-0.1, 0.5], atol=1e-5)
    assert_kernel_comes_to(notebook, lab, moved)
    notebook.keyboard.press("Home")
    arrive(notebook, area, [0.0, 0.0])
    assert_shows(area, here["model"], [0.0, 0.0])


def test_explorer_buttons_move_the_digit(notebook, here, lab):
    area = output(notebook, 1)
    images = load_mnist("test", limit=300)[0]
    says = {
        "Draw from the prior": "A draw from the prior",
        "Encode a real digit": "z is the mean of q",
        "Interpolate to another": "On a straight line",
        "Reset": "z = 0",
    }
    for name, words in says.items():
        area.get_by_role("button", name=name).click()
        area.locator(".caption", has_text=words).wait_for()
        z = kernel_z(notebook, lab)
        arrive(notebook, area, z)
        assert_shows(area, here["model"])
        caption = area.locator(".caption").inner_text()
        if "mage" in caption:
            x = images[int(re.search(r"mage (\d+)", caption)[1])]
            np.testing.assert_allclose(z, here["model"].encode(jnp.asarray(x)).mu, atol=1e-4)
            real = area.locator("canvas").nth(1)
            assert real.is_visible()
            np.testing.assert_allclose(real.evaluate("c => Array.from(c.pixels)"), x, atol=1 / 500)
    np.testing.assert_array_equal(z, [0.0, 0.0])
    assert not area.locator("canvas").nth(1).is_visible()


# At each frame until the digit has gone from one code to another: its first coordinate, and what the slider reads.
ON_THE_WAY = """([area, to]) => new Promise((done) => {
  const seen = [];
  const look = () => {
    const read = area.querySelector(".widget-readout").textContent.replace("−", "-");
    const [first] = area.querySelector("canvas").z;
    seen.push([first, Number(read)]);
    if (first === to && seen.length > 1) done(seen);
    else requestAnimationFrame(look);
  };
  look();
})"""


def test_explorer_sliders_travel_with_the_digit(notebook, here, lab):
    area = output(notebook, 1)
    area.scroll_into_view_if_needed()
    lab.execute(notebook, "explorer.move([-2, 1], seconds=0)")
    arrive(notebook, area, [-2.0, 1.0])
    moves = "for to in (1.5, -1.25, 2.0):\n    explorer.move([to, -1], seconds=1)\n    time.sleep(0.4)"
    notebook.evaluate(RUN, f"import time\n{moves}")
    seen = np.array(notebook.evaluate(ON_THE_WAY, [area.element_handle(), 2.0]))
    assert len(np.unique(seen[(seen[:, 0] > -2) & (seen[:, 0] < 2), 1])) > 5
    np.testing.assert_allclose(seen[:, 1], seen[:, 0], atol=0.0051)
    settle(notebook, area)
    assert_shows(area, here["model"], [2.0, -1.0])
    assert_kernel_comes_to(notebook, lab, [2.0, -1.0])


def test_a_hand_on_a_slider_ends_a_motion_for_the_kernel_too(notebook, here, lab):
    area = output(notebook, 1)
    lab.execute(notebook, "explorer.move([2, -1], seconds=0)")
    arrive(notebook, area, [2.0, -1.0])
    handle = area.get_by_role("slider", name="z₂")
    handle.focus()
    lab.execute(notebook, "explorer.move([-2, 1], seconds=100)")
    area.locator('.stage[aria-busy="true"]').wait_for()
    notebook.wait_for_function("c => c.z[0] < 1.99", arg=area.locator("canvas").first.element_handle())
    handle.press("ArrowRight")
    settle(notebook, area)
    z = assert_shows(area, here["model"])
    assert -1 < z[1] < 0 < z[0] < 2
    assert_kernel_comes_to(notebook, lab, z)


def test_arithmetic_on_the_codes_of_three_images_picked_by_keys(notebook, here, lab):
    area = output(notebook, 1)
    assert area.locator(".arithmetic canvas").count() == 0, "the images come when they are asked for"
    cell = "window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    before = notebook.evaluate(cell)
    track = area.locator(".noUi-base").first
    left = track.bounding_box()["x"]
    area.locator("summary", has_text="Arithmetic on codes").press("Enter")
    area.get_by_label("Image a").wait_for()
    assert track.bounding_box()["x"] == left, "nothing is pushed aside"
    picked = {"a": 5, "b": 17, "c": 40}
    for name, index in picked.items():
        select = area.get_by_label(f"Image {name}")
        select.press("ArrowDown")
        select.select_option(str(index))
    area.get_by_role("button", name="Go to a − b + c").press("Enter")
    assert notebook.evaluate(cell) == before, "no key was taken for a shortcut of the notebook"
    names = [f"image {index}, digit {load_mnist('test', limit=300)[1][index]}" for index in picked.values()]
    area.locator(".caption", has_text="z = a − b + c: {}, minus {}, plus {}.".format(*names)).wait_for()
    settle(notebook, area)
    images = load_mnist("test", limit=300)[0]
    a, b, c = (np.asarray(here["model"].encode(jnp.asarray(images[index])).mu) for index in picked.values())
    z = assert_shows(area, here["model"])
    np.testing.assert_allclose(z, a - b + c, atol=1e-4)
    assert_kernel_comes_to(notebook, lab, z)
    subtracted = area.get_by_role("img", name=f"b: I{names[1][1:]}").evaluate("c => Array.from(c.pixels)")
    np.testing.assert_allclose(subtracted, images[17], atol=1 / 500)
    controls = area.locator(".arithmetic select, .arithmetic button, .arithmetic summary").all()
    assert [control.bounding_box()["height"] >= 44 for control in controls] == [True] * 5, "a finger's width"


def test_explorer_of_a_model_the_page_cannot_run_asks_the_kernel(notebook, here):
    area = output(notebook, 2)
    area.scroll_into_view_if_needed()
    assert_shows(area, here["linear_model"], [0.0, 0.0, 0.0])
    before = at(area)
    drag(notebook, area.locator(".noUi-handle").first, 60, steps=40)
    settle(notebook, area, before)
    assert np.abs(assert_shows(area, here["linear_model"])).max() > 0.5


def test_broken_weights_show_a_message_in_place_of_the_picture(notebook):
    area = output(notebook, 3)
    message = area.get_by_role("alert").inner_text()
    assert message.startswith("This model cannot be explored")
    assert "must be finite, got 784 NaN" in message
    assert not area.locator("canvas").first.is_visible()
    assert area.get_by_role("button", name="Reset").is_disabled()


def test_a_drawing_is_encoded(notebook, here, lab):
    area = output(notebook, 4)
    paper = area.locator(".paper")
    stroke(notebook, paper)
    x = kernels_drawing(notebook, lab, area)
    assert 0.02 < x.mean() < 0.3
    rows = x.reshape(28, 28).sum(axis=1).nonzero()[0]
    assert 19 <= np.ptp(rows) + 1 <= 22, "a drawing fills a box of 20 pixels"
    q = here["model"].encode(jnp.asarray(x))
    words = area.locator(".caption").inner_text()
    numbers = [number(shown) for shown in re.findall(r"−?\d+\.\d+", words)]
    np.testing.assert_allclose(numbers, [*q.mu, *np.exp(0.5 * q.log_var)], atol=0.006)
    reconstruction = area.locator("canvas").nth(2).evaluate("c => Array.from(c.pixels)")
    np.testing.assert_allclose(reconstruction, here["model"].decode(q.mu).mean, atol=1e-3)
    draws = [area.locator("canvas").nth(k).evaluate("c => String(c.pixels)") for k in range(3, 7)]
    assert len(set(draws)) == 4
    assert area.locator(".spread").get_attribute("visibility") == "visible"
    assert area.locator(".lens").get_attribute("visibility") == "hidden", "a q as wide as this one needs no glass"
    area.get_by_role("button", name="New draws").click()
    assert area.locator("canvas").nth(3).evaluate("c => String(c.pixels)") != draws[0]
    area.get_by_role("button", name="Clear").click()
    assert kernels_drawing(notebook, lab, area).max() == 0
    assert lab.execute(notebook, "print(sketch)") == "Sketch(empty)\n"


def kernels_drawing(notebook, lab, area):
    """The drawing once the kernel has the one that the page shows, which it sends after a while without a stroke."""
    seen = np.array(area.locator("canvas").nth(1).evaluate("c => Array.from(c.pixels)"), np.float32)

    def sent():
        return np.array(lab.execute(notebook, "print(*sketch.image[0])").split(), np.float32)

    until(notebook, lambda: np.abs(sent() - seen).max() < 1e-5)
    return sent()


def test_a_drawing_by_keys(notebook, lab):
    area = output(notebook, 4)
    area.locator(".paper").focus()
    notebook.keyboard.press("Space")
    for _ in range(5):
        notebook.keyboard.press("ArrowUp")
    notebook.keyboard.press("Space")
    notebook.keyboard.press("ArrowLeft")
    drawn = kernels_drawing(notebook, lab, area).reshape(28, 28)
    assert np.ptp(drawn.sum(axis=0).nonzero()[0]) < np.ptp(drawn.sum(axis=1).nonzero()[0]), "one vertical stroke"


def test_a_live_figures_sliders_have_their_labels_as_names(notebook):
    assert output(notebook, 5).get_by_role("slider", name="mu", exact=True).count() == 1
    names = ["mean of q", "scale"]
    assert [output(notebook, 6).get_by_role("slider", name=name, exact=True).count() for name in names] == [1, 1]
    tracks = [track.bounding_box()["x"] for track in output(notebook, 6).locator(".noUi-base").all()]
    assert tracks[0] == tracks[1], "one width for all labels"
    cut = "labels => labels.some((label) => label.scrollWidth > label.clientWidth)"
    assert not output(notebook, 6).locator(".widget-label").evaluate_all(cut)


def test_live_figure_follows_the_mouse(notebook, lab):
    area = output(notebook, 5)
    area.scroll_into_view_if_needed()
    picture = area.get_by_role("img", name="A bell curve around mu")
    before = picture.evaluate(PAINTED)
    drag(notebook, area.locator(".noUi-handle").first, 80)
    notebook.wait_for_function(f"([c, before]) => ({PAINTED})(c) !== before", arg=[picture.element_handle(), before])
    mu = number(area.locator(".widget-readout").inner_text())
    assert mu > 0.3
    until(notebook, lambda: abs(float(lab.execute(notebook, "print(live.values['mu'])")) - mu) < 0.0051)
    lab.execute(notebook, "live.sliders['mu'].value = -2.0")
    area.get_by_role("img", name="Now mu −2").wait_for()
    assert shows_frame(picture, lab.execute(notebook, FRAME.format("live")))


def test_a_live_figure_shows_again_what_the_page_was_sent_while_the_kernel_is_busy(notebook, lab, tmp_path):
    area = output(notebook, 5)
    picture = area.locator(".vaelib-figure canvas")
    area.scroll_into_view_if_needed()
    lab.execute(notebook, "live.sliders['mu'].value = 1.0")
    area.get_by_role("img", name="Now mu 1.").wait_for()
    # At rest the page asks for the places around, if it has not had them before.
    around = """
step = live.sliders['mu'].step
print([bool(np.abs(np.array(drawn) - to).min() < step / 4) for to in (1 - step, 1 + step)])
"""
    until(notebook, lambda: "False" not in lab.execute(notebook, around))
    with busy(notebook, tmp_path):
        handle = area.locator(".noUi-handle").first
        handle.focus()
        before = picture.evaluate(PAINTED)
        handle.press("ArrowRight")
        changed = f"([c, before]) => ({PAINTED})(c) !== before"
        notebook.wait_for_function(changed, arg=[picture.element_handle(), before])
        # To and fro between two places: once both pictures are decoded each is there as soon as the key is down.
        both = [handle.element_handle(), picture.element_handle()]
        keys = ["ArrowLeft", "ArrowRight"]
        until(notebook, lambda: all([notebook.evaluate(AT_ONCE, [*both, key]) for key in keys]))
    # What the free kernel drew for these moves comes to the page after what it printed.
    until(notebook, lambda: shows_frame(picture, lab.execute(notebook, FRAME.format("live"))))


def test_a_handle_in_a_live_figure_takes_its_sliders_along(notebook, lab):
    area = output(notebook, 6)
    area.scroll_into_view_if_needed()
    handle = area.locator(".vaelib-figure .handle")
    assert handle.get_attribute("aria-label") == "mean of q 0, scale 1"
    drag(notebook, handle, 60)
    label = handle.get_attribute("aria-label")
    mean, scale = map(float, re.fullmatch(r"mean of q (.*), scale (.*)", label).groups())
    assert mean > 0.3
    assert scale == 1.0
    assert area.locator(".widget-readout").first.inner_text() == f"{mean:.2f}"
    assert_kernel_has(notebook, lab, mean, scale)
    area.get_by_role("img", name=f"Now {label}").wait_for()
    assert shows_frame(area.locator(".vaelib-figure canvas"), lab.execute(notebook, FRAME.format("two")))
    said = output(notebook, 6).get_by_role("status")
    assert said.inner_text() == f"mean + scale = {mean + scale:.1f}"
    handle.press("ArrowUp")
    handle.press("Shift+ArrowLeft")
    said.filter(has_text=f"mean + scale = {mean - 0.5 + 1.1:.1f}").wait_for(state="attached")
    area.get_by_role("img", name=f"Now mean of q {mean - 0.5:g}, scale 1.1").wait_for()
    assert_kernel_has(notebook, lab, mean - 0.5, 1.1)


def assert_kernel_has(page, lab, *values):
    """The kernel's sliders come to where the page's stand: the front end holds a move back until the last is done."""
    asked = "print(*two.values.values())"
    until(page, lambda: np.allclose(list(map(float, lab.execute(page, asked).split())), values))


def shows_frame(canvas, frame):
    """Whether the canvas has the pixels of this PNG in base 64."""
    return np.array_equal(on_canvas(canvas), pixels(base64.b64decode(frame)))


@pytest.mark.parametrize("cell", [1, 2])
def test_a_thousand_moves_compile_nothing_and_keep_no_memory(notebook, lab, cell):
    area = output(notebook, cell)
    moves = """async (handle) => {
      for (let move = 0; move < 1000; move++) {
        const key = move % 40 < 20 ? 'ArrowRight' : 'ArrowLeft';
        handle.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
        if (move % 5 === 0) await new Promise((done) => setTimeout(done, 4));
      }
    }"""
    handle = area.locator(".noUi-handle").first
    lab.execute(notebook, WATCH_KERNEL)
    handle.evaluate(moves)  # fills the caches of the front end, of ipywidgets and of JAX
    settle(notebook, area)
    lab.execute(notebook, "compiled.clear(); before = held()")
    before, at_start = heap(notebook), at(area)
    handle.evaluate(moves)
    settle(notebook, area)
    assert at(area) == at_start, "as many moves to the left as to the right"
    compiled, grown = map(int, lab.execute(notebook, "print(len(compiled), held() - before)").split())
    lab.execute(notebook, "tracemalloc.stop()")
    assert compiled == 0
    assert grown < 100_000
    assert heap(notebook) - before < 1_000_000


# Parts of an output that reach beyond it.
TOO_WIDE = """area => {
  const limit = area.getBoundingClientRect();
  return [...area.querySelectorAll("canvas, svg.plane, button, .noUi-handle, img")]
    .filter((part) => part.checkVisibility())
    .filter((part) => {
      const { left, right } = part.getBoundingClientRect();
      return left < limit.left - 1 || right > limit.right + 1;
    })
    .map((part) => part.outerHTML.slice(0, 200));
}"""


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_widgets_fit_the_page_in_both_themes(notebook, lab, theme, width, tmp_path):
    lab.wear(notebook, theme)
    notebook.set_viewport_size({"width": width, "height": 900})
    for cell in (1, 2, 4, 5):
        area = output(notebook, cell)
        area.scroll_into_view_if_needed()
        until(notebook, lambda area=area: area.evaluate(TOO_WIDE) == [], seconds=30)  # the front end lays out anew
        area.screenshot(path=tmp_path / f"{cell}.png")
    text = output(notebook, 1).locator("figcaption").first
    color, ground = text.evaluate(
        "e => [getComputedStyle(e).color, getComputedStyle(e.closest('.jp-Notebook')).backgroundColor]"
    )
    assert contrast(color, ground) > 4.5
    notebook.set_viewport_size({"width": 1400, "height": 900})
    lab.wear(notebook, "JupyterLab Light")


def test_the_digit_of_a_busy_kernel_comes_all_the_same(notebook, here, tmp_path):
    area = output(notebook, 2)
    before = at(area)
    with busy(notebook, tmp_path):
        drag(notebook, area.locator(".noUi-handle").nth(1), 40)
    settle(notebook, area, before)
    assert_shows(area, here["linear_model"])


def test_a_lost_kernel_is_said_and_the_digit_still_moves(notebook, here):
    area = output(notebook, 1)
    notebook.evaluate(f"{KERNEL}.restart()")
    area.locator(".caption", has_text="The kernel does not answer").wait_for(timeout=60_000)
    linear = output(notebook, 2)
    linear.locator(".alert", has_text="The kernel does not answer").wait_for(timeout=60_000)
    assert not linear.locator("canvas").first.is_visible()
    for cell in (5, 6):
        output(notebook, cell).get_by_role("alert").filter(has_text="The kernel does not answer").wait_for()
        assert output(notebook, cell).locator(".vaelib-figure canvas").is_visible()
    # The front end marks its widgets as disconnected, and so moves them.
    area.locator(".widget-hslider.jupyter-widgets-disconnected").first.wait_for()
    before = at(area)
    drag(notebook, area.locator(".noUi-handle").first, 40)
    settle(notebook, area, before)
    assert_shows(area, here["model"])
