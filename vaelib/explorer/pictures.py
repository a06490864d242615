"""The digit and the plane as the browser draws them, and what the kernel answers when it is asked."""

import io
from importlib.resources import files

import anywidget
import ipywidgets
import numpy as np
import PIL.Image
import traitlets
from jaxtyping import Float

from vaelib.explorer.decode import Codec
from vaelib.explorer.layers import decoder_layers, encoder_layers
from vaelib.figures import CLASS_COLORS

STATIC = files("vaelib.explorer") / "static"


def static(*names: str) -> str:
    """Files of the page's own code, joined: a widget's module is a single text and cannot import its neighbours."""
    return "\n".join((STATIC / name).read_text("utf-8") for name in names)


def dimension(index: int) -> str:
    """The name of a dimension of z as the formulas write it, z₁ for index 0."""
    return "z" + "".join(chr(ord("₀") + int(figure)) for figure in str(index + 1))


def grey(x: Float[np.ndarray, "*shape"]) -> np.ndarray:
    """Pixels in [0, 1] as bytes; means of a Gaussian outside the interval are clipped."""
    return np.round(255 * np.clip(x, 0.0, 1.0)).astype(np.uint8)


def png(pictures: Float[np.ndarray, "row column pixel"]) -> bytes:
    """A sheet of square pictures as PNG, each pixel 2 × 2."""
    rows, columns, pixels = pictures.shape
    side = int(np.sqrt(pixels))
    sheet = grey(pictures).reshape(rows, columns, side, side).swapaxes(1, 2).reshape(rows * side, columns * side)
    data = io.BytesIO()
    PIL.Image.fromarray(sheet.repeat(2, axis=0).repeat(2, axis=1)).save(data, "PNG")
    return data.getvalue()


class Answers(anywidget.AnyWidget):
    """A widget whose page asks the kernel for layers, pictures and codes.

    Weights travel in an answer and not in the widget's state, which notebooks store.
    """

    def __init__(self, codec: Codec, **state):
        """Start listening."""
        super().__init__(**state)
        self._codec = codec
        self.on_msg(self._answer)

    def _answer(self, _, content: dict, __) -> None:
        asked = {"layers": self._layers, "decode": self._decode, "encode": self._encode}.get(content.get("ask"))
        if asked is None:
            return
        try:
            answer, buffers = asked(content)
        except Exception as error:  # no cell to appear under: it is shown in place of the picture
            answer, buffers = {"error": f"{type(error).__name__}: {error}"}, []
        self.send({"id": content["id"]} | answer, buffers)

    def _layers(self, content: dict):
        found = {"decode": decoder_layers(self._codec)}
        if content["encoder"]:
            found["encode"] = encoder_layers(self._codec)
        packed = {name: layers.packed() for name, layers in found.items() if layers is not None}
        return {"layers": {name: header for name, (header, _) in packed.items()}}, [data for _, data in packed.values()]

    def _decode(self, content: dict):
        return {}, [self._codec.decode(np.array([content["input"]], np.float32))[0].astype("<f4").tobytes()]

    def _encode(self, content: dict):
        mu, std = self._codec.encode(np.array([content["input"]], np.float32))
        return {}, [np.concatenate([mu[0], std[0]]).astype("<f4").tobytes()]


class Picture(Answers):
    """The decoded digit at the sliders' values, a real digit beside it, and the plane for two latent dimensions."""

    _esm = static("engine.js", "parts.js", "picture.js", "picture-widget.js")
    _css = static("vaelib.css")
    sliders = traitlets.List(traitlets.Instance(ipywidgets.Widget)).tag(sync=True, **ipywidgets.widget_serialization)
    side = traitlets.Int().tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    said = traitlets.Unicode().tag(sync=True)
    original = traitlets.Bytes().tag(sync=True)
    points = traitlets.Bytes().tag(sync=True)
    labels = traitlets.Bytes().tag(sync=True)
    reach = traitlets.List().tag(sync=True)
    palette = traitlets.List(list(CLASS_COLORS)).tag(sync=True)

    def __init__(self, codec: Codec, sliders: list, message: str):
        """Show the digit at the sliders' values, or the message in its place."""
        super().__init__(codec, sliders=sliders, side=int(np.sqrt(codec.pixels)), message=message)

    def place(self, codes: Float[np.ndarray, "image 2"], labels, reach: Float[np.ndarray, " 2"]) -> None:
        """Show the plane, -reach to reach, with the codes coloured by label."""
        self.points = codes.astype("<f4").tobytes()
        self.labels = b"" if labels is None else np.asarray(labels).astype(np.uint8).tobytes()
        self.reach = [float(limit) for limit in reach]

    def show_original(self, x: Float[np.ndarray, " pixel"]) -> None:
        """Show a real digit beside the decoded one."""
        self.original = grey(x).tobytes()

    def glide(self, z: Float[np.ndarray, " latent"], seconds: float) -> None:
        """Let the picture move to z along a straight line; the sliders are for the caller to set."""
        self.send({"glide": {"to": [float(value) for value in z], "seconds": seconds}})
