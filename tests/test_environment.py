"""environment.yml, for conda, and pyproject.toml, for pip, ask for the same packages."""

import tomllib
from pathlib import Path

import pytest

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


def test_conda_installs_what_pip_would(environment, project):
    packages = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    extras = project["optional-dependencies"]
    lab = [package for package in extras["lab"] if package != "vaelib[notebooks]"]
    assert sorted(packages) == sorted(["python=3.12", "pip", *project["dependencies"], *extras["notebooks"], *lab])


def test_pip_adds_the_package_itself_alone(environment):
    assert [entry for entry in environment["dependencies"] if isinstance(entry, dict)] == [{"pip": ["-e ."]}]


def test_the_python_of_the_environment_is_one_the_project_supports(environment, project):
    (pin,) = (entry for entry in environment["dependencies"] if str(entry).startswith("python="))
    assert f"Programming Language :: Python :: {pin.removeprefix('python=')}" in project["classifiers"]
