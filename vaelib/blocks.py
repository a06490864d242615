"""Many images treated a block at a time, split over the devices: memory stays flat however many there are."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import PRNGKeyArray

from vaelib import batches, placement
from vaelib.compilation import program
from vaelib.descriptions import Static


def over_images(function: Callable, model: nnx.Module, data, key: PRNGKeyArray, *options, block: int):
    """function(model, batch, key, *options) of all the data, `block` images at a time, each with a key of its own.

    The function returns a tree of arrays whose first axis is the batch's; so does this. The model is what it is for
    evaluation: dropout leaves all in, and running averages are used. A block's key depends on its number alone, so the
    result does not depend on how many devices there are.
    """
    rows, mesh = batches.rows_of(data), placement.local_mesh()
    model = nnx.merge(*nnx.split(model))  # another object, of the same variables, to switch over
    model.eval()
    graphdef, state = nnx.split(model)
    run = program(_in_blocks, Static(function), graphdef, min(block, rows), mesh)
    return placement.fetch(run(*placement.replicate((state, data, key, options), mesh)), mesh)


def _in_blocks(function: Static, graphdef, size: int, mesh, state, data, key, options):
    """The function's results, block by block on each device; the last block is filled up by repeating its last row."""
    rows, parts = batches.rows_of(data), 1 if mesh is None else mesh.size
    count = -(-rows // (size * parts)) * parts

    def blocks_of(part):
        filled = jnp.pad(part, ((0, count * size - rows), *((0, 0) for _ in part.shape[1:])), mode="edge")
        return filled.reshape(count, size, *part.shape[1:])

    def of_block(numbered, whole):
        (number, batch), (state, key, options) = numbered, whole
        return function.value(nnx.merge(graphdef, state), batch, jax.random.fold_in(key, number), *options)

    def of_blocks(numbered, whole):
        return jax.lax.map(partial(of_block, whole=whole), numbered)

    numbered = jnp.arange(count), jax.tree.map(blocks_of, data)
    found = placement.each_its_part(of_blocks, mesh)(numbered, (state, key, options))
    return jax.tree.map(lambda part: placement.on_every_device(part.reshape(-1, *part.shape[2:])[:rows], mesh), found)
