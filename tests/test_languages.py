"""What the package says in another language: who chooses it, what is translated, and that its files are in step."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.ticker import FixedFormatter

pytest.importorskip("sphinx_intl")

import words

import vaelib
from vaelib import languages, lettering
from vaelib.exercises import bounds, training
from vaelib.exercises.verdict import Verdict, checker
from vaelib.explorer.draw import draw_digit
from vaelib.explorer.page import filled_page
from vaelib.laboratory.page import page_code
from vaelib.widgets.frames import frames_of

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "vaelib"
CHECKERS = sorted(PACKAGE.glob("exercises/*.py"))
CATALOGUES = sorted(PACKAGE.glob("locale/*/LC_MESSAGES/*.po"))
COMPLETE = tomllib.loads((ROOT / "docs" / "translated.toml").read_text(encoding="utf-8"))
every_catalogue = pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")


@pytest.fixture(autouse=True)
def english(monkeypatch):
    """As at the start, and so again at the end."""
    monkeypatch.setattr(languages, "_spoken", None)
    for name in ("VAELIB_LANG", *languages.FROM_LOCALE):
        monkeypatch.delenv(name, raising=False)


# --- who chooses


def test_english_where_nothing_is_chosen():
    assert vaelib.language() == "en"
    assert languages.tr("Reset") == "Reset"
    assert languages.page_words() == {}


@pytest.mark.parametrize(
    ("environment", "spoken"),
    [
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "C"}, "en"),
        ({"LANGUAGE": "en_US:ko", "LANG": "ko_KR.UTF-8"}, "en"),
        ({"LANG": "ko_KR.UTF-8", "VAELIB_LANG": "en"}, "en"),
        ({"LANG": "en_US.UTF-8", "VAELIB_LANG": "ko"}, "ko"),
    ],
)
def test_the_environment_chooses(monkeypatch, environment, spoken):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert vaelib.language() == spoken


def test_a_line_of_the_notebook_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv("VAELIB_LANG", "en")
    assert vaelib.language("ko") == "ko" == vaelib.language()
    assert languages.tr("Reset") == "처음으로"


def test_refuses_a_language_without_a_catalogue(monkeypatch):
    with pytest.raises(ValueError, match="language must be one of 'en', 'ko', got 'kr'"):
        vaelib.language("kr")
    monkeypatch.setenv("VAELIB_LANG", "korean")
    with pytest.raises(ValueError, match="VAELIB_LANG must be one of 'en', 'ko', got 'korean'"):
        languages.tr("Reset")


def test_choosing_a_language_needs_no_jax():
    program = "import sys, vaelib; vaelib.language('ko'); assert not {'jax', 'numpy', 'matplotlib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


# --- what is translated


def is_tr(node):
    """Whether a piece of code asks for a translation."""
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "tr"


def test_a_text_without_a_translation_stays_english():
    vaelib.language("ko")
    assert languages.tr("No such {what}.", what="text") == "No such text."


def test_verdicts():
    @checker
    def check(answer):
        """Right, in one line."""
        return None if answer == 1 else f"that is {answer}."

    vaelib.language("ko")
    assert repr(check(...)) == "아직 풀지 않았습니다: 위의 ...을 답으로 바꾸고 이 셀을 다시 실행하세요."
    assert repr(Verdict(True, "1")) == "맞았습니다: 1"
    assert bounds.check_jensen_gap(lambda m, s: s**2 / 2).message.startswith("log E[Y]는 m + s²/2이고")


@pytest.mark.parametrize("path", CHECKERS, ids=lambda path: path.stem)
def test_what_a_checker_says_passes_through_the_catalogue(path):
    """A sentence outside of `tr` would be English in every language; the answers that a reader picks from are."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    asked = {id(node) for call in ast.walk(tree) if is_tr(call) for node in ast.walk(call)}
    silent = asked | {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    said = {node.value for node in texts if id(node) not in silent and re.search("[a-z]{2,} [a-zA-Z]{2,}", node.value)}
    assert said <= set(training.BUG_ORDER)


SAYS_AS_IT_RUNS = {"print", "bar.write", "tqdm"}  # and the commands say what they do in English


def words_as_it_runs(tree):
    """What code prints and writes beside a bar that no `tr` translates: calls with such words in their arguments."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if ast.unparse(call.func) in SAYS_AS_IT_RUNS:
            asked = {id(node) for inner in ast.walk(call) if is_tr(inner) for node in ast.walk(inner)}
            texts = (node for node in ast.walk(call) if isinstance(node, ast.Constant) and id(node) not in asked)
            if any(isinstance(node.value, str) and re.search("[a-z]{2}", node.value) for node in texts):
                yield ast.unparse(call)


@pytest.mark.parametrize("name", ["print", "tqdm"])
def test_words_that_pass_no_catalogue_are_found(name):
    assert list(words_as_it_runs(ast.parse(f"{name}(paths, desc=f'reading {{folder}}')")))
    assert not list(words_as_it_runs(ast.parse(f"{name}(paths, desc=tr('reading {{folder}}', folder=folder))")))


def test_what_is_printed_passes_through_the_catalogue():
    paths = [path for path in PACKAGE.rglob("*.py") if path.name not in ("console.py", "__main__.py")]
    said = [text for path in paths for text in words_as_it_runs(ast.parse(path.read_text(encoding="utf-8")))]
    assert not said


def test_complaints():
    vaelib.language("ko")
    complaints = [
        bounds.check_jensen_gap(lambda m, s: m),
        bounds.check_jensen_gap(lambda m, s: -(s**2) / 2),
        training.check_grey_cost(784),
        training.check_bugs(dict.fromkeys("ABCD", "mean over pixels")),
    ]
    assert [complaint.message for complaint in complaints] == [
        "m = 0.27, s = 1.05에서의 간극은(는) 0.551897이어야 하는데 0.273923입니다.",
        "그것은 E[log Y] - log E[Y]입니다. 간극은 큰 쪽에서 작은 쪽을 뺀 값입니다.",
        "그것은 비트 단위입니다. 비트 하나는 log 2 nat입니다.",
        "A, B, D이(가) 틀렸습니다. 그러면 출력한 재구성 항이 784배 작습니다.",
    ]


def test_widgets_hand_the_page_its_words():
    vaelib.language("ko")
    model = vaelib.load_pretrained("bernoulli-z2")
    explorer = vaelib.explore(model)
    assert [button.description for button in explorer.buttons][:2] == ["사전 분포에서 뽑기", "실제 숫자 인코딩"]
    explorer.reset()
    assert explorer.picture.caption == "z = 0, 사전 분포의 평균입니다."
    for widget in (explorer.picture, draw_digit(model), vaelib.lab()):
        assert widget.words["Clear"] == "지우기"
    vaelib.language("en")
    assert vaelib.explore(model).picture.words == {}


def test_a_page_is_told_its_words_and_no_others():
    parts = {"title": "", "style": "", "code": 'tr("Clear")', "state": {}, "opens": "open", "without": ""}
    vaelib.language("ko")
    page = filled_page("x", **parts)
    assert '<html lang="ko">' in page
    assert 'speak({"Clear":"지우기"});' in page
    vaelib.language("en")
    assert "speak({});" in filled_page("x", **parts)


@pytest.mark.parametrize(
    "place", sorted(Path(vaelib.__file__).parent.glob("*/static/*.js")), ids=lambda path: path.name
)
def test_no_word_of_a_pages_code_is_left_out(place):
    vaelib.language("ko")
    code = place.read_text(encoding="utf-8")
    said = {json.loads(found) for found in re.findall(r'\btr\(\s*("(?:[^"\\]|\\.)*")', code)}
    assert said <= languages.page_words(code).keys()
    if "laboratory" in place.parts:
        assert said <= languages.page_words(page_code()).keys(), "and of the worker, whose code is a text in the page's"


# --- in step


@every_catalogue
def test_catalogues_hold_all_that_the_package_says(path):
    known = {message.id for message in words.read(path)}
    assert {message.id for message in words.template()} == known


@every_catalogue
def test_catalogues_are_complete_but_for_notebooks_that_are_not(path):
    complete = {f"{name}.ipynb" for name in COMPLETE[path.parts[-3]]}
    for message in words.catalogue(path):
        places = {place for place, _ in message.locations}
        if message.id and (complete & places or any(place.startswith("vaelib/") for place in places)):
            assert message.string, message.id
            assert not message.fuzzy, message.id


@every_catalogue
def test_what_is_read_at_run_time_is_what_the_catalogue_says(path):
    vaelib.language(path.parts[-3])
    spoken = {message.id: message.string for message in words.done(words.read(path))}
    assert {text: languages.tr(text) for text in spoken} == spoken
    files = words.compiled(words.catalogue(path))
    for name in words.LISTS:
        assert path.with_name(name).read_bytes() == files[name], name


def test_no_word_of_the_pages_is_missed():
    """Babel's reader of JavaScript passes over a call inside of a template's braces that has braces itself."""
    known = {message.id for message in words.template()}
    for path in PACKAGE.glob("*/static/*.js"):
        for quoted in re.findall(r'\btr\(\s*("(?:[^"\\]|\\.)*")', path.read_text(encoding="utf-8")):
            assert json.loads(quoted) in known, path.name


# --- in pictures


@pytest.fixture
def displayed(monkeypatch):
    """What a notebook would show."""
    shown = []
    monkeypatch.setattr("vaelib.figures.publish.display", shown.append)
    return shown


def labelled():
    figure, ax = plt.subplots()
    ax.set(xlabel="epoch", ylabel="a label without a translation")
    return figure, ax


def test_captions_are_translated(displayed):
    vaelib.language("ko")
    figure, _ = labelled()
    caption = "One colour for each quantity, wherever it is drawn."
    vaelib.figures.show(figure, alt="A sentence that no catalogue has.", caption=caption)
    assert displayed[0].text == "A sentence that no catalogue has."
    assert displayed[1].text == "양마다 색이 하나씩 있고, 어디에 그리든 같은 색입니다."
    assert "<summary>그림을 말로</summary>" in displayed[1].data["text/html"]


def test_words_in_a_picture_stay_english_without_a_font(monkeypatch):
    monkeypatch.setattr(lettering, "_families", lambda: frozenset({"DejaVu Sans"}))
    vaelib.language("ko")
    figure, ax = labelled()
    lettering.letter(figure)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "a label without a translation")


def test_words_in_a_picture_are_translated_where_a_font_has_their_letters(monkeypatch):
    monkeypatch.setattr(lettering, "_families", lambda: frozenset({"DejaVu Sans", "NanumGothic"}))
    vaelib.language("ko")
    figure, ax = labelled()
    lettering.letter(figure)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("에포크", "a label without a translation")
    assert ax.xaxis.label.get_fontfamily()[-1] == "NanumGothic"
    vaelib.language("en")
    figure, ax = labelled()
    lettering.letter(figure)
    assert ax.get_xlabel() == "epoch"


@pytest.mark.parametrize(
    "name",
    [
        lambda axis, names: axis.set_ticklabels(names),
        lambda axis, names: axis.set_major_formatter(FixedFormatter(names)),
        lambda axis, names: axis.set_major_formatter(lambda y, _: names[int(y)]),
    ],
)
def test_the_names_of_ticks_are_translated_and_stay_so_when_the_picture_is_drawn(monkeypatch, name):
    monkeypatch.setattr(lettering, "_families", lambda: frozenset({"DejaVu Sans", "NanumGothic"}))
    vaelib.language("ko")
    figure, ax = labelled()
    ax.set_yticks([0, 1])
    name(ax.yaxis, ["epoch", "no such words"])
    for _ in range(2):
        lettering.letter(figure)
        figure.canvas.draw()
    labels = ax.get_yticklabels()
    assert [label.get_text() for label in labels] == ["에포크", "no such words"]
    assert labels[0].get_fontfamily()[-1] == "NanumGothic"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_negative_numbers_of_a_picture_have_a_true_minus(monkeypatch, language):
    monkeypatch.setattr(languages, "_spoken", language)
    monkeypatch.setattr(lettering, "_families", lambda: frozenset({"DejaVu Sans", "NanumGothic"}))
    figure = plt.figure()
    axes = figure.subplots()
    title = axes.set_title(f"∂/∂σ {-0.5:.2f} (exact {-0.1:.2f}), 2-D, mnist-10, 1-3")
    axes.set_xticks([0, 1], [f"{value:.1f}" for value in (-1.0, 2.0)])
    lettering.letter(figure)
    figure.canvas.draw()
    assert title.get_text() == "∂/∂σ −0.50 (exact −0.10), 2-D, mnist-10, 1-3"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["−1.0", "2.0"]


def test_a_text_with_a_formula_takes_its_letters_from_the_one_family_it_has(monkeypatch):
    monkeypatch.setattr(lettering, "_families", lambda: frozenset({"NanumGothic"}))
    vaelib.language("ko")
    figure, ax = plt.subplots()
    ax.set(title="$z_{3}$, activity 1.37", xlabel="epoch")
    lettering.letter(figure)
    assert (ax.get_title(), ax.title.get_fontfamily()[0]) == ("$z_{3}$, 활성도 1.37", "NanumGothic")
    assert ax.xaxis.label.get_fontfamily()[0] != "NanumGothic"


def test_names_of_ticks_that_are_numbers_are_drawn_as_they_are(monkeypatch):
    monkeypatch.setattr(lettering, "_families", lambda: frozenset({"NanumGothic"}))
    vaelib.language("ko")
    figure, ax = labelled()
    ax.set(xticks=[0, 1], xticklabels=np.array([7, 12]))
    lettering.letter(figure)
    figure.canvas.draw()
    assert [label.get_text() for label in ax.get_xticklabels()] == ["7", "12"]


def test_what_code_builds_for_a_picture_becomes_a_pattern():
    source = (
        'ax.set_title(f"after {n} of {m:,} draws"), figures.show_rows({"a row": x, name: y}), ax.plot(f"no {word}")'
    )
    assert list(words.drawn(source)) == ["after {0} of {1} draws", "a row"]
    source = 'ax.plot(x, label="one draw" if n == 1 else f"{n} draws")'
    assert list(words.drawn(source)) == ["one draw", "{0} draws"]


def test_words_that_a_picture_takes_by_a_name_are_found():
    source = """
runs = {"usual": ("C0", 3), "wide" if wide else "narrow": load("a-file")}
for name, (color, n) in sorted(runs.items()):
    ax.plot(n, label=name)
    title.set_text(f"seed {n}".replace("-", "−"))
ax.set(yticklabels=[f"{'naive' if n else 'ELBO'}, {n}-D" for n in (1, 2)])
ax.set_title(given)
rows = {"first row": x, f"{n}, in z": x, "log_var": x} | {f"guess, {n}": x for n in runs}
rows["last row"], n = x, 3
figures.digit_rows(rows)
vaelib.live_figure(fig, update, way=["plain", "mirrored"])
def boxed(x, first, place="the middle", *, last, end="the end"):
    ax.text(x, label=place, title=end)
"""
    elsewhere = words.bound(ast.parse('given = "told before"; name = "of another cell"'))
    found = set(words.drawn(source, elsewhere))
    assert found >= {"usual", "wide", "narrow", "seed {0}", "naive, {0}-D", "ELBO, {0}-D", "told before"}
    assert found >= {"plain", "mirrored", "the middle", "the end", "first row", "{0}, in z", "guess, {0}", "last row"}
    assert not found & {"a-file", "of another cell", "log_var"}


def test_words_that_a_live_figure_writes_while_it_moves(monkeypatch):
    monkeypatch.setattr(lettering, "font_for", lambda name: "DejaVu Sans Mono")
    monkeypatch.setattr(lettering, "drawn", lambda text: text.replace("epoch", "Epoche"))
    figure, ax = plt.subplots()
    title = ax.set_title("epoch")

    def update(n):
        title.set_text(f"epoch {n}")
        return title

    live = vaelib.live_figure(figure, update, n=(1, 9, 2))
    assert title.get_text() == "Epoche 2"
    live.sliders["n"].value = 5
    assert title.get_text() == "Epoche 5"
    assert title.get_fontfamily().count("DejaVu Sans Mono") == 1


def test_the_choices_of_a_slider_are_told_and_code_gets_its_own():
    vaelib.language("ko")
    figure, ax = plt.subplots()
    (line,), seen = ax.plot([0, 1]), []
    live = vaelib.live_figure(figure, lambda way: seen.append(way) or line, way=["plain", "mirrored"])
    assert live.sliders["way"].label == "그대로"
    assert frames_of(live)["sliders"][0]["places"] == ["그대로", "뒤집음"]
    assert set(seen) == {"plain", "mirrored"}


@pytest.mark.parametrize(
    ("english", "korean"),
    [
        ("2 dimensions", "2차원"),
        ("hidden dimensions", "hidden dimensions"),
        ("$z_{3}$, activity 0.52", "$z_{3}$, 활성도 0.52"),
        ("learned decoder\nt = 0.5", "학습한 디코더\nt = 0.5"),
        ("learned decoder\nsome words", "learned decoder\nsome words"),
        ("epoch 3", "에포크 3"),
        ("1 epoch", "1에포크"),
        ("20 epochs", "20에포크"),
        ("Gaussian, gap 2.31", "가우시안, 간극 2.31"),
        ("a text that no pattern has", "a text that no pattern has"),
        ("ELBO per epoch", "ELBO per epoch"),
    ],
)
def test_a_text_with_fields_filled_in_is_translated(english, korean):
    vaelib.language("ko")
    assert languages.drawn(english) == korean
    vaelib.language("en")
    assert languages.drawn(english) == english


def test_every_pattern_of_a_language_can_be_filled_in():
    for path in PACKAGE.glob("locale/*/LC_MESSAGES/patterns.json"):
        for english, built in json.loads(path.read_text(encoding="utf-8")).items():
            count = len(languages.FIELD.findall(english))
            assert languages.FIELD.search(built.format(*"abcdefghij"[:count])) is None


def test_no_letter_is_an_empty_box():
    font = lettering.font_for("ko")
    if font is None:
        pytest.skip("no Korean font found: install one, such as Debian's fonts-nanum, to draw Korean words")
    vaelib.language("ko")
    figure, _ = labelled()
    lettering.letter(figure)
    figure.canvas.draw()  # matplotlib warns of a letter that no font of the text has, and a warning is an error here
