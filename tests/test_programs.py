"""The programs of a notebook are counted in its kernel, cell by cell, and every notebook has a limit."""

import pytest
from jupyter_client.manager import start_new_kernel
from notebook import names
from programs import LIMITS, programs, watch

CELLS = [
    "import jax, numpy as np\nadd = jax.jit(lambda x: x + 1)",
    "add(np.ones(3)); add(np.ones(4))",
    "add(np.ones(4))",
    "jax.jit(lambda x: 2 * x)(np.ones(4))",
]


@pytest.fixture
def client(monkeypatch, tmp_path):
    """A kernel with a cache of compiled programs, which makes no difference to what is counted."""
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path))
    manager, client = start_new_kernel(kernel_name="python3")
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_programs_are_counted_cell_by_cell(client):
    watch(client)
    for cell in CELLS:
        client.execute(cell, reply=True, timeout=120)
    assert [program.cell for program in programs(client)] == [2, 2, 4]
    assert all(program.seconds > 0 for program in programs(client))


def test_a_kernel_that_was_not_watched_is_no_kernel_without_programs(client):
    with pytest.raises(RuntimeError, match="the kernel was not watched"):
        programs(client)


def test_every_notebook_has_a_limit_and_the_series_too():
    assert sorted(LIMITS) == names()
    assert max(LIMITS.values()) <= 150
    assert sum(LIMITS.values()) <= 1100
