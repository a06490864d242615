"""The study of adversarial autoencoders: whom each loss moves, priors, where codes lie, a result for each run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from vaelib import studies
from vaelib.models import Autoencoder
from vaelib.studies import adversarial
from vaelib.studies.adversarial import Discriminator, losses


class Small(nnx.Module):
    """A pair for images of six pixels."""

    def __init__(self):
        self.ae = Autoencoder.create(seed=0, latent=2, hidden=(4,), pixels=6)
        self.d = Discriminator(rngs=nnx.Rngs(1))


@pytest.fixture(scope="module")
def pair():
    return Small()


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).random((5, 6)).astype(np.float32)


def test_the_losses_are_the_formulas(pair, x):
    from_prior = np.random.default_rng(1).standard_normal((5, 2)).astype(np.float32)
    z = pair.ae.encode(x)
    real, fake = (np.asarray(pair.d(of), np.float64) for of in (from_prior, z))
    recon = np.asarray(pair.ae.decode(z).log_prob(x))
    of_ae, of_d = losses(pair, x, from_prior)
    np.testing.assert_allclose(of_ae, -np.mean(recon - 30 * np.log1p(np.exp(-fake))), rtol=1e-5)
    np.testing.assert_allclose(of_d, np.mean(np.log1p(np.exp(-real))) + np.mean(np.log1p(np.exp(fake))), rtol=1e-5)


@pytest.mark.parametrize(("loss", "moved", "still"), [(0, "ae", "d"), (1, "d", "ae")])
def test_each_loss_moves_its_own_network_alone(pair, x, loss, moved, still):
    graph, weights = nnx.split(pair)
    gradient = jax.grad(lambda w: losses(nnx.merge(graph, w), x, jnp.ones((5, 2)))[loss])(weights)
    assert all(np.any(leaf) for leaf in jax.tree.leaves(gradient[moved]) if leaf.ndim > 1)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(gradient[still]))


def test_draws_of_the_ring_lie_on_it_in_every_direction():
    z = np.asarray(adversarial.ring(jax.random.key(0), 4_000))
    radius = np.linalg.norm(z, axis=1)
    assert abs(radius.mean() - 2) < 5 * 0.2 / np.sqrt(4_000)
    assert abs(radius.std() - 0.2) < 5 * 0.2 / np.sqrt(8_000)
    assert np.all(np.abs(z.mean(axis=0)) < 5 * np.sqrt(2 / 4_000))


def test_shares_are_counted_by_the_distance_from_0():
    cloud = np.array([[0.5, 0.0], [0.0, -1.5], [3.0, 4.0], [1.2, 1.2]])
    assert adversarial.where(cloud) == {"within 1": 0.25, "within 2": 0.75, "on the ring": 0.5}


def test_there_is_a_result_for_every_run():
    shipped = studies.load_study("adversarial")
    for name, run in shipped.items():
        assert ("loss" in run) == name.startswith("adversarial")
