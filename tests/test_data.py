"""The digits are what they claim to be, bad requests are refused, and the two corruptions follow the law they state."""

import importlib.util
import os
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vaelib import data
from vaelib.data import binarize, load_mnist, salt_and_pepper

KEY = jax.random.key(0)
needs_mnist = pytest.mark.skipif(
    "TFDS_DATA_DIR" not in os.environ, reason="set TFDS_DATA_DIR to a folder that holds MNIST in array_record files"
)
needs_tfds = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow_datasets") is None, reason="the extra vaelib[tfds] is not installed"
)


@pytest.fixture(scope="module")
def digits():
    return {split: load_mnist(split) for split in data.SPLITS}


@pytest.mark.parametrize(("split", "count"), [("train", 10_000), ("test", 5_000)])
def test_bundled_digits_have_the_stated_form(digits, split, count):
    images, labels = digits[split]
    assert images.shape == (count, 784)
    assert images.dtype == np.float32
    assert images.min() == 0
    assert images.max() == 1
    assert labels.shape == (count,)
    assert labels.dtype == np.int32
    shares = np.bincount(labels, minlength=10) / count
    assert shares.shape == (10,)
    # MNIST's own shares lie between 9.0 % (fives) and 11.2 % (ones).
    assert shares.min() > 0.085
    assert shares.max() < 0.115


def test_no_image_is_twice_or_in_both_sets(digits):
    rows = np.concatenate([digits["train"][0], digits["test"][0]])
    assert len({row.tobytes() for row in rows}) == len(rows)


def test_limit_takes_the_first_images(digits):
    images, labels = load_mnist("test", limit=7)
    np.testing.assert_array_equal(images, digits["test"][0][:7])
    np.testing.assert_array_equal(labels, digits["test"][1][:7])


@needs_mnist
@pytest.mark.parametrize("split", data.SPLITS)
def test_bundled_digits_are_the_beginning_of_mnist(digits, split):
    images, labels = load_mnist(split, source="tfds", limit=len(digits[split][0]))
    np.testing.assert_array_equal(digits[split][0], images)
    np.testing.assert_array_equal(digits[split][1], labels)


@needs_mnist
def test_tfds_reads_the_whole_test_set_and_no_more(monkeypatch):
    folder = os.environ["TFDS_DATA_DIR"]
    monkeypatch.delenv("TFDS_DATA_DIR")
    images, labels = load_mnist("test", source="tfds", data_dir=Path(folder))
    assert images.shape == (10_000, 784)
    np.testing.assert_array_equal(np.bincount(labels), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])
    with pytest.raises(ValueError, match="limit must be at most 10000, the size of MNIST's test set, got 10001"):
        load_mnist("test", source="tfds", data_dir=folder, limit=10_001)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"split": "validation"}, ValueError, "split must be one of 'train', 'test', got 'validation'"),
        ({"source": "keras"}, ValueError, "source must be one of 'bundled', 'tfds', got 'keras'"),
        ({"limit": 0}, ValueError, "limit must be an integer of at least 1, got 0"),
        ({"limit": 1.5}, TypeError, "limit must be an integer"),
        ({"limit": 10_001}, ValueError, "limit must be at most 10000.*source='tfds' has all of MNIST"),
        ({"data_dir": "folder"}, ValueError, "data_dir is for source='tfds' alone, got 'folder'"),
    ],
)
def test_bad_requests_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        load_mnist(**{"split": "train"} | arguments)


def test_a_damaged_file_is_refused(tmp_path, monkeypatch):
    shutil.copy(data.DIGITS / "digits-test.npz", tmp_path)
    monkeypatch.setattr(data, "DIGITS", tmp_path)
    load_mnist("test", limit=1)
    content = bytearray((tmp_path / "digits-test.npz").read_bytes())
    content[1000] ^= 1
    (tmp_path / "digits-test.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"digits-test\.npz is damaged: its SHA-256 must be b0703581.* install vaelib"):
        load_mnist("test", limit=1)


def test_the_readme_states_the_checksums():
    readme = (data.DIGITS / "README.md").read_text(encoding="utf-8")
    for split, digest in data.BUNDLED_SHA256.items():
        size = (data.DIGITS / f"digits-{split}.npz").stat().st_size
        assert f"| {size:,} | `{digest}` |" in readme


def _hide(monkeypatch, hidden):
    monkeypatch.setattr(data, "_installed", lambda module: module != hidden)


def test_without_tfds_the_extra_is_named(monkeypatch):
    _hide(monkeypatch, "array_record")
    with pytest.raises(ImportError, match=r"needs array_record; install it with: pip install 'vaelib\[tfds\]'"):
        load_mnist("train", source="tfds")


@needs_tfds
def test_without_tensorflow_an_empty_folder_is_refused_and_stays_empty(tmp_path, monkeypatch):
    _hide(monkeypatch, "tensorflow")
    with pytest.raises(FileNotFoundError, match=r"found no MNIST at .*TFDS_DATA_DIR.*pip install tensorflow-cpu"):
        load_mnist("train", source="tfds", data_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


@needs_tfds
def test_mnist_in_another_format_is_refused(tmp_path):
    folder = tmp_path / "mnist" / "3.0.1"
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_text(
        '{"name": "mnist", "version": "3.0.1", "fileFormat": "tfrecord", "splits": []}'
    )
    (folder / "features.json").write_text("{}")
    with pytest.raises(ValueError, match=r"must be in array_record files, got: .*pass another folder as data_dir"):
        load_mnist("train", source="tfds", data_dir=tmp_path)


class UnpreparedBuilder:
    """Stands in for TensorFlow Datasets' builder on a machine with TensorFlow and without MNIST."""

    data_path = "somewhere/mnist/3.0.1"

    def __init__(self, error=None):
        self.error, self.downloads = error, 0

    def builder(self, *_, **__):  # plays the module, too
        return self

    def is_prepared(self):
        return False

    def download_and_prepare(self):
        self.downloads += 1
        if self.error:
            raise self.error


def test_mnist_is_downloaded_where_tensorflow_is_there(monkeypatch):
    monkeypatch.setattr(data, "_installed", lambda module: True)
    tfds = UnpreparedBuilder()
    assert data._prepared_builder(tfds, None) is tfds
    assert tfds.downloads == 1


def test_a_failed_download_says_what_to_do(monkeypatch):
    monkeypatch.setattr(data, "_installed", lambda module: True)
    with pytest.raises(ConnectionError, match=r"downloading it failed \(no route to host\); pass the folder"):
        data._prepared_builder(UnpreparedBuilder(OSError("no route to host")), None)


def test_binarize_draws_each_pixel_with_its_own_probability():
    p, n = np.linspace(0, 1, 101, dtype=np.float32), 20_000
    draws = np.asarray(binarize(np.tile(p, (n, 1)), KEY))
    assert draws.dtype == np.float32
    assert set(np.unique(draws)) == {0, 1}
    standard_error = np.sqrt(p * (1 - p) / n)
    # Exact where p is 0 or 1; elsewhere 4.5 standard errors, which 99 pixels exceed with probability 7e-4.
    assert np.all(np.abs(draws.mean(axis=0) - p) <= 4.5 * standard_error)
    np.testing.assert_array_equal(draws, binarize(jnp.tile(p, (n, 1)), KEY))
    assert np.any(draws != binarize(np.tile(p, (n, 1)), jax.random.key(1)))


def test_binarize_is_the_same_under_jit(digits):
    images = digits["test"][0][:10]
    np.testing.assert_array_equal(jax.jit(binarize)(images, KEY), binarize(images, KEY))


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_salt_and_pepper_hits_the_stated_fraction(rate):
    images = np.full((500, 784), 0.5, np.float32)
    noisy = np.asarray(salt_and_pepper(rate)(images, KEY))
    assert noisy.dtype == np.float32
    n = images.size
    for value, share in ((0.0, rate / 2), (1.0, rate / 2), (0.5, 1 - rate)):
        assert abs((noisy == value).mean() - share) <= 4.5 * np.sqrt(share * (1 - share) / n)


def test_salt_and_pepper_may_be_jitted_and_keeps_the_rest(digits):
    images = digits["test"][0][:10]
    corrupt = salt_and_pepper(0.25)
    noisy = np.asarray(jax.jit(corrupt)(images, KEY))
    np.testing.assert_array_equal(noisy, corrupt(images, KEY))
    np.testing.assert_array_equal(salt_and_pepper(0)(images, KEY), images)
    hit = noisy != images
    assert np.isin(noisy[hit], (0, 1)).all()
    assert 0 < hit.mean() <= 0.25


@pytest.mark.parametrize("draw", [binarize, salt_and_pepper(0.1)])
def test_double_precision_images_become_jax_floats(draw):
    assert draw(np.full((2, 784), 0.5), KEY).dtype == jnp.float32


@pytest.mark.parametrize(
    ("rate", "error"), [(-0.1, ValueError), (1.1, ValueError), (float("nan"), ValueError), ("0.1", TypeError)]
)
def test_salt_and_pepper_refuses_what_is_no_rate(rate, error):
    with pytest.raises(error, match="rate must be a"):
        salt_and_pepper(rate)


@pytest.mark.parametrize("draw", [binarize, salt_and_pepper(0.1)])
@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((2, 784), np.uint8), TypeError, "images must be floating point, got dtype uint8"),
        ([[0.0, 1.0]], TypeError, "images must be a JAX or NumPy array of floats, got list"),
        (np.full((2, 784), 255.0), ValueError, "divide 8-bit images by 255"),
        (np.full((2, 784), np.nan), ValueError, r"images must hold pixels in \[0, 1\]"),
    ],
)
def test_images_outside_the_unit_interval_are_refused(draw, images, error, message):
    with pytest.raises(error, match=message):
        draw(images, KEY)


@pytest.mark.parametrize("draw", [binarize, salt_and_pepper(0.1)])
@pytest.mark.parametrize(
    ("key", "error", "message"),
    [(0, TypeError, "key must be a typed random key, got int"), (jax.random.split(KEY), ValueError, "a single key")],
)
def test_bad_keys_are_refused(draw, key, error, message):
    with pytest.raises(error, match=message):
        draw(np.zeros((2, 784), np.float32), key)


@needs_tfds
def test_damaged_records_are_refused_with_their_place(monkeypatch, tmp_path):
    class Damaged:
        data_path = tmp_path

        def as_data_source(self, **_):
            return self

        def __len__(self):
            return 10

        def __getitems__(self, _):
            raise RuntimeError("Riegeli record reader error")

    monkeypatch.setattr(data, "_prepared_builder", lambda *_: Damaged())
    with pytest.raises(ValueError, match=rf"train set in {tmp_path} is damaged \(Riegeli .*; remove that folder"):
        load_mnist("train", source="tfds", limit=3)
