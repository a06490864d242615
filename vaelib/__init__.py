"""vaelib: the variational autoencoder, small enough to read and fast enough to play with.

x is an image (a flat vector of pixels in [0, 1]), z its code, p(z) = N(0, I), p(x|z) the decoder, q(z|x) the encoder.
All quantities are in nats per image. Widgets live in `vaelib.explorer`, pictures in `vaelib.figures`.
"""

import importlib

from vaelib.compilation import cache_compiled_programs
from vaelib.data import binarize, load_mnist, salt_and_pepper
from vaelib.distributions import Bernoulli, ContinuousBernoulli, Gaussian, kl_to_standard_normal, standard_normal
from vaelib.evaluation import evaluate
from vaelib.evidence import effective_sample_size, log_evidence, prior_log_evidence
from vaelib.history import History
from vaelib.latents import active_units, codes, latent_activity
from vaelib.linear_gaussian import LinearGaussianVAE
from vaelib.models import VAE, Autoencoder, Decoder, Encoder
from vaelib.objectives import Terms, elbo, importance_weighted_bound, log_mean_exp, log_weights, reconstruction
from vaelib.pretrained import load_pretrained, pretrained_names
from vaelib.saving import load_model, save_model
from vaelib.training import epochs, fit

WIDGETS = ("explore", "live_figure")

__all__ = [
    "VAE",
    "Autoencoder",
    "Bernoulli",
    "ContinuousBernoulli",
    "Decoder",
    "Encoder",
    "Gaussian",
    "History",
    "LinearGaussianVAE",
    "Terms",
    "active_units",
    "binarize",
    "cache_compiled_programs",
    "codes",
    "effective_sample_size",
    "elbo",
    "epochs",
    "evaluate",
    "explore",
    "fit",
    "importance_weighted_bound",
    "kl_to_standard_normal",
    "latent_activity",
    "live_figure",
    "load_mnist",
    "load_model",
    "load_pretrained",
    "log_evidence",
    "log_mean_exp",
    "log_weights",
    "pretrained_names",
    "prior_log_evidence",
    "reconstruction",
    "salt_and_pepper",
    "save_model",
    "standard_normal",
]


def __getattr__(name: str):
    """Import the widgets when they are first asked for: training and the command line do without them."""
    if name not in WIDGETS:
        raise AttributeError(f"module 'vaelib' has no attribute {name!r}")
    return getattr(importlib.import_module("vaelib.explorer"), name)
