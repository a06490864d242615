"""The README and the notebooks in another language, made of the English ones and the catalogues."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import words
from babel.messages import Catalog
from nbclient import NotebookClient
from nbformat import NotebookNode
from translate import texts, translated

ROOT = Path(__file__).parents[1]
LOCALE = ROOT / "docs" / "locale"
README = ROOT / "README.md"
RUN = ROOT / "build" / "notebooks"  # a folder for each language
LINK = re.compile(r"(?<!!)\[[^]]*\]\([^)]*\)")
# Where Colab and Binder open a notebook: on the branch "editions" lie those of the other languages.
OPENED = re.compile(r"(?<=/)main(/|\?urlpath=lab/tree/)notebooks/(?=\d)")
OPEN = re.compile(r"Open in (?:Colab|Binder)(?=\])")
SPEAK = """

import vaelib

_ = vaelib.language("{language}")"""


def catalogue_of(language: str, name: str) -> Path:
    """The catalogue of a page, such as "notebooks/03_elbo", or of the "README"."""
    return LOCALE / language / "LC_MESSAGES" / f"{name}.po"


def lookup(language: str, name: str) -> Callable[[str], str | None]:
    """What a text of the page is in the language, None where the catalogue lacks it."""
    known: dict[str, str] = {}
    for path in (words.PACKAGE / "locale" / language / "LC_MESSAGES" / "vaelib.po", catalogue_of(language, name)):
        if path.exists():
            done = (message for message in words.read(path) if message.id and message.string and not message.fuzzy)
            known |= {" ".join(message.id.split("\n")): message.string for message in done}
    return known.get


def readme_catalogue(language: str) -> Catalog:
    """The README's catalogue, brought in step with its text."""
    template = Catalog(project="vaelib", copyright_holder="The vaelib authors")
    for text in filter(says_something, texts(README.read_text(encoding="utf-8"))):
        template.add(text)
    catalogue = words.read(catalogue_of(language, "README"))
    catalogue.update(template, update_creation_date=False)
    return catalogue


def says_something(text: str) -> bool:
    """Whether there is something to translate: a number is the same in every language, and so is a mere link."""
    return bool(re.search("[a-z]", LINK.sub("", text)))


def address_in(language: str, address: str) -> str:
    """Where Colab or Binder opens a notebook in the language, of the address of the English one."""
    return address if language == "en" else OPENED.sub(rf"editions\1notebooks/{language}/", address)


def readme_of(language: str) -> Path:
    """Where the README lies in the language."""
    return ROOT / f"README.{language}.md"


def readme(language: str) -> str:
    """The README in the language; a text that was changed since it was translated stands in English."""
    return address_in(language, translated(README.read_text(encoding="utf-8"), lookup(language, "README")))


def update_readme(language: str) -> None:
    """Bring the README's catalogue in step, and write the README of the language."""
    catalogue_of(language, "README").write_bytes(words.written(readme_catalogue(language)))
    readme_of(language).write_text(readme(language), encoding="utf-8")


def notebook(path: Path, language: str) -> NotebookNode:
    """The notebook with its prose in the language and a first cell that makes `vaelib` speak it; not yet run."""
    made = nbformat.read(path, as_version=4)
    find = lookup(language, f"notebooks/{path.stem}")
    for cell in made.cells:
        if cell.cell_type == "markdown":
            cell.source = address_in(
                language, OPEN.sub(lambda said: find(said[0]) or said[0], translated(cell.source, find))
            )
        else:
            cell.outputs, cell.execution_count = [], None
    setup = next(cell for cell in made.cells if cell.cell_type == "code")
    setup.source += SPEAK.format(language=language)
    made.metadata.pop("vaelib", None)
    return made


def write_downloads(language: str, folder: Path) -> None:
    """Write all notebooks in the language into the folder: as they were run, or not run where they changed since."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(ROOT.glob("notebooks/[0-9]*.ipynb")):
        made, run = notebook(path, language), RUN / language / path.name
        if run.exists() and sources(done := nbformat.read(run, as_version=4)) == sources(made):
            made = done
        nbformat.write(made, folder / path.name)


def sources(made: NotebookNode) -> list[str]:
    """What stands in its cells."""
    return [cell.source for cell in made.cells]


def write_notebook(path: Path, language: str, folder: Path) -> Path:
    """Make a notebook in the language, run it on the CPU, and write it with its outputs into the folder."""
    made = notebook(path, language)
    folder.mkdir(parents=True, exist_ok=True)
    where = {"metadata": {"path": str(folder)}}
    client = NotebookClient(made, timeout=300, kernel_name="python3", resources=where, store_widget_state=False)
    client.execute(env=os.environ | {"JAX_PLATFORMS": "cpu", "VAELIB_LANG": language})
    nbformat.write(made, folder / path.name)
    return folder / path.name
