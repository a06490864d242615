"""Less waiting for the compiler: programs compiled sooner, and kept on disk for the next process."""

import os
from collections.abc import Callable
from functools import cache, lru_cache, partial, wraps
from os import PathLike
from pathlib import Path

import jax
import platformdirs

PROGRAMS = 32  # compiled functions that are kept; the one not used for longest goes first


def cache_compiled_programs(folder: str | PathLike | None = None) -> Path | None:
    """Keep compiled programs on disk, in `folder` or in the user's cache folder, so that a second run starts at once.

    Where JAX has been given a folder already (`JAX_COMPILATION_CACHE_DIR`), that one stays. Call it before anything is
    compiled.

    Returns:
        The folder; None where it can not be written, and programs are compiled afresh in each process.
    """
    present = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]  # made at run time
    path = Path(folder or present or platformdirs.user_cache_path("vaelib") / "compiled")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    if not os.access(path, os.W_OK):
        return None
    jax.config.update("jax_compilation_cache_dir", str(path))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)  # many small programs make one long wait
    return path


def jit_sooner(function: Callable, **options) -> Callable:
    """`jax.jit` with its options, but on a CPU it compiles in about half the time.

    The programs run as fast as others do, since most of their time goes into matrix products, which the skipped
    optimisations do not touch. Called with traced arguments, it is the function itself, as part of the program around
    it. The platform is asked for at the first call, so importing vaelib starts no device.
    """

    @cache
    def jitted():
        quick = {"xla_backend_optimization_level": 1} if jax.default_backend() == "cpu" else None
        return jax.jit(function, compiler_options=quick, **options)

    @wraps(function)
    def call(*args):
        traced = any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(args))
        return function(*args) if traced else jitted()(*args)

    return call


@lru_cache(PROGRAMS)
def program(function: Callable, *static, donate: tuple[int, ...] = ()) -> Callable:
    """`function` with its first arguments fixed, compiled once for all that ask with equal ones.

    `static` are hashable; `donate` names arguments, counted after them, whose memory the results may take. What is no
    longer kept is compiled again when it is asked for.
    """
    return jit_sooner(partial(function, *static), donate_argnums=donate)
