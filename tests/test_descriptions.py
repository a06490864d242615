"""Descriptions: equal for equal settings in any process, different for different ones, and free of addresses."""

import json
import re
import subprocess
import sys
import textwrap
import types
from dataclasses import dataclass, field
from functools import cached_property, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from vaelib.data import salt_and_pepper
from vaelib.descriptions import Static, UndescribableError, describe, describe_model, describe_settings
from vaelib.models import VAE
from vaelib.objectives import elbo, importance_weighted_bound

RATE = 0.1
SHIFT = 0.2


def scaled(factor, *, shift=0.0):
    def scale(x, key):
        return factor * x + shift + RATE

    return scale


def calls_another(x):
    return scaled(2.0)(x, None)


class Noise:
    def __init__(self, rate):
        self.rate = rate

    def __call__(self, x, key):
        return x * self.rate


@dataclass(frozen=True)
class Frozen:
    rate: float

    def method(self, x):
        return x


class Shifted(Noise):
    __slots__ = ("shift",)

    def __init__(self, rate, shift):
        super().__init__(rate)
        self.shift = shift


def guarded(x):
    try:
        return x + 1
    except TypeError:
        return x


def without_guard():
    return types.FunctionType(guarded.__code__.replace(co_exceptiontable=b""), globals(), "guarded")


def with_attributes(**attributes):
    """A function with attributes."""

    def own(x):
        return x

    vars(own).update(attributes)
    return own


def of_a_class(**attributes):
    """An object whose class has the attributes."""
    return type("Own", (), {"__module__": __name__, **attributes})()


def of_a_data_class(factory, method):
    @dataclass
    class Made:
        rates: list = field(default_factory=factory)
        at = method

    return Made()


def own_module(**attributes):
    module = types.ModuleType("mine")
    vars(module).update(attributes)
    return module


def with_module(**attributes):
    mine = own_module(**attributes)
    return lambda x: x * mine.RATE


def with_package(**attributes):
    mine = own_module(rates=own_module(**attributes))
    return lambda x: (lambda y: y * mine.rates.RATE)(x)


def with_gradient(factor):
    @jax.custom_vjp
    def straight(x):
        return x

    straight.defvjp(lambda x: (x, None), lambda _, gradient: (factor * gradient,))
    return straight


SETTINGS = {
    "number": lambda: 0.25,
    "closure": lambda: scaled(2.0),
    "closure, other number": lambda: scaled(3.0),
    "closure, other default": lambda: scaled(2.0, shift=1.0),
    "lambda": lambda: lambda step: step + 1,
    "lambda, other constant": lambda: lambda step: step + 2,
    "lambda, other operation": lambda: lambda step: step - 1,
    "lambda, other function": lambda: lambda x: jnp.floor(x),
    "lambda, yet another function": lambda: lambda x: jnp.ceil(x),
    "lambda, other method": lambda: lambda x: x.sum(),
    "lambda, yet another method": lambda: lambda x: x.mean(),
    "lambda, other builtin": lambda: lambda x: min(x),
    "lambda, yet another builtin": lambda: lambda x: max(x),
    "lambda, inner function": lambda: lambda x: (lambda y: y.sum())(x),
    "lambda, other inner function": lambda: lambda x: (lambda y: y.mean())(x),
    "lambda, one argument": lambda: lambda x: x,
    "lambda, any arguments": lambda: lambda *x: x,
    "lambda, named arguments": lambda: lambda *, a, b: a - b,
    "lambda, named the other way round": lambda: lambda *, b, a: b - a,
    "lambda, a whole power": lambda: lambda x: x**2,
    "lambda, a power": lambda: lambda x: x**2.0,
    "guarded": lambda: guarded,
    "guarded nowhere": without_guard,
    "function of functions": lambda: calls_another,
    "attribute of a function": lambda: with_attributes(rate=0.1),
    "attribute of a function, other": lambda: with_attributes(rate=0.2),
    "attribute of a class": lambda: of_a_class(rate=0.1),
    "attribute of a class, other": lambda: of_a_class(rate=0.2),
    "property": lambda: of_a_class(rate=property(lambda self: 0.1)),
    "property, other": lambda: of_a_class(rate=property(lambda self: 0.2)),
    "cached property": lambda: of_a_class(rate=cached_property(lambda self: 0.1)),
    "cached property, other": lambda: of_a_class(rate=cached_property(lambda self: 0.2)),
    "static method": lambda: of_a_class(rate=staticmethod(lambda x: 0.1)),
    "static method, other": lambda: of_a_class(rate=staticmethod(lambda x: 0.2)),
    "class method": lambda: of_a_class(rate=classmethod(lambda x: 0.1)),
    "class method, other": lambda: of_a_class(rate=classmethod(lambda x: 0.2)),
    "call": lambda: of_a_class(__call__=lambda self, x: x + 1),
    "call, other": lambda: of_a_class(__call__=lambda self, x: x + 2),
    "slot": lambda: Shifted(0.1, 0.2),
    "slot, other": lambda: Shifted(0.1, 0.3),
    "data class": lambda: of_a_data_class(list, lambda self, x: x + 1),
    "data class, other method": lambda: of_a_data_class(list, lambda self, x: x + 2),
    "data class itself": lambda: type(of_a_data_class(list, None)),
    "data class itself, other default": lambda: type(of_a_data_class(set, None)),
    "attribute of a module": lambda: with_module(RATE=0.1),
    "attribute of a module, other": lambda: with_module(RATE=0.2),
    "attribute of a package's module": lambda: with_package(RATE=0.1),
    "attribute of a package's module, other": lambda: with_package(RATE=0.2),
    "gradient": lambda: with_gradient(1.0),
    "gradient, other": lambda: with_gradient(2.0),
    "method of an object": lambda: types.MethodType(lambda self, x: x + 1, Frozen(0.1)),
    "method of an object, other": lambda: types.MethodType(lambda self, x: x + 2, Frozen(0.1)),
    "salt": lambda: salt_and_pepper(0.1),
    "more salt": lambda: salt_and_pepper(0.9),
    "adam": lambda: optax.adam(1e-3),
    "adam, other step": lambda: optax.adam(10.0),
    "adam, bfloat16": lambda: optax.adam(1e-3, mu_dtype=jnp.bfloat16),
    "chain": lambda: optax.chain(optax.clip(1.0), optax.adam(1e-3)),
    "schedule": lambda: optax.cosine_decay_schedule(1e-3, 100),
    "schedule, other length": lambda: optax.cosine_decay_schedule(1e-3, 200),
    "objective": lambda: elbo,
    "partial": lambda: partial(importance_weighted_bound, num_samples=5),
    "partial, other number": lambda: partial(importance_weighted_bound, num_samples=50),
    "frozen": lambda: Frozen(0.1),
    "frozen, other": lambda: Frozen(0.2),
    "method": lambda: Frozen(0.1).method,
    "object": lambda: Noise(0.1),
    "object, other": lambda: Noise(0.9),
    "jitted": lambda: jax.jit(scaled(2.0)),
    "activation": lambda: jax.nn.relu,
    "array": lambda: np.arange(3.0),
    "array, other": lambda: np.arange(3.0)[::-1],
    "jax array": lambda: jnp.arange(4.0),
    "key": lambda: jax.random.key(1),
    "key, other": lambda: jax.random.key(2),
    "containers": lambda: {"a": (1, [2.0, None]), "b": {"x", "y"}, "c": b"bytes"},
    "model": lambda: VAE.create(latent=2, hidden=(4,), pixels=9),
    "model, other weights": lambda: VAE.create(latent=2, hidden=(4,), pixels=9, seed=1),
    "dtype": lambda: jnp.bfloat16,
    "set of several kinds": lambda: {"x", 1, None},
}


@pytest.mark.unwrapped
def test_equal_settings_are_described_alike_and_others_are_not():
    described = {name: json.dumps(describe(make())) for name, make in SETTINGS.items()}
    again = {name: json.dumps(describe(make())) for name, make in SETTINGS.items()}
    assert again == described
    assert len(set(described.values())) == len(SETTINGS)


@pytest.mark.unwrapped
def test_descriptions_hold_no_address_and_no_folder():
    text = json.dumps([describe(make()) for make in SETTINGS.values()])
    assert not re.search(r"0x[0-9a-f]{6}|site-packages|\.py", text)


def test_another_process_describes_alike():
    program = """
        import json, jax, optax
        from functools import partial
        from flax import nnx
        from vaelib.data import salt_and_pepper
        from vaelib.descriptions import describe, describe_model
        from vaelib.models import VAE

        def scale(x, key):
            return x if str(x) in {"a", "b", "c"} else factor * x

        class Own(nnx.Module):
            def __init__(self):
                self.layer, self.act = nnx.Linear(2, 3, rngs=nnx.Rngs(0)), jax.nn.relu

        factor = 3
        settings = [scale, salt_and_pepper(0.1), optax.adam(optax.linear_schedule(0.0, 1.0, 5))]
        print(json.dumps([*map(describe, settings), describe_model(Own()), describe_model(VAE.create(latent=2))]))
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    first, second = (subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(2))
    assert first == second
    assert "Own" in first


def test_a_global_that_a_function_uses_is_part_of_it(monkeypatch):
    before = describe(scaled(2.0))
    monkeypatch.setattr(sys.modules[__name__], "RATE", 0.2)
    assert describe(scaled(2.0)) != before


def of_two_globals(x):
    return x * RATE + SHIFT


@pytest.mark.parametrize("name", ["RATE", "SHIFT"])
def test_each_global_that_a_function_uses_is_part_of_it(monkeypatch, name):
    before = describe(of_two_globals)
    monkeypatch.setitem(globals(), name, 0.3)
    assert describe(of_two_globals) != before


def test_what_is_the_librarys_is_described_by_package_and_name():
    """A file of today has these words, whatever module they move to."""
    assert describe(elbo) == "vaelib.elbo"


def test_what_python_writes_for_a_data_class_is_no_part_of_it():
    assert "__eq__" not in json.dumps(describe(Frozen(0.1)))


def imports_package(x):
    import mine

    return x * mine.rates.RATE


def imports_module(x):
    import mine.rates

    return x * mine.rates.RATE


def imports_module_under_a_name(x):
    import mine.rates as its

    return x * its.RATE


def imports_module_from_package(x):
    from mine import rates

    return (lambda y: y * rates.RATE)(x)


def imports_attribute(x):
    from mine.rates import RATE

    return x * RATE


def imports_a_library_too(x):
    import mine.rates
    from jax import numpy

    return numpy.exp(x) * mine.rates.RATE


def uses_a_global_module(x):
    return x * mine.rates.RATE


IMPORTING = [
    imports_package,
    imports_module,
    imports_module_under_a_name,
    imports_module_from_package,
    imports_attribute,
    imports_a_library_too,
    uses_a_global_module,
]


@pytest.mark.parametrize("function", IMPORTING)
def test_what_a_function_takes_of_a_module_is_part_of_it(monkeypatch, function):
    def described(rate):
        """As it is where mine.rates.RATE is the rate; mine.RATE is another number, and stays."""
        package = own_module(rates=own_module(RATE=rate), RATE=0.5)
        monkeypatch.setitem(sys.modules, "mine", package)
        monkeypatch.setitem(sys.modules, "mine.rates", package.rates)
        monkeypatch.setitem(globals(), "mine", package)
        return describe(function)

    assert described(0.1) == described(0.1)
    assert described(0.1) != described(0.2)


def test_a_function_with_hundreds_of_names_is_followed_like_others():
    """Python writes the number of a name above 255 as two operations."""
    mine, scope = own_module(RATE=0.1, **{f"a{i}": 1.0 for i in range(300)}), {}
    exec(f"def many(x): return {' + '.join(f'mine.a{i}' for i in range(300))} + mine.RATE", {"mine": mine}, scope)
    before = describe(scope["many"])
    mine.RATE = 0.2
    assert describe(scope["many"]) != before


def rate_of(module):
    return module.RATE


def test_a_module_that_is_handed_on_whole_can_not_be_described(monkeypatch):
    """What is taken of it there is not seen, whatever else the function takes of it, or names like a part of it."""
    mine = own_module(RATE=0.1, SCALE=2.0, mean=jnp.mean, rates=own_module(RATE=0.1))
    monkeypatch.setitem(sys.modules, "mine", mine)

    def imports(x):
        import mine

        return rate_of(mine) * mine.SCALE * x

    def relative(x):
        from . import mine

        return mine.RATE * x

    def later(x):
        from mine import module_not_imported_yet

        return module_not_imported_yet.RATE * x

    for setting in (
        mine,
        of_a_class(mine=mine),
        lambda x: rate_of(mine) * x,
        lambda x: rate_of(mine) * mine.SCALE * x,
        lambda x: rate_of(mine) * x.mean(),
        lambda x: rate_of(mine.rates) * mine.rates.RATE * x,
        lambda x: mine.missing * x,
        lambda x, module=mine: module.RATE * x,
        imports,
        relative,
        later,
    ):
        with pytest.raises(UndescribableError, match=r"'mine'> as a whole|(relative|later), which imports"):
            describe(setting)


def test_a_cached_property_that_was_asked_for_changes_nothing():
    asked, fresh = (of_a_class(rate=cached_property(lambda self: 0.1)) for _ in range(2))
    type(fresh).rate.__set_name__(type(fresh), "rate")
    assert asked.rate == 0.1
    assert describe(asked) == describe(fresh)


def test_what_can_not_be_described_is_named():
    with pytest.raises(UndescribableError, match="list_iterator"):
        describe(iter([1]))
    holder = iter([1])
    with pytest.raises(ValueError, match=r"objective holds something .*vouch_for=\('objective',\)"):
        describe_settings({"objective": lambda x: next(holder), "beta": 1.0}, ())
    assert describe_settings({"objective": lambda x: next(holder), "beta": 1.0}, ("objective",)) == {"beta": 1.0}
    with pytest.raises(ValueError, match="vouch_for must name settings, beta, got 'weights'"):
        describe_settings({"beta": 1.0}, ("weights",))


def test_circles_end():
    round_and_round = []
    round_and_round.append(round_and_round)
    assert describe(round_and_round) == describe(round_and_round)

    def recursive(n):
        return n if n == 0 else recursive(n - 1)

    assert describe(recursive) == describe(recursive)


@pytest.mark.unwrapped
def test_static_values_share_what_can_not_change_alone():
    """A list that a function appends to belongs to that function: programs that call it are not shared."""
    assert Static(scaled(2.0)) == Static(scaled(2.0))
    assert hash(Static(salt_and_pepper(0.1))) == hash(Static(salt_and_pepper(0.1)))
    assert Static(salt_and_pepper(0.1)) != Static(salt_and_pepper(0.2))

    def recorder():
        seen = []
        return lambda x: seen.append(x)

    ours = recorder()
    assert Static(ours) == Static(ours)
    assert Static(ours) != Static(recorder())
    assert Static(Noise(0.1)) != Static(Noise(0.1))
    assert Static(Frozen) == Static(Frozen) != Static(Frozen(0.1))
    assert Static(jax.jit(scaled(2.0))) == Static(jax.jit(scaled(2.0)))
    assert Static(iter([1])) != Static(iter([1]))
    model = VAE.create(latent=2, hidden=(4,), pixels=9)
    before = Static(lambda x: model.decode(x))
    model.decoder.output.bias[...] = jnp.ones(9)
    assert before != Static(lambda x: model.decode(x))


def test_a_model_is_its_class_and_shapes_not_its_weights():
    config = {"latent": 2, "hidden": (4,), "pixels": 9}
    assert describe_model(VAE.create(**config)) == describe_model(VAE.create(seed=1, **config))
    others = [VAE.create(**(config | change)) for change in ({"latent": 3}, {"activation": "tanh"}, {"hidden": (4, 4)})]
    assert all(describe_model(other) != describe_model(VAE.create(**config)) for other in others)


def test_a_subclass_of_a_model_is_described_with_its_attributes():
    def model(sigma=0.1, private=1.0, **attributes):
        own = type("Mine", (VAE,), {"__module__": __name__, **attributes})
        model = own.create(latent=2, hidden=(4,), pixels=9, likelihood="gaussian", sigma=sigma)
        model._private = private
        return model

    models = [model(), model(), model(scale=1.0), model(scale=5.0), model(private=2.0), model(sigma=0.2)]
    described = [json.dumps(describe_model(each)) for each in models]
    assert described[0] == described[1]
    assert len(set(described)) == 5
    assert "pytree" not in described[0]


def test_a_model_inside_another_is_described_by_its_configuration():
    class Holder(nnx.Module):
        def __init__(self, sigma):
            self.vae = VAE.create(latent=2, hidden=(4,), pixels=9, likelihood="gaussian", sigma=sigma)

    assert describe_model(Holder(0.1)) != describe_model(Holder(0.2))


def test_a_part_of_a_model_is_described_by_its_class():
    def part(call):
        return type("Part", (nnx.Module,), {"__module__": __name__, "__call__": call})

    class Holder(nnx.Module):
        def __init__(self, cls):
            self.part = cls()

    plus = Holder(part(lambda self, x: x + 1))
    assert describe_model(plus) == describe_model(Holder(part(lambda self, x: x + 1)))
    assert describe_model(plus) != describe_model(Holder(part(lambda self, x: x - 1)))


class OneLayer(nnx.Module):
    def __init__(self, size, rate, activation):
        self.layer = nnx.Linear(2, size, rngs=nnx.Rngs(0))
        self.dropout = nnx.Dropout(rate, rngs=nnx.Rngs(1))
        self.activation = activation


def test_a_model_of_ones_own_is_described_by_its_attributes():
    relu, tanh = jax.nn.relu, jnp.tanh
    given = [(3, 0.5, relu), (3, 0.5, relu), (4, 0.5, relu), (3, 0.1, relu), (3, 0.5, tanh)]
    described = [json.dumps(describe_model(OneLayer(*arguments))) for arguments in given]
    assert described[0] == described[1]
    assert len(set(described)) == 4
