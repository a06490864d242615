"""Stopping a long computation politely."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruption() -> Iterator[threading.Event]:
    """An event that is set by the first Ctrl-C instead of an exception, which would lose the donated state.

    A second Ctrl-C raises KeyboardInterrupt. Signals belong to the main thread; in another the event is never set. Nor
    is it where the program ignores the signal, or where what handles it was not set from Python.
    """
    event = threading.Event()
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) in (None, signal.SIG_IGN):
        yield event
        return

    def on_signal(number, frame):
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    previous = signal.signal(signal.SIGINT, on_signal)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, previous)
