"""Models that a reader might write: none of their classes is vaelib's. Tests import them in other processes, too."""

import jax
import jax.numpy as jnp
from flax import nnx

from vaelib import VAE


class Layered(nnx.Module):
    """No VAE at all, with weights in bfloat16, running means, random streams, a tree of arrays and a tied weight."""

    def __init__(self, width, *, rngs):
        self.linear = nnx.Linear(3, width, param_dtype=jnp.bfloat16, rngs=rngs)
        self.norm = nnx.BatchNorm(width, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)
        self.tree = nnx.Variable({"a": jnp.arange(3), "b": (jnp.full(1, 0.5),)})
        self.tied = self.linear.bias

    def __call__(self, x):
        return self.dropout(self.norm(self.linear(x)))


class Noisy(VAE):
    """A VAE with an argument of its own, a dropout, and random keys of another kind."""

    def __init__(self, *, rate=0.5, **config):
        super().__init__(**config)
        self.dropout = nnx.Dropout(rate, rngs=nnx.Rngs(dropout=jax.random.key(5, impl="rbg")))

    def encode(self, x):
        return super().encode(self.dropout(x))
