"""Tensors come back to the bit, damaged and foreign files are refused, and a failed write changes nothing."""

import json
import os

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from safetensors import safe_open
from safetensors.numpy import save_file

from vaelib import checks
from vaelib.checkpoints import Checkpoint
from vaelib.history import History
from vaelib.models import VAE
from vaelib.saving import save_model
from vaelib.storage import read_tensors, write_tensors

REALS = ["float64", "float32", "float16", "bfloat16", "float8_e4m3fn"]
DTYPES = [*REALS, "int64", "int32", "int4", "uint32", "uint8", "bool", "complex64", "complex128"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some.safetensors"


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


def test_a_file_of_plain_arrays_notes_no_encoding(path):
    write_tensors(path, {"x": np.zeros(2, np.float32)}, {"a": 1}, overwrite=False)
    with safe_open(path, "numpy") as file:
        assert json.loads(file.metadata()["vaelib"]).keys() == {"a", "sha256"}


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
    with pytest.raises(FileExistsError, match=r"some\.safetensors' exists; pass overwrite=True"):
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
def test_a_truncated_file_is_refused(path, keep):
    write_tensors(path, {"x": np.zeros(30)}, {"a": "b" * 30}, overwrite=False)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"some\.safetensors' must be a whole safetensors file, got a truncated"):
        read_tensors(path)


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
    for record in ("{", '{"a": ' + "9" * 10_000 + "}"):
        save_file({"x": np.zeros(3)}, path, metadata={"vaelib": record})
        with pytest.raises(ValueError, match=r"some\.safetensors' must be .*truncated, damaged or foreign"):
            read_tensors(path)


def test_a_single_flipped_bit_is_found(path):
    write_tensors(path, {"x": np.linspace(-1, 1, 30), "y": np.arange(5)}, {"sigma": 0.1}, overwrite=False)
    content = bytearray(path.read_bytes())
    for at in (len(content) - 1, len(content) - 200, content.index(b"0.1")):
        damaged = bytearray(content)
        damaged[at] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"some\.safetensors' is damaged: its content is not what was written"):
            read_tensors(path)


def content_of(path):
    """The tensors' bytes and dtypes by name, and the record."""
    tensors, record = read_tensors(path)
    arrays = {name: np.asarray(jax.random.key_data(x) if checks.holds_keys(x) else x) for name, x in tensors.items()}
    return {name: (x.dtype, x.shape, x.tobytes()) for name, x in arrays.items()}, record


@pytest.mark.parametrize("kind", ["tensors", "model", "checkpoint"])
def test_a_file_with_a_flipped_bit_is_refused_or_read_as_it_was(path, kind):
    """Of a file of a few tensors each bit, of a model and a checkpoint 200 at random."""
    model = VAE.create(latent=2, hidden=(3,), pixels=9)
    if kind == "tensors":
        tensors = {"x": np.linspace(-1, 1, 5), "y": np.arange(3), "key": jax.random.key(0)}
        write_tensors(path, tensors, {"sigma": 0.1, "name": "π"}, overwrite=False)
    elif kind == "model":
        save_model(model, path)
    else:
        Checkpoint(path, {"batch_size": 8}).save(nnx.state(model), History())
    written, content = content_of(path), path.read_bytes()
    bits = np.arange(8 * len(content))
    for bit in bits if kind == "tensors" else np.random.default_rng(0).choice(bits, 200, replace=False):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            found = content_of(path)
        except ValueError:
            continue
        assert found == written, f"bit {bit}"


@pytest.mark.parametrize(
    ("length", "header"),
    [
        (2**62, b"{}"),
        (None, b'{"x":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}'),
        (None, b'{"x":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,8]}}'),
    ],
    ids=["a header of 2^62 bytes", "4 TiB that are not there", "4 TiB in 8 bytes"],
)
def test_a_header_that_promises_more_than_the_file_holds_is_refused(path, length, header):
    path.write_bytes((length or len(header)).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(ValueError, match=r"some\.safetensors' must be a whole safetensors file, got a truncated"):
        read_tensors(path)


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
def test_a_record_of_every_depth_is_read_or_refused(path, opened, closed):
    for depth in (99, 100, *range(900, 1010)):  # about Python's own limit, wherever the call stands
        save_file({"x": np.zeros(3)}, path, metadata={"vaelib": '{"a": ' + opened * depth + "0" + closed * depth + "}"})
        if depth == 99:
            assert read_tensors(path)[1].keys() == {"a"}
        else:
            with pytest.raises(ValueError, match=r"some\.safetensors' must (hold a record nested|be a whole)"):
                read_tensors(path)


def test_what_is_written_can_be_read_however_deep(path):
    deep = 0
    for _ in range(99):
        deep = [deep]
    write_tensors(path, {}, {"a": deep}, overwrite=False)
    assert read_tensors(path)[1] == {"a": deep}
    with pytest.raises(TypeError, match="nested at most 100 deep"):
        write_tensors(path, {}, {"a": [deep]}, overwrite=True)
    with pytest.raises(TypeError, match="nested at most 100 deep"):
        write_tensors(path, {}, {"a": [deep], "b": []}, overwrite=True)
    endless = {}
    endless |= {"a": endless, "b": endless}  # walked part by part, this would never end
    with pytest.raises(TypeError, match="nested at most 100 deep"):
        write_tensors(path, {}, endless, overwrite=True)


def test_a_record_nested_without_end_is_refused(path):
    save_file({"x": np.zeros(3)}, path, metadata={"vaelib": '{"a": ' + "[" * 100_000})
    with pytest.raises(ValueError, match="must be a whole safetensors file"):
        read_tensors(path)
