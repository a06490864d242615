"""Stamp the notebooks' setup cell, and the links to Colab and Binder, from one setting in pyproject.toml.

    python tests/tools/stamp.py           after a change of [tool.vaelib] repository
    python tests/tools/stamp.py --check   says what is out of step, and changes nothing

While the setting is empty there are no links, and the setup cell installs a wheel that lies beside the notebook. Else
it installs the release of the version in pyproject.toml, and where there is no such release the repository as it is.
"""

import re
import tomllib
from pathlib import Path

import click
import nbformat

from vaelib.files import write_atomically

ROOT = Path(__file__).parents[2]
LINKS = re.compile(r"\[(?:!\[)?Open in Colab.*\n\n")
# Plain Python and no %pip, so that front ends that are no IPython can read the notebooks.
SETUP = """\
# Installs vaelib where it is missing, as in Colab; elsewhere installs nothing.
import importlib.util

if importlib.util.find_spec("vaelib") is None:
{install}

from vaelib import devices

devices.explain()  # prints a line where there is a GPU that JAX cannot use\
"""
FROM_WHEEL = """\
    import glob

    wheel = max(glob.glob("vaelib-*.whl"), default="vaelib-VERSION.whl")  # upload it beside this notebook
    get_ipython().run_line_magic("pip", f'install --quiet "{wheel}[notebooks]"')\
"""
FROM_GITHUB = """\
    wheel = "{host}/{repository}/releases/download/v{version}/vaelib-{version}-py3-none-any.whl"
    get_ipython().run_line_magic("pip", f'install --quiet "vaelib[notebooks] @ {{wheel}}"')
    importlib.invalidate_caches()
    if importlib.util.find_spec("vaelib") is None:  # there is no such release
        get_ipython().run_line_magic("pip", 'install --quiet "vaelib[notebooks] @ git+{host}/{repository}"')\
"""
SERVICES = {
    "Open in Colab": (
        "https://colab.research.google.com/assets/colab-badge.svg",
        "https://colab.research.google.com/github/{repository}/blob/main/{path}",
    ),
    "Open in Binder": (
        "https://mybinder.org/badge_logo.svg",
        "https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/{path}",
    ),
}


def _settings() -> dict:
    """What pyproject.toml holds."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def configured_repository() -> str:
    """The setting, "owner/name" on GitHub, or "" where there is none yet."""
    repository = _settings()["tool"]["vaelib"]["repository"]
    if repository and not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise ValueError(f'repository in pyproject.toml must be "owner/name" on GitHub, or empty, got {repository!r}')
    return repository


def setup_cell(repository: str, *, host: str = "https://github.com") -> str:
    """The source of the cell that installs vaelib where it is missing."""
    version = _settings()["project"]["version"]
    install = FROM_GITHUB.format(host=host, repository=repository, version=version) if repository else FROM_WHEEL
    return SETUP.format(install=install)


def with_links(text: str, path: str, repository: str, *, pictures: bool) -> str:
    """Put the links to `path` below the text's title, as badges or as words; none where there is no repository."""
    title, blank, rest = LINKS.sub("", text, count=1).partition("\n\n")
    links = []
    for name, (badge, address) in SERVICES.items() if repository else ():
        shown = f"![{name}: the opening notebook]({badge})" if pictures else name
        links.append(f"[{shown}]({address.format(repository=repository, path=path)})")
    return title + blank + (" · ".join(links) + "\n\n" if links else "") + rest


def stamped_readme(text: str, repository: str) -> str:
    """The README with its badges."""
    return with_links(text, "notebooks/00_start_here.ipynb", repository, pictures=True)


def stamp_notebook(notebook, name: str, repository: str) -> None:
    """Set the links and the setup cell. The links are words: a picture would make a reader's page ask the network."""
    first, setup = notebook.cells[:2]
    first.source = with_links(first.source, f"notebooks/{name}", repository, pictures=False)
    if "setup" not in setup.metadata.get("tags", []):
        setup = nbformat.v4.new_code_cell(id="setup")
        notebook.cells.insert(1, setup)
    setup.metadata["tags"] = ["setup", "remove-cell"]  # not in the book
    setup.source = setup_cell(repository)


def changes(repository: str) -> dict[Path, str]:
    """The files that are out of step with the setting, with what they should hold."""
    readme = ROOT / "README.md"
    wanted = {readme: stamped_readme(readme.read_text(encoding="utf-8"), repository)}
    for path in sorted(ROOT.glob("notebooks/[0-9]*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        stamp_notebook(notebook, path.name, repository)
        wanted[path] = nbformat.writes(notebook) + "\n"
    return {path: text for path, text in wanted.items() if path.read_text(encoding="utf-8") != text}


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 where a file is out of step.")
def main(check: bool):
    """Stamp setup cells and links from [tool.vaelib] repository in pyproject.toml."""
    outdated = changes(configured_repository())
    for path, text in outdated.items():
        click.echo(f"{'out of step' if check else 'stamped'}: {path.relative_to(ROOT)}")
        if not check:
            write_atomically(path, text.encode(), overwrite=True)
    raise SystemExit(1 if check and outdated else 0)


if __name__ == "__main__":
    main()
