"""What every widget is made of: a model, real images, their codes, and the order of the dimensions of z."""

import numpy as np
from jaxtyping import Float

from vaelib import checks
from vaelib.data import load_mnist
from vaelib.explorer.compiled_model import CompiledModel
from vaelib.figures import class_colors
from vaelib.languages import tr

DRAWS = 500  # codes from a prior of the model's own, of which "Draw from the prior" shows one
IN_A_BYTE = 256  # classes that a page is told of, a byte an image
OFFERED = 200  # real images that a page holds, and those to pick from
MOST = 2000  # codes on the plane and images to encode; more are only slower to send
DIGITS = (28, 28, 1)  # the shape of the bundled images
REACH = 3.0  # the least a slider reaches to both sides: three standard deviations of the prior


class EncodedImages:
    """A checked model with images, their codes (image, latent), and where the model cannot be used, the `problem`.

    `draws` are codes from its prior (draw, latent), or None where that is N(0, I).
    """

    def __init__(
        self,
        model,
        images: Float[np.ndarray, "image pixel"] | None = None,
        labels: checks.Labels | None = None,
    ):
        """Encode the images, by default the bundled test digits where the model is made for them.

        Raises:
            TypeError, ValueError: for an object that is no model or none of pictures, or images and labels that do not
                fit it.
        """
        self.model = CompiledModel(model)
        checks.drawable(self.model.image_shape)
        self.images, self.labels, self.classes = _checked(images, labels, self.model)
        self.choices = self._choices()
        self.codes, self.draws, self.problem = self._computed()
        shown = self.codes if self.draws is None else np.concatenate([self.codes, self.draws])
        self.reach = np.maximum(REACH, np.ceil(np.abs(shown).max(axis=0)))
        self.activity = np.var(self.codes, axis=0)
        self.order = [int(dim) for dim in np.argsort(-self.activity, kind="stable")]

    def _computed(self) -> tuple[np.ndarray, np.ndarray | None, str]:
        """The codes of the images, draws from the prior, and what is wrong with the model if it cannot be used."""
        nothing = np.zeros((1, self.model.latent), np.float32)
        try:
            self.model.decode(self.model.asked(nothing, 0))
            codes = self.model.encode(self.model.asked(self.images, self.labels))[0] if len(self.images) else nothing
            return codes, self.model.draws(DRAWS), ""
        except (TypeError, ValueError) as error:
            problem = tr(
                "This model cannot be explored with codes of {latent} numbers and images of {pixels}: {error}",
                latent=self.model.latent,
                pixels=self.model.pixels,
                error=error,
            )
            return nothing, None, problem

    def _choices(self) -> list[str]:
        """The names of the labels that a reader may ask for, none for a model without labels."""
        asked = self.model.classes
        if asked and len(self.images) and (self.labels is None or len(self.classes) > asked):
            found = "none" if self.labels is None else f"{len(self.classes)} classes"
            raise ValueError(f"the model encodes an image with its label, one of {asked}, got {found}; pass labels")
        return list(self.classes) if len(self.classes) == asked else [str(y) for y in range(asked)]

    @property
    def prior(self) -> str:
        """The prior's name."""
        return "N(0, I)" if self.draws is None else "p(z)"

    @property
    def origin(self) -> str:
        """What the code 0 is."""
        return tr("z = 0, the mean of the prior.") if self.draws is None else "z = 0."

    @property
    def encodes(self) -> bool:
        """Whether there are real images and a model that can encode them."""
        return bool(len(self.images)) and not self.problem

    def name(self, index: int) -> str:
        """The words for an image."""
        if self.labels is None:
            return tr("Image {index}", index=index)
        name = self.classes[self.labels[index]]
        return tr("Image {index}, {word} {name}", index=index, word=word_for(self.classes), name=name)

    def offered(self) -> tuple[list[str], bytes]:
        """The names and the bytes of the first OFFERED images; none for a model that cannot encode them."""
        images = self.images[: self.encodes * OFFERED]
        return [self.name(index) for index in range(len(images))], as_bytes(images).tobytes()

    def plane(self, axes: tuple[int, int]) -> dict:
        """The codes on two dimensions of z for the page: a byte a coordinate, 127 at the end of its reach."""
        reach = self.reach[list(axes)]
        points = (
            np.round(127 * self.codes[:, list(axes)] / reach).astype(np.int8) if self.encodes else np.zeros(0, np.int8)
        )
        return {
            "axes": list(axes),
            "names": [dimension(axis) for axis in axes],
            "reach": [float(limit) for limit in reach],
            "points": points.tobytes(),
            "labels": b"" if self.labels is None else self.labels.astype(np.uint8).tobytes(),
            "palette": list(class_colors(len(self.classes))),
            "classes": list(self.classes),
        }


def dimension(index: int) -> str:
    """The name of a dimension of z as the formulas write it, z₁ for index 0."""
    return "z" + "".join(chr(ord("₀") + int(figure)) for figure in str(index + 1))


def as_bytes(x: Float[np.ndarray, "*shape"]) -> np.ndarray:
    """Pixels in [0, 1] as bytes; means of a Gaussian outside the interval are clipped."""
    return np.round(255 * np.clip(x, 0.0, 1.0)).astype(np.uint8)


def word_for(classes: tuple[str, ...]) -> str:
    """What a class is called: a digit where all are numbers of one figure."""
    return tr("digit") if all(name in "0123456789" for name in classes) else tr("class")


def _checked(images, labels, model: CompiledModel) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """MOST images that fit the model, labels, classes' names; no images where none came and it is not for digits."""
    if images is None and labels is not None:
        raise ValueError("labels came without images; pass both, as in explore(model, images, labels)")
    if images is None and model.image_shape == DIGITS:
        images, labels = load_mnist("test", limit=MOST)
    elif images is None:
        images = np.zeros((0, model.pixels), np.float32)
    else:
        images = checks.unit_interval(checks.batch_of(images, model.pixels, "images", "pixel"), "images")
    images = np.asarray(images)
    classes: tuple[str, ...] = ()
    if labels is not None:
        labels, classes = checks.classes(labels, len(images), "image", most=IN_A_BYTE)
        labels = labels[:MOST]
    return images[:MOST], labels, classes
