"""Draw a digit by hand, and see what the encoder makes of it."""

import math

import numpy as np
import traitlets
from jaxtyping import Float

from vaelib import checks
from vaelib.explorer.encoded_images import DIGITS, EncodedImages
from vaelib.explorer.model_widget import ModelWidget, static
from vaelib.explorer.sheets import sheet
from vaelib.languages import tr
from vaelib.widgets.browser import NOTEBOOK, WithStill

SHOWN, DRAWS = 10, 2  # real images that stand in for a drawing where there is no kernel, and draws of z for each


def _drawing(sent, sketch: "Sketch") -> bytes:
    """What the page sent, a byte a pixel; what is none is no drawing, and the widget says so."""
    if isinstance(sent, memoryview | bytes) and len(bytes(sent)) in (0, math.prod(DIGITS)):
        return bytes(sent)
    sketch.message = tr("The page sent no drawing of {size} bytes. Run this cell again.", size=math.prod(DIGITS))
    return b""


class Sketch(WithStill, ModelWidget):
    """A canvas to draw on, q(z|x) on the plane, its reconstruction and a few draws; made by `draw_digit`."""

    _esm = NOTEBOOK + static("engine.js", "parts.js", "paper.js", "sketch.js", "sketch-widget.js")
    needs = ("decode", "encode")
    drawn = traitlets.Bytes().tag(sync=True, from_json=_drawing)

    def __init__(self, encoded: EncodedImages):
        """Show the plane of the two most active dimensions."""
        self._encoded = encoded
        super().__init__(encoded, plane=encoded.plane(most_active(encoded)))

    @property
    def image(self) -> Float[np.ndarray, "1 pixel"]:
        """The drawing as the encoder sees it: pixels in [0, 1], a batch of one; black before the first stroke."""
        pixels = np.frombuffer(self.drawn or bytes(math.prod(DIGITS)), np.uint8)
        return (pixels / np.float32(255)).astype(np.float32)[None]

    def __repr__(self) -> str:
        """Whether something has been drawn."""
        return f"Sketch({'drawn' if any(self.drawn) else 'empty'})"

    def still(self) -> tuple[bytes, str] | None:
        """Real images in the place of drawings, what the model gives back for them, and draws from their q(z|x)."""
        if not self._encoded.encodes:
            return None
        x = self._encoded.images[:SHOWN]
        mu, std = self._model.encode(x)
        noise = np.random.default_rng(0).standard_normal((DRAWS, *mu.shape))
        codes = np.concatenate([mu[None], mu + std * noise])
        rows = np.stack([x, *(self._model.decode(z) for z in codes)])
        words = tr("A row of images, a row of what the model gives back, and rows decoded from draws of q(z|x).")
        return sheet(rows, self._model.image_shape), words


def draw_digit(
    model, images: Float[np.ndarray, "image pixel"] | None = None, labels: checks.Labels | None = None
) -> Sketch:
    """A canvas to draw a digit on, with mouse, finger or keys; q(z|x), a reconstruction and draws follow the hand.

    The drawing is brought to the form of MNIST (a box of 20 × 20, its centre of mass in the middle of 28 × 28) before
    it is encoded. The plane shows the two most active dimensions of z, the codes of the images coloured by digit, and
    the mean and one standard deviation of q(z|x). The draws are decoded from z ~ q(z|x).

    Args:
        model: as for `explore`, made for grey images of 28 × 28 pixels and with at least 2 latent dimensions.
        images: real images in [0, 1] whose codes are shown, by default the bundled test digits.
        labels: the class of each image, a whole number or a name.

    Returns:
        A widget; its `image` is the drawing (1, 784), for your own code.

    Raises:
        TypeError, ValueError: as `explore`, and for a model of other images.
    """
    encoded = drawable_digits(model, images, labels)
    return Sketch(encoded)


def drawable_digits(model, images, labels) -> EncodedImages:
    """The model and images of `draw_digit`, checked."""
    encoded = EncodedImages(model, images, labels)
    shape, latent = encoded.model.image_shape, encoded.model.latent
    if encoded.model.classes:
        raise ValueError("draw_digit needs a model of x alone; pass model.given(3) for the digit that will be drawn")
    if shape != DIGITS or latent < 2:
        raise ValueError(
            f"draw_digit needs a model of images of shape {DIGITS} and at least 2 latent dimensions, got {shape} and "
            f"{latent}; try vaelib.load_pretrained('bernoulli-z2')"
        )
    return encoded


def most_active(encoded: EncodedImages) -> tuple[int, int]:
    """The two most active dimensions of z, in the order of their numbers."""
    first, second = sorted(encoded.order[:2])
    return first, second
