"""What the studies share: the type of their entries, a falling step size, a frozen network, numbers to be written."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import jax
import optax
from flax import nnx

Entries = Iterator[tuple[str, Callable[[], dict]]]  # each with its name, and what to do for it
Network = TypeVar("Network", bound=nnx.Module)


def falling(peak: float, epochs: int, images, batch_size: int) -> optax.Schedule:
    """A step size that falls from `peak` to 0 along a cosine, over so many epochs of the images."""
    return optax.cosine_decay_schedule(peak, epochs * (len(images) // batch_size))


def frozen(network: Network) -> Network:
    """The same network, whose weights no gradient reaches."""
    structure, weights = nnx.split(network)
    return nnx.merge(structure, jax.lax.stop_gradient(weights))


def rounded(results: dict, digits: int = 4) -> dict:
    """The numbers of nested results to so many places."""
    return {
        name: rounded(value, digits) if isinstance(value, dict) else round(value, digits)
        for name, value in results.items()
    }
