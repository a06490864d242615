"""Files that are written whole or not at all."""

import json
import os
import re
import shutil
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

HIDDEN = re.compile(r"\..+\.([0-9a-f]{32}|lock)")  # temporary files, and locks
LEFT = 3600  # seconds after which a temporary file is taken for one that a killed process has left
_claimed: dict[Path, IO] = {}  # the locks that this process holds


def path_of(path, name: str) -> Path:
    """The path; TypeError where it is none, ValueError where no file can be called so."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"{name} must be a path, a str or a pathlib.Path, got {path!r} ({type(path).__name__})")
    if "\0" in os.fspath(path):
        raise ValueError(f"{name} must be a path without the character of number 0, got {path!r}")
    return Path(path)


def write_atomically(path: str | os.PathLike, content: bytes, *, overwrite: bool) -> None:
    """Write a file so that `path` holds the old content or the new, whatever interrupts it.

    The content goes to a temporary file in the same folder, is forced to the disk, and takes the name in one step. A
    symbolic link stays, and what it points to is written; an existing file keeps its permissions. What a killed process
    has left of such a file is removed, an hour later.

    Raises:
        FileExistsError: where `path` exists and overwrite is False.
        FileNotFoundError: where its folder does not exist.
        TypeError, ValueError: where it is no path, a folder or a device.
        OSError: where the system refuses, with `path` and the reason.
    """
    target = Path(os.path.realpath(path_of(path, "path")))
    if target.exists() and not target.is_file():
        raise ValueError(f"path must be a file or a new name, got {os.fspath(path)!r}, a folder or a device")
    if target.exists() and not overwrite:
        raise FileExistsError(f"{os.fspath(path)!r} exists; pass overwrite=True to replace it, or choose another path")
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"path must lie in an existing folder, got {os.fspath(path)!r}; create {str(target.parent)!r}"
        )
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    with _refusals_name(path):
        _sweep(target, older=LEFT)
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


def prepare_folder(path: str | os.PathLike, name: str = "path", *, claimed: bool = False) -> None:
    """Make the folder of a file that is to be written later, with `write_atomically`.

    With `claimed` the file is this process's, as by `claim`, and what a killed process has left of it is removed.
    Raises OSError, of the file by `name`, where nothing can be written there, or another process has claimed it.
    """
    target = Path(os.path.realpath(path))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if claimed:
            claim(path)
            _sweep(target, older=0)
        probe = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        try:
            probe.write_bytes(b"\0")
        finally:
            probe.unlink(missing_ok=True)  # the process that claims the file may have swept it away
    except OSError as error:
        message = f"{name} {str(path)!r} can not be written: {error.strerror or error}; choose another folder"
        raise type(error)(message) from error


@contextmanager
def claimed(path: str | os.PathLike, name: str) -> Iterator[None]:
    """Claim a file for as long as something is done that writes it; raises as `prepare_folder`."""
    try:
        prepare_folder(path, name, claimed=True)
        yield
    finally:
        release(path)


def seen(folder: Path) -> list[Path]:
    """What lies in a folder, without the locks and temporary files of this module, which a killed process may leave."""
    return sorted(file for file in folder.iterdir() if not HIDDEN.fullmatch(file.name))


def write_json(path: str | os.PathLike, content: dict) -> None:
    """Write or replace a JSON file, atomically."""
    write_atomically(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode(), overwrite=True)


def claim(path: str | os.PathLike) -> None:
    """Keep other processes from writing a file until `release`, or until this process ends, however it does.

    Raises BlockingIOError where another process has claimed it. Claiming it twice is claiming it once.
    """
    lock = _lock_of(path)
    while lock not in _claimed:
        file = open(lock, "ab")  # noqa: SIM115 (it stays open until the release)
        try:
            _take(file)
        except OSError as error:
            file.close()
            raise BlockingIOError("another process is writing it") from error
        if lock.exists() and os.path.samestat(os.fstat(file.fileno()), lock.stat()):
            _claimed[lock] = file
        else:  # its owner has removed it in the meantime
            file.close()


def release(path: str | os.PathLike) -> None:
    """Let other processes claim the file again."""
    lock = _lock_of(path)
    file = _claimed.pop(lock, None)
    if file is not None:
        if sys.platform == "win32":  # where an open file can not be removed
            file.close()
        lock.unlink(missing_ok=True)
        file.close()


@contextmanager
def _refusals_name(path: str | os.PathLike) -> Iterator[None]:
    """What the system refuses is said of the file that was to be written, and not of the temporary one beside it."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        reason = os.strerror(error.errno)
        refusal = type(error)(f"{os.fspath(path)!r} can not be written: {reason}; choose another folder")
        refusal.errno = error.errno
        raise refusal from error


def _lock_of(path: str | os.PathLike) -> Path:
    target = Path(os.path.realpath(path))
    return target.with_name(f".{target.name}.lock")


def _take(file: IO) -> None:
    if sys.platform == "win32":
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sweep(target: Path, *, older: int) -> None:
    """Remove the temporary files of `target` that are older than so many seconds."""
    left = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{32}}")
    for file in [file for file in target.parent.iterdir() if left.fullmatch(file.name)]:
        if not older or time.time() - file.stat().st_mtime > older:
            file.unlink(missing_ok=True)
