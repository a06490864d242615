"""A plugin for pytest: matrix products rounded as on a GPU or a TPU, in the tests and in the notebooks' kernels.

`pytest -p rounding --round-products tf32`, or `bfloat16`.
"""

import os
import tempfile
from pathlib import Path

from rounded import BFLOAT16, TF32, round_products

BITS = {"tf32": TF32, "bfloat16": BFLOAT16}
STARTUP = "import sys; sys.path.append({folder!r}); from rounded import round_products; round_products({bits})\n"


def pytest_addoption(parser):
    """How far to round."""
    parser.addoption("--round-products", choices=BITS, help="round the factors of matrix products as these machines do")


def pytest_configure(config):
    """Round here, and in every kernel before its first cell."""
    if kind := config.option.round_products:
        round_products(BITS[kind])
        folder = tempfile.TemporaryDirectory(prefix="vaelib-ipython-")
        config.add_cleanup(folder.cleanup)
        startup = Path(folder.name) / "profile_default" / "startup"
        startup.mkdir(parents=True)
        code = STARTUP.format(folder=str(Path(__file__).parents[1]), bits=BITS[kind])
        (startup / "00_round_products.py").write_text(code, encoding="utf-8")
        os.environ["IPYTHONDIR"] = folder.name
