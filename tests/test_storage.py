"""What is saved comes back, damaged and foreign files are refused with a reason, and a failed write changes nothing."""

import json
import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from safetensors.numpy import save_file

from vaelib import storage
from vaelib.models import VAE, Autoencoder
from vaelib.storage import load_model, read_tensors, save_model, write_tensors

IMAGES = np.random.default_rng(0).random((3, 6), np.float32)
REALS = ["float64", "float32", "float16", "bfloat16", "float8_e4m3fn"]
DTYPES = [*REALS, "int64", "int32", "int4", "uint32", "uint8", "bool", "complex64", "complex128"]
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


# --- files of tensors


@pytest.mark.parametrize("dtype", DTYPES)
def test_tensors_and_record_come_back(path, dtype):
    dtype = jnp.dtype(dtype)
    tensors = {
        "scalar": np.array(1, dtype),
        "empty": np.zeros((0, 3), dtype),
        "matrix": np.arange(6).reshape(2, 3).astype(dtype),
        "transposed": np.arange(6).reshape(2, 3).astype(dtype).T,
    }
    record = {"name": "π", "list": [1, 2.5, None, True], "nested": {"a": {}}}
    write_tensors(path, tensors, record, overwrite=False)
    found, found_record = read_tensors(path)
    assert found_record == record
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].shape == tensor.shape
        np.testing.assert_array_equal(found[name], tensor)


def test_jax_arrays_are_written_as_well(path):
    write_tensors(path, {"x": jnp.arange(3.0)}, {}, overwrite=False)
    np.testing.assert_array_equal(read_tensors(path)[0]["x"], [0, 1, 2])


@pytest.mark.parametrize("impl", ["threefry2x32", "rbg", "unsafe_rbg"])
def test_random_keys_come_back_as_keys(path, impl):
    key = jax.random.key(7, impl=impl)
    keys = {"one": key, "many": jax.random.split(key, (2, 3)), "raw": jax.random.key_data(key)}
    write_tensors(path, keys, {"a": 1}, overwrite=False)
    found, record = read_tensors(path)
    assert record == {"a": 1}
    for name, key in keys.items():
        assert found[name].dtype == key.dtype
        assert found[name].shape == key.shape
    np.testing.assert_array_equal(jax.random.uniform(found["one"], 5), jax.random.uniform(keys["one"], 5))
    np.testing.assert_array_equal(*(jax.random.key_data(k["many"]) for k in (found, keys)))


def test_every_state_of_an_optimiser_comes_back_to_the_bit(path):
    parameters = {"w": jnp.linspace(-1, 1, 5)}
    for optimizer in (
        optax.adam(1e-3, mu_dtype=jnp.bfloat16),
        optax.chain(optax.add_noise(0.1, 0.9, jax.random.key(3)), optax.sgd(0.1)),
        optax.adamw(1e-3, mask={"w": True}),
    ):
        _, state = optimizer.update(parameters, optimizer.init(parameters), parameters)
        leaves, structure = jax.tree.flatten(state)
        write_tensors(path, {str(i): leaf for i, leaf in enumerate(leaves)}, {}, overwrite=True)
        found, _ = read_tensors(path)
        again = jax.tree.unflatten(structure, [jnp.asarray(found[str(i)]) for i in range(len(leaves))])
        for got, wanted in zip(jax.tree.leaves(again), leaves, strict=True):
            assert got.dtype == wanted.dtype
        one, other = (optimizer.update(parameters, s, parameters)[0]["w"] for s in (state, again))
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("notes", [[], {"y": {"key": "rbg"}}, {"x": {"key": "none"}}, {"x": {"dtype": "object"}}])
def test_a_damaged_note_on_the_encoding_is_refused(path, notes):
    save_file({"x": np.zeros(4, np.uint32)}, path, metadata={"vaelib": json.dumps({"encoded": notes})})
    with pytest.raises(ValueError, match="must say how its tensors are encoded, got a damaged record"):
        read_tensors(path)


def test_equal_content_gives_equal_bytes(tmp_path, path):
    tensors = {name: np.full(3, i, np.float32) for i, name in enumerate("abcdef")}
    write_tensors(path, tensors, {"a": 1, "b": 2}, overwrite=False)
    for i in range(5):
        other = tmp_path / str(i)
        write_tensors(other, dict(reversed(tensors.items())), {"b": 2, "a": 1}, overwrite=False)
        assert other.read_bytes() == path.read_bytes()


def test_nothing_is_replaced_unasked(path):
    write_tensors(path, {}, {"turn": 1}, overwrite=False)
    with pytest.raises(FileExistsError, match=r"model\.safetensors' exists; pass overwrite=True"):
        write_tensors(path, {}, {"turn": 2}, overwrite=False)
    assert read_tensors(path)[1] == {"turn": 1}
    write_tensors(path, {}, {"turn": 3}, overwrite=True)
    assert read_tensors(path)[1] == {"turn": 3}


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_no_other(path, monkeypatch, step):
    write_tensors(path, {"x": np.zeros(3)}, {"turn": 1}, overwrite=False)
    before = path.read_bytes()

    def fail(*_):
        assert len(list(path.parent.iterdir())) == 2
        raise OSError("no space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="no space left"):
        write_tensors(path, {"x": np.ones(3)}, {"turn": 2}, overwrite=True)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"path must lie in an existing folder.*create .*no'"):
        write_tensors(tmp_path / "no" / "file", {}, {}, overwrite=False)


@pytest.mark.parametrize("tensor", [np.array(["a"]), np.array([None]), "text"])
def test_only_numbers_are_written(path, tensor):
    with pytest.raises(TypeError, match=r"tensors\['x'\] must be an array of numbers or of random keys, got dtype"):
        write_tensors(path, {"x": tensor}, {}, overwrite=False)
    assert not path.exists()


@pytest.mark.parametrize("metadata", [{"x": np.zeros(2)}, ["no", "dict"], 1, {"encoded": {}}])
def test_only_json_is_written(path, metadata):
    with pytest.raises(TypeError, match=r"metadata must be a dict (of what JSON holds|without the name)"):
        write_tensors(path, {}, metadata, overwrite=False)
    assert not path.exists()


def test_a_missing_file_is_named(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(FileNotFoundError, match="path must be an existing file"):
            read_tensors(path)


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_a_truncated_file_is_refused(path, model, keep):
    save_model(model, path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"model\.safetensors' must be a whole safetensors file, got a truncated"):
        load_model(path)


def test_a_file_of_another_kind_is_refused(path):
    path.write_text("PK, or whatever other programs write. " * 100)
    with pytest.raises(ValueError, match="must be a whole safetensors file"):
        read_tensors(path)


@pytest.mark.parametrize("header", [None, {"format": "pt"}, {"vaelib": "[]"}])
def test_safetensors_by_others_are_refused(path, header):
    save_file({"x": np.zeros(3)}, path, metadata=header)
    with pytest.raises(ValueError, match="must be a file saved by vaelib, got a safetensors file without its record"):
        read_tensors(path)


def test_a_damaged_record_is_refused(path):
    save_file({"x": np.zeros(3)}, path, metadata={"vaelib": "{"})
    with pytest.raises(ValueError, match="truncated, damaged or foreign"):
        read_tensors(path)


# --- models


@pytest.mark.parametrize("kind", [VAE, Autoencoder])
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"likelihood": "continuous-bernoulli", "activation": "tanh"},
        {"likelihood": "gaussian", "sigma": 0.25},
        {"likelihood": "gaussian", "sigma": "learned"},
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
    assert record == {"format": "vaelib model", "version": 1, "config": json.loads(json.dumps(model.config))}


def test_save_model_refuses_what_it_cannot_save(path, model):
    with pytest.raises(TypeError, match="model must be a VAE or an Autoencoder, got Linear"):
        save_model(nnx.Linear(2, 3, rngs=nnx.Rngs(0)), path)
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


@pytest.mark.parametrize("record", [{"format": "vaelib checkpoint 1"}, {"version": 2}, {"format": None}])
def test_another_format_or_version_is_refused(path, model, record):
    save_model(model, path)
    rewrite(path, record=record)
    with pytest.raises(ValueError, match=r"must hold a 'vaelib model' of version 1, got \("):
        load_model(path)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (lambda c: None, "must hold the configuration of a VAE or an Autoencoder, got None"),
        (lambda c: c | {"class": "GAN"}, "must hold the configuration of a VAE or an Autoencoder, got .*'GAN'"),
        (lambda c: c | {"class": ["VAE"]}, "must hold the configuration of a VAE or an Autoencoder"),
        (lambda c: c | {"rngs": 0}, "the arguments of VAE; missing: none; superfluous: rngs"),
        (
            lambda c: {k: c[k] for k in c if k not in ("latent", "sigma")},
            "missing: latent, sigma; superfluous: none",
        ),
        (lambda c: c | {"latent": -1}, "a configuration that VAE refuses: latent must be an integer of at least 1"),
        (lambda c: c | {"hidden": "wide"}, "a configuration that VAE refuses: hidden must be"),
        (lambda c: c | {"latent": 10**12}, "decoder.trunk.layers.0.kernel in .* of shape"),
        (lambda c: c | {"class": "Autoencoder"}, "missing: code.bias, .*; superfluous: encoder.log_var.bias"),
    ],
)
def test_a_wrong_configuration_is_refused(path, model, config, message):
    save_model(model, path)
    rewrite(path, config=config)
    with pytest.raises(ValueError, match=message):
        load_model(path)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, r"must hold the parameters of its configuration; missing: encoder\.mu\.bias; superfluous: none"),
        (np.zeros(3, np.float32), r"must be float32 or float16 of shape \(2,\), got float32 of shape \(3,\)"),
        (np.zeros(2, np.int32), r"must be float32 or float16 of shape \(2,\), got int32 of shape \(2,\)"),
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


def test_every_model_class_can_be_stored():
    for name, kind in storage.MODELS.items():
        assert kind(**SMALL, rngs=nnx.Rngs(0)).config["class"] == name
