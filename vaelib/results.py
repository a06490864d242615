"""What a model reaches on test images, and the file in which results are kept, one entry a model."""

import json
from os import PathLike
from pathlib import Path
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from vaelib import batches
from vaelib.data import binarize as draw_binary
from vaelib.evaluation import evaluate
from vaelib.evidence import log_evidence
from vaelib.files import write_json
from vaelib.history import History
from vaelib.latents import active_units
from vaelib.models import Autoencoder
from vaelib.objectives import elbo, reconstruction
from vaelib.protocols import LatentVariableModel

CURVE_IMAGES, CURVE_SAMPLES = 1000, 500  # test images and draws of a point on a curve


def measure(
    model: nnx.Module,
    images: Float[Array | np.ndarray, "image pixel"] | batches.Parts,
    *,
    binarize: bool,
    samples: int = 0,
    evidence_images: int | None = None,
    seed: int = 0,
) -> dict:
    """The ELBO and its terms in nats per image, active units, and log p(x) where there is a posterior to draw from.

    Args:
        model: a `VAE`, or an `Autoencoder`, which has the reconstruction alone.
        images: test images, for a `ConditionalVAE` with their labels.
        binarize: draw them black or white first.
        samples: draws of z an image for log p(x); 0 leaves it out.
        evidence_images: estimate log p(x) for the first so many images, by default for all.
        seed: of all draws.
    """
    draw_key, elbo_key, evidence_key = jax.random.split(jax.random.key(seed), 3)
    pixels = batches.images_of(images)
    x = batches.with_images(images, draw_binary(pixels, draw_key) if binarize else jnp.asarray(pixels))
    has_posterior = not isinstance(model, Autoencoder)
    results = evaluate(model, x, elbo_key, objective=elbo if has_posterior else reconstruction)
    results |= {"test_images": len(pixels), "binarized": binarize, "active_units": int(active_units(model, x).sum())}
    if has_posterior and samples:
        first = batches.take(x, slice(evidence_images))
        estimates = log_evidence(cast(LatentVariableModel, model), first, evidence_key, num_samples=samples)
        log_px = np.asarray(estimates, np.float64)
        results |= {"log_px": float(log_px.mean()), "log_px_stderr": float(log_px.std() / len(log_px) ** 0.5)}
        results |= {"samples": samples, "evidence_images": len(log_px)}
    return results


class Curve:
    """log p(x) against training time, a point every so many epochs, kept on disk for a run that is resumed."""

    def __init__(self, path: str | PathLike, name: str, images, *, every: int, binarize: bool):
        """Go on with the model's curve in the file; `every` is the number of epochs between points, 0 for no curve."""
        self.path, self.name, self.images, self.every, self.binarize = (
            path,
            name,
            images[:CURVE_IMAGES],
            every,
            binarize,
        )
        self.points = read_results(path).get(name, {}).get("curve", [])

    def add(self, epochs: int, model: nnx.Module, history: History) -> None:
        """Measure after the epochs in question, in a fraction of an epoch's time."""
        if not self.every or epochs % self.every:
            return
        measured = measure(model, self.images, binarize=self.binarize, samples=CURVE_SAMPLES)
        point = {"epoch": epochs, "minutes": round(sum(history.seconds) / 60, 2), "log_px": measured["log_px"]}
        self.points = [earlier for earlier in self.points if earlier["epoch"] < epochs] + [point]
        record_results(self.path, self.name, {"curve": self.points})


def read_results(path: str | PathLike) -> dict:
    """What the file holds, nothing where there is none."""
    return json.loads(Path(path).read_text(encoding="utf-8")) if Path(path).exists() else {}


def record_results(path: str | PathLike, name: str, results: dict) -> None:
    """Put a model's results in the place of its old ones; a run that does so has claimed the file."""
    write_json(path, read_results(path) | {name: results})
