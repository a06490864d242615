"""Checkpoints of a training: what `fit` needs to go on as if it had never stopped.

One safetensors file holds the weights, the optimiser's state, the history, and the settings they were made with. It is
replaced atomically after each epoch, so it is always whole.
"""

import json
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from vaelib import storage

FORMAT = "vaelib checkpoint 1"


def _fingerprint(images) -> str:
    """Shape and checksum of an array, to tell whether a resumed run sees the same data."""
    array = np.ascontiguousarray(images)
    return f"{array.shape} {array.dtype} crc32 {zlib.crc32(array):08x}"


@dataclass(frozen=True)
class Run:
    """The checkpoint file of one training, or nothing where `path` is None.

    `settings` are JSON-able and must be equal for a run to be resumed, as must the `images`; the number of epochs is
    not among them.
    """

    path: str | PathLike | None
    settings: dict
    images: Float[Array, "image pixel"]

    @cached_property
    def _record(self) -> dict:
        """The settings with a fingerprint of the images, as JSON would give them back."""
        return json.loads(json.dumps(self.settings | {"images": _fingerprint(self.images)}))

    def begin(self, resume: bool) -> bool:
        """Whether there is a state to load; refuses to go over an existing file unasked."""
        if self.path is None:
            if resume:
                raise ValueError("resume=True needs checkpoint, the file to go on from; got checkpoint=None")
            return False
        if not Path(self.path).exists():
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            return False
        if not resume:
            raise FileExistsError(
                f"checkpoint {str(self.path)!r} exists; pass resume=True to go on from it, or choose another file"
            )
        return True

    def load(self, state, make_history: Callable):
        """The saved state, shaped like the given one, and the history.

        Raises:
            ValueError: where the file is damaged or foreign, or was made with other settings, which are named.
        """
        tensors, metadata = storage.read_tensors(self.path)
        if metadata.get("format") != FORMAT:
            raise ValueError(f"{str(self.path)!r} is no checkpoint of this vaelib: format {metadata.get('format')!r}")
        saved, now = metadata["settings"], self._record
        changed = [f"{k}: {saved.get(k)!r} then, {now.get(k)!r} now" for k in now if saved.get(k) != now.get(k)]
        if changed:
            raise ValueError(
                f"checkpoint {str(self.path)!r} was made with other settings ({'; '.join(changed)}); "
                "use those, or another checkpoint file"
            )
        steps = {name: tensors.pop(f"steps.{name}") for name in metadata["history"]["train"]}
        history = make_history(**metadata["history"], steps=steps)
        leaves, structure = jax.tree_util.tree_flatten_with_path(state)
        restored = []
        for path, leaf in leaves:
            name = jax.tree_util.keystr(path)
            if name not in tensors or tensors[name].shape != leaf.shape:
                raise ValueError(f"checkpoint {str(self.path)!r} lacks {name} of shape {leaf.shape}; start a new one")
            restored.append(jnp.asarray(tensors[name], leaf.dtype))
        return jax.tree.unflatten(structure, restored), history

    def save(self, state, history) -> None:
        """Replace the file by the present state and history."""
        if self.path is None:
            return
        tensors = {jax.tree_util.keystr(path): np.asarray(v) for path, v in jax.tree_util.tree_leaves_with_path(state)}
        record = asdict(history)
        tensors |= {f"steps.{name}": values for name, values in record.pop("steps").items()}
        metadata = {"format": FORMAT, "settings": self._record, "history": record}
        storage.write_tensors(self.path, tensors, metadata, overwrite=True)
