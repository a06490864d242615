"""What a program's loss really trains: state how it is written, and read the beta or the sigma it amounts to.

    loss = error_weight · reduce(error of a pixel) + kl_weight · reduce(KL of a latent dimension)

The ELBO sums both over their axis. A mean divides one of them, and so weighs the other; a factor common to both changes
the step size alone. `EXAMPLES` holds losses of well-known public programs.
"""

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import partial

from vaelib import checks
from vaelib.languages import tr

# The numbers of a loss, each with the check that refuses what it can not be.
NUMBER_CHECKS: dict[str, Callable[..., float]] = {
    "pixels": checks.positive_int,
    "latents": checks.positive_int,
    "batch": checks.positive_int,
    "error_weight": partial(checks.number, low=0.0, open_low=True),
    "kl_weight": partial(checks.number, low=0.0),
}
ERRORS, REDUCTIONS, SPREADS = ("cross-entropy", "squared error"), ("sum", "mean"), ("log sigma²", "log sigma")


@dataclass(frozen=True)
class WrittenLoss:
    """How a program writes its loss.

    Args:
        error: "cross-entropy" or "squared error", of a pixel.
        over_pixels: "sum" or "mean" of that error over the pixels of an image.
        over_latents: "sum" or "mean" of ½ (mu² + sigma² - log sigma² - 1) over the latent dimensions.
        over_batch: "sum" or "mean" over the images, of the error.
        kl_over_batch: the same of the KL, where it differs.
        pixels, latents, batch: how many there are.
        error_weight: a factor of the error, such as ½ or 1/(2 sigma²).
        kl_weight: a factor of the KL; 2 where its ½ was forgotten.
        drawn_with: what the encoder's second output is when z is drawn, "log sigma²" or "log sigma".
        kl_reads: what the KL takes it for, where it differs.
        source: address of the program.

    Raises:
        TypeError, ValueError: for any other value, named in the message.
    """

    error: str
    _: KW_ONLY
    over_pixels: str
    over_latents: str
    pixels: int
    latents: int
    over_batch: str = "mean"
    kl_over_batch: str | None = None
    batch: int = 128
    error_weight: float = 1.0
    kl_weight: float = 1.0
    drawn_with: str = "log sigma²"
    kl_reads: str | None = None
    source: str = ""

    def __post_init__(self):
        """Refuse what no such program can do."""
        checks.one_of(self.error, ERRORS, "error")
        for name in ("over_pixels", "over_latents", "over_batch"):
            checks.one_of(getattr(self, name), REDUCTIONS, name)
        checks.one_of(self.kl_over_batch or self.over_batch, REDUCTIONS, "kl_over_batch")
        for name, check in NUMBER_CHECKS.items():
            check(getattr(self, name), name)
        checks.one_of(self.drawn_with, SPREADS, "drawn_with")
        checks.one_of(self.kl_reads or self.drawn_with, SPREADS, "kl_reads")

    @property
    def error_factor(self) -> float:
        """What multiplies the error of one image, summed over its pixels."""
        return self.error_weight / _divisor(self.over_pixels, self.pixels) / _divisor(self.over_batch, self.batch)

    @property
    def kl_factor(self) -> float:
        """What multiplies the KL of one image, summed over the latent dimensions."""
        over_batch = self.kl_over_batch or self.over_batch
        return self.kl_weight / _divisor(self.over_latents, self.latents) / _divisor(over_batch, self.batch)

    @property
    def beta(self) -> float:
        """The KL's weight beside the summed error: against nats for cross-entropy, against SSE for squared error."""
        return self.kl_factor / self.error_factor

    @property
    def sigma(self) -> float | None:
        """The sigma of the Gaussian decoder whose ELBO this is: SSE/(2 sigma²) + KL; None for cross-entropy."""
        return math.sqrt(self.beta / 2) if self.error == "squared error" else None

    @property
    def is_elbo_of_draws(self) -> bool:
        """Whether the KL is that of the distribution which z is drawn from."""
        return (self.kl_reads or self.drawn_with) == self.drawn_with

    @property
    def summary(self) -> str:
        """The error of a pixel, then of each of the two terms its weight and how it is reduced."""
        errors = {"cross-entropy": tr("cross-entropy"), "squared error": tr("squared error")}
        reductions = {"sum": tr("sum"), "mean": tr("mean")}
        return tr(
            "{error}, {error_weight} × {over_pixels} over {pixels} pixels, "
            "{kl_weight} × {over_latents} over {latents} latents",
            error=errors[self.error],
            error_weight=f"{self.error_weight:g}",
            over_pixels=reductions[self.over_pixels],
            pixels=self.pixels,
            kl_weight=f"{self.kl_weight:g}",
            over_latents=reductions[self.over_latents],
            latents=self.latents,
        )

    @property
    def objective(self) -> str:
        """What is maximised, in the letters of the series, up to a factor and a constant."""
        kl = "KL(q(z|x) ‖ p(z))" if self.is_elbo_of_draws else tr("KL of another spread than q's")
        if self.sigma is None:
            weight = "" if math.isclose(self.beta, 1) else f"{self.beta:.3g} "
            return tr("E_q[log p(x|z)] - {kl}, Bernoulli", kl=weight + kl)
        if self.sigma == 0:
            return tr("-SSE: an autoencoder with noise, no KL")
        return tr("E_q[log p(x|z)] - {kl}, Gaussian with sigma {sigma}", kl=kl, sigma=f"{self.sigma:.3g}")

    @property
    def prediction(self) -> str:
        """What training will show, beside the ELBO of the same network."""
        if not self.is_elbo_of_draws:
            true, charged = (f"{cost:.2f}" for cost in _costs(self.drawn_with, sigma=0.1))
            return tr(
                "at sigma 0.1 a latent dimension has a KL of {true} nats and is charged {charged}",
                true=true,
                charged=charged,
            )
        if self.sigma is not None:
            sigma = f"{self.sigma:.3g}"
            return tr("trains as a Gaussian decoder with sigma {sigma} does; a pixel's range is usually 1", sigma=sigma)
        if math.isclose(self.beta, 1):
            return tr("trains the ELBO")
        beta = f"{self.beta:.3g}"
        if self.beta > 1:
            return tr("trains as beta = {beta} does: a smaller KL, blurrier reconstructions", beta=beta)
        return tr("trains as beta = {beta} does: a larger KL, sharper reconstructions", beta=beta)


def _divisor(reduction: str, count: int) -> int:
    return count if reduction == "mean" else 1


def _costs(drawn_with: str, sigma: float) -> tuple[float, float]:
    """The KL of N(0, sigma²) to N(0, 1), and what the formula gives that takes the output for the other thing."""
    output = math.log(sigma) * (2 if drawn_with == "log sigma²" else 1)
    read = math.exp(output / 2) if drawn_with == "log sigma" else math.exp(output)
    meant, taken = (0.5 * (s**2 - 2 * math.log(s) - 1) for s in (sigma, read))
    return meant, taken


EXAMPLES = {
    "PyTorch, vae": WrittenLoss(
        "cross-entropy",
        over_pixels="sum",
        over_latents="sum",
        over_batch="sum",
        pixels=784,
        latents=20,
        batch=128,
        source="https://github.com/pytorch/examples/blob/main/vae/main.py",
    ),
    "Keras, vae": WrittenLoss(
        "cross-entropy",
        over_pixels="sum",
        over_latents="sum",
        pixels=784,
        latents=2,
        batch=128,
        source="https://github.com/keras-team/keras-io/blob/master/examples/generative/vae.py",
    ),
    "Flax NNX, 05_vae": WrittenLoss(
        "cross-entropy",
        over_pixels="mean",
        over_latents="mean",
        pixels=784,
        latents=32,
        batch=64,
        kl_weight=0.1,
        drawn_with="log sigma",
        source="https://github.com/google/flax/blob/main/examples/nnx_toy_examples/05_vae.py",
    ),
    "JAX AI Stack, digits_vae": WrittenLoss(
        "cross-entropy",
        over_pixels="mean",
        over_latents="mean",
        pixels=64,
        latents=8,
        batch=1347,
        kl_weight=0.1,
        drawn_with="log sigma",
        source="https://github.com/jax-ml/jax-ai-stack/blob/main/docs/source/digits_vae.md",
    ),
    "PyTorch-VAE, vanilla_vae": WrittenLoss(
        "squared error",
        over_pixels="mean",
        over_latents="sum",
        pixels=64 * 64 * 3,
        latents=128,
        batch=64,
        kl_weight=0.00025,
        source="https://github.com/AntixK/PyTorch-VAE/blob/master/models/vanilla_vae.py",
    ),
}
