"""Models on disk: every variable that a model holds, and the configuration that rebuilds it.

The variables (weights, running means, the state of random streams, a fixed sigma) are the file's tensors, by dotted
name such as "decoder.output.kernel". The record names the model's class and holds what it was built with:

    {"format": "vaelib model", "version": 2, "class": "VAE", "config": {"class": "VAE", "latent": 2, ...}, "dtypes": {}}
"""

import os
import reprlib
import textwrap
from collections.abc import Callable
from typing import TypeVar, overload

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array

from vaelib import checks
from vaelib.conditional import ConditionalVAE
from vaelib.linear_gaussian import LinearGaussianVAE
from vaelib.models import VAE, Autoencoder, ImageModel
from vaelib.storage import read_tensors, write_tensors
from vaelib.variables import Values, leaf_name, variables_of

Shipped = VAE | Autoencoder | ConditionalVAE | LinearGaussianVAE
# A model of the sizes that its configuration says, whatever its weights.
MODELS: dict[str, Callable[..., Shipped]] = {
    "VAE": lambda **config: VAE(**config, rngs=nnx.Rngs(0)),
    "Autoencoder": lambda **config: Autoencoder(**config, rngs=nnx.Rngs(0)),
    "ConditionalVAE": lambda **config: ConditionalVAE(**config, rngs=nnx.Rngs(0)),
    "LinearGaussianVAE": LinearGaussianVAE.create,
}
CONFIGURED = ImageModel, LinearGaussianVAE
FORMAT, VERSION = "vaelib model", 2
PRECISIONS = ("float32", "float16")
FLOATING = ("float16", "bfloat16", "float32", "float64")
Model = TypeVar("Model", bound=nnx.Module)


def save_model(
    model: nnx.Module, path: str | os.PathLike, *, overwrite: bool = False, dtype: str | None = None
) -> None:
    """Save every variable that a model holds, to the bit, for `load_model`.

    Args:
        model: a `VAE`, an `Autoencoder`, a `LinearGaussianVAE`, or any other `nnx.Module`, whose class `load_model` can
            not rebuild: it fills an instance that you build.
        path: the file, by custom *.safetensors.
        overwrite: replace an existing file.
        dtype: "float16" for a file of half the size, each weight rounded to 11 significant bits, or "float32".

    Raises:
        TypeError, ValueError: for what is no model, was changed after it was built, or has numbers that are not finite.
        FileExistsError, FileNotFoundError: as `write_atomically`.

    Example:
        >>> save_model(VAE.create(latent=2, hidden=(16,)), "vae.safetensors", dtype="float16")
        >>> load_model("vae.safetensors").hidden
        (16,)
    """
    if not isinstance(model, nnx.Module):
        raise TypeError(f"model must be a VAE or another nnx.Module, got {type(model).__name__}")
    tensors: dict[str, Values | np.ndarray] = dict(variables_of(model))
    parameters, dtypes = variables_of(model, nnx.Param), {}
    if dtype is not None:
        checks.one_of(dtype, PRECISIONS, "dtype")
        for name, parameter in parameters.items():
            dtypes[name] = str(parameter.dtype)
            with np.errstate(over="ignore"):  # what overflows is reported below, by name
                tensors[name] = np.asarray(parameter).astype(dtype)
    remedy = "save as float32" if dtype == "float16" else "train again with a smaller learning rate"
    for name, tensor in tensors.items():
        _check_finite(tensor, f"{name} as {tensor.dtype}", remedy)
    config = model.config if isinstance(model, CONFIGURED) else None
    if type(model).__name__ in MODELS and config is not None:
        _check_rebuilds(model, config)
    record = {"format": FORMAT, "version": VERSION, "class": type(model).__name__, "config": config, "dtypes": dtypes}
    write_tensors(path, tensors, record, overwrite=overwrite)


@overload
def load_model(path: str | os.PathLike, model: None = None) -> Shipped: ...


@overload
def load_model(path: str | os.PathLike, model: Model) -> Model: ...


def load_model(path, model=None):
    """The model saved by `save_model`, with the variables that it was saved with.

    Args:
        path: the file.
        model: an instance to fill and return, of the class that was saved and built with the same arguments. A `VAE`,
            an `Autoencoder` or a `LinearGaussianVAE` is built from the file where none is given; a class of your own
            needs one:
            `load_model("mine.safetensors", Mine(width=3, rngs=nnx.Rngs(0)))`.

    Raises:
        FileNotFoundError: where there is no file.
        ValueError: where the file is damaged, foreign, of another version, of another class or configuration, or holds
            variables that are missing, superfluous, of the wrong shape or dtype, or not finite; the model is unchanged.

    Example:
        >>> save_model(nnx.Linear(3, 2, rngs=nnx.Rngs(0)), "mine.safetensors")
        >>> mine = load_model("mine.safetensors", nnx.Linear(3, 2, rngs=nnx.Rngs(1)))
    """
    tensors, record = read_tensors(path)
    where = repr(os.fspath(path))
    if record.get("format") != FORMAT or record.get("version") not in (1, VERSION):
        found = record.get("format"), record.get("version")
        raise ValueError(f"{where} must hold a {FORMAT!r} of version {VERSION}, got {found!r}; save it with save_model")
    if record["version"] == 1:
        tensors, record = _upgraded(tensors, record, where)
    if model is None:
        model = _abstract_model(record, len(tensors), where)
    else:
        _check_same(model, record, where)
    values = _checked(tensors, variables_of(model), record, where)
    nnx.update(model, jax.tree_util.tree_map_with_path(lambda path, _: values[leaf_name(path)], nnx.state(model)))
    return model


def _check_rebuilds(model: nnx.Module, config: dict) -> None:
    """Refuse a model that was changed after it was built, so that its configuration would make another one.

    Compared are the shapes of the variables, and the structure with all that is no variable, such as activations.
    """
    arguments = {argument: value for argument, value in config.items() if argument != "class"}
    rebuilt = nnx.eval_shape(lambda: MODELS[config["class"]](**arguments))
    found, wanted = ({name: leaf.shape for name, leaf in variables_of(of).items()} for of in (model, rebuilt))
    if found != wanted or _structure(model) != _structure(rebuilt):
        raise ValueError(
            f"model must be as its configuration says, {config}, got one that was changed after it was built; write a "
            "class of your own for it, and pass an instance to load_model"
        )


def _structure(model: nnx.Module):
    """What a model is beside its variables, in evaluation mode."""
    evaluated = nnx.merge(*nnx.split(model))
    evaluated.eval()
    return nnx.graphdef(evaluated)


def _upgraded(tensors: dict, record: dict, where: str) -> tuple[dict, dict]:
    """What a file of version 1 says, as one of version 2 says it.

    Version 1 held parameters alone, in float32 or rounded from it. A model then knew how many pixels its images have
    and not their shape, and a fixed sigma was known from the configuration.
    """
    config = record.get("config")
    if not isinstance(config, dict):
        raise ValueError(f"{where} must hold the configuration of a model, got {reprlib.repr(config)}")
    config = dict(config)
    if config.get("likelihood") != "gaussian":
        config.pop("sigma", None)  # it was recorded, and meant nothing
    elif isinstance(config.get("sigma"), float):
        tensors = tensors | {"decoder.sigma": np.array(config["sigma"], np.float32)}
    dtypes = {name: "float32" for name in tensors}
    return tensors, {"class": config.get("class"), "config": config, "dtypes": dtypes}


def _abstract_model(record: dict, count: int, where: str) -> Shipped:
    """The model of a configuration with shapes in place of variables, so that a wrong one costs no memory."""
    name, config = record.get("class"), record.get("config")
    if name not in list(MODELS):
        shown = reprlib.repr(name)
        call = f"load_model(path, {shown}(...))".replace("'", "")
        raise ValueError(
            f"{where} holds a model of the class {shown}, which vaelib can not build; build one and let it be filled: "
            f"{call}"
        )
    if not isinstance(config, dict):
        raise ValueError(f"{where} must hold the configuration of a {name}, got {reprlib.repr(config)}")
    hidden = config.get("hidden")
    if isinstance(hidden, list) and len(hidden) > count:  # found out before so many layers are built
        raise ValueError(f"{where} must hold the weights of {len(hidden)} hidden layers, got {count} tensors")
    arguments = {argument: value for argument, value in config.items() if argument != "class"}
    try:
        model = nnx.eval_shape(lambda: MODELS[name](**arguments))
    except (TypeError, ValueError) as error:
        message = textwrap.shorten(str(error), 300, placeholder=" …")
        raise ValueError(f"{where} holds a configuration that {name} refuses: {message}") from error
    known = model.config.keys() - {"image_shape"} | {"pixels" if "pixels" in config else "image_shape"}
    if known != config.keys():
        raise ValueError(f"{where} must hold the arguments of {name}; {_difference(known, config.keys())}")
    return model


def _check_same(model: nnx.Module, record: dict, where: str) -> None:
    """Refuse an instance of another class than the saved model's, or one built with other arguments."""
    if not isinstance(model, nnx.Module):
        raise TypeError(f"model must be an nnx.Module to fill, got {type(model).__name__}")
    name, saved = type(model).__name__, record.get("config")
    if name != record.get("class"):
        raise ValueError(f"{where} holds a model of the class {record.get('class')!r}, got one of {name!r} to fill")
    if not (isinstance(model, CONFIGURED) and isinstance(saved, dict)):
        return
    for argument, value in model.config.items():
        # sigma is a variable, and filled as the others are.
        if argument in saved and argument != "sigma" and value != saved[argument]:
            raise ValueError(
                f"{where} holds a {name} with {argument} = {saved[argument]!r}, got one with {value!r} to fill; "
                "build it with the saved one's arguments"
            )


def _checked(tensors: dict, variables: dict, record: dict, where: str) -> dict[str, Array]:
    """The values of a model's variables, in the dtypes that they were saved from."""
    if variables.keys() != tensors.keys():
        raise ValueError(
            f"{where} must hold the variables of its configuration; {_difference(variables.keys(), tensors.keys())}"
        )
    values, dtypes = {}, record.get("dtypes", {})
    known = isinstance(dtypes, dict) and dtypes.keys() <= variables.keys()
    if not (known and all(isinstance(dtype, str) and dtype in FLOATING for dtype in dtypes.values())):
        raise ValueError(
            f"{where} must say of its weights of which dtype they were, each one of {', '.join(FLOATING)}, "
            f"got {reprlib.repr(dtypes)}"
        )
    for name, variable in variables.items():
        tensor = tensors[name]
        floating = all(jnp.issubdtype(x.dtype, jnp.floating) for x in (tensor, variable))
        if tensor.shape != variable.shape or not (floating or tensor.dtype == variable.dtype):
            raise ValueError(
                f"{name} in {where} must be {variable.dtype} of shape {variable.shape}, "
                f"got {tensor.dtype} of shape {tensor.shape}"
            )
        _check_finite(tensor, f"{name} in {where}", "save the model again")
        # NumPy converts without compiling a program.
        values[name] = jax.device_put(tensor.astype(dtypes[name]) if name in dtypes else tensor)
    return values


def _check_finite(tensor: np.ndarray | Values, name: str, remedy: str) -> None:
    """Numbers without NaN or infinity; random keys and integers have none."""
    if jnp.issubdtype(tensor.dtype, jnp.inexact):
        bad = np.count_nonzero(~np.isfinite(np.asarray(tensor)))
        if bad:
            raise ValueError(f"{name} must be finite, got {bad} NaN or infinite of {tensor.size} weights; {remedy}")


def _difference(wanted, found) -> str:
    """What is missing from and what is superfluous in a set of names."""
    missing, superfluous = sorted(wanted - found), sorted(found - wanted)
    return f"missing: {_some(missing)}; superfluous: {_some(superfluous)}"


def _some(names: list[str]) -> str:
    """The names, or the first of many."""
    few = ", ".join(names[:6])
    return f"{few} and {len(names) - 6} more" if len(names) > 6 else few or "none"
