"""The wheel, outside the checkout: it carries digits, weights and pages, and the notebooks install it by themselves."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(ROOT.glob("notebooks/[0-9]*.ipynb"))
USE = """
import pathlib, vaelib, vaelib.explorer
assert pathlib.Path(vaelib.__file__).parents[1] == pathlib.Path({folder!r}), vaelib.__file__
images, labels = vaelib.load_mnist("test", limit=50)
assert images.shape == (50, 784)
for name in vaelib.pretrained_names():
    model = vaelib.load_pretrained(name)
page = vaelib.explorer.save_page(vaelib.load_pretrained("bernoulli-z2"), "page.html", images, labels)
assert vaelib.explore(model, images, labels).message == ""
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("vaelib-*.whl")
    return path


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "vaelib").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert package <= names
    assert {name.split("/")[0] for name in names - package} == {f"vaelib-{wheel.name.split('-')[1]}.dist-info"}


def test_the_wheel_works_outside_the_checkout(wheel, tmp_path):
    folder = tmp_path / "unpacked"
    zipfile.ZipFile(wheel).extractall(folder)
    code = f"import sys; sys.path.insert(0, {str(folder)!r})" + USE.format(folder=str(folder))
    run = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.fixture(scope="module")
def like_colab(wheel, tmp_path_factory):
    """A folder with the wheel, and a kernel that has what Colab's setup cell installs: pip and a kernel come first."""
    folder = tmp_path_factory.mktemp("colab")
    (folder / "content").mkdir()
    (folder / "content" / wheel.name).write_bytes(wheel.read_bytes())
    venv.create(folder / "environment", with_pip=True)
    python = folder / "environment" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "ipykernel"], check=True)
    return folder / "content", [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run_on_what_their_setup_cell_installs(like_colab, path, monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    folder, command = like_colab
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}})
    client.km = client.create_kernel_manager()
    client.km._kernel_spec = KernelSpec(argv=command, display_name="like Colab", language="python")
    client.execute()
    assert not [o for c in notebook.cells for o in c.get("outputs", []) if o.output_type == "error"]
