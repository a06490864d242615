"""Training in several processes on several hosts; in a program of one process nothing here communicates.

Processes joined by `join` run one and the same program. They wait for each other wherever they communicate, so each has
to come to every such place: they compare what they were given, and agree on when to stop.
"""

import atexit
import re
import socket
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import jax
import numpy as np
from jax.experimental import multihost_utils

from vaelib import checks
from vaelib.rendezvous import PATIENCE, await_leaving, meet

LOST = re.compile("Gloo|NCCL|heartbeat|coordination service|UNAVAILABLE|DEADLINE_EXCEEDED")  # in what JAX then says
LEFT_OPEN: list[socket.socket] = []  # until this process ends: so the first one knows


def join(coordinator: str | None, processes: int | None, process: int | None) -> None:
    """Join the processes of one training, before JAX computes anything.

    On TPU hosts and on clusters that JAX knows it finds out what is None. Raises ValueError where the numbers do not
    fit, or where JAX can not find them out, and ConnectionError where the others do not come within a minute. The first
    process listens at the coordinator's address and at no other.
    """
    if coordinator is not None and not re.fullmatch(r".+:\d+", coordinator):
        raise ValueError(f"coordinator must be HOST:PORT, as in 192.168.0.2:9876, got {coordinator!r}")
    if process is not None and processes is not None and process >= processes:
        raise ValueError(f"process must be below processes, {processes}, for they count from 0; got {process}")
    if met := coordinator is not None and processes is not None and process is not None:
        others = meet(coordinator, processes, process)
        with suppress(AttributeError):  # else JAX ends a process that has lost another by a stack of C++
            jax.config.update("jax_enable_recoverability", True)
    try:
        jax.distributed.initialize(
            coordinator,
            processes,
            process,
            coordinator_bind_address=coordinator,
            heartbeat_timeout_seconds=PATIENCE,
        )
    except ValueError as error:
        raise ValueError(
            f"a training over several processes needs coordinator, processes and process: JAX finds out on TPU hosts "
            f"and known clusters only, got {coordinator}, {processes}, {process} ({error})"
        ) from error
    if met and process == 0:
        # JAX no longer waits for the others at its exit, and those that end later would find their server gone.
        atexit.register(await_leaving, others)
    elif met:
        LEFT_OPEN.extend(others)


def are_several() -> bool:
    """Whether there are other processes."""
    return jax.process_count() > 1


def is_first() -> bool:
    """Whether this process is the one that writes and reports."""
    return jax.process_index() == 0


def any_process(flag: bool) -> bool:
    """Whether the flag is set in any process; no process goes on before all have come here."""
    return flag if not are_several() else bool(np.any(multihost_utils.process_allgather(np.asarray(flag))))


def numbers_of_first(numbers):
    """The first process's numbers, a tree of floats, in every process; in float32 where they are sent."""
    if not are_several():
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


@contextmanager
def losses_named() -> Iterator[None]:
    """Raises ConnectionAbortedError, in one sentence, where another process was killed or can no longer be reached."""
    try:
        yield
    except (RuntimeError, ValueError) as error:  # JAX raises either
        if not (are_several() and LOST.search(str(error))):
            raise
        raise ConnectionAbortedError(
            "another process of this training has ended, or can not be reached: see what it says last, and start all "
            f"of them again, from the checkpoint ({_first_line(error)})"
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0][:200]


def check_same(parts: dict[str, object]) -> None:
    """Refuse with ValueError, by name, what is not the same in every process.

    The parts are trees of arrays, numbers and text.
    """
    if not are_several():
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
        if checks.holds_keys(leaf):
            leaf = jax.random.key_data(leaf)
        checksum = zlib.crc32(np.asarray(leaf).tobytes(), checksum)
    return checksum
