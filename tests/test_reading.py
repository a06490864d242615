"""The prose is easy to read: short sentences, short words."""

import nbformat
import pytest
from notebook import FOLDER, names
from reading import lix, sentences


def prose(text):
    return sentences(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)]))


@pytest.mark.parametrize("name", names())
def test_the_prose_of_a_notebook_is_easy(name):
    text = sentences(nbformat.read(FOLDER / f"{name}.ipynb", as_version=4))
    assert lix(text) < 30
    assert not [" ".join(words) for words in text if len(words) > 40]


def test_a_sentence_ends_at_a_stop_a_colon_or_a_paragraph():
    assert prose("One two. Three four: five\n\nsix seven") == [
        ["One", "two"],
        ["Three", "four"],
        ["five"],
        ["six", "seven"],
    ]


def test_formulas_and_code_are_a_short_word_and_tables_none():
    assert prose("The bound $\\log p_\\theta(x)$ is `vaelib.elbo`.\n\n| a table | of words |\n") == [
        ["The", "bound", "x", "is", "x"]
    ]


def test_lix_is_words_a_sentence_plus_the_percentage_of_long_words():
    assert lix([["a", "variational", "bound"], ["it", "holds"]]) == 2.5 + 20
