"""Addresses of this machine's own, for tests that start servers."""

import contextlib
import functools
import http.server
import socket
import threading
from pathlib import Path


def free_address() -> str:
    """HOST:PORT on loopback, of a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


@contextlib.contextmanager
def serve(folder: Path):
    """The address of a server of the folder's files, on loopback."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
