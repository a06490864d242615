"""How far the notebooks' numbers move from machine to machine, and the tolerances that follow from it.

    nox -f tests/noxfile.py -s one_core                runs the tests on that machine, and records all text outputs
    python tests/tools/machines.py report              how far each cell's numbers lie from the stored ones, and where
    python tests/tools/machines.py set                 writes tolerances into the notebooks, and the list of them

A recording is a file build/machines/NAME.jsonl; one of other code than the notebook now holds is left out. A
tolerance is twice the largest distance seen from the stored number, in that measure (units of the last digit; or one
unit, and the rest relative) which allows the cell's numbers less on the whole. Cells that no machine moved stay exact.
"""

import copy
import json
import math
import re
from collections import defaultdict
from typing import NamedTuple

import click
import nbformat
import prose
from nbval.plugin import coalesce_streams, get_sanitize_patterns
from nbval_tolerance import Number, numbers, texts, words
from notebook import FOLDER, ROOT, fingerprint, names, write

RECORDINGS = ROOT / "build" / "machines"
SANITIZE = ROOT / "tests" / "nbval_sanitize.cfg"
LIST = ROOT / "tests" / "machines" / "tolerances.md"
NOT_COMPARED = "nbval-ignore-output"  # the tag of a cell whose output is another every time, as a time is
MARGIN = 2
HEADER = """# All tolerances of the notebooks' stored outputs

Made by `python tests/tools/machines.py set`; a test holds it equal to the notebooks' metadata. "Seen" is the largest
distance of a number from the stored one, and the machine that it was seen on; what a tolerance means stands in
`tests/tools/nbval_tolerance.py`.

"""


class Distance(NamedTuple):
    """How far a number lies from the stored one, in units of the last digit, and where."""

    units: int
    stored: Number
    machine: str


def distances(machine: str, outputs: list[dict], stored: list[dict]) -> list[Distance] | None:
    """Those of all numbers of a cell; None where words, or the number of numbers, differ."""
    if [set(kinds) for kinds in outputs] != [set(kinds) for kinds in stored]:
        return None
    found = []
    for text, reference in ((now[kind], then[kind]) for now, then in zip(outputs, stored, strict=True) for kind in now):
        if words(text) != words(reference):
            return None
        for number, expected in zip(numbers(text), numbers(reference), strict=True):
            if str(number.value) != str(expected.value):
                apart = abs(number.value - expected.value) / max(number.unit, expected.unit)
                if not math.isfinite(apart):
                    return None
                found.append(Distance(math.ceil(apart - 1e-6), expected, machine))
            else:
                found.append(Distance(0, expected, machine))
    return found


def round_up(share: float) -> float:
    """To one digit: 0.0123 to 0.02."""
    unit = 10.0 ** math.floor(math.log10(share))
    return float(f"{math.ceil(share / unit - 1e-6) * unit:.1g}")


def tolerance(seen: list[Distance]) -> dict | None:
    """The narrower of the two measures that hold twice the largest distance; None where there is none."""
    if not any(distance.units for distance in seen):
        return None
    units = {"units": MARGIN * max(distance.units for distance in seen)}
    beyond = [(d.units - 1) * d.stored.unit / abs(d.stored.value or math.nan) for d in seen if d.units > 1]
    if not beyond or any(math.isnan(share) for share in beyond):
        return units
    relative = {"units": 1, "relative": round_up(MARGIN * max(beyond))}
    finite = [d.stored for d in seen if math.isfinite(d.stored.value)]
    width = sum(1 + relative["relative"] * abs(stored.value) / stored.unit for stored in finite)
    return relative if relative["relative"] < 1 and width < units["units"] * len(finite) else units


def holds(limits: dict, seen: list[Distance]) -> bool:
    """Whether a stated tolerance is as wide as one made of these distances would have to be, for each number."""
    relative = limits.get("relative", 0)
    for d in (d for d in seen if d.units):
        needed = 1 + MARGIN * (d.units - 1) if relative else MARGIN * d.units
        if needed > limits.get("units", 0) + relative * abs(d.stored.value) / d.stored.unit:
            return False
    return True


def recordings(notebook: str, code: str) -> dict[str, list[tuple[str, dict]]]:
    """By cell, the machines' names and what they recorded of this code of the notebook; the last run of each counts."""
    found = defaultdict(dict)
    for file in sorted(RECORDINGS.glob("*.jsonl")):
        for line in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
            if (line["notebook"], line["code"]) == (notebook, code):
                found[line["cell"]][file.stem] = line
    return {cell: list(machines.items()) for cell, machines in found.items()}


def shown(outputs) -> list[dict]:
    """What nbval compares of a cell's outputs: their texts, by kind, without what it is told to leave out."""
    joined = coalesce_streams(copy.deepcopy(outputs))  # which changes what it is given
    return [{kind: sanitized(text) for kind, text in texts(output).items()} for output in joined]


def sanitized(text: str) -> str:
    """A text as nbval compares it."""
    for pattern, replacement in get_sanitize_patterns(SANITIZE.read_text(encoding="utf-8")):
        text = re.sub(pattern, replacement, text)
    return text


def measure(notebook, name: str):
    """Yields (cell, distances over all machines, machines that differ in more than numbers) of each recorded cell.

    What nbval does not compare is left out.
    """
    recorded = recordings(name, fingerprint(notebook))
    for cell in (cell for cell in notebook.cells if NOT_COMPARED not in cell.metadata.get("tags", [])):
        seen, broken = [], []
        for machine, line in recorded.get(cell.id, []):
            found = None if line["error"] else distances(machine, line["outputs"], shown(cell.outputs))
            if found is None:
                broken.append(machine)
            else:
                seen += found
        if cell.id in recorded:
            yield cell, seen, broken


def described(limits: dict) -> str:
    """A tolerance as the list has it."""
    parts = [f"{limits['units']} of the last digit"] if limits.get("units") else []
    return " and ".join(parts + ([f"{limits['relative']:.2g} of the number"] if limits.get("relative") else []))


def farthest(seen: list[Distance]) -> str:
    """The largest distance, as the list has it."""
    worst = max(seen, key=lambda distance: distance.units)
    unit = f"{worst.stored.unit:g}"
    return f"{worst.units} × {unit} of {worst.stored.value:g} ({worst.machine})"


def rows() -> dict[tuple[str, str], tuple[str, str]]:
    """The list as it is committed: notebook and cell, to tolerance and distance seen."""
    if not LIST.exists():
        return {}
    table = [line.strip("| ").split(" | ") for line in LIST.read_text(encoding="utf-8").splitlines() if "|" in line]
    return {(notebook, cell): (limits, seen) for notebook, cell, limits, seen in table[2:]}


def listed(seen: dict[tuple[str, str], str]) -> str:
    """The list of the notebooks' tolerances; distances not given are those of the committed list."""
    before, lines, largest = rows(), [], {"units": (0, ""), "relative": (0, "")}
    for name in names():
        for cell in nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells:
            if limits := cell.metadata.get("tolerance"):
                distance = seen.get((name, cell.id)) or before.get((name, cell.id), ("", "not measured"))[1]
                lines.append(f"| {name} | {cell.id} | {described(limits)} | {distance} |\n")
                for measure, size in limits.items():
                    largest[measure] = max(largest[measure], (size, f"{name}, {cell.id}"))
    head = "| notebook | cell | tolerance | seen |\n|---|---|---|---|\n"
    top = f"The largest: {largest['units'][0]} of the last digit ({largest['units'][1]}), "
    top += f"{largest['relative'][0]:.2g} of the number ({largest['relative'][1]}).\n"
    return HEADER + head + "".join(lines) + "\n" + top


def as_on(machine: str, notebook, recorded: dict):
    """The notebook with the outputs that a machine recorded, where it did."""
    there = copy.deepcopy(notebook)
    for cell in there.cells:
        if machine in (lines := dict(recorded.get(cell.id, []))):
            outputs = [pair for kinds in lines[machine]["outputs"] for pair in kinds.items()]
            cell.outputs = [nbformat.v4.new_output("stream", name=kind, text=text) for kind, text in outputs]
    return there


def unsteady(notebook, name: str):
    """Yields (machine, complaint) where the last digit of a number in the prose is off by more than one there."""
    recorded = recordings(name, fingerprint(notebook))
    here = prose.loose_numbers(notebook, units=1)
    for machine in sorted({machine for lines in recorded.values() for machine, _ in lines}):
        there = prose.loose_numbers(as_on(machine, notebook, recorded), units=1)
        yield from (
            (machine, complaint) for complaint in there if complaint not in here and prose.NO_NEED not in complaint
        )


@click.group()
def main():
    """How far the notebooks' numbers move from machine to machine."""


@main.command("report")
def report():
    """Print how far numbers lie from the stored ones; fail where words differ or a digit of the prose does not hold."""
    if not any(RECORDINGS.glob("*.jsonl")):
        raise click.ClickException(f"no recording in {RECORDINGS}: first nox -f tests/noxfile.py -s NAME")
    wrong = False
    for name in names():
        notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
        for machine, complaint in unsteady(notebook, name):
            click.echo(f"{name} {complaint}, as {machine} shows it")
            wrong = True
        for cell, seen, broken in measure(notebook, name):
            if broken:
                click.echo(f"{name} {cell.id}: an error, or other words, on {', '.join(broken)}")
            if any(distance.units for distance in seen):
                click.echo(f"{name} {cell.id}: {farthest(seen)}; stated {cell.metadata.get('tolerance')}")
            wrong |= bool(broken)
    raise SystemExit(wrong)


@main.command("set")
@click.option("--afresh", is_flag=True, help="Forget stated tolerances first: for when all machines were run.")
def set_command(afresh):
    """Write the tolerances that the recordings ask for into the notebooks, and the list."""
    seen = {}
    for name in names():
        notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
        for cell, found, _ in measure(notebook, name):
            if not afresh and "tolerance" in cell.metadata and holds(cell.metadata.tolerance, found):
                continue
            cell.metadata.pop("tolerance", None)
            if limits := tolerance(found):
                cell.metadata["tolerance"] = limits
                seen[name, cell.id] = farthest(found)
        write(notebook, FOLDER / f"{name}.ipynb")
    LIST.write_text(listed(seen), encoding="utf-8")


if __name__ == "__main__":
    main()
