"""The README: its links and pictures are there, its commands are those that continuous integration runs."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import bs4
import nbformat
import pytest

import vaelib
from vaelib.__main__ import train

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_links_and_pictures_exist(target):
    assert not target.startswith("http") or target.startswith("https://")
    assert target.startswith("https://") or (ROOT / target).exists()


def test_every_notebook_is_listed():
    listed = set(re.findall(r"\]\((notebooks/[^)]+)\)", README))
    assert listed == {f"notebooks/{path.name}" for path in ROOT.glob("notebooks/[0-9]*.ipynb")}


def test_pictures_have_alt_text():
    assert all(len(alt) > 20 for alt in re.findall(r"!\[([^\]]*)\]", README))


def test_the_readme_and_the_help_say_that_the_coordinator_trusts_its_network():
    danger = "can join or stop the training"
    (help_,) = (option.help for option in train.params if option.name == "coordinator")
    assert danger in help_
    assert danger in " ".join(README.split())


def test_the_readme_says_that_the_whole_site_is_in_korean():
    assert "all of it is in Korean too" in README


def test_there_is_one_test_command_and_ci_runs_it():
    (command,) = re.findall(r"<!-- test command -->\n```sh\n(.+)\n```", README)
    assert command.endswith(".venv/bin/python -m pytest -n 2 --dist loadfile")
    assert "<!-- test command -->" in (ROOT / ".ci" / "run").read_text("utf-8")


def test_the_names_in_the_examples_exist():
    examples = re.findall(r"```python\n(.+?)```", README, re.DOTALL)
    assert len(examples) >= 2
    for name in set(re.findall(r"vaelib\.(\w+)", "".join(examples))):
        assert hasattr(vaelib, name), name


MOVES = """import matplotlib.pyplot as plt
import vaelib
from vaelib.widgets import live_figure

fig, ax = plt.subplots()
(line,) = ax.plot([0, 1], [0, 1])
live_figure(fig, lambda a: (line.set_ydata([0, a]), line)[1], a=(0.0, 1.0, 0.5), alt="A line")"""


FIGURE = """from vaelib import figures

figures.show(plt.figure(), alt="A sheet of white paper.", caption="Nothing is drawn.")"""


PAGE_COMMAND = re.compile(r"<!-- page command -->\n```sh\njupyter (.+) notebooks/\S+\n```")


@pytest.mark.parametrize("template", ["classic", "lab"])
def test_the_page_command_keeps_a_picture_of_each_widget_and_the_words_of_each_picture(tmp_path, template):
    (command,) = PAGE_COMMAND.findall(README)
    command = command.replace("--template classic", f"--template {template}")
    explorer = "vaelib.explore(vaelib.load_pretrained('bernoulli-z2'))"
    cells = [nbformat.v4.new_code_cell(source) for source in (MOVES, explorer, FIGURE)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "widgets.ipynb")
    subprocess.run(
        [sys.executable, "-m", *shlex.split(command), "widgets.ipynb"], cwd=tmp_path, check=True, capture_output=True
    )
    page = bs4.BeautifulSoup((tmp_path / "widgets.html").read_text(encoding="utf-8"), "html.parser")
    pictures = page.select('img[src^="data:image/png;base64,"]')
    assert not page.select('script[type="application/vnd.jupyter.widget-view+json"]')
    if template == "lab":  # nbconvert's default
        assert len(pictures) == 3
        return
    words = ["A line", "Rows of decoded digits", "A sheet of white paper."]
    assert [picture["alt"][: len(start)] for picture, start in zip(pictures, words, strict=True)] == words


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(ROOT.glob("notebooks/[0-9]*.ipynb")), ids=lambda path: path.stem)
def test_a_page_made_of_a_notebook_has_a_picture_or_a_table_of_each_of_its_widgets(path, tmp_path):
    """By the page command, but for the run: the stored outputs are those of one."""
    (command,) = PAGE_COMMAND.findall(README)
    convert = [word for word in shlex.split(command) if word != "--execute"]
    made = [sys.executable, "-m", *convert, str(path), "--output-dir", str(tmp_path)]
    subprocess.run(made, check=True, capture_output=True)
    page = bs4.BeautifulSoup((tmp_path / f"{path.stem}.html").read_text(encoding="utf-8"), "html.parser")
    outputs = [output for cell in nbformat.read(path, 4).cells for output in cell.get("outputs", [])]
    widgets = [output for output in outputs if "application/vnd.jupyter.widget-view+json" in output.get("data", {})]
    drawn = [output.metadata["image/png"]["alt"] for output in widgets if "text/html" not in output.data]
    shown = [picture["alt"] for picture in page.select('img[src^="data:image/png;base64,"]')]
    assert len(widgets) > 0
    assert sorted(alt for alt in shown if alt in drawn) == sorted(drawn)
    assert len(page.select('table[aria-live="polite"]')) == len(widgets) - len(drawn)
