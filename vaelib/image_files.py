"""Pictures as files: what lies in a folder, an NPZ file or an IDX file, read into arrays or refused by name."""

import gzip
import io
import math
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tqdm.auto import tqdm

from vaelib import checks
from vaelib.languages import tr

# The names of the images, and of the labels, in an NPZ file: the first that is there.
NAMES = ("images", "x", "x_train", "train_images", "data", "arr_0")
LABELS = ("labels", "y", "y_train", "train_labels")
PICTURES = frozenset(ending for ending, name in Image.registered_extensions().items() if name in Image.OPEN)
# What NumPy and zipfile raise for an archive that is damaged, encrypted or of a later version.
UNREADABLE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, KeyError, OSError, RuntimeError, ValueError)
OF_SYSTEMS = ("Thumbs.db", "desktop.ini")  # what Windows leaves in a folder
IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MOST_BYTES = 2**31  # of all images together as floats, and of an array in a file
NPY_HEADER = 10_000  # bytes, the longest that NumPy reads
NPY_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
SHOWN = 3  # file names in a message


def room_for(numbers: int, what: str) -> None:
    """Refuse what would take all memory, before it does."""
    if 4 * numbers > MOST_BYTES:
        raise ValueError(f"{what} would take {4 * numbers / 2**30:.1f} GiB as floats; pass limit= or a smaller size=")


def _room_in_memory(shape: tuple[int, ...], dtype: np.dtype, file: Path | str) -> None:
    """Refuse an array of a file by its header, before it is read or unpacked."""
    if math.prod(shape) * dtype.itemsize > MOST_BYTES:
        raise ValueError(
            f"{file} has by its header an array of shape {shape} and dtype {dtype}, over the {MOST_BYTES / 2**30:.3g} "
            "GiB that are read of a file; pass an array of fewer images"
        )


def read_file(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """The images of an NPZ or IDX file, and the labels where they are inside."""
    if not zipfile.is_zipfile(path):
        return read_idx(path), None
    try:
        with zipfile.ZipFile(path) as archive:
            members = {name.removesuffix(".npy"): name for name in archive.namelist()}
            names = [next((name for name in names if name in members), None) for names in (NAMES, LABELS)]
            images, labels = (None if name is None else _read_npy(archive, members[name]) for name in names)
    except UNREADABLE as error:
        raise ValueError(
            f"{path} must be an NPZ file of numbers that NumPy wrote, and cannot be read: {error}"
        ) from error
    if images is None:
        raise ValueError(f"{path} must hold images under one of {', '.join(NAMES)}, got {', '.join(sorted(members))}")
    return images, labels


def _read_npy(archive: zipfile.ZipFile, member: str) -> np.ndarray:
    """An array of an NPZ file."""
    if archive.getinfo(member).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{member} is packed in a way that NumPy has not")  # zipfile unpacks others without a bound
    with archive.open(member) as file:
        header = io.BytesIO(file.read(NPY_HEADER))
    shape, _, dtype = NPY_HEADERS[np.lib.format.read_magic(header)](header)
    _room_in_memory(shape, dtype, member)
    with archive.open(member) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def read_idx(path: Path) -> np.ndarray:
    """The array of an IDX file: two zero bytes, a type, the number of axes, their sizes, the numbers.

    Source: LeCun, Cortes & Burges, "The MNIST database of handwritten digits".
    """
    wrong = f"{path} must be a folder, an NPZ file or an IDX file"
    try:
        with open(path, "rb") as file:
            is_packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if is_packed else open(path, "rb") as file:
            head = file.read(4)
            if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in IDX_TYPES:
                raise ValueError(f"{wrong}, got neither; a single picture has to lie in a folder")
            dtype, sizes = np.dtype(IDX_TYPES[head[2]]), file.read(4 * head[3])
            shape = tuple(int(size) for size in np.frombuffer(sizes[: len(sizes) // 4 * 4], ">u4"))
            _room_in_memory(shape, dtype, path)
            wanted = math.prod(shape) * dtype.itemsize
            content = file.read(wanted + 1)  # and not all that may follow
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{wrong}, and cannot be read: {error}") from error
    if len(shape) != head[3] or len(content) != wanted:
        got = "more" if len(content) > wanted else f"{len(content):,}"
        raise ValueError(f"{path} must have {wanted:,} bytes of numbers by its header, got {got}; get it anew")
    array = np.frombuffer(content, dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="))


def read_folder(
    folder: Path, size: tuple[int, int] | None, limit: int | None, progress: bool
) -> tuple[list[np.ndarray], np.ndarray | None, tuple[str, ...]]:
    """The pictures below a folder, in the order of their names, of one size; the folders inside it are the classes."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not _hidden(path, folder))
    if foreign := [path for path in paths if path.suffix.lower() not in PICTURES]:
        raise ValueError(f"{folder} must hold pictures alone, got {_listed(foreign, folder)}; move them away")
    if not paths:
        raise ValueError(f"{folder} must hold pictures, got none")
    classes = tuple(sorted({path.relative_to(folder).parts[0] for path in paths if path.parent != folder}))
    if classes and (loose := [path for path in paths if path.parent == folder]):
        raise ValueError(f"{folder} has class folders, and beside them {_listed(loose, folder)}; move these into one")
    paths = paths[:limit]
    pictures, unread = [], []
    bar = tqdm(
        paths,
        desc=tr("reading {folder}", folder=folder.name),
        unit=tr("image"),
        disable=None if progress else True,
    )
    for path in bar:
        try:
            pictures.append(_read_picture(path, size, len(paths)))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            unread.append((path, error))
    if unread:
        names = _listed([path for path, _ in unread], folder)
        raise ValueError(f"{len(unread)} of {len(paths)} pictures cannot be read: {names}; the first: {unread[0][1]}")
    _one_size(pictures, paths, folder)
    index = {name: number for number, name in enumerate(classes)}
    labels = np.array([index[path.relative_to(folder).parts[0]] for path in paths], np.int32) if classes else None
    return pictures, labels, classes


def _hidden(path: Path, folder: Path) -> bool:
    """Whether a file is none of the reader's: hidden, in a hidden folder, or left by the system."""
    inside = path.relative_to(folder).parts
    return any(name.startswith(".") for name in inside) or inside[-1] in OF_SYSTEMS


def _listed(paths: list[Path], folder: Path) -> str:
    """The first few names, and how many more there are."""
    names = ", ".join(str(path.relative_to(folder)) for path in paths[:SHOWN])
    return names + (f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else "")


def _read_picture(path: Path, size: tuple[int, int] | None, count: int) -> np.ndarray:
    """A picture as floats in [0, 1], (height, width, 1 or 3): upright, transparency on white, resized if asked for."""
    with Image.open(path) as opened:
        height, width = size or (opened.height, opened.width)
        room_for(3 * count * height * width, f"{count} pictures of {height} × {width}")
        picture = ImageOps.exif_transpose(opened)
        if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
            values, most = np.asarray(picture, np.float32), 65535 if picture.mode != "F" else 1
            picture = Image.fromarray(values / most, "F")
        elif picture.has_transparency_data:
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
            picture = picture.convert("RGB")
        else:
            picture = picture.convert("L" if picture.mode in ("1", "L", "LA") else "RGB")
    if size is not None:
        picture = _fitted(picture, size)
    pixels = np.asarray(picture, np.float32) / (1 if picture.mode == "F" else 255)
    return np.clip(pixels, 0, 1).reshape(picture.height, picture.width, -1)


def resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image of bytes or floats in [0, 1], (height, width, channel), cropped and resized as one of a folder is."""
    channels = [np.asarray(_fitted(Image.fromarray(channel), size)) for channel in np.moveaxis(image, -1, 0)]
    pixels = np.stack(channels, axis=-1)
    return pixels if pixels.dtype == np.uint8 else np.clip(pixels, 0, 1)


def _fitted(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The middle of a picture, as large as its proportions allow, at this height and width."""
    height, width = (checks.positive_int(side, "size") for side in size)
    return ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)


def _one_size(pictures: list[np.ndarray], paths: list[Path], folder: Path) -> None:
    """Refuse pictures of several sizes."""
    height, width = first = pictures[0].shape[:2]
    if other := [path for path, picture in zip(paths, pictures, strict=True) if picture.shape[:2] != first]:
        raise ValueError(
            f"pictures must have one size, got {height} × {width} and others, such as {_listed(other, folder)}; pass "
            f"size=({height}, {width}), say, to crop and resize them"
        )
