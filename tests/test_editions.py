"""The documents and the notebooks in other languages are made of the English ones, and in step with them."""

import importlib
import json
import re
import subprocess
import sys
import tomllib
from types import SimpleNamespace

import nbformat
import pytest
from click.testing import CliRunner

pytest.importorskip("sphinx_intl")

import book
import editions
import front
import stamp
import translate
import untranslated
import words
from test_printed import alike

import vaelib
from vaelib import lettering

NOTEBOOKS = sorted(editions.ROOT.glob("notebooks/[0-9]*.ipynb"))
PYPROJECT = (editions.ROOT / "pyproject.toml").read_text(encoding="utf-8")
LANGUAGES = [path.name for path in editions.LOCALE.iterdir()]
MARKDOWN = r"""# A heading

> **Time**: an hour
> to read;
>
> - one thing $x$;
> - and another
>   on two lines.

| symbol | meaning |
|---|---|
| $a \| b$ | the meaning |
| $c$ | the meaning |

From $q \| p$.

<details><summary>Hint</summary>

```python
heading = "A heading"
```

$$ x = 1 $$

The last one.
</details>"""
OTHERS = {
    "A heading": "제목",
    "**Time**: an hour to read;": "**시간**: 한 시간;",
    "and another on two lines.": "또 하나.",
    "$a | b$": "$b | a$",
    "the meaning": "뜻",
    r"From $q \| p$.": r"$q \| p$에서.",
    "Hint": "힌트",
    "The last one.": "마지막.",
}
TRANSLATED = r"""# 제목

> **시간**: 한 시간;
>
> - one thing $x$;
> - 또 하나.

| symbol | meaning |
|---|---|
| $b \| a$ | 뜻 |
| $c$ | 뜻 |

$q \| p$에서.

<details><summary>힌트</summary>

```python
heading = "A heading"
```

$$ x = 1 $$

마지막.
</details>"""


def test_the_languages_of_the_site_are_those_that_are_kept_complete():
    complete = tomllib.loads((editions.ROOT / "docs" / "translated.toml").read_text(encoding="utf-8"))
    assert list(editions.LANGUAGES) == ["en", *complete]
    assert editions.LANGUAGES["ko"] == "한국어"
    assert list(front.languages_from("ko")) == list(editions.LANGUAGES)


every_language = pytest.mark.parametrize("language", LANGUAGES)
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_texts_change_and_the_rest_of_the_markdown_stays():
    assert translate.translated(MARKDOWN, OTHERS.get) == TRANSLATED


def test_without_a_catalogue_nothing_changes():
    assert translate.translated(MARKDOWN, {}.get) == MARKDOWN


def test_every_text_is_asked_for():
    assert set(OTHERS) <= set(translate.texts(MARKDOWN))
    assert "$$ x = 1 $$" not in translate.texts(MARKDOWN)


def test_a_text_that_changed_since_is_english(tmp_path, monkeypatch):
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    folder = tmp_path / "ko" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    text = head + '#, fuzzy\nmsgid "changed"\nmsgstr "옛말"\n\nmsgid "known"\nmsgstr "새말"\n'
    (folder / "README.po").write_text(text, encoding="utf-8")
    monkeypatch.setattr(editions, "LOCALE", tmp_path)
    find = editions.lookup("ko", "README")
    assert (find("known"), find("changed"), find("unknown")) == ("새말", None, None)


every_document = pytest.mark.parametrize("name", editions.DOCUMENTS)


@every_language
@every_document
def test_a_document_is_in_step_and_all_of_it_in_its_language(language, name):
    command = "python docs/build.py catalogues"
    text = editions.document_in(language, name).read_text(encoding="utf-8")
    assert text == editions.document(language, name), f"{name}.md or its catalogue has changed: {command}"
    catalogue = editions.catalogue_of(language, name)
    known = {message.id for message in words.read(catalogue)}
    assert known == {message.id for message in editions.document_catalogue(language, name)}, command
    assert untranslated.missing(editions.document_template(name), catalogue) == []


TO_A_DOCUMENT = re.compile(r"\]\(((?:README|CONTRIBUTING)[.\w]*\.md)[)#]")


@every_document
def test_a_document_offers_its_languages_and_leads_to_documents_in_its_own(name):
    every = {language: editions.document_in(language, name).name for language in editions.LANGUAGES}
    offered = " · ".join(f"[{said}]({every[language]})" for language, said in editions.LANGUAGES.items())
    for language, document in every.items():
        head, own, text = (editions.ROOT / document).read_text(encoding="utf-8").partition(offered)
        assert head.count("\n\n") == 1
        assert own == offered
        others = {editions.document_in(language, other).name for other in editions.DOCUMENTS}
        assert set(TO_A_DOCUMENT.findall(text)) <= others


def test_the_badges_of_the_readme_are_in_its_language(tmp_path, monkeypatch):
    english = stamp.stamped_readme(editions.document_in("en", "README").read_text(encoding="utf-8"), "someone/vaelib")
    (tmp_path / "README.md").write_text(english, encoding="utf-8")
    known = {message.id for message in editions.document_template("README")}
    monkeypatch.setattr(editions, "ROOT", tmp_path)
    assert {message.id for message in editions.document_template("README")} == known
    badges = editions.document("ko", "README").split("\n\n")[1]
    own = "https://colab.research.google.com/github/someone/vaelib/blob/editions/notebooks/ko/00_start_here.ipynb"
    assert f"]({own})" in badges
    assert "Colab에서 열기: 첫 노트북]" in badges
    assert "Open in" not in badges


OPENED_BY_COLAB = {"en": ("main/notebooks", "Open in Colab"), "ko": ("editions/notebooks/ko", "Colab에서 열기")}


@pytest.mark.parametrize("repository", ["", "someone/vaelib"])
@pytest.mark.parametrize("language", editions.LANGUAGES)
def test_each_card_of_the_front_page_leads_to_colab_where_there_is_a_repository(
    language, repository, tmp_path, monkeypatch
):
    setting = re.sub('^repository = ".*?"', f'repository = "{repository}"', PYPROJECT, flags=re.MULTILINE)
    (tmp_path / "pyproject.toml").write_text(setting, encoding="utf-8")
    for name in ("figures", "CITATION.cff"):
        (tmp_path / name).symlink_to(editions.ROOT / name)
    monkeypatch.setattr(front, "ROOT", tmp_path)
    for lab in ("brief_lab", "page_state"):
        monkeypatch.setattr(front, lab, lambda: {"train": []})
    try:
        front.write_front(tmp_path, language)
    finally:
        vaelib.language("en")
    cards = re.findall(r'<li class="card">.*?</li>', (tmp_path / "index.html").read_text(encoding="utf-8"), re.DOTALL)
    links = [re.findall(r'<a href="(https://colab[^"]*)">([^<]+)</a>', card) for card in cards]
    folder, said = OPENED_BY_COLAB[language]
    address = f"https://colab.research.google.com/github/{repository}/blob/{folder}"
    assert links == [[(f"{address}/{path.name}", said)] * bool(repository) for path in NOTEBOOKS]


@every_language
def test_what_the_readme_and_the_cards_show_has_its_words_in_the_language(language, tmp_path):
    there = {path.stem for path in (editions.FIGURES / language).glob("*.png")}
    assert there == front.shown()
    for name in editions.DOCUMENTS:
        text = editions.document_in(language, name).read_text(encoding="utf-8")
        assert not there & set(editions.FIGURE.findall(text))
    for each in ("en", language):
        front.card(NOTEBOOKS[0], "", tmp_path / each, each)
    english, other = ((tmp_path / each / "00.webp").read_bytes() for each in ("en", language))
    assert english != other


def test_a_figure_that_a_run_has_drawn_is_kept_for_its_language(tmp_path, monkeypatch):
    (tmp_path / "run" / "figures").mkdir(parents=True)
    for name in ("map", "other"):
        (tmp_path / "run" / "figures" / f"{name}.png").write_bytes(name.encode())
    (tmp_path / "published").mkdir()
    monkeypatch.setattr(editions, "RUN", tmp_path / "run")
    monkeypatch.setattr(editions, "FIGURES", tmp_path / "published")
    editions.keep_figures("ko", {"map"})
    assert [path.read_bytes() for path in (tmp_path / "published").rglob("*.png")] == [b"map"]
    assert editions.figure_in("ko", "map") == tmp_path / "published" / "ko" / "map.png"
    assert editions.figure_in("ko", "other") == tmp_path / "published" / "other.png"


@every_language
def test_the_readme_quotes_a_message_as_a_notebook_in_its_language_says_it(language):
    (said,) = (one for one in words.read(words.path_of(language)) if "figure was not saved as {path}" in one.id)
    quoted = said.string.partition(": {reason}")[0].replace("{path}", "…")
    assert f"“{quoted}”" in editions.document_in(language, "README").read_text(encoding="utf-8")


def without(catalogue, path, folder=None):
    """Write the catalogue without the translation of its first long text, of a folder's if one is named; say which."""
    emptied = words.read(catalogue)
    long = [message for message in words.done(emptied) if len(message.id) > 60]
    message = next(one for one in long if folder is None or one.locations[0][0].startswith(folder))
    message.string = ""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(words.written(emptied))
    return message.id


@every_document
def test_a_document_with_an_untranslated_text_is_not_complete(name, tmp_path, monkeypatch):
    monkeypatch.setattr(words, "template", list)
    emptied = without(editions.catalogue_of("ko", name), tmp_path / "ko" / "LC_MESSAGES" / f"{name}.po")
    assert untranslated.untranslated("ko", tmp_path)[name] == []
    monkeypatch.setattr(editions, "LOCALE", tmp_path)
    assert untranslated.untranslated("ko", tmp_path)[name] == [emptied]
    assert emptied in " ".join(editions.document("ko", name).split())


def test_a_notebook_with_an_untranslated_caption_is_not_complete(tmp_path, monkeypatch):
    emptied = tmp_path / "ko" / "LC_MESSAGES" / "vaelib.po"
    without(words.path_of("ko"), emptied, "vaelib/")
    without(emptied, emptied, "notebooks/")
    monkeypatch.setattr(words, "path_of", lambda language: emptied)
    monkeypatch.setattr(editions, "DOCUMENTS", ())
    lacking = untranslated.untranslated("ko", tmp_path)
    assert {page: len(texts) for page, texts in lacking.items() if texts} == {"notebooks/00_start_here": 1, "vaelib": 1}


@pytest.mark.parametrize(
    ("english", "korean"),
    [
        (
            "https://host/github/a/b/blob/main/notebooks/03.ipynb",
            "https://host/github/a/b/blob/editions/notebooks/ko/03.ipynb",
        ),
        (
            "https://mybinder.org/v2/gh/a/b/main?urlpath=lab/tree/notebooks/03.ipynb",
            "https://mybinder.org/v2/gh/a/b/editions?urlpath=lab/tree/notebooks/ko/03.ipynb",
        ),
        (
            "https://github.com/a/b/blob/main/notebooks/README.md",
            "https://github.com/a/b/blob/main/notebooks/README.md",
        ),
    ],
)
def test_colab_and_binder_open_the_notebook_of_the_language(english, korean):
    assert editions.address_in("ko", english) == korean
    assert editions.address_in("en", english) == english


def test_the_links_of_a_notebook_are_in_its_language(tmp_path):
    link = "[Open in Colab](https://host/github/a/b/blob/main/notebooks/00_start_here.ipynb)"
    english = nbformat.read(NOTEBOOKS[0], as_version=4)
    english.cells[0].source = english.cells[0].source.replace("\n\n", f"\n\n{link}\n\n", 1)
    nbformat.write(english, tmp_path / NOTEBOOKS[0].name)
    made = editions.notebook(tmp_path / NOTEBOOKS[0].name, "ko")
    own = "https://host/github/a/b/blob/editions/notebooks/ko/00_start_here.ipynb"
    assert f"[Colab에서 열기]({own})" in made.cells[0].source
    assert not editions.says_something(link)


def test_a_notebook_is_offered_as_it_was_run_unless_it_has_changed_since(tmp_path, monkeypatch):
    monkeypatch.setattr(editions, "RUN", tmp_path / "run")
    (tmp_path / "run" / "ko").mkdir(parents=True)
    for path, changed in zip(NOTEBOOKS[:2], ("", "\n# changed"), strict=True):
        run = editions.notebook(path, "ko")
        run.cells[1].outputs = [nbformat.v4.new_output("stream", text="ran")]
        run.cells[1].source += changed
        nbformat.write(run, tmp_path / "run" / "ko" / path.name)
    editions.write_downloads("ko", tmp_path / "site")
    offered = [nbformat.read(tmp_path / "site" / path.name, as_version=4) for path in NOTEBOOKS]
    assert [bool(made.cells[1].outputs) for made in offered] == [True] + [False] * (len(NOTEBOOKS) - 1)


def test_a_page_shows_the_code_and_outputs_of_the_run_in_its_language(tmp_path, monkeypatch):
    monkeypatch.setattr(editions, "RUN", tmp_path)
    path = NOTEBOOKS[1]
    english, run = nbformat.read(path, as_version=4), editions.notebook(path, "ko")
    assert editions.for_page(path, "ko") == english, "nothing was run"
    for cell in run.cells:
        if cell.cell_type == "code":
            cell.outputs = [nbformat.v4.new_output("stream", text="ran")]
    (tmp_path / "ko").mkdir()
    nbformat.write(run, tmp_path / "ko" / path.name)
    names = {"env": SimpleNamespace(doc2path=lambda name: path), "config": SimpleNamespace(language="ko")}
    book.as_run(SimpleNamespace(**names), "notebooks/01", read := [path.read_text(encoding="utf-8")])
    page = nbformat.reads(read[0], as_version=4)
    for shown, own, cell in zip(page.cells, run.cells, english.cells, strict=True):
        if cell.cell_type == "code":
            assert (shown.source, shown.outputs) == (own.source, own.outputs)
        else:
            assert shown.source == cell.source, "Sphinx translates the prose"


LIVE = """import matplotlib.pyplot as plt
fig, ax = plt.subplots(figsize=(2, 1))
title = ax.set_title("gap")


def update(n):
    title.set_text(f"epoch {n}")
    return title


vaelib.live_figure(fig, update, n=[1, 2], labels={"n": "epoch"}, alt="A title.")"""


def test_a_run_keeps_the_pictures_of_live_figures_for_the_pages_in_its_language(tmp_path, monkeypatch):
    for name in ("ROOT", "RUN", "LIVE"):
        monkeypatch.setattr(editions, name, tmp_path / name.lower())
    cells = [
        nbformat.v4.new_code_cell(source) for source in ("from vaelib import devices\n", LIVE, "len(Out), 'after'")
    ]
    path = tmp_path / "root" / "notebooks" / "90_tiny.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    english = tmp_path / "live" / "90_tiny-1.json"
    assert editions.frames_in("ko", english) == english
    made = nbformat.read(editions.write_notebook(path, "ko", tmp_path / "run" / "ko"), as_version=4)
    assert [cell.execution_count for cell in made.cells] == [1, 2, 3]
    assert made.cells[2].outputs[0].data["text/plain"] == "(1, 'after')"
    kept = editions.frames_in("ko", english)
    frames = json.loads(kept.read_text(encoding="utf-8"))
    assert frames["sliders"] == [{"label": "에포크", "places": ["1", "2"], "start": 0}]
    cells[2].source += "  # changed"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    assert editions.frames_in("ko", english) == english


WORDS = """import matplotlib.pyplot as plt
import vaelib

fig, ax = plt.subplots(figsize=(2, 1))
ax.set(title="no such words\\nepoch", xlabel="epoch", ylabel="VAE", xticks=[0], xticklabels=["ELBO"])
ax.text(0, 0, "log p(x|z) = 7")
vaelib.figures.show(fig, alt="A title.", caption="A picture.")"""


@pytest.mark.skipif(lettering.font_for("ko") is None, reason="a picture keeps its English words without a Korean font")
def test_a_run_tells_what_its_pictures_say_in_english(tmp_path, monkeypatch):
    monkeypatch.setattr(editions, "LIVE", tmp_path / "live")
    path = tmp_path / "90_tiny.ipynb"
    for drawn, left in ((WORDS, ["no such words"]), (WORDS.replace("no such words", "epoch"), [])):
        cells = [nbformat.v4.new_code_cell(source) for source in ("from vaelib import devices\n", drawn)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
        editions.write_notebook(path, "ko", tmp_path / "run")
        assert untranslated.in_pictures(path, "ko") == left


def test_notebooks_are_not_made_where_no_font_has_the_letters_of_their_pictures(monkeypatch):
    monkeypatch.setattr(lettering, "_families", frozenset)
    monkeypatch.setattr(editions, "write_notebook", lambda *_: pytest.fail("made without a font"))
    ended = CliRunner().invoke(importlib.import_module("build").main, ["notebooks", "03_elbo"])
    assert ended.exit_code == 1
    assert "fonts-nanum" in ended.output


FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$]+\$", re.DOTALL)


def formulas(notebook):
    """The formulas of each cell, each on one line."""
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return [set(FORMULA.findall(re.sub(translate.CONTINUED, " ", source))) for source in prose]


@every_language
@every_notebook
def test_a_notebook_changes_in_its_prose_and_what_it_prints_alone(language, path):
    english, made = nbformat.read(path, as_version=4), editions.notebook(path, language)
    code = [[cell.source for cell in notebook.cells if cell.cell_type == "code"] for notebook in (english, made)]
    said = "\nfrom vaelib.languages import said" if any("said" in source for source in code[1][1:]) else ""
    spoken = f'import vaelib\nfrom vaelib import devices{said}\n\n_ = vaelib.language("{language}")\ndevices.explain()'
    assert code[1][0] == code[0][0].replace("from vaelib import devices\n\ndevices.explain()", spoken)
    assert spoken in code[1][0]
    assert list(map(alike, code[1][1:])) == list(map(alike, code[0][1:]))
    assert formulas(made) == formulas(english)
    assert not any(cell.get("outputs") for cell in made.cells)
    assert "<summary>Hint</summary>" not in "".join(cell.source for cell in made.cells)
    nbformat.validate(made)


def test_what_a_notebook_prints_is_in_its_language(monkeypatch):
    others = {"V exact: {V:.2f}, from all two million single draws: {simulated:.2f}": "{V:.2f}, {simulated:.2f}"}
    monkeypatch.setattr(editions, "lookup", lambda *page: (others | {"half a pixel": "반 픽셀"}).get)
    code = [cell.source for cell in editions.notebook(NOTEBOOKS[2], "ko").cells if cell.cell_type == "code"]
    assert sum('\nprint(f"{V:.2f}, {simulated:.2f}")\n' in source for source in code) == 1
    assert sum("{said(name):>12}: median squared" in source for source in code) == 1
    assert "\nimport vaelib\nfrom vaelib import devices\nfrom vaelib.languages import said\n" in code[0]
    assert "half a pixel" in "".join(code)


def prose(language):
    """The lines of all notebooks in the order of reading, without titles and the tables of the overview."""
    for path in NOTEBOOKS:
        for cell in editions.notebook(path, language).cells:
            if cell.cell_type == "markdown":
                skipped = ("#", "|") if path == NOTEBOOKS[0] else "#"
                yield from (line for line in cell.source.splitlines() if not line.startswith(skipped))


@every_language
def test_a_term_has_its_english_beside_it_at_its_first_use(language):
    """Next to the term, which may be emphasised there."""
    listed = tomllib.loads((editions.LOCALE / language / "words.toml").read_text(encoding="utf-8"))
    lines = list(prose(language))
    for term in listed["in_brackets"]:
        word = rf"(?<!오토){listed['terms'][term].partition('(')[0]}"  # 오토인코더 is another
        first = next(line for line in lines if re.search(word, line))
        assert re.search(rf"{word}\*{{0,2}} ?\([^)]*{term}", first, re.IGNORECASE), first


def test_a_notebook_with_a_catalogue_is_in_its_language():
    made = editions.notebook(editions.ROOT / "notebooks" / "00_start_here.ipynb", "ko")
    assert made.cells[0].source.startswith("# 0\\. 이 시리즈에는 무엇이 있고, 어떻게 실행할까요?")


@every_language
@pytest.mark.parametrize(
    "path", [NOTEBOOKS[0], *(pytest.param(path, marks=pytest.mark.slow) for path in NOTEBOOKS[1:])]
)
def test_a_notebook_runs_in_its_language(language, path, tmp_path):
    written = editions.write_notebook(path, language, tmp_path / "notebooks" / language)
    made = nbformat.read(written, as_version=4)
    outputs = [output for cell in made.cells if cell.cell_type == "code" for output in cell.outputs]
    told = "".join(output.get("data", {}).get("text/plain", "") for output in outputs)
    assert editions.lookup(language, "")("Not attempted") in told
    assert "Not attempted" not in told
    assert untranslated.in_pictures(path, language) == []
    if path == NOTEBOOKS[0]:  # all are compared once a week, by the session "editions" of tests/noxfile.py
        options = ("-q", "-p", "no:cacheprovider", "-c", "pyproject.toml", "--rootdir", str(editions.ROOT))
        again = [sys.executable, "-m", "pytest", *options, str(written)]
        compared = subprocess.run(again, cwd=editions.ROOT, capture_output=True, text=True)
        assert compared.returncode == 0, compared.stdout
        assert f"{sum(cell.cell_type == 'code' for cell in made.cells)} passed" in compared.stdout
