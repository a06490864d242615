"""The site as it is read: code that fits the column, pages on paper, an address that leads nowhere."""

import re
import tomllib

import nbformat
import pytest
from lab import watched
from loopback import serve
from notebook import FOLDER, names

# Code in sight that is wider than its box, with the line that is.
WIDE = """() => [...document.querySelectorAll("div.cell_input pre")]
  .filter((pre) => pre.checkVisibility() && pre.scrollWidth > pre.clientWidth)
  .map((pre) => pre.innerText.split("\\n").sort((a, b) => b.length - a.length)[0])"""


@pytest.mark.parametrize("name", names())
def test_code_fits_its_column(page, site, name):
    page.goto((site / "notebooks" / f"{name}.html").as_uri(), wait_until="domcontentloaded")
    assert page.locator("div.cell_input pre").count() > 5
    assert page.evaluate(WIDE) == []


# Where the rows begin on which the first indented line of code stands that takes more than one.
BROKEN = """() => {
  const lines = [...document.querySelectorAll("div.cell_input .line")];
  const long = lines.find((line) => line.textContent.startsWith(" ") && line.clientHeight > 25);
  const range = document.createRange();
  const rows = {};
  for (const node of long.querySelectorAll("span:not(.w)")) {
    range.selectNodeContents(node);
    for (const { left, bottom } of range.getClientRects())
      rows[Math.round(bottom)] = Math.min(left, rows[Math.round(bottom)] ?? Infinity);
  }
  return Object.entries(rows).sort(([one], [other]) => one - other).map(([, left]) => left);
}"""
SELECTED = """(pre) => {
  getSelection().selectAllChildren(pre);
  return getSelection().toString();
}"""


def test_a_long_line_goes_on_farther_in_and_is_copied_whole(page, site):
    page.goto((site / "notebooks" / "03_elbo.html").as_uri())
    page.evaluate("document.querySelectorAll('details.hide').forEach((fold) => (fold.open = true))")
    first, *others = page.evaluate(BROKEN)
    assert others
    assert min(others) > first + 20
    cells = nbformat.read(FOLDER / "03_elbo.ipynb", as_version=4).cells
    sources = [
        cell.source for cell in cells if cell.cell_type == "code" and "setup" not in cell.metadata.get("tags", [])
    ]
    shown = page.locator("div.cell_input pre").all()
    assert len(shown) == len(sources)
    for pre, source in zip(shown, sources, strict=True):
        assert pre.evaluate("pre => pre.textContent").rstrip("\n") == source.rstrip("\n")
        assert pre.evaluate(SELECTED).rstrip("\n") == source.rstrip("\n")


# Of each figure in sight: its width as a share of that in a notebook, and whether a finger and keys reach all of it.
READ = """([boxes, pictures]) => [...document.querySelectorAll(boxes)].filter((e) => e.checkVisibility()).map((box) => {
  const picture = box.querySelector(pictures);
  const full = parseInt(box.style.getPropertyValue("--width")) || picture.width;
  box.scrollLeft = 1e4;
  const [inner, outer] = [picture.getBoundingClientRect(), box.getBoundingClientRect()];
  const fits = inner.width < outer.width + 1;
  return { share: inner.width / full, whole: inner.right < outer.right + 1 && (fits || box.tabIndex === 0) };
})"""


def test_what_is_written_in_a_figure_can_be_read_on_a_phone(browser, site):
    page = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).new_page()
    stills = [(path, ".picture", "img") for path in sorted((site / "notebooks").glob("*.html"))]
    lives = [(path, ".scrolls", "canvas") for path in sorted((site / "explorers").glob("[0-9]*.html"))]
    assert len(stills) == len(names())
    assert len(lives) > 10
    for path, boxes, pictures in stills + lives:
        page.goto(path.as_uri())
        page.wait_for_selector(f"{boxes} {pictures}", state="attached")
        figures = page.evaluate(READ, [boxes, pictures])
        assert figures
        assert [figure for figure in figures if figure["share"] < 0.649 or not figure["whole"]] == [], path.name
        assert page.evaluate("document.scrollingElement.scrollWidth") == 390, path.name
    page.context.close()


ON_PAPER = """() => {
  const seen = (selector) => [...document.querySelectorAll(selector)].filter((element) => element.checkVisibility());
  const writes = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const wide = seen("main *").filter((element) => {
    const box = element.getBoundingClientRect();
    const clipped = element.closest("mjx-container, svg, .visually-hidden");
    return box.width && box.right > innerWidth + 1 && !clipped;
  });
  return {
    frames: seen("iframe").length,
    controls: seen("nav, button, input, .bd-sidebar, .bd-header, summary, #explorer").map((e) => e.outerHTML),
    wide: wide.map((element) => element.outerHTML.slice(0, 100)),
    cut: seen("main pre").filter((pre) => pre.scrollWidth > pre.clientWidth).length,
    dimmed: seen("main img").filter((picture) => getComputedStyle(picture).filter !== "none").length,
    paper: [...new Set([document.body, ...seen("main *")].map((e) => getComputedStyle(e).backgroundColor))],
    ink: [...new Set(seen("main *").filter(writes).map((e) => getComputedStyle(e).color))],
  };
}"""


def luminance(color):
    """From 0, black, to 1, white, of a computed colour on white paper: `rgb(…)`, `rgba(…)` or `color(srgb …)`."""
    red, green, blue, *alpha = (float(part) for part in re.findall(r"[\d.]+", color))
    whole = 1 if "srgb" in color else 255
    return 1 - (alpha[0] if alpha else 1) * (1 - (0.2126 * red + 0.7152 * green + 0.0722 * blue) / whole)


DARK = [("dark", name) for name in ("index", "docs/glossary", "notebooks/00_start_here", "notebooks/03_elbo")]


@pytest.mark.parametrize(("scheme", "name"), [*DARK, ("light", "index"), ("light", "notebooks/00_start_here")])
def test_on_paper_there_is_the_text_alone_in_black_on_white(browser, site, name, scheme):
    context = browser.new_context(viewport={"width": 718, "height": 1000}, color_scheme=scheme)  # A4 with margins
    page = watched(context.new_page())
    page.goto((site / f"{name}.html").as_uri())
    page.emulate_media(media="print", color_scheme=scheme)
    found = page.evaluate(ON_PAPER)
    assert found["controls"] == []
    assert found["frames"] == found["cut"] == 0
    assert found["wide"] == []
    assert found["dimmed"] == 0
    assert [color for color in found["paper"] if luminance(color) < 0.9] == []
    assert [color for color in found["ink"] if luminance(color) > 0.45] == []
    assert found["ink"]
    context.close()
    assert page.faults == []


def test_where_a_figure_moves_paper_has_its_picture(page, site):
    page.goto((site / "notebooks" / "03_elbo.html").as_uri())
    still = page.locator(".has-live .cell_output img").first
    assert not still.is_visible()
    page.emulate_media(media="print")
    assert still.is_visible()


@pytest.mark.parametrize("address", ["404.html", "docs/nowhere.html", "ko/notebooks/99_nowhere.html"])
def test_an_address_that_leads_nowhere_leads_to_the_notebooks(page, site, tmp_path, address):
    pyproject = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text(encoding="utf-8"))
    name = pyproject["tool"]["vaelib"]["repository"].partition("/")[
        2
    ]  # a repository's pages lie in a folder of its name
    place = tmp_path / "pages" / name
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(site)
    with serve(tmp_path / "pages") as root:
        base = f"{root}/{name}".rstrip("/")
        page.route("**/*nowhere*", lambda route: route.fulfill(status=404, path=site / "404.html"))
        page.goto(f"{base}/{address}")
        with page.expect_response("**/00_start_here.html") as answer:
            page.get_by_role("link", name="00").click()
        assert answer.value.url == f"{base}/notebooks/00_start_here.html"
        assert answer.value.ok
        page.goto("about:blank")  # what the notebook still asks for would meet a server that is gone
    page.faults[:] = [fault for fault in page.faults if "404" not in fault]
