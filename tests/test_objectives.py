"""The bounds against exact values, their order, their gradients against finite differences, and refusals."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from flax import nnx
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vaelib.distributions import Gaussian, standard_normal
from vaelib.divergence import kl_to_standard_normal
from vaelib.evidence import log_evidence, prior_log_evidence
from vaelib.linear_gaussian import LinearGaussianVAE
from vaelib.models import VAE, Autoencoder
from vaelib.networks import LIKELIHOODS
from vaelib.objectives import elbo, importance_weighted_bound, log_mean_exp, log_weights, reconstruction

KEY = jax.random.key(0)
SIZES = {"latent": 2, "hidden": (8,), "pixels": 36, "activation": "tanh"}
# Sums over 36 pixels in float32, in another order.
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


@pytest.fixture(scope="module")
def model():
    return VAE(**SIZES, rngs=nnx.Rngs(0))


@pytest.fixture(scope="module")
def autoencoder():
    return Autoencoder(**SIZES, rngs=nnx.Rngs(0))


def repeated(objective, model, x, *, keys, **options):
    """Mean over images and its standard error over independent keys, in float64."""
    graphdef, state = nnx.split(model)

    @jax.jit
    @partial(jax.vmap, in_axes=(None, 0))
    def each(state, key):
        return objective(nnx.merge(graphdef, state), x, key, **options).elbo

    values = np.asarray(each(state, jax.random.split(KEY, keys)), np.float64).mean(axis=1)
    return values.mean(), values.std() / np.sqrt(keys)


exact_terms = nnx.jit(lambda model, x: model.exact_elbo(x, model.encode(x)))


# --- the ELBO


def test_elbo_is_the_formula_written_out(model, images):
    terms = elbo(model, images, KEY, num_samples=3, beta=2.5)
    q = model.encode(images)
    z = q.sample(KEY, (3,))
    assert z.shape == (3, 16, 2)
    recon = sum(model.decode(z[i]).log_prob(images) for i in range(3)) / 3
    np.testing.assert_allclose(terms.recon, recon, **CLOSE)
    np.testing.assert_allclose(terms.kl, kl_to_standard_normal(q), **CLOSE)
    np.testing.assert_allclose(terms.elbo, terms.recon - 2.5 * terms.kl, **CLOSE)
    assert all(term.shape == (16,) for term in terms)


def test_elbo_is_unbiased_and_more_samples_narrow_it(exact_model, vectors):
    exact = exact_terms(exact_model, vectors)
    (one, error_of_one), (mean, error) = (
        repeated(elbo, exact_model, vectors, keys=1000, num_samples=k) for k in (1, 16)
    )
    assert error_of_one < 0.1
    assert abs(one - float(exact.elbo.mean())) < 4 * error_of_one
    assert abs(mean - float(exact.elbo.mean())) < 4 * error
    # Sixteen draws quarter the standard error; the ratio of two estimated from 1,000 keys each is within 10 %.
    assert error_of_one / error == pytest.approx(4, rel=0.1)
    np.testing.assert_allclose(elbo(exact_model, vectors, KEY).kl, exact.kl, rtol=1e-6)


def test_beta_weighs_the_kl_alone(model, images):
    plain, weighted = elbo(model, images, KEY), elbo(model, images, KEY, beta=0.0)
    np.testing.assert_array_equal(weighted.recon, plain.recon)
    np.testing.assert_array_equal(weighted.kl, plain.kl)
    np.testing.assert_array_equal(weighted.elbo, plain.recon)


def test_inputs_are_what_the_encoder_sees(model, autoencoder, images):
    noisy = images[::-1].copy()
    terms = elbo(model, images, KEY, inputs=noisy)
    q = model.encode(noisy)
    np.testing.assert_allclose(terms.kl, kl_to_standard_normal(q), **CLOSE)
    np.testing.assert_allclose(terms.recon, model.decode(q.sample(KEY, (1,))[0]).log_prob(images), **CLOSE)
    got = reconstruction(autoencoder, images, KEY, inputs=noisy).recon
    np.testing.assert_allclose(got, autoencoder.decode(autoencoder.encode(noisy)).log_prob(images), **CLOSE)


# --- importance weighting


def test_the_bounds_rise_to_the_evidence(exact_model, vectors):
    exact = float(exact_model.log_evidence(vectors).mean())
    exact_elbo = float(exact_terms(exact_model, vectors).elbo.mean())
    bounds = {k: repeated(importance_weighted_bound, exact_model, vectors, keys=1000, num_samples=k) for k in (5, 50)}
    # ELBO < L_5 < L_50 < log p(x), each step wider than 4 standard errors of both its sides.
    assert bounds[5][0] - exact_elbo > 4 * bounds[5][1]
    assert bounds[50][0] - bounds[5][0] > 4 * np.hypot(bounds[50][1], bounds[5][1])
    assert exact - bounds[50][0] > 4 * bounds[50][1]
    assert exact - bounds[50][0] < 0.05


def test_the_bound_of_one_sample_is_the_elbo_with_a_drawn_kl(exact_model, vectors):
    bound = importance_weighted_bound(exact_model, vectors, KEY, num_samples=1)
    q = exact_model.encode(vectors)
    z = q.sample(KEY, (1,))[0]
    drawn_kl = q.log_prob(z) - standard_normal(z.shape).log_prob(z)
    np.testing.assert_allclose(bound.elbo, elbo(exact_model, vectors, KEY).recon - drawn_kl, **CLOSE)


def test_the_bound_keeps_the_terms_of_the_elbo(model, images):
    bound = importance_weighted_bound(model, images, KEY, num_samples=3)
    plain = elbo(model, images, KEY, num_samples=3)
    np.testing.assert_allclose(bound.recon, plain.recon, **CLOSE)
    np.testing.assert_allclose(bound.kl, plain.kl, **CLOSE)
    np.testing.assert_allclose(bound.elbo, log_mean_exp(log_weights(model, images, KEY, num_samples=3)), **CLOSE)


@pytest.mark.parametrize("proposal", ["posterior", "prior"])
def test_weights_average_to_the_evidence(exact_model, vectors, proposal):
    draw = nnx.jit(partial(log_weights, num_samples=20_000, proposal=proposal))
    log_w = np.asarray(draw(exact_model, vectors, KEY), np.float64)
    assert log_w.shape == (20_000, 4)
    ratio = np.exp(log_w - np.asarray(exact_model.log_evidence(vectors), np.float64))
    error = ratio.std(axis=0) / np.sqrt(len(ratio))
    assert error.max() < 0.1
    assert np.all(np.abs(ratio.mean(axis=0) - 1) < 4 * error)


def test_an_exact_posterior_has_constant_weights(exact_model, vectors):
    orthogonal = np.linalg.qr(exact_model.W[...])[0]  # so that the posterior is a diagonal Gaussian, which q can be
    model = LinearGaussianVAE(orthogonal, np.zeros(6, np.float32), sigma=0.5)
    model.solve_encoder()
    log_w = log_weights(model, vectors, KEY, num_samples=3)
    # Every weight is p(x), to the rounding of terms of some 50 nats.
    np.testing.assert_allclose(log_w, np.broadcast_to(model.log_evidence(vectors), (3, 4)), rtol=1e-5)


def test_log_mean_exp_is_scipys():
    log_w = np.random.default_rng(0).normal(scale=30, size=(7, 3, 2)).astype(np.float32)
    wanted = scipy.special.logsumexp(log_w.astype(np.float64), axis=0) - np.log(7)
    np.testing.assert_allclose(log_mean_exp(jnp.asarray(log_w)), wanted, rtol=1e-5)


@given(arrays(np.float32, (5,), elements=st.floats(-1e6, 1e6, width=32, allow_subnormal=False)))
def test_log_mean_exp_lies_between_mean_and_largest(log_w):
    value = float(log_mean_exp(jnp.asarray(log_w)))
    slack = 1e-6 * np.abs(log_w).max() + 1e-6
    assert log_w.astype(np.float64).mean() - slack <= value <= log_w.max() + slack


def test_log_mean_exp_of_nothing_is_minus_infinity():
    assert log_mean_exp(jnp.full(4, -jnp.inf)) == -jnp.inf
    assert float(log_mean_exp(jnp.array([-jnp.inf, -1000.0]))) == pytest.approx(-1000 - np.log(2), rel=1e-6)


# --- the autoencoder


def test_reconstruction_has_no_kl_and_no_chance(autoencoder, images):
    terms = reconstruction(autoencoder, images, KEY)
    wanted = autoencoder.decode(autoencoder.encode(images)).log_prob(images)
    np.testing.assert_allclose(terms.recon, wanted, **CLOSE)
    np.testing.assert_array_equal(terms.elbo, terms.recon)
    np.testing.assert_array_equal(terms.kl, np.zeros(16))
    for again, term in zip(reconstruction(autoencoder, images, jax.random.key(1)), terms, strict=True):
        np.testing.assert_array_equal(again, term)


# --- gradients


@pytest.mark.parametrize("gradient_samples", [1, 4])
def test_the_gradient_from_chosen_draws_is_that_from_all_on_average(model, images, gradient_samples):
    graphdef, state = nnx.split(model)

    def value_and_gradient(state, key, **options):
        def mean_bound(state):
            bound = importance_weighted_bound(nnx.merge(graphdef, state), images, key, num_samples=8, **options).elbo
            return jnp.mean(bound)

        return jax.value_and_grad(mean_bound)(state)

    @jax.jit
    @partial(jax.vmap, in_axes=(None, 0))
    def both(state, key):
        value, gradient = value_and_gradient(state, jax.random.split(key)[0])
        chosen_value, chosen_gradient = value_and_gradient(state, key, gradient_samples=gradient_samples)
        off = jax.tree.map(lambda a, b: jnp.vdot(a - b, b), chosen_gradient, gradient)
        return value, chosen_value, jnp.stack(jax.tree.leaves(off))

    value, chosen_value, off = map(np.asarray, both(state, jax.random.split(KEY, 2000)))
    np.testing.assert_array_equal(chosen_value, value)
    standard_error = off.std(axis=0) / np.sqrt(len(off))
    assert (standard_error > 0).all()
    assert (np.abs(off.mean(axis=0)) < 4 * standard_error).all()


@pytest.mark.parametrize(
    ("likelihood", "objective"),
    [(likelihood, elbo) for likelihood in LIKELIHOODS]
    + [("bernoulli", partial(importance_weighted_bound, num_samples=5))],
)
@pytest.mark.usefixtures("full_precision")
def test_gradients_are_finite_differences(images, likelihood, objective):
    """Along the gradient of each parameter, and along random directions.

    The objective is averaged over images in float64, so that float32 rounds only the terms of some 30 nats an image, by
    2e-6; over a step of 0.02 that is 1e-4. Four points cancel the error of order step², and tanh has no kink.
    """
    model = VAE(**SIZES, likelihood=likelihood, sigma="learned", rngs=nnx.Rngs(0))
    graphdef, params = nnx.split(model)
    leaves, structure = jax.tree.flatten(params)

    def terms(leaves):
        return objective(nnx.merge(graphdef, jax.tree.unflatten(structure, leaves)), images, KEY).elbo

    @jax.jit
    def moved(direction, step):
        return terms([leaf + step * d for leaf, d in zip(leaves, direction, strict=True)])

    def difference(direction, h=0.02):
        inner, outer = (
            np.subtract(*(np.asarray(moved(direction, s), np.float64).mean() for s in (h * k, -h * k))) for k in (1, 2)
        )
        return (8 * inner - outer) / (12 * h)

    gradient = [np.asarray(leaf) for leaf in jax.jit(jax.grad(lambda leaves: terms(leaves).mean()))(leaves)]
    zeros = [np.zeros_like(leaf) for leaf in gradient]
    for i, leaf in enumerate(gradient):
        length = np.linalg.norm(leaf)
        assert length > 1e-2
        direction = [*zeros[:i], leaf / length, *zeros[i + 1 :]]
        assert difference(direction) == pytest.approx(length, rel=2e-3, abs=2e-4)
    rng = np.random.default_rng(0)
    for _ in range(3):
        drawn = [rng.normal(size=leaf.shape).astype(np.float32) for leaf in gradient]
        length = np.sqrt(sum((d**2).sum() for d in drawn))
        slope = sum((g * d).sum() for g, d in zip(gradient, drawn, strict=True)) / length
        assert difference([d / length for d in drawn]) == pytest.approx(slope, rel=2e-3, abs=2e-4)


def test_the_elbo_of_the_exact_model_has_the_exact_gradient(exact_model, vectors):
    graphdef, params = nnx.split(exact_model)

    def exact(params):
        model = nnx.merge(graphdef, params)
        return model.exact_elbo(vectors, model.encode(vectors)).elbo.mean()

    def estimated(params, key):
        return elbo(nnx.merge(graphdef, params), vectors, key).elbo.mean()

    wanted = jax.jit(jax.grad(exact))(params)
    draws = jax.jit(jax.vmap(jax.grad(estimated), in_axes=(None, 0)))(params, jax.random.split(KEY, 2000))
    for (path, want), leaf in zip(jax.tree.leaves_with_path(wanted), jax.tree.leaves(draws), strict=True):
        values = np.asarray(leaf, np.float64)
        error = values.std(axis=0) / np.sqrt(len(values)) + 1e-6
        # 33 numbers, each within 4.5 standard errors: by chance one is not, in 2 cases of 10,000.
        assert np.all(np.abs(values.mean(axis=0) - want) < 4.5 * error), path


# --- under JAX's transformations

OBJECTIVES = {
    "elbo": elbo,
    "importance-weighted bound": partial(importance_weighted_bound, num_samples=3),
}


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_jitted_calls_equal_eager_ones(model, images, objective):
    eager = objective(model, images, KEY)
    for jitted in (
        nnx.jit(objective)(model, images, KEY),
        nnx.jit(lambda model: objective(model, images, KEY))(model),  # the images a constant of the program
    ):
        for got, wanted in zip(jitted, eager, strict=True):
            np.testing.assert_allclose(got, wanted, **CLOSE)


def test_beta_may_be_traced(model, images):
    got = nnx.jit(lambda model, beta: elbo(model, images, KEY, beta=beta).elbo)(model, 0.3)
    np.testing.assert_allclose(got, elbo(model, images, KEY, beta=0.3).elbo, **CLOSE)
    np.testing.assert_array_equal(
        elbo(model, images, KEY, beta=jnp.array(2)).elbo, elbo(model, images, KEY, beta=2).elbo
    )


def test_a_sweep_over_beta_compiles_once(model, images, compilations):
    graphdef, state = nnx.split(model)
    sweep = jax.jit(lambda state, beta: elbo(nnx.merge(graphdef, state), images, KEY, beta=beta).elbo)
    sweep(state, 0.1)
    compilations.clear()
    values = [sweep(state, beta) for beta in np.linspace(0.2, 2, 10).tolist()]
    assert compilations == []
    assert len({float(value[0]) for value in values}) == 10


def test_keys_decide_the_draws(model, images):
    np.testing.assert_array_equal(elbo(model, images, KEY).recon, elbo(model, images, KEY).recon)
    assert np.all(np.asarray(elbo(model, images, KEY).recon != elbo(model, images, jax.random.key(1)).recon))


@pytest.mark.parametrize(
    "use",
    [
        elbo,
        partial(importance_weighted_bound, num_samples=3),
        partial(importance_weighted_bound, num_samples=3, gradient_samples=2),
        partial(log_weights, num_samples=3),
        partial(log_weights, num_samples=3, proposal="prior"),
        partial(log_evidence, num_samples=3),
        partial(prior_log_evidence, num_samples=3),
    ],
)
def test_no_key_is_used_twice(exact_model, vectors, use):
    with jax.debug_key_reuse(True):
        use(exact_model, vectors, jax.random.key(0))
        nnx.jit(use)(exact_model, vectors, jax.random.key(0))


def test_the_draws_for_the_gradient_do_not_share_the_key_of_the_draws_themselves(exact_model, vectors):
    key = jax.random.key(5)
    options = {"num_samples": 8, "gradient_samples": 2}
    bound = importance_weighted_bound(exact_model, vectors, key, **options)
    draws = importance_weighted_bound(exact_model, vectors, jax.random.split(key)[0], num_samples=8)
    for got, wanted in zip(bound, draws, strict=True):
        np.testing.assert_allclose(got, wanted, **CLOSE)


# --- refusals


@pytest.mark.parametrize(
    "objective",
    [elbo, partial(importance_weighted_bound, num_samples=2), partial(log_weights, num_samples=2)],
    ids=["elbo", "bound", "weights"],
)
@pytest.mark.parametrize(
    ("x", "key", "error", "message"),
    [
        (np.zeros((2, 784)), KEY, ValueError, r"x must have shape \(\*batch, 36\), one entry a pixel, got \(2, 784\)"),
        (np.zeros(36), KEY, ValueError, r"x must have shape \(batch, 36\) .* got \(36,\); use x.reshape\(-1, 36\)"),
        (np.zeros((2, 36), np.uint8), KEY, TypeError, "x must be floating point, got dtype uint8"),
        (np.full((2, 36), 255.0), KEY, ValueError, r"x must hold pixels in \[0, 1\], .*; divide 8-bit images by 255"),
        (np.full((2, 36), np.nan), KEY, ValueError, "x must be finite, got 72 NaN or infinite"),
        (np.zeros((2, 36)), 0, TypeError, "key must be a typed random key, got int; make one with jax.random.key"),
        (np.zeros((2, 36)), jax.random.split(KEY), ValueError, "key must be a single key, got an array of keys"),
    ],
)
def test_bad_images_and_keys_are_refused(model, objective, x, key, error, message):
    with pytest.raises(error, match=message):
        objective(model, x, key)


def test_bad_numbers_of_draws_for_the_gradient_are_refused(model, images):
    with pytest.raises(ValueError, match="gradient_samples must be an integer of at least 1, got 0"):
        importance_weighted_bound(model, images, KEY, num_samples=3, gradient_samples=0)


@pytest.mark.parametrize("objective", [elbo, importance_weighted_bound, log_weights])
@pytest.mark.parametrize(
    ("num_samples", "error"), [(0, ValueError), (-1, ValueError), (2.0, TypeError), (True, TypeError)]
)
def test_bad_numbers_of_samples_are_refused(model, images, objective, num_samples, error):
    with pytest.raises(error, match=f"num_samples must be an integer of at least 1, got {num_samples}"):
        objective(model, images, KEY, num_samples=num_samples)


@pytest.mark.parametrize(
    ("beta", "error", "message"),
    [
        (-1.0, ValueError, r"beta must be a finite number in \[0, inf\], got -1.0"),
        (float("nan"), ValueError, "beta must be a finite number"),
        ("1", TypeError, r"beta must be a number, got '1' \(str\)"),
        (jnp.array(-0.5), ValueError, r"beta must be a finite number in \[0, inf\], got -0.5"),
        (jnp.ones(16), ValueError, r"beta must be one number, got an array of shape \(16,\); weigh"),
    ],
)
def test_bad_betas_are_refused(model, images, beta, error, message):
    with pytest.raises(error, match=message):
        elbo(model, images, KEY, beta=beta)


def test_inputs_that_do_not_fit_the_images_are_refused(model, autoencoder, images):
    for objective, fitting in ((elbo, model), (reconstruction, autoencoder)):
        with pytest.raises(ValueError, match=r"inputs and x must have the same shape, got \(1, 36\) and \(16, 36\)"):
            objective(fitting, images, KEY, inputs=images[:1])
        with pytest.raises(ValueError, match="x must hold pixels"):
            objective(fitting, images, KEY, inputs=2 + images)


def test_unknown_proposals_are_refused(model, images):
    with pytest.raises(ValueError, match="proposal must be one of 'posterior', 'prior', got 'uniform'"):
        log_weights(model, images, KEY, num_samples=2, proposal="uniform")


def test_each_objective_refuses_the_other_kind_of_model(model, autoencoder, images):
    for objective in (elbo, partial(importance_weighted_bound, num_samples=2), partial(log_weights, num_samples=2)):
        with pytest.raises(
            TypeError,
            match=r"model must encode to a distribution .* got Autoencoder, .* of an Autoencoder is reconstruction",
        ):
            objective(autoencoder, images, KEY)
    with pytest.raises(
        TypeError, match=r"model must encode to one code an image, got VAE, .* returns q\(z\|x\); use elbo"
    ):
        reconstruction(model, images, KEY)


@pytest.mark.parametrize(
    ("log_w", "error", "message"),
    [
        ([0.0], TypeError, "log_w must be a JAX or NumPy array of floats, got list"),
        (
            np.zeros((0, 3)),
            ValueError,
            r"log_w must have shape \(sample, \*batch\) with at least one sample, got \(0, 3\)",
        ),
        (np.zeros(()), ValueError, r"log_w must have shape \(sample, \*batch\) with at least one sample, got \(\)"),
    ],
)
def test_log_mean_exp_refuses_no_samples(log_w, error, message):
    with pytest.raises(error, match=message):
        log_mean_exp(log_w)


def test_draws_of_another_shape_are_refused(images):
    """Of a q(z|x) with parameters of one image, they would be weighed by one density for all."""

    class OfOneImage(VAE):
        def encode(self, x):
            q = super().encode(x)
            return Gaussian(q.mu[0], q.log_var[0])

    model = OfOneImage.create(latent=2, hidden=(4,), pixels=36)
    with pytest.raises(ValueError, match=r"Gaussian.*must have shape .* = \(3, 16, 2\), got \(3, 2\)"):
        importance_weighted_bound(model, images, KEY, num_samples=3)
