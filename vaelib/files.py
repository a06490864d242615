"""Files that are written whole or not at all."""

import json
import os
import re
import shutil
import uuid
from pathlib import Path


def write_atomically(path: str | os.PathLike, content: bytes, *, overwrite: bool) -> None:
    """Write a file so that `path` holds the old content or the new, whatever interrupts it.

    The content goes to a temporary file in the same folder, is forced to the disk, and takes the name in one step. A
    symbolic link stays, and what it points to is written; an existing file keeps its permissions.

    Raises:
        FileExistsError: where `path` exists and overwrite is False.
        FileNotFoundError: where its folder does not exist.
        ValueError: where it is a folder or a device.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise ValueError(f"path must be a file or a new name, got {os.fspath(path)!r}, a folder or a device")
    if target.exists() and not overwrite:
        raise FileExistsError(f"{os.fspath(path)!r} exists; pass overwrite=True to replace it, or choose another path")
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"path must lie in an existing folder, got {os.fspath(path)!r}; create {str(target.parent)!r}"
        )
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def prepare_folder(path: str | os.PathLike) -> None:
    """Make the folder of a file that is to be written later, with `write_atomically`.

    What a process that was killed has left of the file is removed. Raises OSError where nothing can be written there.
    """
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    left = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{32}}")
    for file in [file for file in target.parent.iterdir() if left.fullmatch(file.name)]:
        file.unlink(missing_ok=True)
    probe = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    probe.write_bytes(b"\0")
    probe.unlink()


def write_json(path: str | os.PathLike, content: dict) -> None:
    """Write or replace a JSON file, atomically."""
    write_atomically(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode(), overwrite=True)
