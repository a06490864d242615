"""The KL against quadrature, SciPy and draws: in closed form, estimated, and by a formula of the reader's own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vaelib import divergence
from vaelib.distributions import Bernoulli, ContinuousBernoulli, Gaussian, standard_normal
from vaelib.divergence import kl, kl_given_draws, kl_to_standard_normal, register_kl

KEY = jax.random.key(0)


class Logistic:
    """p(z) = Π_j e^-z_j / (1 + e^-z_j)², a family of the reader's own."""

    def log_prob(self, z):
        return jnp.sum(jax.nn.log_sigmoid(z) + jax.nn.log_sigmoid(-z), axis=-1)

    def sample(self, key, sample_shape=()):
        return jax.random.logistic(key, (*sample_shape, 1))


def by_quadrature(q, log_p, width=14):
    """KL(q ‖ p) of a scipy.stats.norm q by the trapezoid rule, whose smooth integrand vanishes at both ends."""
    z = np.linspace(q.mean() - width * q.std(), q.mean() + width * q.std(), 20_001)
    return np.trapezoid(q.pdf(z) * (q.logpdf(z) - log_p(z)), z)


# --- to the standard normal


def test_kl_of_the_prior_is_zero_with_zero_gradient():
    q = standard_normal((2, 3))
    np.testing.assert_array_equal(kl_to_standard_normal(q), 0)
    gradient = jax.grad(lambda q: kl_to_standard_normal(q).sum())(q)
    np.testing.assert_array_equal(gradient.mu, 0)
    np.testing.assert_array_equal(gradient.log_var, 0)


@given(arrays(np.float32, (2, 3, 4), elements=st.floats(-8, 8, width=32, allow_subnormal=False)))
def test_kl_is_the_closed_form_and_never_negative(parameters):
    q = Gaussian(*jnp.asarray(parameters))
    mu, log_var = parameters.astype(np.float64)
    kl = np.asarray(kl_to_standard_normal(q))
    np.testing.assert_allclose(kl, 0.5 * (mu**2 + np.expm1(log_var) - log_var).sum(-1), rtol=1e-5, atol=1e-6)
    assert kl.min() >= 0


def test_kl_by_quadrature():
    mu, log_var = 0.7, -1.2
    q = scipy.stats.norm(mu, np.exp(log_var / 2))
    z = np.linspace(mu - 12 * q.std(), mu + 12 * q.std(), 20_001)
    # The trapezoid rule is exact to rounding for a smooth integrand that vanishes at both ends.
    wanted = np.trapezoid(q.pdf(z) * (q.logpdf(z) - scipy.stats.norm.logpdf(z)), z)
    assert float(kl_to_standard_normal(Gaussian(jnp.array([mu]), jnp.array([log_var])))) == pytest.approx(
        wanted, rel=1e-5
    )


def test_kl_by_monte_carlo_with_its_error_bar():
    mu, log_var = jnp.array([0.5, -1.5, 0.0]), jnp.array([-2.0, 0.5, 0.1])
    q = Gaussian(mu, log_var)
    z = q.sample(KEY, (100_000,))
    terms = np.asarray(q.log_prob(z) - standard_normal(z.shape).log_prob(z), np.float64)
    error = terms.std() / np.sqrt(len(terms))
    assert error < 0.01  # sharp enough to tell a forgotten ½ or sign in a KL of 2 nats
    assert abs(terms.mean() - float(kl_to_standard_normal(q))) < 4 * error


def test_kl_keeps_its_digits_where_sigma_is_nearly_one():
    # ½ (e^v - v - 1) = v²/4 + v³/12 + ...; sigma² - 1 in float32 would be off by 6e-8, a tenth of this value.
    value = float(kl_to_standard_normal(Gaussian(jnp.zeros(1), jnp.array([1e-3]))))
    assert value == pytest.approx(1e-6 / 4 + 1e-9 / 12, rel=1e-3)


# --- two of a family


def test_kl_of_two_gaussians_by_quadrature():
    q, p = Gaussian(jnp.array([0.7]), jnp.array([-1.2])), Gaussian(jnp.array([-0.4]), jnp.array([0.9]))
    wanted = by_quadrature(scipy.stats.norm(0.7, np.exp(-0.6)), scipy.stats.norm(-0.4, np.exp(0.45)).logpdf, width=10)
    assert float(kl(q, p)) == pytest.approx(wanted, rel=1e-5)
    assert float(kl(p, q)) != pytest.approx(wanted, rel=0.1)


def test_kl_of_a_gaussian_from_itself_is_zero_with_zero_gradient():
    mu, log_var = jnp.array([[0.5, -3.0], [2.0, 0.0]]), jnp.array([[-4.0, 3.0], [0.1, 8.0]])
    value, gradient = jax.value_and_grad(lambda q, p: kl(q, p).sum(), argnums=(0, 1))(*2 * [Gaussian(mu, log_var)])
    assert value == 0
    for leaf in jax.tree.leaves(gradient):
        np.testing.assert_array_equal(leaf, np.zeros((2, 2)))


def test_kl_to_a_gaussian_prior_is_bit_for_bit_that_to_the_standard_normal():
    q = Gaussian(*jax.random.normal(KEY, (2, 5, 3)))
    np.testing.assert_array_equal(kl(q, standard_normal((3,))), kl_to_standard_normal(q))


def test_kl_keeps_its_digits_where_two_gaussians_are_nearly_one():
    # v²/4 + v³/12 + ... with v = 2^-10, which float32 holds exactly beside 1.
    q, p = Gaussian(jnp.full(1, 5.0), jnp.full(1, 1 + 2.0**-10)), Gaussian(jnp.full(1, 5.0), jnp.ones(1))
    assert float(kl(q, p)) == pytest.approx(2.0**-20 / 4 + 2.0**-30 / 12, rel=1e-3)


def test_a_prior_serves_each_posterior_of_a_batch():
    q = Gaussian(*jax.random.normal(KEY, (2, 4, 5, 3)))
    p = Gaussian(jnp.array([1.0, 0.0, -1.0]), jnp.array([0.0, 1.0, -1.0]))
    got = kl(q, p)
    assert got.shape == (4, 5)
    alone = kl(Gaussian(q.mu[2, 3], q.log_var[2, 3]), p)
    np.testing.assert_allclose(got[2, 3], alone, rtol=1e-6)


@pytest.mark.parametrize(("a", "b"), [(0.3, -1.2), (-4.0, 4.0), (30.0, -30.0), (2.0, 2.0)])
def test_kl_of_two_bernoullis_is_scipys(a, b):
    p, r = (scipy.special.expit(np.float64([x, -x])) for x in (a, b))
    wanted = scipy.special.rel_entr(p, r).sum()
    got = kl(Bernoulli(jnp.array([a, 0.0])), Bernoulli(jnp.array([b, 0.0])))
    assert float(got) == pytest.approx(wanted, rel=1e-6)


def test_kl_of_two_bernoullis_stays_finite_at_huge_logits():
    a = jnp.array([500.0, -500.0])
    value, gradient = jax.value_and_grad(lambda a: kl(Bernoulli(a), Bernoulli(-a)))(a)
    assert float(value) == pytest.approx(1000)
    assert np.isfinite(gradient).all()


# --- estimated


def test_an_estimate_is_the_quadrature_with_its_error_bar():
    q = Gaussian(jnp.array([[0.7], [-2.0]]), jnp.array([[-1.2], [0.5]]))
    got = kl(q, Logistic(), KEY, num_samples=20_000)
    assert got.shape == (2,)
    for i in range(2):
        law = scipy.stats.norm(float(q.mu[i, 0]), float(q.std[i, 0]))
        draws = law.rvs(20_000, random_state=0)
        error = np.std(law.logpdf(draws) - scipy.stats.logistic.logpdf(draws)) / np.sqrt(20_000)
        assert error < 0.01
        assert abs(float(got[i]) - by_quadrature(law, scipy.stats.logistic.logpdf)) < 4 * error


def test_the_gradient_of_an_estimate_is_that_of_the_quadrature():
    def wanted(mu, log_var):
        return by_quadrature(scipy.stats.norm(mu, np.exp(log_var / 2)), scipy.stats.logistic.logpdf)

    def estimate(mu, log_var, key):
        return kl(Gaussian(mu[None], log_var[None]), Logistic(), key, num_samples=500)

    gradient = jax.jit(jax.vmap(jax.grad(estimate, argnums=(0, 1)), in_axes=(None, None, 0)))
    draws = gradient(jnp.float32(0.7), jnp.float32(-1.2), jax.random.split(KEY, 200))
    h = 1e-4
    slopes = (
        (wanted(0.7 + h, -1.2) - wanted(0.7 - h, -1.2)) / (2 * h),
        (wanted(0.7, -1.2 + h) - wanted(0.7, -1.2 - h)) / (2 * h),
    )
    for values, slope in zip(draws, slopes, strict=True):
        values = np.asarray(values, np.float64)
        error = values.std() / np.sqrt(len(values))
        assert error < 0.02 * abs(slope)
        assert abs(values.mean() - slope) < 4 * error


def test_an_estimate_uses_the_draws_it_is_given():
    q, p = Gaussian(jnp.array([0.7]), jnp.array([-1.2])), Logistic()
    z = q.sample(KEY, (7,))
    wanted = np.mean(np.asarray(q.log_prob(z) - p.log_prob(z)))
    assert float(kl_given_draws(q, p, z)) == pytest.approx(wanted, rel=1e-6)
    assert float(kl(q, p, KEY, num_samples=7)) == pytest.approx(wanted, rel=1e-6)
    # A closed form looks at no draw.
    assert kl_given_draws(q, standard_normal((1,)), 1e6 * z) == kl_to_standard_normal(q)


# --- a formula of the reader's own


def test_a_registered_formula_serves_its_pair_and_the_subclasses(monkeypatch):
    monkeypatch.setattr(divergence, "_CLOSED_FORMS", dict(divergence._CLOSED_FORMS))

    class Laplace(Logistic):
        pass

    class Wide(Gaussian):
        pass

    q = Wide(jnp.zeros((4, 1)), jnp.zeros((4, 1)))

    @register_kl(Gaussian, Logistic)
    def of_logistic(q, p):
        return jnp.full(q.mu.shape[:-1], 3.0)

    np.testing.assert_array_equal(kl(q, Logistic()), np.full(4, 3.0))
    np.testing.assert_array_equal(kl(q, Laplace()), np.full(4, 3.0))
    np.testing.assert_array_equal(kl(q, standard_normal((1,))), np.zeros(4))
    register_kl(Wide, Logistic)(lambda q, p: jnp.full(q.mu.shape[:-1], 5.0))
    np.testing.assert_array_equal(kl(q, Laplace()), np.full(4, 5.0))
    np.testing.assert_array_equal(kl(Gaussian(q.mu, q.log_var), Laplace()), np.full(4, 3.0))
    assert of_logistic(q, None).shape == (4,)  # the decorator gives the formula back


# --- refusals


@pytest.mark.parametrize("arguments", [{}, {"key": KEY}, {"num_samples": 3}])
def test_a_kl_without_a_closed_form_or_draws_is_refused(arguments):
    with pytest.raises(
        TypeError,
        match=r"KL\(Gaussian ‖ Logistic\) has no closed .* by kl\(q, p, key, num_samples=1000\), or .* register_kl$",
    ):
        kl(standard_normal((1,)), Logistic(), **arguments)


@pytest.mark.parametrize(("num_samples", "error"), [(0, ValueError), (2.0, TypeError)])
def test_bad_numbers_of_draws_are_refused(num_samples, error):
    with pytest.raises(error, match="num_samples must be an integer of at least 1"):
        kl(standard_normal((1,)), Logistic(), KEY, num_samples=num_samples)


def test_bad_keys_are_refused():
    with pytest.raises(TypeError, match="key must be a typed random key, got int"):
        kl(standard_normal((1,)), Logistic(), 0, num_samples=3)


def test_draws_without_a_gradient_are_refused():
    with pytest.raises(TypeError, match=r"q must have draws that a gradient passes through, got Bernoulli, .* 0 and 1"):
        kl(Bernoulli(jnp.zeros(1)), ContinuousBernoulli(jnp.zeros(1)), KEY, num_samples=3)


@pytest.mark.parametrize(("family", "name"), [(lambda a: Gaussian(a, a), "mu"), (Bernoulli, "logits")])
def test_distributions_of_other_sizes_are_refused(family, name):
    with pytest.raises(
        ValueError, match=rf"q.{name} must have shape \(\*batch, 2\), one entry a dimension of p.{name}, got"
    ):
        kl(family(jnp.zeros((4, 3))), family(jnp.zeros(2)))
    with pytest.raises(
        ValueError, match=rf"q.{name} and p.{name} must have shapes that fit, got \(4, 3\) and \(5, 3\)"
    ):
        kl(family(jnp.zeros((4, 3))), family(jnp.zeros((5, 3))))


def test_kl_of_another_family_is_refused():
    with pytest.raises(TypeError, match=r"q must be a Gaussian, got Bernoulli; .* estimate the KL as the mean"):
        kl_to_standard_normal(Bernoulli(jnp.zeros(3)))
