"""vaelib: the variational autoencoder, small enough to read and fast enough to play with.

x is an image (a flat vector of pixels in [0, 1]), z its code, p(z) = N(0, I), p(x|z) the decoder, q(z|x) the encoder.
All quantities are in nats per image. Widgets live in `vaelib.explorer`, pictures in `vaelib.figures`.

What is public is listed in `__init__.pyi`, where type checkers look too. A name is imported when first asked for:
training does without the widgets, and shipped weights without the training.
"""

import ast
import importlib
from pathlib import Path

from vaelib import workarounds

workarounds.apply()

_STUB = ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
# The module each public name comes from; None for a module itself.
_HOMES = {name.name: line.module for line in _STUB.body if isinstance(line, ast.ImportFrom) for name in line.names}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    """Import a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'vaelib' has no attribute {name!r}")
    home = _HOMES[name]
    module = importlib.import_module(f"vaelib.{home or name}")
    globals()[name] = getattr(module, name) if home else module
    return globals()[name]


def __dir__() -> list[str]:
    return __all__
