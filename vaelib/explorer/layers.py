"""The layers of a model in a form that a browser can run: sizes and names in a header, the weights in one piece."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from vaelib.explorer.decode import Codec

ROUNDING = 1e-4  # the largest difference a pixel between two orders of summation in float32, with room


@dataclass(frozen=True)
class Layers:
    """Linear maps with an activation between them, and a name for what follows the last.

    Each of `linear` is (kernel (in, out), bias (out,)); `output` is "linear", "sigmoid" or "continuous-bernoulli".
    """

    linear: list[tuple[np.ndarray, np.ndarray]] = field(repr=False)
    activation: str
    output: str

    @property
    def weights(self) -> Float[np.ndarray, " weight"]:
        """All weights in one piece: kernel, bias, kernel, bias ..."""
        return np.concatenate([array.ravel() for pair in self.linear for array in pair])

    def packed(self) -> tuple[dict, bytes]:
        """The header and the weights, in half precision where that loses nothing, as with the shipped weights."""
        flat = self.weights
        half = flat.astype("<f2")
        exact = np.array_equal(half.astype(np.float32), flat)
        return self.header | {"half": exact}, (half if exact else flat.astype("<f4")).tobytes()

    @property
    def header(self) -> dict:
        """The sizes of the layers and the names of the functions between and after them."""
        sizes = [len(self.linear[0][0]), *(len(bias) for _, bias in self.linear)]
        return {"sizes": sizes, "activation": self.activation, "output": self.output}


def decoder_layers(codec: Codec) -> Layers | None:
    """The decoder's layers, or None for a model whose decoder is no such network: it then runs in the kernel."""
    model = codec.model
    if not all(hasattr(model, name) for name in ("decoder", "activation", "likelihood")):
        return None
    linear = [*model.decoder.trunk.layers, model.decoder.output]
    output = "continuous-bernoulli" if model.likelihood == "continuous-bernoulli" else "sigmoid"
    return Layers([_arrays(layer) for layer in linear], model.activation, output)


def encoder_layers(codec: Codec) -> Layers | None:
    """The encoder's layers, which yield mu and log_var side by side, or None where it is no such network."""
    model = codec.model
    if not hasattr(model, "activation") or not hasattr(getattr(model, "encoder", None), "log_var"):
        return None
    heads = [_arrays(head) for head in (model.encoder.mu, model.encoder.log_var)]
    last = tuple(np.concatenate(parts, axis=-1) for parts in zip(*heads, strict=True))
    return Layers([*map(_arrays, model.encoder.trunk.layers), last], model.activation, "linear")


def _arrays(layer) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(layer.kernel[...], np.float32), np.asarray(layer.bias[...], np.float32)
