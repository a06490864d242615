"""A Python of its own with a kernel, in which notebooks run as in Colab: what is not in it has to be installed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec
from nbclient import NotebookClient
from packaging.utils import canonicalize_name

MACHINES = Path(__file__).parents[1] / "machines"
# The Pythons and the packages that hosts of notebooks have published.
PUBLISHED = {"colab": ("3.13", "colab-2026-08-19.txt"), "kaggle": ("3.12", "kaggle-2026-06-17.txt")}


class Runtime:
    """An environment, and the folder in which its notebooks run."""

    def __init__(self, folder: Path, python: str, *requirements: str):
        """Make the environment of a Python and install the requirements, or other words for pip."""
        self.folder = folder / "content"
        self.folder.mkdir()
        environment = folder / "environment"
        subprocess.run([python, "-m", "venv", environment], check=True)
        self.python = environment / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        self.pip("install", *requirements)

    def pip(self, *arguments: str) -> str:
        """Run the environment's own pip, and return what it prints."""
        command = [self.python, "-m", "pip", "--disable-pip-version-check", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def packages(self) -> dict[str, str]:
        """The versions by name."""
        listed = json.loads(self.pip("list", "--format=json"))
        return {canonicalize_name(package["name"]): package["version"] for package in listed}

    def uninstall(self, name: str) -> None:
        """Take a package away, where it is there."""
        self.pip("uninstall", "-y", name)

    def origin(self, name: str) -> str:
        """Where a package was installed from, as JSON."""
        code = f"from importlib.metadata import distribution as d; print(d({name!r}).read_text('direct_url.json'))"
        return subprocess.run([self.python, "-c", code], check=True, capture_output=True, text=True).stdout

    def run(self, notebook: nbformat.NotebookNode, timeout: int = 1800) -> list[str]:
        """Run a notebook in the folder, and return its outputs; raises CellExecutionError where a cell does."""
        client = NotebookClient(notebook, timeout=timeout, resources={"metadata": {"path": str(self.folder)}})
        client.km = client.create_kernel_manager()
        command = [str(self.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        client.km._kernel_spec = KernelSpec(argv=command, display_name="runtime", language="python")
        client.execute(env=os.environ | {"JAX_PLATFORMS": "cpu", "VAELIB_LANG": "en"})
        return [str(output) for cell in notebook.cells for output in cell.get("outputs", [])]


def published_runtime(folder: Path, host: str, *more: str) -> Runtime:
    """A runtime of a host's published packages and of `more`; skips the test where its Python is not installed."""
    version, packages = PUBLISHED[host]
    is_ours = sys.version_info[:2] == tuple(map(int, version.split(".")))
    found = sys.executable if is_ours else shutil.which(f"python{version}")
    if found is None or subprocess.run([found, "-c", ""], capture_output=True).returncode:
        pytest.skip(f"the Python of {host} is {version}, which is not on the PATH")
    runtime = Runtime(folder, found, "--no-deps", "-r", str(MACHINES / packages))
    if more:
        runtime.pip("install", *more)
    return runtime
