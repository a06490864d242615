"""A thousand broken files, or messages of a page, for each thing that reads one: read, or refused in words."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parent / "tools" / "fuzz.py"


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["record", "model", "checkpoint", "bytes", "idx", "npz", "png", "gif", "messages"])
def test_broken_files_are_read_or_refused(tmp_path, reader):
    pytest.importorskip("atheris", reason="fuzzing needs the extra: pip install -e '.[dev]', on Linux")
    command = [sys.executable, str(TOOL), reader, "--runs", "1000"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert not list(tmp_path.glob("crash-*"))
    counts = ast.literal_eval(done.stdout.splitlines()[-1].removeprefix(f"{reader}: "))
    assert sum(counts.values()) == 1000
    assert counts["impossible"] < 20, "a change that no file can hold tries nothing"
