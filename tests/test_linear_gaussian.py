"""The exact model against SciPy, Gaussian conditioning and quadrature in float64; its optima against neighbours."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from flax import nnx
from hypothesis import given
from hypothesis import strategies as st

from vaelib.distributions import Gaussian
from vaelib.linear_gaussian import LinearGaussianVAE
from vaelib.objectives import elbo

KEY = jax.random.key(0)


def arrays_of(model):
    """W, b and sigma² in float64."""
    W, b = (np.asarray(leaf[...], np.float64) for leaf in (model.W, model.b))
    return W, b, float(np.exp(np.float64(model.log_sigma2[...])))


def some_q(seed=0, batch=4, latent=2):
    rng = np.random.default_rng(seed)
    return Gaussian(*(jnp.asarray(rng.normal(size=(batch, latent)), jnp.float32) for _ in range(2)))


@pytest.fixture(scope="module")
def data():
    """Sixty vectors of six correlated numbers, shape (60, 6)."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 6)) @ rng.normal(size=(6, 6)) + rng.normal(size=6)
    return x.astype(np.float32)


@pytest.fixture(scope="module")
def fitted(data):
    return LinearGaussianVAE.maximum_likelihood(data, latent=2)


@pytest.fixture(scope="module")
def line():
    """One latent dimension and three pixels, where z can be integrated over."""
    return LinearGaussianVAE(jnp.array([[1.0], [-0.5], [2.0]]), jnp.array([0.1, 0.2, 0.3]), sigma=0.6)


# --- evidence and posterior


@pytest.mark.parametrize("sigma", [1.0, 0.1, 0.01])
def test_log_evidence_is_scipys_normal(data, sigma):
    model = LinearGaussianVAE(data[:6, :2], data[0], sigma)
    W, b, sigma2 = arrays_of(model)
    wanted = scipy.stats.multivariate_normal(b, W @ W.T + sigma2 * np.eye(6)).logpdf(data.astype(np.float64))
    # A few roundings of float32, even where sigma = 0.01 makes 370,000 nats of a residual: nothing cancels.
    np.testing.assert_allclose(model.log_evidence(data), wanted, rtol=1e-5)


def test_posterior_is_gaussian_conditioning(exact_model, vectors):
    W, b, sigma2 = arrays_of(exact_model)
    # Of the joint normal of (z, x): mean K (x - b), covariance I - K W, with K = Wᵀ (W Wᵀ + sigma² I)⁻¹.
    K = np.linalg.solve(W @ W.T + sigma2 * np.eye(6), W).T
    mean, covariance = exact_model.posterior(vectors)
    np.testing.assert_allclose(mean, (vectors - b) @ K.T, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(covariance, np.eye(2) - K @ W, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(exact_model.precision(), np.linalg.inv(np.eye(2) - K @ W), rtol=1e-5)


def test_bayes_rule_by_quadrature(line):
    W, b, sigma2 = arrays_of(line)
    x = np.array([0.7, -1.0, 0.4], np.float32)
    z = np.linspace(-8, 8, 20_001)
    log_joint = scipy.stats.norm.logpdf(z)
    log_joint += scipy.stats.norm.logpdf(x, z[:, None] * W[:, 0] + b, np.sqrt(sigma2)).sum(axis=1)
    # The trapezoid rule is exact to rounding for smooth integrands that vanish at both ends.
    evidence = np.trapezoid(np.exp(log_joint), z)
    assert float(line.log_evidence(x)) == pytest.approx(np.log(evidence), rel=1e-5)
    posterior = np.exp(log_joint) / evidence
    mean, covariance = line.posterior(x)
    assert float(mean[0]) == pytest.approx(np.trapezoid(z * posterior, z), rel=1e-5)
    variance = np.trapezoid((z - float(mean[0])) ** 2 * posterior, z)
    assert float(covariance[0, 0]) == pytest.approx(variance, rel=1e-5)
    # The ELBO of any q is an integral, too.
    q = scipy.stats.norm(0.3, 0.5)
    terms = line.exact_elbo(x, Gaussian(jnp.array([0.3]), 2 * jnp.log(jnp.array([0.5]))))
    assert float(terms.elbo) == pytest.approx(np.trapezoid(q.pdf(z) * (log_joint - q.logpdf(z)), z), rel=1e-5)
    kl = np.trapezoid(q.pdf(z) * (q.logpdf(z) - scipy.stats.norm.logpdf(z)), z)
    assert float(terms.kl) == pytest.approx(kl, rel=1e-5)


@given(seed=st.integers(0, 1000))
def test_elbo_and_gap_add_up_to_the_evidence(exact_model, vectors, seed):
    q = some_q(seed)
    terms, gap = exact_model.exact_elbo(vectors, q), exact_model.posterior_kl(vectors, q)
    assert np.all(np.asarray(gap) > 0)
    np.testing.assert_allclose(terms.elbo + gap, exact_model.log_evidence(vectors), rtol=1e-5)
    np.testing.assert_allclose(terms.elbo, terms.recon - terms.kl, rtol=1e-6)


def test_the_gap_is_the_kl_of_two_normals(exact_model, vectors):
    q = some_q()
    mean, covariance = (np.asarray(a, np.float64) for a in exact_model.posterior(vectors))
    precision = np.linalg.inv(covariance)
    for i in range(4):
        mu, variances = np.asarray(q.mu[i], np.float64), np.exp(np.asarray(q.log_var[i], np.float64))
        shift = mean[i] - mu
        log_ratio = np.linalg.slogdet(covariance)[1] - np.log(variances).sum()
        wanted = 0.5 * (np.trace(precision @ np.diag(variances)) + shift @ precision @ shift - 2 + log_ratio)
        assert float(exact_model.posterior_kl(vectors, q)[i]) == pytest.approx(wanted, rel=1e-5)


def test_decode_draws_what_the_model_says(exact_model):
    # Draws of z, then of x, have mean b and covariance W Wᵀ + sigma² I: 50,000 of them, to 5 standard errors.
    z = np.random.default_rng(0).normal(size=(50_000, 2)).astype(np.float32)
    x = np.asarray(exact_model.decode(z).sample(KEY), np.float64)
    W, b, sigma2 = arrays_of(exact_model)
    wanted = W @ W.T + sigma2 * np.eye(6)
    variances = np.diag(wanted)
    np.testing.assert_array_less(np.abs(x.mean(axis=0) - b), 5 * np.sqrt(variances / len(x)))
    # The variance of a normal's sample covariance is (c_ij² + c_ii c_jj) / n.
    error = np.sqrt((wanted**2 + np.outer(variances, variances)) / len(x))
    np.testing.assert_array_less(np.abs(np.cov(x.T) - wanted), 5 * error)


# --- maximum likelihood


def test_maximum_likelihood_is_pca_in_numpy(data, fitted):
    x = data.astype(np.float64)
    values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
    sigma2, leading = values[:4].mean(), slice(4, None)
    W, b, fitted_sigma2 = arrays_of(fitted)
    np.testing.assert_allclose(b, x.mean(axis=0), rtol=1e-4, atol=1e-5)
    assert fitted_sigma2 == pytest.approx(sigma2, rel=1e-4)
    # W itself is free up to a rotation of z; W Wᵀ is not.
    wanted = vectors[:, leading] * (values[leading] - sigma2) @ vectors[:, leading].T
    np.testing.assert_allclose(W @ W.T, wanted, rtol=1e-3, atol=1e-4)


def test_maximum_likelihood_can_not_be_improved(data, fitted):
    graphdef, params = nnx.split(fitted)
    leaves, structure = jax.tree.flatten(params)
    paths = [path[0] for path, _ in nnx.to_flat_state(params)]

    @jax.jit
    def log_px(leaves):
        return nnx.merge(graphdef, jax.tree.unflatten(structure, leaves)).log_evidence(data)

    best = np.asarray(log_px(leaves), np.float64).mean()
    gradient = jax.jit(jax.grad(lambda leaves: log_px(leaves).mean()))(leaves)
    rng = np.random.default_rng(0)
    for i, name in enumerate(paths):
        # A maximum: no slope but rounding, where steps of 0.3 are felt by whole nats.
        np.testing.assert_allclose(gradient[i], np.zeros_like(gradient[i]), atol=2e-4, err_msg=name)
        if name in ("A", "log_var"):  # the encoder's, on which the evidence does not depend
            continue
        for size in (0.3, 0.03):
            for _ in range(10):
                moved = list(leaves)
                direction = rng.normal(size=leaves[i].shape)
                moved[i] = leaves[i] + np.asarray(size * direction / np.linalg.norm(direction), np.float32)
                assert np.asarray(log_px(moved), np.float64).mean() < best, name


def test_more_dimensions_explain_the_data_better(data, fitted):
    fewer = LinearGaussianVAE.maximum_likelihood(data, latent=1)
    assert float(fewer.log_evidence(data).mean()) < float(fitted.log_evidence(data).mean()) - 0.1


# --- the encoder


def test_a_new_encoder_is_the_prior(exact_model, vectors):
    q = LinearGaussianVAE(exact_model.W[...], exact_model.b[...], 1.0).encode(vectors)
    np.testing.assert_array_equal(q.mu, np.zeros((4, 2)))
    np.testing.assert_array_equal(q.log_var, np.zeros((4, 2)))


def test_a_solved_encoder_closes_the_gap_where_columns_are_orthogonal(data, fitted):
    # Principal components are orthogonal, so the posterior's covariance is diagonal.
    before = float(fitted.posterior_kl(data, fitted.encode(data)).mean())
    model = nnx.clone(fitted)
    model.solve_encoder()
    q = model.encode(data)
    assert before > 1
    # Differences of terms of order 1 to 100 in float32.
    np.testing.assert_allclose(model.posterior_kl(data, q), np.zeros(60), atol=1e-4)
    np.testing.assert_allclose(model.exact_elbo(data, q).elbo, model.log_evidence(data), rtol=1e-5)
    mean, covariance = model.posterior(data)
    np.testing.assert_allclose(q.mu, mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(jnp.exp(q.log_var)[0], jnp.diag(covariance), rtol=1e-4)
    # The estimate agrees: one draw an image scatters about the evidence, independently for the 60 images.
    scatter = np.asarray(elbo(model, data, KEY).elbo - model.log_evidence(data), np.float64)
    assert abs(scatter.mean()) < 4 * scatter.std() / np.sqrt(60)


def test_a_solved_encoder_is_the_best_of_its_family(exact_model, vectors):
    model = nnx.clone(exact_model)
    model.solve_encoder()
    M = np.asarray(model.precision(), np.float64)
    assert abs(M[0, 1]) > 0.1  # the posterior's covariance is not diagonal
    # The least KL from a diagonal to a full normal: ½ (Σ log M_jj - log |M|).
    gap = 0.5 * (np.log(np.diag(M)).sum() - np.linalg.slogdet(M)[1])
    assert gap > 0.01
    np.testing.assert_allclose(model.posterior_kl(vectors, model.encode(vectors)), gap, rtol=1e-3)
    graphdef, state = nnx.split(model)
    gradient = jax.jit(jax.grad(lambda q: nnx.merge(graphdef, state).exact_elbo(vectors, q).elbo.sum()))(
        model.encode(vectors)
    )
    np.testing.assert_allclose(gradient.mu, np.zeros((4, 2)), atol=1e-4)
    np.testing.assert_allclose(gradient.log_var, np.zeros((4, 2)), atol=1e-4)


# --- shapes and transformations


@pytest.mark.parametrize("lead", [(), (1, 2, 2)])
def test_leading_axes_change_nothing_but_the_shape(exact_model, vectors, lead):
    @nnx.jit
    def everything(model, x):
        q = model.encode(x)
        return (
            q.mu,
            model.decode(q.mu).mu,
            model.posterior(x)[0],
            model.log_evidence(x),
            model.posterior_kl(x, q),
            *model.exact_elbo(x, q),
        )

    count = int(np.prod(lead))
    flat = everything(exact_model, vectors)
    for got, row in zip(everything(exact_model, vectors[:count].reshape(*lead, 6)), flat, strict=True):
        wanted = np.asarray(row)[:count]
        assert got.shape == (*lead, *row.shape[1:])
        np.testing.assert_allclose(got, wanted.reshape(got.shape), rtol=1e-5, atol=1e-5)


def test_jitted_calls_equal_eager_ones(exact_model, vectors):
    eager = exact_model.log_evidence(vectors)
    np.testing.assert_allclose(nnx.jit(lambda m, x: m.log_evidence(x))(exact_model, vectors), eager, rtol=1e-5)
    graphdef, state = nnx.split(exact_model)
    by_row = jax.vmap(lambda x: nnx.merge(graphdef, state).log_evidence(x))(vectors)
    np.testing.assert_allclose(by_row, eager, rtol=1e-5)


@pytest.mark.parametrize(
    "exact",
    [
        lambda model, x: model.encode(x),
        lambda model, x: model.decode(model.encode(x).mu),
        lambda model, x: model.posterior(x),
        lambda model, x: model.log_evidence(x),
        lambda model, x: model.exact_elbo(x, model.encode(x)),
        lambda model, x: model.posterior_kl(x, model.encode(x)),
        lambda model, x: model.solve_encoder(),
    ],
    ids=["encode", "decode", "posterior", "log_evidence", "exact_elbo", "posterior_kl", "solve_encoder"],
)
def test_matrix_products_are_asked_for_in_full_precision(exact_model, vectors, exact):
    graphdef, state = nnx.split(exact_model)
    program = str(jax.make_jaxpr(lambda state, x: exact(nnx.merge(graphdef, state), x))(state, vectors))
    products = re.findall(r"dot_general\[.*?\]\s", program, re.DOTALL)
    assert products
    assert all("precision=(Precision.HIGHEST, Precision.HIGHEST)" in product for product in products)


def test_create_and_config():
    model = LinearGaussianVAE.create(seed=1, latent=3, pixels=5, sigma=0.5)
    assert model.config == {"class": "LinearGaussianVAE", "latent": 3, "pixels": 5}
    assert model.W[...].shape == (5, 3)
    assert arrays_of(model)[2] == pytest.approx(0.25, rel=1e-6)
    assert np.any(model.W[...] != LinearGaussianVAE.create(seed=2, latent=3, pixels=5).W[...])


# --- refusals


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"W": np.zeros(3)},
            ValueError,
            r"W must have shape \(pixel, latent\) .* got \(3,\) and \(3,\); use W\[:, None\]",
        ),
        (
            {"b": np.zeros(2)},
            ValueError,
            r"W must have shape \(pixel, latent\) and b \(pixel,\), got \(3, 2\) and \(2,\)",
        ),
        ({"W": [[1.0, 2.0]] * 3}, TypeError, "W must be a JAX or NumPy array of floats, got list"),
        ({"b": np.zeros(3, int)}, TypeError, "b must be floating point, got dtype int64"),
        ({"W": np.full((3, 2), np.nan)}, ValueError, "W must be finite, got 6 NaN or infinite of 6 values"),
        ({"b": np.array([0, 0, np.inf])}, ValueError, "b must be finite, got 1 NaN or infinite of 3 values"),
        ({"sigma": 0.0}, ValueError, r"sigma must be a finite number in \(0, inf\], got 0.0"),
        ({"sigma": "learned"}, TypeError, r"sigma must be a number, got 'learned' \(str\)"),
    ],
)
def test_bad_parameters_are_refused(arguments, error, message):
    good = {"W": np.zeros((3, 2)), "b": np.zeros(3), "sigma": 1.0}
    with pytest.raises(error, match=message):
        LinearGaussianVAE(**good | arguments)


@pytest.mark.parametrize(
    ("x", "latent", "error", "message"),
    [
        (
            np.zeros((5, 3)),
            3,
            ValueError,
            r"x must have shape \(batch, pixel\), both above latent = 3, got \(5, 3\); take",
        ),
        (
            np.zeros((2, 3)),
            2,
            ValueError,
            r"x must have shape \(batch, pixel\), both above latent = 2, got \(2, 3\); take",
        ),
        (np.zeros(5), 1, ValueError, r"x must have shape \(batch, pixel\), both above latent = 1, got \(5,\)"),
        (
            np.ones((5, 3)),
            1,
            ValueError,
            "x must vary in more than latent = 1 directions, or the best sigma is 0; take",
        ),
        (np.full((5, 3), np.nan), 1, ValueError, "x must be finite, got 15 NaN"),
        (np.zeros((5, 3), int), 1, TypeError, "x must be floating point, got dtype int64"),
        (np.zeros((5, 3)), 0, ValueError, "latent must be an integer of at least 1, got 0"),
    ],
)
def test_data_without_a_best_model_is_refused(x, latent, error, message):
    with pytest.raises(error, match=message):
        LinearGaussianVAE.maximum_likelihood(x, latent)


@pytest.mark.parametrize(
    "call",
    [
        lambda model, x: model.encode(x),
        lambda model, x: model.posterior(x),
        lambda model, x: model.log_evidence(x),
        lambda model, x: model.exact_elbo(x, some_q()),
        lambda model, x: model.posterior_kl(x, some_q()),
        lambda model, x: model.check_data(x),
    ],
    ids=["encode", "posterior", "log_evidence", "exact_elbo", "posterior_kl", "check_data"],
)
def test_vectors_that_do_not_fit_are_refused(exact_model, call):
    with pytest.raises(ValueError, match=r"x must have shape \(\*batch, 6\), one entry a pixel, got \(4, 5\); reshape"):
        call(exact_model, np.zeros((4, 5), np.float32))
    with pytest.raises(TypeError, match="x must be floating point, got dtype int64; convert it"):
        call(exact_model, np.zeros((4, 6), int))


def test_codes_that_do_not_fit_are_refused(exact_model, vectors):
    with pytest.raises(
        ValueError, match=r"z must have shape \(\*batch, 2\), one entry a latent dimension, got \(4, 3\)"
    ):
        exact_model.decode(np.zeros((4, 3), np.float32))
    for exact in (exact_model.exact_elbo, exact_model.posterior_kl):
        with pytest.raises(ValueError, match=r"q.mu must have shape \(\*batch, 2\), .* got \(4, 3\)"):
            exact(vectors, some_q(latent=3))


def test_data_of_any_range_is_taken(exact_model):
    x = np.full((2, 6), 255.0, np.float32)
    assert exact_model.check_data(x) is x


def test_a_sigma_below_the_rounding_of_x_is_refused_and_one_above_it_is_right(data):
    W, b = data[:6, :2], data[0]
    with pytest.raises(ValueError, match=r"sigma must be at least .* the rounding of float32 .* got 1e-09"):
        LinearGaussianVAE(W, b, 1e-9)
    model = LinearGaussianVAE(W, np.zeros(6, np.float32), 1e-5)
    W, _, sigma2 = (np.asarray(array, np.float64) for array in arrays_of(model))
    # At x = 0 the quadratic form is 0, and the determinant of W Wᵀ + sigma² I is that of (Wᵀ W + sigma² I) sigma^(2·4).
    log_det = np.linalg.slogdet(W.T @ W + sigma2 * np.eye(2))[1] + 4 * np.log(sigma2)
    wanted = -0.5 * (log_det + 6 * np.log(2 * np.pi))
    assert float(model.log_evidence(np.zeros(6, np.float32))) == pytest.approx(wanted, rel=1e-6)
