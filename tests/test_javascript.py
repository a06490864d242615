"""The JavaScript of the widgets in Node, its arithmetic held to JAX's and NumPy's."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from vaelib.explorer.layers import OUTPUTS, Layers
from vaelib.explorer.page import COMMENT
from vaelib.networks import ACTIVATIONS

HERE = Path(__file__).parent / "javascript"


def network(activation, output, half):
    """A network of random weights, an input, and what JAX makes of it."""
    rng = np.random.default_rng(0)
    sizes = [(3, 5), (5, 4), (4, 6)]
    layers = Layers([(rng.normal(size=s), rng.normal(size=s[1])) for s in sizes], activation, output).halved()
    if not half:
        layers = Layers([(w + np.float32(1e-5), b) for w, b in layers.linear], activation, output)
    header, weights = layers.packed()
    assert header["half"] == half
    x = rng.normal(size=3).astype(np.float32)
    return {
        "name": f"{activation}, {output}, {'half' if half else 'single'} precision",
        "header": header,
        "weights": base64.b64encode(weights).decode(),
        "input": x.tolist(),
        "output": layers(x[None])[0].tolist(),
    }


@pytest.mark.parametrize("path", sorted(HERE.parents[1].glob("vaelib/*/static/*.js")), ids=lambda path: path.name)
def test_pages_lose_comments_and_no_code(path):
    removed = [found[0].strip() for found in COMMENT.finditer(path.read_text(encoding="utf-8"))]
    assert [line for line in removed if "*/" in line and not line.endswith("*/")] == []


def test_the_widgets_javascript(tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node found: install Node 20 or later to test the JavaScript outside a browser")
    words = np.arange(0, 2**16, 7, dtype=np.uint16)
    values = words.view(np.float16).astype(np.float32)
    finite = np.isfinite(values)
    halves = {"words": words[finite].tolist(), "values": values[finite].tolist()}
    networks = [network(activation, "sigmoid", False) for activation in ACTIVATIONS]
    networks += [network("relu", output, True) for output in OUTPUTS]
    logits = np.linspace(-6, 6, 121, dtype=np.float32)
    means = {"logits": logits.tolist(), "means": OUTPUTS["continuous-bernoulli"](jnp.asarray(logits)).tolist()}
    numbers = tmp_path / "numbers.json"
    numbers.write_text(json.dumps({"halves": halves, "networks": networks, "continuousBernoulli": means}))
    command = [node, "--test", *map(str, sorted(HERE.glob("*.test.js")))]
    ran = subprocess.run(command, env=os.environ | {"VAELIB_NUMBERS": str(numbers)}, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
