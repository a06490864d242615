"""The examples in docstrings run, and give what they say."""

import doctest
import importlib
import pkgutil

import pytest

import vaelib

MODULES = [info.name for info in pkgutil.walk_packages(vaelib.__path__, "vaelib.") if info.name != "vaelib.__main__"]
FINDER = doctest.DocTestFinder(exclude_empty=True)
EXAMPLES = {test.name: test for module in MODULES for test in FINDER.find(importlib.import_module(module))}
EXAMPLES = {name: test for name, test in EXAMPLES.items() if test.examples}
SHOWN = {
    "vaelib.data": ("binarize", "load_mnist", "salt_and_pepper"),
    "vaelib.evidence": ("log_evidence",),
    "vaelib.models": ("ImageModel.create", "VAE"),
    "vaelib.objectives": ("elbo",),
    "vaelib.pretrained": ("load_pretrained",),
    "vaelib.saving": ("load_model", "save_model"),
    "vaelib.training": ("epochs", "fit"),
}


def test_what_is_used_most_has_an_example():
    assert {f"{module}.{name}" for module, names in SHOWN.items() for name in names} <= set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_gives_what_it_says(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    complaints = []
    doctest.DocTestRunner(verbose=False).run(EXAMPLES[name], out=complaints.append)
    assert not complaints, "".join(complaints)
    assert len(EXAMPLES[name].examples) <= 6
