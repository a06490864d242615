"""What a training reports against its definition, and what ships."""

from functools import partial

import numpy as np
import pytest

from vaelib import training
from vaelib.models import VAE
from vaelib.studies import denoising, load_study


def test_a_training_reports_what_it_reached_and_gained(images, monkeypatch):
    labels, trained = np.arange(16), VAE.create(seed=0, latent=3, hidden=(32,), pixels=36)
    monkeypatch.setattr(denoising, "load_pretrained", lambda name: trained)
    monkeypatch.setattr(denoising, "epochs", partial(_in_batches_of_four, training.epochs))
    found = denoising.trained_on(images, labels, images, labels, 0, (1, 60))
    first, last = found["1 epochs"], found["60 epochs"]
    assert set(found) == {"1 epochs", "60 epochs"}
    assert set(first) == {"error", "read"}
    assert last["error"] < 0.8 * first["error"]
    assert last["gain"] == pytest.approx(last["read"] - first["read"])
    assert 0 < last["gain_error"] < 0.5


def _in_batches_of_four(loop, *args, **options):
    return loop(*args, **options | {"batch_size": 4})


def test_more_training_reads_more_digits_on_every_seed():
    for seed in load_study("denoiser").values():
        few, many = seed["4 epochs"], seed["28 epochs"]
        assert many["gain"] == pytest.approx(many["read"] - few["read"])
        assert many["gain"] > 2 * many["gain_error"]
        assert many["error"] < few["error"]
