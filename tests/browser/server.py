"""A front end's server, on loopback only, and a notebook to open in it."""

import os
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat

QUIET = {"JUPYTER_PLATFORM_DIRS": "1", "JAX_PLATFORMS": "cpu", "PYTHONWARNINGS": "ignore"}


class Server:
    """A server on loopback, from its start until `close`."""

    def __init__(self, folder: Path, command: list, answers: str, **environment: str):
        """Start the command in the folder, and wait until there is an answer at the address."""
        self.folder = folder
        log = folder / "server.log"
        with log.open("w") as output:
            options = {"cwd": folder, "stdout": output, "stderr": subprocess.STDOUT}
            self.process = subprocess.Popen(command, env=os.environ | QUIET | environment, **options)
        for _ in range(1800):
            try:
                urllib.request.urlopen(answers, timeout=2).close()
                return
            except urllib.error.HTTPError:
                return  # a refusal is an answer
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"{command[2]} did not start: {log.read_text()[-2000:]}")

    def close(self):
        """Stop the server and its kernels."""
        self.process.terminate()
        self.process.wait(120)  # on a busy machine


def write_notebook(path: Path, *cells: str) -> Path:
    """A notebook of code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)
    return path
