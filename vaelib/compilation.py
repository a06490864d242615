"""Less waiting for the compiler: fewer programs, compiled sooner, and kept on disk for the next process.

`one_program` is where the formulas meet the compiler: it stands above a function that is called from outside.
"""

import importlib
import inspect
import os
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache, lru_cache, partial, wraps
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import jax
import platformdirs
from flax import nnx

from vaelib import workarounds

PROGRAMS = 32  # compiled trainings and sweeps over a data set that are kept; the one not used for longest goes first
CALLS = 256  # the same for the smaller programs of single calls
ZSTANDARD = b"\x28\xb5\x2f\xfd"  # how what it has compressed begins
Function = TypeVar("Function", bound=Callable)


def cache_compiled_programs(folder: str | PathLike | None = None) -> Path | None:
    """Keep compiled programs on disk, in `folder` or in the user's cache folder, so that a second run starts at once.

    Where JAX has been given a folder already (`JAX_COMPILATION_CACHE_DIR`), that one stays. Programs that a full disk
    or a killed process has left cut short are removed, and made again when they are needed. Call it before anything is
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
    _remove_damaged(path)
    jax.config.update("jax_compilation_cache_dir", str(path))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)  # many small programs make one long wait
    return path


def _remove_damaged(folder: Path) -> None:
    """Remove the programs that can not be read, of those written since the last look.

    JAX writes a program in place, never over an existing one, and warns of one that it can not read in every process.
    """
    mark, now = folder / ".looked-through", time.time_ns()
    last = mark.stat().st_mtime_ns if mark.exists() else 0
    for entry in folder.glob("*-cache"):
        with suppress(OSError):  # another process has removed it, or holds it open
            if entry.stat().st_mtime_ns >= last and not _is_whole(entry.read_bytes()):
                entry.unlink()
    with suppress(OSError):
        mark.touch()
        os.utime(mark, ns=(now, now))


def _is_whole(entry: bytes) -> bool:
    """Whether a program of JAX's cache can be read; where it can not be known, it is left to JAX."""
    decompress: Callable = zlib.decompress
    if entry.startswith(ZSTANDARD):
        for name in ("compression.zstd", "zstandard"):  # JAX's own order
            with suppress(ImportError):
                decompress = importlib.import_module(name).decompress
                break
        else:
            return True
    try:
        decompress(entry)
    except Exception:  # each library has its own
        return False
    return True


def jit_sooner(function: Callable, **options) -> Callable:
    """`jax.jit` with its options, but on a CPU it compiles in about half the time.

    The programs run as fast as others do, since most of their time goes into matrix products, which the skipped
    optimisations do not touch. Called with traced arguments, it is the function itself, as part of the program around
    it. The platform is asked for at the first call, so importing vaelib starts no device.
    """

    @cache
    def jitted():
        quick = {"xla_backend_optimization_level": 1, **workarounds.compiler_options()}
        return jax.jit(function, compiler_options=quick if jax.default_backend() == "cpu" else None, **options)

    @wraps(function)
    def call(*args, **kwargs):
        if _is_traced((args, kwargs)):
            return function(*args, **kwargs)
        try:
            return jitted()(*args, **kwargs)
        except ValueError as error:
            if "compiler_options" not in str(error):
                raise
            return function(*args, **kwargs)  # a program is traced around it; such options are for the outermost one

    return call


def one_program(function: Function, *, static: tuple[str, ...] = ()) -> Function:
    """The function, called from outside as one compiled program, and not as one for each operation and shape.

    Its arguments are arrays, trees of them, numbers, `flax.nnx` modules, whose variables it may change, and those named
    in `static`, on which its shapes depend. Where something is traced already, it is the function itself, as part of
    the program around it. So it is where no program can be made of these arguments, so that the function refuses them
    as they came. It sees shapes and dtypes, and no values: those are for its caller to check.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def call(*args, **kwargs):
        with suppress(TypeError, ValueError):
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            fixed = {name: bound.arguments.pop(name) for name in static}
            modules = {name: value for name, value in bound.arguments.items() if isinstance(value, nnx.Module)}
            arrays = {name: value for name, value in bound.arguments.items() if name not in modules}
            states = {}
            for name, module in modules.items():
                fixed[name], states[name] = nnx.split(module)
            if not _is_traced((states, arrays)):
                result, changed = _program_of(function, tuple(fixed.items()))(states, arrays)
                for name in filter(changed.get, modules):
                    nnx.update(modules[name], _with_leaves(states[name], changed[name]))
                return result
        return function(*args, **kwargs)

    return call  # type: ignore[return-value]  # of the same signature


@lru_cache(CALLS)
def _program_of(function: Callable, fixed: tuple[tuple[str, Any], ...]) -> Callable:
    """A program that returns the function's result, and by module and path the leaves that it has changed."""

    def run(states, arrays):
        given, before = dict(fixed), {name: _by_path(state) for name, state in states.items()}
        modules = {name: nnx.merge(given.pop(name), state) for name, state in states.items()}
        result = function(**given, **modules, **arrays)
        after = {name: _by_path(nnx.state(module)) for name, module in modules.items()}
        return result, {name: _changed(before[name], after[name]) for name in modules}

    run.__name__ = run.__qualname__ = function.__name__
    return jit_sooner(run)


def _is_traced(tree) -> bool:
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree))


def _by_path(state) -> dict[str, jax.Array]:
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(state)}


def _changed(before: dict, after: dict) -> dict[str, jax.Array]:
    """The leaves that were there before, and are others after."""
    return {path: after[path] for path, leaf in before.items() if path in after and after[path] is not leaf}


def _with_leaves(state, leaves: dict[str, jax.Array]):
    return jax.tree_util.tree_map_with_path(lambda path, leaf: leaves.get(jax.tree_util.keystr(path), leaf), state)


@lru_cache(PROGRAMS)
def program(function: Callable, *static, donate: tuple[int, ...] = ()) -> Callable:
    """`function` with its first arguments fixed, compiled once for all that ask with equal ones.

    `static` are hashable; `donate` names arguments, counted after them, whose memory the results may take. What is no
    longer kept is compiled again when it is asked for.

    So memory is bounded, by what PROGRAMS take. After the first two, 50 trainings of a small model on a CPU that share
    their programs, such as a sweep over beta, grew a process by 0.2 MB. 50 with an objective each and held-out images,
    so with two programs each, grew it by 170 MB in the first 16, in which the cache filled up, and by 22 MB after that.
    """
    return jit_sooner(partial(function, *static), donate_argnums=donate)
