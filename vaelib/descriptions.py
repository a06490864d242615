"""What a setting is, in words that are the same in the next process and for an equal setting.

Two closures made by the same code with the same numbers are described alike, so that they share a compiled program, and
so that a resumed training can tell whether it was given what it had before. A description holds no address in memory
and no text that another version of JAX, Flax or Optax would write differently.
"""

import dataclasses
import dis
import hashlib
import sys
import types
import zlib
from collections.abc import Callable, Collection, Mapping
from functools import partial

import jax
import numpy as np
from flax import nnx

from vaelib import checks
from vaelib.variables import variables_of

# Their functions are known by name and by what they were made with; of all other functions the code is looked at, too.
LIBRARIES = {"vaelib", "jax", "jaxlib", "flax", "optax", "numpy", "scipy"}


class UndescribableError(TypeError):
    """A value whose content can not be seen from outside."""


def describe(value) -> object:
    """The value as a tree of lists, texts and numbers for JSON.

    Described are numbers, text, arrays (by checksum), containers, data classes, functions (by name, by what they close
    over, and outside the libraries by their code and the globals they use), `functools.partial`, bound methods, and
    objects by their attributes.

    Raises:
        UndescribableError: for anything else, named.
    """
    return _described(value, _Inside())


def describe_model(model: nnx.Module) -> object:
    """A model by its class, its configuration, and the name, shape and dtype of each of its variables.

    Of a class without a `config` the attributes are looked at. The values of the variables are not part of it.
    """
    return _structure(model, _Inside())


def describe_settings(settings: Mapping[str, object], vouch_for: Collection[str]) -> dict:
    """The settings of a training described by name, without those that the caller vouches for.

    Raises:
        ValueError: where one can not be described, or one is vouched for that is none.
    """
    unknown = sorted(set(vouch_for) - set(settings))
    if unknown:
        raise ValueError(f"vouch_for must name settings, {', '.join(settings)}, got {', '.join(map(repr, unknown))}")
    described = {}
    for name in sorted(set(settings) - set(vouch_for)):
        try:
            value = settings[name]
            described[name] = describe_model(value) if isinstance(value, nnx.Module) else describe(value)
        except UndescribableError as error:
            raise ValueError(
                f"{name} holds something that can not be described, {error}: a resumed training could not tell whether "
                f"it is the same. Pass vouch_for=({name!r},) to answer for it yourself"
            ) from error
    return described


class Static:
    """A value that a compiled program depends on, equal to each value that is described alike and can not change.

    A list, say, that a function appends to is equal to itself alone; so is what can not be described.
    """

    def __init__(self, value):
        """Describe the value once."""
        self.value = value
        try:
            self._description: str | int = repr(_described(value, _Inside(by_identity=True)))
        except UndescribableError:
            self._description = id(value)

    def __eq__(self, other) -> bool:
        """Whether both are described alike."""
        return isinstance(other, Static) and self._description == other._description

    def __hash__(self) -> int:
        """The description's hash."""
        return hash(self._description)


@dataclasses.dataclass(frozen=True)
class _Inside:
    """Where a value was met: inside the objects of these ids. With `by_identity`, objects that change have theirs."""

    ids: tuple[int, ...] = ()
    by_identity: bool = False


def _described(value, inside: _Inside):
    """The description of a value; a circle of references ends where it closes."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if id(value) in inside.ids:
        return ["circle", len(inside.ids) - inside.ids.index(id(value))]
    content = _content(value, dataclasses.replace(inside, ids=(*inside.ids, id(value))))
    return [id(value), content] if inside.by_identity and _can_change(value) else content


def _content(value, inside):
    for kinds, describe_kind in _KINDS:
        if isinstance(value, kinds):
            return describe_kind(value, inside)
    if dataclasses.is_dataclass(value):
        return [_name(type(value)), _pairs(_fields(value), inside)]
    if _by_name(value):
        return _name(value)
    if callable(getattr(value, "__wrapped__", None)):  # compiled by jax.jit, or wrapped by functools.wraps
        return ["wrapped", _described(value.__wrapped__, inside)]
    if hasattr(value, "__dict__"):
        return [_described(type(value), inside), _pairs(vars(value), inside)]
    raise UndescribableError(f"{value!r} of {_name(type(value))}")


def _can_change(value) -> bool:
    """Whether the value may hold something else later."""
    settings = getattr(type(value), "__dataclass_params__", None)  # of an instance, and not of the class itself
    if settings is not None:
        return not settings.frozen
    return not (isinstance(value, _FIXED) or _by_name(value) or callable(getattr(value, "__wrapped__", None)))


def _array(array, inside):
    content = np.ascontiguousarray(jax.random.key_data(array) if checks.holds_keys(array) else array)
    return ["array", str(array.dtype), list(array.shape), f"crc32 {zlib.crc32(content.view(np.uint8).data):08x}"]


def _sequence(values, inside):
    kind = "list" if isinstance(values, list) else "tuple" if type(values) is tuple else _name(type(values))
    return [kind, *(_described(value, inside) for value in values)]


def _mapping(mapping, inside):
    return ["mapping", _pairs(mapping, inside)]


def _set(values, inside):
    return ["set", *sorted((_described(value, inside) for value in values), key=repr)]


def _partial(made, inside):
    return ["partial", *(_described(part, inside) for part in (made.func, made.args)), _pairs(made.keywords, inside)]


def _method(method, inside):
    return ["method", _described(method.__self__, inside), method.__func__.__qualname__]


def _function(function, inside):
    """A function by name, with what it closes over and its defaults, and if it is nobody's library, its code."""
    if _by_name(function) and _in_library(function):
        return _name(function)
    cells = tuple(_cell(cell) for cell in function.__closure__ or ())
    defaults = tuple((function.__kwdefaults__ or {}).items())
    parts = [_described(part, inside) for part in (cells, function.__defaults__, defaults)]
    if not _in_library(function):
        parts.append(_code(function.__code__, function.__globals__, inside))
    return ["function", _name(function), *parts]


def _cell(cell):
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return None


def _code(code, known: dict, inside):
    """Bytecode and constants of a function, and the values of the globals it names, those of inner functions too."""
    constants, inner = [], []
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            inner.append(_code(constant, known, inside))
        else:
            constants.append(_described(constant, inside))
    names = {i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    used = {name: known[name] for name in sorted(names) if name in known}
    return [hashlib.sha256(code.co_code).hexdigest()[:16], constants, inner, _pairs(used, inside)]


def _class(cls, inside):
    """A class by name, and if it is nobody's library with its own functions."""
    if _in_library(cls) or cls.__module__ in sys.stdlib_module_names:
        return _name(cls)
    own = {name: value for name, value in vars(cls).items() if isinstance(value, types.FunctionType)}
    return ["class", _name(cls), [_described(base, inside) for base in cls.__bases__], _pairs(own, inside)]


def _module(model: nnx.Module, inside):
    return [_structure(model, inside), [_described(array, inside) for array in variables_of(model).values()]]


def _structure(model: nnx.Module, inside):
    """A model's class and configuration or, where it has none, its attributes; and its variables' shapes."""
    variables = [[name, str(array.dtype), list(array.shape)] for name, array in variables_of(model).items()]
    config = getattr(model, "config", None)
    attributes = _pairs(config, inside) if isinstance(config, Mapping) else list(_attributes(model, inside))
    return [_described(type(model), inside), attributes, variables]


def _attributes(model: nnx.Module, inside):
    """(dotted name, description) of what a model holds beside its variables.

    Of a library's layers only numbers and words are: initialisers and the like differ between their versions.
    """
    nodes = dict(nnx.iter_graph(model))
    for path, value in sorted(nodes.items(), key=lambda item: _dotted(item[0])):
        if any(str(part).startswith("_") for part in path) or isinstance(value, nnx.Variable):
            continue
        if isinstance(value, nnx.Module):
            yield [_dotted(path), _described(type(value), inside)]
        elif isinstance(value, bool | int | float | str) or not _in_library(type(nodes[path[:-1]])):
            yield [_dotted(path), _described(value, inside)]


def _dotted(path) -> str:
    return ".".join(map(str, path))


def _pairs(mapping, inside):
    return [[_described(key, inside), _described(value, inside)] for key, value in mapping.items()]


def _fields(value) -> dict:
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def _name(value) -> str:
    """Module and name; of a library the package alone, inside which things move from version to version."""
    module = _package(value) if _in_library(value) else getattr(value, "__module__", "")
    return f"{module}.{getattr(value, '__qualname__', type(value).__qualname__)}"


def _in_library(value) -> bool:
    return _package(value) in LIBRARIES


def _package(value) -> str:
    return (getattr(value, "__module__", None) or "").split(".")[0]


def _by_name(value) -> bool:
    """Whether a module of a library has the value under its own name, as with `jax.nn.relu`."""
    found = sys.modules.get(getattr(value, "__module__", None) or "")
    name: str = getattr(value, "__qualname__", "") or getattr(value, "__name__", "<none>")
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is value


_FIXED: tuple[type, ...] = (tuple, frozenset, bytes, complex, type(...), np.generic, np.dtype, jax.Array, partial, type)
_FIXED += (types.ModuleType, types.MethodType, types.FunctionType)
_KINDS: tuple[tuple[type | tuple[type, ...], Callable], ...] = (
    ((bytes, complex, type(...)), lambda value, inside: repr(value)),
    (np.generic, lambda value, inside: _array(np.asarray(value), inside)),
    ((np.ndarray, jax.Array), _array),
    (np.dtype, lambda value, inside: str(value)),
    (types.ModuleType, lambda value, inside: value.__name__),
    (nnx.Module, _module),
    (partial, _partial),
    (Mapping, _mapping),
    ((tuple, list), _sequence),
    ((set, frozenset), _set),
    (type, _class),
    (types.MethodType, _method),
    (types.FunctionType, _function),
)
