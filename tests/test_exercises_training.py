"""The checkers of notebook 07: right answers in any form pass, wrong ones are told what is off."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from flax import nnx

import vaelib
from vaelib.exercises import training as exercises
from vaelib.studies import load_study


@pytest.mark.parametrize("answer", [784 * np.log(2), 543.4, jnp.log(2.0) * 784, np.float32(543.43)])
def test_grey_cost_right(answer):
    assert exercises.check_grey_cost(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [(-543.43, "minus"), (0.6931, "one pixel"), (784, "bits"), (100.0, "should be 543"), ("x", "raised")],
)
def test_grey_cost_wrong(answer, hint):
    verdict = exercises.check_grey_cost(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def mean_image():
    images, _ = vaelib.load_mnist("train", limit=10_000)
    return np.asarray(images, np.float64).mean(axis=0)


def entropy(p):
    return scipy.special.entr(p) + scipy.special.entr(1 - p)


def test_ignored_code_right():
    coded = scipy.stats.bernoulli(mean_image()).entropy().sum()  # another library's entropy
    assert exercises.check_ignored_code(coded).passed is True
    assert exercises.check_ignored_code(jnp.float32(coded)).passed is True


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda: -entropy(mean_image()).sum(), "minus"),
        (lambda: entropy(mean_image()).mean(), "their sum"),
        (lambda: 784 * entropy(mean_image().mean()), "each has its own"),
        (lambda: entropy(np.asarray(vaelib.load_mnist("train")[0])).sum(-1).mean(), "average the images first"),
        (lambda: 784 * np.log(2), "should be"),
    ],
)
def test_ignored_code_wrong(wrong, hint):
    verdict = exercises.check_ignored_code(wrong())
    assert verdict.passed is False
    assert hint in verdict.message


MATCH = {"A": "log sigma for log sigma²", "B": "stopped gradient", "C": "mean over pixels", "D": "forgotten ½"}


def test_bugs_right():
    assert exercises.check_bugs(MATCH).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (MATCH | {"B": MATCH["C"], "C": MATCH["B"]}, "B, C are not right"),
        (MATCH | {"D": "a typo"}, "no bug 'a typo'"),
        (MATCH | {"D": ...}, "still have no bug"),
        ({"A": MATCH["A"]}, "each letter"),
        ("A", "each letter"),
    ],
)
def test_bugs_wrong(answer, hint):
    verdict = exercises.check_bugs(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def test_the_bugs_are_those_of_the_study():
    study = load_study("bugs")
    assert set(MATCH.values()) == set(study) - {"none"}
    ends = {bug: {name: values[-1] for name, values in curves.items()} for bug, curves in study.items()}
    right = ends["none"]
    assert ends[MATCH["A"]]["recon"] > right["recon"]
    assert ends[MATCH["A"]]["kl"] < 0.9 * right["kl"]
    assert ends[MATCH["B"]]["recon"] < -200
    assert ends[MATCH["B"]]["kl"] < 0.01
    assert ends[MATCH["C"]]["recon"] > -1
    assert ends[MATCH["D"]]["kl"] > 1.2 * right["kl"]


class Deeper(nnx.Module):
    def __init__(self, latent=20, hidden=200, *, rngs):
        self.from_x, self.second_x = nnx.Linear(784, hidden, rngs=rngs), nnx.Linear(hidden, hidden, rngs=rngs)
        self.mu, self.log_var = nnx.Linear(hidden, latent, rngs=rngs), nnx.Linear(hidden, latent, rngs=rngs)
        self.from_z, self.second_z = nnx.Linear(latent, hidden, rngs=rngs), nnx.Linear(hidden, hidden, rngs=rngs)
        self.logits = nnx.Linear(hidden, 784, rngs=rngs)

    def encode(self, x):
        h = nnx.relu(self.second_x(nnx.relu(self.from_x(x))))
        return self.mu(h), self.log_var(h)

    def decode(self, z):
        return self.logits(nnx.relu(self.second_z(nnx.relu(self.from_z(z)))))


class OtherActivation(Deeper):
    def encode(self, x):
        h = nnx.tanh(self.second_x(nnx.sigmoid(self.from_x(x))))
        return self.mu(h), self.log_var(h)

    def decode(self, z):
        return self.logits(nnx.tanh(self.second_z(nnx.gelu(self.from_z(z)))))


class OneLastLayer(Deeper):
    """Mean and log variance from one layer, cut in two, which notebook 07 calls right."""

    def __init__(self, latent=20, hidden=200, *, rngs):
        super().__init__(latent, hidden, rngs=rngs)
        del self.log_var
        self.mu = nnx.Linear(hidden, 2 * latent, rngs=rngs)

    def encode(self, x):
        return jnp.split(self.mu(nnx.relu(self.second_x(nnx.relu(self.from_x(x))))), 2, axis=-1)


class Unused(Deeper):
    def decode(self, z):
        return self.logits(nnx.relu(self.from_z(z)))


class Shallow(Unused):
    def __init__(self, latent=20, hidden=200, *, rngs):
        super().__init__(latent, hidden, rngs=rngs)
        del self.second_x, self.second_z

    def encode(self, x):
        h = nnx.relu(self.from_x(x))
        return self.mu(h), self.log_var(h)


class ThreeInTheEncoder(Unused):
    """Both layers between hidden units in the encoder, none in the decoder."""

    def encode(self, x):
        h = nnx.relu(self.second_z(nnx.relu(self.second_x(nnx.relu(self.from_x(x))))))
        return self.mu(h), self.log_var(h)


class ThreeInTheDecoder(Deeper):
    def encode(self, x):
        h = nnx.relu(self.from_x(x))
        return self.mu(h), self.log_var(h)

    def decode(self, z):
        return self.logits(nnx.relu(self.second_x(nnx.relu(self.second_z(nnx.relu(self.from_z(z)))))))


class ThreeInEach(Deeper):
    def __init__(self, latent=20, hidden=200, *, rngs):
        super().__init__(latent, hidden, rngs=rngs)
        self.third_x, self.third_z = nnx.Linear(hidden, hidden, rngs=rngs), nnx.Linear(hidden, hidden, rngs=rngs)

    def encode(self, x):
        h = nnx.relu(self.third_x(nnx.relu(self.second_x(nnx.relu(self.from_x(x))))))
        return self.mu(h), self.log_var(h)

    def decode(self, z):
        return self.logits(nnx.relu(self.third_z(nnx.relu(self.second_z(nnx.relu(self.from_z(z)))))))


class Wide(Deeper):
    def __init__(self, latent=20, hidden=200, *, rngs):
        super().__init__(latent, hidden, rngs=rngs)
        self.second_x, self.mu = nnx.Linear(hidden, 50, rngs=rngs), nnx.Linear(50, latent, rngs=rngs)
        self.log_var = nnx.Linear(50, latent, rngs=rngs)


class StraightAtX(Deeper):
    def encode(self, x):
        h = nnx.relu(self.second_x(self.from_x(x)))
        return self.mu(h), self.log_var(h)


class StraightAtSecondX(Deeper):
    def encode(self, x):
        h = self.second_x(nnx.relu(self.from_x(x)))
        return self.mu(h), self.log_var(h)


class StraightAtLogVar(Deeper):
    """No activation before the log variance, one before the mean."""

    def encode(self, x):
        h = self.second_x(nnx.relu(self.from_x(x)))
        return self.mu(nnx.relu(h)), self.log_var(h)


class StraightAtZ(Deeper):
    def decode(self, z):
        return self.logits(nnx.relu(self.second_z(self.from_z(z))))


class StraightAtSecondZ(Deeper):
    def decode(self, z):
        return self.logits(self.second_z(nnx.relu(self.from_z(z))))


class LogVarOfTheFirst(Deeper):
    def encode(self, x):
        h = nnx.relu(self.from_x(x))
        return self.mu(nnx.relu(self.second_x(h))), self.log_var(h)


class Shared(Deeper):
    def __init__(self, latent=20, hidden=200, *, rngs):
        super().__init__(latent, hidden, rngs=rngs)
        self.second_z = self.second_x


class OneOutput(Deeper):
    def encode(self, x):
        return super().encode(x)[0], jnp.zeros(())


class WithoutBias(Deeper):
    def __init__(self, latent=20, hidden=200, *, rngs):
        super().__init__(latent, hidden, rngs=rngs)
        for name in ("mu", "log_var", "logits"):
            size = 784 if name == "logits" else latent
            setattr(self, name, nnx.Linear(hidden, size, use_bias=False, rngs=rngs))


class InSequence(nnx.Module):
    def __init__(self, latent=20, hidden=200, *, rngs):
        sizes = (784, hidden, hidden)
        self.of_x = nnx.List([nnx.Linear(*pair, rngs=rngs) for pair in itertools.pairwise(sizes)])
        self.heads = nnx.List([nnx.Linear(hidden, latent, rngs=rngs) for _ in range(2)])
        first, second = nnx.Linear(latent, hidden, rngs=rngs), nnx.Linear(hidden, hidden, rngs=rngs)
        self.of_z = nnx.Sequential(first, nnx.silu, second, nnx.elu, nnx.Linear(hidden, 784, rngs=rngs))

    def encode(self, x):
        for layer in self.of_x:
            x = nnx.leaky_relu(layer(x))
        return [head(x) for head in self.heads]

    def decode(self, z):
        return self.of_z(z)


def after(name, change):
    """A right network with something after one of its outputs."""

    class Changed(Deeper):
        def encode(self, x):
            outputs = dict(zip(("mu", "log_var"), super().encode(x), strict=True))
            return [change(output) if name == of else output for of, output in outputs.items()]

        def decode(self, z):
            return change(super().decode(z)) if name == "decode" else super().decode(z)

    return Changed


class SecondZTwice(Deeper):
    def decode(self, z):
        return self.logits(nnx.relu(self.second_z(nnx.relu(self.second_z(nnx.relu(self.from_z(z)))))))


class SecondXTwice(Deeper):
    def encode(self, x):
        h = nnx.tanh(self.second_x(nnx.tanh(self.second_x(nnx.tanh(self.from_x(x))))))
        return self.mu(h), self.log_var(h)


class StoppedAfterZ(Deeper):
    def decode(self, z):
        return self.logits(nnx.relu(self.second_z(jax.lax.stop_gradient(nnx.relu(self.from_z(z))))))


class StoppedAtZ(Deeper):
    def decode(self, z):
        return super().decode(jax.lax.stop_gradient(z))


class StoppedAtMu(Deeper):
    """The shared layers hear of log_var alone."""

    def encode(self, x):
        h = nnx.relu(self.second_x(nnx.relu(self.from_x(x))))
        return self.mu(jax.lax.stop_gradient(h)), self.log_var(h)


class UnusedScale(Deeper):
    def __init__(self, latent=20, hidden=200, *, rngs):
        super().__init__(latent, hidden, rngs=rngs)
        self.scale = nnx.Param(jnp.ones(hidden))


@pytest.mark.parametrize("answer", [Deeper, OtherActivation, OneLastLayer, WithoutBias, InSequence])
def test_deeper_right(answer):
    assert exercises.check_deeper(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (Unused, "nothing passes"),
        (Shallow, "encode should have one layer from hidden to hidden units, got 0"),
        (ThreeInTheEncoder, "encode should have one layer from hidden to hidden units, got 2"),
        (ThreeInTheDecoder, "encode should have one layer from hidden to hidden units, got 0"),
        (ThreeInEach, "encode should have one layer from hidden to hidden units, got 2"),
        (Wide, "50 inputs and 3 outputs"),
        (StraightAtX, "no activation"),
        (StraightAtSecondX, "no activation"),
        (StraightAtLogVar, "no activation"),
        (StraightAtZ, "no activation"),
        (StraightAtSecondZ, "no activation"),
        (LogVarOfTheFirst, "log_var should be computed from the second hidden layer"),
        (Shared, "share a layer"),
        (OneOutput, "two arrays"),
        (after("decode", nnx.sigmoid), "decode should be what its last layer puts out"),
        (after("decode", nnx.relu), "decode should be what its last layer puts out"),
        (after("decode", lambda a: a * jnp.nan), "decode should"),
        (after("mu", nnx.relu), "mu should be what its last layer puts out"),
        (after("log_var", nnx.softplus), "log_var should be what its last layer puts out"),
        (after("log_var", lambda v: jnp.exp(v / 2)), "log_var should be what its last layer puts out"),
        (after("log_var", jax.lax.stop_gradient), "gradient of log_var"),
        (StoppedAtMu, "gradient of mu"),
        (StoppedAfterZ, "gradient of decode"),
        (StoppedAtZ, "gradient of decode"),
        (SecondZTwice, "decode passes through"),
        (SecondXTwice, "encode passes through"),
        (UnusedScale, "does not reach"),
    ],
)
def test_deeper_wrong(answer, hint):
    verdict = exercises.check_deeper(answer)
    assert verdict.passed is False
    assert hint in verdict.message


def uniform(key, shape):
    """Noise of mean 0 and variance 1 that is not normal."""
    return jax.random.uniform(key, shape, minval=-np.sqrt(3), maxval=np.sqrt(3))


def gaussian_elbo(
    net,
    x,
    key,
    sigma,
    *,
    half=0.5,
    constant=True,
    kl_weight=1.0,
    noise=1.0,
    of_sigma=0.5,
    noise_of=jnp.shape,
    draw=jax.random.normal,
    stop=(),
):
    mu, log_var = net.encode(x)
    stopped = {name: jax.lax.stop_gradient if name in stop else lambda value: value for name in ("mu", "spread")}
    z = stopped["mu"](mu) + stopped["spread"](noise * jnp.exp(of_sigma * log_var) * draw(key, noise_of(mu)))
    log_p = -half * ((x - jax.nn.sigmoid(net.decode(z))) / sigma) ** 2
    log_p -= constant * (jnp.log(sigma) + 0.5 * jnp.log(2 * jnp.pi))
    kl = 0.5 * jnp.sum(mu**2 + jnp.exp(log_var) - log_var - 1, axis=-1)
    return jnp.mean(jnp.sum(log_p, axis=-1) - kl_weight * kl)


def by_library(net, x, key, sigma):
    """Another right answer, by the library's Gaussian."""
    mu, log_var = net.encode(x)
    q = vaelib.Gaussian(mu, log_var)
    mean = jax.nn.sigmoid(net.decode(q.sample(key)))
    p = vaelib.Gaussian(mean, jnp.full(mean.shape, 2 * jnp.log(sigma)))
    return jnp.mean(p.log_prob(x) - vaelib.kl_to_standard_normal(q))


@pytest.mark.parametrize("answer", [gaussian_elbo, by_library])
def test_gaussian_elbo_right(answer):
    assert exercises.check_gaussian_elbo(answer).passed is True


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"constant": False}, "is missing, once for each pixel"),
        ({"kl_weight": 0.0}, "KL is missing"),
        ({"half": 1.0}, "½ is missing"),
        ({"noise": 0.0}, "same for every key"),
        ({"of_sigma": 1.0}, "sigma is exp(log_var / 2)"),
        ({"of_sigma": 0.0}, "sigma is exp(log_var / 2)"),
        ({"kl_weight": 3.0}, "should be"),
        ({"stop": ("mu", "spread")}, "gradient at mu"),
        ({"stop": ("spread",)}, "gradient at log_var"),
        ({"draw": uniform}, "not normal"),
    ],
)
def test_gaussian_elbo_wrong(options, hint):
    verdict = exercises.check_gaussian_elbo(functools.partial(gaussian_elbo, **options))
    assert verdict.passed is False
    assert hint in verdict.message


def test_gaussian_elbo_of_one_draw_for_all_images():
    verdict = exercises.check_gaussian_elbo(functools.partial(gaussian_elbo, noise_of=lambda mu: (1, mu.shape[-1])))
    assert verdict.passed is False
    assert "share a draw" in verdict.message


def test_the_loss_is_no_elbo():
    verdict = exercises.check_gaussian_elbo(lambda *inputs: -gaussian_elbo(*inputs))
    assert "return the ELBO" in verdict.message


def test_beta_of_mean():
    assert exercises.check_beta_of_mean(784).passed is True
    assert "relative" in exercises.check_beta_of_mean(1 / 784).message
    assert exercises.check_beta_of_mean(28).passed is False


def blank(model, x, key): ...


@pytest.mark.parametrize(
    "check",
    [
        exercises.check_grey_cost,
        exercises.check_ignored_code,
        exercises.check_bugs,
        exercises.check_gaussian_elbo,
        exercises.check_beta_of_mean,
    ],
)
@pytest.mark.parametrize("answer", [..., None, blank])
def test_unattempted(check, answer):
    verdict = check(answer)
    assert verdict.passed is None
    assert repr(verdict).startswith("Not attempted")
