"""Programs kept on disk serve the next process; programs compiled sooner give the same results."""

import json
import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from own_models import Noisy

import vaelib
from vaelib import VAE, LinearGaussianVAE, binarize, cache_compiled_programs, load_model, save_model
from vaelib.compilation import jit_sooner, one_program

COUNT_HITS = """
import json, sys
import jax, vaelib
events = []
jax.monitoring.register_event_listener(lambda event, **_: events.append(event.rsplit("/", 1)[-1]))
folder = vaelib.cache_compiled_programs(*sys.argv[1:])
value = jax.random.normal(jax.random.key(0), (3,)).sum()
print(json.dumps([str(folder), events.count("cache_hits"), events.count("cache_misses"), float(value)]))
"""


def in_another_process(*arguments, **environment):
    command = [sys.executable, "-c", COUNT_HITS, *map(str, arguments)]
    path = {"PATH": "/usr/bin:/bin", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=path | environment)
    return json.loads(done.stdout.splitlines()[-1])


def test_the_second_process_compiles_nothing(tmp_path):
    folder = tmp_path / "not there yet"
    first, hits, misses, value = in_another_process(folder, HOME=str(tmp_path))
    assert (first, hits) == (str(folder), 0)
    assert misses > 0
    assert in_another_process(folder, HOME=str(tmp_path)) == [first, misses, 0, value]


@pytest.mark.parametrize("damage", [lambda whole: whole[: len(whole) // 2], lambda _: b"", lambda _: b"?" * 99])
def test_programs_that_can_not_be_read_are_made_again(tmp_path, damage):
    _, _, misses, value = in_another_process(tmp_path, HOME=str(tmp_path))
    for entry in tmp_path.glob("*-cache"):
        entry.write_bytes(damage(entry.read_bytes()))
    for hits in (0, misses):
        found = in_another_process(tmp_path, HOME=str(tmp_path), PYTHONWARNINGS="error")[1:]
        assert found == [hits, misses - hits, value]


def test_the_folder_given_to_jax_stays(tmp_path):
    given = str(tmp_path / "given")
    assert in_another_process(HOME=str(tmp_path), JAX_COMPILATION_CACHE_DIR=given)[0] == given


def test_by_default_it_is_the_users_cache_folder(tmp_path):
    folder, *_ = in_another_process(HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "xdg"))
    assert "vaelib" in folder
    assert folder.startswith(str(tmp_path))


def test_a_folder_that_can_not_be_made_is_passed_over(tmp_path):
    (tmp_path / "file").write_text("in the way")
    before = jax.config.jax_compilation_cache_dir
    assert cache_compiled_programs(tmp_path / "file" / "folder") is None
    assert jax.config.jax_compilation_cache_dir == before


@pytest.mark.usefixtures("fully_optimised")
@pytest.mark.parametrize("shape", [(), (3,), (50, 20)])
def test_compiled_sooner_gives_the_same(shape):
    def draw(key, scale):
        return scale * jax.random.normal(key, shape)

    sooner = jit_sooner(draw)
    key = jax.random.key(0)
    np.testing.assert_allclose(sooner(key, 2.0), jax.jit(draw)(key, 2.0), rtol=1e-6)
    np.testing.assert_array_equal(sooner(key, scale=2.0), sooner(key, 2.0))
    np.testing.assert_allclose(jax.jit(sooner)(key, 2.0), sooner(key, 2.0), rtol=1e-6)
    np.testing.assert_allclose(jax.grad(lambda scale: sooner(key, scale).sum())(2.0), sooner(key, 1.0).sum(), rtol=1e-4)


def test_a_loaded_model_and_an_exact_one_compile_nothing(compilations, tmp_path):
    model = VAE.create(latent=3, hidden=(11,), pixels=13)
    save_model(model, tmp_path / "model.safetensors", dtype="float16")
    compilations.clear()
    load_model(tmp_path / "model.safetensors")
    LinearGaussianVAE(np.ones((7, 3), "float32"), np.zeros(7, "float32"), 0.5)
    assert not compilations


KEY = jax.random.key(0)
LOGITS = np.linspace(-3, 3, 19 * 13, dtype=np.float32).reshape(19, 13)
X = 1 / (1 + np.exp(-LOGITS))
LOG_W = np.linspace(-9, 0, 7 * 19, dtype=np.float32).reshape(7, 19)
CALLS = {
    "binarize": lambda on: binarize(X, KEY),
    "salt_and_pepper": lambda on: vaelib.salt_and_pepper(0.1)(X, KEY),
    "standard_normal": lambda on: vaelib.standard_normal((13, 19)),
    "encode": lambda on: on.model.encode(X),
    "encode to a code": lambda on: on.autoencoder.encode(X),
    "decode": lambda on: on.model.decode(X[:, :3]),
    "Bernoulli.mean": lambda on: vaelib.Bernoulli(LOGITS).mean,
    "Bernoulli.log_prob": lambda on: vaelib.Bernoulli(LOGITS).log_prob(X),
    "Bernoulli.sample": lambda on: vaelib.Bernoulli(LOGITS).sample(KEY, (2,)),
    "ContinuousBernoulli.mean": lambda on: vaelib.ContinuousBernoulli(LOGITS).mean,
    "ContinuousBernoulli.log_prob": lambda on: vaelib.ContinuousBernoulli(LOGITS).log_prob(X),
    "ContinuousBernoulli.sample": lambda on: vaelib.ContinuousBernoulli(LOGITS).sample(KEY, (2,)),
    "Gaussian.std": lambda on: on.q.std,
    "Gaussian.log_prob": lambda on: on.q.log_prob(LOG_W[:3].T),
    "Gaussian.sample": lambda on: on.q.sample(KEY, (2,)),
    "kl": lambda on: vaelib.kl(on.q, vaelib.Gaussian(X[0, :3], X[1, :3])),
    "kl of Bernoullis": lambda on: vaelib.kl(vaelib.Bernoulli(LOGITS), vaelib.Bernoulli(LOGITS[0])),
    "kl_to_standard_normal": lambda on: vaelib.kl_to_standard_normal(on.q),
    "elbo": lambda on: vaelib.elbo(on.model, X, KEY),
    "log_weights": lambda on: vaelib.log_weights(on.model, X, KEY, num_samples=2),
    "importance_weighted_bound": lambda on: vaelib.importance_weighted_bound(on.model, X, KEY, num_samples=2),
    "reconstruction": lambda on: vaelib.reconstruction(on.autoencoder, X, KEY),
    "log_mean_exp": lambda on: vaelib.log_mean_exp(LOG_W),
    "effective_sample_size": lambda on: vaelib.effective_sample_size(LOG_W),
    "log_evidence": lambda on: vaelib.log_evidence(on.model, X, KEY, num_samples=2),
    "exact precision": lambda on: on.exact.precision(),
    "exact posterior": lambda on: on.exact.posterior(X),
    "exact log_evidence": lambda on: on.exact.log_evidence(X),
    "exact_elbo": lambda on: on.exact.exact_elbo(X, on.q),
    "posterior_kl": lambda on: on.exact.posterior_kl(X, on.q),
    "solve_encoder": lambda on: on.exact.solve_encoder(),
}


@pytest.fixture(scope="module")
def on():
    """Models and a posterior of sizes that no other test has."""
    sizes = {"latent": 3, "hidden": (11,), "pixels": 13}
    return SimpleNamespace(
        model=VAE.create(**sizes),
        autoencoder=vaelib.Autoencoder.create(**sizes),
        exact=LinearGaussianVAE(LOGITS[:3].T, LOGITS[4], 0.5),
        q=vaelib.Gaussian(LOGITS[:, :3], X[:, :3]),
    )


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_one_program(on, name, compilations):
    compilations.clear()
    CALLS[name](on)
    assert len(compilations) == 1


@pytest.mark.parametrize("name", ["encode", "decode", "Gaussian.log_prob", "elbo", "log_weights", "exact log_evidence"])
def test_a_call_inside_a_program_is_part_of_it(on, name, compilations):
    outer = jax.jit(lambda: CALLS[name](on))  # all arguments are known while it is traced
    compilations.clear()
    inside = outer()
    assert len(compilations) == 1
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4), inside, CALLS[name](on))


def test_a_model_made_inside_a_program_is_part_of_it(compilations):
    def mean_code(x):
        return VAE.create(latent=3, hidden=(11,), pixels=13).encode(x).mu

    outer = jax.jit(mean_code)
    np.testing.assert_allclose(outer(X), mean_code(X), rtol=1e-4, atol=1e-5)


def test_gradients_and_vmap_pass_through_a_call(on):
    graphdef, weights = nnx.split(on.model)

    def loss(weights, key):
        return -vaelib.elbo(nnx.merge(graphdef, weights), X, key, num_samples=2).elbo.mean()

    keys = jax.random.split(KEY, 3)
    gradients = jax.vmap(jax.grad(loss), in_axes=(None, 0))(weights, keys)
    alone = jax.grad(loss)(weights, keys[1])
    assert all(float(jnp.abs(leaf).max()) > 0 for leaf in jax.tree.leaves(alone))
    same = partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-4)
    jax.tree.map(lambda leaf, whole: same(whole[1], leaf), alone, gradients)


def test_what_a_call_changes_in_a_model_is_changed():
    model = Noisy(latent=2, hidden=(3,), pixels=13, rngs=nnx.Rngs(0))
    noise = one_program(lambda model, x: model.dropout(x))
    first, second = noise(model, X), noise(model, X)
    assert not np.array_equal(first, second)
    assert int(model.dropout.rngs.count[...]) == 2


def test_a_model_with_a_setting_that_can_not_be_hashed_is_called_as_it_is(on):
    class Listed(nnx.Module):
        def __init__(self):
            self.settings = {1, 2}

    double = one_program(lambda model, x: len(model.settings) * x)
    np.testing.assert_array_equal(double(Listed(), X), 2 * X)


def test_what_a_call_is_given_decides_its_program(compilations):
    power = partial(one_program, static=("n",))(lambda x, n=2: x**n)
    compilations.clear()
    np.testing.assert_allclose([power(X), power(X, 2), power(X, n=2)], [X**2] * 3, rtol=1e-6)
    assert len(compilations) == 1
    power(X, 3)
    assert len(compilations) == 2
