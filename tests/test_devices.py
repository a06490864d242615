"""A GPU that JAX leaves unused is named, with the versions that do not fit and what to do."""

import importlib.metadata

import pytest

from vaelib import devices, languages


@pytest.fixture
def installed(monkeypatch):
    """The versions by name that Python is to find."""
    versions = {}

    def version(name):
        if name not in versions:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    return versions


@pytest.mark.parametrize(
    "versions",
    [
        {"jaxlib": "0.7.2"},
        {"jaxlib": "0.7.2", "jax-cuda12-plugin": "0.7.2"},
        {"jaxlib": "0.10.2", "jax-cuda13-plugin": "0.10.2+cuda13.local"},
        {"jaxlib": "0.10.2", "jax-cuda12-plugin": "0.7.2", "jax-cuda13-plugin": "0.10.2"},
    ],
)
def test_nothing_is_said_without_a_plugin_or_where_one_fits(installed, versions, capsys):
    installed.update(versions)
    devices.explain()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("cuda", ["cuda12", "cuda13"])
def test_a_plugin_that_does_not_fit_is_named_with_the_remedy(installed, cuda, capsys):
    installed.update({"jaxlib": "0.10.2", f"jax-{cuda}-plugin": "0.7.2"})
    devices.explain()
    said = capsys.readouterr().out
    assert said.startswith(f"jax-{cuda}-plugin 0.7.2 is installed, and jaxlib 0.10.2.")
    assert "computes on the CPU" in said
    assert f'pip install "jax[{cuda}]==0.10.2"' in said


def test_a_reader_is_told_in_the_language(installed, monkeypatch, capsys):
    monkeypatch.setattr(languages, "_spoken", "ko")
    installed.update({"jaxlib": "0.10.2", "jax-cuda13-plugin": "0.7.2"})
    devices.explain()
    said = capsys.readouterr().out
    assert said.startswith("jax-cuda13-plugin 0.7.2")
    assert "CPU로 계산합니다" in said
    assert 'pip install "jax[cuda13]==0.10.2"' in said


@pytest.mark.parametrize("plugin", ["0.7", "0.7.20", "0.7.2.1"])
def test_only_equal_versions_fit_as_in_jaxlib(installed, plugin):
    installed.update({"jaxlib": "0.7.2", "jax-cuda12-plugin": plugin})
    plugin_support = pytest.importorskip("jaxlib.plugin_support")
    with pytest.warns(RuntimeWarning, match="not compatible"):
        assert not plugin_support.check_plugin_version("jax_cuda12_plugin", "0.7.2", plugin)
    assert devices.unused_gpu()
