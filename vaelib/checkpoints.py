"""Checkpoints of a training: what it needs to go on as if it had never stopped.

One safetensors file holds the weights, all other state, the history, and the settings they were made with. It is
replaced atomically after each epoch, so it is always whole.
"""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vaelib import storage
from vaelib.files import prepare_folder, release
from vaelib.history import History
from vaelib.variables import leaf_name

FORMAT, FIRST_FORMAT = "vaelib checkpoint 2", "vaelib checkpoint 1"
IN_FIRST_FORMAT = ("batch_size", "binarize")  # all else it recorded in part, or as one version of Optax writes it


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoint file of one training.

    `settings` are descriptions for JSON. Of those that are given now, each has to be as it was for a run to be resumed;
    the number of epochs is not among them.
    """

    path: str | PathLike
    settings: dict

    def can_be_resumed(self, resume: bool, *, claimed: bool) -> bool:
        """Whether there is a state to load; refuses to go over an existing file unasked, or one that is in use.

        With `claimed` no other process may write the file until `release`.
        """
        path = Path(self.path)
        exists = path.exists()
        if exists and not path.is_file():
            raise ValueError(f"checkpoint must be a file or a new name, got {self._where}, a folder or a device")
        if exists and not resume:
            raise FileExistsError(
                f"checkpoint {self._where} exists; pass resume=True to go on from it, or choose another file"
            )
        prepare_folder(self.path, "checkpoint", claimed=claimed)
        return exists

    def check(self, state) -> None:
        """Refuse a state that the file could not hold."""
        _names(state)

    def load(self, state) -> tuple[Any, History]:
        """The saved state, shaped like the given one, and the history.

        Raises:
            ValueError: where the file is damaged or foreign, or was made with other settings, which are named.
        """
        tensors, metadata = storage.read_tensors(self.path)
        if metadata.get("format") not in (FORMAT, FIRST_FORMAT):
            raise ValueError(f"{self._where} is no checkpoint of this vaelib: format {metadata.get('format')!r}")
        is_first = metadata["format"] == FIRST_FORMAT
        try:
            settings, record = metadata["settings"], metadata["history"]
            steps = {name: np.asarray(tensors.pop(f"steps.{name}")) for name in record["train"]}
            history = History(**record, steps=steps)
            _check_kinds(settings, history)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(
                f"{self._where} must hold settings and a history, got a damaged record: {error!r}"
            ) from error
        self._check(settings, is_first)
        names = _first_names(state) if is_first else _names(state)
        leaves, structure = jax.tree.flatten(state)
        restored = [self._restored(tensors, name, leaf) for name, leaf in zip(names, leaves, strict=True)]
        return jax.tree.unflatten(structure, restored), history

    def save(self, state, history: History) -> None:
        """Replace the file by the present state and history."""
        tensors = dict(zip(_names(state), jax.tree.leaves(state), strict=True))
        record = asdict(history)
        tensors |= {f"steps.{name}": values for name, values in record.pop("steps").items()}
        metadata = {"format": FORMAT, "settings": self.settings, "history": record}
        storage.write_tensors(self.path, tensors, metadata, overwrite=True)

    def release(self) -> None:
        """Let other processes have the file."""
        release(self.path)

    @property
    def _where(self) -> str:
        return repr(str(self.path))

    def _check(self, saved: dict, is_first: bool) -> None:
        """Refuse other settings, and those of which a checkpoint of the first format does not say enough."""
        now = json.loads(json.dumps(self.settings))
        unknown = [name for name in now if is_first and name not in IN_FIRST_FORMAT]
        if unknown:
            raise ValueError(
                f"checkpoint {self._where} is of an earlier vaelib, which did not record all of {', '.join(unknown)}; "
                f"where they are as they were then, pass vouch_for={tuple(unknown)}, else start a new checkpoint"
            )
        changed = [
            _difference(name, saved, now) for name in now if name not in saved or _differ(saved[name], now[name])
        ]
        if changed:
            raise ValueError(
                f"checkpoint {self._where} was made with other settings ({'; '.join(changed)}); use those, or another "
                "checkpoint file, or vouch_for what you know to be the same"
            )

    def _restored(self, tensors: dict, name: str, leaf):
        if name not in tensors or tensors[name].shape != leaf.shape or tensors[name].dtype != leaf.dtype:
            raise ValueError(
                f"checkpoint {self._where} lacks {name} of {leaf.dtype} and shape {leaf.shape}; start a new one"
            )
        return jnp.asarray(tensors[name])


def _check_kinds(settings, history: History) -> None:
    """Raise TypeError where a record holds something else than settings by name, and numbers by epoch."""
    curves = [*history.train.values(), *history.held_out.values(), history.seconds]
    numbers = [number for curve in curves if isinstance(curve, list) for number in (*curve, history.images)]
    are_curves = all(isinstance(curve, list) for curve in curves)
    if not (isinstance(settings, dict) and are_curves and all(isinstance(number, int | float) for number in numbers)):
        raise TypeError("of settings by name and of numbers by epoch")


def _names(state) -> list[str]:
    """The leaves' dotted names, which are refused where two are the same: one would be written over the other."""
    names = [leaf_name(path) for path, _ in jax.tree_util.tree_leaves_with_path(state)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(
            f"the optimiser's state must have different dotted names for a checkpoint, got {twice[0]} twice; rename "
            "the parts with a dot in a name"
        )
    return names


def _first_names(state) -> list[str]:
    """The leaves' names in the first format, which had no state beside weights and optimiser."""
    parameters, _, optimizer = state
    return [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path((parameters, optimizer))]


def _difference(name: str, saved: dict, now: dict) -> str:
    """A changed setting in words, by the first place where the two descriptions part."""
    then, present = saved.get(name, "not recorded"), now[name]
    while isinstance(then, list) and isinstance(present, list) and len(then) == len(present):
        then, present = next(pair for pair in zip(then, present, strict=True) if _text(pair[0]) != _text(pair[1]))
    return f"{name}: {_short(then)} then, {_short(present)} now"


def _differ(then, now) -> bool:
    """Whether two settings differ; 1 and 1.0 do not, but do inside of a function, which may be another one by them."""
    return then != now if isinstance(now, int | float) else _text(then) != _text(now)


def _text(described) -> str:
    return json.dumps(described)


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
