import base64
import gc
import io
import json
import re
import sys
import tracemalloc
import types

import ipywidgets
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
import pytest
import traitlets
from flax import nnx
from IPython.core.formatters import DisplayFormatter
from matplotlib.colors import to_rgb
from rounded import BFLOAT16, TF32, rounded_products

import vaelib
from vaelib.data import load_mnist
from vaelib.distributions import Bernoulli, Gaussian, standard_normal
from vaelib.explorer import draw_digit, explore, save_drawing_page, save_page, traversal
from vaelib.explorer.compiled_model import CompiledModel
from vaelib.explorer.encoded_images import EncodedImages
from vaelib.explorer.layers import decoder_layers, encoder_layers
from vaelib.explorer.model_widget import static
from vaelib.explorer.page import _close_enough, embedded
from vaelib.figures.style import class_colors
from vaelib.linear_gaussian import LinearGaussianVAE
from vaelib.models import VAE, Autoencoder
from vaelib.networks import ACTIVATIONS
from vaelib.widgets import live_figure
from vaelib.widgets.browser import finest_step

SVG_NAMESPACE = "http://www.w3.org/2000/svg"


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


@pytest.mark.parametrize(
    ("low", "high", "start", "step"),
    [
        (-3.0, 3.0, 1.0, 0.02),
        (0.1, 2.0, 1.0, 0.005),
        (0.0, 1.0, 0.5, 0.005),
        (0.0, 400.0, 1.0, 1.0),
        (0.0, 1.0, 1 / 3, finest_step()),
    ],
)
def test_live_figure_steps_are_round_and_meet_the_start(low, high, start, step):
    assert curve(mu=(low, high, start)).sliders["mu"].step == (step if step is None else pytest.approx(step))


def test_live_figure_is_a_picture_too_where_there_are_no_widgets():
    live = curve()
    bundle, metadata = live._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]) == live.frame
    assert metadata["image/png"]["alt"]
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == live.model_id


def test_a_slider_of_ipywidgets_7_gets_the_step_that_it_wants(monkeypatch):
    class Slider(ipywidgets.FloatSlider):
        step = traitlets.CFloat(0.1).tag(sync=True)

    monkeypatch.setattr(ipywidgets, "FloatSlider", Slider)
    assert curve(mu=(0.0, 1.0, 1 / 3)).sliders["mu"].step == 0.001
    explorer = explore(VAE.create(seed=0, latent=2, hidden=(16,)))
    assert [slider.step for slider in explorer.sliders] == [0.001, 0.001]


def test_a_box_is_shown_by_its_bundle_where_ipywidgets_7_would_show_it_by_itself(monkeypatch):
    monkeypatch.setattr(ipywidgets.Widget, "_ipython_display_", lambda self: "no picture", raising=False)
    monkeypatch.delattr(ipywidgets.Widget, "_repr_mimebundle_", raising=False)
    explorer = explore(VAE.create(seed=0, latent=20, hidden=(16,)))
    data, _ = DisplayFormatter().format(explorer)
    assert base64.b64decode(data["image/png"]) == explorer.still()[0]
    assert data["text/plain"] == repr(explorer)[:110] + "…"


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


@pytest.fixture(scope="module")
def vae():
    return VAE.create(seed=0, latent=2, hidden=(32, 24))


@pytest.fixture(scope="module")
def digits():
    return load_mnist("test", limit=50)


def far(model, factor=40.0):
    """The model with codes spread as widely as a trained one's."""
    model.encoder.mu.kernel[...] *= factor
    return model


@pytest.mark.usefixtures("full_precision")
def test_explorer_follows_its_sliders(vae):
    explorer = explore(vae)
    explorer.sliders[0].value, explorer.sliders[1].value = 1.5, -0.5
    np.testing.assert_allclose(explorer.z, [1.5, -0.5])
    np.testing.assert_allclose(explorer.image, vae.decode(jnp.array([1.5, -0.5])).mean, atol=1e-6)
    assert explorer.message == ""
    assert repr(explorer) == "Explorer(z=[1.50, -0.50])"
    assert all(slider.continuous_update for slider in explorer.sliders)


def test_explorer_outlives_further_training_of_its_model():
    model = VAE.create(seed=0, latent=2, hidden=(16,))
    explorer = explore(model)
    before = explorer.image
    jax.tree.map(lambda leaf: leaf.delete(), nnx.state(model))  # as training does with the state it replaces
    np.testing.assert_array_equal(explorer.image, before)
    assert decoder_layers(explorer._encoded.model).packed()[0]["sizes"] == [2, 16, 784]


def test_explorer_puts_the_active_dimensions_first_and_folds_the_others(digits):
    model = VAE.create(seed=0, latent=4, hidden=(16,))
    scales = jnp.array([0.0, 60.0, 0.0, 20.0])
    model.encoder.mu.kernel[...] *= scales[None]
    explorer = explore(model, *digits)
    assert explorer.order[:2] == [1, 3]
    controls = explorer.children[1].children[1].children
    assert [slider.description for slider in controls[:2]] == ["z₂", "z₄"]
    assert isinstance(controls[2], ipywidgets.Accordion)
    assert controls[2].get_title(0) == "2 more dimensions of z, less active"
    assert controls[2].selected_index is None
    assert [slider.description for slider in controls[2].children[0].children] == ["z₁", "z₃"]


@pytest.mark.usefixtures("full_precision")
def test_explorer_sliders_reach_every_code(digits):
    model = far(VAE.create(seed=0, latent=2, hidden=(16,)), 300.0)
    explorer = explore(model, *digits)
    mu = np.asarray(model.encode(jnp.asarray(digits[0])).mu)
    for index in range(50):
        explorer.encode(index)
        np.testing.assert_allclose(explorer.z, mu[index], atol=1e-4)


@pytest.mark.usefixtures("full_precision")
def test_explorer_buttons(vae, digits):
    explorer = explore(vae, *digits, seed=1)
    buttons = {button.description: button for button in explorer.buttons}
    assert list(buttons) == ["Draw from the prior", "Encode a real digit", "Interpolate to another", "Reset"]
    buttons["Draw from the prior"].click()
    assert np.abs(explorer.z).min() > 0
    for name in ("Encode a real digit", "Interpolate to another"):
        buttons[name].click()
        index = int(re.search(r"mage (\d+), digit", explorer.picture.caption)[1])
        np.testing.assert_allclose(explorer.z, vae.encode(jnp.asarray(digits[0][index])).mu, atol=1e-5)
        np.testing.assert_array_equal(
            np.frombuffer(explorer.picture.original, np.uint8), np.round(255 * digits[0][index])
        )
    buttons["Reset"].click()
    np.testing.assert_array_equal(explorer.z, [0.0, 0.0])
    assert explorer.picture.original == b""


def test_words_of_a_page_are_words_alone(vae, digits, tmp_path):
    hostile = "{{state}}{{code}}<!--<script></script>"
    text = save_page(vae, tmp_path / "a.html", *digits, title=hostile).read_text(encoding="utf-8")
    assert text.count("const PAGE = ") == 1
    title = "{{state}}{{code}}&lt;!--&lt;script&gt;&lt;/script&gt;"
    assert text.count(title) == 2
    (state,) = re.findall(r"const PAGE = (.*);\n", text)
    assert "<" not in state
    assert json.loads(state)["names"] == ["z₁", "z₂"]


def test_text_inside_a_script_neither_ends_it_nor_keeps_it_open():
    words = {"title": "</script><!--<script>", "numbers": [1.5]}
    text = embedded(words)
    assert "<" not in text
    assert json.loads(text) == words


class Shifted(VAE):
    """Its prior lies far from 0, in one dimension alone."""

    def prior(self):
        return Gaussian(jnp.array([9.0, 0.0]), jnp.array([-6.0, 0.0]))


def test_draws_come_from_the_models_own_prior(digits):
    model = Shifted(latent=2, hidden=(32, 24), rngs=nnx.Rngs(0))
    explorer = explore(model, *digits)
    drawn = []
    for _ in range(50):
        explorer.draw()
        drawn.append(explorer.z)
    np.testing.assert_allclose(np.mean(drawn, axis=0), [9.0, 0.0], atol=0.6)
    np.testing.assert_allclose(np.std(drawn, axis=0), [np.exp(-3), 1.0], rtol=0.4)
    assert explorer.sliders[0].max > 9.0
    assert explorer.picture.caption == "A draw from the prior, z ~ p(z)."
    explorer.reset()
    assert explorer.picture.caption == "z = 0."


def test_a_page_holds_a_table_of_draws_from_the_models_own_prior(vae, digits, tmp_path):
    own = Shifted(latent=2, hidden=(32, 24), rngs=nnx.Rngs(0))
    found = {}
    for name, model in {"own": own, "standard": vae}.items():
        text = save_page(model, tmp_path / f"{name}.html", *digits).read_text(encoding="utf-8")
        found[name] = re.search(r'"draws":(null|\[\[.*?\]\]),"prior":"(.*?)"', text).groups()
    assert found["standard"] == ("null", "N(0, I)")
    table, name = found["own"]
    assert (name, np.shape(json.loads(table))) == ("p(z)", (100, 2))
    np.testing.assert_allclose(np.mean(json.loads(table), axis=0), [9.0, 0.0], atol=0.4)


@pytest.mark.parametrize(
    ("prior", "message"),
    [(lambda _: 3, "prior must return a distribution"), (lambda _: standard_normal((5,)), "prior must yield draws")],
)
def test_a_prior_that_can_not_be_drawn_from_is_said_in_place_of_the_picture(digits, prior, message):
    model = type("Odd", (VAE,), {"prior": prior})(latent=2, hidden=(4,), rngs=nnx.Rngs(0))
    assert re.search(message, explore(model, *digits).message)


def test_explorer_never_compiles_again_and_keeps_no_more_memory(vae, compilations):
    explorer = explore(vae)
    explorer.draw()
    _ = explorer.image
    compilations.clear()
    tracemalloc.start()
    held = []
    for step in range(4000):
        explorer.sliders[step % 2].value = -3 + 6 * (step % 97) / 97
        _ = explorer.image
        if step % 1000 == 999:  # by the first time the caches of JAX and of the widgets are full
            gc.collect()
            held.append((tracemalloc.get_traced_memory()[0], len(jax.live_arrays())))
    tracemalloc.stop()
    assert compilations == []
    memory, arrays = np.diff(held, axis=0).T
    assert max(arrays) <= 0
    assert min(memory) < 20_000  # what is kept of the moves is kept of each thousand; another thread's is not


def test_explorer_takes_other_models():
    autoencoder = explore(Autoencoder.create(seed=0, latent=3, hidden=(16,)))
    autoencoder.encode(0)
    assert autoencoder.message == ""
    linear = explore(LinearGaussianVAE.create(latent=2, pixels=16))
    assert linear.message == ""
    assert [button.disabled for button in linear.buttons] == [False, True, True, False]
    with pytest.raises(ValueError, match="pass explore\\(model, images\\)"):
        linear.encode()


def test_explorer_says_what_is_wrong_in_place_of_the_picture():
    broken = VAE.create(seed=0, latent=2, hidden=(16,))
    broken.decoder.output.bias[...] = jnp.full(784, jnp.nan)
    explorer = explore(broken)
    assert "the decoded picture must be finite, got 784 NaN" in explorer.message
    assert all(button.disabled for button in explorer.buttons)
    assert "image/png" not in explorer._repr_mimebundle_()[0]
    other = VAE.create(seed=0, latent=2, hidden=(16,))
    other.latent = 3
    assert "cannot be explored with codes of 3 numbers" in explore(other).message


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"model": "bernoulli-z2"}, TypeError, "got str without latent, pixels, decode"),
        ({"images": np.zeros((3, 100), np.float32)}, ValueError, r"images must have shape \(\*batch, 784\)"),
        ({"images": np.full((3, 784), 255.0)}, ValueError, "divide 8-bit images by 255"),
        ({"images": np.full((3, 784), np.nan)}, ValueError, "images must be finite"),
        ({"images": np.zeros((3, 784), np.uint8)}, TypeError, "images must be floating point"),
        ({"images": np.zeros((3, 784)), "labels": [1, 2]}, ValueError, r"3 whole .* got int64 of shape \(2,\)"),
        ({"images": np.zeros((3, 784)), "labels": [0.0, 1.0, 1.5]}, ValueError, "3 whole numbers from 0 to 255"),
        ({"images": np.zeros((3, 784)), "labels": [0, 1, -1]}, ValueError, "3 whole numbers from 0 to 255"),
        ({"images": np.zeros((3, 784)), "labels": [0, 1, 256]}, ValueError, "from 0 to 255.* from 0 to 256"),
        ({"labels": [1, 2]}, ValueError, "labels came without images"),
        ({"shown": 0}, ValueError, "shown must be"),
        ({"seed": -1}, ValueError, "seed must be"),
        ({"seed": "one"}, TypeError, "seed must be"),
    ],
)
def test_explorer_refuses_what_it_cannot_show(vae, arguments, error, words):
    with pytest.raises(error, match=words):
        explore(**({"model": vae} | arguments))


def test_explorer_takes_names_as_labels(vae):
    names = ["owl", "cat", "owl", "dog"]
    explorer = explore(vae, np.zeros((4, 784), np.float32), names)
    plane = explorer.picture.plane
    assert plane["classes"] == ["cat", "dog", "owl"]
    assert list(plane["labels"]) == [2, 0, 2, 1]
    assert len(set(plane["palette"])) == 3
    explorer.encode(1)
    assert explorer.picture.caption == "Image 1, class cat: z is the mean of q(z|x)."


def test_explorer_gives_26_classes_26_colours(vae):
    plane = explore(vae, np.zeros((26, 784), np.float32), np.arange(26)).picture.plane
    assert len(set(plane["palette"])) == 26
    assert plane["classes"][25] == "25"


@pytest.mark.parametrize("count", [10, 26])
@pytest.mark.parametrize(("ink", "paper"), [(0.13, 1.0), (0.0, 1.0), (1.0, 0.07)], ids=["JupyterLab", "light", "dark"])
def test_the_planes_dots_stand_out_from_the_paper(count, ink, paper):
    css = static("vaelib.css")
    share = int(re.search(r"var\(--class\) (\d+)%, currentColor", css)[1]) / 100
    dots = share * np.array([to_rgb(colour) for colour in class_colors(count)]) + (1 - share) * ink
    luminances = linear(dots) @ [0.2126, 0.7152, 0.0722]
    high, low = np.maximum(luminances, linear(paper)), np.minimum(luminances, linear(paper))
    assert ((high + 0.05) / (low + 0.05)).min() >= 3


def linear(colour):
    """The light of an sRGB colour (WCAG 2)."""
    colour = np.asarray(colour)
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def test_explorer_refuses_another_z(vae):
    explorer = explore(vae)
    with pytest.raises(ValueError, match="z must be 2 finite numbers"):
        explorer.move([1.0])
    for z in (["1", "2"], [1.0, None], [1.0, np.nan], [[1.0, 2.0]], [1.0, [2.0]], [1e300, 0.0], "12"):
        with pytest.raises(ValueError, match="z must be 2 finite numbers"):
            explorer.move(z)
    for seconds in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="seconds must be a finite number"):
            explorer.move([1.0, 2.0], seconds=seconds)
    for index in (10**6, -1, "3", 1.5, True):
        with pytest.raises(ValueError, match=r"index must be an integer in 0\.\."):
            explorer.encode(index)
    np.testing.assert_array_equal(explorer.z, [0.0, 0.0])


@pytest.mark.usefixtures("full_precision")
def test_traversal_is_the_decoder_along_one_axis(vae):
    z = np.array([0.5, -1.0], np.float32)
    strip = traversal(vae, z, [1], [-2.0, 0.0, 2.0])
    assert strip.shape == (1, 3, 784)
    np.testing.assert_allclose(strip[0, 2], vae.decode(jnp.array([0.5, 2.0])).mean, atol=1e-6)


def test_explorer_state_is_small_and_holds_no_weights(vae):
    state = explore(vae).picture.get_state()
    assert sum(len(value) for value in state.values() if isinstance(value, bytes)) < 25_000


def run(layers, h):
    """The layers in NumPy, up to the last sum."""
    for index, (kernel, bias) in enumerate(layers.linear):
        h = h @ kernel + bias
        if index + 1 < len(layers.linear):
            h = np.asarray(ACTIVATIONS[layers.activation](jnp.asarray(h)))
    return h


@pytest.mark.usefixtures("full_precision")
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_layers_are_the_model(activation):
    model = VAE.create(seed=0, latent=3, hidden=(20, 10), activation=activation)
    compiled = CompiledModel(model)
    z, x = np.ones((2, 3), np.float32), np.full((2, 784), 0.5, np.float32)
    np.testing.assert_allclose(run(decoder_layers(compiled), z), model.decode(jnp.asarray(z)).logits, atol=1e-4)
    q = model.encode(jnp.asarray(x))
    np.testing.assert_allclose(run(encoder_layers(compiled), x), np.concatenate([q.mu, q.log_var], axis=-1), atol=1e-4)


def test_layers_pack_in_half_precision_only_where_that_is_exact():
    model = VAE.create(seed=0, latent=2, hidden=(8,))
    header, data = decoder_layers(CompiledModel(model)).packed()
    assert header == {"sizes": [2, 8, 784], "activation": "relu", "output": "sigmoid", "half": False}
    assert len(data) == 4 * (2 * 8 + 8 + 8 * 784 + 784)
    for layer in (model.decoder.trunk.layers[0], model.decoder.output):
        layer.kernel[...] = layer.kernel[...].astype(jnp.float16).astype(jnp.float32)
    header, data = decoder_layers(CompiledModel(model)).packed()
    assert header["half"]
    assert len(data) == 2 * (2 * 8 + 8 + 8 * 784 + 784)


def test_models_that_are_no_plain_network_run_in_the_kernel():
    compiled = CompiledModel(LinearGaussianVAE.create(latent=2, pixels=16))
    assert decoder_layers(compiled) is None
    assert encoder_layers(compiled) is None


def test_save_page_writes_one_file_and_never_over_another(vae, digits, tmp_path):
    path = save_page(vae, tmp_path / "page.html", *digits, title="A <digit> & z")
    text = path.read_text("utf-8")
    assert "<h1>A &lt;digit&gt; &amp; z</h1>" in text
    assert "{{title}}" not in text
    assert "http://" not in text.replace(SVG_NAMESPACE, "")
    assert "https://" not in text
    with pytest.raises(FileExistsError, match="overwrite=True"):
        save_page(vae, path, *digits)
    assert save_page(vae, path, *digits, overwrite=True) == path


def test_save_page_refuses_what_no_page_can_hold(digits, tmp_path):
    large = VAE.create(seed=0, latent=2, hidden=(400, 400))
    with pytest.raises(ValueError, match="more than limit = 600,000"):
        save_page(large, tmp_path / "page.html", *digits)
    with pytest.raises(ValueError, match="no plain network"):
        save_page(LinearGaussianVAE.create(latent=2, pixels=16), tmp_path / "page.html")
    large.decoder.output.bias[...] = jnp.full(784, jnp.nan)
    with pytest.raises(ValueError, match="must be finite"):
        save_page(large, tmp_path / "page.html", *digits)
    assert list(tmp_path.iterdir()) == []


def test_a_decoder_that_half_precision_would_change_keeps_single(digits):
    model = VAE.create(seed=0, latent=2, hidden=(32,))
    model.decoder.output.kernel[...] *= 1000
    encoded = EncodedImages(model, *digits)
    layers = decoder_layers(encoded.model)
    assert _close_enough(layers, encoded) is layers
    mild = EncodedImages(VAE.create(seed=0, latent=2, hidden=(32,)), *digits)
    assert _close_enough(decoder_layers(mild.model), mild).packed()[0]["half"]


def test_a_subclass_that_decodes_otherwise_runs_in_the_kernel():
    class Inverted(VAE):
        def decode(self, z):
            return Bernoulli(-super().decode(z).logits)

    assert decoder_layers(CompiledModel(Inverted.create(seed=0, latent=2, hidden=(8,)))) is None


@pytest.mark.parametrize("bits", [TF32, BFLOAT16])
def test_a_page_holds_the_decoder_where_products_are_rounded(bits, tmp_path):
    with rounded_products(bits):
        save_page(vaelib.load_pretrained("bernoulli-z2"), tmp_path / "page.html")


@pytest.mark.parametrize("name", vaelib.pretrained_names())
def test_the_layers_of_every_shipped_model_are_known_where_products_are_rounded(name):
    with rounded_products(TF32):
        model = vaelib.load_pretrained(name)
        compiled = CompiledModel(model)
        assert decoder_layers(compiled) is not None
        assert (encoder_layers(compiled) is None) == isinstance(model, Autoencoder)


@pytest.mark.usefixtures("full_precision")
def test_sketch_answers_and_keeps_the_drawing(vae, digits):
    sketch = draw_digit(vae, *digits)
    assert repr(sketch) == "Sketch(empty)"
    np.testing.assert_array_equal(sketch.image, np.zeros((1, 784)))
    sketch.drawn = np.round(255 * digits[0][0]).astype(np.uint8).tobytes()
    np.testing.assert_allclose(sketch.image[0], digits[0][0], atol=1 / 500)
    sent = []
    sketch.send = lambda content, buffers=None: sent.append((content, buffers))
    sketch._answer(sketch, {"ask": "encode", "id": "1", "input": digits[0][0].tolist()}, [])
    sketch._answer(sketch, {"ask": "decode", "id": "2", "input": [0.0, 1.0]}, [])
    sketch._answer(sketch, {"ask": "decode", "id": "3", "input": [0.0]}, [])
    sketch._answer(sketch, {"ask": "layers", "id": "4"}, [])
    q = vae.encode(jnp.asarray(digits[0][0]))
    np.testing.assert_allclose(np.frombuffer(sent[0][1][0], "<f4"), [*q.mu, *np.exp(q.log_var / 2)], atol=1e-5)
    picture = vae.decode(jnp.array([0.0, 1.0])).mean
    np.testing.assert_allclose(np.frombuffer(sent[1][1][0], "<f4"), picture, atol=1e-6)
    assert "error" in sent[2][0]
    assert list(sent[3][0]["layers"]) == ["decode", "encode"]


def test_sketch_is_a_picture_too_where_there_are_no_widgets(vae, digits):
    sketch = draw_digit(vae, *digits)
    data, metadata = DisplayFormatter().format(sketch)
    assert metadata["image/png"]["alt"]
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == sketch.model_id
    shown = pixels(base64.b64decode(data["image/png"]))[::2, ::2]
    rows = shown.reshape(4, 28, 10, 28).swapaxes(1, 2).reshape(4, 10, 784)
    q = vae.encode(jnp.asarray(digits[0][:10]))
    for row, wanted in zip(rows, (digits[0][:10], vae.decode(q.mu).mean), strict=False):
        np.testing.assert_allclose(row / 255, wanted, atol=1 / 250)
    assert np.any(rows[2] != rows[1])
    assert np.any(rows[3] != rows[2])
    broken = VAE.create(seed=0, latent=2, hidden=(16,))
    broken.decoder.output.bias[...] = jnp.full(784, jnp.nan)
    assert "image/png" not in DisplayFormatter().format(draw_digit(broken, *digits))[0]


@pytest.mark.usefixtures("full_precision")
def test_combine_goes_to_a_minus_b_plus_c(vae, digits):
    explorer = explore(vae, *digits)
    codes = np.asarray(vae.encode(jnp.asarray(digits[0])).mu)
    explorer.combine(3, 7, 11)
    np.testing.assert_allclose(explorer.z, codes[3] - codes[7] + codes[11], atol=1e-5)
    names = [f"image {index}, digit {digits[1][index]}" for index in (3, 7, 11)]
    assert explorer.picture.caption == "z = a − b + c: {}, minus {}, plus {}.".format(*names)
    assert explorer.picture.original == b""
    with pytest.raises(ValueError, match=r"index must be an integer in 0\.\.49, got 50"):
        explorer.combine(0, 1, 50)


@pytest.mark.usefixtures("full_precision")
def test_the_page_has_the_images_to_pick_from_sent_and_asks_for_a_minus_b_plus_c(vae, digits):
    explorer, sent = explore(vae, *digits), []
    picture = explorer.picture
    picture.send = lambda content, buffers=None: sent.append((content, buffers))
    picture._handle_custom_msg({"ask": "images", "id": "1"}, [])
    content, (images,) = sent.pop()
    assert content["titles"][:2] == [f"Image {index}, digit {digits[1][index]}" for index in (0, 1)]
    shown = np.frombuffer(images, np.uint8).reshape(len(content["titles"]), -1)
    np.testing.assert_allclose(shown / 255, digits[0], atol=1 / 500)
    picture._handle_custom_msg({"ask": "combine", "id": "2", "a": 3, "b": 7, "c": 11}, [])
    assert [list(content) for content, _ in sent] == [["glide"], ["id"]]
    codes = np.asarray(vae.encode(jnp.asarray(digits[0])).mu)
    np.testing.assert_allclose(explorer.z, codes[3] - codes[7] + codes[11], atol=1e-5)
    for wrong in ({}, {"a": 3, "b": 7}, {"a": 3, "b": 7, "c": 50}, {"a": 3, "b": 7, "c": True}, {"a": [0] * 10**4}):
        picture._handle_custom_msg({"ask": "combine", "id": "3"} | wrong, [])
        error = sent.pop()[0]["error"]
        assert error.startswith("ValueError: index must be an integer in 0..49, got ")
        assert len(error) < 200


def test_without_images_the_page_offers_no_arithmetic(vae):
    assert explore(vae).picture.encodes
    assert not explore(VAE.create(seed=0, latent=2, hidden=(4,), pixels=9)).picture.encodes


def test_save_drawing_page_writes_one_file_that_asks_for_nothing(vae, digits, tmp_path):
    path = save_drawing_page(vae, tmp_path / "draw.html", *digits)
    text = path.read_text(encoding="utf-8")
    assert set(re.findall(r"https?://[\w./-]+", text)) == {"http://www.w3.org/2000/svg"}
    with pytest.raises(FileExistsError):
        save_drawing_page(vae, path, *digits)
    with pytest.raises(ValueError, match="more than limit = 1,000"):
        save_drawing_page(vae, tmp_path / "other.html", *digits, limit=1000)
    with pytest.raises(ValueError, match=r"draw_digit needs a model of images of shape \(28, 28, 1\)"):
        save_drawing_page(VAE.create(latent=2, hidden=(8,), pixels=16), tmp_path / "other.html")
    with pytest.raises(ValueError, match="LinearGaussianVAE are no plain networks"):
        save_drawing_page(LinearGaussianVAE.create(latent=2, pixels=784), tmp_path / "other.html", *digits)


WRONG = [[0.0], [0.0, 1.0, 2.0], [0.0, None], [0.0, float("nan")], ["0", "1"], [[0.0, 1.0]], "ab", None, {}, 1e400]


@pytest.fixture(scope="module")
def conditional():
    return vaelib.load_pretrained("conditional-z2")


@pytest.mark.usefixtures("full_precision")
def test_a_label_is_asked_for_and_a_real_image_brings_its_own(conditional, digits):
    images, labels = digits
    explorer = explore(conditional, images, labels)
    assert list(explorer.picture.choices) == [str(y) for y in range(10)]
    explorer.move([0.5, -1.0])
    z = jnp.asarray(explorer.z)
    for y in (0, 7):
        explorer.ask(y)
        np.testing.assert_allclose(explorer.image, conditional.decode(z, y).mean, atol=1e-5)
    before = explorer.still()[0]
    explorer.ask(1)
    assert explorer.still()[0] != before, "the strip is of the label that is asked for"
    explorer.encode(11)
    assert explorer.picture.asked == labels[11]
    np.testing.assert_allclose(explorer.z, conditional.encode(jnp.asarray(images[11]), int(labels[11])).mu, atol=1e-4)


def test_a_label_beside_z_is_one_more_input_of_the_page(conditional, digits, tmp_path):
    text = save_page(conditional, tmp_path / "asked.html", *digits).read_text(encoding="utf-8")
    state = json.loads(re.search(r"const PAGE = (.*);", text)[1])
    assert state["header"]["sizes"][0] == conditional.latent + conditional.classes
    assert state["asked"] == digits[1].tolist()
    assert state["choices"] == [str(y) for y in range(10)]


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (lambda model, images, labels: explore(model, images), "encodes an image with its label, one of 10, got none"),
        (lambda model, images, labels: explore(model, images, labels + 3), "one of 10, got 13 classes"),
        (lambda model, images, labels: explore(model, images, labels).ask(10), "labels from 0 to 9"),
        (lambda model, images, labels: draw_digit(model, images, labels), r"pass model.given\(3\)"),
        (lambda model, images, labels: explore(model.given(3), images).ask(3), "no labels to ask for"),
    ],
)
def test_labels_that_can_not_be_asked_for_are_refused(conditional, digits, action, words):
    images, labels = digits
    labels = np.r_[9, labels[1:]]
    with pytest.raises(ValueError, match=words):
        action(conditional, images, labels)


def test_a_page_that_asks_for_no_label_is_refused(conditional, digits):
    explorer = explore(conditional, *digits)
    explorer.picture.set_state({"asked": 3})
    assert explorer.picture.asked == 3
    with pytest.raises(traitlets.TraitError, match="asked must be a label from 0 to 9, got 10"):
        explorer.picture.set_state({"asked": 10})
    assert explorer.picture.asked == 3


def test_a_page_that_asks_wrongly_gets_an_answer_that_says_so(vae, digits):
    sketch, answers = draw_digit(vae, *digits), []
    sketch.send = lambda content, buffers=None: answers.append(content)
    for ask, wanted in (("decode", "the code z must be 2"), ("encode", "the image x must be 784")):
        for sent in WRONG:
            sketch._handle_custom_msg({"ask": ask, "id": "1", "input": sent}, [])
            answer = answers.pop()
            assert (set(answer), answer["id"]) == ({"id", "error"}, "1"), sent
            assert answer["error"].startswith(f"ValueError: {wanted} finite numbers, got "), sent
            assert len(answer["error"]) < 200


def test_a_page_that_asks_for_nothing_known_is_told_or_not_heard(vae, digits):
    sketch, answers = draw_digit(vae, *digits), []
    sketch.send = lambda content, buffers=None: answers.append(content)
    sketch._handle_custom_msg({"ask": "encode", "id": "1", "input": [2.0] * 784}, [])
    sketch._handle_custom_msg({"ask": ["decode"], "id": "2"}, [])
    sketch._handle_custom_msg({"id": "3"}, [])
    assert [answer["id"] for answer in answers] == ["1", "2", "3"]
    assert "the image x must hold pixels in [0, 1], got values from 2 to 2" in answers[0]["error"]
    assert all("ask must be one of 'layers', 'decode', 'encode'" in answer["error"] for answer in answers[1:])
    for unheard in ({"ask": "layers"}, {"ask": "layers", "id": 4}, {"ask": "layers", "id": None}, [], "layers", None):
        sketch._handle_custom_msg(unheard, [])
    assert len(answers) == 3


def test_a_drawing_that_is_none_is_said_and_not_kept(vae, digits):
    sketch = draw_digit(vae, *digits)
    for sent in (memoryview(b"\1" * 783), "drawn", 10**12, None, [1.0]):
        sketch.message = ""
        sketch.set_state({"drawn": memoryview(bytes(range(28)) * 28)})
        assert sketch.message == ""
        assert sketch.image.max() == np.float32(27 / 255)
        sketch.set_state({"drawn": sent})
        assert sketch.message.startswith("The page sent no drawing of 784 bytes"), sent
        np.testing.assert_array_equal(sketch.image, np.zeros((1, 784)))


SHAPES = pytest.mark.parametrize("shape", [(4, 6, 1), (5, 3, 3)], ids=["grey", "colour"])


@SHAPES
@pytest.mark.usefixtures("full_precision")
def test_widgets_and_page_honour_the_shape_of_the_models_images(shape, tmp_path):
    model = VAE.create(seed=0, latent=2, hidden=(8,), image_shape=shape)
    height, width, channels = shape
    images = np.random.default_rng(0).random((3, model.pixels), dtype=np.float32)
    explorer = explore(model, images)
    assert explorer.picture.image_shape == list(shape)
    explorer.encode(2)
    np.testing.assert_array_equal(np.frombuffer(explorer.picture.original, np.uint8), np.round(255 * images[2]))
    strip = pixels(base64.b64decode(explorer._repr_mimebundle_()[0]["image/png"]))
    down, across = max(2, -(-12 // height)), max(2, -(-12 // width))
    assert strip.shape[:2] == (2 * height * down, 11 * width * across)
    z = np.array(explorer.z)
    z[explorer.order[0]] = 3.0
    picture = np.asarray(model.decode(jnp.asarray(z)).mean).reshape(height, width, channels)
    np.testing.assert_allclose(
        strip.reshape(*strip.shape[:2], -1)[: height * down : down, -width * across :: across], 255 * picture, atol=0.51
    )
    page = save_page(model, tmp_path / "page.html", images)
    assert f'"image_shape":[{height},{width},{channels}]' in page.read_text("utf-8")
    with pytest.raises(ValueError, match=re.escape(f"got {shape} and 2")):
        draw_digit(model, images)


def test_the_bundled_digits_are_for_grey_squares_alone():
    wide = explore(VAE.create(seed=0, latent=2, hidden=(8,), image_shape=(14, 56)))
    assert [button.disabled for button in wide.buttons] == [False, True, True, False]


def test_a_readers_own_model_is_a_grey_square_or_a_row():
    square, row = (CompiledModel(LinearGaussianVAE.create(latent=2, pixels=n)).image_shape for n in (16, 50))
    assert (square, row) == ((4, 4, 1), (1, 50, 1))
    assert explore(LinearGaussianVAE.create(latent=2, pixels=50))._repr_mimebundle_()[0]["image/png"]


def test_channels_that_are_no_colours_are_refused():
    model = VAE.create(seed=0, latent=2, hidden=(8,), image_shape=(4, 4, 2))
    with pytest.raises(ValueError, match=r"1 channel \(grey\) or 3"):
        explore(model)
    assert traversal(model, [0.0, 0.0], [0], [-1.0, 1.0]).shape == (1, 2, 32)


def test_sketch_refuses_models_of_another_size():
    words = "images of shape (28, 28, 1) and at least 2 latent dimensions, got (4, 4, 1) and 2"
    with pytest.raises(ValueError, match=re.escape(words)):
        draw_digit(LinearGaussianVAE.create(latent=2, pixels=16))


def test_colab_gets_its_widget_manager_and_nobody_else_does(monkeypatch):
    calls = []
    curve()
    output = types.ModuleType("google.colab.output")
    output.enable_custom_widget_manager = lambda: calls.append("enabled")
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    monkeypatch.setitem(sys.modules, "google.colab.output", output)
    curve()
    assert calls == ["enabled"]


@pytest.mark.parametrize("act", [lambda explorer: explorer.encode(3), lambda explorer: explorer.draw()])
def test_a_hand_that_moves_before_the_answer_to_a_button_came_takes_its_words_back(act):
    explorer = explore(VAE.create(seed=0, latent=2, hidden=(8,)), load_mnist("test", limit=20)[0])
    act(explorer)
    at, said = explorer.z, explorer.picture.caption
    explorer.sliders[0].set_state({"value": float(at[0]) + 1e-4})  # a slider that was placed answers, rounded
    assert explorer.picture.caption == said != ""
    explorer.sliders[0].set_state({"value": float(at[0]) + 0.5})
    assert explorer.picture.caption == ""
    assert explorer.picture.original == b""
    assert explorer.z[0] == pytest.approx(at[0] + 0.5)
