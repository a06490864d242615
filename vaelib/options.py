"""What a training is asked for, refused before anything is compiled where it can not be done."""

import inspect
from collections.abc import Callable, Collection

import jax
import jax.numpy as jnp
from flax import nnx

from vaelib import checks
from vaelib.variables import variables_of

CALLBACK = ("epochs done", "model", "history")
OBJECTIVE = ("model", "batch", "key")
CORRUPT = ("x", "key")


def check_precision(model: nnx.Module) -> None:
    """Refuse weights of float16: a gradient below 6e-8 is 0 in it, and so is Adam's epsilon, by which it divides."""
    halves = [name for name, array in variables_of(model, nnx.Param).items() if array.dtype == jnp.float16]
    if halves:
        raise TypeError(
            f"weights must be of float32, or of bfloat16 to save memory, for training, got float16 in {halves[0]} and "
            f"{len(halves) - 1} more: small gradients and Adam's epsilon are 0 in it, and the weights become NaN"
        )


def check_function(value, name: str, takes: Collection[str], by_name: Collection[str] = ()) -> None:
    """Refuse what is no function, or can not be called with arguments in this order and those by name."""
    listed = f"({', '.join([*takes, *(f'{option}=...' for option in by_name)])})"
    if not callable(value):
        raise TypeError(f"{name} must be a function of {listed}, got {value!r}")
    try:
        signature = inspect.signature(value)
    except ValueError:
        return  # written in C, it does not say what it takes
    try:
        signature.bind(*takes, **dict.fromkeys(by_name))
    except TypeError as error:
        raise TypeError(f"{name} must be a function of {listed}, got {value!r} of {signature}: {error}") from None


def check_functions(objective, corrupt, beta, optimizer) -> None:
    """Refuse what a step can not call, and an optimiser's class in place of an optimiser, with TypeError."""
    told = {"beta": beta, "inputs": corrupt}
    check_function(objective, "objective", OBJECTIVE, [name for name, value in told.items() if value is not None])
    if corrupt is not None:
        check_function(corrupt, "corrupt", CORRUPT)
    if optimizer is not None and not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        raise TypeError(f"optimizer must be one of Optax's, such as optax.adam(1e-3), got {optimizer!r}; call it first")


def schedules_of(learning_rate, beta, optimizer) -> dict:
    """The numbers that a step is given, each a float, a schedule, or None for what it is not given."""
    if optimizer is None:
        learning_rate = 1e-3 if learning_rate is None else learning_rate
    elif learning_rate is not None:
        raise ValueError(
            f"learning_rate is for Adam, and an optimizer has a step size of its own; got learning_rate="
            f"{learning_rate!r} and an optimizer: give one of them"
        )
    chosen = {"learning_rate": learning_rate, "beta": beta}
    for name, value in chosen.items():
        if callable(value):
            _check_schedule(value, name)
        elif value is not None:
            chosen[name] = checks.number(value, name, low=0.0, open_low=name == "learning_rate")
    return chosen


def _check_schedule(schedule: Callable, name: str) -> None:
    """Refuse a function of the step that does not give one number, with TypeError."""
    wanted = f"{name} must be a number, or a schedule: a function of the step, in jax.numpy, that gives one number"
    check_function(schedule, name, ("step",))
    try:
        given = jax.eval_shape(schedule, 0)
    except TypeError as error:  # also what JAX says of an `if` on the step
        raise TypeError(f"{wanted}; {schedule!r} fails: {str(error).splitlines()[0]}") from error
    if getattr(given, "shape", None) != () or not jnp.issubdtype(given.dtype, jnp.number):
        raise TypeError(f"{wanted}; {schedule!r} gives {given!r}")
