"""Files of tensors: safetensors with a JSON record in the header, written whole or not at all.

A safetensors file holds arrays and strings and cannot run code when it is read. The record says what the arrays are:
what a model was built with, say, or the settings of a training.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from vaelib import checks
from vaelib.files import path_of, write_atomically

# What safetensors holds itself; other numbers are written as bytes.
DTYPES = {f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)}
DTYPES |= {"bool", "float16", "bfloat16", "float32", "float64"}
ENCODED = "encoded"  # what the record calls its notes on such bytes, and on random keys
CHECKSUM = "sha256"  # and what it calls the checksum of the tensors and of all else in the record
# safetensors writes the header's strings in random order: with one alone, equal content gives equal bytes.
HEADER_KEY = "vaelib"
DIGEST = re.compile(r"[0-9a-f]{64}")
DEEPEST = 100  # lists and dicts inside of one another in a record; Python's own limit depends on who calls


def write_tensors(path: str | os.PathLike, tensors: Mapping[str, object], metadata: dict, *, overwrite: bool) -> None:
    """Write named arrays, NumPy or JAX, and a JSON-able record to one safetensors file, atomically.

    Equal arguments give equal bytes. JAX's random keys are arrays, too, and every dtype of JAX comes back to the bit.

    Raises:
        TypeError: where a tensor is not of numbers or keys, or the record is no dictionary for JSON.
        FileExistsError, FileNotFoundError: as `write_atomically`.
    """
    if not isinstance(metadata, dict) or {ENCODED, CHECKSUM} & metadata.keys():
        raise TypeError(f"metadata must be a dict without the names {ENCODED!r} and {CHECKSUM!r}, got {metadata!r}")
    if _is_deeper(metadata, DEEPEST):
        raise TypeError(f"metadata must be nested at most {DEEPEST} deep, got a deeper dict; nest it less")
    arrays, notes = {}, {}
    for name, tensor in tensors.items():
        arrays[name], note = _encode(tensor, f"tensors[{name!r}]")
        if note:
            notes[name] = note
    try:
        record = json.loads(json.dumps(metadata | ({ENCODED: notes} if notes else {})))
    except (TypeError, ValueError) as error:
        raise TypeError(f"metadata must be a dict of what JSON holds, got {metadata!r} ({error})") from error
    header = json.dumps(record | {CHECKSUM: _checksum(arrays, record)}, sort_keys=True)
    write_atomically(path, save(arrays, metadata={HEADER_KEY: header}), overwrite=overwrite)


def read_tensors(path: str | os.PathLike) -> tuple[dict[str, np.ndarray | jax.Array], dict]:
    """The arrays and the record of a file by `write_tensors`: NumPy arrays, and JAX arrays for random keys.

    Raises:
        FileNotFoundError: where there is no file.
        ValueError: where it is truncated, damaged by as much as a bit, no safetensors file, or not by `write_tensors`.
    """
    where = repr(str(path_of(path, "path")))
    if not Path(path).is_file():
        raise FileNotFoundError(f"path must be an existing file, got {where}")
    try:
        with safe_open(path, framework="numpy") as file:
            record = json.loads((file.metadata() or {}).get(HEADER_KEY, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping, but has keys)
    except (SafetensorError, RecursionError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{where} must be a whole safetensors file, got a truncated, damaged or foreign one ({error})"
        ) from error
    if not isinstance(record, dict):
        raise ValueError(f"{where} must be a file saved by vaelib, got a safetensors file without its record")
    if _is_deeper(record, DEEPEST):
        raise ValueError(f"{where} must hold a record nested at most {DEEPEST} deep, got a damaged or foreign one")
    checksum = record.pop(CHECKSUM, None)  # files of earlier versions have none
    is_misnamed = checksum is None and any(DIGEST.fullmatch(str(value)) for value in record.values())
    if is_misnamed or checksum not in (None, _checksum(tensors, record)):
        raise ValueError(f"{where} is damaged: its content is not what was written; restore it, or make it again")
    try:
        return tensors | {
            name: _decode(tensors[name], **note) for name, note in record.pop(ENCODED, {}).items()
        }, record
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{where} must say how its tensors are encoded, got a damaged record ({error})") from error


def _is_deeper(record: dict, limit: int) -> bool:
    """Whether lists, tuples and dicts lie more than `limit` deep inside of one another, the record itself as one."""
    level: list = [record]
    for _ in range(limit):
        parts = [part for node in level for part in (node.values() if isinstance(node, dict) else node)]
        level = list({id(part): part for part in parts if isinstance(part, dict | list | tuple)}.values())  # each once
    return bool(level)


def _checksum(arrays: Mapping[str, np.ndarray], record: dict) -> str:
    digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.name} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _encode(tensor, name: str) -> tuple[np.ndarray, dict | None]:
    """An array that safetensors holds, and what `_decode` needs to make the given one of it again."""
    if checks.holds_keys(tensor):
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
