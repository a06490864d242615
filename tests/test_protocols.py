"""A model of the reader's own works with everything; one that lacks something is told what, before any compiling."""

import inspect
import textwrap
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import vaelib
from vaelib.protocols import HOW_TO_WRITE, check_model, prior_of

KEY = jax.random.key(0)


class Small(nnx.Module):
    """What the documentation of `LatentVariableModel` shows, on 36 pixels."""

    def __init__(self, rngs):
        self.latent, self.pixels = 2, 36
        self.to_q = nnx.Linear(36, 4, rngs=rngs)
        self.to_p = nnx.Linear(2, 36, rngs=rngs)

    def encode(self, x):
        mu, log_var = jnp.split(self.to_q(x), 2, axis=-1)
        return vaelib.Gaussian(mu, log_var)

    def decode(self, z):
        return vaelib.Bernoulli(self.to_p(z))

    def check_data(self, x):
        return vaelib.checks.batch_of(x, self.pixels, "x", "pixel")


@pytest.fixture(scope="module")
def small():
    model = Small(rngs=nnx.Rngs(0))
    model.to_q.kernel[...] = 0.1 * model.to_q.kernel[...]  # q near the prior, so wider than the posterior
    return model


class Nothing:
    pass


USES = {
    "elbo": vaelib.elbo,
    "bound": partial(vaelib.importance_weighted_bound, num_samples=3),
    "reconstruction": vaelib.reconstruction,
    "log_weights": partial(vaelib.log_weights, num_samples=3),
    "log_evidence": partial(vaelib.log_evidence, num_samples=3),
    "prior_log_evidence": partial(vaelib.prior_log_evidence, num_samples=3),
    "evaluate": vaelib.evaluate,
    "fit": partial(vaelib.fit, batch_size=8, epochs=1, progress=False),
    "codes": lambda model, x, key: vaelib.codes(model, x),
}
every_use = pytest.mark.parametrize("use", USES.values(), ids=USES)


def test_the_documented_model_is_the_one_tested():
    documented = inspect.getdoc(vaelib.LatentVariableModel).replace("784", "36")
    body = textwrap.dedent(inspect.getsource(Small).split('"""', 2)[2])
    for line in filter(str.strip, body.splitlines()):
        assert line.strip() in documented


def test_a_model_of_ones_own_is_one(small, exact_model):
    assert isinstance(small, vaelib.LatentVariableModel)
    assert isinstance(exact_model, vaelib.LatentVariableModel)
    assert not isinstance(Nothing(), vaelib.LatentVariableModel)


def test_a_model_of_ones_own_has_objectives_and_evidence(small, images):
    log_w = np.asarray(nnx.jit(partial(vaelib.log_weights, num_samples=2000))(small, images, KEY), np.float64)
    terms = nnx.jit(partial(vaelib.elbo, num_samples=2000))(small, images, KEY)
    bound = nnx.jit(partial(vaelib.importance_weighted_bound, num_samples=2000))(small, images, KEY)
    error = log_w.std(axis=0) / np.sqrt(2000)
    assert np.all(np.abs(log_w.mean(axis=0) - terms.elbo) < 4 * error)
    w = np.exp(log_w - log_w.max(axis=0))
    error = w.std(axis=0) / w.mean(axis=0) / np.sqrt(2000)
    assert error.max() < 0.05
    for estimate in (vaelib.log_evidence, vaelib.prior_log_evidence):
        assert np.all(np.abs(estimate(small, images, KEY, num_samples=20_000) - bound.elbo) < 5 * error)
    assert np.all(np.asarray(terms.elbo) < bound.elbo)


def test_a_model_of_ones_own_is_evaluated_and_has_codes(small, images):
    assert vaelib.evaluate(small, images, KEY)["elbo"] == pytest.approx(
        float(vaelib.elbo(small, images, jax.random.fold_in(KEY, 0)).elbo.mean()), rel=1e-5
    )
    np.testing.assert_allclose(vaelib.codes(small, images), small.encode(images).mu, rtol=1e-5, atol=1e-6)


def test_codes_are_means_of_any_posterior(images):
    class Halves(vaelib.Gaussian):
        @property
        def mean(self):
            return self.mu / 2

    class Halved(Small):
        def encode(self, x):
            q = super().encode(x)
            return Halves(q.mu, q.log_var)

    model = Halved(rngs=nnx.Rngs(0))
    np.testing.assert_allclose(vaelib.codes(model, images), model.encode(images).mu / 2, rtol=1e-5, atol=1e-6)


def test_a_model_without_a_prior_has_the_standard_normal(small):
    prior = prior_of(small)
    np.testing.assert_array_equal(prior.mu, np.zeros(2))
    np.testing.assert_array_equal(prior.log_var, np.zeros(2))


# --- refusals


@every_use
def test_what_lacks_everything_is_refused(use, images):
    with pytest.raises(
        TypeError,
        match="model must be a LatentVariableModel, got Nothing without latent, pixels, encode, decode, check_d",
    ):
        use(Nothing(), images, KEY)


@every_use
@pytest.mark.parametrize("name", HOW_TO_WRITE)
def test_a_model_that_lacks_one_thing_is_refused_with_what_to_write(use, name, images, compilations):
    class Incomplete:
        latent, pixels = 2, 36
        encode = decode = check_data = None

    delattr(Incomplete, name)
    compilations.clear()
    with pytest.raises(TypeError, match=f"got Incomplete without {name}; write") as refused:
        use(Incomplete(), images, KEY)
    assert str(refused.value).endswith(f":\n    {HOW_TO_WRITE[name]}")
    assert compilations == []


def test_a_class_in_place_of_a_model_is_refused():
    with pytest.raises(TypeError, match="got the class Small without latent, pixels; write"):
        check_model(Small)


def test_a_decoder_that_returns_numbers_is_refused(images):
    class Numbers(Small):
        def decode(self, z):
            return self.to_p(z)

    message = (
        r"Numbers.decode must return a distribution with log_prob and sample, got .*; return a vaelib\.Gaussian, or"
    )
    for use in (vaelib.elbo, partial(vaelib.log_weights, num_samples=2)):
        with pytest.raises(TypeError, match=message):
            use(Numbers(rngs=nnx.Rngs(0)), images, KEY)


def test_a_posterior_without_a_gradient_is_refused(images):
    class Discrete(Small):
        def encode(self, x):
            return vaelib.Bernoulli(super().encode(x).mu)

    message = "^q must have draws that a gradient passes through, got Bernoulli, .* average over its draws yourself$"
    for use in (vaelib.elbo, partial(vaelib.importance_weighted_bound, num_samples=2)):
        with pytest.raises(TypeError, match=message):
            use(Discrete(rngs=nnx.Rngs(0)), images, KEY)
