"""A reader's day: what is tried with a notebook beyond Run All works, or a message says what to do."""

import base64
import json
import os
import re
import shutil
import subprocess
import symtable
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from jupyter_client.kernelspec import KernelSpec
from jupyter_core.utils import ensure_event_loop, run_sync
from nbclient import NotebookClient
from nbval_tolerance import texts

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(ROOT.glob("notebooks/[0-9]*.ipynb"))
FIRST = NOTEBOOKS[0]
QUICK = "00_start_here"  # `pytest -m slow` takes the others
KERNEL = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
PLAIN_ROOT = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]  # who may not write is refused, root too
EACH_ALONE = """
import json, sys
from IPython.core.inputtransformer2 import TransformerManager

def outcome(source):
    try:
        exec(compile(TransformerManager().transform_cell(source), "cell", "exec"), {"__name__": "__main__"})
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""

print()
print(json.dumps([[outcome(source) for source in cells] for cells in json.load(sys.stdin)]))
"""
NO_NETWORK = """
import socket

def connect(self, address, _connect=socket.socket.connect):
    if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
        raise OSError(101, "Network is unreachable")
    return _connect(self, address)

def getaddrinfo(host, *args, _getaddrinfo=socket.getaddrinfo, **kwargs):
    if host not in ("127.0.0.1", "::1", "localhost", None):
        raise socket.gaierror(-3, "Temporary failure in name resolution")
    return _getaddrinfo(host, *args, **kwargs)

socket.socket.connect, socket.getaddrinfo = connect, getaddrinfo
"""


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


class Reader:
    """Someone with a kernel of their own."""

    def __init__(self, client):
        self.client = client

    def run(self, source):
        """The outputs of a cell."""
        cell = nbformat.v4.new_code_cell(source)
        self.client.nb.cells.append(cell)
        return self.client.execute_cell(cell, len(self.client.nb.cells) - 1).outputs

    def run_all(self, path):
        """The outputs of each cell of a notebook; the first that fails is raised."""
        outputs = []
        for cell in code_cells(path):
            outputs.append(self.run(cell.source))
            assert errors(outputs[-1]) == [], cell.source
        return outputs

    def restart(self):
        run_sync(self.client.km.restart_kernel)(now=True)
        run_sync(self.client.kc.wait_for_ready)(timeout=60)


@contextmanager
def reader(folder, *, before=(), **environment):
    """A reader whose kernel works in the folder."""
    notebook = nbformat.v4.new_notebook()
    client = NotebookClient(notebook, timeout=300, allow_errors=True, resources={"metadata": {"path": str(folder)}})
    client.km = client.create_kernel_manager()
    client.km._kernel_spec = KernelSpec(argv=[*before, *KERNEL], display_name="reader", language="python")
    with client.setup_kernel(env=os.environ | {"JAX_PLATFORMS": "cpu"} | environment):
        yield Reader(client)


def errors(outputs):
    return [f"{output.ename}: {output.evalue}" for output in outputs if output.output_type == "error"]


def shown(outputs):
    """All that a reader reads or looks at, in words and in bytes."""
    words = "".join(text for output in outputs if output.output_type != "error" for text in texts(output).values())
    pictures = [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    return re.sub(r"[^\r\n]*\d+%\|[^\n]*", "progress", words), pictures


def told(words):
    """The words of a message, of which the README says what to do."""
    table = (ROOT / "README.md").read_text("utf-8").partition("## When something does not go as written")[2]
    assert words in table.partition("\n## ")[0]
    return words


def series(folder):
    """The opening notebook in a folder `notebooks` of the given one."""
    (folder / "notebooks").mkdir(parents=True)
    return Path(shutil.copy(FIRST, folder / "notebooks"))


# Cells out of order, a kernel restarted


def names_made(path):
    """The names that each code cell makes, of variables, functions, classes and modules."""
    for cell in code_cells(path):
        table = symtable.symtable(TransformerManager().transform_cell(cell.source), "cell", "exec")
        yield {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}


@pytest.fixture(scope="module")
def outcomes():
    """What comes of each code cell when no other has run: the error by the notebook's path, "" where there is none."""
    cells = [[cell.source for cell in code_cells(path)] for path in NOTEBOOKS]
    done = subprocess.run([sys.executable, "-c", EACH_ALONE], input=json.dumps(cells), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(zip(NOTEBOOKS, json.loads(done.stdout.splitlines()[-1]), strict=True))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_cell_that_is_run_first_asks_for_a_name_that_a_cell_above_makes(outcomes, path):
    told("NameError: name 'model' is not defined")
    above = set()
    for cell, made, error in zip(code_cells(path), names_made(path), outcomes[path], strict=True):
        if error:
            missing = re.fullmatch(r"NameError: name '(\w+)' is not defined.*", error)
            assert missing, f"{error}, in:\n{cell.source}"
            assert missing[1] in above
        above |= made
    assert any(outcomes[path])


def test_after_a_restart_the_cells_above_make_what_a_cell_needs():
    *above, last = (cell.source for cell in code_cells(FIRST))
    with reader(FIRST.parent) as someone:
        outputs = someone.run_all(FIRST)
        someone.restart()
        (error,) = errors(someone.run(last))
        assert re.match(r"NameError: name '\w+' is not defined", error)
        for source in above:
            someone.run(source)
        assert shown(someone.run(last)) == shown(outputs[-1])


# A cell run twice


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem, marks=() if path.stem == QUICK else pytest.mark.slow) for path in NOTEBOOKS],
)
def test_a_cell_that_is_run_twice_shows_the_same(path):
    with reader(path.parent) as someone:
        for cell in code_cells(path):
            once, twice = someone.run(cell.source), someone.run(cell.source)
            assert errors(once) == errors(twice) == []
            assert shown(twice) == shown(once), cell.source


# Two notebooks at once, in a folder with spaces, without a network


def test_two_kernels_at_once_in_a_folder_with_spaces_and_without_a_network(tmp_path):
    path = series(tmp_path / "my notebooks, 2nd try (größer)")
    (tmp_path / "offline").mkdir()
    (tmp_path / "offline" / "sitecustomize.py").write_text(NO_NETWORK)
    alone = {"PYTHONPATH": str(tmp_path / "offline"), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def day(_):
        with closing(ensure_event_loop()), reader(path.parent, **alone) as someone:  # a thread has a loop of its own
            outputs = someone.run_all(path)
            (error,) = errors(someone.run("import urllib.request as r; r.urlopen('http://example.org')"))
            assert "Temporary failure in name resolution" in error
            (error,) = errors(someone.run("vaelib.load_mnist('train', source='tfds', data_dir='.')"))
            assert told("found no MNIST at") in error
            return [shown(output) for output in outputs]

    with ThreadPoolExecutor(2) as both:
        first, second = both.map(day, range(2))
    assert first == second
    picture = (path.parents[1] / "figures" / "map.png").read_bytes()
    assert base64.b64encode(picture).decode() in [png.replace("\n", "") for _, pngs in first for png in pngs]


# A second user without write permission, a read-only checkout


@pytest.fixture
def locked(tmp_path):
    """The opening notebook in a checkout that its reader may not write, as little as the home beside it."""
    if sys.platform == "win32":
        pytest.skip("permissions of POSIX")
    path = series(tmp_path / "checkout")
    shutil.copytree(ROOT / "vaelib", path.parents[1] / "vaelib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("figures", "home"):
        (path.parents[1] / name).mkdir()
    places = [path.parents[1], *path.parents[1].rglob("*")]
    for place in places:
        place.chmod(place.stat().st_mode & 0o555)
    yield path
    for place in places:
        place.chmod(place.stat().st_mode | 0o200)


def as_second_user(path):
    """The words before a command, and the environment, of someone who may not write what lies in `path`'s checkout."""
    if os.geteuid() == 0 and not shutil.which(PLAIN_ROOT[0]):
        pytest.skip(f"root may write everywhere, and there is no {PLAIN_ROOT[0]}")
    checkout = path.parents[1]
    places = {"HOME": checkout / "home", "XDG_CACHE_HOME": checkout / "home", "PYTHONPATH": checkout}
    return PLAIN_ROOT if os.geteuid() == 0 else [], {name: str(place) for name, place in places.items()}


def test_a_read_only_checkout_shows_all_and_says_what_was_not_saved(locked):
    before, environment = as_second_user(locked)
    with reader(locked.parent, before=before, **environment) as someone:
        outputs = someone.run_all(locked)
        assert str(locked.parents[1]) in shown(someone.run("vaelib.__file__"))[0]
    words = "".join(shown(output)[0] for output in outputs)
    assert told("The figure was not saved") in words
    assert "'../figures/map.png'" in words
    stored = [shown(cell.outputs)[1] for cell in code_cells(locked)]
    assert [len(shown(output)[1]) for output in outputs] == list(map(len, stored))
    assert not list((locked.parents[1] / "figures").iterdir())


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "vaelib", "train", "--limit", "256", "--epochs", "1", "--output", "runs/first"],
        ["-c", "import vaelib; vaelib.save_model(vaelib.load_pretrained('bernoulli-z2'), 'mine.safetensors')"],
        ["-c", "import vaelib.explorer as e, vaelib; e.save_page(vaelib.load_pretrained('bernoulli-z2'), 'mine.html')"],
    ],
    ids=["train", "save_model", "save_page"],
)
def test_what_can_not_be_written_is_named_with_what_to_do(locked, command):
    before, environment = as_second_user(locked)
    done = subprocess.run(
        [*before, sys.executable, *command],
        cwd=locked.parent,
        env=os.environ | {"JAX_PLATFORMS": "cpu"} | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    message = done.stderr.strip().splitlines()[-1]
    for words in ("can not be written", "choose another folder"):
        assert told(words) in message
    assert "Permission denied" in message
    assert "runs/first" in message or "mine." in message
    assert not re.search(r"[0-9a-f]{32}", message), "a temporary file is no one's concern"
