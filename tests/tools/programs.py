"""How many programs JAX compiles in a notebook: what a reader waits for at a first run, on every machine the same.

    python tests/tools/programs.py 03_elbo             first runs, with nothing compiled before: a line a notebook
    python tests/tools/programs.py --cells 03_elbo     a line a cell, and the programs by name
    pytest notebooks/03_elbo.ipynb::programs           holds the notebook to its limit

Without a name it runs all of them.
"""

import collections
import itertools
import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass

import click
import nbformat
from jupyter_client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
from notebook import FOLDER, names

# Programs a notebook may compile. A reader's first run has to compile them all, so make them fewer, not these larger.
LIMITS = {
    "00_start_here": 40,
    "01_generative_models": 50,
    "02_naive_likelihood": 40,
    "03_elbo": 52,
    "04_kl": 75,
    "05_reparameterisation": 46,
    "06_decoders": 90,
    "07_training": 80,
    "08_autoencoders": 80,
    "09_questions": 50,
    "10_beyond": 45,
    "11_your_own_images": 66,
    "12_today": 40,
}
# JAX reports this event for every program that a process has not met before, whether it is then found in the
# compilation cache or compiled.
WATCH = """
def _watch(compiled, cells):
    import jax

    def listen(event, seconds, fun_name="", **_):
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append((len(cells), fun_name, seconds))

    get_ipython().events.register("pre_run_cell", cells.append)
    jax.monitoring.register_event_duration_secs_listener(listen)
    return compiled

_compiled = _watch([], [])
"""
TIMEOUT = 300  # seconds for a cell


@dataclass(frozen=True)
class Program:
    """One compiled program: the cell it was compiled in, counted from 1, its name, and the seconds it took."""

    cell: int
    name: str
    seconds: float


def watch(client: BlockingKernelClient) -> None:
    """Let a fresh kernel note each program from here on."""
    client.execute(WATCH, silent=True, reply=True, timeout=TIMEOUT)


def programs(client: BlockingKernelClient) -> list[Program]:
    """The programs a watched kernel has compiled so far."""
    wanted = {"compiled": "__import__('json').dumps(_compiled)"}
    reply = client.execute("", silent=True, user_expressions=wanted, reply=True, timeout=TIMEOUT)
    answer = reply["content"]["user_expressions"]["compiled"]
    if answer["status"] != "ok":
        raise RuntimeError(f"the kernel was not watched: {answer['evalue']}")
    text = answer["data"]["text/plain"].strip("'")
    return [Program(*entry) for entry in json.loads(text)]


def run(name: str, cache: str) -> tuple[list[Program], list[float]]:
    """Run a notebook from a clean kernel; its programs, and the seconds each cell took.

    The programs are kept in the folder `cache`: where that is empty, this is a reader's first run. The first cell's
    seconds count from the start of the kernel.
    """
    cells = [cell for cell in nbformat.read(FOLDER / f"{name}.ipynb", 4).cells if cell.cell_type == "code"]
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "JAX_COMPILATION_CACHE_DIR": cache}
    ends = [time.perf_counter()]
    options = {"cwd": str(FOLDER), "env": environment, "stderr": subprocess.DEVNULL}
    manager, client = start_new_kernel(kernel_name="python3", **options)
    try:
        watch(client)
        for cell in cells:
            reply = client.execute_interactive(cell.source, timeout=TIMEOUT, output_hook=lambda _: None)
            if reply["content"]["status"] != "ok":
                raise RuntimeError(f"{name}, code cell {len(ends)}: {reply['content']['evalue']}")
            ends.append(time.perf_counter())
        return programs(client), [end - start for start, end in itertools.pairwise(ends)]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@click.command()
@click.option("--cells", is_flag=True, help="A line a cell, with the names of its programs.")
@click.argument("chosen", nargs=-1, metavar="[NAME]...")
def main(chosen, cells):
    """Count the programs of first runs, and the seconds they take to compile."""
    click.echo(f"{'notebook':24}{'programs':>9}{'limit':>7}{'compiling, s':>14}{'wall, s':>9}")
    for name in chosen or names():
        with tempfile.TemporaryDirectory() as empty:
            compiled, seconds = run(name, empty)
        compiling = sum(program.seconds for program in compiled)
        click.echo(f"{name:24}{len(compiled):9}{LIMITS[name]:7}{compiling:14.1f}{sum(seconds):9.1f}")
        for cell, wall in enumerate(seconds, 1) if cells else ():
            here = [program for program in compiled if program.cell == cell]
            by_name = collections.Counter(program.name for program in here).most_common()
            words = ", ".join(f"{name} {count}" if count > 1 else name for name, count in by_name)
            click.echo(f"{f'  [{cell}]':24}{len(here):9}{sum(p.seconds for p in here):21.1f}{wall:9.1f}   {words}")


if __name__ == "__main__":
    main()
