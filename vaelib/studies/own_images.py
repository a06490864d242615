"""VAEs of two small data sets that are no MNIST, as notebook 11 describes them, three seeds each: faces, and a table.

Faces: 100 of 25 × 25 pixels, 80 to train on, and 100 squares without one. Table: 569 tumours with 30 measured numbers
each, 400 to train on. Both data sets come with packages of the extra `notebooks`.
"""

from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from vaelib.checks import AnyArray
from vaelib.evaluation import evaluate
from vaelib.evidence import log_evidence
from vaelib.models import VAE
from vaelib.studies.common import Entries, rounded
from vaelib.training import fit

SEEDS, FACES, ROWS, DRAWS = (0, 1, 2), 80, 400, 2_000
MEAN_AREA = 3  # the column of the table


def faces() -> np.ndarray:
    """100 faces, then 100 squares without one, as rows of 625 pixels."""
    from skimage.data import lfw_subset

    return lfw_subset().astype(np.float32).reshape(200, -1)


def table() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rows, the mean and the spread of each column over those that are trained on."""
    from sklearn.datasets import load_breast_cancer

    raw = load_breast_cancer().data.astype(np.float32)
    return raw, raw[:ROWS].mean(axis=0), raw[:ROWS].std(axis=0)


def in_order(log_px: Float[AnyArray, " square"]) -> float:
    """The share of pairs of a held-out face and a square without one in which the face has the higher log p(x)."""
    from sklearn.metrics import roc_auc_score

    held_out = 100 - FACES
    return float(roc_auc_score(np.arange(len(log_px)) < held_out, log_px))


def agreement(drawn: Float[AnyArray, "draw column"], rows: Float[AnyArray, "row column"]) -> float:
    """How far the columns hang together alike: the correlation of the two clouds' correlations of pairs of columns."""
    pairs = np.triu_indices(rows.shape[1], 1)
    return float(np.corrcoef([np.corrcoef(x.T)[pairs] for x in (drawn, rows)])[0, 1])


def _faces_run(seed: int) -> dict:
    squares = faces()
    family = {"image_shape": (25, 25, 1), "likelihood": "gaussian", "sigma": 0.1}
    model = VAE.create(seed=seed, latent=8, hidden=(128,), **family)
    options: dict[str, Any] = {"epochs": 200, "batch_size": 20, "learning_rate": 2e-3, "progress": False}
    fit(model, squares[:FACES], jax.random.key(seed), **options)
    log_px = np.asarray(log_evidence(model, squares[FACES:], jax.random.key(1), num_samples=200))
    shown = {"faces": float(log_px[: 100 - FACES].mean()), "none": float(log_px[100 - FACES :].mean())}
    return rounded(shown | {"in order": in_order(log_px)})


def _table_run(seed: int) -> dict:
    raw, mean, std = table()
    rows = (raw - mean) / std
    family = {"likelihood": "gaussian", "mean": "linear", "sigma": "learned"}
    model = VAE.create(seed=seed, latent=2, hidden=(64,), pixels=30, **family)
    options: dict[str, Any] = {"epochs": 150, "batch_size": 100, "learning_rate": 3e-3, "progress": False}
    fit(model, rows[:ROWS], jax.random.key(seed), **options)
    z = np.random.default_rng(seed).standard_normal((DRAWS, 2))
    drawn = np.asarray(model.decode(np.asarray(z, np.float32)).sample(jax.random.key(3)))
    numbers = {"elbo": evaluate(model, rows[ROWS:], jax.random.key(1))["elbo"]}
    numbers |= {"agreement": agreement(drawn, rows[ROWS:]), "area": float((drawn * std + mean)[:, MEAN_AREA].mean())}
    return rounded(numbers) | ({} if seed else {"model": model})


def entries(images, test_images) -> Entries:
    """Both data sets for three seeds, which no digit enters."""
    for name, run in (("faces", _faces_run), ("table", _table_run)):
        for seed in SEEDS:
            yield f"{name}, seed {seed}", partial(run, seed)
