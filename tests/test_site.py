"""The site as built: no dead link, no picture without words, every claim linked, nothing from another machine."""

import calendar
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from inspect import ismodule
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import nbformat
import pytest

pytest.importorskip("sphinx_intl")

import words
from page_weight import digits_weight

from vaelib.laboratory.settings import Settings

bs4 = pytest.importorskip("bs4")
read_po = pytest.importorskip("babel.messages.pofile").read_po

ROOT = Path(__file__).parents[1]
LAB_SETTINGS = {field.name for field in fields(Settings)}


@pytest.fixture(scope="module")
def pages(site):
    """Every page by its path, parsed."""
    paths = sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)
    return {path: bs4.BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in paths}


def targets(page):
    """The addresses a page links to or loads."""
    for attribute in ("href", "src"):
        for tag in page.find_all(attrs={attribute: True}):
            yield tag, tag[attribute]


def test_every_notebook_has_a_page_in_every_language(site):
    for path in ROOT.glob("notebooks/[0-9]*.ipynb"):
        assert (site / "notebooks" / f"{path.stem}.html").exists()
        assert (site / "ko" / "notebooks" / f"{path.stem}.html").exists()


def test_the_setup_cell_is_left_out(pages):
    assert not [path.name for path, page in pages.items() if "Installs vaelib where it is missing" in page.get_text()]


def test_drawing_is_folded(pages, site):
    for language, said in (("", "Show the code"), ("ko/", "코드 펼치기")):
        for path in words.notebooks():
            page = pages[site / f"{language}notebooks" / f"{path.stem}.html"]
            drawing = page.select("div.cell.tag_hide-input")
            folds = [cell.select_one("details.hide > summary:has(~ .cell_input)") for cell in drawing]
            assert all(folds), f"{path.stem}: {folds.count(None)} of {len(folds)} cells stand open"
            assert all(said in fold.get_text() for fold in folds)


def test_what_stands_around_a_korean_page_is_korean(pages, site):
    said = {
        (path.name, str(words))
        for path, page in pages.items()
        if path.is_relative_to(site / "ko")
        for tag in page.find_all(True)
        for words in [*map(tag.get, ("aria-label", "title", "placeholder")), tag.string if tag.name == "title" else ""]
        if words and not re.search("[가-힣]", words)
    }
    names = re.compile(r"vaelib(\..+)?|[a-z]+-z\d+")  # of a module or a model, or the site's own
    assert not [(page, words) for page, words in said if re.search("[a-z]{3}", words) and not names.fullmatch(words)]


def test_every_internal_link_leads_somewhere(pages, site):
    anchors = {path: {tag["id"] for tag in page.find_all(id=True)} for path, page in pages.items()}
    dead = []
    for path, page in pages.items():
        for _, address in targets(page):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc or address == "#":
                continue
            folder = site if parts.path.startswith("/") else path.parent
            target = (folder / unquote(parts.path).lstrip("/")).resolve() if parts.path else path
            if target.name == "lab.html" and target.exists():
                dead += [f"{address} sets {name}" for name, _ in parse_qsl(parts.fragment) if name not in LAB_SETTINGS]
                continue
            if not target.exists() or (parts.fragment and unquote(parts.fragment) not in anchors.get(target, ())):
                dead.append(f"{path.name} -> {address}")
    assert not dead


def test_nothing_is_loaded_from_another_machine(pages):
    loaded = [
        address
        for page in pages.values()
        for tag, address in targets(page)
        if (tag.name != "a" and "canonical" not in tag.get("rel", [])) and urlsplit(address).netloc
    ]
    assert loaded == []


def test_every_figure_has_words(pages):
    for path, page in pages.items():
        for picture in page.select(".cell_output img"):
            assert len(picture.get("alt", "").split()) > 4, f"{path.name}: {picture['src']}"


def test_a_notebooks_figures_have_the_words_of_its_outputs(pages, site):
    for path in words.notebooks():
        outputs = [output for cell in nbformat.read(path, as_version=4).cells for output in cell.get("outputs", [])]
        drawn = [output.metadata["image/png"]["alt"] for output in outputs if "image/png" in output.get("data", {})]
        shown = pages[site / "notebooks" / f"{path.stem}.html"].select('.cell_output img[src*="_images/"]')
        assert [picture["alt"] for picture in shown] == drawn, path.stem


@pytest.mark.parametrize("kind", ["claims", "questions"])
def test_every_claim_and_every_question_links_to_its_cells(kind, pages, site):
    page = pages[site / "docs" / f"{kind}.html"]
    without = []
    for name in tomllib.loads((ROOT / "docs" / f"{kind}.toml").read_text(encoding="utf-8")):
        links = [link["href"] for link in page.find(id=name.lower()).find_all("a", class_="internal")]
        assert all(f"#{name.lower()}-cell-" in link for link in links)
        without += [] if links else [name]
    assert not without


def test_the_claims_are_those_of_the_syllabus():
    claims = tomllib.loads((ROOT / "docs" / "claims.toml").read_text(encoding="utf-8"))
    assert list(claims) == [f"C{number:02d}" for number in range(1, 46)]


def test_cells_answer_questions_that_are_listed():
    questions = tomllib.loads((ROOT / "docs" / "questions.toml").read_text(encoding="utf-8"))
    for path in words.notebooks():
        cells = nbformat.read(path, as_version=4).cells
        assert {name for cell in cells for name in cell.metadata.get("questions", [])} <= set(questions), path.stem


def test_every_claim_names_its_control():
    claims = tomllib.loads((ROOT / "docs" / "claims.toml").read_text(encoding="utf-8"))
    without = [claim for claim, words in claims.items() if len(words["control"]) < 20]
    assert not without


every_language = pytest.mark.parametrize("language", [".", "ko"])
every_notebook = pytest.mark.parametrize("path", words.notebooks(), ids=lambda path: path.stem)


@every_language
def test_the_front_page_has_a_card_for_each_notebook(language, pages, site):
    page = pages[site / language / "index.html"]
    cards = page.select(".card")
    assert [card.a["href"] for card in cards] == [f"notebooks/{path.stem}.html" for path in words.notebooks()]
    for card in cards:
        assert len(card.img["alt"]) > 20
        time = card.select_one(".time").text
        assert all(word in time for word in {".": ("read", "run"), "ko": ("읽는", "실행")}[language]), time
    assert {link["href"] for link in page.select(".map a")} == {card.a["href"] for card in cards[1:]}


def test_the_front_pages_speak_their_language_and_lead_to_the_other(pages, site):
    for language, other, address in (("en", "ko", "ko/index.html"), ("ko", "en", "../index.html")):
        page = pages[site / ("." if language == "en" else language) / "index.html"]
        assert page.html["lang"] == language
        assert [link["href"] for link in page.select(f'nav a[hreflang="{other}"]')] == [address]
        speaks = re.search(r"^speak\((.*)\);$", str(page), re.MULTILINE)[1]
        assert ("시작" in speaks) == (language == "ko")


@every_language
def test_the_front_page_is_light(language, site):
    assert (site / language / "index.html").stat().st_size < 400_000  # two seconds of a slow connection, 1.6 Mbit/s


@every_language
def test_the_lab_is_one_file_that_the_site_leads_to(language, pages, site):
    folder = site / language
    text = (folder / "lab.html").read_text(encoding="utf-8")
    digits = digits_weight(text)
    assert digits > 1_000_000
    assert len(text.encode()) - digits < 700_000
    for name in ("index.html", "docs/index.html"):
        places = {(folder / name).parent.joinpath(address).resolve() for _, address in targets(pages[folder / name])}
        assert folder / "lab.html" in places, name


@every_notebook
def test_a_page_in_another_language_offers_its_notebook(path, pages, site):
    (link,) = pages[site / "ko" / "notebooks" / f"{path.stem}.html"].select("p.download a")
    made = nbformat.read(site / "ko" / "notebooks" / link["href"], as_version=4)
    assert link["href"] == path.name
    assert any('vaelib.language("ko")' in cell.source for cell in made.cells)
    assert not pages[site / "notebooks" / f"{path.stem}.html"].select("p.download")


def test_live_figures_are_told_in_the_language_of_their_page(site):
    name = "explorers/02_naive_likelihood-2.html"
    assert '"label":"draws n"' in (site / name).read_text(encoding="utf-8")
    assert '"label":"draws n"' not in (site / "ko" / name).read_text(encoding="utf-8")


@every_language
@every_notebook
def test_figures_are_numbered_in_the_order_of_the_page(language, path, pages, site):
    page = pages[site / language / "notebooks" / f"{path.stem}.html"]
    labels = page.select("a.figure-number")
    word = {".": "Figure", "ko": "그림"}[language]
    assert [label.get_text() for label in labels] == [
        f"{word} {int(path.stem[:2])}.{number}" for number in range(1, len(labels) + 1)
    ]
    live = page.select("figure.explorer")
    still = [picture for picture in page.select('.cell_output img[src*="_images/"]') if not next_live(picture)]
    assert len(labels) == len(live) + len(still) > 0
    for label in labels:
        place = page.find(id=label["href"].removeprefix("#"))
        shown = place.find_next(["img", "iframe"])
        captioned = label.find_previous(["img", "iframe"])
        assert shown is captioned, label.get_text()


@every_language
def test_all_figures_are_in_the_gallery_and_no_byte_twice(language, pages, site):
    gallery = pages[site / language / "docs" / "figures.html"]
    slides = {figure.select_one("a.figure-number")["href"]: figure for figure in gallery.select(".slides figure")}
    numbered = {}
    for path in words.notebooks():
        for label in pages[site / language / "notebooks" / f"{path.stem}.html"].select("a.figure-number"):
            numbered[f"../notebooks/{path.stem}.html{label['href']}"] = label
    assert list(slides) == [place for place, label in numbered.items() if pictured(label)]
    for place, figure in slides.items():
        assert figure.select_one("a.figure-number").text == numbered[place].text
        assert figure.img["src"] == figure.select_one("a.save")["href"]
        assert figure.img["src"] == pictured(numbered[place])["src"]
        assert figure.img["loading"] == "lazy"
        assert len(figure.img["alt"].split()) > 3
    assert (site / language / "docs" / "figures.html").stat().st_size < 200_000


def pictured(label):
    """The still picture of a numbered figure, in its cell; none where the cell shows what only moves."""
    place = label.find_previous(id=label["href"].removeprefix("#"))
    shown = place.find_next(["img", "iframe"])
    return shown if shown.name == "img" else place.find_previous("div", class_="cell").select_one(".cell_output img")


@every_language
@every_notebook
def test_the_teachers_table_counts_what_the_page_of_a_notebook_shows(language, path, pages, site):
    table = pages[site / language / "docs" / "teaching.html"].select_one("table.of-notebooks")
    row = table.find("a", href=f"../notebooks/{path.stem}.html").find_parent("tr")
    time, predictions, exercises, claims = (cell.text.strip() for cell in row.find_all("td")[1:])
    page = pages[site / "notebooks" / f"{path.stem}.html"]
    assert int(predictions) == sum(tag.text.startswith("Predict") for tag in page.article.select("strong"))
    assert int(exercises) == sum(tag.text == "Solution" for tag in page.article.select("summary"))
    listed = pages[site / "docs" / "claims.html"].select(f'a[href*="/{path.stem}.html#c"]')
    assert claims.split() == sorted({link["href"].split("#")[1][:3].upper() for link in listed})
    (card,) = pages[site / language / "index.html"].select(f'.card:has(a[href="notebooks/{path.stem}.html"])')
    assert time == card.select_one(".time").text.partition(" · ")[0]


@every_language
def test_the_front_page_leads_teachers_to_their_page(language, pages, site):
    page = pages[site / language / "index.html"]
    assert {"docs/teaching.html", "docs/figures.html"} <= {link["href"] for link in page.select("main a")}


def next_live(output):
    """The live figure that stands in the place of what a cell shows."""
    following = output.find_parent("div", class_="cell").find_next_sibling()
    while following is not None and following.name == "span":  # the target of a link
        following = following.find_next_sibling()
    return following if following is not None and following.name == "figure" else None


DATED = re.compile(r"(?:et al\.|등|[A-ZÀ-Þ][\w-]+),? \(?(?:1[89]|20)\d\d\b\)?")
MONTHS = re.compile(rf"\b(?:{'|'.join(calendar.month_name[1:])}) \d{{4}}")


def test_each_citation_leads_to_its_entry_and_brings_it_along(pages, site):
    entries = {tag["id"]: tag for tag in pages[site / "docs" / "references.html"].select("div.citation[id]")}
    assert len(entries) > 50
    cited = set()
    for path, page in pages.items():
        for link in page.select("a.cited"):
            key = link["href"].partition("#")[2]
            note = page.find(id=link["aria-describedby"])
            said = [" ".join(tag.get_text().split()) for tag in (note, entries[key].p)]
            assert said[0] == said[1]
            assert note["role"] == "tooltip"
            assert note.has_attr("hidden"), f"{path.name}: out of sight until it is asked for"
            cited.add(key)
    assert len(cited) > 45


@every_language
def test_no_citation_of_a_page_lacks_its_entry(language, pages, site):
    places = [*(site / language).glob("notebooks/*.html"), *(site / language).glob("docs/*.html")]
    lacking = []
    for path in places:
        if path.stem == "references":
            continue
        article = bs4.BeautifulSoup(str(pages[path].article), "html.parser")
        for part in article.select("a, pre, code, h1, h2, h3, .notes, .math"):
            part.replace_with("§")
        text = MONTHS.sub("", " ".join(article.get_text().split()))
        lacking += [f"{path.stem}: {found[0]}" for found in DATED.finditer(text) if "§" not in text[found.end() :][:3]]
    assert not lacking


@pytest.mark.parametrize(
    ("source", "settings"),
    [
        ("vaelib.lab()", ""),
        ("vaelib.lab(images, labels, beta=4.0, noise=False)", "beta=4.0&noise=false"),
        ('one = vaelib.lab(data="ring", hidden=widths, seed=1)\none', "data=ring&seed=1"),
    ],
)
def test_a_lab_of_a_notebook_opens_on_the_site_as_the_cell_says(monkeypatch, source, settings):
    monkeypatch.syspath_prepend(ROOT / "docs")
    from book import lab_of

    live = lab_of(source)
    assert (live["page"], live["settings"]) == ("lab", settings)


def test_every_widget_shows_something_without_a_kernel(pages, site):
    for path in words.notebooks():
        code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        code = [cell for cell in code if "remove-cell" not in cell.metadata.get("tags", [])]
        shown = pages[site / "notebooks" / f"{path.stem}.html"].select("div.cell")
        for number, (cell, place) in enumerate(zip(code, shown, strict=True)):
            if any("application/vnd.jupyter.widget-view+json" in output.get("data", {}) for output in cell.outputs):
                assert place.select(".cell_output img, .cell_output pre, .cell_output table") or next_live(place.div), (
                    f"{path.stem}, code cell {number}"
                )


def test_pages_that_are_not_translated_say_so(pages, site):
    complete = tomllib.loads((ROOT / "docs" / "translated.toml").read_text(encoding="utf-8"))
    for language, names in complete.items():
        assert (site / language / "index.html").exists()
        for path in [*(site / language).glob("docs/*.html"), *(site / language).glob("notebooks/*.html")]:
            name = path.relative_to(site / language).with_suffix("").as_posix()
            assert bool(pages[path].select(".untranslated")) == (name not in names), name


def test_the_reference_describes_every_public_name(pages, site):
    import vaelib

    described = {tag["id"].rsplit(".", 1)[-1] for tag in pages[site / "docs" / "api.html"].find_all("dt", id=True)}
    assert {name for name in vaelib.__all__ if not ismodule(getattr(vaelib, name))} <= described


def test_translations_that_are_kept_complete_are_complete():
    check = subprocess.run([sys.executable, "docs/build.py", "untranslated"], cwd=ROOT, capture_output=True, text=True)
    assert check.returncode == 0, check.stdout


FRONT = ["index", "lab", "404"]  # the pages of the catalogue "front"


def attributes(page):
    """What is said in no text of a page: its description, names of places, titles of frames."""
    return [value for tag in page.find_all() for value in tag.attrs.values() if isinstance(value, str)]


UNSEEN = {""}
if not tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["vaelib"]["repository"]:
    UNSEEN.add("Open in Colab")


CATALOGUES = sorted(ROOT.glob("docs/locale/*/LC_MESSAGES/*/*.po"))


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.stem)
def test_translations_are_on_their_pages(catalogue, pages, site):
    language, _, folder, _ = catalogue.relative_to(ROOT / "docs" / "locale").parts
    names = FRONT if catalogue.stem == "front" else [f"{folder}/{catalogue.stem}"]
    own = [pages[site / language / f"{name}.html"] for name in names]
    shown = " ".join(" ".join(text.split()) for page in own for text in (page.get_text(), *attributes(page)))
    assert {page.html["lang"] for page in own} == {language}
    # What code prints a page says where the notebook was run in its language.
    by_code = words.printed_by(ROOT / "notebooks" / f"{catalogue.stem}.ipynb") if folder == "notebooks" else []
    with catalogue.open("rb") as file:
        messages = [
            message.string for message in read_po(file) if message.id not in UNSEEN.union(by_code) and not message.fuzzy
        ]
    without_markup = [text for text in messages if not re.search(r"""[$`*{\[\\'"<%]""", text)]
    assert without_markup
    assert not [text for text in without_markup if " ".join(text.split()) not in shown]
