"""Kill a training at random moments, resume it, and compare it with one that was left alone, to the bit.

    python tests/tools/kill.py                  100 kills
    python tests/tools/kill.py --kills 20       as `pytest -m slow tests/test_kills.py` does

Each time a process trains, and is killed with SIGKILL, which it can not see coming: every fifth before its first epoch
has ended, the others after it, as soon as a half-written checkpoint lies there. At least half of all kills have to fall
into a write. The moments from which on one is waited for are the same at every call, by `--seed`.
"""

import multiprocessing
import re
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import click
import jax
import numpy as np

from vaelib import VAE, fit, load_mnist
from vaelib.storage import read_tensors

LONGEST = 0.5  # seconds from the beginning of the training, or from the end of its first epoch, to the kill
HALF = re.compile(r"\.run\.safetensors\.[0-9a-f]{32}")  # what a kill in a write leaves
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["vaelib.training", "vaelib.models"])  # JAX is imported once; no device starts there


@dataclass
class Kills:
    """How many kills there were, into a write or before the first epoch of their process, and how many epochs."""

    all: int = 0
    in_a_write: int = 0
    before_an_epoch: int = 0
    epochs: int = 0


def train(path: Path, epochs: int, said: Connection) -> None:
    """Train from the checkpoint, where there is one; say 0, and after each epoch how many the checkpoint holds."""
    images, held_out = load_mnist("train", limit=256)[0], load_mnist("test", limit=64)[0]
    options = {"batch_size": 64, "held_out": held_out, "binarize": True, "progress": False}
    options |= {"checkpoint": path, "resume": path.exists()}
    model = VAE.create(latent=4, hidden=(64,))
    said.send(0)
    fit(model, images, jax.random.key(0), epochs=epochs, callback=lambda done, *_: said.send(done), **options)


def is_half_written(folder: Path) -> bool:
    """Whether a checkpoint is being written, or was when its process was killed."""
    return any(HALF.fullmatch(file.name) for file in folder.iterdir())


def kill(path: Path, seconds: float, *, after: int, in_a_write: bool) -> list[int]:
    """Train until so many seconds after the process has spoken `after` times, and from then on until the next write.

    Returns what it said until it was killed.
    """
    heard, said = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=train, args=(path, 10**6, said))
    process.start()
    said.close()
    numbers = [heard.recv() for _ in range(after)]
    time.sleep(seconds)
    while in_a_write and process.is_alive() and not is_half_written(path.parent):
        pass
    assert process.is_alive(), f"the training ended by itself, with {process.exitcode}"
    process.kill()
    process.join()
    try:
        while True:
            numbers.append(heard.recv())
    except EOFError:
        return numbers


def finish(path: Path, epochs: int) -> tuple[dict, dict]:
    """Train to the end; the checkpoint's tensors, and its record without the seconds."""
    heard, said = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=train, args=(path, epochs, said))
    process.start()
    process.join()
    assert process.exitcode == 0
    heard.close()
    tensors, record = read_tensors(path)
    assert len(record["history"].pop("seconds")) == epochs
    return tensors, record


def assert_survives(folder: Path, kills: int, seed: int) -> Kills:
    """Kill a training in the folder so many times; AssertionError where anything is lost or comes out otherwise."""
    path, found = folder / "run.safetensors", Kills()
    for number, seconds in enumerate(np.random.default_rng(seed).uniform(0, LONGEST, kills)):
        is_early = number % 5 == 0
        said = kill(path, seconds, after=1 if is_early else 2, in_a_write=not is_early)
        found.all += 1
        found.in_a_write += is_half_written(folder)
        found.before_an_epoch += len(said) == 1
        held = len(read_tensors(path)[1]["history"]["seconds"]) if path.exists() else 0
        assert held >= max(found.epochs, *said, 0), "an epoch that was written is lost"
        found.epochs = held
    assert 2 * found.in_a_write >= kills, (
        f"{found.in_a_write} of {kills} kills fell into a write; make the write longer"
    )
    found.epochs += 2
    killed = finish(path, found.epochs)
    assert [file.name for file in folder.iterdir()] == [path.name], "something is left behind"
    alone = finish(folder / "alone.safetensors", found.epochs)
    assert killed[1] == alone[1]
    assert killed[0].keys() == alone[0].keys()
    for name, values in alone[0].items():
        assert np.asarray(values).tobytes() == np.asarray(killed[0][name]).tobytes(), name
    return found


@click.command()
@click.option("--kills", default=100, show_default=True, help="How many times the training is killed.")
@click.option("--seed", default=0, show_default=True, help="Of the moments.")
def main(kills: int, seed: int):
    """Kill, resume, compare, and say how it went."""
    with tempfile.TemporaryDirectory() as folder:
        found = assert_survives(Path(folder), kills, seed)
    click.echo(
        f"{found.all} kills, {found.in_a_write} of them in a write and {found.before_an_epoch} before the first epoch "
        f"of their process; {found.epochs} epochs, equal to those of a training that was left alone"
    )


if __name__ == "__main__":
    main()
