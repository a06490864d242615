"""`mutmut`, which changes the decorated functions too: most formulas stand under `@one_program`.

    python tests/tools/mutants.py run "vaelib.divergence*"
    python tests/tools/mutants.py results
    python tests/tools/mutants.py show NAME

mutmut by itself leaves decorated functions alone, since it would decorate each changed copy, and a decorator may
register what it decorates. Here the copies have no decorator, and the function that chooses among them keeps its own.
"""

import libcst
from mutmut.__main__ import cli
from mutmut.mutation import file_mutation

KEPT = {"classmethod", "staticmethod"}  # those that mutmut knows
WITHOUT_BODY = "overload"

skips = file_mutation.MutationVisitor._skip_node_and_children
arranged = file_mutation.function_trampoline_arrangement


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


file_mutation.MutationVisitor._skip_node_and_children = _skips
file_mutation.function_trampoline_arrangement = _arranged

if __name__ == "__main__":
    cli()
