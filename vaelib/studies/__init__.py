"""Experiments too long for a notebook, of which the package keeps the numbers, and the weights of two small models.

`python -m vaelib study NAME` makes them again, one entry a training; a study that was stopped goes on after its
last entry.
"""

import json
from collections.abc import Callable, Iterator
from functools import reduce
from importlib.resources import as_file, files
from operator import getitem
from os import PathLike
from pathlib import Path
from typing import cast

import numpy as np

from vaelib import checks
from vaelib.files import claimed
from vaelib.models import VAE
from vaelib.results import read_results, record_results
from vaelib.saving import load_model, save_model
from vaelib.studies import (
    adversarial,
    collapse,
    convolutions,
    decoders,
    latent_sizes,
    own_images,
    priors,
    pull,
    ring,
    today,
    uniform_prior,
    variants,
)
from vaelib.studies.bound import bound
from vaelib.studies.common import Entries
from vaelib.studies.denoising import denoiser
from vaelib.studies.draws import draws
from vaelib.studies.families import families
from vaelib.studies.guessing import naive

SHIPPED = files("vaelib") / "studies" / "results"
STUDIES: dict[str, Callable[..., Entries]] = {
    "adversarial": adversarial.entries,
    "blur": variants.blur,
    "bound": bound,
    "collapse": collapse.entries,
    "convolutions": convolutions.entries,
    "decoders": decoders.entries,
    "denoiser": denoiser,
    "draws": draws,
    "bugs": variants.bugs,
    "families": families,
    "freezing": pull.freezing,
    "latent-sizes": latent_sizes.entries,
    "naive": naive,
    "optimizers": variants.optimizers,
    "own-images": own_images.entries,
    "priors": priors.entries,
    "pull": pull.pull,
    "ring": ring.entries,
    "spreads": variants.spreads,
    "today": today.entries,
    "uniform-prior": uniform_prior.entries,
}

# Made by tests/tools/ask_other_libraries.py and tests/tools/read_lab.py.
BY_TOOLS = ("other-libraries", "lab")


def study_names() -> list[str]:
    """The studies there are."""
    return list(STUDIES)


def load_study(name: str) -> dict:
    """What a study, "other-libraries" or "lab" measured, one entry a training; raises ValueError for another name."""
    checks.one_of(name, (*STUDIES, *BY_TOOLS), "name")
    return json.loads((SHIPPED / f"{name}.json").read_text(encoding="utf-8"))


def of_seeds(study: dict, name: str, *path: str) -> np.ndarray:
    """One number of the entries `name.format(seed)`, seeds 0, 1 and 2, found by the keys of `path`."""
    return np.array([reduce(getitem, path, study[name.format(seed)]) for seed in range(3)])


def load_study_model(name: str) -> VAE:
    """The VAE of a study's seed 0 that ships: of "priors" that of digits, of "own-images" that of a table."""
    checks.one_of(name, ("priors", "own-images"), "name")
    with as_file(SHIPPED / f"{name}.safetensors") as path:
        return cast(VAE, load_model(path))


def run_study(name: str, images, test_images, path: str | PathLike) -> Iterator[tuple[str, dict]]:
    """Do what is missing of a study, and write it to the file at `path`; yields each entry's name and the entry.

    A `model` among the numbers of an entry goes to a file beside it, in half precision. Raises BlockingIOError where
    another process does a study into the same file.
    """
    checks.one_of(name, STUDIES, "name")
    with claimed(path, "results"):
        for entry, do in STUDIES[name](images, test_images):
            if entry not in read_results(path):
                results = do()
                if "model" in results:
                    weights = Path(path).with_suffix(".safetensors")
                    save_model(results.pop("model"), weights, dtype="float16", overwrite=True)
                record_results(path, entry, results)
            yield entry, read_results(path)[entry]
