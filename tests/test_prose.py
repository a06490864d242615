"""Every number of a "What you saw" paragraph was seen, or says where it comes from."""

import nbformat
import pytest
from notebook import FOLDER, names
from prose import loose_numbers, quoted


@pytest.mark.parametrize("name", names())
def test_numbers_in_what_you_saw_were_seen(name):
    assert not loose_numbers(nbformat.read(FOLDER / f"{name}.ipynb", as_version=4))


def notebook(text, sources=None, code="print(elbo)", output="ELBO -108.2 nats, KL 22.4, active 9%\n", between=0):
    """One code cell with an output, so many others, and what is said of it."""
    stream = nbformat.v4.new_output("stream", name="stdout", text=output)
    cells = [nbformat.v4.new_code_cell(code, outputs=[stream])]
    cells += [nbformat.v4.new_code_cell("pass") for _ in range(between)]
    said = nbformat.v4.new_markdown_cell(text, metadata={"numbers": sources} if sources else {})
    return nbformat.v4.new_notebook(cells=[*cells, said])


@pytest.mark.parametrize(
    "text",
    [
        "**What you saw**: an ELBO of −108.2.",
        "**What you saw**: a loss of about 108 nats.",
        "**What you saw**: a KL of 22, of $5$ and `7` and [notebook](04.ipynb).",
        "**What you saw**: words.\n\nA later paragraph may speak of 77.",
        "Before it, of 77.\n\n**What you saw**: a KL of 22.4",
    ],
)
def test_what_was_seen_may_be_told(text):
    assert loose_numbers(notebook(text)) == []


@pytest.mark.parametrize("number", ["−107", "109", "108.3", "23", "8", "1,082", "0.2"])
def test_an_invented_number_is_caught(number):
    (complaint,) = loose_numbers(notebook(f"**What you saw**: an ELBO of {number} nats."))
    assert number in complaint


def test_a_number_far_above_is_not_seen_any_more():
    text = "**What you saw**: a KL of 22."
    assert not loose_numbers(notebook(text, between=2))
    assert loose_numbers(notebook(text, between=3))
    assert not loose_numbers(notebook(text, {"22": "earlier"}, between=3))
    assert loose_numbers(notebook("**What you saw**: a KL of 25.", {"25": "earlier"}, between=3))


def test_a_constant_of_the_code_may_be_told():
    assert not loose_numbers(notebook("**What you saw**: 500 draws.", code="draw(500)"))
    assert loose_numbers(notebook("**What you saw**: 500 draws.", code="draw(501)"))


@pytest.mark.parametrize(
    ("right", "wrong", "source"),
    [
        ("131", "126", "difference"),
        ("5", "7", "ratio"),
        ("91", "92.5", "complement"),
        ("8,000", "5,000", "exponential"),
        ("110", "150", "rounded"),
    ],
)
def test_a_stated_source_is_worked_out_again(right, wrong, source):
    assert not loose_numbers(notebook(f"**What you saw**: {right}", {right: source}))
    (complaint,) = loose_numbers(notebook(f"**What you saw**: {wrong}", {wrong: source}))
    assert source in complaint


@pytest.mark.parametrize(
    ("text", "sources", "complaint"),
    [
        ("**What you saw**: 32 bits", {"32": "guess"}, "no source"),
        ("**What you saw**: a KL of 22", {"22": "known"}, "needs no source"),
        ("**What you saw**: words", {"32": "known"}, "not in its text"),
    ],
)
def test_sources_that_are_wrong_or_not_needed_are_refused(text, sources, complaint):
    (found,) = loose_numbers(notebook(text, sources))
    assert complaint in found


def test_a_full_stop_is_no_part_of_a_number_and_a_quotation_is_read():
    assert quoted("> **What you saw**: 5, then 6.\n> And 7.5.\n\n8") == ["5", "6", "7.5"]
