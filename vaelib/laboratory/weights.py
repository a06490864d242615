"""The weights of a VAE as the lab lays them out, one flat array, and back."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from flax import nnx
from jaxtyping import Float

from vaelib import checks
from vaelib.models import VAE


def parameters(model: VAE) -> list[nnx.Param]:
    """Kernels and biases in the lab's order: encoder, mean, log-variance, decoder."""
    encoder, decoder = model.encoder, model.decoder
    layers = [*encoder.trunk.layers, encoder.mu, encoder.log_var, *decoder.trunk.layers, decoder.output]
    return [parameter for layer in layers for parameter in (layer.kernel, layer.bias) if parameter is not None]


def flat_weights(model: VAE) -> Float[np.ndarray, " weight"]:
    """All weights of the model, each kernel (in, out) row by row before its bias, as float32.

    Raises:
        TypeError: for anything but a VAE.
        ValueError: for one that the lab can not train: activation, likelihood or sigma are of another kind.
    """
    check_trainable(model)
    return np.concatenate([np.asarray(parameter[...]).ravel() for parameter in parameters(model)]).astype(np.float32)


def weight_count(pixels: int, hidden: Sequence[int], latent: int) -> int:
    """How many weights a VAE of these sizes has, without making one."""
    encoder, decoder = (pixels, *hidden), (latent, *reversed(hidden), pixels)
    sizes = [*pairwise(encoder), (hidden[-1], latent), (hidden[-1], latent), *pairwise(decoder)]
    return sum((inputs + 1) * outputs for inputs, outputs in sizes)


def model_with(weights: Float[np.ndarray, " weight"], **config) -> VAE:
    """A VAE of this configuration with these weights.

    Raises:
        ValueError: where there are not as many weights as the configuration has.
    """
    model = VAE.create(**config)
    sizes = [parameter[...].size for parameter in parameters(model)]
    if weights.shape != (sum(sizes),):
        raise ValueError(f"weights must have shape ({sum(sizes)},) for {config}, got {weights.shape}")
    for parameter, values in zip(parameters(model), np.split(weights, np.cumsum(sizes)[:-1]), strict=True):
        parameter[...] = values.reshape(parameter[...].shape)
    return model


def check_trainable(model: VAE) -> None:
    """Refuse what the lab can not train."""
    if not isinstance(model, VAE):
        raise TypeError(f"model must be a VAE, got {type(model).__name__}; make one with vaelib.VAE.create(latent=2)")
    checks.one_of(model.activation, ("relu",), "activation of the model")
    checks.one_of(model.likelihood, ("bernoulli", "gaussian"), "likelihood of the model")
    if model.sigma == "learned":
        raise ValueError("sigma of the model must be a number, got 'learned'; the lab trains no sigma")
