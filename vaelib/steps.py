"""An epoch as one compiled program, all of it inside one `lax.scan`.

    permutation -> batches -> (binarise, corrupt) -> objective -> gradient -> optimiser

The data are an argument of the program and stay on the device; the state is donated, so an epoch runs in place. Keys
are folded from the epoch and the step, so an epoch depends on nothing but the key and the state before it.
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.flatten_util import ravel_pytree

from vaelib import batches, placement
from vaelib.compilation import jit_sooner, program
from vaelib.data import binarize as draw_binary
from vaelib.descriptions import Static
from vaelib.objectives import Terms


@dataclass(frozen=True)
class Step:
    """All that decides which program an epoch is, beside the model's structure; numbers are no part of it."""

    objective: Static
    optimizer: Static
    corrupt: Static
    binarize: bool
    mesh: jax.sharding.Mesh | None

    def __call__(self, graphdef, data, state, planned):
        """One update on one batch; its mean terms are those before the update."""
        parameters, rest, optimizer_state = state
        (binary_key, noise_key, sample_key), rows, rates = planned
        batch = placement.split(batches.take(data, rows), self.mesh)
        if self.binarize:
            batch = batches.with_images(batch, draw_binary(batches.images_of(batch), binary_key))
        options = {"beta": rates["beta"]} if "beta" in rates else {}
        if self.corrupt.value is not None:
            options["inputs"] = _corrupted(self.corrupt.value, batches.images_of(batch), noise_key)

        def loss(parameters):
            # The copy makes variables that belong to this trace, so that layers may change them.
            model = nnx.merge(graphdef, parameters, jax.tree.map(lambda leaf: leaf, rest))
            terms = jax.tree.map(jnp.mean, self.objective.value(model, batch, sample_key, **options))
            _, *variables = nnx.split(model, nnx.Param, ...)
            return -terms.elbo, (terms, variables[1])

        (value, (terms, rest)), gradient = jax.value_and_grad(loss, has_aux=True)(parameters)
        optimizer = optax.with_extra_args_support(self.optimizer.value)
        with jax.numpy_dtype_promotion("standard"):  # Optax counts on it, whatever the caller has set
            updates, optimizer_state = optimizer.update(gradient, optimizer_state, parameters, value=value)
        if "learning_rate" in rates:
            updates = jax.tree.map(lambda update: -rates["learning_rate"].astype(update.dtype) * update, updates)
        return (optax.apply_updates(parameters, updates), rest, optimizer_state), terms


def _corrupted(corrupt, x, key):
    noisy = corrupt(x, key)
    if not hasattr(noisy, "shape"):
        raise TypeError(
            f"corrupt must return images of x's shape, {x.shape}, got {type(noisy).__name__}; return an array"
        )
    if noisy.shape != x.shape:
        raise ValueError(
            f"corrupt must return images of x's shape, {x.shape}, got shape {noisy.shape}; return one image for each"
        )
    return noisy


def epoch_of_steps(step: Step, graphdef, state, data, plan):
    """One pass over the data; returns the state, Terms of shape (step,), and whether all weights are finite."""
    state, terms = jax.lax.scan(partial(step, graphdef, data), state, plan)
    with jax.numpy_dtype_promotion("standard"):  # weights of several dtypes
        weights, _ = ravel_pytree(state[0])  # one check compiles sooner than one for each array
    finite = jnp.all(jnp.isfinite(weights))
    return placement.on_every_device((state, terms, finite), step.mesh)


def initial_state(optimizer: Static, parameters):
    """The state that an optimiser starts with."""
    return optimizer.value.init(parameters)


def split_for_training(model: nnx.Module):
    """Structure, weights and other variables of the model in training mode; the model itself stays in its mode."""
    trained = nnx.merge(*nnx.split(model))
    trained.train()
    return nnx.split(trained, nnx.Param, ...)


@jax.jit
def copy_to_donate(state):
    """A state of its own memory, to donate: what the model and the training hold outlives an epoch that fails."""
    return jax.tree.map(jnp.copy, state)


@partial(jit_sooner, static_argnums=(0, 1, 2))
def plan_of_epoch(images: int, batch_size: int, mesh, key, epoch):
    """An epoch's steps: their numbers, keys and rows, the images in a new order.

    A program of its own, which all trainings of equal sizes share, since a random order takes long to compile.
    """
    order_key, step_key = jax.random.split(jax.random.fold_in(key, epoch + 1))
    count = images // batch_size
    order = jax.random.permutation(order_key, images)[: count * batch_size]
    numbers = epoch * count + jnp.arange(count)
    keys = jax.vmap(lambda number: jax.random.split(jax.random.fold_in(step_key, number), 3))(numbers)
    return placement.on_every_device((numbers, keys, order.reshape(count, batch_size)), mesh)


def by_step(value, numbers):
    """A number, or a schedule's value at each step of an epoch, as float32."""
    if not callable(value):
        return np.full(len(numbers), value, np.float32)
    return program(_scheduled, Static(value))(numbers)


def _scheduled(schedule: Static, numbers):
    return jax.vmap(lambda number: jnp.asarray(schedule.value(number), jnp.float32))(numbers)


def stop_unless_finite(steps: Terms, weights_finite: bool, epoch: int) -> None:
    """Raise FloatingPointError that names the first term and step gone wrong in this epoch."""
    remedy = (
        "Try a lower learning_rate, or look at the images of this batch; the model keeps the last good epoch's weights."
    )
    bad = {name: int(np.argmax(~np.isfinite(v))) for name, v in steps._asdict().items() if not np.isfinite(v).all()}
    if bad:
        name = min(bad, key=bad.__getitem__)
        value = getattr(steps, name)[bad[name]]
        raise FloatingPointError(
            f"{name} became {value} at step {bad[name] + 1} of {len(steps.elbo)} in epoch {epoch + 1}. {remedy}"
        )
    if not weights_finite:
        raise FloatingPointError(f"a weight stopped being finite at the last step of epoch {epoch + 1}. {remedy}")
