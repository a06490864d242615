"""The numbers of a page's figures: each picture is given its own caption, and one without is named."""

import pytest

nodes = pytest.importorskip("docutils.nodes")
pytest.importorskip("sphinx")
figures = pytest.importorskip("figure_numbers").figures


def cell(*shown):
    return nodes.container("", *shown, nb_element="cell_code")


def caption(words):
    return nodes.raw("", f"<div><em>{words}</em></div>", format="html")


def test_each_picture_has_the_caption_that_follows_it():
    first, second = nodes.image(uri="a.png"), nodes.image(uri="b.png")
    of_first, of_second = caption("one"), caption("two")
    page = nodes.section("", cell(first, of_first, second, of_second))
    assert list(figures(page, "notebooks/03_elbo")) == [(first, of_first), (second, of_second)]


def test_a_picture_without_a_caption_is_named():
    bare, next_one = nodes.image(uri="bare.png"), nodes.image(uri="b.png")
    page = nodes.section("", cell(bare), cell(next_one, caption("of the next")))
    with pytest.raises(ValueError, match=r"bare\.png on the page notebooks/03_elbo .*figures\.show\("):
        list(figures(page, "notebooks/03_elbo"))
