"""Whether JAX leaves a GPU unused, and how a reader is told."""

import importlib.metadata
import re

from vaelib.languages import tr

PLUGINS = ("jax-cuda12-plugin", "jax-cuda13-plugin")


def unused_gpu() -> str:
    """Why JAX computes on the CPU although a plugin for CUDA is installed; empty where nothing is wrong.

    JAX uses a plugin only where its version is jaxlib's; else it leaves the GPU alone.
    """
    jaxlib = importlib.metadata.version("jaxlib")
    plugins = {name: version for name in PLUGINS if (version := _installed(name)) is not None}
    if not plugins or any(_numbers(version) == _numbers(jaxlib) for version in plugins.values()):
        return ""
    name, version = max(plugins.items())
    extra = name.removeprefix("jax-").removesuffix("-plugin")
    return tr(
        "{name} {version} is installed, and jaxlib {jaxlib}. JAX uses a GPU only where the two are of one version, so "
        'this notebook computes on the CPU. To use the GPU: pip install "jax[{extra}]=={jaxlib}", then restart the '
        "kernel. All cells run on a CPU too.",
        name=name,
        version=version,
        jaxlib=jaxlib,
        extra=extra,
    )


def explain() -> None:
    """Print why a GPU is left unused, or nothing."""
    if reason := unused_gpu():
        print(reason)


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> str:
    """The numbers of a version without what follows them: a build's name, say."""
    return re.sub(r"(\d+(?:\.\d+)*).*", r"\1", version)
