"""The diffusion model where everything is known: Gaussian data, linear denoisers, and the bound by drawn chains."""

import jax
import numpy as np
import optax
import pytest
import scipy.stats
from flax import nnx

import vaelib
from vaelib.diffusion import Diffusion, diffusion_elbo
from vaelib.noising import Schedule, beside

KEY = jax.random.key(0)
MEAN, SPREAD = 1.0, np.sqrt(4.25)  # the evidence of the notebooks' line


class ForGaussianData(Diffusion):
    """The best denoiser of data from N(MEAN, SPREAD² I): E[eps | z_t], which is linear."""

    def noise(self, z_t, t, label=None):
        alpha, sigma = (beside(values, z_t) for values in (self.schedule.alpha(t), self.schedule.sigma(t)))
        return sigma * (z_t - alpha * MEAN) / (alpha**2 * SPREAD**2 + sigma**2)


def best(levels, first=8.0, last=-8.0):
    return ForGaussianData.create(size=1, hidden=(4,), schedule=Schedule(levels, first, last))


def level(schedule, t):
    """alpha_t² and sigma_t² in float64."""
    snr = np.exp(schedule.first + (schedule.last - schedule.first) * (t - 1) / (schedule.levels - 1))
    return snr / (1 + snr), 1 / (1 + snr)


def exact_mean_elbo(schedule):
    """The mean ELBO over the Gaussian data, term by term in float64: what the best denoiser misses is known."""
    alpha2, sigma2 = level(schedule, np.arange(1, schedule.levels + 1))
    recon = -0.5 * (1 + np.log(2 * np.pi) + np.log(sigma2[0] / alpha2[0]))
    last = 0.5 * (alpha2[-1] * (MEAN**2 + SPREAD**2) + sigma2[-1] - np.log(sigma2[-1]) - 1)
    missed = (alpha2 * SPREAD**2 / (alpha2 * SPREAD**2 + sigma2))[1:]  # Var(eps | z_t)
    snr = alpha2 / sigma2
    return recon - last - 0.5 * np.sum((snr[:-1] / snr[1:] - 1) * missed)


def gaussian_data(num):
    return np.float32(MEAN + SPREAD * np.random.default_rng(0).standard_normal((num, 1)))


@pytest.fixture(scope="module")
def wild():
    """A chain of three levels in two dimensions, whose network says something."""
    model = Diffusion.create(size=2, hidden=(8,), schedule=Schedule(3, 2.0, -2.0))
    model.output.kernel[...] = 0.5 * jax.random.normal(jax.random.key(7), model.output.kernel.shape)
    return model


# --- the bound


@pytest.mark.parametrize("levels", [2, 5, 50])
def test_the_bound_of_gaussian_data_is_the_sum_of_its_closed_forms(levels):
    model = best(levels)
    terms = diffusion_elbo(model, gaussian_data(2_000), KEY, num_samples=50)
    spread = np.asarray(terms.elbo).std() / np.sqrt(2_000)
    assert abs(float(terms.elbo.mean()) - exact_mean_elbo(model.schedule)) < 4 * spread


def test_the_gap_shrinks_as_one_over_the_number_of_levels():
    entropy = 0.5 * (1 + np.log(2 * np.pi) + np.log(SPREAD**2))
    gaps = np.array([-entropy - exact_mean_elbo(Schedule(levels, 12.0, -12.0)) for levels in (100, 200, 400, 800)])
    assert np.all(gaps > 0)
    np.testing.assert_allclose(gaps[:-1] / gaps[1:], 2, rtol=0.05)
    found = diffusion_elbo(best(800, 12.0, -12.0), gaussian_data(5_000), KEY, num_samples=20).elbo
    assert -entropy - 0.1 < float(found.mean()) < -entropy + 0.05


@pytest.mark.parametrize("levels", [2, 3, 6])
def test_it_is_the_elbo_of_the_same_model_by_drawn_chains(wild, levels):
    model = wild.with_levels(levels)
    assert (model.latent, model.schedule) == (2 * levels, Schedule(levels, 2.0, -2.0))
    z_0 = np.float32([[0.5, -1.0], [2.0, 0.3]])
    closed = np.stack(
        [np.asarray(diffusion_elbo(model, z_0, jax.random.key(i), num_samples=2_000).elbo) for i in range(8)]
    )
    drawn = np.stack([np.asarray(vaelib.elbo(model, z_0, jax.random.key(i), num_samples=2_000).elbo) for i in range(8)])
    error = np.sqrt((closed.var(axis=0, ddof=1) + drawn.var(axis=0, ddof=1)) / 8)
    assert np.all(np.abs(closed.mean(axis=0) - drawn.mean(axis=0)) < 4 * error)
    assert np.all(error < 0.1)


def test_recon_is_the_mean_over_the_first_level(wild):
    z_0 = np.float32([[0.5, -1.0]])
    chains = wild.encode(z_0).sample(KEY, (100_000,))
    drawn = np.asarray(wild.decode(chains).log_prob(z_0))[:, 0]
    found = float(diffusion_elbo(wild, z_0, KEY).recon[0])
    assert abs(drawn.mean() - found) < 4 * drawn.std() / np.sqrt(len(drawn))


def variance_of_draws(schedule):
    """Of the untrained model, level by level down: all its steps are linear, so its z_0 is Gaussian, in float64."""
    variance = 1.0
    for t in range(schedule.levels, 1, -1):
        (alpha2_s, sigma2_s), (alpha2, _) = level(schedule, t - 1), level(schedule, t)
        left = alpha2 / (1 - alpha2) * sigma2_s / alpha2_s
        slope = left * np.sqrt(alpha2_s / alpha2) + (1 - left) * np.sqrt(alpha2_s * alpha2)  # ẑ_0 = alpha_t z_t
        variance = slope**2 * variance + (1 - left) * sigma2_s
    alpha2, sigma2 = level(schedule, 1)
    return variance / alpha2 + sigma2 / alpha2


def test_the_evidence_of_an_untrained_model_is_that_of_its_gaussian():
    model = Diffusion.create(size=1, hidden=(4,), schedule=Schedule(3, 1.0, -1.0))
    z_0 = np.float32([[0.0], [1.0], [-2.0]])
    found = vaelib.log_evidence(model, z_0, KEY, num_samples=50_000)
    exact = scipy.stats.norm(0, np.sqrt(variance_of_draws(model.schedule))).logpdf(z_0[:, 0])
    np.testing.assert_allclose(found, exact, atol=0.02)
    bound = np.asarray(diffusion_elbo(model, z_0, KEY, num_samples=10_000).elbo)
    assert np.all(bound < exact)


# --- draws


@pytest.mark.parametrize("levels", [3, 30])
def test_draws_of_an_untrained_model_have_its_variance(levels):
    model = Diffusion.create(size=2, hidden=(4,), schedule=Schedule(levels, 2.0, -2.0))
    z = np.asarray(model.sample(KEY, 40_000))
    np.testing.assert_allclose(z.var(axis=0), variance_of_draws(model.schedule), rtol=0.03)
    assert np.abs(np.corrcoef(z.T)[0, 1]) < 0.02


def test_draws_of_the_best_denoiser_are_those_of_the_data():
    path = np.asarray(best(200).sample(KEY, 20_000, path=True))
    assert path.shape == (201, 20_000, 1)
    assert scipy.stats.kstest(path[-1, :, 0], scipy.stats.norm(MEAN, SPREAD).cdf).statistic < 0.02
    for t in (200, 100, 1):
        alpha2, sigma2 = level(Schedule(200), t)
        there = scipy.stats.norm(np.sqrt(alpha2) * MEAN, np.sqrt(alpha2 * SPREAD**2 + sigma2))
        assert scipy.stats.kstest(path[200 - t, :, 0], there.cdf).statistic < 0.02


def test_drawn_chains_have_the_density_that_the_prior_says(wild):
    """log p of its own draws has the mean that noising with the same levels gives, up to the KL, which is positive."""
    chains = wild.prior().sample(KEY, (20_000,))
    assert chains.shape == (20_000, 6)
    drawn = wild.prior()
    nearby = np.asarray(drawn.log_prob(chains + 0.3))
    own = np.asarray(drawn.log_prob(chains))
    ratio = np.exp(nearby - own)  # E_p[p(z + a) / p(z)] = 1 for every shift a
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / np.sqrt(len(ratio))


def test_the_guess_of_the_data_takes_the_guess_of_the_noise_away(wild):
    z_t, t = np.float32([[0.5, -1.0], [2.0, 0.3]]), np.array([2, 3])
    alpha2, sigma2 = level(wild.schedule, t)
    noise, clean = (np.asarray(guess) for guess in (wild.noise(z_t, t), wild.clean(z_t, t)))
    np.testing.assert_allclose(np.sqrt(alpha2)[:, None] * clean + np.sqrt(sigma2)[:, None] * noise, z_t, rtol=1e-5)


# --- training and labels


@pytest.fixture(scope="module")
def trained():
    """A network of its own, trained on the Gaussian data whose best denoiser is known."""
    model = Diffusion.create(size=1, hidden=(32, 32), schedule=Schedule(50, 8.0, -8.0))
    rate = optax.cosine_decay_schedule(5e-3, 2_000)
    options = {"epochs": 100, "batch_size": 200, "learning_rate": rate, "objective": diffusion_elbo}
    vaelib.fit(model, gaussian_data(4_000), KEY, progress=False, **options)
    return model


def squared_errors(model, t):
    """Of the guessed noise against the exact one, on a grid of equally probable z_t."""
    alpha2, sigma2 = level(model.schedule, t)
    spread = np.sqrt(alpha2 * SPREAD**2 + sigma2)
    z_t = scipy.stats.norm(np.sqrt(alpha2) * MEAN, spread).ppf((np.arange(400) + 0.5) / 400)
    exact = np.sqrt(sigma2) * (z_t - np.sqrt(alpha2) * MEAN) / spread**2
    return (np.asarray(model.noise(np.float32(z_t[:, None]), np.full(400, t)))[:, 0] - exact) ** 2


def lost(model):
    """The nats by which the bound of Gaussian data stays under that of the best denoiser, from the same draws."""
    x, options = gaussian_data(20_000), {"num_samples": 50}
    terms = [diffusion_elbo(each, x, jax.random.key(1), **options).elbo for each in (best(50), model)]
    return float(np.mean(np.asarray(terms[0]) - np.asarray(terms[1])))


def test_what_a_trained_model_loses_is_the_error_of_its_guesses(trained):
    """The sum over levels of (SNR_{t-1} / SNR_t - 1) / 2 times the squared error of the noise."""
    factor = np.exp(16 / 49) - 1
    errors = sum(squared_errors(trained, t).mean() for t in range(2, 51))
    assert 0 < lost(trained) < 0.03
    np.testing.assert_allclose(lost(trained), factor / 2 * errors, rtol=0.1)


@pytest.mark.parametrize("t", [10, 25, 40])
def test_a_trained_models_guess_of_the_noise_is_the_exact_one(trained, t):
    """At no level is it off by more than three times what the bound that it was trained on leaves to a level."""
    left = 2 * lost(trained) / (np.exp(16 / 49) - 1) / 49
    assert np.sqrt(squared_errors(trained, t).mean()) < 3 * np.sqrt(left)


@pytest.fixture(scope="module")
def two_kinds():
    """Trained on two clusters on a line, of which the label says which; half of the rows have no label."""
    rng = np.random.default_rng(0)
    kind = rng.integers(2, size=2_000)
    z_0 = np.float32((2 * kind[:, None] - 1) + 0.1 * rng.standard_normal((2_000, 1)))
    label = np.where(rng.random(2_000) < 0.5, kind, -1)
    model = Diffusion.create(size=1, hidden=(32, 32), labels=2, schedule=Schedule(1_000))
    options = {"epochs": 60, "batch_size": 200, "learning_rate": 5e-3, "objective": diffusion_elbo}
    history = vaelib.fit(model, (z_0, label), KEY, progress=False, **options)
    return model, history


def test_training_raises_the_bound_to_the_entropy_of_the_data(two_kinds):
    _, history = two_kinds
    best_possible = -0.5 * (1 + np.log(2 * np.pi) + 2 * np.log(0.1)) - 0.5 * np.log(2)  # half of the rows say which
    assert best_possible - 0.25 < np.mean(history.train["elbo"][-5:]) < best_possible + 0.1


def test_draws_are_of_the_kind_that_is_asked_for(two_kinds):
    model, _ = two_kinds
    for kind in (0, 1):
        z = np.asarray(model.sample(KEY, 500, label=np.full(500, kind)))
        assert np.mean(np.abs(z - (2 * kind - 1)) < 0.4) > 0.95
    z = np.asarray(model.sample(KEY, 2_000))
    assert np.mean(np.abs(np.abs(z) - 1) < 0.4) > 0.9
    assert 0.4 < np.mean(z > 0) < 0.6


def test_no_label_and_minus_one_are_the_same(two_kinds):
    model, _ = two_kinds
    np.testing.assert_array_equal(model.sample(KEY, 5), model.sample(KEY, 5, label=np.full(5, -1)))


# --- what it is made of


def test_a_model_starts_as_the_standard_normal():
    model = Diffusion.create(size=3, schedule=Schedule(400, 12.0, -12.0))
    z_0 = np.random.default_rng(0).standard_normal((500, 3)).astype(np.float32)
    elbo = diffusion_elbo(model, z_0, KEY, num_samples=200).elbo
    alpha2, sigma2 = level(model.schedule, np.arange(1, 401))
    squares = np.sum(z_0.astype(np.float64) ** 2, axis=1)
    error = alpha2**2 * 3 + alpha2 * sigma2 * squares[:, None]  # E‖eps - sigma_t z_t‖² of the step to each level
    snr = alpha2 / sigma2
    exact = -1.5 * (1 + np.log(2 * np.pi) - 12) - 0.5 * np.sum((snr[:-1] / snr[1:] - 1) * error[:, 1:], axis=1)
    exact -= 0.5 * (alpha2[-1] * squares + 3 * (sigma2[-1] - np.log(sigma2[-1]) - 1))
    np.testing.assert_allclose(exact, scipy.stats.norm.logpdf(z_0).sum(axis=1), atol=0.8)
    assert abs(np.mean(elbo) - exact.mean()) < 4 * np.std(elbo - exact) / np.sqrt(500)


def test_created_and_built_are_the_same_model():
    built = Diffusion(size=2, hidden=(8,), labels=3, schedule=Schedule(5), rngs=nnx.Rngs(4))
    created = Diffusion.create(seed=4, size=2, hidden=(8,), labels=3, schedule=Schedule(5))
    for one, other in zip(jax.tree.leaves(nnx.state(built)), jax.tree.leaves(nnx.state(created)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert (created.latent, created.pixels, created.labels) == (10, 2, 3)


def test_it_is_saved_and_filled(wild, tmp_path):
    vaelib.save_model(wild, tmp_path / "chain.safetensors")
    again = Diffusion.create(seed=1, size=2, hidden=(8,), schedule=wild.schedule)
    vaelib.load_model(tmp_path / "chain.safetensors", again)
    np.testing.assert_array_equal(again.sample(KEY, 3), wild.sample(KEY, 3))


@pytest.mark.parametrize(
    "call",
    [lambda m: m.sample(KEY, 7, path=True), lambda m: diffusion_elbo(m, np.zeros((9, 2), np.float32), KEY)],
    ids=["sample", "diffusion_elbo"],
)
def test_a_call_is_one_program(wild, compilations, call):
    call(wild)
    assert len(compilations) == 1


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda m: diffusion_elbo(m, np.zeros((4, 3), np.float32), KEY), ValueError, r"shape \(\*batch, 2\)"),
        (lambda m: diffusion_elbo(m, np.full((4, 2), np.nan, np.float32), KEY), ValueError, "finite"),
        (lambda m: diffusion_elbo(m, np.zeros((4, 2), np.float32), KEY, num_samples=0), ValueError, "num_samples"),
        (lambda m: diffusion_elbo(m, np.zeros((4, 2), np.float32), 0), TypeError, "random key"),
        (lambda m: m.sample(KEY, 0), ValueError, "num must be"),
        (lambda m: m.sample(KEY, 3, label=7), ValueError, "label must be 3 whole numbers"),
        (lambda m: m.sample(KEY, 3, label=np.array([0.0, 1.0, 1.0])), ValueError, "whole numbers"),
        (lambda m: m.sample(KEY, 3, label=np.array([0, 1, 5])), ValueError, "build the model with labels=6"),
        (lambda m: m.sample(KEY, 1, label=np.array([-2])), ValueError, "or be -1"),
        (lambda m: Diffusion.create(size=0), ValueError, "size"),
        (lambda m: Diffusion.create(size=2, labels=-1), ValueError, "labels"),
    ],
)
def test_refused(wild, call, error, says):
    with pytest.raises(error, match=says):
        call(wild)
