"""Experiments too long for a notebook, of which the package keeps the numbers and not the weights.

`python -m vaelib study NAME` makes them again, one entry a training; a study that was stopped goes on after its
last entry.
"""

import json
from collections.abc import Callable, Iterator
from importlib.resources import files
from os import PathLike

from vaelib import checks
from vaelib.results import read_results, record_results
from vaelib.studies import collapse, convolutions, decoders, latent_sizes, today, variants
from vaelib.studies.bound import bound
from vaelib.studies.common import Entries
from vaelib.studies.draws import draws
from vaelib.studies.families import families
from vaelib.studies.guessing import naive

SHIPPED = files("vaelib") / "studies" / "results"
STUDIES: dict[str, Callable[..., Entries]] = {
    "bound": bound,
    "collapse": collapse.entries,
    "convolutions": convolutions.entries,
    "decoders": decoders.entries,
    "draws": draws,
    "bugs": variants.bugs,
    "families": families,
    "latent-sizes": latent_sizes.entries,
    "naive": naive,
    "optimizers": variants.optimizers,
    "spreads": variants.spreads,
    "today": today.entries,
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


def run_study(name: str, images, test_images, path: str | PathLike) -> Iterator[tuple[str, dict]]:
    """Do what is missing of a study, and write it to the file at `path`; yields each entry's name and the entry."""
    checks.one_of(name, STUDIES, "name")
    for entry, do in STUDIES[name](images, test_images):
        if entry not in read_results(path):
            record_results(path, entry, do())
        yield entry, read_results(path)[entry]
