"""The lab's settings: what each control stands at when it opens."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from vaelib import checks

LIKELIHOODS = ("bernoulli", "gaussian")
DATA = ("images", "ring")
RING_SHAPE = (1, 2, 1)  # a point of Doersch's ring is an image of two pixels
RING = {"likelihood": "gaussian", "sigma": 0.05}  # points of a plane are no probabilities, and the ring is thin


@dataclass(frozen=True)
class Settings:
    """Where the controls stand; the names are those of the arguments of `vaelib.lab`.

    Raises:
        TypeError, ValueError: for a value of the wrong kind or size, named in the message.
    """

    data: str = "images"
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
            "data": checks.one_of(self.data, DATA, "data"),
            "latent": checks.at_least(self.latent, "latent", 2),
            "hidden": tuple(checks.positive_int(width, "hidden") for width in self.hidden),
            "likelihood": checks.one_of(self.likelihood, LIKELIHOODS, "likelihood"),
            "sigma": checks.number(self.sigma, "sigma", low=0.0, open_low=True),
            "beta": checks.number(self.beta, "beta", low=0.0),
            "warm_up": checks.at_least(self.warm_up, "warm_up", 0),
            "learning_rate": checks.number(self.learning_rate, "learning_rate", low=0.0, open_low=True),
            "batch_size": checks.positive_int(self.batch_size, "batch_size"),
            "seed": checks.at_least(self.seed, "seed", 0),
        }
        checked |= {name: checks.boolean(getattr(self, name), name) for name in FLAGS}
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
