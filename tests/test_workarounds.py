"""What an older JAX does wrong: products by weights that were there before. This runs on every machine."""

import importlib.metadata
import os
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vaelib import workarounds
from vaelib.compilation import jit_sooner


@pytest.mark.parametrize("compiled", [jax.jit, jit_sooner])
def test_a_product_is_by_the_weights_that_are_there(compiled):
    x, w = np.random.default_rng(0).normal(size=(128, 784)), np.random.default_rng(1).normal(size=(784, 500))
    double = partial(jax.jit, donate_argnums=0)(lambda w: 2 * w)
    product, x, w = compiled(jnp.matmul), jnp.asarray(x, jnp.float32), jnp.asarray(w, jnp.float32)
    before, address = np.array(product(x, w)), w.unsafe_buffer_pointer()
    w = double(w)
    assert w.unsafe_buffer_pointer() == address, "else nothing is tried"
    np.testing.assert_allclose(product(x, w), 2 * before, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize(
    ("version", "given", "wanted"),
    [
        ("0.7.2", None, "--xla_cpu_use_xnnpack=false"),
        ("0.8.1", "--a=1", "--a=1 --xla_cpu_use_xnnpack=false"),
        ("0.8.1.dev20251001", "", "--xla_cpu_use_xnnpack=false"),
        ("0.7.2", "--xla_cpu_use_xnnpack=true", "--xla_cpu_use_xnnpack=true"),
        ("0.8.2", "--a=1", "--a=1"),
        ("0.10.0", None, None),
    ],
)
def test_xnnpack_is_left_out_where_it_is_wrong(monkeypatch, version, given, wanted):
    monkeypatch.setattr(importlib.metadata, "version", {"jaxlib": version}.__getitem__)
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    if given is not None:
        monkeypatch.setenv("XLA_FLAGS", given)
    workarounds.apply()
    assert os.environ.get("XLA_FLAGS") == wanted


def test_each_program_is_told_too(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.8.1")
    assert workarounds.compiler_options() == {"xla_cpu_use_xnnpack": False}
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.8.2")
    assert workarounds.compiler_options() == {}
