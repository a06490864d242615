"""Translations say what the English says: the same formulas, code and numbers, in the words of the list."""

import re
import tomllib
from pathlib import Path

import pytest

read_po = pytest.importorskip("babel.messages.pofile").read_po

ROOT = Path(__file__).parents[1]
CATALOGUES = sorted([*ROOT.glob("docs/locale/*/LC_MESSAGES/**/*.po"), *ROOT.glob("vaelib/locale/*/LC_MESSAGES/*.po")])
WORDS = {path.parent.name: tomllib.loads(path.read_text("utf-8")) for path in ROOT.glob("docs/locale/*/words.toml")}
MARKUP = {
    "formulas": re.compile(r"\$[^$]+\$|\\(?:log|mathcal|mathbb|begin)\b[^\uac00-\ud7a3]*$"),
    "code": re.compile(r"\{\w+\}`[^`]+`|(`[^`]+`)"),  # a role's words are translated
    "citations": re.compile(r"\{cite:\w\}`[^`]+`"),
    "fields": re.compile(r"\{\w*(?::[^}]*)?\}(?!`)"),
    "addresses": re.compile(r"\]\(([^)\s]+)\)"),
}
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def language_of(path):
    """The language of a catalogue."""
    return path.relative_to(ROOT).parts[2]


def translated(path):
    """(English, translation) of what a catalogue has and is not fuzzy."""
    with path.open("rb") as file:
        messages = read_po(file, locale=language_of(path))
    return [(message.id, message.string) for message in messages if message.id and message.string and not message.fuzzy]


def without_markup(text):
    for pattern in MARKUP.values():
        text = pattern.sub(" ", text)
    return text


def wrong_words(language, english, text):
    """The forms of the language's list that the text should not have, each with what to write."""
    for rule in WORDS[language]["forbidden"]:
        found = re.search(rule["wrong"], text)
        if found and re.search(rule.get("english", ""), english):
            yield f"{found[0]}: write {rule['instead']}"


every_catalogue = pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.stem)


@every_catalogue
def test_no_word_that_was_found_wrong(path):
    found = [(text, list(wrong_words(language_of(path), english, text))) for english, text in translated(path)]
    assert not [(text, wrong) for text, wrong in found if wrong]


def test_the_glossary_has_the_words_of_the_list():
    for language, words in WORDS.items():
        glossary = dict(translated(ROOT / "docs" / "locale" / language / "LC_MESSAGES" / "docs" / "glossary.po"))
        listed = {term: word for term, word in words["terms"].items() if term in glossary}
        assert len(listed) > 30
        assert {term: glossary[term] for term in listed} == listed


@every_catalogue
@pytest.mark.parametrize("kind", MARKUP)
def test_formulas_code_and_addresses_are_those_of_the_english(path, kind):
    for english, text in translated(path):
        wanted, got = (set(MARKUP[kind].findall(part)) for part in (english, text))
        assert got == wanted, text


@every_catalogue
def test_every_number_of_the_english_is_in_the_translation(path):
    for english, text in translated(path):
        numbers = set(NUMBER.findall(without_markup(english)))
        assert numbers <= set(NUMBER.findall(text)), text
