"""How the shipped models were made.

`python -m vaelib pretrain` trains them again on the full MNIST, writes them in half precision and measures the files.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import jax
import optax

from vaelib import batches
from vaelib.conditional import ConditionalVAE
from vaelib.files import claimed
from vaelib.history import History
from vaelib.models import VAE, Autoencoder
from vaelib.objectives import Objective, elbo, importance_weighted_bound, reconstruction
from vaelib.pretrained import load_pretrained
from vaelib.results import Curve, measure, record_results
from vaelib.saving import load_model, save_model
from vaelib.training import fit


@dataclass(frozen=True)
class Recipe:
    """How one of the shipped models is made: what is built, and how it is trained on the 60,000 training images.

    `binarize` says whether the images are drawn black or white afresh in each batch, for training and for evaluation;
    `warm_up` is the share of the training over which the KL's weight rises from 0 to 1; `start_from` names the shipped
    model whose weights training starts from; `evidence_images` is the number of test images whose log p(x) is
    estimated, the slow part of the evaluation; `curve_every` is the number of epochs between two points of the curve of
    log p(x) against wall time, 0 for no curve.
    """

    build: Callable[..., VAE | Autoencoder | ConditionalVAE]
    config: dict
    binarize: bool = False
    objective: Objective = elbo
    epochs: int = 60
    batch_size: int = 128
    peak_learning_rate: float = 2e-3
    seed: int = 0
    warm_up: float = 0.0
    start_from: str | None = None
    evidence_images: int = 1000
    curve_every: int = 0
    hidden: tuple[int, ...] = field(default=(200, 200))

    def data(self, images, labels):
        """What such a model is trained and measured on: the images, for a conditional one with their labels."""
        return (images, labels) if "classes" in self.config else images

    def train(self, images, *, held_out=None, **options) -> tuple[VAE | Autoencoder | ConditionalVAE, History]:
        """Train a new model, or on from `start_from`, with Adam and a step size that falls to 0 along a cosine.

        `options` go to `fit`.
        """
        if self.start_from is None:
            model = self.build(seed=self.seed, hidden=self.hidden, **self.config)
        else:
            model = load_pretrained(self.start_from)
        steps = self.epochs * (batches.rows_of(images) // self.batch_size)
        history = fit(
            model,
            images,
            jax.random.key(self.seed),
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=optax.cosine_decay_schedule(self.peak_learning_rate, steps),
            objective=self.objective,
            binarize=self.binarize,
            beta=optax.linear_schedule(0.0, 1.0, round(self.warm_up * steps)) if self.warm_up else None,
            held_out=held_out,
            **options,
        )
        return model, history


TANH_50 = {"latent": 50, "activation": "tanh"}  # the one-layer network of Burda et al. (2016)
RECIPES = {
    "bernoulli-z2": Recipe(VAE.create, {"latent": 2}, binarize=True),
    "bernoulli-z5": Recipe(VAE.create, {"latent": 5}, binarize=True),
    "bernoulli-z10": Recipe(VAE.create, {"latent": 10}, binarize=True),
    "bernoulli-z20": Recipe(VAE.create, {"latent": 20}, binarize=True, evidence_images=10_000),
    "bernoulli-z50": Recipe(
        VAE.create,
        TANH_50,
        binarize=True,
        epochs=600,
        warm_up=0.1,
        peak_learning_rate=3e-3,
        evidence_images=10_000,
        curve_every=25,
    ),
    "iwae5-z50": Recipe(
        VAE.create,
        TANH_50,
        binarize=True,
        objective=partial(importance_weighted_bound, num_samples=5),
        epochs=600,
        peak_learning_rate=2e-3,
        start_from="bernoulli-z50",
        evidence_images=10_000,
        curve_every=25,
    ),
    "iwae50-z50": Recipe(
        VAE.create,
        TANH_50,
        binarize=True,
        objective=partial(importance_weighted_bound, num_samples=50, gradient_samples=5),
        epochs=40,
        peak_learning_rate=1e-3,
        start_from="iwae5-z50",
        evidence_images=10_000,
        curve_every=4,
    ),
    "gaussian-z2": Recipe(VAE.create, {"latent": 2, "likelihood": "gaussian", "sigma": "learned"}),
    "gaussian-z20": Recipe(VAE.create, {"latent": 20, "likelihood": "gaussian", "sigma": "learned"}),
    "autoencoder-z2": Recipe(Autoencoder.create, {"latent": 2}, objective=reconstruction),
    "autoencoder-z20": Recipe(Autoencoder.create, {"latent": 20}, objective=reconstruction),
    "conditional-z2": Recipe(ConditionalVAE.create, {"classes": 10, "latent": 2}, binarize=True, hidden=(80, 80)),
}


def make_weights(
    name: str, images, test_images, folder: str | os.PathLike, *, samples: int, overwrite: bool, command: str
) -> dict | None:
    """Train a shipped model again and write its weights in half precision, its checkpoint and its results to `folder`.

    The images are what the recipe's `data` makes of them.
    `samples` are the draws of z an image for log p(x) of the written weights, `command` what the results say they were
    made by. A training that was interrupted goes on where it stopped.

    Returns:
        The results, or None where training was interrupted.

    Raises:
        BlockingIOError: where another process writes its results to the same folder.
    """
    with claimed(Path(folder) / "results.json", "results"):
        return _make_weights(name, images, test_images, Path(folder), samples, overwrite, command)


def _make_weights(name: str, images, test_images, folder: Path, samples: int, overwrite: bool, command: str):
    recipe, path, results_file = RECIPES[name], folder / f"{name}.safetensors", folder / "results.json"
    curve = Curve(results_file, name, test_images, every=recipe.curve_every, binarize=recipe.binarize)
    model, history = recipe.train(images, checkpoint=folder / f"{name}.checkpoint", resume=True, callback=curve.add)
    if history.interrupted:
        return None
    save_model(model, path, dtype="float16", overwrite=overwrite)
    results = measure(
        load_model(path),
        test_images,
        binarize=recipe.binarize,
        samples=samples,
        evidence_images=recipe.evidence_images,
    )
    results |= {"curve": curve.points} if recipe.curve_every else {}
    results |= {
        "elbo_float32": measure(model, test_images, binarize=recipe.binarize)["elbo"],
        "training_seconds": round(sum(history.seconds), 1),
        "training_images": batches.rows_of(images),
        "epochs": recipe.epochs,
        "command": command,
        "machine": f"{jax.device_count()} {jax.devices()[0].device_kind} device, JAX {jax.__version__}",
    }
    record_results(results_file, name, results)
    return results
