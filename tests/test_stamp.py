"""Links to Colab and Binder, and the setup cell, follow one setting; without it there are none that lead nowhere."""

import importlib.metadata
from types import SimpleNamespace

import nbformat
import pytest
import stamp
from click.testing import CliRunner

ROOT = stamp.ROOT
NOTEBOOK = ROOT / "notebooks" / "03_elbo.ipynb"
REPOSITORY = "someone/a-fork.of_vaelib"
VERSION = importlib.metadata.version("vaelib")


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_nothing_is_out_of_step():
    assert stamp.changes(stamp.configured_repository()) == {}
    assert CliRunner().invoke(stamp.main, ["--check"]).exit_code == 0


def test_a_repository_changes_every_file_and_back_again(notebook):
    before = nbformat.writes(notebook)
    stamp.stamp_notebook(notebook, NOTEBOOK.name, "")
    without = nbformat.writes(notebook)
    stamp.stamp_notebook(notebook, NOTEBOOK.name, REPOSITORY)
    title, links, *_ = notebook.cells[0].source.split("\n\n")
    assert title.startswith("# 3.")
    assert f"https://colab.research.google.com/github/{REPOSITORY}/blob/main/notebooks/03_elbo.ipynb" in links
    assert f"https://mybinder.org/v2/gh/{REPOSITORY}/main?urlpath=lab/tree/notebooks/03_elbo.ipynb" in links
    setup = notebook.cells[1].source
    assert f'"vaelib[notebooks] @ git+https://github.com/{REPOSITORY}"' in setup
    assert f'"https://github.com/{REPOSITORY}/releases/download/v{VERSION}/vaelib-{VERSION}-py3-none-any.whl"' in setup
    again = nbformat.writes(notebook)
    stamp.stamp_notebook(notebook, NOTEBOOK.name, REPOSITORY)
    assert nbformat.writes(notebook) == again
    stamp.stamp_notebook(notebook, NOTEBOOK.name, "")
    assert nbformat.writes(notebook) == without
    notebooks = list((ROOT / "notebooks").glob("[0-9]*.ipynb"))
    assert len(stamp.changes(REPOSITORY)) == len(notebooks) + 1  # and the README
    if not stamp.configured_repository():
        assert without == before


def test_without_a_repository_there_are_no_links(notebook):
    stamp.stamp_notebook(notebook, NOTEBOOK.name, "")
    readme = stamp.stamped_readme((ROOT / "README.md").read_text(encoding="utf-8"), "")
    for text in (readme, *(cell.source for cell in notebook.cells)):
        assert "colab.research" not in text
        assert "mybinder" not in text
        assert "git+https" not in text


def test_the_readme_gets_badges_below_its_title():
    readme = stamp.stamped_readme("# vaelib\n\nWhat this is.\n", REPOSITORY)
    title, badges, text = readme.split("\n\n")
    assert (title, text) == ("# vaelib", "What this is.\n")
    assert badges.count("![") == 2
    assert stamp.stamped_readme(readme, "") == "# vaelib\n\nWhat this is.\n"


def test_the_setup_cell_installs_nothing_where_vaelib_is_installed():
    for repository in ("", REPOSITORY):
        lines = stamp.setup_cell(repository).splitlines()
        condition = lines.index('if importlib.util.find_spec("vaelib") is None:')
        after = lines.index("from vaelib import devices")
        assert all(line.startswith("    ") or not line for line in lines[condition + 1 : after])
        assert not [line for line in lines[:condition] + lines[after:] if "pip" in line]


@pytest.mark.parametrize("repository", ["", REPOSITORY])
def test_the_setup_cell_is_plain_python_that_installs_by_the_kernels_own_pip(repository):
    cell = stamp.setup_cell(repository).replace('find_spec("vaelib") is None', "find_spec('no_such_module') is None")
    asked = []
    kernel = SimpleNamespace(run_line_magic=lambda *words: asked.append(words))
    exec(compile(cell, "setup", "exec"), {"get_ipython": lambda: kernel})
    wheel = f"vaelib-{VERSION}-py3-none-any.whl" if repository else "vaelib-VERSION.whl"
    assert {name for name, _ in asked} == {"pip"}
    assert all(words.startswith("install --quiet ") for _, words in asked)
    assert wheel in asked[0][1]
    assert [REPOSITORY in words for _, words in asked] == [True, True] * bool(repository) + [False] * (not repository)


@pytest.mark.parametrize("setting", ["vaelib", "https://github.com/a/b", "a/b c"])
def test_a_setting_that_is_no_repository_is_refused(tmp_path, monkeypatch, setting):
    (tmp_path / "pyproject.toml").write_text(f'[tool.vaelib]\nrepository = "{setting}"\n', encoding="utf-8")
    monkeypatch.setattr(stamp, "ROOT", tmp_path)
    with pytest.raises(ValueError, match=r'repository in .* must be "owner/name"'):
        stamp.configured_repository()
