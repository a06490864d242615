"""The lab as a widget: it trains in the page, and hands its weights to the kernel."""

import math
from dataclasses import asdict, fields
from functools import cache

import anywidget
import numpy as np
import traitlets
from jaxtyping import Float

from vaelib import checks
from vaelib.explorer.encoded_images import word_for
from vaelib.explorer.model_widget import static as explorer_static
from vaelib.explorer.page import COMMENT, embedded
from vaelib.explorer.sheets import sheet
from vaelib.figures.style import QUANTITY_COLORS, class_colors
from vaelib.laboratory.files import KERNELS, static
from vaelib.laboratory.images import Images, lab_images
from vaelib.laboratory.settings import RING, RING_SHAPE, Settings
from vaelib.laboratory.weights import flat_weights, model_with, weight_count
from vaelib.languages import page_words, tr
from vaelib.models import VAE
from vaelib.widgets.browser import WithStill, shared

ENGINE = ("engine.js", "random.js", "places.js", "training.js", "worker.js")
DRAWN = ("places.js", "colours.js", "layout.js", "plane.js", "points.js", "curves.js", "pipeline.js")
VIEWS = ("random.js", "controls.js", *DRAWN, "tour.js", "lab.js")
IN_A_ROW = 12  # images of the still picture
MOST_STEPS = 2**53  # the largest whole number that the page counts to without a gap


@cache
def worker_text() -> str:
    """The worker's code."""
    return COMMENT.sub("", shared("words.js") + static(*ENGINE))


@cache
def page_text(*, tour: bool = True) -> str:
    """The code of the controls and views, with the worker's text inside; a lab in brief has no tour and needs none."""
    drawing, views = explorer_static("parts.js", "paper.js"), [name for name in VIEWS if tour or name != "tour.js"]
    return "\n".join([f"const WORKER = {embedded(worker_text())};", shared("words.js"), drawing, static(*views)])


def opening(images: Images, settings: Settings) -> dict:
    """What a lab is opened with, beside the images and the kernels."""
    return {
        "pixels": images.pixels,
        "image_shape": list(images.image_shape),
        "settings": settings.for_page(),
        "defaults": Settings().for_page(),
        "passed": list(images.passed),
        "classColors": list(class_colors(max(1, len(images.classes)))),
        "ringColors": list(class_colors(10)),
        "classes": list(images.classes),
        "classWord": word_for(images.classes),
        "quantityColors": QUANTITY_COLORS,
    }


class Lab(WithStill, anywidget.AnyWidget):
    """A VAE that trains in the page; made by `vaelib.lab`.

    The images travel when the page asks, and the weights as messages: a notebook stores neither, but for a few images
    as a still picture.
    """

    _esm = "\n".join([page_text(), static("lab-widget.js")])
    _css = "\n".join([explorer_static("vaelib.css"), static("lab.css", "tour.css")])
    words = traitlets.Dict().tag(sync=True)

    def __init__(self, images: Images, settings: Settings, model: VAE | None):
        """Start listening."""
        super().__init__(words=page_words())
        self._images, self.settings, self.steps = images, settings, 0
        self._weights = None if model is None else flat_weights(model)
        self.on_msg(self._answer)

    def _answer(self, _, message, buffers) -> None:
        """Hand out the images, or take the weights; what is neither is left alone."""
        if not isinstance(message, dict):
            return
        if message.get("ask") == "open":
            weights = b"" if self._weights is None else self._weights.astype("<f4").tobytes()
            arrays = (self._images.train, self._images.held_out, self._images.labels)
            self.send(
                {"open": opening(self._images, self.settings)},
                [KERNELS.read_bytes(), *(array.tobytes() for array in arrays), weights],
            )
        elif "weights" in message and len(buffers) == 1:
            self._take(message, bytes(buffers[0]))

    def _take(self, message: dict, buffer: bytes) -> None:
        """Take the weights with their settings and steps, all of them or, where one is of the wrong kind, none."""
        steps, sent = message["weights"], message.get("settings", {})
        if type(steps) is not int or not 0 <= steps <= MOST_STEPS or not isinstance(sent, dict):
            return
        try:
            known = {name: value for name, value in sent.items() if name in NAMES}
            settings = Settings(**asdict(self.settings) | known)
        except (TypeError, ValueError, OverflowError):
            return
        pixels = math.prod(self._shape_for(settings))
        if len(buffer) != 4 * weight_count(pixels, settings.hidden, settings.latent):
            return
        weights = np.frombuffer(buffer, "<f4").astype(np.float32)
        if np.isfinite(weights).all():
            self.settings, self.steps, self._weights = settings, steps, weights

    def _shape_for(self, settings: Settings) -> tuple[int, int, int]:
        return RING_SHAPE if settings.data == "ring" else self._images.image_shape

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of what is trained on."""
        return self._shape_for(self.settings)

    @property
    def model(self) -> VAE:
        """The VAE as the page has it: after a pause or a step at once, while it trains every five seconds.

        Raises:
            RuntimeError: before the page has shown the lab.
        """
        if self._weights is None:
            raise RuntimeError("the page has handed over no weights yet; show the lab, then ask in another cell")
        config = self.settings.model_config() | {"image_shape": self.image_shape}
        return model_with(self._weights, **config)

    def load(self, model: VAE) -> None:
        """Go on from the weights of a VAE made for these images; Adam begins anew.

        Raises:
            TypeError, ValueError: for a model that the lab can not train.
        """
        weights = flat_weights(model)
        self.settings = settings_of(model, self.settings, math.prod(self.image_shape))
        self._weights = weights
        self.send({"load": self.settings.for_page()}, [weights.astype("<f4").tobytes()])

    def still(self) -> tuple[bytes, str] | None:
        """Two rows of the held-out images; None for the ring, whose points are the page's own."""
        if self.settings.data == "ring":
            return None
        rows = self._images.held_out[: 2 * IN_A_ROW].astype(np.float32) / 255
        columns = max(1, len(rows) // 2)
        shown = rows[: len(rows) // columns * columns].reshape(-1, columns, self._images.pixels)
        alt = tr("Images that the lab tests on. The lab itself trains in a running notebook, and on the site.")
        return sheet(shown, self._images.image_shape), alt

    def __repr__(self) -> str:
        """The settings that differ from those at first."""
        plain = asdict(Settings())
        changed = {name: value for name, value in asdict(self.settings).items() if value != plain[name]}
        return f"Lab({', '.join(f'{name}={value!r}' for name, value in changed.items())})"


NAMES = {field.name for field in fields(Settings)}


def settings_of(model: VAE, settings: Settings, pixels: int) -> Settings:
    """The settings with the sizes and the likelihood of a model for images of so many pixels."""
    if model.pixels != pixels:
        raise ValueError(f"model must be for images of {pixels} pixels, as the lab's are, got {model.pixels}")
    sigma = model.sigma if isinstance(model.sigma, float) else settings.sigma
    sizes = {"latent": model.latent, "hidden": tuple(model.hidden)}
    return Settings(**asdict(settings) | sizes | {"likelihood": model.likelihood, "sigma": sigma})


def lab(
    images: Float[np.ndarray, "image pixel"] | None = None,
    labels: checks.Labels | None = None,
    *,
    model: VAE | None = None,
    image_shape=None,
    **settings,
) -> Lab:
    """A VAE that trains in the page while its objective is in the reader's hand.

    Maximised is the mean over a batch of log p(x|z) - beta KL(q(z|x) ‖ p(z)), z = mu(x) + sigma(x) eps, by Adam.

    Args:
        images: in [0, 1], shape (image, pixel), by default 4,000 bundled training digits, with 800 test digits held
            out; of the reader's own, every tenth is held out.
        labels: the class of each image, a whole number or a name.
        model: a VAE to go on from, by default new weights; its sizes and its likelihood are the lab's.
        image_shape: how an image is shown, as for `VAE`.
        settings: where the controls stand at first: data ("images", or "ring" for points of Doersch's ring, with a
            Gaussian of sigma 0.05), latent (2), hidden ((128,)), likelihood ("bernoulli" or "gaussian"), sigma (0.1),
            beta (1.0), noise (True), kl (True), warm_up (0 steps), learning_rate (0.001), batch_size (64),
            freeze_encoder, freeze_decoder (False), seed (0).

    Returns:
        A widget with `model` (the VAE of its present weights), `load(model)`, `settings` and `steps`.

    Raises:
        TypeError, ValueError: for an argument of the wrong kind or size, named in the message.

    Source: Kingma & Welling (2013), "Auto-Encoding Variational Bayes", equation 10.
    """
    chosen, prepared = prepare(images, labels, image_shape=image_shape, settings=settings)
    if model is not None:
        flat_weights(model)
        chosen = settings_of(model, chosen, math.prod(RING_SHAPE) if chosen.data == "ring" else prepared.pixels)
    return Lab(prepared, chosen, model)


def prepare(images, labels, *, image_shape, settings: dict, limit: int | None = None) -> tuple[Settings, Images]:
    """Checked settings and images."""
    if unknown := sorted(set(settings) - NAMES):
        raise TypeError(f"the lab has no setting {', '.join(unknown)}; it has {', '.join(sorted(NAMES))}")
    chosen = Settings(**(RING if settings.get("data") == "ring" else {}) | settings)
    size = chosen.batch_size
    return chosen, lab_images(images, labels, image_shape=image_shape, batch_size=size, limit=limit)
