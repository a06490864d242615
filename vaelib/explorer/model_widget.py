"""A widget that the page draws, and what the kernel answers when the page asks."""

from functools import partial
from importlib.resources import files

import anywidget
import numpy as np
import traitlets

from vaelib import checks
from vaelib.explorer.compiled_model import CompiledModel, finite_vector
from vaelib.explorer.encoded_images import EncodedImages
from vaelib.explorer.layers import decoder_layers, encoder_layers
from vaelib.languages import page_words
from vaelib.widgets.browser import joined

static = partial(joined, folder=files("vaelib.explorer") / "static")


class ModelWidget(anywidget.AnyWidget):
    """A picture of a model with the plane of two of its latent dimensions.

    The page asks for the layers of the networks and runs them itself; where a model is no plain network it asks for
    each picture. Weights travel in an answer and not in the widget's state, which notebooks store.
    """

    _css = static("vaelib.css")
    image_shape = traitlets.List(traitlets.Int()).tag(sync=True)
    latent = traitlets.Int().tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    plane = traitlets.Dict().tag(sync=True)
    words = traitlets.Dict().tag(sync=True)
    needs: tuple[str, ...] = ("decode",)

    def __init__(self, encoded: EncodedImages, **state):
        """Start listening."""
        self._model: CompiledModel = encoded.model
        shape, latent = list(self._model.image_shape), self._model.latent
        super().__init__(image_shape=shape, latent=latent, message=encoded.problem, words=page_words(), **state)
        self.on_msg(self._answer)

    def _answer(self, _, question, __) -> None:
        """Answer what the page asks, or say what is wrong with the question; one without an id has no one to answer."""
        if not isinstance(question, dict) or not isinstance(question.get("id"), str):
            return
        try:
            answers = self._answers()
            asked = checks.one_of(question.get("ask"), tuple(answers), "ask")
            answer, buffers = answers[asked](question)
        except Exception as error:  # no cell to appear under: it is shown in place of the picture
            answer, buffers = {"error": f"{type(error).__name__}: {error}"}, []
        self.send({"id": question["id"]} | answer, buffers)

    def _answers(self) -> dict:
        """What may be asked, and what answers it."""
        return {"layers": self._layers, "decode": self._decode, "encode": self._encode}

    def _layers(self, _):
        exporters = {"decode": decoder_layers, "encode": encoder_layers}
        found = {name: exporters[name](self._model) for name in self.needs}
        packed = {name: layers.packed() for name, layers in found.items() if layers is not None}
        return {"layers": {name: header for name, (header, _) in packed.items()}}, [data for _, data in packed.values()]

    def _decode(self, question: dict):
        size, classes = self._model.latent, self._model.classes
        z = finite_vector(question.get("input"), size + classes, "the code z" + " with its label" * (classes > 0))
        return {}, [self._model.decode(z[None])[0].astype("<f4").tobytes()]

    def _encode(self, question: dict):
        x = finite_vector(question.get("input"), self._model.pixels, "the image x")
        mu, std = self._model.encode(checks.unit_interval(x, "the image x")[None])
        return {}, [np.concatenate([mu[0], std[0]]).astype("<f4").tobytes()]
