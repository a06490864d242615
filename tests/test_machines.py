"""The tolerances are those that were measured, and the list of them is complete."""

import json

import click
import machines
import nbformat
import pytest
from machines import distances, tolerance

NAME = "03_elbo"


def cell_texts(*texts):
    return [{"stdout": text} for text in texts]


def seen(text, stored):
    return distances("here", cell_texts(text), cell_texts(stored))


def test_the_list_holds_all_tolerances_and_their_largest():
    committed = machines.LIST.read_text(encoding="utf-8")
    assert committed == machines.listed({}), "run `python tests/tools/machines.py set`"
    assert "not measured" not in committed


def test_distances_count_units_of_the_last_digit():
    assert [distance.units for distance in seen("KL 6.6 (5,712)", "KL 6.8 (5,700)")] == [2, 12]
    assert [distance.units for distance in seen("10.0", "9.99")] == [1]  # in the coarser of the two


@pytest.mark.parametrize(("text", "stored"), [("KL 6.6", "AE 6.6"), ("1 2", "1"), ("inf", "3"), ("nan", "inf")])
def test_there_is_no_distance_where_more_than_numbers_differ(text, stored):
    assert seen(text, stored) is None
    assert distances("here", cell_texts("1", "2"), cell_texts("1")) is None


def test_the_order_of_kinds_in_an_output_does_not_matter():
    one, other = {"text/plain": "1", "text/html": "<b>2</b>"}, {"text/html": "<b>2</b>", "text/plain": "1"}
    assert [distance.units for distance in distances("here", [one], [other])] == [0, 0]


def test_a_tolerance_is_twice_the_largest_distance_in_the_narrower_measure():
    assert tolerance(seen("KL 6.8, 3", "KL 6.8, 3")) is None
    assert tolerance(seen("KL 6.9, 3", "KL 6.8, 3")) == {"units": 2}
    assert tolerance(seen("0.5 and 900", "0.2 and 900")) == {"units": 6}
    # 46 in 5,700 beyond the last digit is 0.8%; twice that, to one digit, is 2%
    assert tolerance(seen("5,747 of 540, inf", "5,700 of 540, inf")) == {"units": 1, "relative": 0.02}
    assert tolerance(seen("0.3", "0.0")) == {"units": 6}  # nothing is relative to zero


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    """A folder with one notebook of one cell, and machines that recorded other numbers of it."""

    def write(stored, *tags, **recorded):
        output = nbformat.v4.new_output("stream", name="stdout", text=stored)
        cell = nbformat.v4.new_code_cell("print(elbo)", execution_count=1, outputs=[output])
        cell.id, cell.metadata.tags = "5", list(tags)
        notebook = nbformat.v4.new_notebook(cells=[cell])
        nbformat.write(notebook, tmp_path / f"{NAME}.ipynb")
        for machine, text in recorded.items():
            line = {"notebook": NAME, "code": machines.fingerprint(notebook), "cell": "5", "error": text is None}
            line["outputs"] = cell_texts(text or "")
            (tmp_path / f"{machine}.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")

    for name in ("RECORDINGS", "FOLDER"):
        monkeypatch.setattr(machines, name, tmp_path)
    monkeypatch.setattr(machines, "LIST", tmp_path / "list.md")
    monkeypatch.setattr(machines, "names", lambda: [NAME])
    return write


def stated():
    [cell] = nbformat.read(machines.FOLDER / f"{NAME}.ipynb", as_version=4).cells
    return cell.metadata.get("tolerance")


def test_set_writes_the_tolerance_and_lists_it_with_what_was_seen(workshop):
    workshop("ELBO -108\n", one_core="ELBO -108\n", other_blas="ELBO -109\n")
    machines.set_command.callback(afresh=False)
    assert stated() == {"units": 2}
    assert f"| {NAME} | 5 | 2 of the last digit | 1 × 1 of -108 (other_blas) |" in machines.LIST.read_text()
    assert f"The largest: 2 of the last digit ({NAME}, 5)" in machines.LIST.read_text()


def test_an_output_that_is_not_compared_gets_no_tolerance(workshop):
    workshop("3.1 s\n", "nbval-ignore-output", other_blas="7.9 s\n")
    machines.set_command.callback(afresh=False)
    assert stated() is None


def test_what_was_seen_stays_listed_where_nothing_new_was_recorded(workshop):
    workshop("ELBO -108\n", other_blas="ELBO -110\n")
    machines.set_command.callback(afresh=False)
    (machines.RECORDINGS / "other_blas.jsonl").unlink()
    before = machines.LIST.read_text()
    machines.set_command.callback(afresh=False)
    assert stated() == {"units": 1, "relative": 0.02}
    assert machines.LIST.read_text() == before


@pytest.mark.parametrize(("afresh", "expected"), [(False, {"units": 1, "relative": 0.02}), (True, {"units": 2})])
def test_a_tolerance_is_narrowed_only_when_asked(workshop, afresh, expected):
    workshop("ELBO -108\n", other_blas="ELBO -110\n", one_core="ELBO -109\n")
    machines.set_command.callback(afresh=False)
    (machines.RECORDINGS / "other_blas.jsonl").unlink()
    machines.set_command.callback(afresh=afresh)
    assert stated() == expected


def test_a_tolerance_is_widened_where_more_was_seen(workshop):
    workshop("ELBO 0.1\n", one_core="ELBO 0.2\n")
    machines.set_command.callback(afresh=False)
    assert stated() == {"units": 2}
    file = machines.RECORDINGS / "one_core.jsonl"
    file.write_text(file.read_text().replace("0.2", "0.3"))
    machines.set_command.callback(afresh=False)
    assert stated() != {"units": 2}


def test_a_recording_of_other_code_is_left_out(workshop):
    workshop("ELBO -108\n", other_blas="ELBO -110\n")
    file = machines.RECORDINGS / "other_blas.jsonl"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"code": "other"}))
    machines.set_command.callback(afresh=False)
    assert stated() is None


def test_the_report_of_no_machine_fails(workshop):
    workshop("ELBO -108\n")
    with pytest.raises(click.ClickException, match="no recording in"):
        machines.report.callback()


@pytest.mark.parametrize("recorded", [None, "loss -108\n"])
def test_the_report_fails_where_more_than_numbers_differ(workshop, recorded, capsys):
    workshop("ELBO -108\n", other_blas=recorded)
    with pytest.raises(SystemExit) as left:
        machines.report.callback()
    assert left.value.code
    assert "other_blas" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("elsewhere", "sources", "fails"),
    [("-107", {}, False), ("-105", {}, True), ("-106", {"−106": "known"}, False)],
)
def test_the_report_fails_where_prose_tells_a_digit_that_does_not_hold(workshop, elsewhere, sources, fails, capsys):
    workshop("ELBO -108\n", other_blas=f"ELBO {elsewhere}\n")
    file = machines.FOLDER / f"{NAME}.ipynb"
    notebook = nbformat.read(file, as_version=4)
    text = f"**What you saw**: an ELBO of {next(iter(sources), '−108')}."
    notebook.cells.append(nbformat.v4.new_markdown_cell(text, metadata={"numbers": sources}))
    nbformat.write(notebook, file)
    with pytest.raises(SystemExit) as left:
        machines.report.callback()
    assert bool(left.value.code) == fails
    assert ("−108" in capsys.readouterr().out) == fails
