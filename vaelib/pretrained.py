"""The weights that ship with vaelib."""

from importlib.resources import as_file, files
from typing import cast

from vaelib import checks
from vaelib.conditional import ConditionalVAE
from vaelib.models import VAE, Autoencoder
from vaelib.saving import load_model

WEIGHTS = files("vaelib") / "weights"
RESULTS = WEIGHTS / "results.json"
NAMES = (
    "bernoulli-z2",
    "bernoulli-z5",
    "bernoulli-z10",
    "bernoulli-z20",
    "bernoulli-z50",
    "iwae5-z50",
    "iwae50-z50",
    "gaussian-z2",
    "gaussian-z20",
    "autoencoder-z2",
    "autoencoder-z20",
    "conditional-z2",
)


def pretrained_names() -> list[str]:
    """The names that `load_pretrained` knows; how each was made stands in `vaelib.recipes`."""
    return list(NAMES)


def load_pretrained(name: str) -> VAE | Autoencoder | ConditionalVAE:
    """A shipped model by name, trained on the 60,000 training images of MNIST; see `pretrained_names()`.

    Raises:
        ValueError: for a name not in the list, or a damaged file.

    Example:
        >>> load_pretrained("bernoulli-z20").latent
        20
    """
    checks.one_of(name, NAMES, "name")
    with as_file(WEIGHTS / f"{name}.safetensors") as path:
        return cast(VAE | Autoencoder | ConditionalVAE, load_model(path))
