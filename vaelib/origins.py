"""Whose code a value is: a library's, known by name and version, or a reader's own, whose content is looked at."""

import dataclasses
import dis
import enum
import importlib.metadata
import sys
import types
from collections.abc import Iterator
from contextlib import suppress
from functools import cache, cached_property

# Their functions are known by name and by what they were made with; of all other functions the code is looked at, too.
LIBRARIES = {"vaelib", "jax", "jaxlib", "flax", "optax", "numpy", "scipy"}
OF_FLAX = ("_pytree__", "_object__")  # how its own attributes of a module begin
OF_PYTHON = {"_abc_impl", "__annotate__", "__annotate_func__"}


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


def names_in(code: types.CodeType) -> set[str]:
    """All names of globals and attributes in a function and in those inside of it."""
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return set(code.co_names).union(*map(names_in, inner))


def globals_of(code: types.CodeType, known: dict) -> dict[str, object]:
    """The globals that a function names and those of the modules it imports that are a reader's own, by name.

    Raises:
        UndescribableError: where it imports what is not imported yet.
    """
    found, instructions = {}, [i for i in dis.get_instructions(code) if i.opname != "EXTENDED_ARG"]
    for i, instruction in enumerate(instructions):
        name = instruction.argval
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS") and name in known:
            found[name] = known[name]
        elif instruction.opname == "IMPORT_NAME":
            is_relative, package = instructions[i - 2].argval, name.split(".")[0]
            if is_relative or package not in sys.modules:
                raise UndescribableError(f"{code.co_name}, which imports {name or '.'} when it is called")
            found[f"import {name}"] = sys.modules[package]
    return dict(sorted(found.items()))


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
