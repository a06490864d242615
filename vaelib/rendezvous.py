"""Processes of one training meet before JAX joins them: who does not come is named, in a sentence and in time.

JAX's own meeting ends a process by a signal where another does not come, and where its address is taken. It does so
again where the first process, which serves the others, ends before them: so the first one leaves last.
"""

import socket
import time
from contextlib import ExitStack, suppress

PATIENCE = 45  # seconds


def meet(coordinator: str, processes: int, process: int, patience: float | int = PATIENCE) -> list[socket.socket]:
    """Return in all processes once all have come to the address HOST:PORT, where the first one listens.

    What is returned are the connections to the others, in the first process, and to the first, in the others; for
    `await_leaving` they stay open for as long as the process runs.

    Raises ConnectionError in each that waited in vain, and in the first where it can not listen there.
    """
    host, _, port = coordinator.rpartition(":")
    address, until = (host.strip("[]"), int(port)), time.monotonic() + patience
    if process == 0:
        return _receive(address, processes, until)
    return [_arrive(address, process, until)]


def await_leaving(guests: list[socket.socket], patience: float | int = PATIENCE) -> None:
    """Return once the other processes have ended, in whatever way, or after so many seconds."""
    until = time.monotonic() + patience
    for guest in guests:
        with guest, suppress(OSError):
            guest.settimeout(max(0.01, until - time.monotonic()))
            guest.recv(1)  # nothing is sent: it returns when the system closes the other end


def _receive(address: tuple[str, int], processes: int, until: float) -> list[socket.socket]:
    """The first process: listen until each of the others has said its number, then let all go on."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    try:
        server = socket.create_server(address, family=family)
    except OSError as error:
        raise ConnectionError(f"the first process can not listen at {_name(address)}, {error}; use another") from error
    arrived: dict[int, socket.socket] = {}
    with ExitStack() as guests:
        with server:
            while len(arrived) < processes - 1:
                guest, number = _next(server, until)
                if guest is None:
                    missing = [number for number in range(1, processes) if number not in arrived]
                    raise ConnectionError(
                        f"of {processes} processes, {missing} did not come to {_name(address)} in time; start all"
                    )
                guests.enter_context(guest)
                if 0 < number < processes and number not in arrived:
                    arrived[number] = guest
                else:
                    guest.close()
        for guest in arrived.values():
            guest.sendall(b"\1")
        guests.pop_all()
    return list(arrived.values())


def _next(server: socket.socket, until: float) -> tuple[socket.socket | None, int]:
    """The next guest and the number that it says, 0 where it says none in time; None where no one comes in time."""
    try:
        server.settimeout(max(0.01, until - time.monotonic()))
        guest, _ = server.accept()
    except TimeoutError:
        return None, 0
    try:
        guest.settimeout(max(0.01, min(5.0, until - time.monotonic())))
        return guest, int.from_bytes(guest.recv(4), "big")
    except OSError:
        return guest, 0


def _arrive(address: tuple[str, int], process: int, until: float) -> socket.socket:
    """Another process: say its number, and wait until all have come."""
    reason: object = "its address was never open"
    while (left := until - time.monotonic()) > 0:
        try:
            with ExitStack() as unless_met:
                host = unless_met.enter_context(socket.create_connection(address, timeout=left))
                host.sendall(process.to_bytes(4, "big"))
                if host.recv(1) == b"\1":
                    unless_met.pop_all()
                    return host
                reason = "it had a process of this number, or gave up"
        except OSError as error:
            reason = error
        time.sleep(0.1)
    raise ConnectionError(
        f"process {process} did not meet the others through the first, at {_name(address)}, in time ({reason}); start "
        "all of them, with an address that all of them reach"
    )


def _name(address: tuple[str, int]) -> str:
    return f"{address[0]}:{address[1]}"
