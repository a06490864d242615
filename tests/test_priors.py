"""A prior of the model's own, uniform, learned or mixed, written as a reader would, and held against quadrature."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from flax import nnx

from vaelib import checks
from vaelib.distributions import Bernoulli, Gaussian
from vaelib.evidence import log_evidence, prior_log_evidence
from vaelib.models import VAE, Autoencoder
from vaelib.objectives import elbo, importance_weighted_bound, log_weights, reconstruction

KEY = jax.random.key(0)
X = np.array([[0, 0, 0], [1, 0, 1], [0.2, 1, 0.9]], np.float32)
GRID = np.linspace(-14, 14, 56_001)


class Uniform:
    """The uniform density on [-half, half] in each dimension, also as a q(z|x) with a middle of its own."""

    def __init__(self, middle, half):
        self.middle, self.half = middle, half

    def log_prob(self, z):
        middle, half = (jnp.broadcast_to(a, z.shape) for a in (self.middle, self.half))
        return jnp.sum(jnp.where(jnp.abs(z - middle) <= half, -jnp.log(2 * half), -jnp.inf), axis=-1)

    def sample(self, key, sample_shape=()):
        u = jax.random.uniform(key, (*sample_shape, *self.middle.shape), minval=-1.0)
        return jnp.broadcast_to(self.middle, u.shape) + jnp.broadcast_to(self.half, u.shape) * u


class Mixture:
    """Σ_c w_c N(mu_c, diag sigma_c²), with mu and log_var of shape (component, latent)."""

    def __init__(self, log_w, mu, log_var):
        self.log_w, self.components = jax.nn.log_softmax(log_w), Gaussian(mu, log_var)

    def log_prob(self, z):
        each = self.components.log_prob(z[..., None, :])
        return jax.nn.logsumexp(each + jnp.broadcast_to(self.log_w, each.shape), axis=-1)

    def sample(self, key, sample_shape=()):
        which_key, draw_key = jax.random.split(key)
        which = jax.random.categorical(which_key, self.log_w, shape=sample_shape)
        draws = self.components.sample(draw_key, sample_shape)
        return jnp.take_along_axis(draws, which[..., None, None], axis=-2)[..., 0, :]


class OneDimensional(nnx.Module):
    """Three pixels, one code, and a q(z|x) wider than the posterior, so that no weight is large."""

    latent, pixels = 1, 3

    def __init__(self):
        self.W, self.b = nnx.Param(jnp.array([[2.0, -1.0, 0.5]])), nnx.Param(jnp.array([0.3, -0.2, 0.1]))
        self.A = nnx.Param(jnp.array([[0.8], [-0.5], [0.2]]))

    def encode(self, x):
        mu = x @ self.A[...]
        return Gaussian(mu, jnp.full_like(mu, 0.8))

    def decode(self, z):
        logits = z @ self.W[...]
        return Bernoulli(logits + jnp.broadcast_to(self.b[...], logits.shape))

    def check_data(self, x):
        return checks.batch_of(x, self.pixels, "x", "pixel")


class UniformPrior(OneDimensional):
    """q(z|x) is uniform too, inside the prior's interval: a Gaussian's KL to a uniform would be infinite."""

    def prior(self):
        return Uniform(jnp.zeros(1), jnp.full(1, 3.0))

    def encode(self, x):
        mu = x @ self.A[...]
        return Uniform(mu, jnp.full_like(mu, 1.9))


class LearnedPrior(OneDimensional):
    def __init__(self):
        super().__init__()
        self.prior_mu, self.prior_log_var = nnx.Param(jnp.array([0.7])), nnx.Param(jnp.array([0.6]))

    def prior(self):
        return Gaussian(self.prior_mu[...], self.prior_log_var[...])


class MixturePrior(OneDimensional):
    def __init__(self):
        super().__init__()
        self.log_w = nnx.Param(jnp.array([0.2, -0.4]))
        self.means, self.log_vars = nnx.Param(jnp.array([[-1.5], [2.0]])), nnx.Param(jnp.array([[-1.0], [0.3]]))

    def prior(self):
        return Mixture(self.log_w[...], self.means[...], self.log_vars[...])


MODELS = {"none": OneDimensional, "uniform": UniformPrior, "learned": LearnedPrior, "mixture": MixturePrior}
every_prior = pytest.mark.parametrize("name", MODELS)


def log_normal(z, mu, log_var):
    return -0.5 * ((z - mu) ** 2 * np.exp(-log_var) + log_var + np.log(2 * np.pi))


def log_uniform(z, middle, half):
    return np.where(np.abs(z - middle) <= half, -np.log(2 * half), -np.inf)


LOG_PRIORS = {
    "none": log_normal(GRID, 0.0, 0.0),
    "uniform": log_uniform(GRID, 0.0, 3.0),
    "learned": log_normal(GRID, 0.7, 0.6),
    "mixture": scipy.special.logsumexp(
        np.stack([log_normal(GRID, -1.5, -1.0), log_normal(GRID, 2.0, 0.3)])
        + scipy.special.log_softmax([0.2, -0.4])[:, None],
        axis=0,
    ),
}


def by_quadrature(name):
    """Of each image log p(x), its part where q(z|x) > 0, the ELBO and the KL, in float64: sums over a grid of z."""
    model, log_prior, x = MODELS[name](), LOG_PRIORS[name], X.astype(np.float64)
    W, b, A = (np.asarray(a[...], np.float64) for a in (model.W, model.b, model.A))
    logits = GRID[:, None] * W + b
    log_px_given_z = x @ logits.T - np.logaddexp(0, logits).sum(axis=1)
    log_joint = log_px_given_z + log_prior + np.log(GRID[1] - GRID[0])
    mu = x @ A
    log_q = log_uniform(GRID, mu, 1.9) if name == "uniform" else log_normal(GRID, mu, 0.8)
    q = np.exp(log_q)
    q /= q.sum(axis=1, keepdims=True)
    kl = np.sum(q * np.subtract(log_q, log_prior, where=q > 0, out=np.zeros_like(q)), axis=1)
    reached = scipy.special.logsumexp(np.where(q > 0, log_joint, -np.inf), axis=1)
    return scipy.special.logsumexp(log_joint, axis=1), reached, np.sum(q * log_px_given_z, axis=1) - kl, kl


@every_prior
def test_weights_average_to_the_evidence(name):
    log_px, reached, _, _ = by_quadrature(name)
    for proposal, wanted in (("prior", log_px), ("posterior", reached)):
        draw = nnx.jit(partial(log_weights, num_samples=20_000, proposal=proposal))
        ratio = np.exp(np.asarray(draw(MODELS[name](), X, KEY), np.float64) - wanted)
        error = ratio.std(axis=0) / np.sqrt(len(ratio))
        assert error.max() < 0.01
        assert np.all(np.abs(ratio.mean(axis=0) - 1) < 4 * error)


@every_prior
def test_evidence_is_the_quadrature(name):
    log_px, reached, _, _ = by_quadrature(name)
    # The standard error of 20,000 draws is below 1 %, as the test above holds.
    np.testing.assert_allclose(prior_log_evidence(MODELS[name](), X, KEY, num_samples=20_000), log_px, atol=0.04)
    np.testing.assert_allclose(log_evidence(MODELS[name](), X, KEY, num_samples=20_000), reached, atol=0.04)


def test_a_proposal_may_be_wider_than_the_prior():
    class GaussianPosterior(UniformPrior):
        def encode(self, x):
            return Gaussian(jnp.zeros((len(x), 1)), jnp.full((len(x), 1), 1.5))

    got = log_evidence(GaussianPosterior(), X, KEY, num_samples=20_000)
    # Draws outside the prior's interval weigh nothing, and 80 % lie inside: a standard error of 1 % at most.
    np.testing.assert_allclose(got, by_quadrature("uniform")[0], atol=0.04)


@every_prior
def test_elbo_is_the_quadrature(name):
    log_px, _, wanted, wanted_kl = by_quadrature(name)
    terms = nnx.jit(partial(elbo, num_samples=20_000))(MODELS[name](), X, KEY)
    log_w = np.asarray(nnx.jit(partial(log_weights, num_samples=20_000))(MODELS[name](), X, KEY), np.float64)
    error = log_w.std(axis=0) / np.sqrt(len(log_w))
    assert 0 < error.max() < 0.02
    assert np.all(np.abs(terms.elbo - wanted) < 4 * error)
    assert np.all(np.abs(terms.kl - wanted_kl) < 4 * error + 1e-5)
    assert np.all(np.asarray(terms.elbo) < log_px)
    np.testing.assert_allclose(terms.elbo, terms.recon - terms.kl, rtol=1e-5)


@every_prior
def test_the_bound_is_the_evidence_for_many_draws(name):
    _, reached, lowest, _ = by_quadrature(name)
    bound = nnx.jit(partial(importance_weighted_bound, num_samples=20_000))(MODELS[name](), X, KEY)
    np.testing.assert_allclose(bound.elbo, reached, atol=0.04)
    assert np.max(reached - lowest) > 0.1  # the ELBO would not do
    plain = nnx.jit(partial(elbo, num_samples=20_000))(MODELS[name](), X, KEY)
    np.testing.assert_allclose(bound.kl, plain.kl, rtol=1e-5)


@pytest.mark.parametrize("name", ["learned", "mixture"])
@pytest.mark.parametrize("objective", [elbo, partial(importance_weighted_bound, num_samples=1)], ids=["elbo", "bound"])
def test_the_gradient_reaches_the_prior(name, objective):
    """The slope of the evidence bound along each of the prior's parameters, from equal draws by finite differences."""
    graphdef, params = nnx.split(MODELS[name]())

    def value(params, x=X):
        return jnp.mean(objective(nnx.merge(graphdef, params), x, KEY).elbo)

    gradient = jax.jit(jax.grad(value))(params)
    flat, structure = jax.tree.flatten(params)
    jitted = jax.jit(value)
    reached = 0
    for i, (path, slope) in enumerate(jax.tree.leaves_with_path(gradient)):
        if not any(part in str(path) for part in ("prior", "means", "log_vars", "log_w")):
            continue
        for j in np.ndindex(slope.shape):
            step = np.zeros(slope.shape, np.float32)
            step[j] = 0.03
            up, down = (
                float(jitted(jax.tree.unflatten(structure, [*flat[:i], flat[i] + s * step, *flat[i + 1 :]])))
                for s in (1, -1)
            )
            assert float(slope[j]) == pytest.approx((up - down) / 0.06, rel=1e-2, abs=1e-3)
            reached += abs(float(slope[j])) > 0.01
    assert reached >= 2


def test_the_models_of_the_library_have_a_standard_normal_prior():
    model = VAE(latent=2, hidden=(4,), pixels=3, rngs=nnx.Rngs(0))
    prior = model.prior()
    np.testing.assert_array_equal(prior.mu, np.zeros(2))
    np.testing.assert_array_equal(prior.log_var, np.zeros(2))
    assert prior.sample(KEY, (5, 4)).shape == (5, 4, 2)


def test_an_autoencoder_has_no_use_for_its_prior():
    class NoPrior(Autoencoder):
        def prior(self):
            raise AssertionError

    assert reconstruction(NoPrior(latent=2, hidden=(4,), pixels=3, rngs=nnx.Rngs(0)), X, KEY).elbo.shape == (3,)


# --- refusals


@pytest.mark.parametrize(
    ("prior", "error", "message"),
    [
        (
            lambda: 3,
            TypeError,
            r"Odd.prior must return a distribution with log_prob and sample, got int; return a vaelib",
        ),
        (
            lambda: Uniform(jnp.zeros((3, 1)), jnp.ones(1)),
            ValueError,
            r"Uniform.sample\(key, \(2, 3\)\) must have shape .* = \(2, 3, 1\), got \(2, 3, 3, 1\); a prior has",
        ),
        (
            lambda: Gaussian(jnp.zeros(2), jnp.zeros(2)),
            ValueError,
            r"Gaussian.sample.* must have .* \(2, 3, 1\), got \(2, 3, 2\)",
        ),
    ],
)
def test_priors_that_do_not_fit_are_refused(prior, error, message):
    class Odd(OneDimensional):
        def prior(self):
            return prior()

    with pytest.raises(error, match=message):
        log_weights(Odd(), X, KEY, num_samples=2, proposal="prior")


def test_a_log_prob_that_does_not_sum_is_refused():
    class Forgetful(Uniform):
        def log_prob(self, z):
            return -z

    class Odd(OneDimensional):
        def prior(self):
            return Forgetful(jnp.zeros(1), jnp.ones(1))

    message = r"Forgetful.log_prob must sum over the last axis alone and return shape \(2, 3\), got \(2, 3, 1\)"
    with pytest.raises(ValueError, match=message):
        log_weights(Odd(), X, KEY, num_samples=2)
    with pytest.raises(ValueError, match=message):
        elbo(Odd(), X, KEY, num_samples=2)
