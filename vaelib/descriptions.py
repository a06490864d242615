"""What a setting is, in words that are the same in the next process and for an equal setting.

Two closures made by the same code with the same numbers are described alike, so that they share a compiled program, and
so that a resumed training can tell whether it was given what it had before. A description holds no address in memory
and no text that another version of JAX, Flax or Optax would write differently.
"""

import dataclasses
import hashlib
import inspect
import types
import zlib
from collections.abc import Callable, Collection, Mapping
from functools import cached_property, partial

import jax
import numpy as np
from flax import nnx

from vaelib import checks, origins
from vaelib.origins import UndescribableError, name_of
from vaelib.variables import variables_of

RULES = ("fwd", "bwd", "jvp")  # where `jax.custom_vjp` and `jax.custom_jvp` keep a function's gradient


def describe(value) -> object:
    """The value as a tree of lists, texts and numbers for JSON.

    Described are numbers, text, arrays (by checksum), containers, functions (by name, by what they close over, and
    outside the libraries by their code and the globals they use), `functools.partial`, bound methods, and objects and
    classes by their attributes. Of a module of one's own that is part which a function takes of it, as in `mine.RATE`.

    Raises:
        UndescribableError: for anything else, named, such as a module of one's own that a function hands on whole.
    """
    return _described(value, _Inside())


def describe_model(model: nnx.Module) -> object:
    """A model by its class, its configuration, and the name, shape and dtype of each of its variables.

    Of a class that is not the library's the attributes are looked at. The values of the variables are not part of it.
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
    """Where a value was met: inside the objects of these ids, and after these functions and classes.

    With `by_identity`, objects that change have theirs.
    """

    ids: tuple[int, ...] = ()
    by_identity: bool = False
    met: dict = dataclasses.field(default_factory=dict)


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
    if origins.is_found_by_name(value):
        return name_of(value)
    if callable(getattr(value, "__wrapped__", None)):  # compiled by jax.jit, or wrapped by functools.wraps
        rules = {name: rule for name, rule in getattr(value, "__dict__", {}).items() if name in RULES}
        return ["wrapped", _described(value.__wrapped__, inside), _pairs(rules, inside)]
    if origins.has_state(value):
        return [_described(type(value), inside), _pairs(origins.state_of(value), inside)]
    raise UndescribableError(f"{value!r} of {name_of(type(value))}")


def _can_change(value) -> bool:
    """Whether the value may hold something else later."""
    settings = getattr(type(value), "__dataclass_params__", None)  # of an instance, and not of the class itself
    if settings is not None:
        return not settings.frozen
    is_wrapper = callable(getattr(value, "__wrapped__", None))
    return not (is_wrapper or isinstance(value, _FIXED) or origins.is_found_by_name(value))


def _array(array, inside):
    content = np.ascontiguousarray(jax.random.key_data(array) if checks.holds_keys(array) else array)
    return ["array", str(array.dtype), list(array.shape), f"crc32 {zlib.crc32(content.view(np.uint8).data):08x}"]


def _sequence(values, inside):
    kind = type(values).__name__ if type(values) in (list, tuple) else _described(type(values), inside)
    return [kind, *(_described(value, inside) for value in values)]


def _mapping(mapping, inside):
    return ["mapping", _pairs(mapping, inside)]


def _set(values, inside):
    return ["set", *sorted((_described(value, inside) for value in values), key=repr)]


def _partial(made, inside):
    return ["partial", *(_described(part, inside) for part in (made.func, made.args)), _pairs(made.keywords, inside)]


def _module(module: types.ModuleType, inside):
    """A library's module by name; what a function takes of one of the reader's own is met there, in `_code`."""
    if origins.is_own_module(module):
        raise UndescribableError(f"{module!r} as a whole")
    return module.__name__


def _method(method, inside):
    return ["method", _described(method.__self__, inside), _described(method.__func__, inside)]


def _once(describe_kind):
    """A function or a class described where it is met first, and by its number after that: many use one another."""

    def described(value, inside):
        if id(value) in inside.met:
            return ["met before", inside.met[id(value)][0]]
        inside.met[id(value)] = len(inside.met), value
        return describe_kind(value, inside)

    return described


def _function(function, inside):
    """A function by name, with what it closes over and its defaults, and if it is nobody's library, its code."""
    if origins.is_found_by_name(function) and origins.is_written_in_library(function):
        return name_of(function)
    return _made_function(function, inside)


@_once
def _made_function(function, inside):
    cells = {n: _cell(cell) for n, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)}
    is_own = not origins.is_written_in_library(function)
    modules = {name: value for name, value in cells.items() if is_own and origins.is_own_module(value)}
    closed_over = tuple((cells | {name: module.__name__ for name, module in modules.items()}).values())
    defaults = tuple((function.__kwdefaults__ or {}).items())
    parts = [_described(part, inside) for part in (closed_over, function.__defaults__, defaults)]
    if is_own:
        parts += [_code(function.__code__, function.__globals__, modules, inside), _pairs(vars(function), inside)]
    return ["function", name_of(function), *parts]


def _cell(cell):
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return None


def _code(code, known: Mapping, modules: Mapping, inside):
    """What a function does: bytecode, names, constants, how it is called, and what it uses of globals and modules."""
    imported = origins.imports_of(code)
    enclosed = {**modules, **imported}
    used = origins.uses_of(code, known, imported, enclosed)
    constants = [
        _code(constant, known, enclosed, inside)
        if isinstance(constant, types.CodeType)
        else _described(constant, inside)
        for constant in code.co_consts
    ]
    takes_any = code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    counts = [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, takes_any]
    arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    digest = hashlib.sha256(code.co_code + code.co_exceptiontable).hexdigest()[:16]
    return [digest, list(code.co_names), constants, counts, list(arguments), _pairs(used, inside)]


def _class(cls, inside):
    """A class by name, and if it is nobody's library with its own attributes."""
    return name_of(cls) if origins.is_library(origins.package_of(cls)) else _own_class(cls, inside)


@_once
def _own_class(cls, inside):
    own = dict(origins.attributes_of_class(cls))
    return ["class", name_of(cls), [_described(base, inside) for base in cls.__bases__], _pairs(own, inside)]


def _property(value, inside):
    return ["property", *(_described(function, inside) for function in (value.fget, value.fset, value.fdel))]


def _decorated(method, inside):
    return [type(method).__name__, _described(method.__func__, inside)]


def _model(model: nnx.Module, inside):
    return [_structure(model, inside), [_described(array, inside) for array in variables_of(model).values()]]


def _structure(model: nnx.Module, inside):
    """A model's class, its configuration or, where it is not vaelib's, its attributes, and its variables' shapes."""
    variables = [[name, str(array.dtype), list(array.shape)] for name, array in variables_of(model).items()]
    config = _config(model) if origins.package_of(type(model)) == "vaelib" else None
    attributes = list(_attributes(model, inside)) if config is None else _pairs(config, inside)
    return [_described(type(model), inside), attributes, variables]


def _attributes(model: nnx.Module, inside):
    """(dotted name, description) of what a model holds beside its variables.

    Of a library's layers only numbers and words are: initialisers and the like differ between their versions.
    """
    nodes = dict(nnx.iter_graph(model))
    owners: dict = {}
    for path, value in sorted(nodes.items(), key=lambda item: [str(part) for part in item[0]]):
        owners[path] = value if isinstance(value, nnx.Module) else owners[path[:-1]]
        of_library = origins.is_library(origins.package_of(type(owners[path])))
        private = "_" if of_library else origins.OF_FLAX
        if any(str(part).startswith(private) for part in path[-1:]) or isinstance(value, nnx.Variable):
            continue
        if isinstance(value, nnx.Module):
            yield [_dotted(path), _described(type(value), inside), _described(_config(value), inside)]
        elif not of_library or isinstance(value, bool | int | float | str):
            yield [_dotted(path), _described(value, inside)]


def _config(model: nnx.Module) -> Mapping | None:
    config = getattr(model, "config", None)
    return config if isinstance(config, Mapping) else None


def _dotted(path) -> str:
    return ".".join(map(str, path))


def _pairs(mapping, inside):
    return [[_described(key, inside), _described(value, inside)] for key, value in mapping.items()]


_FIXED: tuple[type, ...] = (tuple, frozenset, bytes, complex, type(...), np.generic, np.dtype, jax.Array, partial, type)
_FIXED += (types.ModuleType, types.MethodType, types.FunctionType, slice, range)
_FIXED += (property, cached_property, staticmethod, classmethod)
_KINDS: tuple[tuple[type | tuple[type, ...], Callable], ...] = (
    ((bytes, complex, range, type(...)), lambda value, inside: repr(value)),
    (np.generic, lambda value, inside: _array(np.asarray(value), inside)),
    ((np.ndarray, jax.Array), _array),
    (np.dtype, lambda value, inside: str(value)),
    (slice, lambda value, inside: ["slice", *(_described(p, inside) for p in (value.start, value.stop, value.step))]),
    (types.ModuleType, _module),
    (nnx.Module, _model),
    (partial, _partial),
    (Mapping, _mapping),
    ((tuple, list), _sequence),
    ((set, frozenset), _set),
    (type, _class),
    (types.MethodType, _method),
    (types.FunctionType, _function),
    (property, _property),
    (cached_property, lambda value, inside: ["cached property", _described(value.func, inside)]),
    ((staticmethod, classmethod), _decorated),
)
