"""The loss clinic against losses that are written out, and against the arithmetic of public programs."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit
from scipy.stats import norm

from vaelib.clinic import EXAMPLES, WrittenLoss

PIXELS, LATENTS, BATCH = 7, 3, 5
REDUCE = {"sum": np.sum, "mean": np.mean}


def errors(written, logits, x):
    """The error of each pixel."""
    p = expit(logits)
    return (p - x) ** 2 if written.error == "squared error" else -x * np.log(p) - (1 - x) * np.log(1 - p)


def kls(mu, log_var):
    """The KL of each latent dimension."""
    return 0.5 * (mu**2 + np.exp(log_var) - log_var - 1)


def loss(written, x, logits, mu, log_var):
    """A program's loss, with the reductions where the program has them."""
    of_error = REDUCE[written.over_batch](REDUCE[written.over_pixels](errors(written, logits, x), axis=1))
    of_kl = REDUCE[written.kl_over_batch or written.over_batch](REDUCE[written.over_latents](kls(mu, log_var), axis=1))
    return written.error_weight * of_error + written.kl_weight * of_kl


def minus_elbo(written, x, logits, mu, log_var):
    """Minus the mean of the objective that the clinic names, but for a constant."""
    error, kl = errors(written, logits, x).sum(axis=1), kls(mu, log_var).sum(axis=1)
    if written.sigma is None:
        return np.mean(error + written.beta * kl)
    return np.mean(error / (2 * written.sigma**2) + kl)


@pytest.mark.parametrize("error", ["cross-entropy", "squared error"])
@pytest.mark.parametrize("over_pixels", ["sum", "mean"])
@pytest.mark.parametrize("over_latents", ["sum", "mean"])
@pytest.mark.parametrize(("over_batch", "kl_over_batch"), [("mean", None), ("sum", None), ("mean", "sum")])
def test_the_loss_as_written_has_the_optimum_of_the_objective_that_is_named(
    error, over_pixels, over_latents, over_batch, kl_over_batch
):
    rng = np.random.default_rng(0)
    written = WrittenLoss(
        error,
        over_pixels=over_pixels,
        over_latents=over_latents,
        over_batch=over_batch,
        kl_over_batch=kl_over_batch,
        pixels=PIXELS,
        latents=LATENTS,
        batch=BATCH,
        error_weight=0.7,
        kl_weight=0.3,
    )
    x = rng.uniform(size=(BATCH, PIXELS))
    shapes = [(BATCH, size) for size in (PIXELS, LATENTS, LATENTS)]
    networks = [[rng.standard_normal(shape) for shape in shapes] for _ in range(4)]
    of_program = np.array([loss(written, x, *outputs) for outputs in networks])
    of_objective = np.array([minus_elbo(written, x, *outputs) for outputs in networks])
    ratios = np.diff(of_program) / np.diff(of_objective)
    assert_allclose(ratios, ratios[0], rtol=1e-9)  # equal up to one factor, so with the same optimum
    assert ratios[0] > 0


@pytest.mark.parametrize(
    ("name", "beta"),
    [
        ("PyTorch, vae", 1.0),
        ("Keras, vae", 1.0),
        ("Flax NNX, 05_vae", 784 * 0.1 / 32),
        ("JAX AI Stack, digits_vae", 64 * 0.1 / 8),
        ("PyTorch-VAE, vanilla_vae", 64 * 64 * 3 * 0.00025),
    ],
)
def test_public_programs(name, beta):
    assert_allclose(EXAMPLES[name].beta, beta)
    assert EXAMPLES[name].source.startswith("https://github.com/")


def test_the_objective_and_the_prediction_say_the_number():
    flax, torch_vae = EXAMPLES["Flax NNX, 05_vae"], EXAMPLES["PyTorch-VAE, vanilla_vae"]
    assert "2.45 KL" in flax.objective
    assert flax.summary == "cross-entropy, 1 × mean over 784 pixels, 0.1 × mean over 32 latents"
    assert torch_vae.summary.startswith("squared error, 1 × mean over 12288 pixels, ")
    assert "smaller KL" in flax.prediction
    assert "0.8 KL" in EXAMPLES["JAX AI Stack, digits_vae"].objective
    assert "larger KL" in EXAMPLES["JAX AI Stack, digits_vae"].prediction
    assert torch_vae.sigma == pytest.approx(1.239, abs=1e-3)
    assert "sigma 1.24" in torch_vae.objective
    assert "sigma 1.24" in torch_vae.prediction
    assert EXAMPLES["Keras, vae"].objective == "E_q[log p(x|z)] - KL(q(z|x) ‖ p(z)), Bernoulli"
    assert EXAMPLES["Keras, vae"].prediction == "trains the ELBO"


def written(error="cross-entropy", **changes):
    options = {"over_pixels": "sum", "over_latents": "sum", "pixels": 784, "latents": 10} | changes
    return WrittenLoss(error, **options)


@pytest.mark.parametrize(
    ("drawn_with", "kl_reads", "read"),
    [("log sigma", "log sigma²", lambda sigma: sigma**0.5), ("log sigma²", "log sigma", lambda sigma: sigma**2)],
)
def test_a_spread_taken_for_another_is_named_with_its_cost(drawn_with, kl_reads, read):
    def kl(sigma):
        grid = np.linspace(-9, 9, 200_001)
        q, p = norm(0, sigma), norm(0, 1)
        return np.trapezoid(q.pdf(grid) * (q.logpdf(grid) - p.logpdf(grid)), grid)

    loss = written(drawn_with=drawn_with, kl_reads=kl_reads)
    assert not loss.is_elbo_of_draws
    assert f"KL of {kl(0.1):.2f} nats and is charged {kl(read(0.1)):.2f}" in loss.prediction
    assert "another spread" in loss.objective
    assert written(drawn_with=drawn_with, kl_reads=drawn_with).is_elbo_of_draws


def test_without_a_kl_it_is_an_autoencoder():
    assert "autoencoder" in written("squared error", kl_weight=0.0).objective


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"error": "hinge"}, "error must be one of"),
        ({"over_pixels": "max"}, "over_pixels"),
        ({"over_latents": None}, "over_latents"),
        ({"over_batch": "median"}, "over_batch"),
        ({"kl_over_batch": "median"}, "kl_over_batch"),
        ({"pixels": 0}, "pixels"),
        ({"latents": 2.5}, "latents"),
        ({"batch": -1}, "batch"),
        ({"error_weight": 0.0}, "error_weight"),
        ({"kl_weight": -1.0}, "kl_weight"),
        ({"drawn_with": "sigma"}, "drawn_with"),
        ({"kl_reads": "sigma"}, "kl_reads"),
    ],
)
def test_refuses(changes, message):
    with pytest.raises((TypeError, ValueError), match=message):
        written(**changes)
