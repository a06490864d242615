"""What JAX calls when it starts in a process whose PYTHONPATH leads here: matrix products are rounded from then on."""

import os

from rounded import round_products


def initialize():
    """Round as far as the environment says."""
    round_products(int(os.environ["ROUND_PRODUCTS_TO_BITS"]))
