"""Descriptions: equal for equal settings in any process, different for different ones, and free of addresses."""

import json
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from functools import partial

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


SETTINGS = {
    "number": lambda: 0.25,
    "closure": lambda: scaled(2.0),
    "closure, other number": lambda: scaled(3.0),
    "closure, other default": lambda: scaled(2.0, shift=1.0),
    "lambda": lambda: lambda step: step + 1,
    "lambda, other constant": lambda: lambda step: step + 2,
    "lambda, other operation": lambda: lambda step: step - 1,
    "function of functions": lambda: calls_another,
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
