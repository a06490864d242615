"""The notebooks in marimo, a front end without IPython: each can be imported, and the opening one runs."""

import subprocess
import sys

import pytest
from notebook import FOLDER, names

pytest.importorskip("marimo", reason="marimo is in the extra: pip install -e '.[dev]'")
QUICK = "00_start_here"


def marimo(*words, folder):
    command = [sys.executable, "-m", "marimo", *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == QUICK else pytest.mark.slow) for name in names()]
)
def test_marimo_imports_a_notebook_whole(tmp_path, name):
    converted = marimo("convert", FOLDER / f"{name}.ipynb", "-o", tmp_path / "it.py", folder=tmp_path)
    assert converted.returncode == 0, converted.stderr
    checked = marimo("check", "it.py", folder=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "_unparsable_cell" not in (tmp_path / "it.py").read_text("utf-8")


@pytest.mark.slow
def test_marimo_runs_the_opening_notebook(tmp_path):
    (tmp_path / "notebooks").mkdir()
    folder = tmp_path / "notebooks"  # its picture goes beside it
    marimo("convert", FOLDER / f"{QUICK}.ipynb", "-o", "it.py", folder=folder)
    exported = marimo("export", "html", "it.py", "-o", "it.html", folder=folder)
    assert exported.returncode == 0, exported.stdout + exported.stderr
    assert "The bound of notebook 03 has three parts" in (folder / "it.html").read_text("utf-8")
    assert (tmp_path / "figures" / "map.png").exists()
