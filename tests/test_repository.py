"""The files around the code say the same: versions, Pythons, commands."""

import ast
import itertools
import re
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import machines
import nbformat
import pytest
import runtime

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).parents[1]
SLOW = "mark." + "slow"  # in two parts, as this file has no slow test
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def steps(path):
    """The commands of a workflow."""
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()
    return [step["run"] for job in jobs for step in job["steps"] if "run" in step]


def test_the_citation_and_the_changes_name_the_version(project):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    assert f"## {project['version']} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_supported_python_is_tested(project):
    supported = {c.rsplit(" ", 1)[-1] for c in project["classifiers"] if re.search(r":: 3\.\d+$", c)}
    tests = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8"))
    assert set(tests["jobs"]["tests"]["strategy"]["matrix"]["python"]) == supported


@pytest.mark.parametrize("name", ["tests", "newest", "release"])
def test_workflows_run_what_a_contributor_runs(name):
    assert ".ci/run" in steps(ROOT / ".github" / "workflows" / f"{name}.yml")


def sessions():
    """The names of the machines in the noxfile."""
    tree = ast.parse((ROOT / "tests" / "noxfile.py").read_text(encoding="utf-8"))
    pythons = {}
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        for decorator in map(ast.unparse, function.decorator_list):
            if decorator.startswith("nox.session"):
                pythons[function.name] = re.findall(r"3\.\d+", decorator)
    return {f"{name}-{v}" if len(found) > 1 else name for name, found in pythons.items() for v in found or [""]}


@pytest.fixture(scope="module")
def weekly():
    """The jobs that run once a week."""
    return yaml.safe_load((ROOT / ".github" / "workflows" / "newest.yml").read_text(encoding="utf-8"))["jobs"]


def test_every_machine_is_run_once_a_week(weekly):
    assert set(weekly["machines"]["strategy"]["matrix"]["machine"]) == sessions()


def test_what_the_machines_record_is_compared_with_the_prose(weekly):
    given, taken = (
        next(step["with"] for step in weekly[job]["steps"] if f"actions/{way}-artifact@" in step.get("uses", ""))
        for job, way in (("machines", "upload"), ("report", "download"))
    )
    assert weekly["report"]["needs"] == "machines"
    assert given["path"] == taken["path"] == machines.RECORDINGS.relative_to(ROOT).as_posix()
    assert weekly["report"]["steps"][-1]["run"] == "python tests/tools/machines.py report"


def test_every_slow_test_is_run_once_a_week_in_the_time_that_it_takes(weekly):
    parts = weekly["slow"]["strategy"]["matrix"]["include"]
    files = [name for part in parts for name in part["files"].split()]
    tests = {path: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    assert sorted(files) == sorted(path.relative_to(ROOT).as_posix() for path in tests if SLOW in tests[path])
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    minutes = dict(re.findall(r"^\| `(\S+\.py)` \| \d+ \| (\d+) \|", text, re.MULTILINE))
    for part in parts:
        took = sum(int(minutes.get(name.removeprefix("tests/"), 0)) for name in part["files"].split())
        assert part["minutes"] >= 15 + 1.5 * took


def test_slow_tests_meet_the_pythons_that_they_need(weekly):
    (setup,) = (step for step in weekly["slow"]["steps"] if "setup-python" in step.get("uses", ""))
    assert {version for version, _ in runtime.PUBLISHED.values()} < set(setup["with"]["python-version"].splitlines())
    parts = weekly["slow"]["strategy"]["matrix"]["include"]
    (python,) = (part["python"] for part in parts if "tests/test_environment.py" in part["files"])
    assert f"Python {python}." in (ROOT / "tests" / "machines" / "lock.txt").read_text(encoding="utf-8")


def test_no_precision_is_set_for_a_whole_process():
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "vaelib").rglob("*.py")]
    for path in ROOT.glob("notebooks/[0-9]*.ipynb"):
        sources += [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert len(sources) > 300
    assert not [source for source in sources if "jax_default_matmul_precision" in source.lower()]


def test_the_newest_machines_are_the_supported_pythons(project):
    supported = {c.rsplit(" ", 1)[-1] for c in project["classifiers"] if re.search(r":: 3\.\d+$", c)}
    assert {name.removeprefix("newest-") for name in sessions() if name.startswith("newest-")} == supported


def test_ci_runs_machines_that_exist():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (version,) = re.findall(r"^newest=(.+)$", script, re.MULTILINE)
    assert {"colab", f"newest-{version}"} <= sessions()
    assert "sessions=(colab)" in script


def test_the_site_is_published_by_the_command_that_builds_it():
    commands = steps(ROOT / ".github" / "workflows" / "site.yml")
    assert "python docs/build.py" in commands
    assert "`python docs/build.py`" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_notebooks_in_other_languages_are_run_once_and_handed_on():
    path = ROOT / ".github" / "workflows" / "site.yml"
    assert steps(path).count("python docs/build.py notebooks") == 1
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    given, taken = (
        [step["with"] for step in jobs[job]["steps"] if f"actions/{way}-artifact@" in step.get("uses", "")]
        for job, way in (("build", "upload"), ("editions", "download"))
    )
    assert jobs["editions"]["needs"] == "build"
    assert [(with_["name"], with_["path"]) for with_ in given] == [(with_["name"], with_["path"]) for with_ in taken]
    assert taken[0]["path"] == "build/notebooks"


def test_a_font_with_korean_letters_is_installed_where_korean_pictures_are_made():
    """Without one they keep their English words, and the tests of them are skipped."""
    assert "fonts-nanum" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for name, command in (
        ("site", "python docs/build.py notebooks"),
        ("newest", 'nox -f tests/noxfile.py -s "$MACHINE"'),
    ):
        commands = steps(ROOT / ".github" / "workflows" / f"{name}.yml")
        assert any("install" in before and "fonts-nanum" in before for before in commands[: commands.index(command)])


def test_actions_are_pinned_to_a_commit():
    used = [line for path in WORKFLOWS for line in path.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    assert used
    assert all(re.search(r"uses: actions/[\w-]+@[0-9a-f]{40} # v\d", line) for line in used)


def test_a_release_is_built_and_published_by_pinned_tools_alone():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8"))["jobs"]
    assert set(jobs["publish"]["needs"]) == {"test", "build"}
    for name in ("build", "publish"):
        commands = [step["run"] for step in jobs[name]["steps"] if "run" in step]
        installs = [command for command in commands if "install" in command]
        assert installs == [f"pip install --require-hashes --no-deps -r .github/{name}.txt"]
        assert not re.search(r"pipx|uvx|uv run|\.ci/|npx", " ".join(commands))
        pinned = (ROOT / ".github" / f"{name}.txt").read_text(encoding="utf-8")
        left = re.sub(r"^(#.*|[\w.-]+==\S+ \\|    --hash=sha256:[0-9a-f]{64}( \\)?)\n", "", pinned, flags=re.MULTILINE)
        assert "==" in pinned
        assert not left
    assert "--no-isolation" in " ".join(step.get("run", "") for step in jobs["build"]["steps"])
    assert all("id-token" not in jobs[name].get("permissions", {}) for name in ("test", "build"))


def test_what_contributing_names_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w/])(?:tests|docs|notebooks|\.github)/[\w./]*\w", text))
    missing = [name for name in named if not (ROOT / name).exists() and not (ROOT / f"{name}.ipynb").exists()]
    assert not missing


def test_the_source_release_has_what_its_documents_lead_to(tmp_path):
    pytest.importorskip("hatchling")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (archive,) = tmp_path.iterdir()
    with tarfile.open(archive) as released:
        held = {name.partition("/")[2] for name in released.getnames()}
    documents = [path.name for path in ROOT.glob("*.md")]
    links = [re.findall(r"\]\(([^):#]+)\)", (ROOT / name).read_text(encoding="utf-8")) for name in documents]
    assert {*documents, *itertools.chain(*links)} - held == set()
