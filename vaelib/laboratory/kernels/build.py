"""Compile the kernels of the lab: `python vaelib/laboratory/kernels/build.py` (Debian: apt-get install clang lld).

The compiled file is kept beside its source, since readers have no compiler; a custom section of it holds the SHA-256 of
the source and of this file, so that a test sees when it is out of step.
"""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SOURCE, COMPILED = HERE / "kernels.c", HERE / "kernels.wasm"
SECTION = b"sources"
COMMAND = [
    "clang",
    "--target=wasm32",
    "-O3",
    "-msimd128",
    "-nostdlib",
    "-ffreestanding",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wl,--no-entry",
    "-Wl,--import-memory",
    "-Wl,--export=__heap_base",
    "-Wl,--strip-all",
]


def digest() -> bytes:
    """The SHA-256 of what the compiled file is made of."""
    return hashlib.sha256(SOURCE.read_bytes() + Path(__file__).read_bytes()).digest()


def compiled() -> bytes:
    """The module as the compiler makes it, with the digest in a custom section at its end."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernels.wasm"
        subprocess.run([*COMMAND, "-o", path, SOURCE], check=True)
        content = bytes([len(SECTION)]) + SECTION + digest()
        return path.read_bytes() + bytes([0, len(content)]) + content


if __name__ == "__main__":
    COMPILED.write_bytes(compiled())
    sys.stdout.write(f"{COMPILED.name}: {COMPILED.stat().st_size:,} bytes\n")
