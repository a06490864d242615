"""A plugin for pytest: matrix products rounded as on a GPU or a TPU, in the tests and in the notebooks' kernels.

`pytest -p rounding --round-products tf32`, or `bfloat16`.
"""

from pathlib import Path

import pytest
from nbval.plugin import IPyNbCell
from rounded import BFLOAT16, TF32, round_products

BITS = {"tf32": TF32, "bfloat16": BFLOAT16}
FIRST = "import sys; sys.path.append({folder!r}); from rounded import round_products; round_products({bits})"
TIMEOUT = 300  # seconds, for importing JAX


def pytest_addoption(parser):
    """How far to round."""
    parser.addoption("--round-products", choices=BITS, help="round the factors of matrix products as these machines do")


def pytest_configure(config):
    """Round in this process."""
    if kind := config.option.round_products:
        round_products(BITS[kind])


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup(item):
    """Round in a notebook's kernel before its first cell."""
    kind = item.config.option.round_products
    if kind and isinstance(item, IPyNbCell) and item.cell_num == 0:
        kernel = item.parent.kernel
        code = FIRST.format(folder=str(Path(__file__).parents[1]), bits=BITS[kind])
        message = kernel.execute_cell_input(code, allow_stdin=False)
        kernel.await_reply(message, timeout=TIMEOUT)
        kernel.await_idle(message, timeout=TIMEOUT)
