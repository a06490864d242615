"""Whose code a value is: a library's, known by name and version, or a reader's own, whose content is looked at."""

import dataclasses
import dis
import enum
import importlib.metadata
import re
import sys
import types
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from functools import cache, cached_property
from typing import Any

# Their functions are known by name and by what they were made with; of all other functions the code is looked at, too.
LIBRARIES = {"vaelib", "jax", "jaxlib", "flax", "optax", "numpy", "scipy"}
OF_FLAX = ("_pytree__", "_object__")  # how its own attributes of a module begin
OF_PYTHON = {"_abc_impl", "__annotate__", "__annotate_func__"}

# Python's operations that ask for a global, for what is closed over, for an attribute, and for local names, of which
# one operation, such as LOAD_FAST_LOAD_FAST, may concern two.
OF_GLOBALS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
OF_CELLS = ("LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF")
OF_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")
ON_LOCALS = re.compile("LOAD_FAST|STORE_FAST")


class UndescribableError(TypeError):
    """A value whose content can not be seen from outside."""


def name_of(value) -> str:
    """Module and name; of a library the package alone, inside which things move from version to version."""
    package = package_of(value)
    module = package if package in LIBRARIES else getattr(value, "__module__", "")
    version = f" {_version(package)}" if _version(package) else ""
    return f"{module}{version}.{getattr(value, '__qualname__', type(value).__qualname__)}"


def package_of(value) -> str:
    """The package that a class or a function says it is of, or that a module is."""
    module = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
    return (module or "").split(".")[0]


def is_library(package: str) -> bool:
    """Whether a package is one of LIBRARIES, the standard library's, or was installed as they are."""
    return package in LIBRARIES or package in sys.stdlib_module_names or _version(package) is not None


def is_written_in_library(function: types.FunctionType) -> bool:
    """Whether a function's code is a library's, whatever `functools.wraps` has made of its name."""
    return is_library(function.__globals__.get("__name__", "").split(".")[0])


def is_found_by_name(value) -> bool:
    """Whether a module of a library has the value under its own name, as with `jax.nn.relu`."""
    found = sys.modules.get(getattr(value, "__module__", None) or "builtins")
    name: str = getattr(value, "__qualname__", "") or getattr(value, "__name__", "<none>")
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is value


@cache
def _version(package: str) -> str | None:
    """The version of an installed package that is none of LIBRARIES; None of a reader's own."""
    if package in LIBRARIES or package in sys.stdlib_module_names:
        return None
    file = getattr(sys.modules.get(package), "__file__", None) or ""
    if "site-packages" in file or "dist-packages" in file:
        with suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(package)
    return None


def is_own_module(value) -> bool:
    """Whether a value is a module of the reader's own."""
    return isinstance(value, types.ModuleType) and not is_library(package_of(value))


def uses_of(code: types.CodeType, known: Mapping, imported: Mapping, enclosed: Mapping) -> dict[str, object]:
    """What a function uses of the globals, of its own imports and of what it closes over, by name.

    A module of the reader's own is followed to what is taken of it: "mine.rates.RATE".

    Raises:
        UndescribableError: where such a module is handed on whole, so that what is taken of it can not be seen.
    """
    local = {name: value for name, value in imported.items() if name not in code.co_cellvars}
    places = dict.fromkeys(OF_GLOBALS, known) | dict.fromkeys(OF_CELLS, enclosed) | {"LOAD_FAST": local}
    found, steps = {}, _steps(code)
    for i, (operation, name) in enumerate(steps):
        if name in (place := places.get(operation, {})):
            path, value = _followed(name, place[name], steps[i + 1 :], code)
            found[path] = value
    return dict(sorted(found.items()))


def _followed(path: str, value, steps: list[tuple[str, Any]], code: types.CodeType) -> tuple[str, object]:
    """What is taken of a module of the reader's own, with its dotted name, and anything else as it is."""
    for operation, name in steps:
        if not is_own_module(value):
            break
        if operation not in OF_ATTRIBUTES or not hasattr(value, name):
            raise UndescribableError(f"{value!r} as a whole, which {code.co_name} hands on")
        path, value = f"{path}.{name}", getattr(value, name)
    return path, value


def imports_of(code: types.CodeType) -> dict[str, object]:
    """What a function imports of modules that are a reader's own, by the name that it has there.

    Raises:
        UndescribableError: where it imports what is not imported yet.
    """
    found: dict[str, object] = {}
    module = value = None
    members: Collection[str] | None = None
    steps = _steps(code)
    for i, (operation, name) in enumerate(steps):
        if operation == "IMPORT_NAME":
            (_, is_relative), (_, members) = steps[i - 2 : i]
            module = value = _imported(name, members, is_relative, code)
        elif operation == "IMPORT_FROM" and module is not None:
            if not hasattr(module, name):
                raise _imports_later(code, name)
            value = getattr(module, name)
            module = module if members else value  # `import a.b as c` goes from a to b
        elif operation.startswith("STORE") and value is not None:
            found[name], value = value, None
    return found


def _imported(name: str, members: Collection[str] | None, is_relative: int, code: types.CodeType):
    """The module that `from name import members` or `import name` begins with; None if it is a library's."""
    package = name.split(".")[0]
    if not is_relative and package in sys.modules and is_library(package):
        return None
    if is_relative or name not in sys.modules:
        raise _imports_later(code, name or ".")
    return sys.modules[name if members else package]


def _imports_later(code: types.CodeType, name: str) -> UndescribableError:
    return UndescribableError(f"{code.co_name}, which imports {name} when it is called")


def _steps(code: types.CodeType) -> list[tuple[str, Any]]:
    """What a function does, as (operation, what with), each by itself where Python has joined two."""
    steps: list[tuple[str, Any]] = []
    for instruction in dis.get_instructions(code):
        operation, operand = instruction.opname, instruction.argval
        if on_locals := ON_LOCALS.findall(operation):
            steps += zip(on_locals, operand if isinstance(operand, tuple) else (operand,), strict=True)
        elif operation != "EXTENDED_ARG":
            steps.append((operation, operand))
    return steps


def attributes_of_class(cls: type) -> Iterator[tuple[str, object]]:
    """What a class was given by who wrote it, without what Python and Flax add."""
    is_dataclass, is_enum = dataclasses.is_dataclass(cls), isinstance(cls, enum.EnumMeta)
    for name, value in vars(cls).items():
        is_special = name.startswith("__") and not (callable(value) or isinstance(value, property | classmethod))
        is_added = name in OF_PYTHON or name.startswith(OF_FLAX) or (is_enum and name.startswith("_"))
        if not (is_special or is_added or _is_place(value) or (is_dataclass and _is_generated(value))):
            yield name, value
    if is_dataclass:
        for field in dataclasses.fields(cls):
            yield f"default of {field.name}", field.default
            yield f"default factory of {field.name}", field.default_factory


def state_of(value) -> dict[str, object]:
    """An object's attributes, in its slots too, without those that a cached property keeps."""
    slots: dict[str, object] = {}
    for cls in type(value).__mro__:
        names = [name for name, kept in vars(cls).items() if isinstance(kept, types.MemberDescriptorType)]
        slots |= {name: getattr(value, name) for name in names if "__slots__" in vars(cls) and hasattr(value, name)}
    state = slots | getattr(value, "__dict__", {})
    return {k: v for k, v in state.items() if not isinstance(getattr(type(value), k, None), cached_property)}


def has_state(value) -> bool:
    """Whether an object's attributes can be seen."""
    return hasattr(value, "__dict__") or any("__slots__" in vars(cls) for cls in type(value).__mro__)


def _is_place(value) -> bool:
    """Whether an attribute of a class says nothing but where an object keeps its own."""
    places = types.MemberDescriptorType | types.GetSetDescriptorType
    return isinstance(value, places) or type(value).__name__ == "_tuplegetter"


def _is_generated(value) -> bool:
    return isinstance(value, types.FunctionType) and value.__code__.co_filename == "<string>"
