"""The lab in the kernel: what it refuses, what it hands to the page, what it takes back, and the page it writes."""

import base64
import html
import io
import json
import re
import zlib

import numpy as np
import PIL.Image
import pytest
from page_weight import digits_weight

import vaelib
from vaelib.laboratory import Lab, save_page
from vaelib.laboratory.files import KERNELS
from vaelib.laboratory.images import lab_images
from vaelib.laboratory.page import page_state
from vaelib.laboratory.settings import Settings
from vaelib.laboratory.weights import flat_weights, model_with, weight_count
from vaelib.models import VAE, Autoencoder


def bars(count):
    """Images of 6 × 6 pixels, and their labels."""
    rng = np.random.default_rng(0)
    return rng.random((count, 36), np.float32), rng.integers(0, 10, count)


def small(**settings):
    return vaelib.lab(*bars(100), hidden=(8,), **{"batch_size": 16} | settings)


@pytest.fixture
def sent(monkeypatch):
    """What widgets send to the page."""
    messages = []
    monkeypatch.setattr(Lab, "send", lambda _, content, buffers=(): messages.append((content, buffers)))
    return messages


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": "rings"}, "data must be one of 'images', 'ring'"),
        ({"latent": 1}, "latent must be an integer of at least 2, got 1"),
        ({"latent": True}, "latent must be an integer"),
        ({"hidden": ()}, "hidden must be a non-empty sequence"),
        ({"hidden": (0,)}, "hidden must be an integer of at least 1"),
        ({"likelihood": "poisson"}, "likelihood must be one of 'bernoulli', 'gaussian'"),
        ({"sigma": 0}, r"sigma must be a finite number in \(0"),
        ({"beta": -1}, "beta must be a finite number"),
        ({"beta": float("nan")}, "beta must be a finite number"),
        ({"warm_up": 1.5}, "warm_up must be an integer"),
        ({"learning_rate": 0}, "learning_rate must be"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"noise": 1}, "noise must be True or False"),
        ({"seed": -1}, "seed must be an integer of at least 0"),
        ({"rate": 1}, "the lab has no setting rate; it has batch_size, beta"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        vaelib.lab(**settings)


def test_bad_images_are_refused():
    images, labels = bars(100)
    for arguments, message in [
        ((None, labels), "labels came without images"),
        ((images * 2, labels), r"pixels in \[0, 1\]"),
        ((images[0], None), "images must have shape"),
        ((images, labels[:5]), r"labels must be 100 whole numbers from 0 to 255.* got int64 of shape \(5,\)"),
        ((images, labels - 1), "labels must be 100 whole numbers from 0 to 255.* from -1 to"),
        ((images[:20], None), "at least batch_size = 64"),
    ]:
        with pytest.raises((TypeError, ValueError), match=message):
            vaelib.lab(*arguments)


def test_models_the_lab_cannot_train_are_refused():
    for model, message in [
        (Autoencoder.create(latent=2, hidden=(8,), pixels=36), "model must be a VAE"),
        (
            VAE.create(latent=2, hidden=(8,), pixels=36, activation="tanh"),
            "activation of the model must be one of 'relu'",
        ),
        (
            VAE.create(latent=2, hidden=(8,), pixels=36, likelihood="gaussian", sigma="learned"),
            "the lab trains no sigma",
        ),
        (VAE.create(latent=2, hidden=(8,), pixels=25), "must be for images of 36 pixels"),
    ]:
        with pytest.raises((TypeError, ValueError), match=message):
            small(model=model)


def test_weights_there_and_back():
    config = {"latent": 3, "hidden": (8, 5), "pixels": 36, "likelihood": "gaussian", "sigma": 0.5}
    model = VAE.create(seed=3, **config)
    back = model_with(flat_weights(model), **config)
    x = bars(4)[0]
    np.testing.assert_array_equal(back.encode(x).mu, model.encode(x).mu)
    np.testing.assert_array_equal(back.encode(x).log_var, model.encode(x).log_var)
    np.testing.assert_array_equal(back.decode(back.encode(x).mu).mean, model.decode(model.encode(x).mu).mean)
    with pytest.raises(ValueError, match="weights must have shape"):
        model_with(flat_weights(model)[1:], **config)


def test_the_page_gets_the_images_and_the_kernels_when_it_asks(sent):
    lab = small(beta=4.0)
    lab._answer(lab, {"ask": "open"}, [])
    ((content, (kernels, train, held_out, labels, weights)),) = sent
    assert json.loads(json.dumps(content["open"]["settings"]))["beta"] == 4.0
    assert kernels == KERNELS.read_bytes()
    images, known = bars(100)
    is_held_out = np.arange(100) % 10 == 0
    for sent_bytes, there in [(train, images[~is_held_out]), (held_out, images[is_held_out])]:
        np.testing.assert_allclose(np.frombuffer(sent_bytes, np.uint8).reshape(-1, 36) / 255, there, atol=0.5 / 255)
    np.testing.assert_array_equal(np.frombuffer(labels, np.uint8), known[is_held_out])
    assert weights == b""


@pytest.mark.parametrize(
    ("arguments", "passed"),
    [
        ((None, None, None), []),
        ((*bars(100), None), ["images", "labels"]),
        ((bars(100)[0], None, None), ["images"]),
        ((*bars(100), (6, 6)), ["images", "labels"]),
        ((*bars(100), (4, 9)), ["images", "labels", "image_shape=(4, 9, 1)"]),
    ],
)
def test_the_page_knows_by_which_arguments_it_got_its_images(sent, arguments, passed):
    images, labels, shape = arguments
    lab = vaelib.lab(images, labels, image_shape=shape)
    lab._answer(lab, {"ask": "open"}, [])
    assert sent[0][0]["open"]["passed"] == passed


def test_the_labs_weights_become_a_model(sent):
    lab = small()
    with pytest.raises(RuntimeError, match="handed over no weights yet"):
        _ = lab.model
    trained = VAE.create(seed=7, latent=4, hidden=(8,), pixels=36)
    settings = Settings(latent=4, hidden=(8,)).for_page() | {"unknown": 1}
    lab._answer(lab, {"weights": 120, "settings": settings}, [memoryview(flat_weights(trained).tobytes())])
    assert (lab.steps, lab.model.latent, lab.model.image_shape) == (120, 4, (6, 6, 1))
    np.testing.assert_array_equal(lab.model.encode(bars(3)[0]).mu, trained.encode(bars(3)[0]).mu)
    for nonsense in ("text", {}, {"weights": 3}, {"ask": "the time"}):
        lab._answer(lab, nonsense, [])
    assert lab.steps == 120


@pytest.mark.parametrize(
    ("message", "change"),
    [
        ({"settings": [1]}, None),
        ({"settings": {"beta": -1.0}}, None),
        ({"settings": {"beta": 10**400}}, None),
        ({"settings": {"latent": 3}}, None),
        ({"weights": 1e300}, None),
        ({"weights": True}, None),
        ({"weights": -1}, None),
        ({"weights": 2**53 + 1}, None),
        ({}, lambda buffer: buffer[:-4]),
        ({}, lambda buffer: buffer[:-1]),
        ({}, lambda buffer: np.full(len(buffer) // 4, np.nan, "<f4").tobytes()),
    ],
)
def test_weights_of_the_wrong_kind_leave_the_lab_as_it_is(sent, message, change):
    lab, good = small(), VAE.create(seed=7, latent=2, hidden=(8,), pixels=36)
    buffer = flat_weights(good).astype("<f4").tobytes()
    lab._answer(lab, {"weights": 120, "settings": {"beta": 4.0}}, [buffer])
    bad = (np.frombuffer(buffer, "<f4") + 1).astype("<f4").tobytes()
    lab._answer(lab, {"weights": 240, "settings": {"beta": 2.0}} | message, [change(bad) if change else bad])
    assert (lab.steps, lab.settings.beta, lab.settings.latent) == (120, 4.0, 2)
    np.testing.assert_array_equal(flat_weights(lab.model), flat_weights(good))


@pytest.mark.parametrize(("pixels", "hidden", "latent"), [(36, (8,), 2), (2, (7, 5), 3)])
def test_weights_are_counted_as_they_are_laid_out(pixels, hidden, latent):
    model = VAE.create(latent=latent, hidden=hidden, pixels=pixels)
    assert weight_count(pixels, hidden, latent) == flat_weights(model).size


def test_a_model_becomes_the_labs_weights(sent):
    first, second = (VAE.create(seed=seed, latent=3, hidden=(8,), pixels=36) for seed in (1, 2))
    lab = small(model=first)
    assert lab.settings.latent == 3
    np.testing.assert_array_equal(flat_weights(lab.model), flat_weights(first))
    lab.load(second)
    ((content, (weights,)),) = sent
    np.testing.assert_array_equal(np.frombuffer(weights, "<f4"), flat_weights(second))
    assert content["load"]["latent"] == 3


def test_the_labs_weights_for_the_ring_become_a_model_of_points(sent):
    lab = small(data="ring")
    assert (lab.settings.likelihood, lab.settings.sigma) == ("gaussian", 0.05)
    trained = VAE.create(seed=7, latent=2, hidden=(8,), image_shape=(1, 2, 1), likelihood="gaussian", sigma=0.05)
    lab._answer(lab, {"weights": 120, "settings": {}}, [memoryview(flat_weights(trained).tobytes())])
    assert lab.model.image_shape == (1, 2, 1)
    x = np.float32([[0.2, 0.5]])
    np.testing.assert_array_equal(lab.model.encode(x).mu, trained.encode(x).mu)
    lab.load(trained)
    with pytest.raises(ValueError, match="must be for images of 2 pixels"):
        lab.load(VAE.create(latent=2, hidden=(8,), pixels=36))


def test_the_notebook_stores_no_images():
    state = small().get_state()
    assert not any(isinstance(value, bytes | memoryview) for value in state.values())


def test_a_notebook_keeps_a_few_held_out_images_as_a_picture():
    lab = small()
    data, metadata = lab._repr_mimebundle_()
    pixels = np.asarray(PIL.Image.open(io.BytesIO(base64.b64decode(data["image/png"]))))
    shown = lab._images.held_out[: 2 * (pixels.shape[1] // 12)].reshape(2, -1, 6, 6)
    np.testing.assert_array_equal(pixels[::2, ::2], shown.swapaxes(1, 2).reshape(12, -1))
    assert "the lab tests on" in metadata["image/png"]["alt"]
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "image/png" not in vaelib.lab(data="ring")._repr_mimebundle_()[0]


def test_repr_is_what_differs():
    assert repr(small(noise=False)) == "Lab(hidden=(8,), noise=False, batch_size=16)"


def test_a_page_trains_on_the_digits_that_the_widget_trains_on():
    """So that the notebooks' readings of the lab are those of its page, too."""
    trained = zlib.decompress(base64.b64decode(page_state()["train"]), -zlib.MAX_WBITS)
    assert trained == lab_images(None, None).train.tobytes()


def test_the_page_is_one_small_file_that_asks_for_nothing(tmp_path):
    text = save_page(tmp_path / "lab.html", beta=4).read_text("utf-8")
    digits = digits_weight(text)
    assert digits > 300_000
    assert len(text.encode()) - digits < 700_000
    addresses = set(re.findall(r"https?://[\w./-]+", text))
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert '"beta":4.0' in text
    with pytest.raises(FileExistsError):
        save_page(tmp_path / "lab.html")


def test_no_title_puts_code_into_the_page(tmp_path):
    title = "{{state}} </title><script>alert(1)</script> <!--<script>"
    text = save_page(tmp_path / "lab.html", title=title).read_text("utf-8")
    assert text.count("const PAGE = {") == 1
    assert "alert(1)</script>" not in text
    assert html.escape(title) in text


def test_names_as_labels_get_a_colour_and_a_word_each(sent):
    images, _ = bars(100)
    names = np.array([f"class {number:02}" for number in range(26)])[np.arange(100) % 26]
    lab = vaelib.lab(images, names, hidden=(8,), batch_size=16)
    lab._answer(lab, {"ask": "open"}, [])
    ((content, (_, _, _, labels, _)),) = sent
    opened = content["open"]
    assert opened["classes"] == [f"class {number:02}" for number in range(26)]
    assert len(set(opened["classColors"])) == 26
    assert opened["classWord"] == "class"
    assert list(labels) == [number % 26 for number in range(0, 100, 10)]
