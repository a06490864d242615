"""Run, clean and check the notebooks: the three things a change to one of them needs.

    python tests/tools/notebook.py execute 03_elbo     run from a clean kernel, keep outputs, clean
    python tests/tools/notebook.py strip 03_elbo       only clean: no noise in the metadata, outputs stay
    python tests/tools/notebook.py check               what CI checks of the files, in seconds
    python tests/tools/notebook.py frames 03_elbo      run, and keep the live figures' pictures for the site

Without a name each treats all of them.
"""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import click
import nbformat
from nbclient import NotebookClient

from vaelib.files import write_atomically

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
KEPT = ("claims", "numbers", "questions", "tags", "tolerance")  # of a cell's metadata
FOLDED = {"jupyter": {"source_hidden": True}, "cellView": "form"}  # how JupyterLab and Colab fold what the site hides
LIMIT = 1_000_000  # bytes of a notebook with its outputs
FRAMES = ROOT / "figures" / "live"  # the live figures of the notebooks at all places of their sliders


def names() -> list[str]:
    """The notebooks of the series, in its order."""
    return sorted(path.stem for path in FOLDER.glob("[0-9]*.ipynb"))


def fingerprint(notebook) -> str:
    """A checksum of the code, to tell whether it has changed since it was run.

    The setup cell does nothing where vaelib is installed, and changes with the setting it is stamped from.
    """
    code = [
        cell for cell in notebook.cells if cell.cell_type == "code" and "setup" not in cell.metadata.get("tags", [])
    ]
    code = "\0".join(cell.source for cell in code)
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def strip(notebook) -> None:
    """Leave what readers and tests need of the metadata: kernel, fingerprint, what is in KEPT, and folds."""
    executed = notebook.metadata.get("vaelib", {})
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL} | ({"vaelib": executed} if executed else {}))
    for cell in notebook.cells:
        kept = {name: value for name, value in cell.metadata.items() if name in KEPT}
        cell.metadata = nbformat.from_dict(kept | (FOLDED if "hide-input" in kept.get("tags", []) else {}))


def execute(notebook) -> None:
    """Run all cells from a clean kernel, on the CPU as the tests do, and note which code was run."""
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(FOLDER)}},
    )
    client.execute(env=os.environ | {"JAX_PLATFORMS": "cpu", "VAELIB_LANG": "en"})
    notebook.metadata["vaelib"] = {"executed": fingerprint(notebook)}


def live_cells(notebook) -> list[int]:
    """The code cells that show a live figure."""
    cells = enumerate(notebook.cells)
    return [index for index, cell in cells if cell.cell_type == "code" and "live_figure(" in cell.source]


def keep_frames(name: str) -> list[Path]:
    """Run the notebook up to its last live figure and write the pictures of each; the notebook stays as it is."""
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    found = live_cells(notebook)
    paths = [FRAMES / f"{name}-{number}.json" for number in range(1, len(found) + 1)]
    FRAMES.mkdir(exist_ok=True)
    notebook.cells = notebook.cells[: found[-1] + 1] if found else []
    for index, path in reversed(list(zip(found, paths, strict=True))):
        keep = f"from vaelib.widgets.frames import save_frames\nsave_frames(Out[max(Out)], {str(path)!r});"
        notebook.cells.insert(index + 1, nbformat.v4.new_code_cell(keep))
    if found:
        execute(notebook)
    return paths


def write(notebook, path: Path) -> None:
    """Replace the file atomically, if it stays below the limit."""
    nbformat.validate(notebook)
    content = (nbformat.writes(notebook) + "\n").encode()
    if len(content) > LIMIT:
        raise click.ClickException(f"{path.name} would have {len(content):,} bytes, more than {LIMIT:,}")
    write_atomically(path, content, overwrite=True)


def known(chosen: tuple[str, ...]) -> tuple[str, ...]:
    """The chosen notebooks, all by default."""
    if unknown := sorted(set(chosen) - set(names())):
        raise click.UsageError(f"there is no notebook {', '.join(unknown)}; there are {', '.join(names())}")
    return chosen or tuple(names())


def treat(chosen: tuple[str, ...], *treatments) -> None:
    """Apply the treatments to each chosen notebook, all by default, and write it."""
    for name in known(chosen):
        path, start = FOLDER / f"{name}.ipynb", time.perf_counter()
        notebook = nbformat.read(path, as_version=4)
        for treatment in treatments:
            treatment(notebook)
        write(notebook, path)
        click.echo(f"{name}: {time.perf_counter() - start:.0f} s")


@click.group()
def main():
    """Run, clean and check the notebooks."""


@main.command("execute")
@click.argument("chosen", nargs=-1, metavar="[NAME]...")
def execute_command(chosen):
    """Format, run from a clean kernel, and clean."""
    paths = [str(FOLDER / f"{name}.ipynb") for name in chosen or names()]
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", *paths], check=True)
    treat(chosen, execute, strip)


@main.command("strip")
@click.argument("chosen", nargs=-1, metavar="[NAME]...")
def strip_command(chosen):
    """Clean the metadata; outputs stay."""
    treat(chosen, strip)


@main.command("frames")
@click.argument("chosen", nargs=-1, metavar="[NAME]...")
def frames_command(chosen):
    """Run, and keep the live figures' pictures, which the site shows without a kernel."""
    for name in known(chosen):
        for path in keep_frames(name):
            click.echo(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")


@main.command("check")
def check_command():
    """Check the files as CI does: order, outputs, metadata, size, claims, in step with their code, stamped."""
    checks = [str(ROOT / "tests" / "test_notebooks.py")]
    raise SystemExit(subprocess.run([sys.executable, "-m", "pytest", "-q", *checks], cwd=ROOT).returncode)


if __name__ == "__main__":
    main()
