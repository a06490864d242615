"""Train as the lab does, by its own code in Node, and keep what it shows for notebooks 05 to 08 and 10.

    python tests/tools/read_lab.py     needs Node; writes vaelib/studies/results/lab.json

Each run is `vaelib.lab(**settings)` with the bundled digits. A reading holds the terms of the ELBO on held-out digits
and, of the codes mu(x), the width (root of the mean of mu²), the distance of their middle from 0, and the median
sigma of q(z|x).
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from vaelib.files import write_json
from vaelib.laboratory.images import lab_images
from vaelib.laboratory.settings import Settings

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "vaelib" / "studies" / "results" / "lab.json"
STEPS, MORE_STEPS = (40, 100, 1_000), (100, 1_000, 4_000)  # the KL is highest near 40; a Gaussian is read late
AT_A_TIME = os.cpu_count()  # Node uses one core for each
# How many seeds a preset is run from, and what it changes of the settings that the lab opens with.
PRESETS = {
    "as it opens": (3, {}),
    "noise off": (2, {"noise": False}),
    "KL and noise off": (3, {"kl": False, "noise": False}),
    "Gaussian, sigma 0.1": (3, {"likelihood": "gaussian", "sigma": 0.1}),
    "Gaussian, sigma 0.3": (3, {"likelihood": "gaussian", "sigma": 0.3}),
    "Gaussian, sigma 1": (3, {"likelihood": "gaussian", "sigma": 1.0}),
    "beta 8": (3, {"beta": 8.0}),
    "beta 8, warm-up": (3, {"beta": 8.0, "warm_up": 500}),
    "beta 100": (3, {"beta": 100.0}),
    "learning rate 1": (3, {"learning_rate": 1.0}),
}


def runs() -> dict[str, dict]:
    """The settings of each run that differ from those the lab opens with, by its name."""
    return {
        f"{name}, seed {seed}": changed | {"seed": seed}
        for name, (seeds, changed) in PRESETS.items()
        for seed in range(seeds)
    }


def read(chosen: dict[str, dict], steps=STEPS) -> dict[str, dict]:
    """What the lab shows of each run after these steps, and where it broke.

    Raises:
        FileNotFoundError: without Node.
        RuntimeError: with Node's words, where it failed.
    """
    node = shutil.which("node")
    if node is None:
        raise FileNotFoundError("no Node found: install Node 20 or later, which runs the lab's code outside a browser")
    images = lab_images(None, None)
    job = {"pixels": images.pixels, "steps": list(steps)}
    job |= {name: base64.b64encode(array).decode() for name, array in _arrays(images).items()}
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        found = pool.map(
            lambda settings: _in_node(node, job | {"settings": Settings(**settings).for_page()}), chosen.values()
        )
        return {name: {"settings": chosen[name]} | run for name, run in zip(chosen, found, strict=True)}


def _in_node(node: str, job: dict) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "job.json"
        path.write_text(json.dumps(job), encoding="utf-8")
        script = ROOT / "tests" / "javascript" / "lab" / "read.js"
        ran = subprocess.run([node, script, path], capture_output=True, text=True)
    if ran.returncode:
        raise RuntimeError(ran.stderr)
    return json.loads(ran.stdout)


def _arrays(images) -> dict[str, bytes]:
    return {"train": images.train.tobytes(), "heldOut": images.held_out.tobytes()}


if __name__ == "__main__":
    gaussian = {name: settings for name, settings in runs().items() if "likelihood" in settings}
    others = {name: settings for name, settings in runs().items() if name not in gaussian}
    write_json(TABLE, read(others) | read(gaussian, MORE_STEPS))
