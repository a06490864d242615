"""Files are written whole or not at all, through links, and keep their permissions; names inside them lead nowhere."""

import errno
import io
import os
import re
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from vaelib.checkpoints import Checkpoint
from vaelib.files import claim, prepare_folder, release, write_atomically
from vaelib.history import History
from vaelib.images import load_images
from vaelib.models import VAE
from vaelib.saving import load_model, save_model
from vaelib.storage import read_tensors, write_tensors

CLAIM = """
import sys
from vaelib.files import claim
try:
    claim(sys.argv[1])
except BlockingIOError as error:
    sys.exit(str(error))
"""


def claim_elsewhere(path):
    """What another process is told when it claims the file, or "" where it gets it."""
    return subprocess.run([sys.executable, "-c", CLAIM, str(path)], capture_output=True, text=True).stderr.strip()


@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_stays_a_link_and_its_target_is_written(tmp_path, is_there):
    (tmp_path / "elsewhere").mkdir()
    target, middle, link = tmp_path / "elsewhere" / "target", tmp_path / "middle", tmp_path / "link"
    middle.symlink_to("elsewhere/target")
    link.symlink_to(middle)
    if is_there:
        target.write_bytes(b"old")
        with pytest.raises(FileExistsError, match=r"link' exists; pass overwrite=True"):
            write_atomically(link, b"new", overwrite=False)
    write_atomically(link, b"new", overwrite=is_there)
    assert link.is_symlink()
    assert middle.is_symlink()
    assert not target.is_symlink()
    assert target.read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["elsewhere", "link", "middle", "target"]


def test_a_link_to_a_folder_that_is_not_there_is_refused(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "none" / "target")
    with pytest.raises(FileNotFoundError, match=r"must lie in an existing folder, got .*link'; create .*none'"):
        write_atomically(link, b"new", overwrite=True)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755])
def test_a_file_keeps_its_permissions(tmp_path, mode):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(mode)
    write_atomically(path, b"new", overwrite=True)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == mode


def test_what_is_no_file_is_refused_and_left(tmp_path):
    for path in (tmp_path, os.devnull):
        with pytest.raises(ValueError, match=r"path must be a file or a new name, got .*, a folder or a device"):
            write_atomically(path, b"new", overwrite=True)
    assert not os.path.isfile(os.devnull)


@pytest.mark.parametrize(("path", "kind"), [(3, TypeError), (None, TypeError), (True, TypeError), ("a\0b", ValueError)])
def test_what_is_no_path_is_refused_by_name(path, kind):
    with pytest.raises(kind, match="path must be a path"):
        write_atomically(path, b"new", overwrite=False)
    with pytest.raises(kind, match="path must be a path"):
        read_tensors(path)


@pytest.mark.parametrize(("code", "kind"), [(errno.ENOSPC, OSError), (errno.EACCES, PermissionError)])
def test_what_the_system_refuses_is_said_of_the_file_itself(tmp_path, monkeypatch, code, kind):
    def refuse(*_):
        raise OSError(code, os.strerror(code), ".mine.0123")

    monkeypatch.setattr(os, "replace", refuse)
    reason = re.escape(os.strerror(code))
    with pytest.raises(kind, match=rf"^'.*/mine' can not be written: {reason}; choose another folder$") as refused:
        write_atomically(tmp_path / "mine", b"x", overwrite=False)
    assert refused.value.errno == code
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    left, other = tmp_path / f".a.bin.{'0f' * 16}", tmp_path / f".b.bin.{'0f' * 16}"
    for file in (left, other):
        file.write_bytes(b"half of")
    prepare_folder(tmp_path / "a.bin", claimed=True)
    release(tmp_path / "a.bin")
    assert list(tmp_path.iterdir()) == [other]
    prepare_folder(tmp_path / "new" / "a.bin")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_folder_may_be_tried_while_another_process_clears_it(tmp_path, monkeypatch):
    write = Path.write_bytes

    def write_and_clear(self, content):
        write(self, content)
        for file in tmp_path.iterdir():
            file.unlink()

    monkeypatch.setattr(Path, "write_bytes", write_and_clear)
    prepare_folder(tmp_path / "a.bin")
    assert not list(tmp_path.iterdir())


def test_a_claimed_file_is_no_other_processs_until_it_is_released(tmp_path):
    path = tmp_path / "file"
    claim(path)
    claim(path)
    assert claim_elsewhere(path) == "another process is writing it"
    assert claim_elsewhere(tmp_path / "other") == ""
    release(path)
    assert claim_elsewhere(path) == ""
    release(path)


def test_a_released_file_leaves_nothing_behind(tmp_path):
    claim(tmp_path / "file")
    release(tmp_path / "file")
    assert not list(tmp_path.iterdir())


def test_what_a_process_left_that_was_killed_while_saving_is_swept_by_a_later_save(tmp_path):
    old, new = (tmp_path / f".model.{digit * 32}" for digit in "ab")
    for file in (old, new):
        file.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    write_atomically(tmp_path / "model", b"whole", overwrite=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == [new.name, "model"]


OUT = "../../elsewhere"
PIXELS = np.zeros((2, 4, 4), np.uint8)


def npz_with_two_arrays(path):
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("images.npy", f"{OUT}.npy", f"/{OUT}.npy"):
            content = io.BytesIO()
            np.save(content, PIXELS)
            archive.writestr(name, content.getvalue())
    return load_images(path)


def gzipped_idx(path):
    """IDX, packed, by the name that gzip keeps of what it packed."""
    content = struct.pack(">HBB3I", 0, 0x08, 3, *PIXELS.shape) + PIXELS.tobytes()
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packing.compress(content) + packing.flush()
    head = b"\x1f\x8b\x08\x08" + bytes(4) + b"\x00\xff" + OUT.encode() + b"\0"
    path.write_bytes(head + packed + struct.pack("<II", zlib.crc32(content), len(content)))
    return load_images(path)


def tensor_of_a_model(path):
    save_model(VAE.create(latent=2, hidden=(3,), pixels=9), path)
    tensors, record = read_tensors(path)
    write_tensors(path, {f"{OUT}/{name}": tensor for name, tensor in tensors.items()}, record, overwrite=True)
    return load_model(path)


def class_of_a_model(path):
    save_model(VAE.create(latent=2, hidden=(3,), pixels=9), path)
    tensors, record = read_tensors(path)
    write_tensors(path, tensors, record | {"class": OUT}, overwrite=True)
    return load_model(path)


def curve_of_a_checkpoint(path):
    history = History(train={OUT: [1.0]}, steps={OUT: np.zeros(3)}, held_out={OUT: [1.0]}, seconds=[1.0], images=3)
    checkpoint = Checkpoint(path, {OUT: 1})
    checkpoint.save({OUT: np.zeros(3, np.float32)}, history)
    return checkpoint.load({OUT: np.ones(3, np.float32)})


@pytest.mark.parametrize(
    ("read", "refused"),
    [
        (npz_with_two_arrays, None),
        (gzipped_idx, None),
        (tensor_of_a_model, rf"must hold the variables .*; superfluous: {OUT}/decoder"),
        (class_of_a_model, f"holds a model of the class '{OUT}', which vaelib can not build"),
        (curve_of_a_checkpoint, None),
    ],
)
def test_a_name_inside_a_file_leads_nowhere(tmp_path, monkeypatch, read, refused):
    path = tmp_path / "a" / "b" / "file"
    path.parent.mkdir(parents=True)
    (tmp_path / "elsewhere").write_bytes(b"of someone else")
    monkeypatch.chdir(path.parent)
    if refused:
        with pytest.raises(ValueError, match=refused):
            read(path)
    else:
        assert read(path)
    assert sorted(file for file in tmp_path.rglob("*") if file.is_file()) == [path, tmp_path / "elsewhere"]
    assert (tmp_path / "elsewhere").read_bytes() == b"of someone else"
