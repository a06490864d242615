"""A plugin for pytest beside nbval: keep every text that the notebooks' cells put out, for `machines.py` to compare.

`pytest -p nbval_record --record-to build/machines/NAME.jsonl notebooks` appends one line a cell.
"""

import json
from pathlib import Path

from machines import shown
from nbval.plugin import IPyNbCell
from notebook import fingerprint


def pytest_addoption(parser):
    """Where to."""
    parser.addoption("--record-to", type=Path, help="keep the texts of the notebooks' cells in this file")


def pytest_runtest_teardown(item):
    """Append what the cell has put out; a cell that stopped with an error has an output that says so."""
    file = item.config.option.record_to
    if file is not None and isinstance(item, IPyNbCell) and item.test_outputs is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        line = {
            "notebook": item.path.stem,
            "code": fingerprint(item.parent.nb),
            "cell": item.cell.id,
            "outputs": shown(item.test_outputs),
            "error": any(output.output_type == "error" for output in item.test_outputs),
        }
        with file.open("ab", buffering=0) as stream:  # a line is one write: workers append to one file
            stream.write((json.dumps(line) + "\n").encode())
