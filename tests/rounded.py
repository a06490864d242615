"""Matrix products on the CPU rounded as an accelerator rounds them by default.

A GPU keeps 10 bits of mantissa of each factor (TF32), a TPU 7 (bfloat16), unless a product asks for the highest
precision; a CPU keeps all 23, so what depends on the rounding is not seen there.
"""

import contextlib
import functools

import jax
from jax._src.interpreters import mlir
from jax._src.lax import lax
from jax._src.lib.mlir.dialects import hlo

TF32, BFLOAT16 = 10, 7  # bits of mantissa; both have the 8 bits of exponent of float32

_exact = functools.partial(lax._dot_general_lower, platform="cpu")
_bits: int | None = None  # of the present rounding


def round_products(bits: int | None) -> None:
    """From now on round both factors of every float32 product to `bits` bits of mantissa; with None to none less.

    Programs compiled before are forgotten.
    """
    global _bits
    _bits = bits

    def rounded(ctx, lhs, rhs, *, precision, **settings):
        asked = precision if isinstance(precision, tuple) else (precision,)
        if any(p != jax.lax.Precision.HIGHEST for p in asked):
            lhs, rhs = (
                hlo.reduce_precision(side, mlir.i32_attr(8), mlir.i32_attr(bits)) if aval.dtype == "float32" else side
                for side, aval in zip((lhs, rhs), ctx.avals_in, strict=True)
            )
        return _exact(ctx, lhs, rhs, precision=precision, **settings)

    mlir.register_lowering(jax.lax.dot_general_p, _exact if bits is None else rounded, platform="cpu")
    jax.clear_caches()


@contextlib.contextmanager
def rounded_products(bits: int):
    """Inside the block matrix products are rounded to `bits` bits of mantissa, and after it as before."""
    before = _bits
    round_products(bits)
    try:
        yield
    finally:
        round_products(before)
