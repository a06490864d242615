"""How long a reader waits for each notebook: at a first run, with nothing compiled, and when it is run again.

    python tests/benchmarks/bench_first_run.py                    (needs the test extra)

Each turn runs a notebook twice from a clean kernel, first with an empty cache of compiled programs, then with the one
that the first run has filled; seconds count from the start of the kernel. The number of programs is the same on every
machine (`tests/tools/programs.py` holds the limits), the seconds are not.
"""

import statistics
import sys
import tempfile
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
import programs
from notebook import names


def spread(seconds: list[float]) -> str:
    """The median of the turns, and their range."""
    return f"{statistics.median(seconds):.0f} ({min(seconds):.0f} to {max(seconds):.0f})"


@click.command()
@click.option("--turns", default=3, show_default=True)
@click.argument("chosen", nargs=-1, metavar="[NAME]...")
def main(turns, chosen):
    """Seconds of first and second runs, and the share of the compiler."""
    print("| notebook | programs | first run, s | of it compiling, s | run again, s |\n|---|---|---|---|---|")
    totals = []
    for name in chosen or names():
        walls, compiling, again = [], [], []
        for _ in range(turns):
            with tempfile.TemporaryDirectory() as cache:
                compiled, seconds = programs.run(name, cache)
                walls.append(sum(seconds))
                compiling.append(sum(program.seconds for program in compiled))
                again.append(sum(programs.run(name, cache)[1]))
        totals.append((len(compiled), walls, compiling, again))
        print(f"| {name} | {len(compiled)} | {spread(walls)} | {spread(compiling)} | {spread(again)} |", flush=True)
    count, *columns = zip(*totals, strict=True)
    sums = [spread([sum(turn) for turn in zip(*column, strict=True)]) for column in columns]
    print(f"| all | {sum(count)} | {' | '.join(sums)} |")


if __name__ == "__main__":
    main()
