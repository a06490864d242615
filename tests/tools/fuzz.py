"""Broken files for everything that reads one: each has to be read, or refused in words, and nothing else may happen.

    python tests/tools/fuzz.py idx --runs 100000     a number of inputs for one reader, by default 10,000
    python tests/tools/fuzz.py                       for all of them

atheris changes good files, looks at which lines of vaelib each change reaches, and goes on from those that reach new
ones. An input that crashes a reader is written to the folder this is run in.
"""

import functools
import io
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris
import click
import jax
import numpy as np
from PIL import Image
from safetensors.numpy import save

with atheris.instrument_imports(include=["vaelib"]):
    from vaelib import VAE, load_images, load_model
    from vaelib.checkpoints import Checkpoint
    from vaelib.saving import save_model
    from vaelib.storage import HEADER_KEY, read_tensors, write_tensors
    from vaelib.training import epochs

REFUSALS = (ValueError, TypeError, FileNotFoundError)
LONGEST = 4096  # bytes of an input
NESTED = functools.reduce(lambda inner, _: [inner], range(150), 0)  # deeper than a record may be
# What a value of a record is replaced by.
VALUES = [
    NESTED,
    None,
    True,
    -1,
    0,
    3,
    2**63,
    1e308,
    "",
    "float64",
    "no such",
    [],
    {},
    [0],
    [[2], [3]],
    {"key": "fry"},
    [-1, 2],
]
IMAGES = np.random.default_rng(0).random((16, 9), np.float32)


def small_model():
    return VAE.create(latent=2, hidden=(3,), pixels=9)


def make_record(path):
    tensors = {"a": np.arange(6.0).reshape(2, 3), "b": np.ones(2, "bool"), "key": jax.random.key(0)}
    write_tensors(path, tensors | {"c": np.ones(2, jax.numpy.bfloat16)}, {"any": [1, "x"]}, overwrite=True)


def make_checkpoint(path):
    next(iter(epochs(small_model(), IMAGES, jax.random.key(0), batch_size=8, checkpoint=path)))


def read_checkpoint(path, known={}):  # noqa: B006 (made once)
    if not known:
        known["state"] = epochs(small_model(), IMAGES, jax.random.key(0), batch_size=8).state
        known["settings"] = read_tensors(path)[1]["settings"]
    Checkpoint(path, known["settings"]).load(known["state"])


def make_idx(path):
    path.write_bytes(bytes([0, 0, 8, 3]) + np.array([2, 3, 4], ">u4").tobytes() + bytes(24))


def make_npz(path):
    content = io.BytesIO()
    np.savez_compressed(content, images=np.zeros((2, 3, 4), np.uint8), labels=np.arange(2))
    path.write_bytes(content.getvalue())


def make_picture(path):
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(path)


# By name: what makes a good file, what reads one, the file's name, and whether it has a record that is changed as such.
READERS = {
    "record": (make_record, read_tensors, "a.safetensors", True),
    "model": (lambda path: save_model(small_model(), path), load_model, "a.safetensors", True),
    "checkpoint": (make_checkpoint, read_checkpoint, "a.safetensors", True),
    "bytes": (make_record, read_tensors, "a.safetensors", False),
    "idx": (make_idx, load_images, "a-idx", False),
    "npz": (make_npz, load_images, "a.npz", False),
    "png": (make_picture, lambda path: load_images(path.parent, progress=False), "a.png", False),
    "gif": (make_picture, lambda path: load_images(path.parent, progress=False), "a.gif", False),
}


def opened(path) -> bytes:
    """A file's record and the dtypes and shapes of its tensors as JSON, without the checksum."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        record = json.loads(file.metadata()[HEADER_KEY])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    record.pop("sha256")
    return json.dumps([record, {name: [str(t.dtype), t.shape] for name, t in tensors.items()}]).encode()


def closed(content: bytes) -> bytes:
    """The file that `opened` describes; its tensors are zero. Raises where NumPy and safetensors can hold no such."""
    record, tensors = json.loads(content)
    arrays = {name: np.zeros(shape, dtype) for name, (dtype, shape) in tensors.items()}
    return save(arrays, metadata={HEADER_KEY: json.dumps(record)})


def can_be_closed(content: bytes) -> bool:
    """Whether NumPy and safetensors can hold what the JSON describes."""
    try:
        closed(content)
    except Exception:  # as many kinds as there are values that do not fit
        return False
    return True


def changed(content: bytes, longest: int, seed: int) -> bytes:
    """The JSON with one change: of twenty, the first that a file can hold and that is not too long."""
    rng = random.Random(seed)
    tried = (altered(content, rng) for _ in range(20))
    return next((result for result in tried if len(result) <= longest and can_be_closed(result)), content)


def altered(content: bytes, rng: random.Random) -> bytes:
    """The JSON with one value or name replaced, removed or doubled."""
    tree = json.loads(content)
    node, inside = tree, [tree]
    while inside:
        node = rng.choice(inside)
        parts = node.values() if isinstance(node, dict) else node
        inside = [part for part in parts if isinstance(part, dict | list) and part and rng.random() < 0.8]
    place = rng.choice(list(node)) if isinstance(node, dict) else rng.randrange(len(node))
    match rng.randrange(4):
        case 0 if isinstance(node, dict):
            del node[place]
        case 1 if isinstance(node, dict):
            node[rng.choice(["extra", "class", "config", "dtypes", "encoded", ""])] = node.pop(place)
        case 2 if isinstance(node[place], int):
            node[place] += rng.choice([-1, 1, 7])
        case _:
            node[place] = rng.choice(VALUES)
    return json.dumps(tree).encode()


@click.command()
@click.argument("name", required=False, type=click.Choice(list(READERS)))
@click.option("--runs", default=10_000, show_default=True)
def main(name, runs):
    """Try changed files on one reader, or on all."""
    if name is None:
        for each in READERS:
            subprocess.run([sys.executable, __file__, each, "--runs", str(runs)], check=True)
        return
    make, read, file_name, has_record = READERS[name]
    folder = Path(tempfile.mkdtemp())
    path, corpus = folder / "file" / file_name, folder / "corpus"
    for made in (path.parent, corpus):
        made.mkdir()
    make(path)
    read(path)
    good = opened(path) if has_record else path.read_bytes()
    (corpus / "good").write_bytes(good)
    counts = {"read": 0, "refused": 0, "impossible": 0}

    def try_one(content: bytes) -> None:
        try:
            path.write_bytes(closed(content) if has_record else content)
        except Exception:  # no file can hold it
            counts["impossible"] += 1
        else:
            try:
                read(path)
                counts["read"] += 1
            except REFUSALS:
                counts["refused"] += 1
        if sum(counts.values()) % 1000 == 0:
            print(f"{name}: {counts}", flush=True)

    arguments = [sys.argv[0], f"-runs={runs}", f"-max_len={LONGEST}", "-timeout=60", "-verbosity=0", str(corpus)]
    atheris.Setup(arguments, try_one, **({"custom_mutator": changed} if has_record else {}))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
