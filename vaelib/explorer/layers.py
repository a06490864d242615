"""The layers of a model in a form that a browser can run: sizes and names in a header, the weights in one piece."""

from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from vaelib.distributions import ContinuousBernoulli
from vaelib.explorer.compiled_model import CompiledModel
from vaelib.networks import ACTIVATIONS

ROUNDING = 1e-4  # the largest difference a pixel between two orders of summation in float32, with room
OUTPUTS = {
    "linear": lambda a: a,
    "sigmoid": jax.nn.sigmoid,
    "continuous-bernoulli": lambda a: ContinuousBernoulli(a).mean,
}


@dataclass(frozen=True)
class Layers:
    """Linear maps with an activation between them, and the name of what follows the last, one of OUTPUTS.

    Each of `linear` is (kernel (in, out), bias (out,)).
    """

    linear: list[tuple[np.ndarray, np.ndarray]] = field(repr=False)
    activation: str
    output: str

    def __call__(self, h: Float[np.ndarray, "batch in"]) -> Float[np.ndarray, "batch out"]:
        """What the browser will compute."""
        functions = [ACTIVATIONS[self.activation]] * (len(self.linear) - 1) + [OUTPUTS[self.output]]
        for (kernel, bias), function in zip(self.linear, functions, strict=True):
            h = np.asarray(function(jnp.asarray(h @ kernel + bias)))
        return h

    def halved(self) -> "Layers":
        """The same layers with their weights rounded to half precision."""

        def rounded(array):
            return array.astype(np.float16).astype(np.float32)

        return replace(self, linear=[(rounded(kernel), rounded(bias)) for kernel, bias in self.linear])

    def packed(self) -> tuple[dict, bytes]:
        """The header and the weights, in half precision where that loses nothing, as with the shipped weights."""
        flat = np.concatenate([array.ravel() for pair in self.linear for array in pair])
        half = flat.astype("<f2")
        exact = np.array_equal(half.astype(np.float32), flat)
        sizes = [len(self.linear[0][0]), *(len(bias) for _, bias in self.linear)]
        header = {"sizes": sizes, "activation": self.activation, "output": self.output, "half": exact}
        return header, (half if exact else flat.astype("<f4")).tobytes()


def decoder_layers(compiled: CompiledModel) -> Layers | None:
    """The decoder's layers, or None for a model whose decoder is no such network: it then runs in the kernel."""
    model = compiled.module
    if getattr(model, "activation", None) not in ACTIVATIONS or not hasattr(model, "likelihood"):
        return None
    linear = [_arrays(layer) for layer in (*model.decoder.trunk.layers, model.decoder.output)]
    output = "continuous-bernoulli" if model.likelihood == "continuous-bernoulli" else model.mean
    layers = Layers(linear, model.activation, output)
    z = compiled.asked(np.random.default_rng(0).standard_normal((1, compiled.latent), np.float32), 0)
    # A subclass may do more in `decode` than its layers say.
    return layers if np.allclose(layers(z), compiled.decode(z), rtol=0, atol=ROUNDING) else None


def encoder_layers(compiled: CompiledModel) -> Layers | None:
    """The encoder's layers, which yield mu and log_var side by side, or None where it is no such network."""
    model = compiled.module
    if getattr(model, "activation", None) not in ACTIVATIONS or not hasattr(getattr(model, "encoder", None), "log_var"):
        return None
    (mean, mean_bias), (spread, spread_bias) = _arrays(model.encoder.mu), _arrays(model.encoder.log_var)
    last = np.concatenate([mean, spread], axis=-1), np.concatenate([mean_bias, spread_bias])
    layers = Layers([*map(_arrays, model.encoder.trunk.layers), last], model.activation, "linear")
    x = compiled.asked(np.full((1, compiled.pixels), 0.5, np.float32), 0)
    mu, log_var = np.split(layers(x), 2, axis=-1)
    here, there = np.concatenate([mu, np.exp(log_var / 2)], axis=-1), np.concatenate(compiled.encode(x), axis=-1)
    return layers if np.allclose(here, there, rtol=ROUNDING, atol=ROUNDING) else None


def _arrays(layer) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(layer.kernel[...], np.float32), np.asarray(layer.bias[...], np.float32)
