"""A plugin for pytest: matrix products rounded as on a GPU or a TPU, in the tests and in the processes that they
start, such as the notebooks' kernels.

`pytest -p rounding --round-products tf32`, or `bfloat16`.
"""

import os
from pathlib import Path

from rounded import BFLOAT16, TF32, round_products

BITS = {"tf32": TF32, "bfloat16": BFLOAT16}
TOOLS = Path(__file__).parent


def pytest_addoption(parser):
    """How far to round."""
    parser.addoption("--round-products", choices=BITS, help="round the factors of matrix products as these machines do")


def pytest_configure(config):
    """Round in this process, and in its children, whose JAX finds the plugin for JAX on their path."""
    if kind := config.option.round_products:
        round_products(BITS[kind])
        path = [TOOLS / "rounding_plugin", TOOLS.parent, *filter(None, [os.environ.get("PYTHONPATH")])]
        os.environ["PYTHONPATH"] = os.pathsep.join(map(str, path))
        os.environ["ROUND_PRODUCTS_TO_BITS"] = str(BITS[kind])
