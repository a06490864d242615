"""Programs kept on disk serve the next process; programs compiled sooner give the same results."""

import json
import subprocess
import sys

import jax
import numpy as np
import pytest

from vaelib import VAE, LinearGaussianVAE, binarize, cache_compiled_programs, load_model, save_model
from vaelib.compilation import jit_sooner

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


@pytest.mark.parametrize("shape", [(), (3,), (50, 20)])
def test_compiled_sooner_gives_the_same(shape):
    def draw(key, scale):
        return scale * jax.random.normal(key, shape)

    sooner = jit_sooner(draw)
    key = jax.random.key(0)
    np.testing.assert_allclose(sooner(key, 2.0), jax.jit(draw)(key, 2.0), rtol=1e-6)
    np.testing.assert_allclose(jax.jit(sooner)(key, 2.0), sooner(key, 2.0), rtol=1e-6)
    np.testing.assert_allclose(jax.grad(lambda scale: sooner(key, scale).sum())(2.0), sooner(key, 1.0).sum(), rtol=1e-4)


def test_a_loaded_model_and_an_exact_one_compile_nothing(compilations, tmp_path):
    model = VAE.create(latent=3, hidden=(11,), pixels=13)
    save_model(model, tmp_path / "model.safetensors", dtype="float16")
    compilations.clear()
    load_model(tmp_path / "model.safetensors")
    LinearGaussianVAE(np.ones((7, 3), "float32"), np.zeros(7, "float32"), 0.5)
    assert not compilations


def test_black_and_white_images_are_one_program(compilations):
    key = jax.random.key(0)
    compilations.clear()
    binarize(np.full((3, 17), 0.5, "float32"), key)
    assert len(compilations) == 1
