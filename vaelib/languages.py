"""What a reader is told, in the reader's language: English, or one that has a catalogue in `locale`.

The English is the key. Captions, widgets, verdicts, what is printed and words in pictures pass through `tr`; errors
stay English, since they are searched for.
"""

import functools
import gettext
import json
import os
import re
import unicodedata
from pathlib import Path

DOMAIN = "vaelib"
LOCALE = Path(__file__).parent / "locale"
LANGUAGES = ("en", *sorted(folder.name for folder in LOCALE.iterdir() if folder.is_dir()))
FROM_LOCALE = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")  # in the order in which gettext asks

FIELD = re.compile(r"\{\d\}")  # of a picture's text, numbered in the order of the English
WORD = re.compile("[a-z]{3}")
NEGATIVE = re.compile(r"(?<![\w)\]}.-])-(?=\.?\d)")  # the sign of a number, not the hyphen of "2-3" or "mnist-10"
PADDED = re.compile(r"(?P<align>(?:.?[<>^])?)(?P<cells>[1-9]\d*)")  # a format that has a width alone

_spoken: str | None = None


def language(name: str | None = None) -> str:
    """The language in which readers are told things; with a name, such as "ko", that one from now on.

    Until one is named it is that of the environment variable VAELIB_LANG, or else of the locale, and English where
    there is no catalogue for it.

    Raises:
        ValueError: for a language without a catalogue, asked for by name or by VAELIB_LANG.
    """
    global _spoken
    if name is not None:
        _spoken = _known(name, "language")
    if _spoken is not None:
        return _spoken
    if asked := os.environ.get("VAELIB_LANG"):
        return _known(asked, "VAELIB_LANG")
    found = next((os.environ[name] for name in FROM_LOCALE if os.environ.get(name)), "en")
    first = re.split(r"[_.:@]", found)[0]
    return first if first in LANGUAGES else "en"


def tr(text: str, /, **values) -> str:
    """The text in the reader's language, then with its fields filled in; English where the catalogue lacks it."""
    words = _catalogue(language()).gettext(text) if text else text  # of "" a catalogue has its own head
    return words.format(**values) if values else words


def drawn(text: str) -> str:
    """A picture's text in the reader's language, also one with fields that code has filled in, such as "epoch 3".

    A text of which a part would stay English, since a field holds a word without a translation, stays as it is.
    """
    if (words := tr(text)) != text:
        return words
    for pattern, built in _patterns(language()):
        if found := pattern.fullmatch(text):
            parts = [(part, tr(part)) for part in found.groups()]
            if not any(words == part and WORD.search(part) for part, words in parts):
                return built.format(*(words for _, words in parts))
    lines = [(line, drawn(line)) for line in text.split("\n")] if "\n" in text else []
    if any(words == line and WORD.search(line) for line, words in lines):
        return text
    return "\n".join(words for _, words in lines) or text


def with_minus(text: str) -> str:
    """The text with a true minus before its negative numbers, as in the axes' ticks and in the prose."""
    return NEGATIVE.sub("−", text)


def cells(text: str) -> int:
    """How many cells of a monospace font a text takes: two for a letter such as 가."""
    return len(text) + sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)


class Said(str):
    """A text whose width in a format counts cells of a monospace font, of which a letter such as 가 has two."""

    def __format__(self, spec: str) -> str:
        """The text in a format that gives an alignment, a width, both or neither."""
        width = PADDED.fullmatch(spec)
        wide = cells(self) - len(self)
        if not width or not wide:
            return super().__format__(spec)
        return super().__format__(f"{width['align']}{max(int(width['cells']) - wide, 0)}")

    def __add__(self, other: str) -> "Said":
        """The two as one text."""
        return Said(str(self) + other)

    def __radd__(self, other: str) -> "Said":
        """The two as one text."""
        return Said(other + str(self))


def said(value):
    """What code prints by a name: a text in the reader's language, all else as it is."""
    return Said(drawn(value)) if isinstance(value, str) else value


def filled_in(text: str) -> re.Pattern[str]:
    """A text, with its fields as code may have filled them in: a group for each."""
    parts = [part.replace("{{", "{").replace("}}", "}") for part in FIELD.split(text)]
    return re.compile("(.*?)".join(map(re.escape, parts)), re.DOTALL)


def page_words(code: str | None = None) -> dict[str, str]:
    """What the pages' own code says, by the English, or this code of them; empty in English."""
    words = _page_words(language())
    if code is None:
        return words
    return {text: said for text, said in words.items() if json.dumps(text, ensure_ascii=False)[1:-1] in code}


def _known(name: str, what: str) -> str:
    if name not in LANGUAGES:
        raise ValueError(f"{what} must be one of {', '.join(map(repr, LANGUAGES))}, got {name!r}")
    return name


@functools.cache
def _catalogue(name: str) -> gettext.NullTranslations:
    return gettext.NullTranslations() if name == "en" else gettext.translation(DOMAIN, LOCALE, [name])


@functools.cache
def _patterns(name: str) -> list[tuple[re.Pattern[str], str]]:
    """The texts with fields, as patterns with a group for each, and their translations; the most exact come first.

    They are for `str.format`: a brace of the text itself stands twice.
    """
    if name == "en":
        return []
    built = json.loads((LOCALE / name / "LC_MESSAGES" / "patterns.json").read_text(encoding="utf-8"))
    return [(filled_in(text), built[text]) for text in sorted(built, key=lambda text: -len(FIELD.sub("", text)))]


@functools.cache
def _page_words(name: str) -> dict[str, str]:
    if name == "en":
        return {}
    return json.loads((LOCALE / name / "LC_MESSAGES" / "page.json").read_text(encoding="utf-8"))
