"""What the studies share: the type of their entries, a falling step size, networks at work, numbers to be written."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import jax
import numpy as np
import optax
from flax import nnx

from vaelib.compilation import jit_sooner

Entries = Iterator[tuple[str, Callable[[], dict]]]  # each with its name, and what to do for it
Network = TypeVar("Network", bound=nnx.Module)
BLOCK = 1_000  # codes or images that one program treats at once


def falling(peak: float, epochs: int, images, batch_size: int) -> optax.Schedule:
    """A step size that falls from `peak` to 0 along a cosine, over so many epochs of the images."""
    return optax.cosine_decay_schedule(peak, epochs * (len(images) // batch_size))


def frozen(network: Network) -> Network:
    """The same network, whose weights no gradient reaches."""
    structure, weights = nnx.split(network)
    return nnx.merge(structure, jax.lax.stop_gradient(weights))


def by_block(function: Callable[..., tuple], model: nnx.Module, rows) -> tuple[np.ndarray, ...]:
    """What the function returns for all rows, by one program however many there are; the last block is filled up."""
    rows = np.asarray(rows, np.float32)
    blocks = np.resize(rows, (-(-len(rows) // BLOCK), BLOCK, rows.shape[1]))
    found = zip(*(function(model, block) for block in blocks), strict=True)
    return tuple(np.concatenate(parts)[: len(rows)] for parts in found)


def decoded(model: nnx.Module, z) -> np.ndarray:
    """The decoder's means."""
    return by_block(_means, model, z)[0]


@jit_sooner
def _means(model, z):
    return (model.decode(z).mean,)


def rounded(results: dict, digits: int = 4) -> dict:
    """The numbers of nested results to so many places."""
    return {
        name: rounded(value, digits) if isinstance(value, dict) else round(value, digits)
        for name, value in results.items()
    }
