"""Small changes to modules, each tried against their tests: what no test notices is a test that is missing.

    python tests/tools/mutants.py run divergence                 all changes to vaelib/divergence.py, by mutmut
    python tests/tools/mutants.py sample 25 steps options        25 of each, drawn at random, the same at every call
    python tests/tools/mutants.py sample 25 steps --seed 1       another draw, to see what tests added since are worth
    python tests/tools/mutants.py table                          the numbers of the last run
    python tests/tools/mutants.py results                        what no test noticed in it
    python tests/tools/mutants.py show NAME                      one of them

Most formulas stand under `@one_program`. mutmut by itself leaves decorated functions alone: it would decorate each
changed copy, and a decorator may register what it decorates. Here the copies have no decorator, and the function that
chooses among them keeps its own.

A change meets first the tests that were seen to reach its function, the quickest first, and then all others of the
run: a program that is compiled already hides whom else it serves. A test may take a limited time of the processor.
What runs out of it is counted by itself, and what no test can be found for after the change is broken, and killed.
"""

import argparse
import os
import random
import shutil
import signal
import sys
from itertools import groupby
from pathlib import Path

import libcst
import mutmut.__main__
from mutmut.configuration import config
from mutmut.mutation import file_mutation
from mutmut.mutation.data import SourceFileMutationData
from mutmut.runners.harness import PytestRunner
from mutmut.state import state
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import change_cwd, walk_mutatable_files
from mutmut.utils.format_utils import mangled_name_from_mutant_name
from mutmut.workers.isolation import ForkServerRunner

TESTS = {  # of each module, the quickest first
    "checkpoints": ["checkpoints"],
    "descriptions": ["descriptions", "checkpoints"],
    "distributions": ["distributions"],
    "divergence": ["divergence"],
    "evaluation": ["epochs", "training"],
    "evidence": ["evidence"],
    "history": ["epochs", "training"],
    "latents": ["latents"],
    "objectives": ["objectives", "priors", "protocols"],
    "options": ["epochs", "training"],
    "origins": ["descriptions"],
    "protocols": ["objectives", "priors", "protocols"],
    "recipes": ["pretrained", "cli"],
    "steps": ["epochs", "training"],
    "storage": ["storage"],
    "training": ["epochs", "training"],
}
FOLDER = Path("mutants")
KEPT = {"classmethod", "staticmethod"}  # those that mutmut knows
WITHOUT_BODY = "overload"
KILLED, SURVIVED = {1, 2, 3, 255}, {0, 5, 33}  # how the tests end; 2 and 255 where the change can not be imported

SAMPLE = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
SAMPLE.add_argument("--seed", type=int, default=0)

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


class _Limit:
    """For pytest: a test of an endless loop ends the process, by the processor's time and not by the clock."""

    def pytest_runtest_logstart(self, nodeid, location):
        signal.setitimer(signal.ITIMER_PROF, 20 + 3 * state().duration_by_test[nodeid])


def _run_tests(runner, *, mutant_name, tests) -> int:
    """The tests in the order given, up to the first that fails."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    with change_cwd(FOLDER):
        return runner.execute_pytest(runner._pytest_args_regular_run(tests), plugins=[_Limit()])


def _all_are_found(runner, tests) -> int:
    """In place of mutmut's second run without a change: that each test can be asked for by its name."""
    names = list(state().duration_by_test)
    with change_cwd(FOLDER):
        return runner._exit_code_from_child(lambda child: child.execute_pytest(["--collect-only", "-qqq", *names]))


def _in_order(name: str) -> list[str]:
    """All tests, those that reach the changed function before the others, the quickest first."""
    reaching = state().tests_by_mangled_function_name[mangled_name_from_mutant_name(name)]
    seconds = state().duration_by_test
    return sorted(seconds, key=lambda test: (test not in reaching, seconds[test]))


def _collected(size: int | None, seed: int):
    """What mutmut collects: the changes to try, at most so many of each module, each with its tests in order."""

    def collect(**options):
        changes, files = collected(**options)
        modules = [list(of_module) for _, of_module in groupby(changes, key=lambda change: str(change[0].path))]
        if size is not None:
            modules = [random.Random(seed).sample(module, min(size, len(module))) for module in modules]
        changes = [change for module in modules for change in module]
        orders = {mangled_name_from_mutant_name(name): _in_order(name) for _, name, _ in changes}
        state().tests_by_mangled_function_name.update(orders)
        return changes, files

    return collect


def _run(size: int | None, arguments: list[str], seed: int = 0) -> None:
    modules = [argument for argument in arguments if argument.isidentifier()]
    if not modules or not set(modules) <= TESTS.keys():
        sys.exit(f"MODULE must be one or more of {', '.join(TESTS)}, got {', '.join(modules) or 'none'}")
    tests = dict.fromkeys(name for module in modules for name in TESTS[module])
    shutil.rmtree(FOLDER, ignore_errors=True)  # mutmut would let results stand that newer tests change
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(FOLDER.absolute() / "compiled")  # most changes leave most programs
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
    config().only_mutate = [f"vaelib/{module}.py" for module in modules]
    config().pytest_add_cli_args_test_selection = [f"tests/test_{name}.py" for name in tests]
    mutmut.__main__.collect_source_file_mutation_data = _collected(size, seed)
    options = [argument for argument in arguments if argument not in modules]
    mutmut.__main__.cli(["run", *options], standalone_mode=False)
    _table()


def _table() -> None:
    print("| module | changes | tried | killed | out of time or crashed | survived |\n|---|---|---|---|---|---|")
    for path in walk_mutatable_files():
        module = SourceFileMutationData(path=path)
        module.load()
        ends = [code for code in module.exit_code_by_key.values() if code is not None]
        killed, survived = (sum(code in codes for code in ends) for codes in (KILLED, SURVIVED))
        if ends:
            numbers = len(module.exit_code_by_key), len(ends), killed, len(ends) - killed - survived, survived
            print(f"| {path.stem} | {' | '.join(map(str, numbers))} |")


file_mutation.MutationVisitor._skip_node_and_children = _skips
file_mutation.function_trampoline_arrangement = _arranged
PytestRunner.run_tests = _run_tests
ForkServerRunner.run_clean_tests = _all_are_found
status_by_exit_code[-signal.SIGPROF] = "timeout"

if __name__ == "__main__":
    match sys.argv[1:]:
        case ["run", *arguments]:
            _run(None, arguments)
        case ["sample", size, *arguments]:
            own, arguments = SAMPLE.parse_known_args(arguments)
            _run(int(size), arguments, own.seed)
        case ["table"]:
            _table()
        case arguments:
            mutmut.__main__.cli(arguments)
