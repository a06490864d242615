"""What a training leaves behind beside the weights."""

from dataclasses import dataclass, field

import numpy as np

from vaelib.languages import tr
from vaelib.objectives import Terms


@dataclass(frozen=True)
class Epoch:
    """What one epoch of training came to.

    Attributes:
        number: which epoch, from 1.
        train: "recon", "kl" and "elbo" of the objective in nats per image, means taken while the weights moved.
        held_out: the same on held-out images at the epoch's end; None without such images.
        seconds: how long it took, without what was done on held-out images.
        history: all epochs so far.
    """

    number: int
    train: dict[str, float]
    held_out: dict[str, float] | None
    seconds: float
    history: "History"


@dataclass
class History:
    """What happened in training, in nats per image.

    Attributes:
        train: "recon", "kl", "elbo" of the objective, one mean an epoch, taken while the weights moved.
        held_out: the same on held-out images at the end of each epoch; empty lists without such images.
        steps: the same of the objective, one mean a step, arrays of shape (step,).
        seconds: duration of each epoch, the first with its compilation.
        images: training images seen an epoch.
        interrupted: whether training was stopped before its last epoch.
    """

    train: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in Terms._fields})
    held_out: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in Terms._fields})
    steps: dict[str, np.ndarray] = field(
        default_factory=lambda: {name: np.zeros(0, np.float32) for name in Terms._fields}
    )
    seconds: list[float] = field(default_factory=list)
    images: int = 0
    interrupted: bool = False

    @property
    def epochs(self) -> int:
        """Epochs completed."""
        return len(self.seconds)

    @property
    def images_per_second(self) -> float:
        """The median rate over the epochs, without the first where there are more: it compiles."""
        seconds = self.seconds[1:] or self.seconds
        return self.images / float(np.median(seconds)) if seconds else 0.0

    def add_epoch(self, steps: Terms, held_out: dict[str, float] | None, images: int, seconds: float) -> None:
        """Append an epoch: its terms by step, arrays of shape (step,), and those on held-out images."""
        for name, values in steps._asdict().items():
            self.train[name].append(float(np.mean(values, dtype=np.float64)))
            self.steps[name] = np.concatenate([self.steps[name], values])
            if held_out is not None:
                self.held_out[name].append(held_out[name])
        self.images = images
        self.seconds.append(seconds)

    def last_epoch(self) -> Epoch:
        """The latest epoch; there has to be one."""
        train, held_out = (
            {name: values[-1] for name, values in terms.items() if values} for terms in (self.train, self.held_out)
        )
        return Epoch(self.epochs, train, held_out or None, self.seconds[-1], self)

    def __str__(self) -> str:
        """The latest ELBO, held-out where there is one, and the latest rate."""
        if not self.seconds:
            return tr("no epoch yet")
        elbo = (self.held_out["elbo"] or self.train["elbo"])[-1]
        rate = self.images / self.seconds[-1]
        return tr("ELBO {elbo:.2f} nats, {rate:,.0f} images/s", elbo=elbo, rate=rate)
