"""The machines that the series has to hold on, one session each: `nox -f tests/noxfile.py -s NAME`.

Each makes an environment, runs the tests and the notebooks there, and records the notebooks' outputs for
`tests/tools/machines.py`. What follows `--` goes to pytest, for less than all: `-- notebooks/03_elbo.ipynb`; `-- core`
stands for the library's own tests and three notebooks.
"""

from pathlib import Path

import nox

ROOT = Path(__file__).parents[1]
COLAB = "tests/machines/colab-2026-08-19.txt"
# What the test command needs beside the packages of a reader; none of them is imported by a notebook.
TEST_TOOLS = ["pytest>=9.0", "pytest-xdist>=3.8", "nbval>=0.11", "hypothesis>=6.100"]
CORE = [
    *(
        f"tests/test_{name}.py"
        for name in ("distributions", "evidence", "models", "objectives", "storage", "training", "workarounds")
    ),
    *(f"notebooks/{name}.ipynb" for name in ("00_start_here", "03_elbo", "07_training")),
]

nox.needs_version = ">=2025.2.9"
nox.options.envdir = str(ROOT / "build" / "nox")
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = []


def run(session: nox.Session, *options: str, before: tuple[str, ...] = (), **env: str) -> None:
    """Run the test command, or the part of it that was asked for, and record the notebooks' outputs afresh."""
    recording = ROOT / "build" / "machines" / f"{session.name}.jsonl"
    record = ("-p", "nbval_record", "--record-to", str(recording), "--nbval-kernel-startup-timeout=300")
    spread = ("-n", "2", "--dist", "loadfile")
    wanted = CORE if session.posargs == ["core"] else session.posargs
    env["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "false"  # programs as a reader's
    session.run(*before, "python", "-m", "pytest", *spread, *record, *options, *wanted, env=env, external=bool(before))


def install(session: nox.Session, *options: str) -> None:
    """The README's environment, from the checkout."""
    session.chdir(ROOT)
    session.install("-e", ".[test]", *options)


@nox.session(python=["3.11", "3.12", "3.13"])
def newest(session):
    """The newest packages that this Python can get."""
    install(session, "--upgrade")
    run(session)


@nox.session(python="3.11", venv_backend="uv")
def minimum(session):
    """The lowest version of every direct dependency that pyproject.toml allows."""
    install(session, "--resolution", "lowest-direct")
    run(session)


@nox.session(python="3.13")
def colab(session):
    """Colab's packages as they were published, none of which the wheel or the test tools may replace."""
    session.chdir(ROOT)
    session.install("--no-deps", "-r", COLAB)
    session.install("--constraint", COLAB, "-e", ".", *TEST_TOOLS)
    run(session, "-W", "default")  # packages of several years warn of themselves on Python 3.13


@nox.session
def one_core(session):
    """One core and one thread, as XLA and BLAS divide their sums by the number of threads."""
    install(session)
    run(session, before=("taskset", "-c", "0"), OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")


@nox.session
def no_avx512(session):
    """A processor whose vectors have 256 bits."""
    install(session)
    run(session, XLA_FLAGS="--xla_cpu_max_isa=AVX2")


@nox.session
def other_blas(session):
    """Another kernel of OpenBLAS than the processor's own, for NumPy, SciPy and scikit-learn."""
    install(session)
    run(session, OPENBLAS_CORETYPE="Haswell")


@nox.session
def tf32(session):
    """Matrix products rounded as a GPU rounds them, emulated on the CPU."""
    install(session)
    run(session, "-p", "rounding", "--round-products", "tf32")


@nox.session
def bfloat16(session):
    """Matrix products rounded as a TPU rounds them, emulated on the CPU."""
    install(session)
    run(session, "-p", "rounding", "--round-products", "bfloat16")


@nox.session
def editions(session):
    """The notebooks in the other languages: made and run, and then compared like the English ones."""
    session.chdir(ROOT)
    session.install("-e", ".[dev]")
    names = [Path(name).stem for name in session.posargs]
    session.run("python", "docs/build.py", "notebooks", *names)
    made = [str(path) for name in names or ["*"] for path in ROOT.glob(f"build/notebooks/*/{name}.ipynb")]
    session.run("python", "-m", "pytest", *sorted(made))


@nox.session
def tree_mode(session):
    """Flax NNX as it is to become, with modules as trees."""
    install(session)
    run(session, NNX_GRAPH_MODE="false", NNX_GRAPH_UPDATES="false")
