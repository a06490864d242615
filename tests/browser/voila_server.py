"""Voila, which shows a notebook as an application without its code, on loopback only."""

import secrets
import sys
from pathlib import Path

from loopback import free_address
from server import Server, write_notebook


class Voila(Server):
    """One notebook, run afresh for each page that opens it."""

    def __init__(self, folder: Path, *cells: str):
        """Write a notebook of code cells, start the server, with a token, and wait until it answers."""
        self.token, address = secrets.token_hex(16), free_address()
        self.url = f"http://{address}"
        notebook = write_notebook(folder / "widgets.ipynb", *cells)
        home = folder.parent / f"{folder.name}-jupyter"
        places = {name: str(home / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
        command = [sys.executable, "-m", "voila", str(notebook), "--no-browser", "--show_tracebacks=True"]
        command += ["--Voila.ip=127.0.0.1", f"--port={address.rsplit(':', 1)[1]}", f"--token={self.token}"]
        super().__init__(folder, command, f"{self.url}/static/", **places)

    def run(self, page):
        """Open the page; it is sent cell by cell, as the kernel comes to them."""
        page.goto(f"{self.url}/?token={self.token}", wait_until="commit")
