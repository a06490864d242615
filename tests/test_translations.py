"""Translations say what the English says: the same formulas, code and numbers, in the words of the list."""

import calendar
import re
import tomllib
from collections import Counter
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
COUNTED = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
UNITS = "nat|minute|factor|second|fifth|quarter|third|tenth|hundredth"
# The numbers that a translation may write for an English word, each once for each time that the word stands.
IN_WORDS = {
    **{rf"\b{word}(?:e?s)?\b": [str(number)] for number, word in enumerate(COUNTED)},
    r"\bsixteen\b": ["16"],
    r"\btwenty\b": ["20"],
    r"\bthirty\b": ["30"],
    r"\bfifty\b": ["50"],
    r"\bhundred\b": ["100"],
    r"\bsecond moments?\b": ["2"],
    r"\bhalf\b": ["0.5", "1", "2"],
    r"\bhalf an? (?:hour|minute)\b": ["30"],
    r"\bthirds?\b": ["1", "3"],
    r"(?<!three )\bquarters?\b": ["1", "4"],
    r"\bthree quarters of an hour\b": ["45"],
    r"\bquarter turn\b": ["90"],
    r"\bfifth\b": ["1", "5"],
    r"\btenth\b": ["1", "10"],
    r"\bhundredth\b": ["1", "100"],
    rf"\b(?:a|the|each|per) (?:{UNITS})\b": ["1"],
    **{rf"(?-i:\b{month}\b)": [str(number)] for number, month in enumerate(calendar.month_name) if month},
}


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
        assert set(words["in_brackets"]) <= set(listed)
        assert {term: glossary[term] for term in listed} == listed


@pytest.mark.parametrize("term", ["anomaly score", "hierarchical VAE", "signal-to-noise ratio"])
def test_the_glossary_explains_what_the_last_notebooks_speak_of(term):
    assert f"\n{term}\n  " in (ROOT / "docs" / "glossary.md").read_text("utf-8")


@every_catalogue
@pytest.mark.parametrize("kind", MARKUP)
def test_formulas_code_and_addresses_are_those_of_the_english(path, kind):
    for english, text in translated(path):
        wanted, got = (set(MARKUP[kind].findall(part)) for part in (english, text))
        assert got == wanted, text


def numbers_in_words(text):
    """How often a translation may have each number because of the English words for it."""
    found = Counter()
    for word, numbers in IN_WORDS.items():
        times = len(re.findall(word, text, re.IGNORECASE))
        found.update(dict.fromkeys(numbers, times))
    return found


def numbers_that_differ(language, english, text):
    """The numbers of the translation that nothing in the English accounts for, and those of the English it lacks."""
    wanted, got = (Counter(NUMBER.findall(without_markup(part))) for part in (english, text))
    known = Counter()
    for exception in WORDS[language]["numbers"]:
        if english.startswith(exception["begins"]):
            known.update(exception["more"])
    allowed = wanted + numbers_in_words(without_markup(english)) + known
    return got - allowed, (wanted & (wanted + known)) - got


@every_catalogue
def test_the_numbers_of_the_translation_are_those_of_the_english(path):
    for english, text in translated(path):
        assert numbers_that_differ(language_of(path), english, text) == (Counter(), Counter()), text


@pytest.mark.parametrize("text", ["Acht von 10.", "8 von 10, 10.", "8 von 11.", "10."])
def test_a_number_that_is_not_there_or_once_too_often_is_found(text):
    assert numbers_that_differ("ko", "8 of 10.", text) != (Counter(), Counter())


def test_a_number_may_stand_for_its_english_word_as_often_as_the_word():
    assert numbers_that_differ("ko", "Two of ten, in half an hour.", "10, 2, 30") == (Counter(), Counter())
    assert numbers_that_differ("ko", "Two of ten.", "10, 2, 2") == (Counter({"2": 1}), Counter())


def test_the_exceptions_are_all_needed(monkeypatch):
    for language, words in WORDS.items():
        pairs = [pair for path in CATALOGUES if language_of(path) == language for pair in translated(path)]
        listed = [exception["begins"] for exception in words["numbers"]]
        monkeypatch.setitem(words, "numbers", [])
        differ = [english for english, text in pairs if any(numbers_that_differ(language, english, text))]
        assert all(any(english.startswith(begins) for english in differ) for begins in listed)
