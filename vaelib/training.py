"""Training: a loop over epochs that the reader owns, and `fit`, which runs it to its end.

    for epoch in epochs(model, images, key, epochs=20):
        print(epoch.number, epoch.train["elbo"])

An epoch is one compiled program, all of it inside one `lax.scan`:

    permutation -> batches -> (binarise, corrupt) -> objective -> gradient -> optimiser

The data are an argument of the program and stay on the device; the state is donated, so an epoch runs in place. Keys
are folded from the epoch and the step, so an epoch depends on nothing but the key and the state before it.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Float, PRNGKeyArray
from tqdm.auto import tqdm

from vaelib import batches, checks, parallel, placement
from vaelib.checkpoints import Checkpoint
from vaelib.checks import AnyArray
from vaelib.compilation import jit_sooner, program
from vaelib.data import binarize as draw_binary
from vaelib.descriptions import Static, describe_settings
from vaelib.evaluation import evaluate
from vaelib.history import Epoch, History
from vaelib.interruption import interruption
from vaelib.objectives import Objective, Terms, elbo
from vaelib.protocols import check_model

# A training's key is folded with 0 for evaluation, with this for the held-out images, with 1, 2, ... for the epochs.
HELD_OUT = 2**32 - 1
ADAM = optax.chain(optax.scale_by_adam())  # its step size is a number of each step


def fit(
    model: nnx.Module,
    data: Float[AnyArray, "image pixel"] | batches.Parts,
    key: PRNGKeyArray,
    *,
    callback: Callable[[int, nnx.Module, History], None] | None = None,
    progress: bool = True,
    **options,
) -> History:
    """Train `model` in place, by the loop over `epochs`, with a progress bar, and stop politely when interrupted.

    Interrupting (Ctrl-C, Stop in Jupyter) ends training after the running epoch: the model and the history are those of
    the last complete epoch. A second interruption raises at once.

    In a training over several processes each calls `fit` with the same arguments, and gets the same result; the first
    writes the checkpoint and shows progress, and an interruption or an error of one stops all.

    Args:
        model: a `VAE`, `Autoencoder`, `LinearGaussianVAE` or a model of your own; it is updated in place.
        data: training images, shape (image, pixel), or images with what belongs to them, as in `epochs`.
        key: random key; the same key, data and options give the same weights.
        callback: called after each epoch as `callback(epochs_done, model, history)`.
        progress: show a progress bar with the ELBO and images per second.
        options: those of `epochs`: epochs, batch_size, learning_rate, held_out, objective, binarize, corrupt, beta,
            optimizer, checkpoint, resume, vouch_for, devices.

    Returns:
        The history, one entry an epoch.

    Raises:
        As `epochs` and its loop.

    Example:
        >>> import vaelib
        >>> model, (images, _) = vaelib.VAE.create(latent=2, hidden=(16,)), vaelib.load_mnist("train", limit=256)
        >>> history = fit(model, images, jax.random.key(0), epochs=2, progress=False)
        >>> history.train["elbo"][1] > history.train["elbo"][0]
        True
    """
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be a function of (epochs done, model, history), got {callback!r}")
    training = epochs(model, data, key, **options)
    history, total = training.history, training.total
    is_shown = progress and parallel.is_first()
    bar = tqdm(total=total, initial=history.epochs, unit="epoch", disable=not is_shown)
    with interruption() as interrupted, bar:
        for epoch in training:
            bar.set_postfix_str(str(history))
            bar.update()
            with parallel.together():
                if callback is not None:
                    callback(epoch.number, model, history)
            if parallel.any_process(interrupted.is_set()):
                break
        history.interrupted = history.epochs < total
        if history.interrupted and parallel.is_first():
            bar.write(f"Stopped after epoch {history.epochs} of {total}; the model holds that epoch's weights.")
    return history


def epochs(
    model: nnx.Module,
    data: Float[AnyArray, "image pixel"] | batches.Parts,
    key: PRNGKeyArray,
    *,
    epochs: int = 10,
    batch_size: int = 128,
    learning_rate: float | optax.Schedule | None = None,
    held_out: Float[AnyArray, "held_out pixel"] | batches.Parts | None = None,
    objective: Objective = elbo,
    binarize: bool = False,
    corrupt: Callable | None = None,
    beta: float | optax.Schedule | None = None,
    optimizer: optax.GradientTransformation | None = None,
    checkpoint: str | PathLike | None = None,
    resume: bool = False,
    vouch_for: Collection[str] = (),
    devices: Sequence[jax.Device] | None = None,
) -> "Training":
    """A loop over epochs of stochastic gradient ascent on the mean objective, for the caller to run.

    Each time round, `model` has been trained by one epoch more, in place, and `epoch` says what that came to. The loop
    is the caller's: `break` stops early, and what its body does to the model is trained on.

    An epoch visits the images in a new random order in batches of `batch_size`; a last, smaller batch is left out,
    of other images each time. While it trains, a model is in training mode (dropout, batch statistics), and in
    evaluation mode for the held-out images.

    Args:
        model: a `VAE`, `Autoencoder`, `LinearGaussianVAE` or a model of your own.
        data: training images, shape (image, pixel), as the model's `check_data` wants them. Or a tuple whose first part
            they are, or a mapping that has them under "images", with labels, weights or masks of as many rows: the
            objective then gets batches of this form.
        key: random key; the same key, data and options give the same weights.
        epochs: epochs to train in all; a resumed run counts those done before.
        batch_size: images a step.
        learning_rate: step size of Adam, 1e-3 by default, or a schedule of the step.
        held_out: data to report the objective on after each epoch, without `corrupt` and `beta`.
        objective: `objective(model, batch, key)` -> `Terms`; options of its own by `functools.partial`.
        binarize: draw every batch black or white afresh, x ~ Bernoulli(grey image); the held-out images once.
        corrupt: `corrupt(x, key)`, what the encoder sees of x, such as `salt_and_pepper(0.2)`, for denoising.
        beta: weight of the KL, or a schedule of the step (KL warm-up); None leaves it to the objective.
        optimizer: an optax optimiser to use instead of Adam, with a step size of its own. It is told the loss of the
            batch, minus its mean ELBO, as `value`.
        checkpoint: file to write after each epoch, atomically. An existing one is refused unless `resume`.
        resume: go on from `checkpoint` where it exists; the result equals that of an uninterrupted run to the bit.
            Settings that are not those of the file are refused.
        vouch_for: names of settings that are not to be compared, since you know them to be the same.
        devices: devices to split each batch over, by default as many of JAX's as divide the batch.

    Returns:
        A `Training`, to loop over; it has `history`, `model` and `total`, the number of epochs.

    Raises:
        TypeError, ValueError: for bad arguments, before anything is compiled.
        FileExistsError: where `checkpoint` exists and `resume` is False.
        ConnectionAbortedError: where another process of this training stopped with an error.
        FloatingPointError: in the loop, where a term stops being finite, with its name and step; the model keeps the
            weights of the last good epoch.

    Example:
        >>> import vaelib
        >>> model, (images, _) = vaelib.VAE.create(latent=2, hidden=(16,)), vaelib.load_mnist("train", limit=256)
        >>> for epoch in epochs(model, images, jax.random.key(0), epochs=100):
        ...     if epoch.train["elbo"] > -500:
        ...         break
    """
    with parallel.together():
        total, batch_size = checks.positive_int(epochs, "epochs"), checks.positive_int(batch_size, "batch_size")
        check_model(model)
        data, key = batches.checked(model, data, "data"), checks.key(key)
        if batch_size > batches.rows_of(data):
            raise ValueError(
                f"batch_size must be at most the number of images, {batches.rows_of(data)}, got {batch_size}"
            )
        if held_out is not None:
            held_out = batches.checked(model, held_out, "held_out")
        _check_functions(objective, corrupt, optimizer)
        checks.boolean(binarize, "binarize")
        schedules = _schedules(learning_rate, beta, optimizer)
        settings = {"model": model, "objective": objective, "optimizer": optimizer, **schedules, "corrupt": corrupt}
        settings |= {"batch_size": batch_size, "binarize": binarize, "key": key, "data": data, "held_out": held_out}
        mesh = placement.data_mesh(devices, batch_size)
        if held_out is not None and binarize:
            binary = draw_binary(batches.images_of(held_out), jax.random.fold_in(key, HELD_OUT))
            held_out = batches.with_images(held_out, binary)
        step = _Step(Static(objective), Static(optimizer or ADAM), Static(corrupt), binarize, mesh)
        if checkpoint is None and resume:
            raise ValueError("resume=True needs checkpoint, the file to go on from; got checkpoint=None")
        record = describe_settings(settings, vouch_for) if checkpoint is not None or parallel.are_several() else {}
        training = Training(model, data, key, held_out, step, schedules, total, batch_size)
        if checkpoint is not None:
            training.keep(Checkpoint(checkpoint, record), resume)
    parallel.check_same(record | {"epochs": total, "weights or checkpoint": (training.history.epochs, training.state)})
    return training


class Training:
    """A training that does an epoch each time its loop comes round; made by `epochs`.

    It stops where the loop does, and another loop over it goes on from there. The model is the state: what the loop's
    body does to its weights is trained on.
    """

    def __init__(self, model: nnx.Module, data, key, held_out, step: "_Step", schedules: dict, total, batch_size):
        """Set up the optimiser; nothing is trained yet."""
        self.model, self.total, self.history = model, total, History()
        self._data, self._key = placement.replicate((data, key), step.mesh)
        self._held_out, self._evaluation_key = held_out, jax.random.fold_in(key, 0)
        self._step, self._schedules, self._batch_size = step, schedules, batch_size
        self._optimizer_state = program(_initial, step.optimizer)(_split(model)[1])
        self._checkpoint: Checkpoint | None = None

    def __iter__(self) -> Iterator[Epoch]:
        """Train on, epoch by epoch, up to the last."""
        while self.history.epochs < self.total:
            start = time.perf_counter()
            steps = self._train_one_epoch()
            seconds = time.perf_counter() - start
            seconds, measured = parallel.numbers_of_first((seconds, self._evaluate()))
            with parallel.together():
                self.history.add_epoch(steps, measured, len(steps.elbo) * self._batch_size, seconds)
                if self._checkpoint is not None and parallel.is_first():
                    self._checkpoint.save(self.state, self.history)
            yield self.history.last_epoch()

    def _train_one_epoch(self) -> Terms:
        """One pass over the data, which updates model and optimiser; returns the terms by step, of shape (step,)."""
        mesh, done = self._step.mesh, self.history.epochs
        graphdef, *variables = _split(self.model)
        state = _copy(placement.replicate((*variables, self._optimizer_state), mesh))
        numbers, *plan = _plan(batches.rows_of(self._data), self._batch_size, mesh, self._key, done)
        plan.append({name: _by_step(value, numbers) for name, value in self._schedules.items() if value is not None})
        run = program(_epoch, self._step, graphdef, donate=(0,))
        (*variables, optimizer_state), steps, finite = run(state, self._data, plan)
        steps = jax.device_get(steps)
        _stop_unless_finite(steps, bool(finite), done)
        self._optimizer_state = optimizer_state
        nnx.update(self.model, *placement.fetch(variables, mesh))
        return steps

    def _evaluate(self) -> dict[str, float] | None:
        if self._held_out is None:
            return None
        return evaluate(self.model, self._held_out, self._evaluation_key, objective=self._step.objective.value)

    @property
    def state(self):
        """All that the next epoch depends on, as arrays of this process: weights, other variables, the optimiser's."""
        return *_split(self.model)[1:], placement.fetch(self._optimizer_state, self._step.mesh)

    def keep(self, checkpoint: Checkpoint, resume: bool) -> None:
        """Write the checkpoint after each epoch from now on, and where it exists already, go on from it."""
        self._checkpoint = checkpoint
        if checkpoint.can_be_resumed(resume):
            (*variables, self._optimizer_state), self.history = checkpoint.load(self.state)
            nnx.update(self.model, *variables)


@dataclass(frozen=True)
class _Step:
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
            options["inputs"] = self.corrupt.value(batches.images_of(batch), noise_key)

        def loss(parameters):
            # The copy makes variables that belong to this trace, so that layers may change them.
            model = nnx.merge(graphdef, parameters, jax.tree.map(lambda leaf: leaf, rest))
            terms = jax.tree.map(jnp.mean, self.objective.value(model, batch, sample_key, **options))
            _, *variables = nnx.split(model, nnx.Param, ...)
            return -terms.elbo, (terms, variables[1])

        (value, (terms, rest)), gradient = jax.value_and_grad(loss, has_aux=True)(parameters)
        optimizer = optax.with_extra_args_support(self.optimizer.value)
        updates, optimizer_state = optimizer.update(gradient, optimizer_state, parameters, value=value)
        if "learning_rate" in rates:
            updates = jax.tree.map(lambda update: -rates["learning_rate"].astype(update.dtype) * update, updates)
        return (optax.apply_updates(parameters, updates), rest, optimizer_state), terms


def _epoch(step: _Step, graphdef, state, data, plan):
    """One pass over the data; returns the state, Terms of shape (step,), and whether all weights are finite."""
    state, terms = jax.lax.scan(partial(step, graphdef, data), state, plan)
    finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(state[0])]))
    return placement.on_every_device((state, terms, finite), step.mesh)


def _initial(optimizer: Static, parameters):
    return optimizer.value.init(parameters)


def _split(model: nnx.Module):
    """Structure, weights and other variables of the model in training mode; the model itself stays in its mode."""
    trained = nnx.merge(*nnx.split(model))
    trained.train()
    return nnx.split(trained, nnx.Param, ...)


@jax.jit
def _copy(state):
    """A state of its own memory, to donate: what the model and the training hold outlives an epoch that fails."""
    return jax.tree.map(jnp.copy, state)


@partial(jit_sooner, static_argnums=(0, 1, 2))
def _plan(images: int, batch_size: int, mesh, key, epoch):
    """An epoch's steps: their numbers, keys and rows, the images in a new order.

    A program of its own, which all trainings of equal sizes share, since a random order takes long to compile.
    """
    order_key, step_key = jax.random.split(jax.random.fold_in(key, epoch + 1))
    count = images // batch_size
    order = jax.random.permutation(order_key, images)[: count * batch_size]
    numbers = epoch * count + jnp.arange(count)
    keys = jax.vmap(lambda number: jax.random.split(jax.random.fold_in(step_key, number), 3))(numbers)
    return placement.on_every_device((numbers, keys, order.reshape(count, batch_size)), mesh)


def _check_functions(objective, corrupt, optimizer) -> None:
    """Refuse with TypeError what can not be called, and an optimiser's class in place of an optimiser."""
    for name, value in {"objective": objective, "corrupt": corrupt}.items():
        if not callable(value) and (value is not None or name == "objective"):
            raise TypeError(f"{name} must be a function, got {value!r}")
    if optimizer is not None and not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        raise TypeError(f"optimizer must be one of Optax's, such as optax.adam(1e-3), got {optimizer!r}; call it first")


def _schedules(learning_rate, beta, optimizer) -> dict:
    """The numbers that a step is given, each a float, a schedule, or None for what it is not given."""
    if optimizer is None:
        learning_rate = 1e-3 if learning_rate is None else learning_rate
    elif learning_rate is not None:
        raise ValueError(
            f"learning_rate is for Adam, and an optimizer has a step size of its own; got learning_rate="
            f"{learning_rate!r} and an optimizer: give one of them"
        )
    if learning_rate is not None and not callable(learning_rate):
        learning_rate = checks.number(learning_rate, "learning_rate", low=0.0, open_low=True)
    if beta is not None and not callable(beta):
        beta = checks.number(beta, "beta", low=0.0)
    return {"learning_rate": learning_rate, "beta": beta}


def _by_step(value, numbers):
    """A number, or a schedule's value at each step of an epoch, as float32."""
    if not callable(value):
        return np.full(len(numbers), value, np.float32)
    return program(_scheduled, Static(value))(numbers)


def _scheduled(schedule: Static, numbers):
    return jax.vmap(lambda number: jnp.asarray(schedule.value(number), jnp.float32))(numbers)


def _stop_unless_finite(steps: Terms, weights_finite: bool, epoch: int) -> None:
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
