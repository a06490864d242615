"""JAX's cache of compiled programs, which lets a second process start at once."""

from os import PathLike
from pathlib import Path

import jax
import platformdirs


def cache_compiled_programs(folder: str | PathLike | None = None) -> Path:
    """Keep compiled programs on disk, in `folder` or in the user's cache folder, and return it.

    Where JAX has been given a folder already (`JAX_COMPILATION_CACHE_DIR`), that one stays.
    """
    present = jax.config.jax_compilation_cache_dir
    path = Path(folder or present or platformdirs.user_cache_path("vaelib") / "compiled")
    jax.config.update("jax_compilation_cache_dir", str(path))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    return path
