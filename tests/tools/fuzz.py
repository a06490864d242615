"""Broken files for everything that reads one: each has to be read, or refused in words, and nothing else may happen.

So with what a page sends to the widgets' kernel (`messages`): each is answered, refused in words or left alone.

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
import ipywidgets
import jax
import numpy as np
import traitlets
from PIL import Image
from safetensors.numpy import save

with atheris.instrument_imports(include=["vaelib"]):
    from vaelib import VAE, load_images, load_model
    from vaelib.checkpoints import Checkpoint
    from vaelib.data import load_mnist
    from vaelib.explorer import draw_digit, explore
    from vaelib.laboratory import lab
    from vaelib.laboratory.weights import weight_count
    from vaelib.saving import save_model
    from vaelib.storage import HEADER_KEY, read_tensors, write_tensors
    from vaelib.training import epochs
    from vaelib.widgets.frame import Frame

REFUSALS = (ValueError, TypeError, FileNotFoundError, traitlets.TraitError)
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


class Page:
    """Widgets as a page talks to them; what they answer is kept in `sent`."""

    def __init__(self):
        """Open one of each kind."""
        images, labels = load_mnist("test", limit=40)
        model = VAE.create(latent=2, hidden=(3,))
        self.sent = []
        self.lab = lab(IMAGES.repeat(3, axis=0), hidden=(3,), batch_size=4)
        self.sketch = draw_digit(model, images, labels)
        self.picture = explore(model, images, labels).picture
        sliders = [ipywidgets.FloatSlider(min=0, max=1), ipywidgets.Dropdown(options=["a", "b"])]
        self.frame = Frame(lambda values: (repr(values).encode(), ""), sliders=sliders)
        for widget in (self.lab, self.sketch, self.picture, self.frame):
            widget.send = lambda content, buffers=(): self.sent.append((content, buffers))

    def good(self) -> list[dict]:
        """What a page says when all is well: to whom, a message, and its buffers as the value and bytes of each."""
        pixels, weights = [0.5] * 784, 4 * weight_count(9, (3,), 2)
        settings = self.lab.settings.for_page()
        return [
            {"to": "lab", "content": {"ask": "open"}, "buffers": []},
            {"to": "lab", "content": {"weights": 120, "settings": settings}, "buffers": [[0.25, weights]]},
            {"to": "picture", "content": {"id": "1", "ask": "layers"}, "buffers": []},
            {"to": "picture", "content": {"id": "2", "ask": "decode", "input": [0.5, -1.0]}, "buffers": []},
            {"to": "picture", "content": {"id": "4", "ask": "images"}, "buffers": []},
            {"to": "picture", "content": {"id": "5", "ask": "combine", "a": 0, "b": 1, "c": 2}, "buffers": []},
            {"to": "picture", "state": {"asked": 0, "caption": "a"}, "buffers": []},
            {"to": "sketch", "content": {"id": "3", "ask": "encode", "input": pixels}, "buffers": []},
            {"to": "sketch", "state": {}, "buffers": [[0.5, 784]]},
            {"to": "frame", "content": {"ahead": [0.5, 1]}, "buffers": []},
        ]

    def hear(self, message: dict) -> None:
        """Hand a message to its widget, and look at what it says and has then."""
        widget = getattr(self, message["to"])
        buffers = [np.full(size // 4 + 1, value, "<f4").tobytes()[:size] for value, size in message["buffers"]]
        if "content" in message:
            widget._answer(widget, message["content"], buffers)
        else:
            widget.set_state(message["state"] | ({"drawn": memoryview(buffers[0])} if buffers else {}))
        if self.lab._weights is not None:
            settings = self.lab.settings
            size = weight_count(int(np.prod(self.lab.image_shape)), settings.hidden, settings.latent)
            assert self.lab._weights.shape == (size,)
            assert np.isfinite(self.lab._weights).all()
        assert self.sketch.image.shape == (1, 784)
        answers, self.sent = self.sent, []
        for content, sent in answers:
            json.dumps(content)
            if "error" in content:
                raise ValueError(content["error"])
            if message["to"] in ("picture", "sketch") and sent and not {"layers", "titles"} & set(content):
                assert np.isfinite(np.frombuffer(sent[0], "<f4")).all()


def make_messages(path):
    path.write_text(json.dumps(page().good()))


page = functools.cache(Page)  # opened once


def read_messages(path):
    for message in json.loads(path.read_bytes()):
        page().hear(message)


def can_be_sent(content: bytes) -> bytes:
    """The messages, where a page could send them. Raises where it could not."""
    known = {"lab", "picture", "sketch", "frame"}
    for message in json.loads(content):
        (to, about, buffers) = message["to"], message.get("content"), message["buffers"]
        fits = all(isinstance(size, int) and 0 <= size < 10_000 for _, size in buffers)
        fits = fits and all(np.float32(value).shape == () for value, _ in buffers)
        if to not in known or not fits or ("content" not in message and not isinstance(message["state"], dict)):
            raise ValueError(f"no page can send {to}, {about}, {buffers}")
    return content


# By name: what makes a good file, what reads one, the file's name, and how it is changed: by the form in which JSON
# describes it, or as bytes.
READERS = {
    "record": (make_record, read_tensors, "a.safetensors", "record"),
    "model": (lambda path: save_model(small_model(), path), load_model, "a.safetensors", "record"),
    "checkpoint": (make_checkpoint, read_checkpoint, "a.safetensors", "record"),
    "bytes": (make_record, read_tensors, "a.safetensors", None),
    "idx": (make_idx, load_images, "a-idx", None),
    "npz": (make_npz, load_images, "a.npz", None),
    "png": (make_picture, lambda path: load_images(path.parent, progress=False), "a.png", None),
    "gif": (make_picture, lambda path: load_images(path.parent, progress=False), "a.gif", None),
    "messages": (make_messages, read_messages, "a.json", "messages"),
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


# What describes a file as JSON, and the file that such JSON describes.
FORMS = {"record": (opened, closed), "messages": (Path.read_bytes, can_be_sent)}


def can_be(form: str, content: bytes) -> bool:
    """Whether there is such a file."""
    try:
        FORMS[form][1](content)
    except Exception:  # as many kinds as there are values that do not fit
        return False
    return True


def changed(form: str, content: bytes, longest: int, seed: int) -> bytes:
    """The JSON with one change: of twenty, the first that there can be and that is not too long."""
    rng = random.Random(seed)
    tried = (altered(content, rng) for _ in range(20))
    return next((result for result in tried if len(result) <= longest and can_be(form, result)), content)


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
    make, read, file_name, form = READERS[name]
    folder = Path(tempfile.mkdtemp())
    path, corpus = folder / "file" / file_name, folder / "corpus"
    for made in (path.parent, corpus):
        made.mkdir()
    make(path)
    read(path)
    good = FORMS[form][0](path) if form else path.read_bytes()
    (corpus / "good").write_bytes(good)
    counts = {"read": 0, "refused": 0, "impossible": 0}

    def try_one(content: bytes) -> None:
        try:
            path.write_bytes(FORMS[form][1](content) if form else content)
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

    longest = max(LONGEST, 2 * len(good))
    arguments = [sys.argv[0], f"-runs={runs}", f"-max_len={longest}", "-timeout=60", "-verbosity=0", str(corpus)]
    atheris.Setup(arguments, try_one, **({"custom_mutator": functools.partial(changed, form)} if form else {}))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
