"""The digits: MNIST as float images in [0, 1], and the two ways this project makes noise of them.

    images (n, 784) float32 in [0, 1], labels (n,) int32        NumPy arrays, on the host until a model asks for them

Two sources: a subset that comes with the package (10,000 training and 5,000 test images, `vaelib/digits/README.md`),
and the whole of MNIST through TensorFlow Datasets, read without TensorFlow.
"""

import hashlib
import importlib.util
import io
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, UInt8
from PIL import Image

from vaelib import checks
from vaelib.compilation import one_program

SPLITS = ("train", "test")
SOURCES = ("bundled", "tfds")
DIGITS = Path(__file__).parent / "digits"
BUNDLED_SHA256 = {
    "train": "29527d6a65687681c4960bb913e5219f8c1f680d6c1ca21a22e5ecc76ecd9752",
    "test": "b070358198cea8447272e8e4ff641621fa9124baab16af76c5cf487cd0ab4986",
}


def load_mnist(
    split: str, *, source: str = "bundled", data_dir: str | os.PathLike | None = None, limit: int | None = None
) -> tuple[Float[np.ndarray, "n 784"], Int[np.ndarray, " n"]]:
    """Read handwritten digits: images (n, 784) float32 in [0, 1], row by row, and labels (n,) int32.

    Args:
        split: "train" or "test", of MNIST's own division: its test images are never in "train".
        source: "bundled" for the subset that comes with the package (10,000 and 5,000 images), "tfds" for all 60,000
            and 10,000 through TensorFlow Datasets. The subset is the beginning of the whole, in the same order.
        data_dir: with "tfds", the folder that holds or will hold mnist/; otherwise the environment's TFDS_DATA_DIR,
            otherwise TensorFlow Datasets' own default. MNIST is downloaded where it is not there, which needs
            TensorFlow; reading does not.
        limit: only the first `limit` images.

    Raises:
        TypeError, ValueError: for an argument of the wrong kind, a `limit` beyond what is there, or damaged data.
        ImportError: where "tfds" is asked for and not installed.
        FileNotFoundError, ConnectionError: where "tfds" finds no MNIST and cannot download it.

    Source: LeCun, Cortes & Burges, "The MNIST database of handwritten digits".

    Example:
        >>> images, labels = load_mnist("test", limit=3)
        >>> images.shape, labels.tolist()
        ((3, 784), [2, 0, 4])
    """
    checks.one_of(split, SPLITS, "split")
    checks.one_of(source, SOURCES, "source")
    if limit is not None:
        checks.positive_int(limit, "limit")
    if source == "bundled" and data_dir is not None:
        raise ValueError(
            f"data_dir is for source='tfds' alone, got {os.fspath(data_dir)!r} with source='bundled'; leave it out"
        )
    images, labels = _read_bundled(split, limit) if source == "bundled" else _read_tfds(split, data_dir, limit)
    return np.divide(images.reshape(-1, 28 * 28), 255, dtype=np.float32), labels.astype(np.int32)


def binarize(images: Float[Array | np.ndarray, "*batch pixel"], key: PRNGKeyArray) -> Float[Array, "*batch pixel"]:
    """Draw black-and-white images, x_i ~ Bernoulli(image_i): 0 or 1 for each pixel, as float32, in the images' shape.

    Drawn anew each time, this is the "dynamic" or "stochastic" binarisation of Salakhutdinov & Murray (2008), "On the
    quantitative analysis of deep belief networks".

    Raises:
        TypeError, ValueError: where images are not floats in [0, 1] or key is not a typed key.

    Example:
        >>> binarize(np.array([[0.0, 1.0, 0.3]], np.float32), jax.random.key(0))[0, :2]
        Array([0., 1.], dtype=float32)
    """
    return _bernoulli(checks.key(key), checks.unit_interval(checks.floating(images, "images"), "images"))


@one_program
def _bernoulli(key, images):
    return jax.random.bernoulli(key, images).astype(jnp.float32)


def salt_and_pepper(rate: float | int) -> Callable[[Array, PRNGKeyArray], Array]:
    """A corruption of images: each pixel becomes 0 or 1 with probability rate / 2 each, and stays with 1 - rate.

    Returns corrupt(images, key), from and to shape (*batch, pixel) with values in [0, 1]; it may be jitted.

    Raises:
        TypeError, ValueError: where rate is no number in [0, 1], or, from corrupt, as `binarize` does.

    Source: Vincent et al. (2010), "Stacked denoising autoencoders", section 3.3.

    Example:
        >>> noisy = salt_and_pepper(0.5)(jnp.full((20, 50), 0.3), jax.random.key(0))
        >>> np.unique(noisy)
        array([0. , 0.3, 1. ], dtype=float32)
    """
    rate = checks.number(rate, "rate", low=0.0, high=1.0)

    def corrupt(images: Float[Array | np.ndarray, "*batch pixel"], key: PRNGKeyArray) -> Float[Array, "*batch pixel"]:
        return _peppered(checks.unit_interval(checks.floating(images, "images"), "images"), checks.key(key), rate)

    return corrupt


@one_program
def _peppered(images, key, rate):
    u = jax.random.uniform(key, images.shape)  # one number decides whether a pixel is hit, and what it becomes
    return jnp.where(u < rate / 2, 0.0, jnp.where(u < rate, 1.0, images)).astype(images.dtype)


def _read_bundled(split: str, limit: int | None) -> tuple[UInt8[np.ndarray, "n 28 28"], UInt8[np.ndarray, " n"]]:
    """The package's own file, refused unless it is the one that was published."""
    path = DIGITS / f"digits-{split}.npz"
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != BUNDLED_SHA256[split]:
        raise ValueError(
            f"{path} is damaged: its SHA-256 must be {BUNDLED_SHA256[split]}, got {found}; install vaelib again"
        )
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    n = _count(limit, len(images), f"the bundled {split} set", "; source='tfds' has all of MNIST")
    return images[:n], labels[:n]


def _read_tfds(
    split: str, data_dir: str | os.PathLike | None, limit: int | None
) -> tuple[UInt8[np.ndarray, "n 28 28"], UInt8[np.ndarray, " n"]]:
    """MNIST as TensorFlow Datasets stores it: the records in one batch, the PNG of each decoded by Pillow.

    Left to decode, TensorFlow Datasets takes a third longer, and logs a warning that OpenCV would be faster.
    """
    missing = [m for m in ("tensorflow_datasets", "array_record", "importlib_resources") if not _installed(m)]
    if missing:
        raise ImportError(
            f"source='tfds' needs {', '.join(missing)}; install it with: pip install 'vaelib[tfds]' (not on Windows, "
            "for which array-record has no wheel), or use source='bundled'"
        )
    with warnings.catch_warnings():
        # TensorFlow Datasets and what it imports warn of deprecations of their own, which the caller cannot act on.
        warnings.simplefilter("ignore")
        import tensorflow_datasets as tfds

        builder = _prepared_builder(tfds, data_dir)
        records = builder.as_data_source(split=split, decoders={"image": tfds.decode.SkipDecoding()})
        count = _count(limit, len(records), f"MNIST's {split} set", "")
        try:
            examples = records.__getitems__(range(count))
        except RuntimeError as error:
            raise ValueError(
                f"the {split} set in {builder.data_path} is damaged ({error}); remove that folder and let it be "
                "prepared again, or use source='bundled'"
            ) from error
    pngs = (Image.open(io.BytesIO(example["image"]), formats=["PNG"]) for example in examples)
    return np.stack([np.asarray(png) for png in pngs]), np.array([example["label"] for example in examples], np.uint8)


def _prepared_builder(tfds, data_dir: str | os.PathLike | None):
    """TensorFlow Datasets' handle on MNIST in `data_dir`, downloaded if need be and possible."""
    folder = data_dir if data_dir is not None else os.environ.get("TFDS_DATA_DIR")
    try:
        builder = tfds.builder("mnist", data_dir=folder, file_format="array_record")
    except ValueError as error:  # the folder holds MNIST in TFRecord files, which have no random access
        raise ValueError(
            f"MNIST in {folder or 'the default folder of TensorFlow Datasets'} must be in array_record files, got: "
            f"{error}; pass another folder as data_dir"
        ) from error
    if builder.is_prepared():
        return builder
    wanted = f"source='tfds' found no MNIST at {builder.data_path}"
    remedy = "pass the folder that holds mnist/ as data_dir, set TFDS_DATA_DIR to it, or use source='bundled'"
    if not _installed("tensorflow"):
        raise FileNotFoundError(
            f"{wanted}, and downloading it needs TensorFlow; {remedy}; or: pip install tensorflow-cpu"
        )
    try:
        builder.download_and_prepare()
    except Exception as error:  # whatever the network, the disk or TensorFlow raise, the reader needs the same advice
        raise ConnectionError(f"{wanted}, and downloading it failed ({error}); {remedy}") from error
    return builder


def _installed(module: str) -> bool:
    """Whether a module can be imported, found out without the seconds it takes to import it."""
    return importlib.util.find_spec(module) is not None


def _count(limit: int | None, available: int, what: str, remedy: str) -> int:
    """How many images to read of those available."""
    if limit is not None and limit > available:
        raise ValueError(f"limit must be at most {available}, the size of {what}, got {limit}{remedy}")
    return available if limit is None else limit
