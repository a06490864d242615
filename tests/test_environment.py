"""environment.yml, for conda, the lock, and pyproject.toml, for pip, ask for the same packages."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

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


def test_the_lock_names_a_version_and_a_hash_of_everything_that_is_needed(project):
    lock = (ROOT / "tests" / "machines" / "lock.txt").read_text(encoding="utf-8")
    entries = re.findall(r"^([\w.-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", lock, re.MULTILINE)
    versions = {name: version for name, version, _ in entries}
    for requirement in map(Requirement, required(project)):
        assert requirement.specifier.contains(versions[requirement.name]), requirement
    left = re.sub(r"^(#.*|[\w.-]+==.*|    --hash=.*)\n", "", lock, flags=re.MULTILINE)
    assert not left, "no address of an index, no file of this machine"
    assert lock.count("==") == len(entries)


def test_the_python_of_the_environment_is_one_the_project_supports(environment, project):
    (pin,) = (entry for entry in environment["dependencies"] if str(entry).startswith("python="))
    assert f"Programming Language :: Python :: {pin.removeprefix('python=')}" in project["classifiers"]
