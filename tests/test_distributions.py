"""The formulas against SciPy, Optax and quadrature, at extreme values, in every shape, jitted and not."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from vaelib.distributions import Bernoulli, ContinuousBernoulli, Gaussian, standard_normal

KEY = jax.random.key(0)
# ±0.6 is where the continuous Bernoulli's series takes over from its closed form.
EXTREME = np.float32([-100, -20, -1, -0.601, -0.599, -1e-3, -1e-6, 0, 1e-6, 1e-3, 0.599, 0.601, 1, 20, 100])
# float32 carries 6e-8 relative; a pixel's terms are up to 100, and log_prob takes their difference.
CLOSE = {"rtol": 1e-6, "atol": 1e-5}
# Jitted and eager programs round differently in the last bits.
SAME = {"rtol": 1e-5, "atol": 1e-5}

logits_of = st.floats(-100, 100, width=32, allow_subnormal=False)
pixels_of = st.floats(0, 1, width=32, allow_subnormal=False)
batches = array_shapes(min_dims=0, max_dims=3, max_side=3)
events = st.integers(1, 4)


def truncated_exponential(logit):
    """The continuous Bernoulli of logit a is an exponential of rate -a cut to [0, 1], mirrored where a > 0."""
    return scipy.stats.truncexpon(b=abs(logit), scale=1 / abs(logit))


def continuous_log_prob(x, logit):
    """The log-density in float64, pixel by pixel."""
    x, logit = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(logit, np.float64))
    if_flat = np.where(logit == 0, 1.0, logit)
    size = np.abs(if_flat)
    log_normaliser = np.log(-np.expm1(-size) / size) + np.maximum(if_flat, 0)
    return np.where(logit == 0, 0.0, x * logit - log_normaliser)


def continuous_mean(logit):
    """The mean in float64: its series near 0, where the closed form is a difference of large numbers."""
    a = np.asarray(logit, np.float64)
    away = np.where(np.abs(a) < 1e-2, 1.0, a)
    return np.where(np.abs(a) < 1e-2, 0.5 + a / 12 - a**3 / 720, -1 / np.expm1(-away) - 1 / away)


def quadrature(panels=200, nodes=8):
    """Points and weights of Gauss and Legendre on `panels` equal parts of [0, 1]."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    edges = np.arange(panels)[:, None] / panels
    return (edges + (points + 1) / 2 / panels).ravel(), np.tile(weights / 2 / panels, panels)


@partial(jax.jit, static_argnums=0)
def value_and_gradient(family, logits, x):
    """Pixel by pixel, so that nothing cancels."""
    return jax.vmap(jax.value_and_grad(lambda a, x: family(a[None]).log_prob(x[None])))(logits, x)


# --- Bernoulli


@pytest.mark.parametrize("x", [0.0, 1.0])
def test_bernoulli_is_scipys(x):
    logits = np.linspace(-8, 8, 41, dtype=np.float32)[:, None]
    wanted = scipy.stats.bernoulli(scipy.special.expit(logits[:, 0].astype(np.float64))).logpmf(x)
    np.testing.assert_allclose(Bernoulli(jnp.asarray(logits)).log_prob(jnp.full((41, 1), x)), wanted, **CLOSE)


def test_bernoulli_is_minus_optax_cross_entropy():
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.uniform(size=(5, 30)), jnp.float32)
    logits = jnp.asarray(10 * rng.normal(size=(5, 30)), jnp.float32)
    wanted = -optax.sigmoid_binary_cross_entropy(logits, x).sum(axis=-1)
    # Sums of 30 terms of up to 30 nats.
    np.testing.assert_allclose(Bernoulli(logits).log_prob(x), wanted, rtol=1e-5)


@pytest.mark.parametrize("x", [0.0, 0.25, 1.0])
def test_bernoulli_at_extreme_logits(x):
    a = EXTREME.astype(np.float64)
    value, gradient = value_and_gradient(Bernoulli, EXTREME, np.full_like(EXTREME, x))
    np.testing.assert_allclose(value, x * a - np.logaddexp(0, a), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(gradient, x - scipy.special.expit(a), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("logit", "x", "wanted"), [(-np.inf, 0, 0), (np.inf, 1, 0), (-np.inf, 1, -np.inf)])
def test_a_certain_bernoulli_is_certain(logit, x, wanted):
    value, gradient = value_and_gradient(Bernoulli, np.float32([logit]), np.float32([x]))
    np.testing.assert_array_equal(value, wanted)
    np.testing.assert_array_equal(gradient, x - (logit > 0))


@pytest.mark.parametrize(("logit", "x"), [(30.0, 1.0), (-30.0, 0.0)])
def test_what_a_bernoulli_is_nearly_sure_of_keeps_its_tail(logit, x):
    found = Bernoulli(np.float32([logit])).log_prob(np.float32([x]))
    np.testing.assert_allclose(found, -np.log1p(np.exp(-30.0)), rtol=1e-5)


@pytest.mark.parametrize("log_var", [-170.0, -100.0, -80.0, 80.0])
def test_a_gaussian_has_its_density_where_one_over_the_variance_overflows(log_var):
    def log_prob(mu, log_var):
        return Gaussian(mu, log_var).log_prob(jnp.ones(1))

    at_the_mean = np.ones(1, np.float32), np.float32([log_var])
    np.testing.assert_allclose(log_prob(*at_the_mean), -0.5 * (log_var + np.log(2 * np.pi)), rtol=1e-6)
    np.testing.assert_allclose(jax.grad(log_prob, argnums=(0, 1))(*at_the_mean), [[0.0], [-0.5]])


def test_bernoulli_mean_and_samples():
    logits = jnp.asarray(EXTREME)
    p = scipy.special.expit(EXTREME.astype(np.float64))
    np.testing.assert_allclose(Bernoulli(logits).mean, p, rtol=1e-6, atol=1e-30)  # exp(-100) is below float32
    draws = np.asarray(Bernoulli(logits).sample(KEY, (20_000,)))
    assert draws.dtype == np.float32
    assert set(np.unique(draws)) == {0, 1}
    # 4.5 standard errors, which 15 pixels exceed with probability 1e-4; at ±100 the draws are certain.
    assert np.all(np.abs(draws.mean(axis=0) - p) <= 4.5 * np.sqrt(p * (1 - p) / 20_000) + 1e-12)


# --- continuous Bernoulli


@jax.jit
def continuous_bernoulli(x, logit):
    """The log-density at each x, and the mean."""
    p = ContinuousBernoulli(jnp.full((x.size, 1), logit, jnp.float32))
    return p.log_prob(jnp.asarray(x[:, None], jnp.float32)), p.mean[:, 0]


@pytest.mark.parametrize("logit", [-100, -30, -3, -0.61, -0.59, -1e-3, -1e-6, 0, 1e-6, 0.02, 0.59, 0.61, 3, 30, 100])
def test_continuous_bernoulli_integrates_to_one_and_to_its_mean(logit):
    x, weights = quadrature()
    log_density, mean = continuous_bernoulli(x, logit)
    density = np.exp(np.asarray(log_density, np.float64))
    # The exponent is up to 100 and carries float32's 6e-8 relative, the points x the same.
    assert weights @ density == pytest.approx(1, abs=2e-5)
    assert weights @ (x * density) == pytest.approx(float(mean[0]), abs=2e-5)


@pytest.mark.parametrize("logit", [-100.0, -20.0, -0.7, -0.5, -0.05, 0.05, 0.5, 0.7, 20.0, 100.0])
def test_continuous_bernoulli_is_scipys_truncated_exponential(logit):
    x = quadrature()[0].astype(np.float32)
    log_density, mean = continuous_bernoulli(x, logit)
    scipys = truncated_exponential(logit)
    mirrored = 1 - x.astype(np.float64) if logit > 0 else x.astype(np.float64)
    np.testing.assert_allclose(log_density, scipys.logpdf(mirrored), **CLOSE)
    np.testing.assert_allclose(mean[0], 1 - scipys.mean() if logit > 0 else scipys.mean(), rtol=1e-5)


@pytest.mark.parametrize("x", [0.0, 0.25, 0.5, 1.0])
def test_continuous_bernoulli_at_extreme_logits(x):
    value, gradient = value_and_gradient(ContinuousBernoulli, EXTREME, np.full_like(EXTREME, x))
    np.testing.assert_allclose(value, continuous_log_prob(x, EXTREME), rtol=1e-6, atol=2e-6)
    np.testing.assert_allclose(gradient, x - continuous_mean(EXTREME), rtol=1e-6, atol=1e-6)


def test_the_gradient_of_the_continuous_bernoullis_mean_is_its_variance():
    logits = jnp.asarray(EXTREME)
    gradient = jax.jit(jax.grad(lambda a: ContinuousBernoulli(a).mean.sum()))(logits)
    a = np.where(np.abs(EXTREME) < 0.1, 1.0, EXTREME).astype(np.float64)
    # The variance is 1/12 - a²/240 + ..., and 1/a² - 1/(2 sinh(a/2))² away from 0.
    variance = np.where(np.abs(EXTREME) < 0.1, 1 / 12 - EXTREME**2 / 240, 1 / a**2 - 0.25 / np.sinh(a / 2) ** 2)
    # 1e-6 is the rounding of the 1/tanh² - 1 inside; the smallest variance, at ±100, is 1e-4.
    np.testing.assert_allclose(gradient, variance, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("logit", [-100.0, -5.0, -1.0, -1e-6, 0.0, 1e-6, 1.0, 5.0, 100.0])
def test_continuous_bernoulli_samples_follow_its_distribution_function(logit):
    draws = np.asarray(ContinuousBernoulli(jnp.array([logit])).sample(KEY, (4000,)))[:, 0]
    assert draws.min() >= 0
    assert draws.max() <= 1
    law = scipy.stats.uniform() if abs(logit) < 1e-3 else truncated_exponential(logit)
    # Nine fixed keys of which one falls below 1e-3 by chance with probability 1 %; a wrong law at n = 4000 gives 1e-9.
    assert scipy.stats.kstest(1 - draws if logit > 0 else draws, law.cdf).pvalue > 1e-3


# --- Gaussian


def test_gaussian_is_scipys():
    rng = np.random.default_rng(0)
    x, mu = rng.normal(size=(2, 6, 3)).astype(np.float32)
    log_var = rng.uniform(-8, 8, (6, 3)).astype(np.float32)
    scipys = scipy.stats.norm(mu.astype(np.float64), np.exp(log_var.astype(np.float64) / 2))
    p = Gaussian(jnp.asarray(mu), jnp.asarray(log_var))
    # exp(-log_var), up to 3,000, multiplies the rounding of the squared distance.
    np.testing.assert_allclose(p.log_prob(x), scipys.logpdf(x).sum(axis=-1), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(p.std, scipys.std(), rtol=1e-6)
    np.testing.assert_array_equal(p.mean, mu)


@pytest.mark.parametrize("log_var", [-40.0, -10.0, 0.0, 10.0, 40.0])
def test_gaussian_at_extreme_variances(log_var):
    def value(mu, log_var):
        return Gaussian(mu, log_var).log_prob(jnp.array([1.5]))

    arguments = jnp.array([1.0]), jnp.array([log_var])
    inverse = np.exp(-log_var)
    wanted = -0.5 * (0.25 * inverse + log_var + np.log(2 * np.pi))
    np.testing.assert_allclose(value(*arguments), wanted, rtol=1e-5)
    by_mu, by_log_var = jax.jit(jax.grad(value, argnums=(0, 1)))(*arguments)
    np.testing.assert_allclose(by_mu[0], 0.5 * inverse, rtol=1e-5)
    np.testing.assert_allclose(by_log_var[0], 0.5 * (0.25 * inverse - 1), rtol=1e-5)


def test_gaussian_samples_have_its_law():
    p = Gaussian(jnp.array([-3.0, 0.0, 100.0]), jnp.array([-6.0, 0.0, 4.0]))
    draws = np.asarray(p.sample(KEY, (100_000,)), np.float64)
    for j in range(3):
        law = scipy.stats.norm(float(p.mu[j]), float(p.std[j]))
        assert scipy.stats.kstest(draws[:, j], law.cdf).pvalue > 1e-3
    # Independent: the correlation of n pairs has a standard error of 1/√n.
    assert np.all(np.abs(np.corrcoef(draws.T) - np.eye(3)) < 4.5 / np.sqrt(len(draws)))


def test_the_gradient_passes_through_a_gaussian_draw():
    mu, log_var = jnp.array([0.5, -1.0]), jnp.array([-2.0, 1.0])
    eps = Gaussian(jnp.zeros(2), jnp.zeros(2)).sample(KEY)
    np.testing.assert_allclose(Gaussian(mu, log_var).sample(KEY), mu + jnp.exp(log_var / 2) * eps, rtol=1e-6)
    by_mu, by_log_var = jax.jacobian(lambda *q: Gaussian(*q).sample(KEY), argnums=(0, 1))(mu, log_var)
    np.testing.assert_allclose(by_mu, np.eye(2), atol=1e-7)
    np.testing.assert_allclose(by_log_var, np.diag(0.5 * jnp.exp(log_var / 2) * eps), rtol=1e-6)


# --- every family, every shape

FAMILIES = {
    "bernoulli": Bernoulli,
    "continuous-bernoulli": ContinuousBernoulli,
    "gaussian": lambda a: Gaussian(a, 0.1 * a),
}
every_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


@every_family
@given(batch=batches, samples=array_shapes(min_dims=0, max_dims=2, max_side=2), event=events)
def test_shapes_walk(family, batch, samples, event):
    def walk(parameter):
        p = family(parameter)
        draws = p.sample(KEY, samples)
        return p.mean, draws, p.log_prob(draws), p.log_prob(draws[(0,) * len(samples)])

    # Traced and not compiled: shapes need no values, and every new one would cost a compilation.
    results = jax.eval_shape(walk, jax.ShapeDtypeStruct((*batch, event), jnp.float32))
    wanted = (*batch, event), (*samples, *batch, event), (*samples, *batch), batch
    assert tuple(result.shape for result in results) == wanted
    assert all(result.dtype == jnp.float32 for result in results)


@every_family
@given(data=st.data())
def test_log_prob_is_finite_and_sums_over_the_last_axis(family, data):
    parameter = jnp.asarray(data.draw(arrays(np.float32, (2, 3), elements=logits_of)))
    x = jnp.asarray(data.draw(arrays(np.float32, (2, 3), elements=pixels_of)))
    value = np.asarray(family(parameter).log_prob(x))
    assert np.isfinite(value).all()
    each = np.asarray(family(parameter[..., None]).log_prob(x[..., None]))
    np.testing.assert_allclose(value, each.sum(axis=-1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", [Bernoulli, ContinuousBernoulli])
@given(data=st.data())
def test_black_and_white_exchange(family, data):
    logits = jnp.asarray(data.draw(arrays(np.float32, (2, 3), elements=logits_of)))
    x = jnp.asarray(data.draw(arrays(np.float32, (2, 3), elements=pixels_of)))
    # 1 - x rounds x by 6e-8, times a logit of up to 100.
    np.testing.assert_allclose(family(logits).log_prob(x), family(-logits).log_prob(1 - x), rtol=1e-5, atol=5e-5)
    np.testing.assert_allclose(family(logits).mean, 1 - family(-logits).mean, atol=1e-6)


@every_family
def test_jitted_calls_equal_eager_ones(family):
    parameter = jnp.linspace(-9, 9, 24).reshape(4, 6)
    x = jnp.linspace(0, 1, 24).reshape(4, 6)
    p = family(parameter)
    np.testing.assert_allclose(jax.jit(lambda p, x: p.log_prob(x))(p, x), p.log_prob(x), **SAME)
    np.testing.assert_allclose(jax.jit(lambda p: p.mean)(p), p.mean, **SAME)
    np.testing.assert_allclose(jax.jit(lambda p: p.sample(KEY, (3,)))(p), p.sample(KEY, (3,)), **SAME)
    by_row = jax.vmap(lambda p, x: p.log_prob(x))(p, x)
    np.testing.assert_allclose(by_row, p.log_prob(x), **SAME)


@every_family
def test_distributions_pass_through_jax(family):
    p = family(jnp.ones((2, 3)))
    doubled = jax.jit(lambda p: jax.tree.map(lambda leaf: 2 * leaf, p))(p)
    assert type(doubled) is type(p)
    for got, was in zip(jax.tree.leaves(doubled), jax.tree.leaves(p), strict=True):
        np.testing.assert_array_equal(got, 2 * was)


@every_family
def test_jax_may_put_anything_in_the_parameters_place(family):
    p = family(jnp.arange(6.0).reshape(2, 3) - 2)
    shapes = jax.eval_shape(lambda a: family(a), jnp.zeros((2, 3)))
    assert {leaf.shape for leaf in jax.tree.leaves(shapes)} == {(2, 3)}
    described = jax.jit(family).lower(jnp.zeros((2, 3))).out_info
    assert jax.tree.structure(described) == jax.tree.structure(p)
    assert all(np.all(leaf) for leaf in jax.tree.leaves(jax.tree.map(jnp.isfinite, p)))
    assert jax.tree.leaves(jax.tree.map(lambda leaf: None, p)) == []
    assert jax.tree.leaves(jax.tree.map(lambda leaf: 0, p)) == [0] * len(jax.tree.leaves(p))
    for path, _ in jax.tree.leaves_with_path(p):
        assert getattr(p, path[0].name).shape == (2, 3)
    # Each of the axes mapped away but the event's, and the distribution put together again from scalars.
    x = jnp.linspace(0, 1, 6).reshape(2, 3)
    each = jax.vmap(jax.vmap(lambda p, x: jax.tree.map(lambda leaf: leaf[None], p).log_prob(x[None])))(p, x)
    np.testing.assert_allclose(each.sum(axis=-1), p.log_prob(x), **SAME)
    back = jax.vmap(jax.vmap(lambda p: p))(p)
    for leaf, was in zip(jax.tree.leaves(back), jax.tree.leaves(p), strict=True):
        np.testing.assert_array_equal(leaf, was)


@every_family
def test_what_jax_put_there_is_refused_where_it_is_used(family):
    p = family(jnp.zeros((2, 3)))
    odd = {
        "must be floating point, got dtype bool": jax.tree.map(jnp.isfinite, p),
        "must be a JAX or NumPy array of floats, got ShapeDtypeStruct": jax.eval_shape(lambda: p),
        r"must have shape \(\*batch, event\), got a scalar": jax.tree.map(lambda leaf: leaf[0, 0], p),
    }
    for message, wrong in odd.items():
        for use in (lambda p: p.mean, lambda p: p.log_prob(jnp.zeros(3)), lambda p: p.sample(KEY)):
            with pytest.raises((TypeError, ValueError), match=message):
                use(wrong)
    with pytest.raises(TypeError, match="mu must be floating point, got dtype bool"):
        _ = jax.tree.map(jnp.isfinite, standard_normal((2, 3))).std


@every_family
def test_a_distribution_equals_itself_alone(family):
    p = family(jnp.zeros((2, 3)))
    assert p == p
    assert p != family(jnp.zeros((2, 3)))
    assert len({p, p}) == 1


@every_family
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_draws_have_the_type_of_the_parameters(family, dtype):
    assert family(jnp.zeros(3, dtype)).sample(KEY, (2,)).dtype == dtype


@every_family
def test_keys_decide_the_draws(family):
    p = family(jnp.zeros((4, 6)))
    draws = p.sample(KEY, (3,))
    np.testing.assert_array_equal(draws, p.sample(KEY, (3,)))
    assert np.any(np.asarray(draws != p.sample(jax.random.key(1), (3,))))
    # Samples of one call differ from each other, and so do the rows of a batch.
    assert np.any(np.asarray(draws[0] != draws[1]))
    assert np.any(np.asarray(draws[0, 0] != draws[0, 1]))


# --- refusals


@every_family
@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.ones((2, 3), np.int32), TypeError, "x must be floating point, got dtype int32; convert it"),
        ([[0.5] * 3] * 2, TypeError, "x must be a JAX or NumPy array of floats, got list; convert it"),
        (
            np.ones((2, 4), np.float32),
            ValueError,
            r"x must have shape .* a dimension of PARAMETER, got \(2, 4\); reshape",
        ),
        (np.ones((), np.float32), ValueError, r"x must have shape \(\*batch, 3\).* got \(\)"),
        (
            np.ones((5, 3), np.float32),
            ValueError,
            r"x and PARAMETER must have .*, got \(5, 3\) and \(2, 3\); give them",
        ),
    ],
)
def test_images_that_do_not_fit_are_refused(family, x, error, message):
    p = family(jnp.zeros((2, 3)))
    (parameter, *_) = vars(p)
    with pytest.raises(error, match=message.replace("PARAMETER", parameter)):
        p.log_prob(x)


@pytest.mark.parametrize("family", [Bernoulli, ContinuousBernoulli])
@pytest.mark.parametrize(
    ("value", "came"),
    [
        (-0.1, r"from -0\.1 to 0\.5; images in \[-1, 1\] are brought there"),
        (255.0, "from 0.5 to 255.*divide 8-bit images"),
        (np.nan, "from nan to nan; clean the data first"),
    ],
)
def test_pixels_outside_the_unit_interval_are_refused(family, value, came):
    with pytest.raises(ValueError, match=rf"x must hold pixels in \[0, 1\], got values {came}"):
        family(jnp.zeros((2, 3))).log_prob(jnp.full((2, 3), 0.5).at[1, 1].set(value))


@every_family
@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        (0, TypeError, r"key must be a typed random key, got int; make one with jax.random.key\(0\)"),
        (np.zeros(2, np.uint32), TypeError, "key must be a typed random key, got ndarray"),
        (jax.random.split(KEY), ValueError, r"key must be a single key, got an array of keys of shape \(2,\); index"),
    ],
)
def test_bad_keys_are_refused(family, key, error, message):
    with pytest.raises(error, match=message):
        family(jnp.zeros((2, 3))).sample(key)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: Bernoulli([0.0]), TypeError, "logits must be a JAX or NumPy array of floats, got list"),
        (lambda: Bernoulli(0.5), TypeError, "logits must be a JAX or NumPy array of floats, got float; convert it"),
        (lambda: Bernoulli(jnp.zeros(())), ValueError, r"logits must have shape \(\*batch, event\), got a scalar; use"),
        (lambda: Bernoulli(jnp.zeros(3, int)), TypeError, "logits must be floating point, got dtype int32"),
        (lambda: ContinuousBernoulli(np.zeros(3, bool)), TypeError, "logits must be floating point, got dtype bool"),
        (
            lambda: Gaussian(jnp.zeros(3), jnp.zeros(2)),
            ValueError,
            r"mu and log_var must have the same shape, got \(3,",
        ),
        (lambda: Gaussian(jnp.zeros(3), jnp.zeros(3, int)), TypeError, "log_var must be floating point, got dtype int"),
    ],
)
def test_bad_parameters_are_refused(build, error, message):
    with pytest.raises(error, match=message):
        build()


def test_an_empty_batch_has_no_log_probabilities():
    assert Bernoulli(jnp.zeros((0, 3))).log_prob(jnp.zeros((0, 3))).shape == (0,)


def test_continuous_bernoulli_at_huge_logits():
    """At x = 0 and a = -size the log-density is log(size): nothing cancels, however large the logit."""
    size = np.array([1e3, 1e6, 1e12, 1e30], np.float32)
    for x, sign in ((0.0, -1), (1.0, 1)):
        got = jax.vmap(lambda a, x=x: ContinuousBernoulli(a[None]).log_prob(jnp.array([x])))(jnp.asarray(sign * size))
        np.testing.assert_allclose(got, np.log(size), rtol=1e-6)
