"""Addresses of this machine's own, for tests that start servers."""

import socket


def free_address() -> str:
    """HOST:PORT on loopback, of a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"
