"""What the catalogues of a language still lack, page by page."""

import json
from collections.abc import Iterable
from pathlib import Path

import editions
import words
from babel.messages import Message
from babel.messages.pofile import read_po
from picture_words import has_words

from vaelib.languages import filled_in

PACKAGE = "vaelib"  # the name under which the words stand that the package says on no page of its own


def missing(wanted: Iterable[Message], catalogue: Path) -> list[Message]:
    """The messages that the catalogue lacks, or has for an older text."""
    done = {message.id for message in words.done(words.read(catalogue))} if catalogue.exists() else set()
    return [message for message in wanted if editions.says_something(message.id) and message.id not in done]


def in_pictures(notebook: Path, language: str) -> list[str]:
    """The lines that the pictures of the notebook's run in the language say in English, and no catalogue wants so."""
    shown = editions.in_english(notebook, language).read_text(encoding="utf-8").splitlines()
    wanted = words.done(words.read(words.path_of(language)))
    known = [filled_in(message.id) for message in wanted if message.id == message.string or "{" not in message.id]
    lines = dict.fromkeys(line for text in map(json.loads, shown) for line in text.split("\n"))
    return [line for line in lines if has_words(line) and not any(text.fullmatch(line) for text in known)]


def untranslated(language: str, templates: Path) -> dict[str, list[str]]:
    """The texts that each page lacks, by its name in `templates`, and each document and the package.

    To a notebook's page belong the words of its pictures and of what it folds away.
    """
    lacking = {}
    for path in sorted(templates.glob("*/*.pot")):
        name = path.relative_to(templates).with_suffix("").as_posix()
        with path.open("rb") as file:
            lacking[name] = missing(read_po(file), editions.catalogue_of(language, name))
    for name in editions.DOCUMENTS:
        lacking[name] = missing(editions.document_template(name), editions.catalogue_of(language, name))
    lacking[PACKAGE] = []
    for message in missing(words.template(), words.path_of(language)):
        for page in dict.fromkeys(Path(place).with_suffix("").as_posix() for place, _ in message.locations):
            lacking.setdefault(page if page.startswith("notebooks/") else PACKAGE, []).append(message)
    return {page: list(dict.fromkeys(message.id for message in messages)) for page, messages in lacking.items()}
