"""Checkers for notebook 07, training."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from scipy.special import entr, expit
from scipy.stats import norm

from vaelib.data import load_mnist
from vaelib.exercises.verdict import checker, compare
from vaelib.languages import tr

_NODES = np.linspace(-8, 8, 2_001)
_WEIGHTS = norm.pdf(_NODES) / norm.pdf(_NODES).sum()  # an average under N(0, 1)

BUG_ORDER = ("log sigma for log sigma²", "stopped gradient", "mean over pixels", "forgotten ½")  # of A, B, C, D


@checker
def check_grey_cost(answer: float) -> str | None:
    """Each pixel at probability 1/2 costs log 2, whatever the image, and there are 784 of them."""
    wanted = 784 * np.log(2)
    got = float(answer)
    if np.isclose(got, -wanted, rtol=1e-3):
        return tr("that is the log-probability; the cost is minus it.")
    if np.isclose(got, np.log(2), rtol=1e-3):
        return tr("that is the cost of one pixel; an image has 784.")
    if np.isclose(got, 784, rtol=1e-3):
        return tr("that is in bits; one bit is log 2 nats.")
    return compare(got, wanted, tr("the cost in nats"), rtol=1e-3)


@checker
def check_ignored_code(answer: float) -> str | None:
    """A decoder that ignores z does best with each pixel's mean, and pays the entropy of 784 coins with those means."""
    images, _ = load_mnist("train", limit=10_000)
    mean = np.asarray(images, np.float64).mean(axis=0)
    wanted = float(np.sum(entr(mean) + entr(1 - mean)))
    got = float(answer)
    each = float(np.sum(entr(images) + entr(1 - images), axis=-1, dtype=np.float64).mean())
    for value, hint in {
        -wanted: tr("that is the log-probability; the loss is minus it."),
        wanted / 784: tr("that is the mean over the pixels; the loss is their sum."),
        float(784 * (entr(mean.mean()) + entr(1 - mean.mean()))): tr(
            "that is one probability for all pixels; each has its own."
        ),
        each: tr("that is the mean entropy of the images; average the images first, then take the entropy."),
    }.items():
        if np.isclose(got, value, rtol=1e-2):
            return hint
    return compare(got, wanted, tr("the loss in nats"), rtol=1e-2)


@checker
def check_bugs(answer: dict[str, str]) -> str | None:
    """All four: a bug is read off the size of the terms, before anything is debugged."""
    wanted = dict(zip("ABCD", BUG_ORDER, strict=True))
    if not isinstance(answer, dict) or set(answer) != set(wanted):
        return tr('give one bug for each letter, {"A": ..., "B": ..., "C": ..., "D": ...}.')
    unknown = sorted(set(map(str, answer.values())) - set(BUG_ORDER))
    if unknown == [str(...)]:
        return tr("some letters still have no bug.")
    if unknown:
        return tr("there is no bug {name!r}; the four are {known}.", name=unknown[0], known=", ".join(BUG_ORDER))
    wrong = [letter for letter in wanted if answer[letter] != wanted[letter]]
    if not wrong:
        return None
    hint = _bug_hints()[answer[wrong[0]]]
    if len(wrong) == 1:
        return tr("{letter} is not right. {hint}", letter=wrong[0], hint=hint)
    return tr("{letters} are not right. {hint}", letters=", ".join(wrong), hint=hint)


def _bug_hints() -> dict[str, str]:
    return {
        "log sigma for log sigma²": tr(
            "With the noise too small for what the KL is told, both printed terms look *better*."
        ),
        "stopped gradient": tr(
            "The decoder learns, the encoder hears of the KL alone: what will it do, and what is left?"
        ),
        "mean over pixels": tr("The printed reconstruction is then 784 times too small."),
        "forgotten ½": tr("The KL is printed, and charged, at twice its size."),
    }


@checker
def check_deeper(answer: type) -> str | None:
    """Two hidden layers in each network, and the loss reaches all of their weights."""
    net = answer(latent=3, hidden=7, rngs=nnx.Rngs(0))
    x_key, z_key = jax.random.split(jax.random.key(1))
    x, z = jax.random.bernoulli(x_key, 0.4, (16, 784)).astype(jnp.float32), jax.random.normal(z_key, (16, 3))
    mu, log_var = net.encode(x)
    if (np.shape(mu), np.shape(log_var)) != ((16, 3), (16, 3)):
        return tr(
            "encode should return two arrays of shape (16, 3), got {mu} and {log_var}.",
            mu=np.shape(mu),
            log_var=np.shape(log_var),
        )
    if np.shape(net.decode(z)) != (16, 784):
        return tr("decode should return shape (16, 784), got {got}.", got=np.shape(net.decode(z)))
    with jax.default_matmul_precision("highest"):
        return _complaint_about_layers(_Layers(net, x, z))


class _Layers:
    """A network of the page's kind, and what it returns when some of its kernels are others."""

    def __init__(self, net: Any, x, z):
        self._net = net
        self._leaves, self._structure = jax.tree.flatten(nnx.state(net, nnx.Param))
        self._inputs = x, z
        self.kernels = {i: np.asarray(leaf) for i, leaf in enumerate(self._leaves) if np.ndim(leaf) == 2}

    def of_shape(self, *shapes: tuple[int, int]) -> list[int]:
        return [i for i, kernel in self.kernels.items() if kernel.shape in shapes]

    def outputs(self, changed: dict[int, np.ndarray]) -> dict[str, np.ndarray]:
        leaves = [changed.get(i, leaf) for i, leaf in enumerate(self._leaves)]
        return {name: np.asarray(output) for name, output in self._outputs(leaves, self._inputs[1]).items()}

    def _outputs(self, leaves: list, z) -> dict[str, Any]:
        net = nnx.clone(self._net)
        nnx.update(net, jax.tree.unflatten(self._structure, leaves))
        mu, log_var = net.encode(self._inputs[0])
        return {"mu": mu, "log_var": log_var, "decode": net.decode(z)}

    def gradients(self) -> dict[str, tuple[list[bool], bool]]:
        """Of each output whether a gradient of it reaches each array, and z."""

        def total(leaves, z, name):
            output = self._outputs(leaves, z)[name]
            return jnp.sum(output * jax.random.normal(jax.random.key(2), output.shape))

        found = {n: jax.grad(total, argnums=(0, 1))(self._leaves, self._inputs[1], n) for n in self.outputs({})}
        return {name: ([bool(np.any(leaf)) for leaf in leaves], bool(np.any(z))) for name, (leaves, z) in found.items()}

    def same(self, changed: dict[int, np.ndarray]) -> set[str]:
        """The outputs that stay as they were."""
        before, now = self.outputs({}), self.outputs(changed)
        return {name for name in now if np.abs(now[name] - before[name]).max() < 1e-3 * np.abs(before[name]).max()}


def _complaint_about_layers(net: _Layers) -> str | None:
    between = net.of_shape((7, 7))
    page = net.of_shape((784, 7), (7, 3), (7, 6), (3, 7), (7, 784))  # 6 outputs: mu and log_var, cut in two
    if others := net.kernels.keys() - {*between, *page}:
        inputs, outputs = net.kernels[min(others)].shape
        return tr(
            "each hidden layer should have `hidden` units; where that is 7, a layer of yours has {inputs} inputs and "
            "{outputs} outputs.",
            inputs=inputs,
            outputs=outputs,
        )
    moves = {i: {"mu", "log_var", "decode"} - net.same({i: 2 - 3 * kernel}) for i, kernel in net.kernels.items()}
    if not all(moves.values()):
        return tr("there is a layer that nothing passes through: use it in encode or in decode.")
    of_encode, of_decode = ([i for i in between if moves[i] & of] for of in ({"mu", "log_var"}, {"decode"}))
    for name, layers in (("encode", of_encode), ("decode", of_decode)):
        if len(layers) != 1:
            return tr(
                "{name} should have one layer from hidden to hidden units, got {count}.", name=name, count=len(layers)
            )
    if passed_by := {"mu", "log_var"} - moves[of_encode[0]]:
        return tr("{name} should be computed from the second hidden layer.", name=passed_by.pop())
    if of_encode == of_decode:
        return tr("encode and decode share a layer: each should have its own.")
    if _straight(net, of_encode, of_decode):
        return tr("a layer of the hidden units has no activation after it: two such layers in a row are one.")
    for name, layer in (("encode", of_encode[0]), ("decode", of_decode[0])):
        if _used_again(net, layer, moves[layer]):
            return tr("{name} passes through its layer from hidden to hidden units more than once.", name=name)
    if changed := _not_plain(net):
        return tr("{name} should be what its last layer puts out, with nothing after it.", name=changed)
    return _complaint_about_gradients(net, moves)


def _used_again(net: _Layers, layer: int, moved: set[str]) -> bool:
    """Whether an output passes through a layer twice: one that hands every other unit to the others forgets its input.

    Half of the units reach the other half alone, and these reach nothing, so two such layers put out a constant.
    """
    even = np.arange(7) % 2 == 0
    for before in (even, ~even):
        kernel = np.outer(before, ~before) * np.where(np.arange(7) % 4 < 2, 1, -1).astype(np.float32)
        now = net.outputs({layer: kernel})
        moved = {name for name in moved if np.ptp(now[name], axis=0).max() < 1e-5}
    return bool(moved)


def _not_plain(net: _Layers) -> str | None:
    """The first output that is not linear in its last layer's kernel, up to the bias."""
    random, last = np.random.default_rng(1), net.of_shape((7, 3), (7, 6), (7, 784))
    drawn = {i: random.standard_normal(net.kernels[i].shape).astype(np.float32) for i in last}
    at = {factor: net.outputs({i: factor * kernel for i, kernel in drawn.items()}) for factor in (0, 1, -2)}
    for name, start in at[0].items():
        once, back = at[1][name] - start, at[-2][name] - start
        if not np.abs(back + 2 * once).max() <= 1e-3 * np.abs(once).max():
            return name
    return None


def _complaint_about_gradients(net: _Layers, moves: dict[int, set[str]]) -> str | None:
    reached = net.gradients()
    for name, (arrays, z) in reached.items():
        if not all(arrays[i] for i, moved in moves.items() if name in moved) or (name == "decode" and not z):
            return tr(
                "the gradient of {name} does not reach all that {name} is computed from: it is stopped.", name=name
            )
    if not np.any([arrays for arrays, _ in reached.values()], axis=0).all():
        return tr("there is an array that the loss does not reach: its gradient is 0.")
    return None


def _straight(net: _Layers, of_encode: list[int], of_decode: list[int]) -> bool:
    """Whether the hidden units of some layer reach mu, log_var or the logits without an activation."""
    of_x, heads = net.of_shape((784, 7)), net.of_shape((7, 3), (7, 6))
    of_z, logits = net.of_shape((3, 7)), net.of_shape((7, 784))
    same_codes = net.same(_turned(net, of_x, of_encode)) | net.same(_turned(net, of_encode, heads))
    same_logits = net.same(_turned(net, of_z, of_decode)) | net.same(_turned(net, of_decode, logits))
    return bool(same_codes & {"mu", "log_var"}) or "decode" in same_logits


def _turned(net: _Layers, before: list[int], after: list[int]) -> dict[int, np.ndarray]:
    """Kernels that turn the hidden units between two layers and turn them back: seen only by an activation."""
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((7, 7)))[0].astype(np.float32)
    return {i: net.kernels[i] @ turn for i in before} | {i: turn.T @ net.kernels[i] for i in after}


class _Known:
    """A page's network with known outputs: the decoder's are `level`, and `slope` times the sum of z more."""

    def __init__(self, slope: float, level: float = 0.3, mu: float = 0.5, log_var: float = -1.0):
        self.slope, self.level, self.mu, self.log_var = slope, level, mu, log_var

    def encode(self, x):
        return jnp.full((len(x), 2), self.mu), jnp.full((len(x), 2), self.log_var)

    def decode(self, z):
        return jnp.full((len(z), 5), self.level) + self.slope * jnp.sum(z, axis=-1, keepdims=True)


@checker
def check_gaussian_elbo(answer: Callable) -> str | None:
    """A Gaussian with the sigmoid as its mean, its squared error and its constant; the rest of the page stays."""
    x = jax.random.uniform(jax.random.key(0), (6, 5))
    for sigma in (0.1, 0.7):
        squared = np.square(np.asarray(x) - 1 / (1 + np.exp(-0.3))).sum(-1).mean()
        constant = 5 * (np.log(sigma) + 0.5 * np.log(2 * np.pi))
        kl = 0.5 * 2 * (0.25 + np.exp(-1.0) + 1.0 - 1)
        wanted = -squared / (2 * sigma**2) - constant - kl
        got = answer(_Known(0.0), x, jax.random.key(1), sigma)
        for value, hint in {
            wanted + constant: tr("log(sigma √(2π)) is missing, once for each pixel."),
            wanted + kl: tr("the KL is missing."),
            -wanted: tr("that is the loss; return the ELBO."),
            wanted - squared / (2 * sigma**2): tr("a ½ is missing in the squared error."),
        }.items():
            if np.shape(got) == () and np.isclose(got, value, rtol=1e-3):
                return hint
        if complaint := compare(got, wanted, tr("the ELBO at sigma = {sigma}", sigma=sigma), rtol=1e-3):
            return complaint
    one, other = (float(answer(_Known(1.0), x, jax.random.key(seed), 0.5)) for seed in (1, 2))
    if one == other:
        return tr("the result is the same for every key: z should be a draw from q.")
    for name in ("mu", "log_var"):
        if not np.isclose(*_slopes(answer, x, name), rtol=0.02):
            return tr("the gradient at {name} is not the slope of your ELBO: something stops it.", name=name)
    total = 1.0 + np.sqrt(2 * np.exp(-1.0)) * _NODES  # the sum of z, normal around 1, where a sum asks for it
    squared = 5 * np.sum(_WEIGHTS * np.square(expit(0.3 + total) - 0.5))
    wanted = -squared / (2 * 0.1**2) - 5 * (np.log(0.1) + 0.5 * np.log(2 * np.pi)) - kl
    many = jnp.full((4_000, 5), 0.5)
    got = np.array([float(answer(_Known(1.0), many, jax.random.key(seed), 0.1)) for seed in (3, 4, 5)])
    if np.ptp(got) > 0.2 * abs(wanted):
        return tr("all images share a draw of the noise: each needs its own, of the shape of mu.")
    if not np.isclose(got[0], wanted, rtol=0.05):
        return tr("z is no draw from N(mu, exp log_var): sigma is exp(log_var / 2).")
    level = -9.0 * (1.0 + 2.2 * np.sqrt(2 * np.exp(-1.0)))  # white far out alone, where few draws of a normal come
    squared = 5 * np.sum(_WEIGHTS * np.square(expit(level + 9.0 * total)))
    wanted = -squared / (2 * 0.01**2) - 5 * (np.log(0.01) + 0.5 * np.log(2 * np.pi)) - kl
    many = jnp.zeros((40_000, 5))
    got = np.mean([float(answer(_Known(9.0, level), many, jax.random.key(seed), 0.01)) for seed in (3, 4, 5)])
    if not np.isclose(got, wanted, rtol=0.2):
        return tr("z has the right mean and spread, but its noise is not normal.")
    return None


def _slopes(answer: Callable, x, name: str, step: float = 0.01) -> tuple[float, float]:
    """The slope of an ELBO in one of the encoder's outputs, with the noise held: its gradient, and by differences."""

    def at(value):
        return answer(_Known(1.0, **{name: value}), x, jax.random.key(1), 0.5)

    place = getattr(_Known(1.0), name)
    return float(jax.grad(at)(place)), float(at(place + step) - at(place - step)) / (2 * step)


@checker
def check_beta_of_mean(answer: float) -> str | None:
    """A mean over pixels divides the reconstruction by 784, which is the same as a KL weighted 784 times."""
    got = float(answer)
    if np.isclose(got, 1 / 784, rtol=1e-3):
        return tr("that is the weight the reconstruction is left with; relative to it, what is the weight of the KL?")
    return compare(got, 784.0, tr("the effective beta"), rtol=1e-3)
