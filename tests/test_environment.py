"""environment.yml, for conda, the lock, and pyproject.toml, for pip, ask for the same packages."""

import platform
import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def environment():
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_environment_is_named_after_the_project(environment, project):
    assert environment["name"] == project["name"]
    assert environment["channels"] == ["conda-forge", "nodefaults"]


def required(project, extra="test"):
    """The requirements of the package with an extra, and with the extras that this one names."""
    found = list(project["dependencies"]) if extra == "test" else []
    for requirement in project["optional-dependencies"][extra]:
        if inner := re.fullmatch(r"vaelib\[(.+)\]", requirement):
            found += [entry for name in inner[1].split(",") for entry in required(project, name)]
        else:
            found.append(requirement)
    return found


def test_conda_and_pip_together_install_what_reading_and_testing_need(environment, project):
    *packages, by_pip = environment["dependencies"]
    assert sorted(packages + by_pip["pip"]) == sorted(["python=3.12", "pip", *required(project), "-e ."])


def test_pip_brings_only_what_conda_forge_lacks(environment):
    by_pip = {Requirement(entry).name for entry in environment["dependencies"][-1]["pip"] if entry != "-e ."}
    assert by_pip == {
        "tensorflow-datasets",  # conda-forge stops at 4.8.3, with TensorFlow
        "array-record",  # there on Linux alone
        "importlib-resources",  # there under another name
        "playwright",  # there under another name
        "axe-playwright-python",  # not there
        "sphinx-mathjax-offline",
    }


def test_the_card_is_installed_directly(environment):
    *packages, by_pip = environment["dependencies"]
    direct = {re.match(r"[\w-]+", entry)[0] for entry in packages + by_pip["pip"] if entry != "-e ."}
    card = {"jax", "jaxlib", "flax", "optax", "tensorflow-datasets", "matplotlib", "ipywidgets", "nbval"}
    assert card <= direct


LOCK = ROOT / "tests" / "machines" / "lock.txt"
ENTRY = re.compile(r"^([\w.-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)


def locked():
    """The versions of the lock by name."""
    return {name: version for name, version, _ in ENTRY.findall(LOCK.read_text(encoding="utf-8"))}


def test_the_lock_names_a_version_and_a_hash_of_everything_that_is_needed(project):
    lock, versions = LOCK.read_text(encoding="utf-8"), locked()
    for requirement in map(Requirement, required(project)):
        assert requirement.specifier.contains(versions[requirement.name]), requirement
    left = re.sub(r"^(#.*|[\w.-]+==.*|    --hash=.*)\n", "", lock, flags=re.MULTILINE)
    assert not left, "no address of an index, no file of this machine"
    assert lock.count("==") == len(versions)


@pytest.mark.slow
def test_the_lock_installs_and_the_first_notebook_runs_there(tmp_path):
    nbformat, runtime = pytest.importorskip("nbformat"), pytest.importorskip("runtime")
    if (sys.version_info[:2], sys.platform, platform.machine()) != ((3, 11), "linux", "x86_64"):
        pytest.skip("the lock is of Python 3.11 on Linux, x86-64")
    fresh = runtime.Runtime(tmp_path, sys.executable, "--require-hashes", "-r", str(LOCK))
    fresh.pip("install", "--no-deps", "-e", str(ROOT))
    packages = fresh.packages()
    versions = {canonicalize_name(name): version for name, version in locked().items()}
    assert {name: packages[name] for name in versions} == versions
    assert packages.keys() - versions.keys() <= {"vaelib", "pip", "setuptools"}
    outputs = fresh.run(nbformat.read(ROOT / "notebooks" / "00_start_here.ipynb", as_version=4))
    assert any("image/png" in output for output in outputs)


def test_the_python_of_the_environment_is_one_the_project_supports(environment, project):
    (pin,) = (entry for entry in environment["dependencies"] if str(entry).startswith("python="))
    assert f"Programming Language :: Python :: {pin.removeprefix('python=')}" in project["classifiers"]
