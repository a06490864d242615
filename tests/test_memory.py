"""Trainings in one process leave nothing behind."""

import subprocess
import sys
import textwrap

import pytest

PROGRAM = textwrap.dedent("""
    import ctypes, gc, resource, sys
    from functools import lru_cache

    import jax, numpy as np
    from vaelib import VAE, blocks, compilation, elbo, fit, salt_and_pepper, training

    libc = ctypes.CDLL(None)

    def resident():
        gc.collect()
        if hasattr(libc, "malloc_trim"):
            libc.malloc_trim(0)  # what is free goes back to the system, and is not counted
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize() / 2**20

    def train(**options):
        model = VAE.create(latent=2, hidden=(8,), pixels=36)
        fit(model, x, jax.random.key(0), epochs=1, batch_size=16, held_out=x[:9], progress=False, **options)

    def sweep(i):
        train(beta=0.1 * i, learning_rate=1e-3 * (i + 1), corrupt=salt_and_pepper(0.1))

    def of_its_own(i):
        train(objective=lambda model, x, key: elbo(model, x, key, beta=1.0 + i))

    x = np.random.default_rng(0).uniform(0, 1, (64, 36)).astype(np.float32)
    run, before, after = (sweep, 2, 50) if sys.argv[1] == "sweep" else (of_its_own, 5, 10)
    if run is of_its_own:
        training.program = blocks.program = lru_cache(4)(compilation.program.__wrapped__)
    for i in range(before):
        run(i)
    start = resident()
    for i in range(before, before + after):
        run(i)
    print(resident() - start)
""")


@pytest.mark.skipif(sys.platform != "linux", reason="reads the process's memory from /proc")
@pytest.mark.parametrize("what", ["sweep", "programs of their own"])
def test_trainings_grow_memory_by_less_than_20_mb(what):
    """50 of a sweep share one program; of programs of their own, 10 of them, those that were used last are kept."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, what], check=True, capture_output=True, text=True)
    assert float(done.stdout) < 20
