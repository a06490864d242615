"""What the site's search shows: the pages found, with excerpts that a reader can read."""

import re

import pytest
from loopback import serve

LATEX = re.compile(r"\\[()\[\]]|\\[a-zA-Z]{2,}")
QUERIES = {"": ["KL", "evidence", "log p(x)", "Gaussian"], "ko/": ["KL", "log p(x)"]}
EXCERPTS = "count => document.querySelectorAll('#search-results li .context').length === count"


def results(page, address):
    """The text of each result, when all excerpts have come."""
    page.goto(address)
    page.wait_for_function("() => Search.title && !Search.title.contains(Search.dots)")  # at the end
    found = page.locator("#search-results li")
    page.wait_for_function(EXCERPTS, arg=found.filter(has_not=page.locator(":scope > span")).count())
    return found.all_inner_texts()


@pytest.mark.parametrize("folder", QUERIES)
def test_search_results_hold_no_latex_and_nothing_of_the_frame(page, site, folder):
    with serve(site) as address:
        for query in QUERIES[folder]:
            found = results(page, f"{address}/{folder}search.html?q={query}")
            assert len(found) > 5
            assert {text: LATEX.findall(text) for text in found if LATEX.search(text)} == {}
            assert not any("Light\n" in text for text in found)
        assert any("log p(x)" in text.partition("\n")[0] for text in found), "a title with a formula"
        page.goto("about:blank")


@pytest.mark.parametrize(("folder", "words"), [("", "found {} pages"), ("ko/", "페이지 {}개")])
def test_search_says_how_many_pages_it_has_found(page, site, folder, words):
    with serve(site) as address:
        found = results(page, f"{address}/{folder}search.html?q=KL")
        assert words.format(len(found)) in page.evaluate("Search.status.innerText")
        page.goto("about:blank")


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\mathbb E_q[\log p_\theta(x \mid z)]", "E_q[log p_θ(x | z)]"),
        (r"\tfrac12 \left(\mu^2 + \sigma^2 - 1\right)", "1/2 (μ² + σ² - 1)"),
        (r"\frac{\mathrm{SSE}}{2\sigma^2}, 10^{-9}", "SSE/(2σ²), 10^(-9)"),
        (r"\hat p(x), \bar{x}_i", "p\u0302(x), x\u0304_i"),
        (r"\phantom{\log p}\begin{pmatrix} 1 \\ 2 \end{pmatrix}", "1 2"),
        ("vaelib.load_mnist", "vaelib.load_mnist"),
    ],
)
def test_a_formula_is_a_line_of_text(page, site, latex, text):
    page.goto((site / "search.html").as_uri())
    assert page.evaluate("latex => plain(latex)", latex) == text
