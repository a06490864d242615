"""The benchmarks are run by hand, on a quiet machine: here each of them is started as its reader starts it."""

import math
import runpy
import subprocess
import sys
from pathlib import Path

import jax
import pytest
from flax import nnx

import vaelib

BENCHMARKS = sorted((Path(__file__).parent / "benchmarks").glob("bench_*.py"))


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_a_benchmark_starts_from_any_folder(path, tmp_path):
    asked = subprocess.run([sys.executable, path, "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert asked.returncode == 0, asked.stderr
    assert "Usage" in asked.stdout


def product_flops_in(jaxpr) -> int:
    """Two operations for each number of a product's result and each term of its sum, in all nested programs."""
    total = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            shape = equation.invars[0].aval.shape
            terms = math.prod(shape[axis] for axis in contracted)
            total += 2 * terms * math.prod(equation.outvars[0].aval.shape)
        inner = [getattr(value, "jaxpr", value) for value in jax.tree.leaves(list(equation.params.values()))]
        total += sum(product_flops_in(value) for value in inner if hasattr(value, "eqns"))
    return total


def test_the_operations_of_a_step_are_those_of_its_gradient():
    model, weights = nnx.split(vaelib.VAE.create(latent=20, hidden=(500, 500)))

    def loss(weights, x, key):
        return vaelib.elbo(nnx.merge(model, weights), x, key).elbo.mean()

    program = jax.make_jaxpr(jax.grad(loss))(weights, jax.ShapeDtypeStruct((128, 784), "float32"), jax.random.key(0))
    (path,) = (path for path in BENCHMARKS if path.stem == "bench_training")
    assert runpy.run_path(str(path))["product_flops"](128) == product_flops_in(program.jaxpr)
