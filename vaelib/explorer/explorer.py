"""The explorer: one slider for each dimension of z, and the decoded digit that follows them."""

from collections.abc import Sequence

import ipywidgets
import numpy as np
from jaxtyping import Float, Int

from vaelib import checks
from vaelib.data import load_mnist
from vaelib.explorer.browser import allow_widgets
from vaelib.explorer.decode import Codec, traversal
from vaelib.explorer.pictures import Picture, dimension, png

ACTIVE = 0.01  # the variance of q's mean below which a dimension counts as ignored (Burda et al. 2015, section 5)
CODES = 2000  # test codes on the plane and digits to encode; more are only slower to send


class Explorer(ipywidgets.VBox):
    """Sliders, digit, plane and buttons; made by `explore`."""

    def __init__(self, codec: Codec, images, labels, *, shown: int, seed: int):
        """Lay out the controls, the most active dimension first."""
        self._codec, self._images, self._labels = codec, images, labels
        self._rng = np.random.default_rng(seed)
        self._codes, problem = _codes(codec, images)
        reach = np.maximum(3.0, np.ceil(np.abs(self._codes).max(axis=0)))
        activity = np.var(self._codes, axis=0)
        self.order = [int(dim) for dim in np.argsort(-activity, kind="stable")]
        self.sliders = [_slider(dim, float(reach[dim])) for dim in range(codec.latent)]
        self.picture = Picture(codec, self.sliders, message=problem)
        if codec.latent == 2 and len(images) and not problem:
            self.picture.place(self._codes, labels, reach)
        self.buttons = self._buttons(bool(len(images)) and not problem, bool(problem))
        active = [dim for dim in self.order if activity[dim] > ACTIVE or not len(images)]
        controls = ipywidgets.VBox([*self._unfolded(active[:shown])])
        controls.layout = ipywidgets.Layout(flex="1 1 280px", max_width="600px")
        wrap = ipywidgets.Layout(flex_flow="row wrap", align_items="flex-start")
        top = ipywidgets.HBox(self.buttons, layout=ipywidgets.Layout(flex_flow="row wrap"))
        super().__init__([top, ipywidgets.HBox([self.picture, controls], layout=wrap)])

    def _unfolded(self, first: list[int]):
        """The sliders of the `first` dimensions, then the others folded away."""
        yield from (self.sliders[dim] for dim in first)
        rest = [self.sliders[dim] for dim in self.order if dim not in first]
        if rest:
            title = f"{len(rest)} more dimension{'s' * (len(rest) > 1)} of z, less active"
            yield ipywidgets.Accordion([ipywidgets.VBox(rest)], titles=(title,), selected_index=None if first else 0)

    def _buttons(self, digits: bool, broken: bool) -> list[ipywidgets.Button]:
        def button(text, action, tooltip, enabled):
            made = ipywidgets.Button(description=text, tooltip=tooltip, disabled=not enabled)
            made.layout.width = "auto"
            made.on_click(lambda _: action())
            return made

        return [
            button("Draw from the prior", self.draw, "z ~ N(0, I)", not broken),
            button("Encode a real digit", self.encode, "z = mean of q(z|x) of a random image", digits),
            button("Interpolate to another", self.interpolate, "a straight line to the code of another image", digits),
            button("Reset", self.reset, "z = 0", not broken),
        ]

    @property
    def z(self) -> Float[np.ndarray, " latent"]:
        """The sliders' values, in the order of the model's dimensions."""
        return np.array([slider.value for slider in self.sliders], np.float32)

    @property
    def image(self) -> Float[np.ndarray, " pixel"]:
        """The decoder's picture at z, as on the screen."""
        return self._codec.decode(self.z[None])[0]

    @property
    def message(self) -> str:
        """What is shown in place of the picture; empty while all is well."""
        return self.picture.message

    def move(self, z: Sequence[float], *, said: str = "", seconds: float = 0.3) -> None:
        """Set all sliders; on the screen the digit gets there along a straight line.

        Raises ValueError for another number of values than the model has latent dimensions.
        """
        z = np.asarray(z, np.float32)
        if z.shape != (self._codec.latent,) or not np.isfinite(z).all():
            raise ValueError(f"z must be {self._codec.latent} finite numbers, got {z}")
        self.picture.glide(z, seconds)
        self.picture.said = said
        for slider, value in zip(self.sliders, z, strict=True):
            slider.min, slider.max = min(slider.min, float(value)), max(slider.max, float(value))
            slider.value = float(value)

    def draw(self) -> None:
        """Draw z from the prior N(0, I)."""
        self.picture.original = b""
        self.move(self._rng.standard_normal(self._codec.latent), said="A draw from the prior, z ~ N(0, I).")

    def reset(self) -> None:
        """Go back to z = 0, the prior's mean."""
        self.picture.original = b""
        self.move(np.zeros(self._codec.latent), said="z = 0, the mean of the prior.")

    def encode(self, index: int | None = None) -> None:
        """Go to the code of a real image, one at random or the one asked for, and show it beside its reconstruction."""
        index = self._choose(index)
        self.picture.show_original(self._images[index])
        self.move(self._codes[index], said=f"{self._name(index)}: z is the mean of q(z|x).")

    def interpolate(self, index: int | None = None) -> None:
        """Walk on a straight line through z to the code of another real image."""
        index = self._choose(index)
        self.picture.show_original(self._images[index])
        self.move(self._codes[index], said=f"On a straight line to {self._name(index).lower()}.", seconds=2.0)

    def _choose(self, index: int | None) -> int:
        if not len(self._images):
            raise ValueError("there are no real images to encode; pass explore(model, images)")
        if index is None:
            return int(self._rng.integers(len(self._images)))
        if not 0 <= index < len(self._images):
            raise ValueError(f"index must be in 0..{len(self._images) - 1}, got {index}")
        return index

    def _name(self, index: int) -> str:
        return f"Image {index}" + (f", digit {self._labels[index]}" if self._labels is not None else "")

    def __repr__(self) -> str:
        """The code that is shown."""
        return f"Explorer(z=[{', '.join(f'{value:.2f}' for value in self.z)}])"

    def _repr_mimebundle_(self, **kwargs):
        """The widget, and for those who read without a kernel a strip of pictures along its first dimensions."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if self.message:
            return bundle
        strip = traversal(self._codec, self.z, self.order[:3], np.linspace(-3, 3, 11))
        return bundle | {"image/png": png(strip)}


def explore(
    model,
    images: Float[np.ndarray, "image pixel"] | None = None,
    labels: Int[np.ndarray, " image"] | None = None,
    *,
    shown: int = 10,
    seed: int = 0,
) -> Explorer:
    """Sliders for z and the decoded digit that follows them, in any notebook with ipywidgets.

    The dimensions come in the order of their activity, the variance over images of the mean of q(z|x). Ignored ones,
    and those after the first `shown`, are folded away. A model with two latent dimensions also gets the plane, with the
    codes of the images coloured by digit, where z can be dragged. The explorer shows the model as it is now: after more
    training, call `explore` again.

    Args:
        model: a VAE, an Autoencoder, or anything with latent, pixels, encode(x) and decode(z).mean.
        images: real images in [0, 1] to encode, by default the bundled test digits where the model is made for them.
        labels: the digit in each image.
        shown: sliders that are not folded away.
        seed: of the draws and of the choice of images.

    Returns:
        A widget with `sliders` (by dimension of z), `z`, `image`, `message`, and the buttons' actions as methods:
        `draw`, `encode`, `interpolate`, `reset`, `move`.

    Raises:
        TypeError, ValueError: for an object that is no model, or images and labels that do not fit it. A model that
            cannot decode (NaN weights, say) gets a message in place of the picture.
    """
    codec = Codec(model)
    checks.positive_int(shown, "shown")
    if images is None and labels is not None:
        raise ValueError("labels came without images; pass explore(model, images, labels)")
    if images is None and codec.pixels == 784:
        images, labels = load_mnist("test", limit=CODES)
    elif images is None:
        images = np.zeros((0, codec.pixels), np.float32)
    else:
        images = checks.unit_interval(checks.batch_of(images, codec.pixels, "images", "pixel"), "images")
    if labels is not None and np.shape(labels) != (len(images),):
        raise ValueError(f"labels must have shape ({len(images)},), one for each image, got {np.shape(labels)}")
    allow_widgets()
    labels = None if labels is None else np.asarray(labels)[:CODES]
    return Explorer(codec, np.asarray(images)[:CODES], labels, shown=shown, seed=seed)


def _codes(codec: Codec, images) -> tuple[np.ndarray, str]:
    """The code of each image, and what is wrong with the model if it cannot encode or decode."""
    nothing = np.zeros((1, codec.latent), np.float32)
    try:
        codec.decode(nothing)
        return (codec.encode(images)[0] if len(images) else nothing), ""
    except (TypeError, ValueError) as error:
        sizes = f"codes of {codec.latent} numbers and images of {codec.pixels}"
        return nothing, f"This model cannot be explored with {sizes}: {error}"


def _slider(dim: int, reach: float) -> ipywidgets.FloatSlider:
    return ipywidgets.FloatSlider(
        min=-reach,
        max=reach,
        value=0.0,
        step=0.05,
        description=dimension(dim),
        readout_format=".2f",
        layout=ipywidgets.Layout(width="100%"),
    )
