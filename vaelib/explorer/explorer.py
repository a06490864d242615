"""The explorer: one slider for each dimension of z, and the decoded digit that follows them."""

import reprlib
from collections.abc import Callable, Sequence

import ipywidgets
import numpy as np
import traitlets
from jaxtyping import Float

from vaelib import checks
from vaelib.explorer.compiled_model import finite_vector, traversal
from vaelib.explorer.encoded_images import EncodedImages, as_bytes, dimension
from vaelib.explorer.model_widget import ModelWidget, static
from vaelib.explorer.sheets import sheet
from vaelib.languages import tr
from vaelib.widgets.browser import NOTEBOOK, WithStill, finest_step

ROUNDED = 1e-3  # how far a slider of ipywidgets may stand from where it was put
ACTIVE = 0.01  # the variance of q's mean below which a dimension counts as ignored (Burda et al. 2016, section 5.2)


class Picture(ModelWidget):
    """The decoded digit at the sliders' values, a real digit beside it, and the plane for two latent dimensions.

    A model of x given y has `choices`, the labels' names, and `asked`, the number of the one that is asked for. Where
    there are real images the page offers the arithmetic on their codes, and `combine` is called with three indices.
    """

    _esm = NOTEBOOK + static("engine.js", "parts.js", "picture.js", "arithmetic.js", "picture-widget.js")
    sliders = traitlets.List(traitlets.Instance(ipywidgets.Widget)).tag(sync=True, **ipywidgets.widget_serialization)
    caption = traitlets.Unicode().tag(sync=True)
    original = traitlets.Bytes().tag(sync=True)
    choices = traitlets.List(traitlets.Unicode()).tag(sync=True)
    asked = traitlets.Int().tag(sync=True)
    encodes = traitlets.Bool().tag(sync=True)

    def __init__(self, encoded: EncodedImages, combine: Callable[..., None], **state):
        """The images stay in the kernel until the page asks for them: a notebook stores what the state holds."""
        self._encoded, self._combine = encoded, combine
        super().__init__(encoded, encodes=encoded.encodes, **state)

    def _answers(self) -> dict:
        return super()._answers() | {"images": self._images, "combine": self._combined}

    def _images(self, _):
        titles, images = self._encoded.offered()
        return {"titles": titles}, [images]

    def _combined(self, question: dict):
        self._combine(*(question.get(name) for name in "abc"))
        return {}, []

    @traitlets.validate("asked")
    def _check_asked(self, proposal) -> int:
        """The front end sets it, too."""
        value = proposal["value"]
        if not 0 <= value < max(1, len(self.choices)):
            raise traitlets.TraitError(f"asked must be a label from 0 to {len(self.choices) - 1}, got {value}")
        return value

    def glide(self, z: Float[np.ndarray, " latent"], seconds: float) -> None:
        """Let the picture move to z along a straight line; the sliders are for the caller to set."""
        seconds = checks.number(seconds, "seconds", low=0.0)
        self.send({"glide": {"to": [float(value) for value in z], "seconds": seconds}})


class Explorer(WithStill, ipywidgets.VBox):
    """Sliders, digit, plane and buttons; made by `explore`."""

    def __init__(self, encoded: EncodedImages, *, shown: int, seed: int):
        """Lay out the controls, the most active dimension first."""
        self._encoded, self._rng = encoded, np.random.default_rng(seed)
        self.sliders = [_slider(dim, float(reach)) for dim, reach in enumerate(encoded.reach)]
        self._told = np.zeros(len(self.sliders))  # the code that the caption is of
        for slider in self.sliders:
            slider.observe(self._on_slider, names="value")
        plane = encoded.plane((0, 1)) if len(self.sliders) == 2 else {}
        self.picture = Picture(encoded, self.combine, sliders=self.sliders, plane=plane, choices=encoded.choices)
        self.buttons = self._buttons()
        controls = ipywidgets.VBox([*self._controls(shown)])
        controls.layout = ipywidgets.Layout(flex="1 1 280px", max_width="600px")
        wrap = ipywidgets.Layout(flex_flow="row wrap", align_items="flex-start")
        top = ipywidgets.HBox(self.buttons, layout=ipywidgets.Layout(flex_flow="row wrap"))
        super().__init__([top, ipywidgets.HBox([self.picture, controls], layout=wrap)])

    def _controls(self, shown: int):
        """The sliders of the first dimensions, then the others folded away."""
        known = self._encoded.encodes
        first = [dim for dim in self.order if not known or self._encoded.activity[dim] > ACTIVE][:shown]
        yield from (self.sliders[dim] for dim in first)
        rest = [self.sliders[dim] for dim in self.order if dim not in first]
        if rest:
            title = tr("{count} more dimensions of z, less active", count=len(rest))
            if len(rest) == 1:
                title = tr("1 more dimension of z, less active")
            folded = ipywidgets.Accordion([ipywidgets.VBox(rest)], selected_index=None if first else 0)
            folded.set_title(0, title)
            yield folded

    def _buttons(self) -> list[ipywidgets.Button]:
        def button(text, action, tooltip, enabled):
            made = ipywidgets.Button(description=text, tooltip=tooltip, disabled=not enabled)
            made.layout.width = "auto"
            made.on_click(lambda _: action())
            return made

        works, encodes = not self.message, self._encoded.encodes
        straight = tr("a straight line to the code of another image")
        return [
            button(tr("Draw from the prior"), self.draw, f"z ~ {self._encoded.prior}", works),
            button(tr("Encode a real digit"), self.encode, tr("z = mean of q(z|x) of a random image"), encodes),
            button(tr("Interpolate to another"), self.interpolate, straight, encodes),
            button(tr("Reset"), self.reset, "z = 0", works),
        ]

    @property
    def order(self) -> list[int]:
        """The dimensions of z, the most active first."""
        return self._encoded.order

    @property
    def z(self) -> Float[np.ndarray, " latent"]:
        """The sliders' values, in the order of the model's dimensions."""
        return np.array([slider.value for slider in self.sliders], np.float32)

    @property
    def image(self) -> Float[np.ndarray, " pixel"]:
        """The decoder's picture at z, as on the screen."""
        return self._encoded.model.decode(self._encoded.model.asked(self.z[None], self.picture.asked))[0]

    @property
    def message(self) -> str:
        """What is shown in place of the picture; empty while all is well."""
        return self.picture.message

    def move(self, z: Sequence[float] | np.ndarray, *, caption: str = "", seconds: float = 0.3) -> None:
        """Set all sliders; on the screen the digit gets there along a straight line.

        Raises TypeError or ValueError for anything but a finite number for each latent dimension, and a duration.
        """
        to = finite_vector(z, len(self.sliders), "z")
        self._told = to
        self.picture.glide(to, seconds)
        self.picture.caption = caption
        for slider, value in zip(self.sliders, to, strict=True):
            slider.min, slider.max = min(slider.min, float(value)), max(slider.max, float(value))
            slider.value = float(value)

    def _on_slider(self, change) -> None:
        """What was said of a code, and the real digit beside it, are true of that code alone.

        The page takes them back where the reader moves, but may not have had them when he did.
        """
        if abs(change["new"] - self._told[self.sliders.index(change["owner"])]) > ROUNDED:
            self.picture.caption, self.picture.original = "", b""

    def ask(self, y: int) -> None:
        """Ask for the label y, of a model of x given y; z stays as it is."""
        if not self.picture.choices:
            raise ValueError(
                "this model has no labels to ask for; train a vaelib.ConditionalVAE, or load one that ships"
            )
        self.picture.asked = int(self._encoded.model.module.check_labels(y))

    def draw(self) -> None:
        """Draw z from the model's prior."""
        self.picture.original = b""
        draws = self._encoded.draws
        z = self._rng.standard_normal(len(self.sliders)) if draws is None else self._rng.choice(draws)
        self.move(z, caption=tr("A draw from the prior, z ~ {prior}.", prior=self._encoded.prior))

    def reset(self) -> None:
        """Go back to z = 0."""
        self.picture.original = b""
        self.move(np.zeros(len(self.sliders)), caption=self._encoded.origin)

    def encode(self, index: int | None = None) -> None:
        """Go to the code of a real image, one at random or the one asked for, and show it beside its reconstruction."""
        index = self._show(index)
        caption = tr("{image}: z is the mean of q(z|x).", image=self._encoded.name(index))
        self.move(self._encoded.codes[index], caption=caption)

    def interpolate(self, index: int | None = None) -> None:
        """Walk on a straight line through z to the code of another real image."""
        index = self._show(index)
        caption = tr("On a straight line to {image}.", image=self._encoded.name(index))
        self.move(self._encoded.codes[index], caption=caption, seconds=2.0)

    def combine(self, a: int, b: int, c: int) -> None:
        """Go to the code a - b + c of three real images, given by their indices."""
        a, b, c = (self._known(index) for index in (a, b, c))
        names = {
            letter: self._encoded.name(index).replace("Image", "image")
            for letter, index in zip("abc", (a, b, c), strict=True)
        }
        codes = self._encoded.codes
        self.picture.original = b""
        self.move(codes[a] - codes[b] + codes[c], caption=tr("z = a − b + c: {a}, minus {b}, plus {c}.", **names))

    def _known(self, index: int | None) -> int:
        """The index of a real image."""
        count = len(self._encoded.images)
        if not count:
            raise ValueError("there are no real images to encode; pass explore(model, images)")
        if isinstance(index, bool) or not isinstance(index, int | np.integer) or not 0 <= index < count:
            raise ValueError(f"index must be an integer in 0..{count - 1}, got {reprlib.repr(index)}")
        return int(index)

    def _show(self, index: int | None) -> int:
        """The index of a real image, one at random for None, which is then on show."""
        if index is None and len(self._encoded.images):
            index = int(self._rng.integers(len(self._encoded.images)))
        index = self._known(index)
        self.picture.original = as_bytes(self._encoded.images[index]).tobytes()
        if self.picture.choices and self._encoded.labels is not None:
            self.ask(int(self._encoded.labels[index]))
        return index

    def __repr__(self) -> str:
        """The code that is shown."""
        return f"Explorer(z=[{', '.join(f'{value:.2f}' for value in self.z)}])"

    def still(self) -> tuple[bytes, str] | None:
        """A strip of pictures along the first dimensions."""
        if self.message:
            return None
        strip = traversal(self._encoded.model, self.z, self.order[:3], np.linspace(-3, 3, 11), y=self.picture.asked)
        words = tr("Rows of decoded digits: in each, one dimension of z runs from −3 to 3.")
        return sheet(strip, self._encoded.model.image_shape), words


def explore(
    model,
    images: Float[np.ndarray, "image pixel"] | None = None,
    labels: checks.Labels | None = None,
    *,
    shown: int = 10,
    seed: int = 0,
) -> Explorer:
    """Sliders for z and the decoded digit that follows them, in any notebook with ipywidgets.

    The dimensions come in the order of their activity, the variance over images of the mean of q(z|x). Ignored ones,
    and those after the first `shown`, are folded away. A model with two latent dimensions also gets the plane, with the
    codes of the images coloured by digit, where z can be dragged. A `ConditionalVAE` gets a choice for y, and its
    images are encoded with their labels. The explorer shows the model as it is now: after more training, call `explore`
    again.

    Args:
        model: a VAE, an Autoencoder, or anything with latent, pixels, encode(x) and decode(z).mean.
        images: real images in [0, 1] to encode, by default the bundled test digits where the model is made for them.
        labels: the class of each image, a whole number or a name.
        shown: sliders that are not folded away.
        seed: of the draws and of the choice of images.

    Returns:
        A widget with `sliders` (by dimension of z), `z`, `image`, `message`, and the buttons' actions as methods:
        `draw`, `encode`, `interpolate`, `reset`, `move`; and `combine`, `ask`.

    Raises:
        TypeError, ValueError: for an object that is no model, or images and labels that do not fit it. A model that
            cannot decode (NaN weights, say) gets a message in place of the picture.
    """
    checks.positive_int(shown, "shown")
    checks.at_least(seed, "seed", 0)
    encoded = EncodedImages(model, images, labels)
    return Explorer(encoded, shown=shown, seed=seed)


def _slider(dim: int, reach: float) -> ipywidgets.FloatSlider:
    return ipywidgets.FloatSlider(
        min=-reach,
        max=reach,
        value=0.0,
        step=finest_step(),  # a step would round the codes of real digits; the page gives the arrow keys theirs
        description=dimension(dim),
        readout_format=".2f",
        layout=ipywidgets.Layout(width="100%"),
    )
