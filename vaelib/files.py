"""Files that are written whole or not at all."""

import os
import uuid
from pathlib import Path


def write_atomically(path: str | os.PathLike, content: bytes, *, overwrite: bool) -> None:
    """Write a file so that `path` holds the old content or the new, whatever interrupts it.

    The content goes to a temporary file in the same folder, is forced to the disk, and takes the name in one step.

    Raises:
        FileExistsError: where `path` exists and overwrite is False.
        FileNotFoundError: where its folder does not exist.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{str(path)!r} exists; pass overwrite=True to replace it, or choose another path")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path must lie in an existing folder, got {str(path)!r}; create {str(path.parent)!r}")
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
