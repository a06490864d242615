"""Training: one compiled program an epoch, a history of the terms, resumable to the bit.

    permutation -> batches -> (binarise, corrupt) -> objective -> gradient -> optimiser, all inside one `lax.scan`

The images are an argument of the program and stay on the device; the state is donated, so an epoch runs in place. Keys
are folded from the epoch and the step, so an epoch depends on nothing but the key and the state before it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from os import PathLike

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray
from tqdm.auto import tqdm

from vaelib import checkpoints, checks, parallel
from vaelib.compilation import jit_sooner
from vaelib.data import binarize as draw_binary
from vaelib.history import History
from vaelib.interruption import interruption
from vaelib.objectives import Objective, Terms, elbo

EVALUATION_BLOCK = 1000  # images evaluated at once


@dataclass(frozen=True)
class _Program:
    """All that decides which program is compiled; equal programs share one."""

    graphdef: nnx.GraphDef
    optimizer: optax.GradientTransformation
    objective: Objective
    binarize: bool
    corrupt: Callable | None
    beta: float | Callable | None
    mesh: jax.sharding.Mesh | None


def fit(
    model: nnx.Module,
    images: Float[Array, "image pixel"],
    key: PRNGKeyArray,
    *,
    epochs: int = 10,
    batch_size: int = 128,
    learning_rate: float | optax.Schedule = 1e-3,
    held_out: Float[Array, "held_out pixel"] | None = None,
    objective: Objective = elbo,
    binarize: bool = False,
    corrupt: Callable | None = None,
    beta: float | optax.Schedule | None = None,
    optimizer: optax.GradientTransformation | None = None,
    checkpoint: str | PathLike | None = None,
    resume: bool = False,
    devices: Sequence[jax.Device] | None = None,
    callback: Callable[[int, nnx.Module, History], None] | None = None,
    progress: bool = True,
) -> History:
    """Train `model` in place by stochastic gradient ascent on the mean objective.

    An epoch visits the images in a new random order in batches of `batch_size`; a last, smaller batch is left out,
    of other images each time. Interrupting (Ctrl-C, Stop in Jupyter) ends training after the running epoch: the model
    and the history are those of the last complete epoch. A second interruption raises at once.

    In a training over several processes each calls `fit` with the same arguments, and gets the same result; the first
    writes the checkpoint and shows progress, and an interruption or an error of one stops all.

    Args:
        model: a `VAE`, `Autoencoder` or `LinearGaussianVAE`; its weights are updated in place at the end of each epoch.
        images: training images, shape (image, pixel), as the model's `check_data` wants them.
        key: random key; the same key, data and arguments give the same weights.
        epochs: epochs to train in all; a resumed run counts those done before.
        batch_size: images a step.
        learning_rate: step size of Adam, or a schedule of the step.
        held_out: images to report the objective on after each epoch, without `corrupt` and `beta`.
        objective: `objective(model, x, key)` -> `Terms`; options of its own by `functools.partial`.
        binarize: draw every batch black or white afresh, x ~ Bernoulli(grey image); the held-out images once.
        corrupt: `corrupt(x, key)`, what the encoder sees of x, such as `salt_and_pepper(0.2)`, for denoising.
        beta: weight of the KL, or a schedule of the step (KL warm-up); None leaves it to the objective.
        optimizer: an optax optimiser to use instead of Adam.
        checkpoint: file to write after each epoch, atomically. An existing one is refused unless `resume`.
        resume: go on from `checkpoint` where it exists; the result equals that of an uninterrupted run to the bit.
        devices: devices to split each batch over, by default as many of JAX's as divide the batch.
        callback: called after each epoch as `callback(epochs_done, model, history)`.
        progress: show a progress bar with the ELBO and images per second.

    Returns:
        The history, one entry an epoch.

    Raises:
        TypeError, ValueError: for bad arguments, before anything is compiled.
        FileExistsError: where `checkpoint` exists and `resume` is False.
        ConnectionAbortedError: where another process of this training stopped with an error.
        FloatingPointError: where a term stops being finite, with its name and step; the model keeps the weights of the
            last good epoch.
    """
    with parallel.together():
        epochs, batch_size = checks.positive_int(epochs, "epochs"), checks.positive_int(batch_size, "batch_size")
        images, key = model.check_data(images), checks.key(key)
        if batch_size > len(images):
            raise ValueError(f"batch_size must be at most the number of images, {len(images)}, got {batch_size}")
        if held_out is not None:
            held_out = model.check_data(held_out)
        if beta is not None and not callable(beta):
            beta = checks.number(beta, "beta", low=0.0)
        if optimizer is None:
            if not callable(learning_rate):
                learning_rate = checks.number(learning_rate, "learning_rate", low=0.0, open_low=True)
            optimizer = _adam(learning_rate)

        mesh = parallel.data_mesh(devices, batch_size)
        graphdef, params, rest = nnx.split(model, nnx.Param, ...)
        program = _Program(graphdef, optimizer, objective, binarize, corrupt, beta, mesh)
        state, history = _start(optimizer, params), History()
        settings = {
            "model": getattr(model, "config", str(graphdef)),
            "objective": _name(objective),
            "optimizer": str(jax.tree.structure(state)),
            "learning_rate": _name(learning_rate),
            "batch_size": batch_size,
            "binarize": binarize,
            "corrupt": _name(corrupt),
            "beta": _name(beta),
            "key": np.asarray(jax.random.key_data(key)).tolist(),
        }
        run = checkpoints.Run(checkpoint, settings, images)
        if run.begin(resume):
            state, history = run.load(state, History)

    parallel.check_same(
        settings
        | {"epochs": epochs, "images": images, "held_out": held_out, "weights or checkpoint": (history.epochs, state)}
    )
    state, rest, data, train_key = parallel.replicate((state, rest, jnp.asarray(images), key), mesh)
    if history.epochs:
        nnx.update(model, _copy(parallel.local(state[0])))
    evaluation_key = jax.random.fold_in(key, 0)
    if held_out is not None:
        held_out = jnp.asarray(held_out)
        held_out = draw_binary(held_out, jax.random.fold_in(evaluation_key, 1)) if binarize else held_out

    bar = tqdm(total=epochs, initial=history.epochs, unit="epoch", disable=not (progress and parallel.is_first()))
    with interruption() as interrupted, bar:
        # Asked after the last epoch too: then no process leaves before the first has written the checkpoint.
        while not parallel.any_process(interrupted.is_set()) and history.epochs < epochs:
            start = time.perf_counter()
            plan = _plan(len(images), batch_size, mesh, train_key, history.epochs)
            state, steps, finite = _epoch(program, state, rest, data, plan)
            steps = jax.device_get(steps)
            _stop_unless_finite(steps, bool(finite), history.epochs)
            seconds = time.perf_counter() - start
            nnx.update(model, _copy(parallel.local(state[0])))
            measured = None if held_out is None else evaluate(model, held_out, evaluation_key, objective=objective)
            seconds, measured = parallel.of_first((seconds, measured))
            with parallel.together():
                history.add_epoch(steps, measured, len(steps.elbo) * batch_size, seconds)
                if parallel.is_first():
                    run.save(state, history)
                bar.set_postfix_str(str(history))
                bar.update()
                if callback is not None:
                    callback(history.epochs, model, history)
        history.interrupted = history.epochs < epochs
        if history.interrupted and parallel.is_first():
            bar.write(f"Stopped after epoch {history.epochs} of {epochs}; the model holds that epoch's weights.")
    return history


def evaluate(
    model: nnx.Module, images: Float[Array, "image pixel"], key: PRNGKeyArray, *, objective: Objective = elbo
) -> dict[str, float]:
    """The mean terms of the objective over the images: {"recon": …, "kl": …, "elbo": …}, in nats per image.

    Images are treated in blocks, so memory does not grow with their number. Raises as the model's `check_data` does.
    """
    x, key = jnp.asarray(model.check_data(images)), checks.key(key)
    size = min(EVALUATION_BLOCK, len(x))
    blocks = jnp.pad(x, ((0, -len(x) % size), (0, 0)), mode="edge").reshape(-1, size, x.shape[1])
    terms = _terms_of_blocks(*nnx.split(model), objective, blocks, key)
    return {name: float(np.mean(np.ravel(v)[: len(x)], dtype=np.float64)) for name, v in terms._asdict().items()}


@partial(jit_sooner, static_argnums=(0, 2))
def _terms_of_blocks(graphdef, state, objective, blocks, key) -> Terms:
    model = nnx.merge(graphdef, state)

    def of_block(indexed):
        index, x = indexed
        return objective(model, x, jax.random.fold_in(key, index))

    return jax.lax.map(of_block, (jnp.arange(len(blocks)), blocks))


@lru_cache
def _adam(learning_rate) -> optax.GradientTransformation:
    """One object for one learning rate, so that equal trainings share a compiled program."""
    return optax.adam(learning_rate)


@partial(jax.jit, static_argnums=0)
def _start(optimizer, params):
    """The state to donate: a copy of the weights, since the model keeps its own, and a new optimiser state."""
    return _copy(params), optimizer.init(params)


@jax.jit
def _copy(params):
    """Weights of their own memory, which the next epoch's donation leaves alone."""
    return jax.tree.map(jnp.copy, params)


@partial(jit_sooner, static_argnums=(0, 1, 2))
def _plan(images: int, batch_size: int, mesh, key, epoch):
    """An epoch's steps: their numbers, keys and batches, the images in a new order.

    A program of its own, which all trainings of equal sizes share, since a random order takes long to compile.
    """
    order_key, step_key = jax.random.split(jax.random.fold_in(key, epoch + 1))  # 0 is the evaluation's
    count = images // batch_size
    order = jax.random.permutation(order_key, images)[: count * batch_size]
    numbers = epoch * count + jnp.arange(count)
    keys = jax.vmap(lambda number: jax.random.split(jax.random.fold_in(step_key, number), 3))(numbers)
    return parallel.whole((numbers, keys, order.reshape(count, batch_size)), mesh)


@partial(jit_sooner, static_argnums=0, donate_argnums=1)
def _epoch(program: _Program, state, rest, images, plan):
    """One pass over the images; returns the state, Terms of shape (step,), and whether all weights are finite."""
    state, terms = jax.lax.scan(partial(_step, program, rest, images), state, plan)
    finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(state[0])]))
    return parallel.whole((state, terms, finite), program.mesh)


def _step(program: _Program, rest, images, state, step):
    """One update on one batch; its mean terms are those before the update."""
    params, optimizer_state = state
    number, (binary_key, noise_key, sample_key), batch = step
    x = parallel.split(images[batch], program.mesh)
    if program.binarize:
        x = draw_binary(x, binary_key)
    options = {} if program.corrupt is None else {"inputs": program.corrupt(x, noise_key)}
    if program.beta is not None:
        options["beta"] = program.beta(number) if callable(program.beta) else program.beta

    def loss(params):
        model = nnx.merge(program.graphdef, params, rest)
        terms = jax.tree.map(jnp.mean, program.objective(model, x, sample_key, **options))
        return -terms.elbo, terms

    gradient, terms = jax.grad(loss, has_aux=True)(params)
    updates, optimizer_state = program.optimizer.update(gradient, optimizer_state, params)
    return (optax.apply_updates(params, updates), optimizer_state), terms


def _stop_unless_finite(steps: Terms, weights_finite: bool, epoch: int) -> None:
    """Raise FloatingPointError that names the first term and step gone wrong in this epoch."""
    remedy = (
        "Try a lower learning_rate, or look at the images of this batch; the model keeps the last good epoch's weights."
    )
    bad = {name: int(np.argmax(~np.isfinite(v))) for name, v in steps._asdict().items() if not np.isfinite(v).all()}
    if bad:
        name = min(bad, key=bad.get)
        value = getattr(steps, name)[bad[name]]
        raise FloatingPointError(
            f"{name} became {value} at step {bad[name] + 1} of {len(steps.elbo)} in epoch {epoch + 1}. {remedy}"
        )
    if not weights_finite:
        raise FloatingPointError(f"a weight stopped being finite at the last step of epoch {epoch + 1}. {remedy}")


def _name(option) -> str | float | None:
    """A setting as text that is the same in the next process."""
    if option is None or isinstance(option, float):
        return option
    if isinstance(option, partial):
        return f"{_name(option.func)}{sorted(option.keywords.items())}"
    return getattr(option, "__qualname__", type(option).__qualname__)
