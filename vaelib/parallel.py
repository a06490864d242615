"""Training on several devices, of one process or of several processes on several hosts.

    a batch is split over the mesh of devices; weights, optimiser state and images are whole on each of them

Several processes, joined by `join`, run one and the same program. They wait for each other wherever they communicate,
so each has to come to every such place: they compare what they were given, and agree on when to stop. In a program of
one process nothing here communicates.
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

# --- devices


def data_mesh(devices: Sequence[jax.Device] | None, batch_size: int) -> Mesh | None:
    """The devices to split a batch over: as many of each process as divide it evenly; None where that is one in all.

    Raises ValueError where a process would be left without a device, or without a part of the batch.
    """
    available = list(jax.devices() if devices is None else devices)
    if not available:
        raise ValueError("devices must name at least one device, got none; leave it out to use jax.devices()")
    processes = jax.process_count()
    of_process = [[device for device in available if device.process_index == i] for i in range(processes)]
    if not all(of_process):
        raise ValueError(
            f"devices must name at least one of each of the {processes} processes, got none of process "
            f"{of_process.index([])}; leave it out to use jax.devices()"
        )
    counts = [n for n in range(1, min(map(len, of_process)) + 1) if batch_size % (n * processes) == 0]
    if not counts:
        raise ValueError(
            f"batch_size must be a multiple of the number of processes, {processes}, for each to take its part of a "
            f"batch, got {batch_size}; use {-(-batch_size // processes) * processes}"
        )
    chosen = [device for group in of_process for device in group[: counts[-1]]]
    return None if len(chosen) == 1 and devices is None else Mesh(np.array(chosen), ("data",))


def replicate(tree, mesh: Mesh | None):
    """The arrays, whole on every device of the mesh; each process passes the same ones."""
    return tree if mesh is None else jax.make_array_from_process_local_data(NamedSharding(mesh, PartitionSpec()), tree)


def split(x, mesh: Mesh | None):
    """Inside a program: x with its first axis split over the mesh."""
    return x if mesh is None else jax.lax.with_sharding_constraint(x, NamedSharding(mesh, PartitionSpec("data")))


def whole(tree, mesh: Mesh | None):
    """Inside a program: the arrays whole on every device of the mesh, so that every process can read them."""
    return tree if mesh is None else jax.lax.with_sharding_constraint(tree, NamedSharding(mesh, PartitionSpec()))


def local(tree):
    """Whole arrays as arrays of this process alone, which it can compute with when the others do not."""
    return tree if jax.process_count() == 1 else jax.tree.map(lambda leaf: leaf.addressable_data(0), tree)


# --- processes


def join(coordinator: str | None, processes: int | None, process: int | None) -> None:
    """Join the processes of one training, before JAX computes anything.

    On TPU hosts and on clusters that JAX knows it finds out what is None. Raises ValueError where the numbers do not
    fit, or where JAX can not find them out.
    """
    if coordinator is not None and not re.fullmatch(r".+:\d+", coordinator):
        raise ValueError(f"coordinator must be HOST:PORT, as in 192.168.0.2:9876, got {coordinator!r}")
    if process is not None and processes is not None and process >= processes:
        raise ValueError(f"process must be below processes, {processes}, for they count from 0; got {process}")
    try:
        jax.distributed.initialize(coordinator, processes, process)
    except ValueError as error:
        raise ValueError(
            f"a training over several processes needs coordinator, processes and process: JAX finds out on TPU hosts "
            f"and known clusters only, got {coordinator}, {processes}, {process} ({error})"
        ) from error


def is_first() -> bool:
    """Whether this process is the one that writes and reports."""
    return jax.process_index() == 0


def any_process(flag: bool) -> bool:
    """Whether the flag is set in any process; no process goes on before all have come here."""
    return flag if jax.process_count() == 1 else bool(np.any(multihost_utils.process_allgather(np.asarray(flag))))


def of_first(numbers):
    """The first process's numbers, a tree of floats, in every process; in float32 where they are sent."""
    if jax.process_count() == 1:
        return numbers
    return jax.tree.map(float, multihost_utils.broadcast_one_to_all(jax.tree.map(np.float32, numbers)))


@contextmanager
def together() -> Iterator[None]:
    """Ends in all processes or in none: what raises in one raises in the others too, which would else wait for it.

    Nothing in the block may communicate. Raises ConnectionAbortedError where this process was fine and another was not.
    """
    try:
        yield
    except BaseException:
        any_process(True)
        raise
    if any_process(False):
        raise ConnectionAbortedError("another process stopped with an error, which it reports; start all of them again")


def check_same(parts: dict[str, object]) -> None:
    """Refuse with ValueError, by name, what is not the same in every process.

    The parts are trees of arrays, numbers and text.
    """
    if jax.process_count() == 1:
        return
    checksums = multihost_utils.process_allgather(np.array([_checksum(part) for part in parts.values()], np.uint32))
    different = [name for name, values in zip(parts, checksums.T, strict=True) if np.ptp(values)]
    if different:
        raise ValueError(
            f"every process must be given the same, got different {', '.join(different)}; "
            "start all with the same arguments, and with one checkpoint file in a folder that all of them see"
        )


def _checksum(tree) -> int:
    checksum = 0
    for leaf in jax.tree.leaves(tree):
        checksum = zlib.crc32(np.asarray(leaf).tobytes(), checksum)
    return checksum
