"""The documents and the notebooks in another language, made of the English ones and the catalogues."""

import itertools
import os
import re
import tomllib
from collections.abc import Callable, Collection, Coroutine
from pathlib import Path

import nbformat
import printed
import words
from babel import Locale
from babel.messages import Catalog
from nbclient import NotebookClient
from nbformat import NotebookNode
from translate import texts, translated

ROOT = Path(__file__).parents[1]
LOCALE = ROOT / "docs" / "locale"
TRANSLATED = tomllib.loads((ROOT / "docs" / "translated.toml").read_text(encoding="utf-8"))  # by language
LANGUAGES = {language: Locale.parse(language).get_display_name() for language in ("en", *TRANSLATED)}  # by themselves
DOCUMENTS = ("README", "CONTRIBUTING")  # at the top of the repository, each beside itself in other languages
FIGURES = ROOT / "figures"
RUN = ROOT / "build" / "notebooks"  # a folder for each language
LIVE = ROOT / "build" / "live"  # the same, of the live figures' pictures
LINK = re.compile(r"(?<!!)\[(?:!\[[^]]*\]\([^)]*\)|[^]]*)\]\([^)]*\)")  # of words, or of a picture, such as a badge
# Where Colab and Binder open a notebook: on the branch "editions" lie those of the other languages.
OPENED = re.compile(r"(?<=/)main(/|\?urlpath=lab/tree/)notebooks/(?=\d)")
# A link to a document, but for the one of the line that offers its languages.
TO_DOCUMENT = re.compile(rf"(?<=\]\()(?<!\[English\]\()({'|'.join(DOCUMENTS)})\.md(?=[#)])")
FIGURE = re.compile(r"(?<=\]\(figures/)[\w-]+(?=\.png\))")
OPEN = re.compile(r"Open in (?:Colab|Binder)(?:: the opening notebook)?(?=\])")
BADGES = ("Open in Colab: the opening notebook", "Open in Binder: the opening notebook")  # the README's, at an address
INSTALLED = "from vaelib import devices\n"  # the line of the first cell before which there may be no vaelib
SPEAK = """import vaelib
from vaelib import devices
{more}
_ = vaelib.language("{language}")
"""
SAID = "from vaelib.languages import said\n"

# What the kernel is told after a live figure has been shown.
KEEP = """from vaelib.widgets.frames import save_frames
save_frames(Out[max(Out)], {path!r})"""
# And what it is told after the first cell, which makes it speak the language.
WATCH = """import sys
sys.path.insert(0, {docs!r})
from picture_watch import watch
del sys.path[0]
watch({path!r})"""


def catalogue_of(language: str, name: str) -> Path:
    """The catalogue of a page, such as "notebooks/03_elbo", or of a document, such as the "README"."""
    return LOCALE / language / "LC_MESSAGES" / f"{name}.po"


def lookup(language: str, name: str) -> Callable[[str], str | None]:
    """What a text of the page is in the language, None where the catalogue lacks it."""
    known: dict[str, str] = {}
    for path in (words.path_of(language), catalogue_of(language, name)):
        if path.exists():
            known |= {" ".join(message.id.split("\n")): message.string for message in words.done(words.read(path))}
    return known.get


def document_template(name: str) -> Catalog:
    """What a document asks a translator for."""
    template = Catalog(project="vaelib", copyright_holder="The vaelib authors")
    said = texts(document_in("en", name).read_text(encoding="utf-8"))
    for text in filter(says_something, [*said, *BADGES] if name == "README" else said):
        template.add(text)
    return template


def document_catalogue(language: str, name: str) -> Catalog:
    """The catalogue of a document, brought in step with its text."""
    catalogue = words.read(catalogue_of(language, name))
    catalogue.update(document_template(name), update_creation_date=False)
    return catalogue


def says_something(text: str) -> bool:
    """Whether there is something to translate: a number is the same in every language, and so is a mere link."""
    return bool(re.search("[a-z]", LINK.sub("", text)))


def address_in(language: str, address: str) -> str:
    """Where Colab or Binder opens a notebook in the language, of the address of the English one."""
    return address if language == "en" else OPENED.sub(rf"editions\1notebooks/{language}/", address)


def prose_in(language: str, markdown: str, find: Callable[[str], str | None]) -> str:
    """The Markdown in the language, its links to Colab and Binder leading to the notebooks in the language."""
    return address_in(language, OPEN.sub(lambda said: find(said[0]) or said[0], translated(markdown, find)))


def document_in(language: str, name: str) -> Path:
    """Where a document lies in the language."""
    return ROOT / (f"{name}.md" if language == "en" else f"{name}.{language}.md")


def document(language: str, name: str) -> str:
    """A document in the language; a text that was changed since it was translated stands in English."""
    text = prose_in(language, document_in("en", name).read_text(encoding="utf-8"), lookup(language, name))
    text = FIGURE.sub(lambda found: figure_in(language, found[0]).relative_to(FIGURES).with_suffix("").as_posix(), text)
    return TO_DOCUMENT.sub(rf"\1.{language}.md", text)


def figure_in(language: str, name: str) -> Path:
    """A published figure with its words in the language, or the English one where there is none."""
    path = FIGURES / language / f"{name}.png"
    return path if path.exists() else FIGURES / path.name


def keep_figures(language: str, names: Collection[str]) -> None:
    """Publish those of these figures that a notebook run in the language has drawn."""
    for drawn in (RUN / "figures").glob("*.png"):
        if drawn.stem in names:
            (FIGURES / language).mkdir(exist_ok=True)
            drawn.replace(FIGURES / language / drawn.name)


def update_documents(language: str) -> None:
    """Bring the documents' catalogues in step, and write the documents of the language."""
    for name in DOCUMENTS:
        catalogue_of(language, name).write_bytes(words.written(document_catalogue(language, name)))
        document_in(language, name).write_text(document(language, name), encoding="utf-8")


def notebook(path: Path, language: str) -> NotebookNode:
    """The notebook with its prose and what its code prints in the language; not yet run.

    Its first cell makes `vaelib` speak the language, before it says anything.
    """
    made = nbformat.read(path, as_version=4)
    find = lookup(language, f"notebooks/{path.stem}")
    code = "\n".join(words.own_code(made))
    for cell in made.cells:
        if cell.cell_type == "markdown":
            cell.source = prose_in(language, cell.source, find)
        else:
            cell.source = printed.translated(cell.source, find, code)
            cell.outputs, cell.execution_count = [], None
    setup = next(cell for cell in made.cells if cell.cell_type == "code")
    by_name = any("said(" in cell.source or "map(said" in cell.source for cell in made.cells)
    install, after = setup.source.split(INSTALLED)
    setup.source = install + SPEAK.format(language=language, more=SAID if by_name else "") + after.lstrip()
    made.metadata.pop("vaelib", None)
    return made


def write_downloads(language: str, folder: Path) -> None:
    """Write all notebooks in the language into the folder: as they were run, or not run where they changed since."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in words.notebooks():
        nbformat.write(as_run(path, language) or notebook(path, language), folder / path.name)


def as_run(path: Path, language: str) -> NotebookNode | None:
    """The notebook in the language with the outputs of its run, None where it was not run or has changed since."""
    run = RUN / language / path.name
    if not run.exists():
        return None
    done = nbformat.read(run, as_version=4)
    return done if sources(done) == sources(notebook(path, language)) else None


def for_page(path: Path, language: str) -> NotebookNode:
    """What the site's page is made from: the English prose, which Sphinx translates, and the cells as they were run."""
    made = nbformat.read(path, as_version=4)
    run = as_run(path, language)
    if run is not None:
        for cell, own in zip(made.cells, run.cells, strict=True):
            if cell.cell_type == "code":
                cell.source, cell.outputs = own.source, own.outputs
    return made


def frames_in(language: str, english: Path) -> Path:
    """A live figure's pictures in the language, as its notebook's run left them; the English ones where it did not."""
    own = LIVE / language / english.name
    shown_in = ROOT / "notebooks" / f"{english.stem.rpartition('-')[0]}.ipynb"
    return own if own.exists() and as_run(shown_in, language) else english


def sources(made: NotebookNode) -> list[str]:
    """What stands in its cells."""
    return [cell.source for cell in made.cells]


def write_notebook(path: Path, language: str, folder: Path) -> Path:
    """Make a notebook in the language, run it on the CPU, and write it with its outputs into the folder.

    Its live figures' pictures, for the site, go to `LIVE`, and so does what its pictures say in English all the same.
    """
    made = notebook(path, language)
    folder.mkdir(parents=True, exist_ok=True)
    where = {"metadata": {"path": str(folder)}}
    client = NotebookClient(made, timeout=300, kernel_name="python3", resources=where, store_widget_state=False)
    client.on_cell_executed = keeper(client, path, language)
    client.execute(env=os.environ | {"JAX_PLATFORMS": "cpu", "VAELIB_LANG": language})
    nbformat.write(made, folder / path.name)
    return folder / path.name


def in_english(path: Path, language: str) -> Path:
    """Where a notebook's run in the language leaves what its pictures say in English."""
    return LIVE / language / f"{path.stem}.jsonl"


def keeper(client: NotebookClient, path: Path, language: str) -> Callable[..., Coroutine]:
    """What keeps each live figure's pictures when its cell has run, and watches all pictures from the first cell on."""
    english, numbers = in_english(path, language), itertools.count(1)
    english.parent.mkdir(parents=True, exist_ok=True)
    english.unlink(missing_ok=True)

    async def tell(code: str) -> None:
        reply = await client.kc.execute(code, silent=True, store_history=False, reply=True, timeout=client.timeout)
        if reply["content"]["status"] != "ok":
            raise RuntimeError(f"the pictures of {path.stem} were not kept: {reply['content']['evalue']}")

    async def keep(cell: NotebookNode, execute_reply: dict, **_) -> None:
        if execute_reply["content"]["status"] != "ok":
            return
        if "live_figure(" in cell.source:
            await tell(KEEP.format(path=str(english.with_name(f"{path.stem}-{next(numbers)}.json"))))
        if not english.exists():
            english.touch()
            await tell(WATCH.format(docs=str(Path(__file__).parent), path=str(english)))

    return keep
