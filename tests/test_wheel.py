"""The wheel, outside the checkout: it carries digits, weights and pages, and the notebooks install it by themselves."""

import contextlib
import functools
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
import stamp
from loopback import serve
from runtime import PUBLISHED, Runtime, published_runtime

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(ROOT.glob("notebooks/[0-9]*.ipynb"))
REPOSITORY = "someone/vaelib"
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
def fresh(tmp_path_factory):
    """A runtime with pip and a kernel alone, which gets the newest packages."""
    return Runtime(tmp_path_factory.mktemp("fresh"), sys.executable, "pip", "ipykernel")


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    """Runtimes with the packages that hosts of notebooks have published, each made when it is first asked for."""
    return functools.cache(lambda host: published_runtime(tmp_path_factory.mktemp(host), host))


@contextlib.contextmanager
def github(folder: Path, wheel: Path | None):
    """The address of a GitHub on loopback, with the repository, and with a release where there is a wheel."""
    repository = folder / "served" / REPOSITORY
    shutil.copytree(ROOT, folder / "tree", ignore=shutil.ignore_patterns(".*", "build", "__pycache__", "runs"))
    author = ["-c", "user.name=someone", "-c", "user.email=someone@localhost"]
    for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "all"]):
        subprocess.run(["git", *command], cwd=folder / "tree", check=True)
    subprocess.run(["git", "clone", "-q", "--bare", folder / "tree", repository], check=True)
    subprocess.run(["git", "update-server-info"], cwd=repository, check=True)  # what a server of plain files needs
    if wheel is not None:
        release = repository / "releases" / "download" / f"v{wheel.name.split('-')[1]}"
        release.mkdir(parents=True)
        shutil.copy(wheel, release)
    with serve(folder / "served") as address:
        yield address


def install(runtime: Runtime, source: str) -> list[str]:
    """Run a setup cell, and return what it shows."""
    return runtime.run(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]))


@pytest.mark.slow
@pytest.mark.parametrize("host", PUBLISHED)
@pytest.mark.parametrize(
    ("form", "origin"), [("uploaded", '"file:///'), ("release", "/releases/download/"), ("git", '"vcs": "git"')]
)
def test_the_setup_cell_changes_no_package_of_a_host(hosts, host, wheel, tmp_path, form, origin):
    runtime = hosts(host)
    runtime.uninstall("vaelib")
    before = runtime.packages()
    if form == "uploaded":
        shutil.copy(wheel, runtime.folder)
        source = stamp.setup_cell("")
        install(runtime, source)
    else:
        with github(tmp_path, wheel if form == "release" else None) as address:
            source = stamp.setup_cell(REPOSITORY, host=address)
            install(runtime, source)
    after = runtime.packages()
    assert {name: after.get(name) for name in before} == before
    assert "vaelib" in after
    assert {"vaelib", "jaxtyping", "wadler-lindig", "jedi"} >= after.keys() - before.keys()
    assert origin in runtime.origin("vaelib")
    assert install(runtime, source) == []  # the second time, with nothing to install from, nothing is tried


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.parametrize("packages", ["fresh", *PUBLISHED])
def test_notebooks_run_on_what_their_setup_cell_installs(packages, wheel, path, hosts, request):
    runtime = request.getfixturevalue("fresh") if packages == "fresh" else hosts(packages)
    shutil.copy(wheel, runtime.folder)
    notebook = nbformat.read(path, as_version=4)
    assert notebook.cells[1].source == stamp.setup_cell(stamp.configured_repository())
    notebook.cells[1].source = stamp.setup_cell("")
    runtime.run(notebook)
