"""Files of tensors: safetensors with a JSON record in the header, written whole or not at all.

A safetensors file holds arrays and strings and cannot run code when it is read. The record says what the arrays are;
for a model it holds the configuration that rebuilds it:

    {"format": "vaelib model", "version": 1, "config": {"class": "VAE", "latent": 2, ...}}

and the arrays are its parameters by dotted name, such as "decoder.output.kernel".
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from vaelib import checks
from vaelib.files import write_atomically
from vaelib.models import VAE, Autoencoder

MODELS = {"VAE": VAE, "Autoencoder": Autoencoder}
FORMAT, VERSION = "vaelib model", 1
PRECISIONS = ("float32", "float16")
# What safetensors holds itself; other numbers are written as bytes.
DTYPES = {f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)}
DTYPES |= {"bool", "float16", "bfloat16", "float32", "float64"}
ENCODED = "encoded"  # what the record calls its notes on such bytes, and on random keys
# safetensors writes the header's strings in random order: with one alone, equal content gives equal bytes.
HEADER_KEY = "vaelib"


def write_tensors(path: str | os.PathLike, tensors: Mapping[str, object], metadata: dict, *, overwrite: bool) -> None:
    """Write named arrays, NumPy or JAX, and a JSON-able record to one safetensors file, atomically.

    Equal arguments give equal bytes. JAX's random keys are arrays, too, and every dtype of JAX comes back to the bit.

    Raises:
        TypeError: where a tensor is not of numbers or keys, or the record is no dictionary for JSON.
        FileExistsError, FileNotFoundError: as `write_atomically`.
    """
    if not isinstance(metadata, dict) or ENCODED in metadata:
        raise TypeError(f"metadata must be a dict without the name {ENCODED!r}, got {metadata!r}")
    arrays, notes = {}, {}
    for name, tensor in tensors.items():
        arrays[name], note = _encode(tensor, f"tensors[{name!r}]")
        if note:
            notes[name] = note
    try:
        record = json.dumps(metadata | ({ENCODED: notes} if notes else {}), sort_keys=True)
    except (TypeError, ValueError) as error:
        raise TypeError(f"metadata must be a dict of what JSON holds, got {metadata!r} ({error})") from error
    write_atomically(path, save(arrays, metadata={HEADER_KEY: record}), overwrite=overwrite)


def read_tensors(path: str | os.PathLike) -> tuple[dict[str, np.ndarray | jax.Array], dict]:
    """The arrays and the record of a file by `write_tensors`: NumPy arrays, and JAX arrays for random keys.

    Raises:
        FileNotFoundError: where there is no file.
        ValueError: where it is truncated, damaged, no safetensors file, or not by `write_tensors`.
    """
    where = repr(os.fspath(path))
    if not Path(path).is_file():
        raise FileNotFoundError(f"path must be an existing file, got {where}")
    try:
        with safe_open(path, framework="numpy") as file:
            record = json.loads((file.metadata() or {}).get(HEADER_KEY, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping, but has keys)
    except (SafetensorError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{where} must be a whole safetensors file, got a truncated, damaged or foreign one ({error})"
        ) from error
    if not isinstance(record, dict):
        raise ValueError(f"{where} must be a file saved by vaelib, got a safetensors file without its record")
    try:
        return tensors | {
            name: _decode(tensors[name], **note) for name, note in record.pop(ENCODED, {}).items()
        }, record
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{where} must say how its tensors are encoded, got a damaged record ({error})") from error


def _encode(tensor, name: str) -> tuple[np.ndarray, dict | None]:
    """An array that safetensors holds, and what `_decode` needs to make the given one of it again."""
    if isinstance(tensor, jax.Array) and jnp.issubdtype(tensor.dtype, jax.dtypes.prng_key):
        return np.asarray(jax.random.key_data(tensor)), {"key": str(jax.random.key_impl(tensor))}
    # safetensors copies memory as it lies: it has to be in row order.
    array = np.asarray(tensor, order="C")
    if not (array.dtype == bool or jnp.issubdtype(array.dtype, jnp.number)):
        raise TypeError(f"{name} must be an array of numbers or of random keys, got dtype {array.dtype}")
    if array.dtype.name in DTYPES:
        return array, None
    return np.frombuffer(array.tobytes(), np.uint8), {"dtype": array.dtype.name, "shape": array.shape}


def _decode(stored: np.ndarray, key: str | None = None, dtype: str = "", shape: Sequence[int] = ()):
    """What `_encode` was given."""
    if key is not None:
        return jax.random.wrap_key_data(jnp.asarray(stored), impl=key)
    return stored.view(jnp.dtype(dtype)).reshape(shape)


def save_model(
    model: VAE | Autoencoder, path: str | os.PathLike, *, overwrite: bool = False, dtype: str = "float32"
) -> None:
    """Save a model's parameters and configuration for `load_model`.

    Args:
        model: a VAE or an Autoencoder.
        path: the file, by custom *.safetensors.
        overwrite: replace an existing file.
        dtype: "float32", exact, or "float16" for a file of half the size, each weight rounded to 11 significant bits.

    Raises:
        TypeError, ValueError: for another kind of model, or weights that are not finite in `dtype`.
        FileExistsError, FileNotFoundError: as `write_atomically`.
    """
    if type(model) not in MODELS.values():
        raise TypeError(f"model must be a {' or an '.join(MODELS)}, got {type(model).__name__}")
    checks.one_of(dtype, PRECISIONS, "dtype")
    tensors = {}
    for name, parameter in _parameters(model).items():
        with np.errstate(over="ignore"):  # what overflows is reported below, by name
            tensors[name] = np.asarray(parameter[...]).astype(dtype)
        remedy = "save as float32" if dtype == "float16" else "train again with a smaller learning rate"
        _check_finite(tensors[name], f"{name} as {dtype}", remedy)
    write_tensors(path, tensors, {"format": FORMAT, "version": VERSION, "config": model.config}, overwrite=overwrite)


def load_model(path: str | os.PathLike) -> VAE | Autoencoder:
    """The model saved by `save_model`, its parameters in float32.

    Raises:
        FileNotFoundError: where there is no file.
        ValueError: where the file is damaged, foreign or of another version; names its configuration or a parameter
            that is missing, superfluous, of the wrong shape, or not finite.
    """
    tensors, record = read_tensors(path)
    where = repr(os.fspath(path))
    found = record.get("format"), record.get("version")
    if found != (FORMAT, VERSION):
        raise ValueError(f"{where} must hold a {FORMAT!r} of version {VERSION}, got {found!r}; save it with save_model")
    model = _abstract_model(record.get("config"), where)
    parameters = _parameters(model)
    if parameters.keys() != tensors.keys():
        raise ValueError(
            f"{where} must hold the parameters of its configuration; {_difference(parameters.keys(), tensors.keys())}"
        )
    for name, parameter in parameters.items():
        tensor = tensors[name]
        if tensor.shape != parameter.shape or tensor.dtype not in PRECISIONS:
            raise ValueError(
                f"{name} in {where} must be {' or '.join(PRECISIONS)} of shape {parameter.shape}, "
                f"got {tensor.dtype} of shape {tensor.shape}"
            )
        _check_finite(tensor, f"{name} in {where}", "save the model again")
        parameter.copy_from(nnx.Param(jax.device_put(tensor.astype(np.float32))))  # NumPy converts without a program
    return model


def _parameters(model: nnx.Module) -> dict[str, nnx.Param]:
    """A model's parameters by dotted name; they are the model's own, so setting one sets the model."""
    return {".".join(map(str, path)): p for path, p in nnx.iter_graph(model) if isinstance(p, nnx.Param)}


def _abstract_model(config: object, where: str) -> VAE | Autoencoder:
    """The model of a configuration with shapes in place of parameters, so that a wrong one costs no memory."""
    if not isinstance(config, dict) or config.get("class") not in list(MODELS):
        raise ValueError(f"{where} must hold the configuration of a {' or an '.join(MODELS)}, got {config!r}")
    build = MODELS[config["class"]]
    known = nnx.eval_shape(lambda: build(rngs=nnx.Rngs(0))).config.keys()
    if "pixels" in config:  # a file of a model that knew the number of its pixels and not their shape
        known = known - {"image_shape"} | {"pixels"}
    if known != config.keys():
        raise ValueError(f"{where} must hold the arguments of {config['class']}; {_difference(known, config.keys())}")
    arguments = {name: value for name, value in config.items() if name != "class"}
    try:
        return nnx.eval_shape(lambda: build(**arguments, rngs=nnx.Rngs(0)))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where} holds a configuration that {config['class']} refuses: {error}") from error


def _check_finite(tensor: np.ndarray, name: str, remedy: str) -> None:
    """Weights without NaN or infinity."""
    bad = np.count_nonzero(~np.isfinite(tensor))
    if bad:
        raise ValueError(f"{name} must be finite, got {bad} NaN or infinite of {tensor.size} weights; {remedy}")


def _difference(wanted, found) -> str:
    """What is missing from and what is superfluous in a set of names."""
    missing, superfluous = sorted(wanted - found), sorted(found - wanted)
    return f"missing: {', '.join(missing) or 'none'}; superfluous: {', '.join(superfluous) or 'none'}"
