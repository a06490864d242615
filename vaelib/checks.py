"""Refusals: bad input is named on the host, before anything is compiled.

Each function returns its argument when it is good and raises `TypeError` or `ValueError` when it is not. Messages say
what was wanted, what came, and what to do. Under `jax.jit` only shapes and dtypes are known, so checks of *values* are
skipped there; the functions at the edges (`fit`, `log_evidence`, the command line) check before they trace.
"""

import math
from collections.abc import Iterable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Shaped

AnyArray = jax.Array | np.ndarray  # what the library takes; it returns jax.Array
Labels = Shaped[AnyArray, " image"] | Sequence[str] | Sequence[int]  # what `classes` takes
Whole = int | np.integer
Number = float | int | np.number | Float[AnyArray, ""]  # what `number` takes
CLASSES = 2**16  # more are refused: each has a name


def is_traced(x) -> bool:
    """Whether the values of `x` are unknown because JAX is tracing."""
    return isinstance(x, jax.core.Tracer)


def _as_numpy_if_on_host(x) -> jax.Array | np.ndarray:
    """As NumPy's array where the host holds it, so that nothing is compiled; else `x`, so that nothing is copied."""
    on_host = isinstance(x, np.ndarray) or all(device.platform == "cpu" for device in x.devices())
    return np.asarray(x) if on_host and getattr(x, "is_fully_addressable", True) else x


def floating(x, name: str) -> jax.Array | np.ndarray:
    """An array of floats; integers are refused because 0..255 pixels would pass unnoticed as [0, 1]."""
    if not isinstance(x, jax.Array | np.ndarray):
        raise TypeError(
            f"{name} must be a JAX or NumPy array of floats, got {type(x).__name__}; convert it with jnp.asarray"
        )
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise TypeError(f"{name} must be floating point, got dtype {x.dtype}; convert it with .astype(jnp.float32)")
    if not x.dtype.isnative:
        raise TypeError(f"{name} must have this machine's order of bytes, got {x.dtype}; use .astype(np.float32)")
    return x


def finite(x, name: str):
    """No NaN and no infinity, where the values are known."""
    if not is_traced(x):
        with jax.ensure_compile_time_eval():  # a constant inside a jitted function has known values, too
            values = _as_numpy_if_on_host(x)
            is_finite = np.isfinite if isinstance(values, np.ndarray) else jnp.isfinite
            bad = x.size - int(is_finite(values).sum())
        if bad:
            raise ValueError(
                f"{name} must be finite, got {bad} NaN or infinite of {x.size} values; clean the data first"
            )
    return x


def last_axis(x, size: int, name: str, meaning: str):
    """The last axis of `x` has `size` entries, each a `meaning` (a pixel, a latent dimension)."""
    if x.ndim == 0 or x.shape[-1] != size:
        raise ValueError(
            f"{name} must have shape (*batch, {size}), one entry a {meaning}, got {x.shape}; "
            f"reshape it to end in {size}, or build the model for this size"
        )
    return x


def fits(x, parameter, name: str, parameter_name: str):
    """Float arrays that broadcast, the last axis the same in both."""
    last_axis(floating(x, name), parameter.shape[-1], name, f"dimension of {parameter_name}")
    try:
        np.broadcast_shapes(x.shape, parameter.shape)
    except ValueError as error:
        raise ValueError(
            f"{name} and {parameter_name} must have shapes that fit, got {x.shape} and {parameter.shape}; give them "
            "the same batch axes, or 1 where one is repeated, with samples leading"
        ) from error
    return x


def batch_of(x, size: int, name: str, meaning: str):
    """A float matrix (batch, size) with at least one row and finite values."""
    floating(x, name)
    if x.ndim != 2 or x.shape[0] == 0:
        raise ValueError(
            f"{name} must have shape (batch, {size}) with batch at least 1, got {x.shape}; "
            f"use x.reshape(-1, {size}), or x[None] for a single one"
        )
    return finite(last_axis(x, size, name, meaning), name)


def unit_interval(x, name: str):
    """Pixels in [0, 1], where the values are known."""
    if not is_traced(x) and x.size:
        with jax.ensure_compile_time_eval():
            values = _as_numpy_if_on_host(x)
            low, high = np.asarray(values.min()), np.asarray(values.max())
        if not (low >= 0.0 and high <= 1.0):
            found = " to ".join(str(value).removesuffix(".0") for value in (low, high))
            raise ValueError(
                f"{name} must hold pixels in [0, 1], got values from {found}; {_to_unit_interval(low, high)}"
            )
    return x


def _to_unit_interval(low, high) -> str:
    """How values of this range get into [0, 1]."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return "clean the data first"
    if low > -0.001 and high < 1.001:
        return "errors of rounding are undone by np.clip(x, 0, 1)"
    if low >= -1.0 and high <= 1.0:
        return "images in [-1, 1] are brought there by (x + 1) / 2"
    if low < 0.0:
        return "undo the normalisation of the data, as in x * std + mean"
    return "divide 8-bit images by 255" if 16.0 < high <= 255.0 else "divide by the largest value a pixel can have"


def same_shape(a, b, name_a: str, name_b: str) -> None:
    """Two arrays of one shape."""
    if a.shape != b.shape:
        raise ValueError(f"{name_a} and {name_b} must have the same shape, got {a.shape} and {b.shape}")


def holds_keys(x) -> bool:
    """Whether `x` is an array of typed JAX random keys, or one of them."""
    return isinstance(x, jax.Array) and jnp.issubdtype(x.dtype, jax.dtypes.prng_key)


def key(k, name: str = "key") -> jax.Array:
    """One typed JAX random key, as made by `jax.random.key(seed)`."""
    if not holds_keys(k):
        raise TypeError(f"{name} must be a typed random key, got {type(k).__name__}; make one with jax.random.key(0)")
    if k.shape != ():
        raise ValueError(f"{name} must be a single key, got an array of keys of shape {k.shape}; index or fold it")
    return k


def positive_int(value, name: str) -> int:
    """An integer of at least 1 (`True` is not a size)."""
    return at_least(value, name, 1)


def at_least(value, name: str, low: int) -> int:
    """An integer of at least `low`; `True` is none."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer of at least {low}, got {value!r} ({type(value).__name__})")
    if value < low:
        raise ValueError(f"{name} must be an integer of at least {low}, got {value}")
    return int(value)


def boolean(value, name: str) -> bool:
    """True or False, and not what Python takes for one, such as "no"."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def seed(value) -> int:
    """A seed for `jax.random.key`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"seed must be an integer, got {value!r} ({type(value).__name__})")
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"seed must be an integer of at most 64 bits, got {value}")
    return int(value)


def image_shape(shape=None, pixels=None) -> tuple[int, int, int]:
    """An image's (height, width, channels): `shape` with or without channels, or what `pixels` numbers suggest.

    Without channels an image is grey. `pixels` alone are a grey square, or a row where they make no square; nothing at
    all is 28 × 28.
    """
    if pixels is not None:
        pixels = positive_int(pixels, "pixels")
    if shape is None:
        pixels = 28 * 28 if pixels is None else pixels
        side = math.isqrt(pixels)
        return (side, side, 1) if side * side == pixels else (1, pixels, 1)
    if isinstance(shape, str) or not isinstance(shape, Sequence) or len(shape) not in (2, 3):
        raise TypeError(f"image_shape must be (height, width) or (height, width, channels), got {shape!r}")
    height, width, channels = (positive_int(size, "image_shape") for size in (*shape, 1)[:3])
    if pixels not in (None, height * width * channels):
        raise ValueError(
            f"pixels must be height × width × channels, {height * width * channels} for image_shape {tuple(shape)}, "
            f"got {pixels}; leave one of them out"
        )
    return height, width, channels


def drawable(image_shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """The shape of an image that a screen can show: grey, or red, green and blue."""
    if image_shape[2] not in (1, 3):
        raise ValueError(
            f"image_shape must have 1 channel (grey) or 3 (red, green, blue) for a picture, got {image_shape}; "
            "show the channels one by one"
        )
    return image_shape


def number(value, name: str, *, low: float = -np.inf, high: float = np.inf, open_low: bool = False) -> float:
    """A finite real number in [low, high], or in (low, high] with `open_low`; an array of shape () is one."""
    if isinstance(value, AnyArray) and value.shape == () and not is_traced(value):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, got {value!r} ({type(value).__name__})")
    below = value <= low if open_low else value < low
    if not np.isfinite(value) or below or value > high:
        interval = f"{'(' if open_low else '['}{low:g}, {high:g}]"
        raise ValueError(f"{name} must be a finite number in {interval}, got {value}")
    return float(value)


def one_of(value, options: Iterable[str], name: str) -> str:
    """A name from a list of names."""
    options = list(options)
    if value not in options:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, options))}, got {value!r}")
    return value


def classes(labels: Labels, count: int, what: str, *, most: int = CLASSES) -> tuple[np.ndarray, tuple[str, ...]]:
    """The class of each of `count` things, each a `what`, as a whole number from 0, and the names of the classes.

    Labels are whole numbers, which are their own names, or names, which are numbered in the order of the alphabet.
    """
    given = np.asarray(labels)
    if given.shape == (count,) and count:
        if given.dtype.kind in "iu" and given.min() >= 0 and given.max() < most:
            return given.astype(np.int32), tuple(map(str, range(int(given.max()) + 1)))
        if given.dtype.kind == "U":
            names, numbers = np.unique(given, return_inverse=True)
            if len(names) <= most:
                return numbers.astype(np.int32), tuple(map(str, names))
    extent = f" from {given.min()} to {given.max()}" if given.size and given.dtype.kind in "iu" else ""
    raise ValueError(
        f"labels must be {count} whole numbers from 0 to {most - 1:,}, or names of at most {most:,} classes, one for "
        f"each {what}, got {given.dtype} of shape {given.shape}{extent}"
    )
