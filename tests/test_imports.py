"""Imports run one way, widgets and TensorFlow stay where they belong, and nothing private or unsafe is used."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import textwrap
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import vaelib

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "vaelib"

# A module imports from lines above its own, and within its own package.
LAYERS = [
    {"workarounds"},
    {"checks", "compilation", "files", "interruption", "languages", "rendezvous"},
    {"batches", "clinic", "devices", "eight_bit", "image_files", "lettering"}
    | {"origins", "parallel", "placement", "variables"},
    {"console", "data", "descriptions", "distributions", "figures", "images", "options", "storage", "widgets"},
    {"blocks", "networks", "protocols"},
    {"divergence", "latents", "models", "noising"},
    {"conditional", "objectives"},
    {"diffusion", "evaluation", "evidence", "history", "linear_gaussian"},
    {"checkpoints", "saving"},
    {"pretrained", "results", "steps"},
    {"training"},
    {"recipes"},
    {"studies"},
    {"exercises", "explorer"},
    {"laboratory"},
    {"__init__"},
    {"__main__"},
]
FIGURES_MAY_IMPORT = {"checks", "files", "languages", "lettering"}
WIDGETS = {"anywidget", "ipywidgets", "traitlets"}
PUBLIC = {"_asdict", "_fields", "_make", "_replace", "_exit"}  # of named tuples and os, for all their underscore
UNSAFE_MODULES = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
UNSAFE_CALLS = {"__import__", "compile", "eval", "exec"}
# Imported, and brought by a dependency that the project declares.
BROUGHT_BY = {"IPython": "ipywidgets", "cycler": "matplotlib", "scipy": "jax", "traitlets": "ipywidgets"}
DISTRIBUTIONS = {
    "PIL": "pillow",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "tensorflow_datasets": "tensorflow-datasets",
}

FILES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))


def part(path):
    """The module or package directly inside vaelib that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(tree):
    """(dotted module, name taken from it or None) of every import, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute in vaelib"
            yield from ((node.module, alias.name) for alias in node.names)


def siblings(tree):
    """The parts of vaelib that are imported."""
    for module, name in imported(tree):
        head, *rest = module.split(".")
        if head == "vaelib":
            inner = rest[0] if rest else name
            yield inner if any(inner in layer for layer in LAYERS) else "__init__"


def third_party(tree):
    for module, _ in imported(tree):
        head = module.split(".")[0]
        if head != "vaelib" and head not in sys.stdlib_module_names:
            yield head


def calls(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


# --- directions


def test_every_module_has_its_layer():
    listed = [name for layer in LAYERS for name in layer]
    assert sorted(listed) == sorted({part(path) for path in FILES})


@every_file
def test_imports_run_one_way(path):
    rank = {name: i for i, layer in enumerate(LAYERS) for name in layer}
    wrong = {name for name in siblings(TREES[path]) if name != part(path) and rank[name] >= rank[part(path)]}
    assert not wrong


def test_no_circle_inside_the_packages():
    def dotted(path):
        return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")

    modules = {dotted(path) for path in FILES}
    graph = {}
    for path, tree in TREES.items():
        # Python looks for a name in the package and, where it is none there, for a module of that name.
        found = {f"{module}.{name}" if f"{module}.{name}" in modules else module for module, name in imported(tree)}
        graph[dotted(path)] = found & modules - {dotted(path)}
    assert len(list(TopologicalSorter(graph).static_order())) == len(modules)


@every_file
def test_figures_know_no_sibling(path):
    if part(path) == "figures":
        assert set(siblings(TREES[path])) <= FIGURES_MAY_IMPORT | {"figures"}


@every_file
def test_three_packages_alone_know_of_widgets(path):
    if part(path) not in {"explorer", "laboratory", "widgets"}:
        assert not WIDGETS & set(third_party(TREES[path]))


# --- what is imported


@every_file
def test_nothing_private_is_imported(path):
    for module, name in imported(TREES[path]):
        names = [*module.split("."), name or ""]
        private = [n for n in names if n.startswith("_") and not re.fullmatch(r"__\w+__", n)]
        assert not private, f"{module} {name}"


@every_file
def test_nothing_private_of_a_dependency_is_reached_for(path):
    tree = TREES[path]
    aliases = {
        alias.asname or alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and re.match(r"_[^_]", node.attr) and node.attr not in PUBLIC:
            root = node.value
            while isinstance(root, ast.Attribute):
                root = root.value
            assert not (isinstance(root, ast.Name) and root.id in aliases), f"line {node.lineno}: {ast.unparse(node)}"


@every_file
def test_nothing_executes_data(path):
    modules = {module.split(".")[0] for module, _ in imported(TREES[path])}
    assert not modules & UNSAFE_MODULES
    for call in calls(TREES[path]):
        where = f"line {call.lineno}: {ast.unparse(call)}"
        assert not (isinstance(call.func, ast.Name) and call.func.id in UNSAFE_CALLS), where
        for keyword in call.keywords:
            is_false = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
            assert keyword.arg != "allow_pickle" or is_false, where


def test_what_is_imported_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    core, tfds, notebooks = (
        {re.match(r"[\w-]+", requirement)[0].lower() for requirement in requirements}
        for requirements in (project["dependencies"], *map(project["optional-dependencies"].get, ("tfds", "notebooks")))
    )
    more = {"data": tfds, "studies": notebooks}
    for path, tree in TREES.items():
        for module in set(third_party(tree)):
            if module in BROUGHT_BY:
                bringer = BROUGHT_BY[module]
                needs = {re.match(r"[\w-]+", r)[0].lower() for r in importlib.metadata.requires(bringer)}
                assert bringer in core, module
                assert module.lower() in needs, f"{bringer} brings no {module}"
            else:
                declared = core | more.get(part(path), set())
                assert DISTRIBUTIONS.get(module, module) in declared, f"{path.name} imports {module}"


def run(program):
    """A program in a process of its own, where nothing is imported yet."""
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, cwd=ROOT)


def test_importing_vaelib_stays_light():
    run("""
        import sys
        import vaelib

        heavy = {"anywidget", "flax", "ipywidgets", "jax", "matplotlib", "tensorflow", "tensorflow_datasets", "torch"}
        assert not heavy & set(sys.modules), heavy & set(sys.modules)
    """)


def test_training_needs_no_pictures_and_shipped_weights_need_no_training():
    run("""
        import sys
        import vaelib

        vaelib.load_pretrained("autoencoder-z2")
        assert not {"vaelib.training", "vaelib.recipes", "vaelib.evidence"} & set(sys.modules)
        vaelib.fit
        assert not {"anywidget", "ipywidgets", "matplotlib"} & set(sys.modules)
    """)


def test_reading_a_study_or_training_does_not_load_scipys_statistics():
    run("""
        import sys
        import vaelib
        import vaelib.studies

        vaelib.fit, vaelib.log_evidence, vaelib.figures.show
        assert "scipy.stats" not in sys.modules
    """)


def test_rooms_are_attributes_without_an_import_of_their_own():
    run("""
        import vaelib

        assert vaelib.figures.show_digits and vaelib.explorer.explore is vaelib.explore
    """)


def test_every_public_name_is_there():
    assert len(set(vaelib.__all__)) == len(vaelib.__all__)
    assert set(dir(vaelib)) == set(vaelib.__all__)
    for name in vaelib.__all__:
        assert getattr(vaelib, name) is not None
    with pytest.raises(AttributeError, match="module 'vaelib' has no attribute 'train'"):
        _ = vaelib.train
