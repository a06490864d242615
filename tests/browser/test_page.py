"""The page without a kernel, opened from disk and served, against the decoder it was made from."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from lab import heap, number, stroke
from loopback import serve

from vaelib.data import load_mnist
from vaelib.explorer import save_drawing_page, save_page
from vaelib.explorer.encoded_images import EncodedImages
from vaelib.models import VAE
from vaelib.pretrained import load_pretrained


@pytest.fixture(scope="module")
def model():
    """A decoder with strong contrasts, of the size of the shipped ones, in half precision as they are."""
    made = VAE.create(seed=0, latent=2, hidden=(200, 200))
    made.encoder.mu.kernel[...] *= 6
    made.decoder.trunk.layers[0].kernel[...] *= 3
    made.decoder.output.kernel[...] *= 3
    nnx.update(made, jax.tree.map(lambda leaf: leaf.astype(jnp.float16).astype(jnp.float32), nnx.state(made)))
    return made


@pytest.fixture(scope="module")
def images():
    return load_mnist("test", limit=300)


@pytest.fixture(scope="module")
def path(model, images, tmp_path_factory):
    return save_page(model, tmp_path_factory.mktemp("page") / "explorer.html", *images)


@pytest.fixture(scope="module")
def served(path):
    """The page's address on a server."""
    with serve(path.parent) as address:
        yield f"{address}/{path.name}"


@pytest.fixture(params=["disk", "server"])
def opened(request, page, path, served):
    page.goto(path.as_uri() if request.param == "disk" else served)
    page.wait_for_function("document.querySelector('canvas')?.z")
    return page


def shown(page):
    """z and the picture on the first canvas."""
    z, pixels = page.locator("canvas").first.evaluate("c => [c.z, Array.from(c.pixels)]")
    return np.array(z, np.float32), np.array(pixels)


def assert_shows(page, model):
    z, pixels = shown(page)
    np.testing.assert_allclose(pixels, model.decode(jnp.asarray(z)).mean, atol=1e-3)
    return z


def arrive(page):
    """Wait until the digit has come to where it goes."""
    page.locator('.stage:not([aria-busy="true"])').wait_for()


def test_page_keeps_no_more_memory_over_1000_moves(page, path):
    page.goto(path.as_uri())
    page.wait_for_function("document.querySelector('canvas')?.z")
    moves = """async () => {
      const input = document.querySelector('input');
      for (let move = 0; move < 1000; move++) {
        input.value = -2 + 4 * (move % 97) / 97;
        input.dispatchEvent(new Event('input'));
        if (move % 10 === 0) await new Promise(requestAnimationFrame);
      }
    }"""
    page.evaluate(moves)
    before = heap(page)
    page.evaluate(moves)
    assert heap(page) - before < 100_000


def test_page_is_small(path):
    assert path.stat().st_size < 600_000


def test_page_sliders_follow_mouse_and_keys(opened, model):
    slider = opened.get_by_role("slider", name="z₁")
    box = slider.bounding_box()
    opened.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    opened.mouse.down()
    opened.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2, steps=6)
    opened.mouse.up()
    assert assert_shows(opened, model)[0] > 1
    opened.get_by_role("slider", name="z₂").press("ArrowLeft")
    z = assert_shows(opened, model)
    assert z[1] < 0


def test_page_plane_follows_mouse_and_keys(opened, model):
    box = opened.locator(".plane").bounding_box()
    opened.mouse.move(box["x"] + 100, box["y"] + 100)
    opened.mouse.down()
    opened.mouse.move(box["x"] + 200, box["y"] + 120, steps=6)
    opened.mouse.up()
    z = assert_shows(opened, model)
    assert z[0] > 0 < z[1]
    opened.keyboard.press("ArrowLeft")
    opened.keyboard.press("Shift+ArrowUp")
    np.testing.assert_allclose(assert_shows(opened, model) - z, [-0.1, 0.5], atol=1e-5)
    readouts = [number(text) for text in opened.locator("output").all_inner_texts()]
    np.testing.assert_allclose(readouts, shown(opened)[0], atol=0.0051)
    opened.keyboard.press("Home")
    np.testing.assert_array_equal(assert_shows(opened, model), [0.0, 0.0])


def test_the_pointer_over_the_plane_names_the_nearest_real_digit(opened, model, images):
    encoded = EncodedImages(model, *images)
    codes, labels, far = encoded.codes, images[1], float(max(encoded.reach))
    apart = np.hypot(*(codes[:, None] - codes[None]).transpose(2, 0, 1))
    other = np.where(labels[:, None] == labels, np.inf, apart).min(axis=1)  # how far a digit of another class lies
    clear = np.argsort(-other)
    picked = [clear[labels[clear] == label][0] for label in np.unique(labels)]
    assert other[picked].min() > far / 64, "farther than the plane rounds"
    plane, text = opened.locator(".plane"), opened.locator(".plane .nearest")
    assert text.text_content() == ""
    plane.scroll_into_view_if_needed()
    box = plane.bounding_box()
    for index in picked:
        x, y = (float(26 + (far + value) * 268 / (2 * far)) for value in codes[index] * np.array([1, -1]))
        opened.mouse.move(box["x"] + x * box["width"] / 320, box["y"] + y * box["height"] / 320)
        assert text.text_content() == f"nearest real image: {labels[index]}"
        assert text.bounding_box()["x"] + text.bounding_box()["width"] < box["x"] + box["width"]
    opened.mouse.move(box["x"] - 20, box["y"] - 20)
    assert text.text_content() == ""


def test_page_buttons_move_the_digit(opened, model, images):
    for name in ("Draw from the prior", "Encode a real digit", "Interpolate to another", "Reset"):
        opened.get_by_role("button", name=name).click()
        arrive(opened)
        z = assert_shows(opened, model)
        caption = opened.locator(".caption").inner_text()
        if "mage" in caption:
            index = int(caption.split("mage ")[1].split(",")[0])
            np.testing.assert_allclose(z, model.encode(jnp.asarray(images[0][index])).mu, atol=1e-3)
            real = opened.locator("canvas").nth(1)
            np.testing.assert_allclose(real.evaluate("c => Array.from(c.pixels)"), images[0][index], atol=1 / 500)
    np.testing.assert_array_equal(z, [0.0, 0.0])


def test_what_was_said_of_a_code_goes_when_the_hand_moves_on(page, path, model):
    page.goto(path.as_uri())
    page.wait_for_function("document.querySelector('canvas')?.z")
    assert page.evaluate("PAGE.codes.length") == 200, "as many images as save_page promises"
    plane, caption, real = page.locator(".plane"), page.locator(".caption"), page.locator("canvas").nth(1)
    assert plane.evaluate("e => getComputedStyle(e).userSelect") == "none"
    page.get_by_role("button", name="Encode a real digit").click()
    arrive(page)
    assert caption.inner_text()
    assert real.is_visible()
    box = plane.bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 180, box["y"] + 120, steps=4)
    page.mouse.up()
    assert caption.inner_text() == ""
    assert not real.is_visible()
    assert_shows(page, model)
    page.get_by_role("button", name="Draw from the prior").click()
    arrive(page)
    assert caption.inner_text().startswith("A draw from the prior")
    plane.press("ArrowLeft")
    assert caption.inner_text() == ""
    assert_shows(page, model)


@pytest.mark.parametrize("width", [390, 560, 600, 1400])
def test_nothing_jumps_when_a_real_digit_comes(browser, path, width):
    context = browser.new_context(viewport={"width": width, "height": 900}, has_touch=width < 600)
    page = context.new_page()
    page.goto(path.as_uri())
    page.wait_for_function("document.querySelector('canvas')?.z")
    sliders = page.get_by_role("slider")
    assert min(box.bounding_box()["height"] for box in sliders.all()) >= 44
    standing = [page.locator("canvas").first, page.locator(".plane"), *sliders.all()]
    before = [part.bounding_box() for part in standing]
    page.get_by_role("button", name="Encode a real digit").click()
    arrive(page)
    assert page.locator("canvas").nth(1).is_visible()
    assert [part.bounding_box() for part in standing] == before
    context.close()


def test_the_page_asks_for_a_label(page, tmp_path, images):
    model = load_pretrained("conditional-z2")
    page.goto(save_page(model, tmp_path / "asked.html", *images).as_uri())
    page.wait_for_function("document.querySelector('canvas')?.z")
    page.get_by_role("slider", name="z₁").press("ArrowRight")
    for y in (7, 2):
        page.get_by_label("ask for y").select_option(str(y))
        arrive(page)
        z, pixels = shown(page)
        np.testing.assert_allclose(pixels, model.decode(jnp.asarray(z), y).mean, atol=1e-3)
    page.get_by_role("button", name="Encode a real digit").click()
    arrive(page)
    index = int(page.locator(".caption").inner_text().split("mage ")[1].split(",")[0])
    assert page.get_by_label("ask for y").input_value() == str(images[1][index])
    z, pixels = shown(page)
    np.testing.assert_allclose(z, model.encode(jnp.asarray(images[0][index]), int(images[1][index])).mu, atol=1e-3)
    np.testing.assert_allclose(pixels, model.decode(jnp.asarray(z), int(images[1][index])).mean, atol=2e-3)


def test_arithmetic_on_the_codes_of_three_picked_images(opened, model, images):
    opened.get_by_text("Arithmetic on codes").click()
    for name, index in zip("abc", (5, 17, 40), strict=True):
        opened.get_by_label(f"Image {name}").select_option(str(index))
        arrive(opened)
    z = assert_shows(opened, model)
    a, b, c = (np.asarray(model.encode(jnp.asarray(images[0][index])).mu) for index in (5, 17, 40))
    np.testing.assert_allclose(z, a - b + c, atol=2e-3)
    caption = opened.locator(".caption").inner_text()
    assert (
        caption
        == "z = a − b + c: "
        + ", ".join(
            f"{word}image {index}, digit {images[1][index]}" for word, index in (("", 5), ("minus ", 17), ("plus ", 40))
        )
        + "."
    )
    subtracted = opened.locator(".arithmetic canvas").nth(1).evaluate("c => Array.from(c.pixels)")
    np.testing.assert_allclose(subtracted, images[0][17], atol=1 / 500)
    opened.get_by_role("slider", name="z₁").press("ArrowRight")
    assert opened.locator(".caption").inner_text() == "", "the words are true of that code alone"
    opened.get_by_role("button", name="Go to a − b + c").click()
    arrive(opened)
    np.testing.assert_allclose(shown(opened)[0], z, atol=1e-6)


def test_a_drawing_is_encoded_without_a_kernel(page, tmp_path, model, images):
    page.goto(save_drawing_page(model, tmp_path / "draw.html", *images, limit=None).as_uri())
    paper = page.locator(".paper")
    page.wait_for_function("document.querySelector('.caption')?.textContent")
    stroke(page, paper)
    x, reconstruction = (page.locator("canvas").nth(i).evaluate("c => Array.from(c.pixels)") for i in (1, 2))
    assert max(x) == 1
    q = model.encode(jnp.asarray(x, jnp.float32))
    words = page.locator(".caption").inner_text()
    numbers = [number(shown) for shown in re.findall(r"−?\d+\.\d+", words)]
    np.testing.assert_allclose(numbers, [*q.mu, *np.exp(0.5 * q.log_var)], atol=0.006)
    np.testing.assert_allclose(reconstruction, model.decode(q.mu).mean, atol=2e-3)
    page.get_by_role("button", name="Clear").click()
    assert max(page.locator("canvas").nth(1).evaluate("c => Array.from(c.pixels)")) == 0


def test_a_drawing_page_whose_weights_are_damaged_says_so(page, tmp_path, images):
    path = save_drawing_page(VAE.create(seed=0, latent=2, hidden=(8,)), tmp_path / "draw.html", *images)
    path.write_text(re.sub(r'("decode":")[A-Za-z0-9+/=]{20}', r"\1", path.read_text("utf-8")), "utf-8")
    page.goto(path.as_uri())
    page.locator(".alert", has_text="damaged or cut off").wait_for()


@pytest.mark.parametrize(
    ("latent", "likelihood", "activation"),
    [(12, "continuous-bernoulli", "softplus"), (1, "gaussian", "gelu"), (3, "bernoulli", "tanh")],
)
def test_page_of_every_kind_of_decoder(page, tmp_path, images, latent, likelihood, activation):
    model = VAE.create(seed=1, latent=latent, hidden=(30, 20), likelihood=likelihood, activation=activation)
    model.decoder.output.kernel[...] *= 8
    path = save_page(model, tmp_path / "page.html", *images)
    page.goto(path.as_uri())
    page.wait_for_function("document.querySelector('canvas')?.z")
    assert page.locator(".plane").count() == 0
    assert page.locator("details input").count() == max(0, latent - 10)
    for _ in range(3):
        page.get_by_role("button", name="Draw from the prior").click()
        arrive(page)
        assert np.abs(assert_shows(page, model)).max() > 0


DIGIT, WIDE, COLOUR, TALL = (28, 28, 1), (4, 6, 1), (5, 3, 3), (30, 1, 1)


def painted(page, index=0):
    """The bytes of a canvas (height, width, 3), its height and width on screen, and its unrounded pixels."""
    script = """c => {
      const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);
      const box = c.getBoundingClientRect();
      return [c.height, c.width, Array.from(data), [box.height, box.width], Array.from(c.pixels)];
    }"""
    height, width, data, size, pixels = page.locator("canvas").nth(index).evaluate(script)
    return np.array(data).reshape(height, width, 4)[..., :3], size, np.array(pixels)


@pytest.mark.parametrize(
    ("shape", "count", "labelled"),
    [(DIGIT, 1, True), (DIGIT, 3, False), (WIDE, 0, False), (WIDE, 3, True), (COLOUR, 3, False), (TALL, 0, False)],
)
def test_page_with_and_without_images_of_every_shape(page, tmp_path, shape, count, labelled):
    model = VAE.create(seed=1, latent=2, hidden=(8,), image_shape=shape)
    images = np.random.default_rng(0).random((count, model.pixels), dtype=np.float32) if count else None
    page.goto(save_page(model, tmp_path / "a.html", images, np.arange(count) if labelled else None).as_uri())
    page.wait_for_function("document.querySelector('canvas')?.z")
    buttons = [page.get_by_role("button", name=name) for name in ("Encode a real digit", "Interpolate to another")]
    assert [button.is_disabled() for button in buttons] == [count == 0] * 2
    assert page.locator(".plane .numeral").count() == count * labelled
    if count:
        buttons[0].click()
        arrive(page)
        caption = page.locator(".caption").inner_text()
        assert (", digit" in caption) == labelled
        real = np.round(255 * images[int(re.search(r"mage (\d+)", caption)[1])]).reshape(shape)
        data, _, _ = painted(page, 1)
        np.testing.assert_array_equal(data, np.broadcast_to(real, data.shape))
    page.get_by_role("button", name="Draw from the prior").click()
    arrive(page)
    assert np.abs(assert_shows(page, model)).max() > 0
    data, (high, broad), pixels = painted(page)
    np.testing.assert_allclose(data, np.broadcast_to(255 * pixels.reshape(shape), data.shape), atol=0.51)
    height, width, _ = shape
    assert (high - 2) / (broad - 2) == pytest.approx(height / width if height < 30 else 168 / 12, rel=0.01)
    assert max(high, broad) - 2 == pytest.approx(168, abs=0.5)
