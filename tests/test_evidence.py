"""The estimates of log p(x) against exact values and quadrature; flat memory, one program; effective sample size."""

import subprocess
import sys
import textwrap
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from flax import nnx
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vaelib import evidence
from vaelib.distributions import Gaussian
from vaelib.evidence import CHUNK, effective_sample_size, log_evidence, prior_log_evidence
from vaelib.linear_gaussian import LinearGaussianVAE
from vaelib.models import VAE
from vaelib.objectives import log_mean_exp, log_weights

KEY = jax.random.key(0)
ESTIMATES = {"posterior": log_evidence, "prior": prior_log_evidence}
jitted_log_weights = nnx.jit(log_weights, static_argnames=("num_samples", "proposal"))
every_estimate = pytest.mark.parametrize("proposal", ESTIMATES)


@pytest.fixture(scope="module")
def small_vae():
    """One latent dimension and five pixels, with weights large enough that z matters and q is not the posterior."""
    model = VAE(latent=1, hidden=(6,), pixels=5, activation="tanh", rngs=nnx.Rngs(0))
    for layer in (model.decoder.trunk.layers[0], model.decoder.output):
        layer.kernel[...] = 2 * layer.kernel[...]
    return model


@pytest.fixture(scope="module")
def all_images():
    """The 32 black-and-white images of five pixels."""
    return np.array(list(product([0.0, 1.0], repeat=5)), np.float32)


def relative_error(model, x, proposal, k):
    """The standard deviation of the estimate of p(x) from k draws, over p(x)."""
    log_w = np.asarray(
        jitted_log_weights(model, x, jax.random.key(99), num_samples=5000, proposal=proposal), np.float64
    )
    w = np.exp(log_w - log_w.max(axis=0))
    return w.std(axis=0) / w.mean(axis=0) / np.sqrt(k)


# --- the truth


@every_estimate
def test_estimates_converge_to_the_exact_evidence(exact_model, vectors, proposal):
    exact = np.asarray(exact_model.log_evidence(vectors), np.float64)
    for k, bound in ((200, 1.0), (20_000, 0.1)):
        error = relative_error(exact_model, vectors, proposal, k)
        assert error.max() < bound
        got = np.asarray(ESTIMATES[proposal](exact_model, vectors, KEY, num_samples=k), np.float64)
        # The estimate of p(x), which is unbiased, and not its log.
        assert np.all(np.abs(np.exp(got - exact) - 1) < 4 * error), k


def test_the_posterior_is_the_better_proposal(exact_model, vectors):
    assert np.all(
        relative_error(exact_model, vectors, "posterior", 1) < 0.6 * relative_error(exact_model, vectors, "prior", 1)
    )


@every_estimate
def test_estimates_are_the_quadrature_over_z(small_vae, all_images, proposal):
    z, weights = np.polynomial.hermite_e.hermegauss(60)  # for the weight exp(-z²/2)
    decode = nnx.jit(lambda model, z: model.decode(z).logits)
    logits = np.asarray(decode(small_vae, jnp.asarray(z[:, None], jnp.float32)), np.float64)[:, None, :]
    log_px_given_z = (all_images * logits - np.logaddexp(0, logits)).sum(axis=-1)
    log_px = scipy.special.logsumexp(log_px_given_z + np.log(weights / np.sqrt(2 * np.pi))[:, None], axis=0)
    assert np.exp(log_px).sum() == pytest.approx(1, abs=1e-6)
    assert log_px_given_z.std(axis=0).max() > 1  # z matters, or any average over z would do
    got = np.asarray(ESTIMATES[proposal](small_vae, all_images, KEY, num_samples=10_000), np.float64)
    error = relative_error(small_vae, all_images, proposal, 10_000)
    # 32 images, 4.5 standard errors: by chance one is further off in 2 cases of 10,000.
    assert np.all(np.abs(np.exp(got - log_px) - 1) < 4.5 * error)
    assert error.max() < 0.05


def test_few_samples_are_biased_low(exact_model, vectors):
    exact = np.tile(np.asarray(exact_model.log_evidence(vectors), np.float64), 50)
    got = np.asarray(log_evidence(exact_model, np.tile(vectors, (50, 1)), KEY, num_samples=2), np.float64)
    assert (exact - got).mean() > 4 * (exact - got).std() / np.sqrt(len(got))


# --- what is counted


@every_estimate
@pytest.mark.parametrize("k", [1, 30, evidence.CHUNK, evidence.CHUNK + 1, 2 * evidence.CHUNK + 20])
def test_exactly_k_draws_are_averaged(exact_model, vectors, proposal, k):
    keys = [jax.random.fold_in(jax.random.fold_in(KEY, 0), i) for i in range(3)]  # of block 0 and its three chunks
    log_w = [
        jitted_log_weights(exact_model, vectors, key, num_samples=evidence.CHUNK, proposal=proposal) for key in keys
    ]
    wanted = scipy.special.logsumexp(np.concatenate(log_w)[:k].astype(np.float64), axis=0) - np.log(k)
    np.testing.assert_allclose(ESTIMATES[proposal](exact_model, vectors, KEY, num_samples=k), wanted, rtol=1e-5)


@every_estimate
def test_one_program_serves_every_number_of_samples(exact_model, vectors, proposal, compilations):
    estimate = ESTIMATES[proposal]
    estimate(exact_model, vectors, KEY, num_samples=1)
    compilations.clear()
    for k in (7, 49, 50, 5000):
        estimate(exact_model, vectors, KEY, num_samples=k)
    assert compilations == []


def test_memory_stays_flat_however_many_samples():
    """In a process of its own, since only the highest memory a process ever held is on record."""
    pytest.importorskip("resource", reason="Windows does not record it")
    program = """
        import resource, sys
        import jax, numpy as np
        from flax import nnx
        from vaelib import VAE, log_evidence, prior_log_evidence

        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

        def estimate(num_samples):
            for estimator in (log_evidence, prior_log_evidence):
                jax.block_until_ready(estimator(model, x, jax.random.key(0), num_samples=num_samples))
            return peak()

        model = VAE(latent=2, hidden=(8,), rngs=nnx.Rngs(0))
        x = np.full((100, 784), 0.5, np.float32)
        print(peak(), estimate(1), estimate(1000))
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], check=True, capture_output=True, text=True
    )
    before, one, thousand = (int(number) for number in result.stdout.split())
    # 1,000 draws for 100 images of 784 pixels at once are 314 MB an array, and several arrays are needed.
    assert thousand - one < 50e6
    # A chunk of 50 draws is 16 MB an array; compiling takes some 50 MB more.
    assert one - before < 200e6


# --- batches


def test_an_image_does_not_see_its_neighbours(exact_model, vectors):
    others = np.concatenate([vectors[:1], 3 * vectors[1:]])
    got, again = (np.asarray(log_evidence(exact_model, x, KEY, num_samples=60)) for x in (vectors, others))
    np.testing.assert_allclose(got[0], again[0], rtol=1e-6)
    assert np.all(np.abs(got[1:] - again[1:]) > 0.1)


def test_the_first_block_is_the_same_whatever_follows(exact_model):
    x = np.random.default_rng(0).normal(size=(evidence.BLOCK + 5, 6)).astype(np.float32)
    whole = np.asarray(log_evidence(exact_model, x, KEY, num_samples=60))
    assert whole.shape == (len(x),)
    assert np.isfinite(whole).all()
    first = log_evidence(exact_model, x[: evidence.BLOCK], KEY, num_samples=60)
    np.testing.assert_allclose(whole[: evidence.BLOCK], first, rtol=1e-6)
    # Every image is estimated, in its own place: within 5 nats, where the images are tens of nats apart.
    exact = np.asarray(nnx.jit(lambda model, x: model.log_evidence(x))(exact_model, x))
    assert np.abs(whole - exact).max() < 5
    assert np.corrcoef(whole, exact)[0, 1] > 0.99


def test_blocks_draw_independently(exact_model, vectors):
    x = np.repeat(vectors[:1], 2 * evidence.BLOCK, axis=0)
    got = np.asarray(log_evidence(exact_model, x, KEY, num_samples=2))
    assert len(np.unique(got)) > 1.9 * evidence.BLOCK


def test_keys_decide_the_estimate(exact_model, vectors):
    one, again, other = (log_evidence(exact_model, vectors, jax.random.key(k), num_samples=60) for k in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert np.all(np.asarray(one != other))


def test_double_precision_images_are_taken(exact_model, vectors):
    got = log_evidence(exact_model, vectors.astype(np.float64), KEY, num_samples=60)
    np.testing.assert_array_equal(got, log_evidence(exact_model, vectors, KEY, num_samples=60))


# --- effective sample size


def test_effective_sample_size_at_its_limits():
    all_equal = np.full(100, -1234.5)
    one_carries_all = np.where(np.arange(100) == 7, 0.0, -1000.0)
    half = np.where(np.arange(100) < 50, 0.0, -np.inf)
    log_w = np.stack([all_equal, one_carries_all, half], axis=1).astype(np.float32)
    # float32's rounding of 2 log Σ w, some 2,500, is 2e-4.
    np.testing.assert_allclose(effective_sample_size(log_w), [100, 1, 50], rtol=5e-4)
    np.testing.assert_allclose(effective_sample_size(np.zeros((1, 3), np.float32)), 1, rtol=1e-6)


@given(arrays(np.float32, (6, 2), elements=st.floats(-50, 50, width=32, allow_subnormal=False)))
def test_effective_sample_size_is_kongs_ratio(log_w):
    w = np.exp(log_w.astype(np.float64) - log_w.max(axis=0))
    got = np.asarray(effective_sample_size(jnp.asarray(log_w)))
    # The exponent carries float32's rounding of 2 log Σ w, up to 100: 1e-5.
    np.testing.assert_allclose(got, w.sum(axis=0) ** 2 / (w**2).sum(axis=0), rtol=1e-4)
    assert np.all((got > 1 - 1e-4) & (got < 6 + 1e-3))


def test_effective_sample_size_of_gaussian_proposals():
    # N(0, 1) proposed by N(m, 1): (E w)² / E w² = exp(-m²).
    z = np.random.default_rng(0).normal(size=(100_000, 1)).astype(np.float32)
    target, proposal = Gaussian(jnp.full(1, 0.5), jnp.zeros(1)), Gaussian(jnp.zeros(1), jnp.zeros(1))
    log_w = target.log_prob(z) - proposal.log_prob(z)
    assert float(log_mean_exp(log_w)) == pytest.approx(0, abs=0.01)
    assert float(effective_sample_size(log_w)) / 100_000 == pytest.approx(np.exp(-0.25), rel=0.02)


# --- refusals


@every_estimate
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"x": np.zeros((2, 7), np.float32)},
            ValueError,
            r"x must have shape \(\*batch, 6\), .* got \(2, 7\); reshape",
        ),
        (
            {"x": np.zeros(6, np.float32)},
            ValueError,
            r"x must have shape \(batch, 6\) .* use x.reshape\(-1, 6\), or x\[N",
        ),
        ({"x": np.zeros((0, 6), np.float32)}, ValueError, "with batch at least 1"),
        ({"x": np.zeros((2, 6), int)}, TypeError, "x must be floating point, got dtype int64; convert it"),
        ({"x": np.full((2, 6), np.nan)}, ValueError, "x must be finite, got 12 NaN or infinite of 12 values; clean"),
        ({"key": 0}, TypeError, r"key must be a typed random key, got int; make one with jax.random.key\(0\)"),
        ({"key": jax.random.split(KEY)}, ValueError, "key must be a single key"),
        ({"num_samples": 0}, ValueError, "num_samples must be an integer of at least 1, got 0"),
        ({"num_samples": 1e3}, TypeError, r"num_samples must be an integer of at least 1, got 1000.0 \(float\)"),
    ],
)
def test_bad_input_is_refused_before_anything_is_compiled(
    exact_model, vectors, proposal, monkeypatch, arguments, error, message
):
    monkeypatch.setattr(evidence, "_log_mean_weight", None)  # not to be reached
    good = {"x": vectors, "key": KEY, "num_samples": 3}
    with pytest.raises(error, match=message):
        ESTIMATES[proposal](exact_model, **good | arguments)


def test_pixels_outside_the_unit_interval_are_refused(small_vae, all_images):
    with pytest.raises(ValueError, match=r"x must hold pixels in \[0, 1\], got values from 0 to 255"):
        log_evidence(small_vae, 255 * all_images, KEY, num_samples=3)


@pytest.mark.parametrize(
    ("log_w", "error"), [([0.0], TypeError), (np.zeros((0, 2)), ValueError), (np.zeros(()), ValueError)]
)
def test_effective_sample_size_refuses_no_samples(log_w, error):
    with pytest.raises(error, match="log_w must"):
        effective_sample_size(log_w)


@pytest.mark.parametrize("estimate", [log_evidence, prior_log_evidence])
def test_more_draws_than_a_loop_can_count_are_refused(exact_model, vectors, estimate):
    with pytest.raises(ValueError, match=r"num_samples must be at most 2,147,483,597, got 2,147,483,647"):
        estimate(exact_model, vectors, jax.random.key(0), num_samples=2**31 - 1)


@pytest.mark.parametrize("num_samples", [1, CHUNK - 1, CHUNK + 1])
def test_each_draw_counts_once_whatever_their_number(num_samples):
    """Where q is the posterior every weight is p(x), so that one too many or too few shows in the mean."""
    model = LinearGaussianVAE(np.array([[1.0], [2.0]], np.float32), np.zeros(2, np.float32), 0.5)
    model.solve_encoder()
    x = np.array([[0.3, -0.2]], np.float32)
    found = log_evidence(model, x, jax.random.key(0), num_samples=num_samples)
    np.testing.assert_allclose(found, model.log_evidence(x), atol=1e-3)
