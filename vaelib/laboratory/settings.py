"""The lab's settings: what each control stands at when it opens."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from vaelib import checks

LIKELIHOODS = ("bernoulli", "gaussian")


@dataclass(frozen=True)
class Settings:
    """Where the controls stand; the names are those of the arguments of `vaelib.lab`.

    Raises:
        TypeError, ValueError: for a value of the wrong kind or size, named in the message.
    """

    latent: int = 2
    hidden: Sequence[int] = (128,)
    likelihood: str = "bernoulli"
    sigma: float = 0.1
    beta: float = 1.0
    noise: bool = True
    kl: bool = True
    warm_up: int = 0
    learning_rate: float = 1e-3
    batch_size: int = 64
    freeze_encoder: bool = False
    freeze_decoder: bool = False
    seed: int = 0

    def __post_init__(self):
        """Check each."""
        if isinstance(self.hidden, str | int) or not self.hidden:
            raise TypeError(f"hidden must be a non-empty sequence of widths such as (128,), got {self.hidden!r}")
        checked = {
            "latent": _at_least(self.latent, "latent", 2),
            "hidden": tuple(checks.positive_int(width, "hidden") for width in self.hidden),
            "likelihood": checks.one_of(self.likelihood, LIKELIHOODS, "likelihood"),
            "sigma": checks.number(self.sigma, "sigma", low=0.0, open_low=True),
            "beta": checks.number(self.beta, "beta", low=0.0),
            "warm_up": _at_least(self.warm_up, "warm_up", 0),
            "learning_rate": checks.number(self.learning_rate, "learning_rate", low=0.0, open_low=True),
            "batch_size": checks.positive_int(self.batch_size, "batch_size"),
            "seed": _at_least(self.seed, "seed", 0),
        }
        checked |= {name: _flag(getattr(self, name), name) for name in FLAGS}
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def for_page(self) -> dict:
        """The settings as JSON takes them."""
        return asdict(self) | {"hidden": list(self.hidden)}

    def model_config(self) -> dict:
        """The arguments of the VAE that is trained."""
        config = {"latent": self.latent, "hidden": tuple(self.hidden), "likelihood": self.likelihood}
        return config | ({"sigma": self.sigma} if self.likelihood == "gaussian" else {})


FLAGS = ("noise", "kl", "freeze_encoder", "freeze_decoder")


def _at_least(value, name: str, low: int) -> int:
    """An integer of at least `low`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer of at least {low}, got {value!r} ({type(value).__name__})")
    if value < low:
        raise ValueError(f"{name} must be an integer of at least {low}, got {value}")
    return int(value)


def _flag(value, name: str) -> bool:
    """On or off."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r} ({type(value).__name__})")
    return bool(value)
