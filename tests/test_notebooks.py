"""The notebooks as documents: executed in order, with outputs, small, clean, described, and every claim served."""

import re
from pathlib import Path

import nbformat
import pytest
import stamp
from nbval_tolerance import malformed, numbers, texts
from notebook import FOLDED, KEPT, fingerprint

NOTEBOOKS = sorted(Path(__file__).parent.parent.glob("notebooks/[0-9]*.ipynb"))
# The claims each notebook argues, by their numbers in the series' syllabus.
CLAIMS = {
    "01_generative_models": range(1, 5),
    "02_naive_likelihood": range(5, 9),
    "03_elbo": range(9, 15),
    "04_kl": range(15, 17),
    "05_reparameterisation": range(17, 21),
    "06_decoders": range(21, 26),
    "07_training": range(26, 29),
    "08_autoencoders": range(29, 33),
    "09_questions": range(33, 37),
    "10_beyond": (45,),
    "11_your_own_images": range(37, 41),
    "12_today": range(41, 45),
}


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_cells_were_executed_in_order_from_a_clean_kernel(notebook):
    assert [cell.execution_count for cell in code_cells(notebook)] == list(range(1, len(code_cells(notebook)) + 1))


def test_it_is_valid_and_under_a_megabyte(path, notebook):
    nbformat.validate(notebook)
    assert path.stat().st_size < 1_000_000


def test_metadata_hold_no_noise(notebook):
    assert set(notebook.metadata) == {"kernelspec", "vaelib"}
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in notebook.cells:
        folded = "hide-input" in cell.metadata.get("tags", [])
        assert {name: cell.metadata[name] for name in set(cell.metadata) - set(KEPT)} == (FOLDED if folded else {})


def test_what_a_reader_is_to_read_is_short(notebook):
    long = [
        number
        for number, cell in enumerate(notebook.cells)
        if cell.cell_type == "code"
        and not {"hide-input", "setup"} & set(cell.metadata.get("tags", []))
        and sum(map(bool, map(str.strip, cell.source.splitlines()))) > 15
    ]
    assert not long, f"more than 15 lines in cells {long}: show the idea, and fold the drawing (tag hide-input)"


def test_the_words_of_a_picture_are_folded_away_with_its_drawing(notebook):
    open_ones = [
        number
        for number, cell in enumerate(notebook.cells)
        if cell.cell_type == "code"
        and "hide-input" not in cell.metadata.get("tags", [])
        and re.search(r"\b(alt|caption)=", cell.source)
    ]
    assert not open_ones, f"alt or caption in cells {open_ones}: keep the idea, and fold the drawing (tag hide-input)"


def test_tolerances_are_well_formed_and_of_cells_that_show_numbers(notebook):
    for cell in notebook.cells:
        if "tolerance" in cell.metadata:
            assert malformed(cell.metadata.tolerance) is None
            assert any(numbers(text) for output in cell.outputs for text in texts(output).values()), cell.source


def test_the_outputs_are_those_of_the_present_code(path, notebook):
    remedy = f"run `python tests/tools/notebook.py execute {path.stem}`"
    assert notebook.metadata.vaelib.executed == fingerprint(notebook), remedy


def test_setup_cell_and_links_are_those_of_the_setting(path, notebook):
    before = nbformat.writes(notebook)
    stamp.stamp_notebook(notebook, path.name, stamp.configured_repository())
    assert nbformat.writes(notebook) == before, "run `python tests/tools/stamp.py`"


def test_no_error_and_no_warning_in_the_outputs(notebook):
    for cell in code_cells(notebook):
        for output in cell.outputs:
            assert output.output_type != "error"
            if output.output_type == "stream" and output.name == "stderr":
                assert re.fullmatch(r"(\s*(\d+%\|.*)?)*", output.text), output.text


def test_prose_stands_before_every_code_cell(notebook):
    kinds = [cell.cell_type for cell in notebook.cells]
    assert kinds[0] == "markdown"
    lone = [i for i in range(2, len(kinds)) if kinds[i] == kinds[i - 1] == kinds[i - 2] == "code"]
    assert not lone, f"three code cells in a row at {lone}"


def test_pictures_are_described(notebook):
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                assert len(output.metadata["image/png"]["alt"]) > 20


def test_one_line_changes_the_source_of_digits(notebook):
    sources = re.findall(r'^source = "bundled"', "\n".join(c.source for c in code_cells(notebook)), re.MULTILINE)
    loads = [cell.source for cell in code_cells(notebook) if "load_mnist(" in cell.source]
    assert len(sources) <= 1
    for source in loads:
        assert re.search(r"load_mnist\([^)]*source=source", source, re.DOTALL), source


def test_it_opens_and_closes_as_the_series_does(notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for words in ("**Time**", "**Read first**", "Sources"):
        assert words in text


def test_every_notebook_has_its_claims_listed():
    assert {path.stem for path in NOTEBOOKS} - {"00_start_here"} == set(CLAIMS)


@pytest.mark.parametrize("name", CLAIMS)
def test_every_claim_is_served_by_a_cell_that_runs(name):
    notebook = nbformat.read(NOTEBOOKS[0].parent / f"{name}.ipynb", as_version=4)
    served = {claim for cell in code_cells(notebook) for claim in cell.metadata.get("claims", [])}
    missing = {f"C{number:02d}" for number in CLAIMS[name]} - served
    assert not missing
