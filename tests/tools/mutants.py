"""Small changes to one module, each tried against the module's tests: what no test notices is a test that is missing.

    python tests/tools/mutants.py run divergence            all changes to vaelib/divergence.py, by mutmut
    python tests/tools/mutants.py sample 60 divergence      60 of them, drawn at random, the same at every call
    python tests/tools/mutants.py results                   those that no test noticed, of the last module
    python tests/tools/mutants.py show NAME                 one of them

Most formulas stand under `@one_program`. mutmut by itself leaves decorated functions alone: it would decorate each
changed copy, and a decorator may register what it decorates. Here the copies have no decorator, and the function that
chooses among them keeps its own.
"""

import random
import sys

import libcst
import mutmut.__main__
from mutmut.configuration import config
from mutmut.mutation import file_mutation

TESTS = {  # of each module, the quickest first
    "checkpoints": ["checkpoints"],
    "distributions": ["distributions"],
    "divergence": ["divergence"],
    "evidence": ["evidence"],
    "latents": ["latents"],
    "objectives": ["objectives", "priors"],
    "protocols": ["protocols", "priors"],
    "recipes": ["pretrained"],
    "options": ["epochs", "training"],
    "steps": ["epochs", "training"],
    "training": ["epochs", "training"],
}
KEPT = {"classmethod", "staticmethod"}  # those that mutmut knows
WITHOUT_BODY = "overload"

skips = file_mutation.MutationVisitor._skip_node_and_children
arranged = file_mutation.function_trampoline_arrangement
collected = mutmut.__main__.collect_source_file_mutation_data


def _decorators(function: libcst.FunctionDef) -> set[str]:
    """The decorators' names; of those with arguments, as in `@partial(one_program, ...)`, none."""
    return {node.decorator.value for node in function.decorators if isinstance(node.decorator, libcst.Name)}


def _skips(visitor, node) -> bool:
    """What mutmut skips, but for its rule of decorated functions."""
    if isinstance(node, libcst.FunctionDef) and node.decorators:
        names = _decorators(node)
        if WITHOUT_BODY in names or (names & KEPT and len(node.decorators) > 1):
            return True
        return node.name.value in file_mutation.NEVER_MUTATE_FUNCTION_NAMES
    return skips(visitor, node)


def _arranged(function, mutants, class_name):
    """mutmut's chooser and copies, the decorators on the chooser alone."""
    declared, (chooser, *copies), assigned, names = arranged(function, mutants, class_name)
    if not _decorators(function) & KEPT:
        copies = [copy.with_changes(decorators=[]) for copy in copies]
    return declared, [chooser, *copies], assigned, names


def _run(module: str, *options: str) -> None:
    config().only_mutate = [f"vaelib/{module}.py"]
    config().pytest_add_cli_args_test_selection = [f"tests/test_{name}.py" for name in TESTS[module]]
    mutmut.__main__.cli(["run", *options])


def _sampled(size: int):
    """mutmut's collection of the changes, of which it is to try so many."""

    def collect(**options):
        changes, files = collected(**options)
        return random.Random(0).sample(changes, min(size, len(changes))), files

    return collect


file_mutation.MutationVisitor._skip_node_and_children = _skips
file_mutation.function_trampoline_arrangement = _arranged

if __name__ == "__main__":
    match sys.argv[1:]:
        case ["run", module, *options]:
            _run(module, *options)
        case ["sample", size, module, *options]:
            mutmut.__main__.collect_source_file_mutation_data = _sampled(int(size))
            _run(module, *options)
        case arguments:
            mutmut.__main__.cli(arguments)
