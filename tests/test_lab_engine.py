"""The lab's training in WebAssembly against JAX: the same weights, batches and noise, the same gradients and ELBO."""

import ast
import base64
import itertools
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import jax
import jax.numpy as jnp
import nbformat
import numpy as np
import optax
import pytest
import read_lab
from flax import nnx

from vaelib.data import load_mnist
from vaelib.distributions import Bernoulli, Gaussian
from vaelib.divergence import kl_to_standard_normal
from vaelib.figures.style import GUIDE, QUANTITY_COLORS, class_colors
from vaelib.laboratory.images import lab_images
from vaelib.laboratory.kernels import build
from vaelib.laboratory.settings import Settings
from vaelib.laboratory.weights import flat_weights
from vaelib.models import VAE
from vaelib.objectives import elbo
from vaelib.studies import load_study
from vaelib.studies.ring import doersch_ring

HERE = Path(__file__).parent / "javascript" / "lab"
BATCH = 64
PLAIN = {"beta": 1.0, "kl": True, "noise": True, "likelihood": "bernoulli", "sigma": 0.1}
PLAIN |= {"learning_rate": 1e-3, "warm_up": 0, "freeze_encoder": False, "freeze_decoder": False}
# Every control of the lab away from where it stands at first.
SETTINGS = {
    "as it starts": {},
    "beta 4": {"beta": 4.0},
    "without noise": {"noise": False},
    "without the KL": {"kl": False},
    "an autoencoder": {"noise": False, "kl": False},
    "Gaussian, sigma 0.1": {"likelihood": "gaussian"},
    "Gaussian, sigma 1, beta 0.5": {"likelihood": "gaussian", "sigma": 1.0, "beta": 0.5},
    "encoder frozen": {"freeze_encoder": True},
    "decoder frozen": {"freeze_decoder": True},
    "warm-up of 150 steps": {"warm_up": 150},
    "learning rate 0.004": {"learning_rate": 4e-3},
    "latent 5": {"latent": 5},
    "two hidden layers": {"hidden": (40, 25)},
    "the ring": {"likelihood": "gaussian", "sigma": 0.05, "pixels": 2},
    "odd sizes": {"hidden": (7,), "latent": 3, "pixels": 30},
}
STEPS = 200
LOOKED = 3  # the image whose way through the model is compared


def text(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def numbers(words):
    return np.frombuffer(base64.b64decode(words), np.float32)


class Case:
    """A model, its data, and the settings of a training, the same on both sides."""

    def __init__(self, changed, steps):
        self.pixels = changed.get("pixels", 784)
        sizes = {"latent": changed.get("latent", 2), "hidden": changed.get("hidden", (128,))}
        self.settings = PLAIN | {name: value for name, value in changed.items() if name in PLAIN}
        self.model = VAE.create(
            seed=1, pixels=self.pixels, likelihood=self.settings["likelihood"], sigma=self.settings["sigma"], **sizes
        )
        self.latent = sizes["latent"]
        self.all = self.settings | {
            "seed": 0,
            "batch_size": BATCH,
            "latent": self.latent,
            "hidden": list(sizes["hidden"]),
        }
        rng = np.random.default_rng(0)
        if self.pixels == 2:
            images = 0.5 + doersch_ring(rng.standard_normal((1000, 2))) / 3
        else:
            images = load_mnist("train", limit=1000)[0][:, 784 // 2 - self.pixels // 2 :][:, : self.pixels]
        self.bytes = np.round(255 * images).astype(np.uint8)
        self.rows = rng.integers(len(images), size=(steps, BATCH))
        self.keys = jax.random.split(jax.random.key(0), steps)
        draw = jax.jit(jax.vmap(lambda key: jax.random.normal(key, (1, BATCH, self.latent))))
        self.noise = np.asarray(draw(self.keys))

    def in_node(self, folder):
        """What the lab's own code makes of it."""
        node = shutil.which("node")
        if node is None:
            pytest.skip("no Node found: install Node 20 or later to test the JavaScript outside a browser")
        job = {"pixels": self.pixels, "settings": self.all, "rows": self.rows.tolist(), "noise": text(self.noise)}
        job |= {"looked": LOOKED, "images": text(self.bytes), "weights": text(flat_weights(self.model))}
        path = folder / "job.json"
        path.write_text(json.dumps(job))
        ran = subprocess.run([node, HERE / "run.js", path], capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    def batch(self, step):
        return jnp.asarray(self.bytes[self.rows[step]] / np.float32(255))

    def beta(self, step):
        warmup, beta = self.settings["warm_up"], self.settings["beta"]
        return (optax.linear_schedule(0.0, beta, warmup)(step) if warmup else beta) if self.settings["kl"] else 0.0

    def loss(self, parameters, graphdef, rest, x, key, beta):
        """Minus the mean objective, and the mean terms."""
        model = nnx.merge(graphdef, parameters, rest)
        if self.settings["noise"]:
            terms = elbo(model, x, key, beta=beta)
            return -jnp.mean(terms.elbo), (jnp.mean(terms.recon), jnp.mean(terms.kl))
        q = model.encode(x)
        recon, kl = model.decode(q.mu).log_prob(x), kl_to_standard_normal(q)
        return -jnp.mean(recon - beta * kl), (jnp.mean(recon), jnp.mean(kl))

    def way_back(self):
        """The gradient of one image's loss by what is met on its way, and the length of each layer's."""
        x, eps = (
            jnp.asarray(self.bytes[LOOKED] / np.float32(255))[None],
            jnp.asarray(self.noise.reshape(-1, self.latent)[:1]),
        )
        graphdef, parameters, rest = nnx.split(self.model, nnx.Param, ...)
        sizes = {"logits": self.pixels, "z": self.latent, "mu": self.latent, "logVar": self.latent}
        nudges = {name: jnp.zeros((1, size)) for name, size in sizes.items()}

        def loss(parameters, nudge):
            model = nnx.merge(graphdef, parameters, rest)
            q = model.encode(x)
            q = Gaussian(mu=q.mu + nudge["mu"], log_var=q.log_var + nudge["logVar"])
            z = q.mu + (jnp.exp(q.log_var / 2) * eps if self.settings["noise"] else 0) + nudge["z"]
            logits = model.decoder.output(model.decoder.trunk(z)) + nudge["logits"]
            log_var = jnp.full(logits.shape, 2 * np.log(self.settings["sigma"]))
            gaussian = self.settings["likelihood"] == "gaussian"
            p = Gaussian(mu=jax.nn.sigmoid(logits), log_var=log_var) if gaussian else Bernoulli(logits)
            return jnp.sum(self.beta(0) * kl_to_standard_normal(q) - p.log_prob(x))

        by_weights, by_nudge = jax.jit(jax.grad(loss, argnums=(0, 1)))(parameters, nudges)
        found = iter(pieces(self, flat_weights(nnx.merge(graphdef, by_weights, rest))))
        norms = [np.hypot(np.linalg.norm(kernel), np.linalg.norm(next(found))) for kernel in found]
        return {name: np.ravel(value) for name, value in by_nudge.items()}, norms

    def in_jax(self):
        """The terms of each step and the gradients of the first, by vaelib and Optax."""
        graphdef, parameters, rest = nnx.split(self.model, nnx.Param, ...)
        parts = nnx.to_pure_dict(parameters)
        names = {part: "still" if self.settings[f"freeze_{part}"] else "moves" for part in parts}
        labels = {part: jax.tree.map(lambda _, name=names[part]: name, parts[part]) for part in parts}
        moves = {"moves": optax.adam(self.settings["learning_rate"]), "still": optax.set_to_zero()}
        optimizer = optax.multi_transform(moves, labels)

        @jax.jit
        def step(parameters, state, x, key, beta):
            pure = nnx.to_pure_dict(parameters)
            (_, terms), gradient = jax.value_and_grad(self.loss, has_aux=True)(parameters, graphdef, rest, x, key, beta)
            updates, state = optimizer.update(nnx.to_pure_dict(gradient), state, pure)
            nnx.replace_by_pure_dict(parameters, optax.apply_updates(pure, updates))
            return parameters, state, terms, gradient

        state = optimizer.init(nnx.to_pure_dict(parameters))
        terms, gradients = [], []
        for number, key in enumerate(self.keys):
            beta = jnp.float32(self.beta(number))
            parameters, state, now, gradient = step(parameters, state, self.batch(number), key, beta)
            terms.append(now)
            gradients = gradients or [flat_weights(nnx.merge(graphdef, gradient, rest))]
        return np.array(terms), gradients[0]


def pieces(case, flat):
    """The kernels and biases in a flat array of weights, encoder first."""
    sizes = [case.pixels, *case.model.hidden]
    pairs = [*itertools.pairwise(sizes), (sizes[-1], case.latent), (sizes[-1], case.latent)]
    down = [case.latent, *case.model.hidden[::-1], case.pixels]
    pairs += itertools.pairwise(down)
    ends = np.cumsum([n for a, b in pairs for n in (a * b, b)])
    assert ends[-1] == len(flat)
    return np.split(flat, ends[:-1])


@pytest.fixture(scope="module", autouse=True)
def full_precision_throughout():
    """Of JAX's products, as the page has it, also where a GPU or TPU would round them."""
    with jax.default_matmul_precision("highest"):
        yield


@pytest.fixture(scope="module", params=SETTINGS.values(), ids=SETTINGS.keys())
def trained(request, tmp_path_factory):
    """A case, and what both sides make of it."""
    case = Case(request.param, STEPS)
    return case, case.in_node(tmp_path_factory.mktemp("job")), case.in_jax()


def untouched(case):
    """The numbers of the pieces that no gradient reaches: the spread of q without noise and without the KL."""
    end = 2 * (len(case.model.hidden) + 2)
    return {end - 2, end - 1} if not (case.settings["noise"] or case.settings["kl"]) else set()


def frozen(case, index):
    """Whether a piece belongs to a frozen part."""
    return case.settings["freeze_encoder" if index < 2 * (len(case.model.hidden) + 2) else "freeze_decoder"]


def test_gradients_are_jaxs(trained):
    case, found, (_, expected) = trained
    parts = zip(pieces(case, numbers(found["gradients"])), pieces(case, expected), strict=True)
    for index, (ours, theirs) in enumerate(parts):
        largest = np.abs(theirs).max()
        assert (largest == 0) == (index in untouched(case))
        if not (frozen(case, index) and index < 2 * (len(case.model.hidden) + 2)):  # these are not computed
            np.testing.assert_allclose(ours, -theirs, rtol=0, atol=1e-4 * largest)


def test_the_gradients_way_back_through_one_image_is_jaxs(trained):
    case, found, _ = trained
    by_place, norms = case.way_back()
    for name, expected in by_place.items():
        largest = max(np.abs(expected).max(), 1e-6)
        np.testing.assert_allclose(numbers(found["look"][name]), expected, rtol=0, atol=1e-4 * largest)
    np.testing.assert_allclose(found["norms"], norms, rtol=1e-4, atol=1e-6)


def test_200_steps_give_jaxs_elbo(trained):
    _, found, (terms, _) = trained
    ours = np.array([[step["recon"], step["kl"]] for step in found["steps"]])
    np.testing.assert_allclose(ours[0], terms[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(ours @ [1, -1], terms @ [1, -1], rtol=0, atol=0.5)


def test_what_is_frozen_stays_and_the_rest_moves(trained):
    case, found, _ = trained
    both = zip(pieces(case, flat_weights(case.model)), pieces(case, numbers(found["weights"])), strict=True)
    for index, (before, now) in enumerate(both):
        assert np.array_equal(before, now) == (frozen(case, index) or index in untouched(case))


def test_what_the_notebooks_say_of_the_lab_is_what_it_shows():
    shipped, runs = load_study("lab"), read_lab.runs()
    assert {name: entry["settings"] for name, entry in shipped.items()} == runs
    if shutil.which("node") is None:
        pytest.skip("no Node found: install Node 20 or later to test the JavaScript outside a browser")
    chosen = {
        name: runs[name] for name in ("as it opens, seed 0", "Gaussian, sigma 0.1, seed 0", "learning rate 1, seed 1")
    }
    for name, found in read_lab.read(chosen, steps=(40, 100)).items():
        assert found["fault"] == shipped[name]["fault"]
        for steps in found["readings"].keys() & shipped[name]["readings"].keys():
            for term, value in found["readings"][steps].items():
                assert value == pytest.approx(shipped[name]["readings"][steps][term], rel=1e-3), (name, term)


NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
PLACES = """
import { load } from "./load.js";
const { controls } = load(["controls.js"], ["controls"]);
console.log(JSON.stringify(Object.fromEntries(controls().map(({ name, values }) => [name, values]))));
"""
# How a control is called in the words before a lab, and the number that follows.
CALLED = {
    "beta": r"\\beta|β",
    "sigma": r"\\sigma|σ of the Gaussian",
    "learning_rate": "learning rate",
    "warm_up": "warm-up",
}
NUMBER = r"([\d.]*\d)"


def told_to_set():
    """Each setting that a notebook's lab opens with, or that the words before it ask for."""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        for words, code in itertools.pairwise(cells):
            if "vaelib.lab(" not in code.source:
                continue
            (call,) = (node for node in ast.walk(ast.parse(code.source)) if isinstance(node, ast.Call))
            yield from ((path.stem, one.arg, ast.literal_eval(one.value)) for one in call.keywords)
            for name, called in CALLED.items():
                found = rf'(?:{called})["$]*\s(?:=|to|of)?\s*{NUMBER}(?: and to {NUMBER})?'
                for numbers in re.findall(found, words.source):
                    yield from ((path.stem, name, float(number)) for number in numbers if number)


def test_what_a_notebook_has_its_reader_set_is_a_place_of_the_control():
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node found: install Node 20 or later to test the JavaScript outside a browser")
    ran = subprocess.run([node, "--input-type=module", "-e", PLACES], cwd=HERE, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    places = json.loads(ran.stdout)
    told = set(told_to_set())
    assert {("06_decoders", "sigma", 0.3), ("07_training", "learning_rate", 1.0), ("10_beyond", "beta", 100.0)} <= told
    told |= {("read_lab", *setting) for _, changed in read_lab.PRESETS.values() for setting in changed.items()}
    missing = {one for one in told if places.get(one[1]) is not None and one[2] not in places[one[1]]}
    assert not missing


def test_the_labs_javascript():
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node found: install Node 20 or later to test the JavaScript outside a browser")
    colors = {"colors": [*class_colors(60), *QUANTITY_COLORS.values(), GUIDE]}
    command = [node, "--test", *map(str, sorted(HERE.glob("*.test.js")))]
    known = os.environ | {"VAELIB_COLORS": json.dumps(colors)}
    ran = subprocess.run(command, env=known, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("seed", range(3))
def test_what_the_tour_says_of_its_trainings_is_so(tmp_path, seed):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node found: install Node 20 or later to test the JavaScript outside a browser")
    images = lab_images(None, None)
    arrays = {"train": images.train, "heldOut": images.held_out, "labels": images.labels}
    job = {"pixels": images.pixels, "settings": Settings(seed=seed).for_page()}
    path = tmp_path / "job.json"
    path.write_text(json.dumps(job | {name: text(array) for name, array in arrays.items()}))
    ran = subprocess.run([node, HERE / "tour.js", path], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    steps = {step["title"]: step for step in json.loads(ran.stdout)}
    assert [name for name, step in steps.items() if not step["holds"]] == ["Your own digit", "Where to go on"]
    assert [name for name, step in steps.items() if step["held"]] == ["The plane of z"], "the others are what came"
    pairs = {name: (step["before"], step["after"]) for name, step in steps.items()}

    assert pairs["The plane of z"][0]["inFirst"] > 0.95
    before, after = pairs["Training"]
    assert after["parted"] > before["parted"] + 0.1
    assert after["inFirst"] < 0.5 < after["inThird"]
    before, after = pairs["One image, step by step"]
    assert (after["mu"], after["lookedLogVar"]) == (before["mu"], before["lookedLogVar"])
    assert after["picture"] != before["picture"]
    before, after = pairs["The two terms"]
    assert after["recon"] > before["recon"] + 3
    assert after["kl"] < 10
    assert -after["recon"] > 0.9 * (after["kl"] - after["recon"])
    before, after = pairs["Without the KL"]
    assert after["variance"] > 1.5 * before["variance"]
    assert after["inThird"] < before["inThird"]
    assert after["sigma"] < before["sigma"] / 5
    before, after = pairs["Without the noise"]
    assert after["sigma"] == pytest.approx(1, abs=0.05)
    assert after["recon"] < min(after["trained"], before["recon"]) - 30
    before, after = pairs["β = 100"]
    assert after["kl"] < 0.1
    assert after["variance"] < 0.01
    assert after["variety"] < 0.01 < 0.1 < before["variety"]
    before, after = pairs["And back"]
    assert after["kl"] > 2
    assert after["parted"] > before["parted"] + 0.1


def test_a_training_that_breaks_says_where(tmp_path):
    case = Case({"learning_rate": 1e12}, steps=5)
    found = case.in_node(tmp_path)
    assert found["fault"].startswith("The ")
    assert "became" in found["fault"]
    assert "at step 2" in found["fault"]


def test_the_compiled_kernels_are_in_step_with_their_sources():
    assert build.COMPILED.read_bytes().endswith(build.SECTION + build.digest()), (
        "kernels.c or build.py has changed: python vaelib/laboratory/kernels/build.py"
    )


def test_the_kernels_are_what_the_compiler_makes_of_them():
    if shutil.which("clang") is None or shutil.which("wasm-ld") is None:
        pytest.skip("no clang with lld found (Debian: apt-get install clang lld)")
    version = subprocess.run(["clang", "-dumpversion"], capture_output=True, text=True).stdout.strip()
    if not version.startswith("14."):
        pytest.skip(f"compiled by clang 14, and another release may order instructions otherwise; found {version}")
    assert build.compiled() == build.COMPILED.read_bytes()
