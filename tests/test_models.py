"""The networks against a forward pass written in NumPy; shapes, configurations, starts, and refusals."""

import copy
import json
import pickle
from functools import partial

import flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from flax import nnx
from hypothesis import given
from hypothesis.extra.numpy import array_shapes
from packaging.version import Version

from vaelib.conditional import ConditionalVAE
from vaelib.distributions import Bernoulli, ContinuousBernoulli, Gaussian
from vaelib.models import VAE, Autoencoder
from vaelib.networks import ACTIVATIONS, LIKELIHOODS, Constant, Decoder, Encoder
from vaelib.objectives import elbo

KEY = jax.random.key(0)
SIZES = {"latent": 3, "hidden": (7, 5), "pixels": 36}
CLASSES = [VAE, Autoencoder]
# Two layers of float32, each a sum of at most 36 products of order 1.
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def build(cls=VAE, seed=0, **config):
    return cls(**SIZES | config, rngs=nnx.Rngs(seed))


@pytest.fixture(scope="module")
def model():
    return build()


def parameters(model):
    return {".".join(map(str, path)): value[...] for path, value in nnx.to_flat_state(nnx.state(model, nnx.Param))}


def linear(parameters, name, h):
    kernel = np.asarray(parameters[f"{name}.kernel"], np.float64)
    return h @ kernel + np.asarray(parameters[f"{name}.bias"], np.float64)


NUMPY_ACTIVATIONS = {
    "relu": lambda h: np.maximum(h, 0),
    "tanh": np.tanh,
    "softplus": lambda h: np.logaddexp(h, 0),
    "elu": lambda h: np.where(h > 0, h, np.expm1(np.minimum(h, 0))),
    # JAX's default, the tanh form of Hendrycks and Gimpel (2016).
    "gelu": lambda h: 0.5 * h * (1 + np.tanh(np.sqrt(2 / np.pi) * (h + 0.044715 * h**3))),
}


def trunk(parameters, name, h, activation):
    for layer in range(2):
        h = NUMPY_ACTIVATIONS[activation](linear(parameters, f"{name}.layers.{layer}", h))
    return h


# --- what the networks compute


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.usefixtures("full_precision")
def test_vae_is_the_network_written_in_numpy(images, activation):
    model = build(activation=activation)
    p = parameters(model)
    h = trunk(p, "encoder.trunk", images.astype(np.float64), activation)
    q = nnx.jit(lambda m, x: m.encode(x))(model, images)
    np.testing.assert_allclose(q.mu, linear(p, "encoder.mu", h), **CLOSE)
    np.testing.assert_allclose(q.log_var, linear(p, "encoder.log_var", h), **CLOSE)
    z = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)
    logits = linear(p, "decoder.output", trunk(p, "decoder.trunk", z.astype(np.float64), activation))
    np.testing.assert_allclose(nnx.jit(lambda m, z: m.decode(z))(model, z).logits, logits, **CLOSE)


@pytest.mark.usefixtures("full_precision")
def test_autoencoder_is_the_network_written_in_numpy(images):
    model = build(Autoencoder)
    p = parameters(model)
    z = linear(p, "code", trunk(p, "trunk", images.astype(np.float64), "relu"))
    np.testing.assert_allclose(model.encode(images), z, **CLOSE)
    logits = linear(p, "decoder.output", trunk(p, "decoder.trunk", z, "relu"))
    np.testing.assert_allclose(model.decode(model.encode(images)).logits, logits, **CLOSE)


@pytest.mark.parametrize("cls", CLASSES)
def test_the_decoder_mirrors_the_encoder(cls):
    shapes = {name: value.shape for name, value in parameters(build(cls)).items() if name.endswith("kernel")}
    assert sorted(shape for name, shape in shapes.items() if not name.startswith("decoder")) == sorted(
        [(36, 7), (7, 5), (5, 3)] + ([(5, 3)] if cls is VAE else [])
    )
    assert sorted(shape for name, shape in shapes.items() if name.startswith("decoder")) == [(3, 5), (5, 7), (7, 36)]


def test_likelihoods_share_the_logits():
    z = jnp.array([[0.3, -1.0, 2.0]])
    decoded = {name: build(likelihood=name, sigma=0.2).decode(z) for name in LIKELIHOODS}
    logits = decoded["bernoulli"].logits
    assert isinstance(decoded["bernoulli"], Bernoulli)
    assert isinstance(decoded["continuous-bernoulli"], ContinuousBernoulli)
    assert isinstance(decoded["gaussian"], Gaussian)
    np.testing.assert_array_equal(decoded["continuous-bernoulli"].logits, logits)
    np.testing.assert_allclose(decoded["gaussian"].mu, scipy.special.expit(np.asarray(logits)), rtol=1e-6)
    np.testing.assert_allclose(decoded["gaussian"].std, 0.2, rtol=1e-6)


def test_a_linear_mean_is_the_layer_itself_and_takes_rows_of_any_range():
    z = jnp.array([[0.3, -1.0, 2.0]])
    model = build(likelihood="gaussian", mean="linear")
    np.testing.assert_array_equal(model.decode(z).mu, build(likelihood="bernoulli").decode(z).logits)
    assert model.config["mean"] == "linear"
    assert "mean" not in build(likelihood="gaussian").config  # files written before know of no other
    rows = np.full((2, 36), 7.0, np.float32)
    np.testing.assert_array_equal(model.check_data(rows), rows)
    with pytest.raises(ValueError, match=r"pixels in \[0, 1\], got values from 7"):
        build(likelihood="gaussian").check_data(rows)
    with pytest.raises(ValueError, match='mean="linear" is for likelihood="gaussian", got \'bernoulli\''):
        build(mean="linear")


def test_the_default_is_an_mnist_network():
    # Traced and not built: 784-500-500-20 and back takes seconds to draw.
    model = nnx.eval_shape(lambda: VAE(rngs=nnx.Rngs(0)))
    assert model.config == {
        "class": "VAE",
        "latent": 20,
        "hidden": [500, 500],
        "likelihood": "bernoulli",
        "activation": "relu",
        "image_shape": [28, 28, 1],
    }
    both_trunks = (784 + 1) * 500 + 2 * (500 + 1) * 500 + (20 + 1) * 500
    heads = 2 * (500 + 1) * 20 + (500 + 1) * 784
    assert sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param))) == both_trunks + heads


# --- shapes


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    ("config", "shape"),
    [
        ({}, (28, 28, 1)),
        ({"image_shape": (2, 3)}, (2, 3, 1)),
        ({"image_shape": [4, 2, 3]}, (4, 2, 3)),
        ({"pixels": 784}, (28, 28, 1)),
        ({"pixels": np.int64(36)}, (6, 6, 1)),
        ({"pixels": 768}, (1, 768, 1)),
        ({"pixels": 24, "image_shape": (4, 2, 3)}, (4, 2, 3)),
    ],
)
def test_a_model_knows_the_shape_of_its_images(cls, config, shape):
    model = nnx.eval_shape(lambda: cls(latent=1, hidden=(2,), **config, rngs=nnx.Rngs(0)))
    assert model.image_shape == shape
    assert model.pixels == np.prod(shape)
    assert model.decoder.output.kernel.shape == (2, model.pixels)
    assert cls.create(latent=1, hidden=(2,), **config).image_shape == shape


@given(batch=array_shapes(min_dims=0, max_dims=3, max_side=4))
def test_shapes_walk(model, batch):
    def walk(x):
        q = model.encode(x)
        return q.mu, q.log_var, model.decode(q.mu).mean

    mu, log_var, mean = jax.eval_shape(walk, jax.ShapeDtypeStruct((*batch, 36), jnp.float32))
    assert mu.shape == log_var.shape == (*batch, 3)
    assert mean.shape == (*batch, 36)


@pytest.mark.parametrize("lead", [(), (2, 2, 4)])
def test_leading_axes_change_nothing_but_the_shape(model, images, lead):
    @nnx.jit
    def both_ways(model, x):
        z = model.encode(x).mu
        return z, model.decode(z).mean

    count = int(np.prod(lead))
    for got, rows in zip(both_ways(model, images[:count].reshape(*lead, 36)), both_ways(model, images), strict=True):
        assert got.shape == (*lead, rows.shape[-1])
        np.testing.assert_allclose(got, np.asarray(rows)[:count].reshape(got.shape), **CLOSE)


# --- building


@pytest.mark.usefixtures("fully_optimised")
@pytest.mark.parametrize(
    ("cls", "config"),
    [
        (VAE, {"likelihood": "gaussian", "sigma": "learned", "activation": "tanh"}),
        (Autoencoder, {"likelihood": "continuous-bernoulli"}),
        (VAE, {"initial": "uniform"}),
    ],
)
def test_create_equals_the_constructor_to_the_bit(cls, config):
    config = SIZES | config
    created, constructed = cls.create(seed=3, **config), cls(**config, rngs=nnx.Rngs(3))
    assert created.config == constructed.config
    got, wanted = parameters(created), parameters(constructed)
    assert list(got) == list(wanted)
    for name in got:
        np.testing.assert_array_equal(got[name], wanted[name], err_msg=name)


def test_models_of_equal_configuration_share_one_compiled_program(compilations):
    VAE.create(seed=0, hidden=[7, 5], latent=2)
    compilations.clear()
    model = VAE.create(seed=1, latent=2, hidden=(7, 5))
    assert compilations == []
    assert np.any(model.encoder.mu.kernel[...] != VAE.create(seed=0, latent=2, hidden=(7, 5)).encoder.mu.kernel[...])
    with pytest.raises(TypeError, match="latent must be an integer"):
        VAE.create(latent=2.0, hidden=(7, 5))


class Deep(VAE):
    """A reader's own: arguments of its own, and those of the VAE by name."""

    def __init__(self, *, depth: int, options=(), **config):
        super().__init__(**config)
        self.depth = nnx.Param(jnp.full(3, depth * len(options)))


@pytest.mark.usefixtures("fully_optimised")
@pytest.mark.parametrize("options", ["abc", {"a": 1, "b": 2}, [1]])
def test_create_builds_a_subclass_with_arguments_of_its_own(options):
    created = Deep.create(depth=3, options=options, seed=2, **SIZES)
    constructed = Deep(depth=3, options=options, **SIZES, rngs=nnx.Rngs(2))
    assert type(created) is Deep
    for name, value in parameters(constructed).items():
        np.testing.assert_array_equal(parameters(created)[name], value, err_msg=name)
    with pytest.raises(TypeError, match="width"):
        Deep.create(depth=3, width=4, **SIZES)
    with pytest.raises(TypeError, match=r"Deep\.create has no argument rngs"):
        Deep.create(depth=3, rngs=nnx.Rngs(0), **SIZES)


@pytest.mark.usefixtures("fully_optimised")
def test_create_works_inside_another_program():
    def state():
        return nnx.state(VAE.create(seed=3, **SIZES))

    jax.tree.map(np.testing.assert_array_equal, jax.jit(state)(), state())


def test_seeds_decide_the_weights():
    a, b, c = parameters(build(seed=0)), parameters(build(seed=0)), parameters(build(seed=1))
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])
        if name.endswith("kernel"):
            assert np.any(a[name] != c[name]), name


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("sigma", [0.25, "learned"])
def test_config_rebuilds_the_model(cls, likelihood, sigma):
    model = build(cls, likelihood=likelihood, sigma=sigma, activation="gelu")
    config = json.loads(json.dumps(model.config))
    assert config.pop("class") == cls.__name__
    again = cls(**config, rngs=nnx.Rngs(1))
    assert again.config == model.config
    assert nnx.graphdef(again) == nnx.graphdef(model)


@pytest.mark.parametrize("cls", [VAE, Autoencoder, partial(ConditionalVAE, classes=3)])
def test_uniform_first_weights_are_those_of_pytorch(cls):
    model = cls(latent=30, hidden=(400, 200), initial="uniform", rngs=nnx.Rngs(0))
    layers = [layer for _, layer in nnx.iter_graph(model) if isinstance(layer, nnx.Linear)]
    assert len(layers) > 5
    for layer in layers:
        for parameter in (layer.kernel, layer.bias):
            drawn = np.asarray(parameter[...]) * layer.in_features**0.5
            assert np.abs(drawn).max() <= 1
            np.testing.assert_allclose(drawn.std(), 3**-0.5, atol=drawn.size**-0.5)  # of a uniform one in ±1
            assert abs(drawn.mean()) < 4 * (3 * drawn.size) ** -0.5
    firsts = {float(parameter[...].ravel()[0]) for layer in layers for parameter in (layer.kernel, layer.bias)}
    assert len(firsts) == 2 * len(layers), "no two are drawn with one key"
    assert "initial" not in model.config


def test_config_is_ready_for_json_whatever_numbers_were_given():
    model = build(latent=np.int64(3), hidden=[np.int32(7)], likelihood="gaussian", sigma=np.float32(0.5))
    assert json.loads(json.dumps(model.config)) == model.config
    assert model.config["sigma"] == 0.5


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_new_decoder_starts_at_grey(likelihood):
    # With biases of 0 the code 0 passes the trunk as 0, and the logits are 0.
    np.testing.assert_array_equal(build(likelihood=likelihood).decode(jnp.zeros(3)).mean, 0.5)


def test_a_learned_sigma_is_trained_and_a_fixed_one_is_not(images):
    z = jax.random.normal(KEY, (16, 3))

    def gradient(model):
        graphdef, params = nnx.split(model)
        loss = jax.jit(jax.grad(lambda params: nnx.merge(graphdef, params).decode(z).log_prob(images).mean()))
        return loss(params)

    model = build(likelihood="gaussian", sigma="learned")
    p = model.decode(z)
    np.testing.assert_array_equal(p.log_var, 0)  # sigma starts at 1
    error = np.asarray(images - p.mu, np.float64)
    # d/dv of -½ (error² e^-v + v) at v = 0, summed over pixels.
    wanted = 0.5 * (error**2 - 1).sum(axis=-1).mean()
    assert abs(wanted) > 1
    np.testing.assert_allclose(gradient(model).decoder.log_var[...], wanted, rtol=1e-5)
    fixed = build(likelihood="gaussian", sigma=0.1)
    assert "decoder.log_var" in parameters(model)
    assert list(parameters(fixed)) == list(parameters(build()))
    assert "log_var" not in gradient(fixed).decoder
    np.testing.assert_array_equal(gradient(fixed).decoder.sigma[...], 0)


@pytest.mark.parametrize("cls", CLASSES)
def test_models_that_differ_in_sigma_share_a_program(cls, images, compilations):
    sigmas = [0.1, 0.2, 0.05, 1 / 3, 1, 2.5]

    @partial(jax.jit, static_argnums=0)
    def log_prob(graphdef, params, rest, z):
        return nnx.merge(graphdef, params, rest).decode(z).log_prob(images)

    z, graphdefs, wanted = np.zeros((16, 3), np.float32), set(), []
    for number, sigma in enumerate(sigmas):
        model = cls.create(**SIZES, likelihood="gaussian", sigma=sigma)
        graphdef, params, rest = nnx.split(model, nnx.Param, ...)
        graphdefs.add(graphdef)
        if number == 1:
            compilations.clear()
        got = log_prob(graphdef, params, rest, z)
        wanted = scipy.stats.norm(np.full(36, 0.5), sigma).logpdf(images.astype(np.float64)).sum(-1)
        np.testing.assert_allclose(got, wanted, rtol=1e-5)
        assert model.sigma == pytest.approx(sigma, rel=1e-7)
    assert len(graphdefs) == 1
    assert compilations == []


@pytest.mark.parametrize("sigma", [0.1, 0.3, 1e-3, 7, 123.4])
def test_sigma_is_the_number_that_was_given(sigma):
    for model in (build(likelihood="gaussian", sigma=sigma), VAE.create(**SIZES, likelihood="gaussian", sigma=sigma)):
        assert model.sigma == model.config["sigma"] == sigma
        assert type(model.sigma) is float
    assert build(likelihood="gaussian", sigma="learned").sigma == "learned"
    assert build(sigma=sigma).sigma is None
    assert "sigma" not in build(sigma=sigma).config


# --- under JAX's transformations


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_decode_is_deterministic(likelihood):
    model = build(likelihood=likelihood, sigma=0.2)
    z = jax.random.normal(KEY, (4, 3))
    for first, second in zip(*(jax.tree.leaves(model.decode(z)) for _ in range(2)), strict=True):
        np.testing.assert_array_equal(first, second)
    # Nothing in the model counts draws: its state is parameters, and the sigma that it was given.
    kinds = {type(variable) for _, variable in nnx.to_flat_state(nnx.state(model))}
    assert kinds == ({nnx.Param, Constant} if likelihood == "gaussian" else {nnx.Param})


def test_jit_and_vmap_agree_with_the_eager_call(model, images):
    graphdef, state = nnx.split(model)
    eager = model.decode(model.encode(images).mu).mean

    def reconstruct(state, x):
        split = nnx.merge(graphdef, state)
        return split.decode(split.encode(x).mu).mean

    np.testing.assert_allclose(jax.jit(reconstruct)(state, images), eager, **CLOSE)
    np.testing.assert_allclose(nnx.jit(lambda m, x: m.decode(m.encode(x).mu).mean)(model, images), eager, **CLOSE)
    by_image = jax.jit(jax.vmap(reconstruct, in_axes=(None, 0)))(state, images)
    np.testing.assert_allclose(by_image, eager, **CLOSE)


def test_vmap_over_models(images):
    models = [build(seed=seed) for seed in range(2)]
    graphdef = nnx.graphdef(models[0])
    states = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(nnx.state(model) for model in models))
    got = jax.jit(jax.vmap(lambda state: nnx.merge(graphdef, state).encode(images).mu))(states)
    for each, model in zip(got, models, strict=True):
        np.testing.assert_allclose(each, model.encode(images).mu, **CLOSE)


def test_every_parameter_of_the_vae_is_trained(images):
    model = build(likelihood="gaussian", sigma="learned", activation="tanh")
    gradient = nnx.jit(nnx.grad(lambda model: elbo(model, images, KEY).elbo.mean()))(model)
    for path, leaf in nnx.to_flat_state(gradient):
        assert np.isfinite(leaf[...]).all(), path
        assert np.any(leaf[...] != 0), path


# --- refusals


@pytest.mark.parametrize("make", [build, lambda **config: VAE.create(**SIZES | config)], ids=["constructor", "create"])
@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        ({"latent": 0}, ValueError, "latent must be an integer of at least 1, got 0"),
        ({"latent": 2.0}, TypeError, r"latent must be an integer of at least 1, got 2.0 \(float\)"),
        ({"pixels": -784}, ValueError, "pixels must be an integer of at least 1, got -784"),
        ({"image_shape": (6, 0)}, ValueError, "image_shape must be an integer of at least 1, got 0"),
        ({"image_shape": (6, 6.0)}, TypeError, r"image_shape must be an integer of at least 1, got 6.0 \(float\)"),
        ({"image_shape": 36}, TypeError, r"image_shape must be \(height, width\) or \(height, width, chan.*, got 36"),
        ({"image_shape": (36,)}, TypeError, r"image_shape must be \(height, width\) or .*, got \(36,\)"),
        ({"image_shape": "6x6"}, TypeError, r"image_shape must be \(height, width\) or .*, got '6x6'"),
        (
            {"image_shape": (6, 6, 3)},
            ValueError,
            r"pixels must be height × width × channels, 108 for image_shape \(6, 6, 3\), got 36; leave one of them out",
        ),
        ({"hidden": 500}, TypeError, r"hidden must be a non-empty sequence of widths such as \(500, 500\), got 500"),
        ({"hidden": ()}, TypeError, r"hidden must be a non-empty sequence of widths .* got \(\)"),
        ({"hidden": "500"}, TypeError, "hidden must be a non-empty sequence of widths .* got '500'"),
        ({"hidden": (500, 0)}, ValueError, "hidden must be an integer of at least 1, got 0"),
        ({"likelihood": "poisson"}, ValueError, "likelihood must be one of 'bernoulli', 'contin.*, got 'poisson'"),
        ({"activation": "swish"}, ValueError, "activation must be one of 'relu', 'tanh', .*, got 'swish'"),
        ({"initial": "zeros"}, ValueError, "initial must be one of 'normal', 'uniform', got 'zeros'"),
        ({"sigma": 0}, ValueError, r"sigma must be a finite number in \(0, inf\], got 0"),
        ({"sigma": -0.1}, ValueError, r"sigma must be a finite number in \(0, inf\], got -0.1"),
        ({"sigma": float("nan")}, ValueError, "sigma must be a finite number .* got nan"),
        ({"sigma": 1e-60}, ValueError, "sigma must lie within the range of float32, got 1e-60"),
        ({"sigma": 1e60}, ValueError, "sigma must lie within the range of float32, got 1e.60"),
        ({"sigma": "free"}, ValueError, "sigma must be a positive number or \"learned\", got 'free'"),
        ({"sigma": None}, TypeError, "sigma must be a number, got None"),
    ],
)
def test_bad_configurations_are_refused(make, config, error, message):
    with pytest.raises(error, match=message):
        make(**config)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"width": 500}, "VAE.create has no argument width; it takes seed and those of VAE"),
        ({"rngs": nnx.Rngs(0)}, "VAE.create has no argument rngs; it takes seed"),
        ({"seed": 0.5}, r"seed must be an integer, got 0.5 \(float\)"),
        ({"seed": True}, r"seed must be an integer, got True \(bool\)"),
    ],
)
def test_create_refuses_what_it_does_not_know(config, message):
    with pytest.raises(TypeError, match=message):
        VAE.create(**config)


@pytest.mark.parametrize("rngs", [0, KEY, None])
def test_a_seed_is_no_source_of_weights(rngs):
    with pytest.raises(TypeError, match=r"rngs must be the source of the initial weights, nnx.Rngs\(0\), got"):
        VAE(**SIZES, rngs=rngs)


@pytest.mark.parametrize("part", [Encoder, Decoder])
@pytest.mark.parametrize(
    ("config", "message"),
    [({"hidden": 500}, "hidden must be a non-empty sequence"), ({"activation": "swish"}, "activation must be one of")],
)
def test_the_parts_refuse_alone_too(part, config, message):
    with pytest.raises((TypeError, ValueError), match=message):
        part(**SIZES | config, rngs=nnx.Rngs(0))


def test_a_decoder_alone_refuses_an_unknown_likelihood():
    with pytest.raises(ValueError, match="likelihood must be one of"):
        Decoder(**SIZES, likelihood="poisson", rngs=nnx.Rngs(0))


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (
            np.zeros((2, 6, 6), np.float32),
            ValueError,
            r"x must have shape \(\*batch, 36\), one entry a pixel, got \(2, 6, 6",
        ),
        (np.zeros((2, 36), np.uint8), TypeError, "x must be floating point, got dtype uint8; convert it with .astype"),
        ([[0.0] * 36], TypeError, "x must be a JAX or NumPy array of floats, got list; convert it with jnp.asarray"),
    ],
)
def test_bad_images_are_refused(cls, x, error, message):
    with pytest.raises(error, match=message):
        build(cls).encode(x)


@pytest.mark.parametrize(
    ("z", "error", "message"),
    [
        (
            np.zeros((5, 2), np.float32),
            ValueError,
            r"z must have shape \(\*batch, 3\), one entry a latent dimension, got \(5",
        ),
        (np.zeros((5, 3), int), TypeError, "z must be floating point, got dtype int64"),
        (Gaussian(jnp.zeros(3), jnp.zeros(3)), TypeError, "z must be a JAX or NumPy array of floats, got Gaussian"),
    ],
)
def test_bad_codes_are_refused(model, z, error, message):
    with pytest.raises(error, match=message):
        model.decode(z)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            np.full((2, 36), 255.0),
            r"x must hold pixels in \[0, 1\], got values from 255 to 255; divide 8-bit images by 255",
        ),
        (np.full((2, 36), np.nan), "x must be finite, got 72 NaN or infinite of 72 values; clean the data first"),
        (np.zeros(36), r"x must have shape \(batch, 36\) with batch at least 1, got \(36,\); use x.reshape\(-1, 36\)"),
        (np.zeros((0, 36)), r"x must have shape \(batch, 36\) with batch at least 1, got \(0, 36\)"),
        (np.zeros((2, 784)), r"x must have shape \(\*batch, 36\), .* got \(2, 784\); .* build the model for this size"),
    ],
)
def test_data_the_model_is_not_made_for_is_refused(model, x, message):
    with pytest.raises(ValueError, match=message):
        model.check_data(x)


@pytest.mark.skipif(Version(flax.__version__) < Version("0.12"), reason="layers of Flax 0.11 cannot be pickled")
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_models_can_be_pickled_and_copied(activation):
    model = VAE(latent=2, hidden=(4,), pixels=6, activation=activation, rngs=nnx.Rngs(0))
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert twin.config == model.config
        np.testing.assert_array_equal(twin.encode(np.ones((1, 6), "f")).mu, model.encode(np.ones((1, 6), "f")).mu)
