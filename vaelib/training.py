"""Training: a loop over epochs that the reader owns, and `fit`, which runs it to its end.

    for epoch in epochs(model, images, key, epochs=20):
        print(epoch.number, epoch.train["elbo"])

What one epoch does, as a compiled program, stands in `vaelib.steps`.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from os import PathLike

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Float, PRNGKeyArray
from tqdm.auto import tqdm

from vaelib import batches, checks, parallel, placement
from vaelib.checkpoints import Checkpoint
from vaelib.checks import AnyArray
from vaelib.compilation import program
from vaelib.data import binarize as draw_binary
from vaelib.descriptions import Static, describe_settings
from vaelib.evaluation import evaluate
from vaelib.files import path_of
from vaelib.history import Epoch, History
from vaelib.interruption import interruption
from vaelib.languages import tr
from vaelib.objectives import Objective, Terms, elbo
from vaelib.options import CALLBACK, check_function, check_functions, check_precision, schedules_of
from vaelib.protocols import check_model
from vaelib.steps import (
    Step,
    by_step,
    copy_to_donate,
    epoch_of_steps,
    initial_state,
    plan_of_epoch,
    split_for_training,
    stop_unless_finite,
)

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
    if callback is not None:
        check_function(callback, "callback", CALLBACK)
    checks.boolean(progress, "progress")
    training = epochs(model, data, key, **options)
    history, total = training.history, training.total
    is_shown = progress and parallel.is_first()
    bar = tqdm(total=total, initial=history.epochs, unit=tr("epoch"), disable=not is_shown)
    with interruption() as interrupted, bar, parallel.losses_named():
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
            bar.write(
                tr(
                    "Stopped after epoch {done} of {total}; the model holds that epoch's weights.",
                    done=history.epochs,
                    total=total,
                )
            )
    return history


def epochs(
    model: nnx.Module,
    data: Float[AnyArray, "image pixel"] | batches.Parts,
    key: PRNGKeyArray,
    *,
    epochs: int = 10,
    batch_size: int = 128,
    learning_rate: checks.Number | optax.Schedule | None = None,
    held_out: Float[AnyArray, "held_out pixel"] | batches.Parts | None = None,
    objective: Objective = elbo,
    binarize: bool = False,
    corrupt: Callable | None = None,
    beta: checks.Number | optax.Schedule | None = None,
    optimizer: optax.GradientTransformation | optax.MultiSteps | None = None,
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
        BlockingIOError: where another process is writing `checkpoint`.
        ConnectionAbortedError: where another process of this training stopped with an error, or was killed.
        FloatingPointError: in the loop, where a term stops being finite, with its name and step; the model keeps the
            weights of the last good epoch.

    Example:
        >>> import vaelib
        >>> model, (images, _) = vaelib.VAE.create(latent=2, hidden=(16,)), vaelib.load_mnist("train", limit=256)
        >>> for epoch in epochs(model, images, jax.random.key(0), epochs=100):
        ...     if epoch.number == 1 or epoch.train["elbo"] >= max(epoch.history.train["elbo"]):
        ...         best = nnx.clone(model)  # a copy: the model's own arrays go on changing
        ...     if epoch.train["elbo"] > -500:
        ...         break
    """
    with parallel.together():
        total, batch_size = checks.positive_int(epochs, "epochs"), checks.positive_int(batch_size, "batch_size")
        check_model(model)
        check_precision(model)
        data, key = jax.tree.map(jnp.asarray, batches.checked(model, data, "data")), checks.key(key)
        if batch_size > batches.rows_of(data):
            raise ValueError(
                f"batch_size must be at most the number of images, {batches.rows_of(data)}, got {batch_size}"
            )
        if held_out is not None:
            held_out = jax.tree.map(jnp.asarray, batches.checked(model, held_out, "held_out"))
        check_functions(objective, corrupt, beta, optimizer)
        checks.boolean(binarize, "binarize")
        checks.boolean(resume, "resume")
        schedules = schedules_of(learning_rate, beta, optimizer)
        settings = {"model": model, "objective": objective, "optimizer": optimizer, **schedules, "corrupt": corrupt}
        settings |= {"batch_size": batch_size, "binarize": binarize, "key": key, "data": data, "held_out": held_out}
        mesh = placement.data_mesh(devices, batch_size)
        if held_out is not None and binarize:
            binary = draw_binary(batches.images_of(held_out), jax.random.fold_in(key, HELD_OUT))
            held_out = batches.with_images(held_out, binary)
        step = Step(Static(objective), Static(optimizer or ADAM), Static(corrupt), binarize, mesh)
        checkpoint = None if checkpoint is None else path_of(checkpoint, "checkpoint")
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

    def __init__(self, model: nnx.Module, data, key, held_out, step: Step, schedules: dict, total, batch_size):
        """Set up the optimiser; nothing is trained yet."""
        self.model, self.total, self.history = model, total, History()
        self._data, self._key = placement.replicate((data, key), step.mesh)
        self._held_out, self._evaluation_key = held_out, jax.random.fold_in(key, 0)
        self._step, self._schedules, self._batch_size = step, schedules, batch_size
        self._optimizer_state = program(initial_state, step.optimizer)(split_for_training(model)[1])
        self._checkpoint: Checkpoint | None = None

    def __iter__(self) -> Iterator[Epoch]:
        """Train on, epoch by epoch, up to the last."""
        try:
            with parallel.losses_named():
                yield from self._epochs()
        finally:
            self._release()

    def _epochs(self) -> Iterator[Epoch]:
        while self.history.epochs < self.total:
            start = time.perf_counter()
            steps = self._train_one_epoch()
            self._record(steps, time.perf_counter() - start)
            yield self.history.last_epoch()

    def _train_one_epoch(self) -> Terms:
        """One pass over the data, which updates model and optimiser; returns the terms by step, of shape (step,)."""
        mesh, done = self._step.mesh, self.history.epochs
        graphdef, *variables = split_for_training(self.model)
        state = copy_to_donate(placement.replicate((*variables, self._optimizer_state), mesh))
        numbers, *plan = plan_of_epoch(batches.rows_of(self._data), self._batch_size, mesh, self._key, done)
        plan.append({name: by_step(value, numbers) for name, value in self._schedules.items() if value is not None})
        run = program(epoch_of_steps, self._step, graphdef, donate=(0,))
        (*variables, optimizer_state), steps, finite = run(state, self._data, plan)
        steps = jax.device_get(steps)
        stop_unless_finite(steps, bool(finite), done)
        self._optimizer_state = optimizer_state
        nnx.update(self.model, *placement.fetch(variables, mesh))
        return steps

    def _record(self, steps: Terms, seconds: float) -> None:
        """The epoch into the history and the checkpoint: the numbers of the first process in all, its file alone."""
        seconds, measured = parallel.numbers_of_first((seconds, self._evaluate()))
        with parallel.together():
            self.history.add_epoch(steps, measured, len(steps.elbo) * self._batch_size, seconds)
            if self._checkpoint is not None and parallel.is_first():
                self._checkpoint.save(self.state, self.history)

    def _evaluate(self) -> dict[str, float] | None:
        if self._held_out is None:
            return None
        return evaluate(self.model, self._held_out, self._evaluation_key, objective=self._step.objective.value)

    @property
    def state(self):
        """All that the next epoch depends on, as arrays of this process: weights, other variables, the optimiser's."""
        return *split_for_training(self.model)[1:], placement.fetch(self._optimizer_state, self._step.mesh)

    def keep(self, checkpoint: Checkpoint, resume: bool) -> None:
        """Write the checkpoint after each epoch from now on, and where it exists already, go on from it."""
        self._checkpoint = checkpoint
        try:
            checkpoint.check(self.state)
            if checkpoint.can_be_resumed(resume, claimed=parallel.is_first()):
                (*variables, self._optimizer_state), self.history = checkpoint.load(self.state)
                nnx.update(self.model, *variables)
        except BaseException:
            self._release()
            raise

    def _release(self) -> None:
        if self._checkpoint is not None:
            self._checkpoint.release()
