"""What all tests share: the processor alone, no silent rank promotion, repeatable random examples, small digits."""

import inspect
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import numpy as np
import pytest
from flax import nnx
from hypothesis import settings
from jaxtyping import config as type_checks

from vaelib.linear_gaussian import LinearGaussianVAE

jax.config.update("jax_numpy_rank_promotion", "raise")

# A test compiles many programs and runs each once. XLA's passes are the reader's; LLVM leaves their result as it is,
# which takes a third off tests that mostly compile. The notebooks, and each session of nox, compile as a reader does.
BRIEFLY = "jax_disable_most_optimizations"
if BRIEFLY.upper() not in os.environ:
    jax.config.update(BRIEFLY, True)

# Each new shape is compiled, which takes a good part of a second on a busy machine: few examples, and no deadline.
settings.register_profile("vaelib", max_examples=20, deadline=None, derandomize=True, database=None)
settings.load_profile("vaelib")


@pytest.fixture(autouse=True)
def types_are_checked_but_in_refusals(request):
    """Under `--jaxtyping-packages`, tests of refusals pass what the annotations forbid: the library is to answer."""
    if request.config.getoption("--jaxtyping-packages") and request.node.get_closest_marker("unwrapped"):
        pytest.skip("it looks at the library's closures, which the type checks wrap")
    expects_an_error = "pytest.raises(" in inspect.getsource(request.function)
    type_checks.update("jaxtyping_disable", expects_an_error or "refuse" in request.node.name)
    yield
    type_checks.update("jaxtyping_disable", False)


@pytest.fixture
def full_precision():
    """Products as exact as the page's or NumPy's, also on a GPU or TPU, which would round them more."""
    with jax.default_matmul_precision("highest"):
        yield


@pytest.fixture
def fully_optimised():
    """The programs of this test are those of a reader; JAX would go on with one that was compiled briefly before."""
    before = jax.config.values[BRIEFLY]
    jax.clear_caches()
    jax.config.update(BRIEFLY, False)
    yield
    jax.clear_caches()
    jax.config.update(BRIEFLY, before)


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    """Matplotlib keeps each figure of a test that shows none, and warns at the twentieth."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


HOLD = """
import sys
from vaelib.files import claim
claim(sys.argv[1])
print("claimed", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def held_elsewhere():
    """`with held_elsewhere(path):` another process has claimed the file."""

    @contextmanager
    def held(path):
        command = [sys.executable, "-c", HOLD, str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout.readline() == b"claimed\n"
            yield
            other.communicate()

    return held


@pytest.fixture(scope="session")
def images():
    """Sixteen grey strokes of 6 × 6 pixels on a black border, shape (16, 36), in [0, 1] as digits are."""
    rng = np.random.default_rng(0)
    row, column = np.mgrid[0:6, 0:6] - 2.5
    angle, offset = rng.uniform(0, np.pi, (16, 1, 1)), rng.uniform(-1, 1, (16, 1, 1))
    distance = np.abs(row * np.cos(angle) + column * np.sin(angle) - offset)
    strokes = np.clip(1.3 - distance, 0, 1) * (np.maximum(np.abs(row), np.abs(column)) < 2.5)
    return strokes.reshape(16, 36).astype(np.float32)


@pytest.fixture(scope="session")
def exact_model():
    """A model whose evidence is known, with a q(z|x) that is off by 1 to 2 nats: narrowed mean, widened spread."""
    W = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    model = LinearGaussianVAE(W, np.linspace(-1, 1, 6, dtype=np.float32), sigma=1.0)
    nnx.jit(LinearGaussianVAE.solve_encoder)(model)  # one program instead of a dozen
    model.A[...] = 0.7 * model.A[...]
    model.log_var[...] = model.log_var[...] + 0.7
    return model


@pytest.fixture(scope="session")
def vectors(exact_model):
    """Four draws from that model, shape (4, 6)."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4, 2)) @ np.asarray(exact_model.W[...]).T + np.asarray(exact_model.b[...])
    return (x + rng.normal(size=(4, 6))).astype(np.float32)


@pytest.fixture
def compilations():
    """A list that grows by one entry a compiled program."""
    compiled, listening = [], True

    def listen(event, _, **kwargs):
        if listening and event.endswith("backend_compile_duration"):
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield compiled
    listening = False  # the oldest JAX has no way to take a listener back


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The built site, in every language; Sphinx fails on any warning. Tests in several processes share it."""
    pytest.importorskip("sphinx", reason="the site needs the extra: pip install -e '.[site]'")
    from filelock import FileLock

    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "site"
    with FileLock(shared / "site.lock"):
        if not folder.exists():
            unfinished = shared / "unfinished-site"
            command = [sys.executable, "docs/build.py", "--output", str(unfinished)]
            build = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True)
            assert build.returncode == 0, build.stderr
            unfinished.rename(folder)
    return folder
