"""What a notebook's code prints is found, and said in another language; all else in the code stays as it is."""

import ast
import importlib.util
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("sphinx_intl")

import editions
import printed
import untranslated
import words
from babel.messages import Catalog
from babel.messages.pofile import write_po
from test_translations import numbers_that_differ

import vaelib
from vaelib import languages

NOTEBOOKS = words.notebooks()


def alike(source):
    """A cell's code without what another language may change: strings, the order of their fields, and `said`."""

    class Bare(ast.NodeTransformer):
        def visit_Constant(self, node):
            return ast.Constant("") if isinstance(node.value, str) else node

        def visit_JoinedStr(self, node):
            self.generic_visit(node)
            return ast.Set(sorted((part for part in node.values if not isinstance(part, ast.Constant)), key=ast.dump))

        def visit_Call(self, node):
            called = ast.unparse(node)
            self.generic_visit(node)
            return node.args[-1] if called.startswith(("said(", "map(said, ")) else node

    return ast.dump(Bare().visit(ast.parse(source)))


# --- what is found


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ('print("no field")', ["no field"]),
        ('print(f"mean {x.mean():.2f} of {n:,} draws")', ["mean {x.mean():.2f} of {n:,} draws"]),
        ('print(\n    f"one line {x}, "\n    f"another {y}"\n)', ["one line {x}, ", "another {y}"]),
        ("""print(f"the mean of {runs['a run'][0]:.0f} runs")""", ["the mean of {runs['a run'][0]:.0f} runs"]),
        ('print(f"{n:>2} of {{}} nats".format(load("a file")))', ["{n:>2} of {{}} nats"]),
        ('print("{:.0f} nats".format(*found["a key"]))', ["{:.0f} nats"]),
        ('print("steps " + " and ".join(f"{n} of all" for n in load("a file")), end=" ", sep="\\n")', None),
        ('print("yes, said" if kind == "a kind" else "no, not said")', ["yes, said", "no, not said"]),
        ('print(f"{mean:.1f}", f"{x}", "±", "=" * 60, found["a key"], load("a file"), f"{mean:{width}.1f}")', []),
        ("""print(f"slopes {', '.join(f'{s:.1f} of each' for s in slopes)}")""", None),
        ('if a == "b":\n    def f():\n        print("deep inside")', ["deep inside"]),
        ('report("handed to another"), ax.set_title("a title"), [f"a list of {x}"]', []),
    ],
)
def test_the_texts_that_are_printed_are_found_with_their_fields(source, texts):
    known = {
        "steps": ["steps ", " and ", "{n} of all"],
        "slopes": ["slopes {', '.join(f'{s:.1f} of each' for s in slopes)}", "{s:.1f} of each"],
    }
    wanted = next(found for word, found in known.items() if word in source) if texts is None else texts
    assert printed.texts(source) == wanted


def test_the_names_that_are_printed_are_found():
    source = """
def report(name, value):
    print(f"{name:<9} {value:.1f} and {title}")
for kind, x in {"first kind": 1, "VAE": 2}.items():
    print(kind, f"{kind!r} {x}")
    print(f"{'a heading':<20}{'a choice' if x else other:>9}{found['a key']}{kind == 'x'}")
shown = [f"seed {n}, {x:.1f}, {at}" for n in y for at in ("in between", "z")]
print(", ".join(shown), *shown)
"""
    notebook = f"{source}\nreport('by place', 1), report(name='by name', value=2), draw('no name')\nother = 'elsewhere'"
    wanted = {"by place", "by name", "first kind", "a heading", "a choice", "elsewhere", "in between"}
    assert set(printed.names(source, notebook)) == wanted | {"seed {0}, {1}, {2}"}


# --- what becomes of it


def test_a_text_is_translated_where_it_is_printed_and_the_code_stays():
    source = """
runs = {"mean": f"mean {x}"}  # "mean"
for name in runs:
    print(
        f"{name:<9} mean {x['mean']:.2f} of {n}, "
        f"mean",  # as printed
        end="mean\\n",
    )
"""
    words = {"{name:<9} mean {x['mean']:.2f} of {n}, ": "{name:<9} {n}의 평균 {x['mean']:.2f}, ", "mean": "평균"}
    assert (
        printed.translated(source, words.get)
        == """
runs = {"mean": f"mean {x}"}  # "mean"
for name in runs:
    print(
        f"{said(name):<9} {n}의 평균 {x['mean']:.2f}, "
        f"평균",  # as printed
        end="mean\\n",
    )
"""
    )


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("print(name)", "print(said(name))"),
        ("print(*names)", "print(*map(said, names))"),
        ("print(', '.join(names))", "print(', '.join(map(said, names)))"),
        ("print(f'{name:>7}{name!r}{name:.2f}')", "print(f'{said(name):>7}{name!r}{name:.2f}')"),
        ("print(f\"{'mean' if a else ''}\")", "print(f\"{said('mean' if a else '')}\")"),
        ("print(f\"{name + ' mean':<9}\")", "print(f\"{said(name) + ' mean':<9}\")"),
        ("print(f\"{x + 'mean':<9}\")", "print(f\"{x + said('mean'):<9}\")"),
        ("name = f(name), 'mean'", "name = f(name), 'mean'"),
    ],
)
def test_a_name_is_translated_as_it_is_printed(source, made):
    head = "name, names = 'mean', ['mean']\n"
    assert printed.translated(head + source, {"mean": "평균"}.get) == head + made
    assert printed.translated(head + source, {}.get) == head + source


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("평균", "the fields of"),
        ("평균 {x:.1f}", "the fields of"),
        ("평균 {x:.2f} {x:.2f}", "the fields of"),
        ('평균 "{x:.2f}"', "between its quotes"),
        ("평균\n{x:.2f}", "between its quotes"),
        ('평균 {x:.2f}") + f("', "between its quotes"),
    ],
)
def test_a_translation_that_would_change_the_code_is_refused(words, error):
    with pytest.raises(ValueError, match=error):
        printed.translated('print(f"mean {x:.2f}")', lambda text: words)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_with_every_text_in_another_language_the_code_does_the_same(path):
    own = words.own_code(nbformat.read(path, as_version=4))
    notebook, asked = "\n".join(own), []

    def stand_in(text):
        asked.append(text)
        return f"말 {text}"

    made = [printed.translated(source, stand_in, notebook) for source in own]
    assert [alike(source) for source in made] == [alike(source) for source in own]
    assert {text for source in own for text in printed.texts(source)} <= set(asked)
    changed = [one != other for one, other in zip(made, own, strict=True)]
    assert changed == ["말 " in source or "said(" in source or "(said" in source for source in made]


def test_a_language_is_spoken_by_a_name_as_wide_as_it_looks(monkeypatch):
    monkeypatch.setattr(languages, "_spoken", None)
    vaelib.language("ko")
    assert (f"{languages.said('epoch'):<9}|", f"{languages.said('epoch'):>9}|") == ("에포크   |", "   에포크|")
    assert (f"{languages.said('epoch'):.^8}", f"{languages.said('epoch'):2}") == (".에포크.", "에포크")
    assert (f"{languages.said('no such words'):<15}|", languages.said(3)) == ("no such words  |", 3)
    assert (languages.said("epoch 3"), f"{languages.said(''):<3}|") == ("에포크 3", "   |")
    assert f"{languages.said('epoch') + ':':<9}|{'a ' + languages.said('epoch'):<9}|" == "에포크:  |a 에포크 |"


# --- the catalogues


def test_what_a_notebook_prints_is_asked_for_on_its_page(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("build_of_docs", editions.ROOT / "docs" / "build.py")
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)

    def sphinx(*arguments):
        folder = Path(arguments[-1])
        for name in ("docs/index", *(f"notebooks/{path.stem}" for path in NOTEBOOKS)):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with (folder / f"{name}.pot").open("wb") as file:
                write_po(file, Catalog())

    monkeypatch.setattr(build, "sphinx", sphinx)
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(editions, "LOCALE", tmp_path / "none")
    monkeypatch.setattr(words, "template", list)
    lacking = untranslated.untranslated("ko", build.templates())
    assert "log p(x|z) of the first digit at five draws of z:" in lacking["notebooks/02_naive_likelihood"]
    assert lacking["notebooks/00_start_here"] == []


def test_numbers_and_fields_of_what_is_printed_are_compared():
    english = "at most {x.max():.2f} of {n} digits, {2 * y:.1%} of 784"
    assert not any(numbers_that_differ("ko", english, "784 중 {2 * y:.1%}, 숫자 {n}장 중 최대 {x.max():.2f}"))
    assert any(numbers_that_differ("ko", english, "783 중 {2 * y:.1%}, 숫자 {n}장 중 최대 {x.max():.2f}"))
    assert any(numbers_that_differ("ko", english, "784 중 {2 * y:.2%}, 숫자 {n}장 중 최대 {x.max():.2f}"))
