"""Models come back whole, in another process too; what is damaged, foreign or not the same is refused with a reason."""

import json
import subprocess
import sys
import textwrap
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from own_models import Layered, Noisy

from vaelib import saving
from vaelib.evidence import log_evidence
from vaelib.explorer import explore
from vaelib.linear_gaussian import LinearGaussianVAE
from vaelib.models import VAE, Autoencoder
from vaelib.saving import load_model, save_model
from vaelib.storage import read_tensors, write_tensors

IMAGES = np.random.default_rng(0).random((3, 6), np.float32)
OLD = Path(__file__).parent / "old_files"  # written by vaelib before a change of the format
SMALL = {"latent": 2, "hidden": (4, 5), "pixels": 6}


@pytest.fixture
def model():
    return VAE(**SMALL, rngs=nnx.Rngs(0))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def rewrite(path, *, tensors=None, record=None, config=None):
    """Save the file again with a change."""
    old_tensors, old_record = read_tensors(path)
    new_record = old_record | (record or {})
    if config is not None:
        new_record["config"] = config(dict(old_record["config"]))
    new_tensors = old_tensors if tensors is None else tensors(dict(old_tensors))
    write_tensors(path, new_tensors, new_record, overwrite=True)


@pytest.mark.parametrize("kind", [VAE, Autoencoder])
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"likelihood": "continuous-bernoulli", "activation": "tanh"},
        {"likelihood": "gaussian", "sigma": 0.25},
        {"likelihood": "gaussian", "sigma": "learned"},
        {"likelihood": "gaussian", "mean": "linear"},
    ],
)
def test_a_model_comes_back_to_the_bit(path, kind, config):
    model = kind(**SMALL, **config, rngs=nnx.Rngs(1))
    save_model(model, path)
    loaded = load_model(str(path))
    assert type(loaded) is kind
    assert loaded.config == model.config
    assert nnx.graphdef(loaded) == nnx.graphdef(model)
    code, code_loaded = model.encode(IMAGES), loaded.encode(IMAGES)
    z, z_loaded = (code, code_loaded) if kind is Autoencoder else (code.mu, code_loaded.mu)
    np.testing.assert_array_equal(z, z_loaded)
    np.testing.assert_array_equal(model.decode(z).log_prob(IMAGES), loaded.decode(z).log_prob(IMAGES))


def test_half_precision_halves_the_file_and_loads_as_float32(path, tmp_path):
    model = VAE(latent=2, rngs=nnx.Rngs(0))
    save_model(model, path)
    half = tmp_path / "half.safetensors"
    save_model(model, half, dtype="float16")
    assert 0.49 < half.stat().st_size / path.stat().st_size < 0.51
    exact, rounded = load_model(path).decoder.output.kernel[...], load_model(half).decoder.output.kernel[...]
    assert rounded.dtype == jnp.float32
    # Rounding to 11 significant bits errs by at most 2^-11 of the weight, and 2^-25 where float16 is subnormal.
    assert np.all(np.abs(rounded - exact) <= np.maximum(2.0**-11 * np.abs(exact), 2.0**-25))
    assert np.any(rounded != exact)


def test_the_parameters_have_readable_names(path, model):
    save_model(model, path)
    tensors, record = read_tensors(path)
    assert tensors["encoder.trunk.layers.0.kernel"].shape == (6, 4)
    assert tensors["decoder.output.bias"].shape == (6,)
    config = json.loads(json.dumps(model.config))
    assert record == {"format": "vaelib model", "version": 2, "class": "VAE", "config": config, "dtypes": {}}


def test_save_model_refuses_what_it_cannot_save(path, model):
    with pytest.raises(TypeError, match=r"model must be a VAE or another nnx\.Module, got dict"):
        save_model({}, path)
    with pytest.raises(ValueError, match="dtype must be one of 'float32', 'float16', got 'int8'"):
        save_model(model, path, dtype="int8")
    model.decoder.output.bias[...] = model.decoder.output.bias[...].at[2].set(1e5)
    with pytest.raises(ValueError, match=r"decoder\.output\.bias as float16 must be finite, got 1 .* save as float32"):
        save_model(model, path, dtype="float16")
    model.decoder.output.bias[...] = jnp.full(6, jnp.nan)
    with pytest.raises(ValueError, match=r"decoder\.output\.bias as float32 must be finite, got 6 .* of 6 weights"):
        save_model(model, path)
    assert not path.exists()


def test_save_model_replaces_only_when_asked(path, model):
    save_model(model, path)
    with pytest.raises(FileExistsError, match="pass overwrite=True"):
        save_model(model, path)
    save_model(model, path, overwrite=True)


@pytest.mark.parametrize("record", [{"format": "vaelib checkpoint 1"}, {"version": 3}, {"format": None}])
def test_another_format_or_version_is_refused(path, model, record):
    save_model(model, path)
    rewrite(path, record=record)
    with pytest.raises(ValueError, match=r"must hold a 'vaelib model' of version 2, got \("):
        load_model(path)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (lambda c: None, "must hold the configuration of a VAE, got None"),
        (lambda c: c | {"rngs": 0}, "a configuration that VAE refuses: .*'rngs'"),
        (lambda c: c | {"depth": 0}, "a configuration that VAE refuses: .*'depth'"),
        (
            lambda c: {k: c[k] for k in c if k not in ("latent", "activation")},
            "the arguments of VAE; missing: activation, latent; superfluous: none",
        ),
        (lambda c: c | {"sigma": 0.1}, "the arguments of VAE; missing: none; superfluous: sigma"),
        (lambda c: c | {"latent": -1}, "a configuration that VAE refuses: latent must be an integer of at least 1"),
        (lambda c: c | {"hidden": "wide"}, "a configuration that VAE refuses: hidden must be"),
        (lambda c: c | {"latent": 10**12}, "decoder.trunk.layers.0.kernel in .* of shape"),
    ],
)
def test_a_wrong_configuration_is_refused(path, model, config, message):
    save_model(model, path)
    rewrite(path, config=config)
    with pytest.raises(ValueError, match=message):
        load_model(path)


@pytest.mark.parametrize("argument", ["activation", "likelihood", "latent"])
def test_a_refusal_of_much_text_is_short(path, model, argument):
    save_model(model, path)
    rewrite(path, config=lambda config: config | {argument: "a" * 100_000})
    with pytest.raises(ValueError, match=path.name) as refused:
        load_model(path)
    assert len(str(refused.value)) < 1000


@pytest.mark.parametrize(
    "dtypes",
    [
        None,
        ["float32"],
        {"nobody": "float32"},
        *({"encoder.mu.bias": dtype} for dtype in ("object", "no", "int8", "float128", "S3", "<f4", 3, None, [])),
    ],
)
def test_a_dtype_that_weights_can_not_have_is_refused(path, model, dtypes):
    save_model(model, path)
    rewrite(path, record={"dtypes": dtypes})
    with pytest.raises(ValueError, match=f"{path.name}' must say of its weights of which dtype they were"):
        load_model(path)


def test_another_class_is_refused(path, model):
    save_model(model, path)
    rewrite(path, record={"class": "Autoencoder"})
    with pytest.raises(ValueError, match=r"missing: code.bias, .*; superfluous: encoder.log_var.bias"):
        load_model(path)
    for name in ("GAN", None, ["VAE"]):
        rewrite(path, record={"class": name})
        with pytest.raises(
            ValueError, match=r"vaelib can not build; build one and let it be filled: load_model\(path,"
        ):
            load_model(path)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, r"must hold the variables of its configuration; missing: encoder\.mu\.bias; superfluous: none"),
        (np.zeros(3, np.float32), r"must be float32 of shape \(2,\), got float32 of shape \(3,\)"),
        (np.zeros(2, np.int32), r"must be float32 of shape \(2,\), got int32 of shape \(2,\)"),
        (np.array([0, np.inf], np.float32), r"encoder\.mu\.bias in .* must be finite, got 1 NaN or infinite of 2"),
    ],
)
def test_wrong_parameters_are_refused(path, model, value, message):
    save_model(model, path)

    def change(tensors):
        del tensors["encoder.mu.bias"]
        return tensors if value is None else tensors | {"encoder.mu.bias": value}

    rewrite(path, tensors=change)
    with pytest.raises(ValueError, match=message):
        load_model(path)


def test_a_superfluous_parameter_is_refused(path, model):
    save_model(model, path)
    rewrite(path, tensors=lambda tensors: tensors | {"extra": np.zeros(1, np.float32)})
    with pytest.raises(ValueError, match="missing: none; superfluous: extra"):
        load_model(path)


@pytest.mark.usefixtures("fully_optimised")
@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        (
            "gaussian-1",
            lambda: VAE(
                latent=2,
                hidden=(3,),
                image_shape=(2, 2),
                likelihood="gaussian",
                sigma=0.1,
                activation="tanh",
                rngs=nnx.Rngs(5),
            ),
        ),
        ("autoencoder-1", lambda: Autoencoder(latent=1, hidden=(2,), image_shape=(1, 5), rngs=nnx.Rngs(5))),
    ],
)
def test_files_of_the_first_format_still_load(name, wanted):
    """Those knew the number of pixels and not their shape; the second is in half precision."""
    loaded, wanted = load_model(OLD / f"{name}.safetensors"), wanted()
    assert loaded.config == wanted.config
    x = np.linspace(0, 1, wanted.pixels, dtype=np.float32)
    tolerance = 0 if name == "gaussian-1" else 2.0**-10
    for got, want in zip(nnx.to_flat_state(nnx.state(loaded)), nnx.to_flat_state(nnx.state(wanted)), strict=True):
        assert got[0] == want[0]
        np.testing.assert_allclose(got[1][...], want[1][...], rtol=tolerance, err_msg=got[0])
    z = np.ones(wanted.latent, np.float32)
    np.testing.assert_allclose(loaded.decode(z).log_prob(x), wanted.decode(z).log_prob(x), rtol=tolerance)


# --- models of a reader's own


@pytest.mark.usefixtures("fully_optimised")
def test_every_variable_of_any_module_comes_back_in_another_process(path, tmp_path):
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    model = Layered(5, rngs=nnx.Rngs(0))
    model(x)  # moves the running means, and the dropout's count
    save_model(model, path)
    np.save(tmp_path / "x.npy", x)
    program = f"""
        import numpy as np
        from flax import nnx
        from own_models import Layered
        from vaelib import load_model

        model = Layered(5, rngs=nnx.Rngs(9))
        assert load_model({str(path)!r}, model) is model
        assert model.tied is model.linear.bias
        assert model.linear.kernel[...].dtype == "bfloat16"
        np.save({str(tmp_path / "y.npy")!r}, np.asarray(model(np.load({str(tmp_path / "x.npy")!r})), np.float32))
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, cwd=Path(__file__).parent)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), np.asarray(model(x), np.float32))


@pytest.mark.parametrize("dtype", [None, "float16"])
def test_a_subclass_comes_back_into_an_instance(path, dtype):
    model = Noisy.create(**SMALL, rate=0.25, likelihood="gaussian", sigma=0.1, seed=1)
    model.encode(IMAGES)
    save_model(model, path, dtype=dtype)
    other = Noisy.create(**SMALL, rate=0.25, likelihood="gaussian", sigma=0.7, seed=2)
    load_model(path, other)
    for (name, got), (_, wanted) in zip(*(nnx.to_flat_state(nnx.state(m)) for m in (other, model)), strict=True):
        if jnp.issubdtype(wanted.dtype, jax.dtypes.prng_key):
            assert got.dtype == wanted.dtype
            got, wanted = jax.random.key_data(got[...]), jax.random.key_data(wanted[...])
        # What is no weight is exact in half precision, too.
        exact = dtype is None or name[-1] not in ("kernel", "bias")
        assert got.dtype == wanted.dtype
        np.testing.assert_allclose(got[...], wanted[...], rtol=0 if exact else 2.0**-11, atol=0 if exact else 2.0**-25)
    assert other.sigma == 0.1


def test_what_does_not_fit_an_instance_is_refused_and_leaves_it_as_it_was(path, model):
    own = Noisy(**SMALL, rngs=nnx.Rngs(0))
    save_model(own, path)
    with pytest.raises(
        ValueError, match=r"class 'Noisy', which vaelib can not build; .* load_model\(path, Noisy\(\.\.\.\)\)"
    ):
        load_model(path)
    refusals = {
        "holds a model of the class 'Noisy', got one of 'VAE' to fill": model,
        r"with activation = 'relu', got one with 'tanh' to fill": Noisy(**SMALL, activation="tanh", rngs=nnx.Rngs(0)),
        r"with hidden = \[4, 5\], got one with \[4\]": Noisy(**SMALL | {"hidden": (4,)}, rngs=nnx.Rngs(0)),
    }
    for message, instance in refusals.items():
        before = jax.tree.leaves(nnx.state(instance, nnx.Param))
        with pytest.raises(ValueError, match=message):
            load_model(path, instance)
        for old, new in zip(before, jax.tree.leaves(nnx.state(instance, nnx.Param)), strict=True):
            np.testing.assert_array_equal(old, new)
    with pytest.raises(TypeError, match=r"model must be an nnx\.Module to fill, got str"):
        load_model(path, "Noisy")


def test_names_that_could_be_mixed_up_are_refused(path):
    model = nnx.Dict({"a.b": nnx.Param(jnp.ones(1)), "a": nnx.Dict({"b": nnx.Param(jnp.zeros(1))})})
    with pytest.raises(ValueError, match="variables must have different dotted names"):
        save_model(model, path)


def test_bfloat16_weights_of_a_vae_come_back(path, model):
    nnx.update(model, jax.tree.map(lambda w: w.astype(jnp.bfloat16), nnx.state(model)))
    save_model(model, path)
    kernel = load_model(path).encoder.mu.kernel[...]
    assert kernel.dtype == jnp.bfloat16
    np.testing.assert_array_equal(kernel, model.encoder.mu.kernel[...])


def test_every_model_class_can_be_stored():
    for name, build in saving.MODELS.items():
        sizes = {"latent": 2, "pixels": 6} if name == "LinearGaussianVAE" else SMALL
        sizes = sizes | {"classes": 3} if name == "ConditionalVAE" else sizes
        assert build(**sizes).config["class"] == name


@pytest.mark.parametrize("dtype", [None, "float16"])
def test_the_exact_model_comes_back_and_goes_on(path, dtype):
    model = LinearGaussianVAE(IMAGES[:2].T, IMAGES[2], 0.3)
    model.solve_encoder()
    save_model(model, path, dtype=dtype)
    loaded = load_model(path)
    assert type(loaded) is LinearGaussianVAE
    assert loaded.config == model.config
    close = partial(np.testing.assert_allclose, rtol=0 if dtype is None else 2**-10)
    jax.tree.map(close, nnx.state(loaded), nnx.state(model))
    x = 2 * IMAGES
    np.testing.assert_allclose(loaded.log_evidence(x), model.log_evidence(x), rtol=1e-6 if dtype is None else 0.01)
    estimate = log_evidence(loaded, x, jax.random.key(0), num_samples=4000)
    np.testing.assert_allclose(estimate, loaded.log_evidence(x), atol=0.1)
    assert explore(loaded).message == ""


def test_the_exact_model_fills_one_of_its_sizes_alone_and_refuses_others(path):
    model = LinearGaussianVAE(IMAGES[:2].T, IMAGES[2], 0.3)
    save_model(model, path)
    loaded = load_model(path, LinearGaussianVAE.create(latent=2, pixels=6))
    np.testing.assert_array_equal(loaded.W[...], model.W[...])
    with pytest.raises(ValueError, match="holds a LinearGaussianVAE with latent = 2, got one with 3"):
        load_model(path, LinearGaussianVAE.create(latent=3, pixels=6))
    rewrite(path, config=lambda config: config | {"sigma": 1.0})
    with pytest.raises(ValueError, match="missing: none; superfluous: sigma"):
        load_model(path)


def test_a_model_that_was_changed_after_it_was_built_is_not_saved(path, model):
    for name in ("activation", "likelihood"):
        with pytest.raises(AttributeError):
            setattr(model, name, "tanh")
    model.extra = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match=r"must be as its configuration says, .* changed after it was built"):
        save_model(model, path)
    assert not path.exists()


def test_a_model_whose_activation_was_changed_is_not_saved(path):
    model = VAE.create(latent=2, hidden=(4,), pixels=6)
    model.encoder.trunk.activation = "tanh"  # the decoder's is still relu
    with pytest.raises(ValueError, match="changed after it was built"):
        save_model(model, path)


def test_a_model_with_tied_weights_is_not_saved(path):
    model = VAE.create(latent=4, hidden=(4,), pixels=4)
    model.decoder.output.kernel = model.encoder.mu.kernel
    with pytest.raises(ValueError, match="changed after it was built"):
        save_model(model, path)


def test_a_model_in_training_mode_is_saved(path):
    model = VAE.create(latent=2, hidden=(4,), pixels=6)
    model.train()
    save_model(model, path)
    assert load_model(path).hidden == (4,)


def test_many_layers_are_refused_before_they_are_built_and_in_few_words(path, model):
    save_model(model, path)
    rewrite(path, config=lambda config: config | {"hidden": [1] * 500})
    with pytest.raises(ValueError, match="must hold the weights of 500 hidden layers, got 14 tensors") as refusal:
        load_model(path)
    assert len(str(refusal.value)) < 500
    rewrite(path, config=lambda config: config | {"hidden": [1] * 10})
    with pytest.raises(ValueError, match=r"and \d+ more") as refusal:
        load_model(path)
    assert len(str(refusal.value)) < 500
