"""The long experiments: what they compute, that they go on where they stopped, and what ships of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from click.testing import CliRunner

import vaelib
from vaelib import studies
from vaelib.__main__ import main
from vaelib.studies import latent_sizes, variants


@pytest.fixture(scope="module")
def model():
    return vaelib.VAE.create(seed=3, latent=3, hidden=(8,), pixels=12)


@pytest.fixture(scope="module")
def x():
    return jax.random.bernoulli(jax.random.key(1), 0.4, (40, 12)).astype(jnp.float32)


def test_deleting_dimensions_gives_the_elbo_of_a_smaller_model(model, x):
    order, key = np.array([2, 0, 1]), jax.random.key(2)
    got = latent_sizes.elbo_by_units(model, x, key, order)
    q = model.encode(x)
    z, mu, log_var = (np.asarray(values, np.float64) for values in (q.sample(key), q.mu, q.log_var))
    for count in range(4):
        kept = order[:count]
        code = np.zeros_like(z)
        code[:, kept] = z[:, kept]
        small = vaelib.Gaussian(jnp.asarray(mu[:, kept], jnp.float32), jnp.asarray(log_var[:, kept], jnp.float32))
        kl = vaelib.kl_to_standard_normal(small).mean() if count else 0.0
        recon = model.decode(jnp.asarray(code, jnp.float32)).log_prob(x).mean()
        np.testing.assert_allclose(got[count], recon - kl, rtol=1e-5)


def test_without_a_bug_it_is_the_elbo(model, x):
    keys = jax.random.split(jax.random.key(7), 4_000)
    recon = jax.vmap(lambda key: variants.broken_elbo(model, x, key, bug="none").recon)(keys)
    wanted = vaelib.elbo(model, x, jax.random.key(0), num_samples=4_000)
    error = np.std(recon, axis=0) * np.sqrt(2 / len(keys))
    assert np.max(np.abs(recon.mean(axis=0) - wanted.recon) / error) < 5
    np.testing.assert_allclose(variants.broken_elbo(model, x, keys[0], bug="none").kl, wanted.kl, rtol=1e-4)


@pytest.mark.parametrize(
    ("bug", "recon", "kl"),
    [("mean over pixels", 1 / 12, 1.0), ("forgotten ½", 1.0, 2.0), ("stopped gradient", 1.0, 1.0)],
)
def test_a_bug_is_in_one_term(model, x, bug, recon, kl):
    right, broken = (variants.broken_elbo(model, x, jax.random.key(0), bug=name) for name in ("none", bug))
    np.testing.assert_allclose(broken.recon, recon * right.recon, rtol=1e-5)
    np.testing.assert_allclose(broken.kl, kl * right.kl, rtol=1e-5)


def test_a_stopped_gradient_leaves_the_encoder_the_kl_alone(model, x):
    def gradient(bug, term):
        def mean(bias):
            changed = vaelib.VAE.create(seed=3, latent=3, hidden=(8,), pixels=12)
            changed.encoder.mu.bias = type(changed.encoder.mu.bias)(bias)
            return getattr(variants.broken_elbo(changed, x, jax.random.key(0), bug=bug), term).mean()

        return jax.grad(mean)(jnp.zeros(3))

    assert not np.any(gradient("stopped gradient", "recon"))
    assert np.all(gradient("none", "recon") != 0)
    np.testing.assert_array_equal(gradient("stopped gradient", "kl"), gradient("none", "kl"))


def test_the_noise_of_the_wrong_sigma_is_sigma_squared(model, x):
    def spread(bug):
        recons = [variants.broken_elbo(wide, x, jax.random.key(i), bug=bug).recon for i in range(30)]
        return np.std(recons, axis=0).mean()

    wide = vaelib.VAE.create(seed=3, latent=3, hidden=(8,), pixels=12)
    wide.encoder.log_var.bias = type(wide.encoder.log_var.bias)(jnp.full(3, -4.0))
    assert spread("log sigma for log sigma²") < 0.3 * spread("none")


def test_other_spreads_of_q(x):
    one = variants.OneSpread.create(latent=3, hidden=(8,), pixels=12).encode(x)
    assert np.ptp(one.log_var, axis=0).max() == 0 < np.ptp(one.mu, axis=0).min()
    single = variants.OneHead.create(latent=3, hidden=(8,), pixels=12).encode(x)
    np.testing.assert_array_equal(single.mu, single.log_var)


def test_a_study_goes_on_after_its_last_entry(tmp_path, monkeypatch):
    done = []

    def entries(images, test_images):
        for name in "abc":
            yield name, lambda name=name: done.append(name) or {"images": len(images)}

    monkeypatch.setitem(studies.STUDIES, "letters", entries)
    running = studies.run_study("letters", [0, 0], [], tmp_path / "letters.json")
    assert next(running) == ("a", {"images": 2})
    running.close()
    assert dict(studies.run_study("letters", [0], [], tmp_path / "letters.json"))["b"] == {"images": 1}
    assert done == ["a", "b", "c"]


@pytest.mark.parametrize("name", studies.study_names())
def test_what_ships_is_what_the_study_does(name):
    images = np.zeros((1, 784), np.float32)
    assert {entry for entry, _ in studies.STUDIES[name](images, images)} == set(studies.load_study(name))


def test_an_unknown_study_is_refused(tmp_path):
    with pytest.raises(ValueError, match="latent-sizes"):
        studies.load_study("latent")
    result = CliRunner().invoke(main, ["study", "latent", "--output", str(tmp_path)])
    assert result.exit_code == 1
    assert "latent-sizes" in result.output


def test_grey_pixels_are_counted():
    assert variants.grey([[0.0, 0.2, 0.3], [0.5, 0.74, 1.0]]) == 50.0


def test_blur_is_compared_on_the_same_grey_digits(monkeypatch):
    asked = []
    monkeypatch.setattr(variants, "fit", lambda model, images, key, **options: asked.append((model, images, options)))
    images = np.random.default_rng(0).random((300, 784), np.float32)
    runs = {name: do() for name, do in variants.blur(images, images) if name.endswith("20-D, seed 0")}
    assert list(runs) == ["AE, 20-D, seed 0", "VAE, 20-D, seed 0"]
    (ae, of_ae, options_ae), (vae, of_vae, options_vae) = asked
    assert (type(ae), type(vae)) == (vaelib.Autoencoder, vaelib.VAE)
    np.testing.assert_array_equal(of_ae, of_vae)
    assert not options_ae.get("binarize")
    assert not options_vae.get("binarize")
    assert options_ae["epochs"] == options_vae["epochs"]
