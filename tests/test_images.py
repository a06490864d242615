"""A reader's own images: folders, NPZ and IDX files and arrays become flat floats in [0, 1], or are refused by name."""

import gzip
import io
import re
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from PIL import Image

from vaelib import VAE, languages, load_images
from vaelib.image_files import MOST_BYTES

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 5, 4), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)


def write(folder, name, pixels, **options):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def idx(array, code=0x08):
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, code, array.ndim]) + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (GREY, GREY / 255),
        (GREY.astype(np.uint16) * 257, GREY / 255),
        (GREY > 100, GREY > 100),
        (GREY / 255, GREY / 255),
        ((GREY / 255).astype(np.float32), GREY / 255),
    ],
)
def test_an_array_becomes_flat_floats(pixels, expected):
    loaded = load_images(pixels)
    assert loaded.images.dtype == np.float32
    np.testing.assert_allclose(loaded.images, np.reshape(expected, (6, 20)), atol=1e-6)
    assert loaded.image_shape == (5, 4, 1)
    assert loaded.labels is None
    assert loaded.classes == ()


def test_channels_lie_side_by_side_as_a_model_has_them():
    loaded = load_images(COLOUR, np.arange(6) % 3, limit=4)
    np.testing.assert_allclose(loaded.images[1].reshape(5, 4, 3), COLOUR[1] / 255, atol=1e-6)
    assert loaded.labels.tolist() == [0, 1, 2, 0]
    assert loaded.classes == ("0", "1", "2")
    assert repr(loaded) == "LoadedImages(4 colour images of 5 × 4, 3 classes)"
    model = VAE.create(seed=0, image_shape=loaded.image_shape, hidden=(8,), latent=2)
    assert model.encode(loaded.images).mu.shape == (4, 2)


def test_colours_become_grey_as_pillow_makes_them_so():
    grey = load_images(COLOUR, grey=True)
    expected = np.stack([np.asarray(Image.fromarray(picture).convert("L")) for picture in COLOUR]) / 255
    np.testing.assert_allclose(grey.images, expected.reshape(6, 20), atol=1 / 255)
    assert load_images(GREY, grey=False).image_shape == (5, 4, 3)


def test_a_folder_of_classes_is_read_in_the_order_of_names(tmp_path):
    for number in (10, 2, 1):
        write(tmp_path, f"cats/{number:02}.png", GREY[number % 6])
        write(tmp_path, f"dogs/more/{number:02}.png", GREY[number % 5])
    (tmp_path / ".hidden").write_text("not a picture")
    (tmp_path / "cats" / "Thumbs.db").write_text("not a picture")
    loaded = load_images(tmp_path, progress=False)
    assert loaded.classes == ("cats", "dogs")
    assert loaded.labels.tolist() == [0, 0, 0, 1, 1, 1]
    np.testing.assert_allclose(loaded.images[2], GREY[4].ravel() / 255, atol=1e-6)
    assert load_images(str(tmp_path), limit=2, progress=False).images.shape == (2, 20)


def test_a_folder_without_classes_has_no_labels(tmp_path):
    write(tmp_path, "a.png", GREY[0])
    write(tmp_path, "b.png", COLOUR[1])
    loaded = load_images(tmp_path, progress=False)
    assert loaded.labels is None
    assert loaded.image_shape == (5, 4, 3)  # one in colour makes all of them so
    np.testing.assert_allclose(loaded.images[0].reshape(5, 4, 3), np.repeat(GREY[0, ..., None], 3, -1) / 255, atol=1e-6)
    assert load_images(tmp_path, grey=True, progress=False).image_shape == (5, 4, 1)


def test_pictures_are_upright_and_transparency_is_white(tmp_path):
    upright = Image.fromarray(GREY[0])
    exif = upright.getexif()
    exif[0x0112] = 6  # to be turned a quarter to the right
    upright.save(tmp_path / "a.png", exif=exif)
    loaded = load_images(tmp_path, progress=False)
    np.testing.assert_allclose(loaded.images[0].reshape(4, 5), np.rot90(GREY[0], -1) / 255, atol=1e-6)
    clear = np.zeros((5, 4, 4), np.uint8)
    write(tmp_path / "clear", "b.png", clear)
    assert load_images(tmp_path / "clear", progress=False).images.min() == 1


def test_sixteen_bits_keep_their_steps(tmp_path):
    write(tmp_path, "a.png", (GREY[0].astype(np.uint16) * 256 + 7))
    expected = (GREY[0].astype(np.float64) * 256 + 7) / 65535
    np.testing.assert_allclose(load_images(tmp_path, progress=False).images[0], expected.ravel(), atol=1e-6)


def test_pictures_of_several_sizes_are_refused_or_cropped_and_resized(tmp_path):
    write(tmp_path, "a.png", GREY[0])
    write(tmp_path, "b.png", np.pad(GREY[1], ((0, 0), (4, 4))))
    with pytest.raises(ValueError, match=r"one size, got 5 × 4 and others, such as b\.png; pass size=\(5, 4\)"):
        load_images(tmp_path, progress=False)
    loaded = load_images(tmp_path, size=(5, 4), progress=False)
    assert loaded.image_shape == (5, 4, 1)
    np.testing.assert_allclose(loaded.images[1], GREY[1].ravel() / 255, atol=1e-6)  # the middle, in proportion


@pytest.mark.parametrize("size", [(10, 8), (3, 4), (2, 6)])
@pytest.mark.parametrize("pixels", [GREY, COLOUR, GREY.astype(np.uint16) * 257], ids=["grey", "colour", "16 bits"])
def test_arrays_and_files_of_arrays_are_cropped_and_resized_as_pictures_are(tmp_path, pixels, size):
    for number, picture in enumerate(pixels):
        write(tmp_path, f"folder/{number}.png", picture)
    of_folder = load_images(tmp_path / "folder", size=size, progress=False)
    np.savez(tmp_path / "own.npz", images=pixels, labels=np.arange(6))
    sources = [pixels, tmp_path / "own.npz"]
    if pixels.dtype == np.uint8:
        (tmp_path / "own.idx").write_bytes(idx(pixels))
        sources.append(tmp_path / "own.idx")
    else:
        sources.append(pixels / 65535)
    for source in sources:
        loaded = load_images(source, size=size, limit=4)
        assert loaded.image_shape == of_folder.image_shape
        np.testing.assert_allclose(loaded.images, of_folder.images[:4], atol=1e-6)


def test_a_size_that_an_array_has_leaves_it_as_it_is_and_any_channels_are_resized():
    np.testing.assert_array_equal(load_images(COLOUR, size=(5, 4)).images, load_images(COLOUR).images)
    two = load_images(COLOUR[..., :2], size=(10, 8))
    assert two.image_shape == (10, 8, 2)
    first = load_images(COLOUR[..., 0], size=(10, 8))
    np.testing.assert_array_equal(two.images.reshape(6, 10, 8, 2)[..., 0], first.images.reshape(6, 10, 8))


def test_what_resized_fits_the_memory_is_read_and_what_does_not_is_refused():
    side = 40_000
    many = np.broadcast_to(np.uint8(255), (2, side, side // 2))
    assert load_images(many[:, :400], size=(4, 4)).images.min() == 1
    with pytest.raises(ValueError, match=r"GiB as floats; pass limit="):
        load_images(GREY, size=(side, side))
    for pixels, message in ((GREY.astype(np.float32), r"pixels in \[0, 1\]"), (np.full((1, 2, 2), np.nan), "finite")):
        with pytest.raises(ValueError, match=message):
            load_images(pixels, size=(2, 2))


def test_npz_files_bring_their_labels(tmp_path):
    np.savez(tmp_path / "own.npz", x_train=COLOUR, y_train=np.arange(6)[:, None])
    loaded = load_images(tmp_path / "own.npz")
    assert loaded.image_shape == (5, 4, 3)
    assert loaded.labels.tolist() == list(range(6))


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_are_those_of_mnist(tmp_path, packed):
    pack = gzip.compress if packed else bytes
    (tmp_path / "images").write_bytes(pack(idx(GREY)))
    (tmp_path / "labels").write_bytes(pack(idx(np.arange(6, dtype=np.uint8))))
    loaded = load_images(tmp_path / "images", tmp_path / "labels")
    np.testing.assert_allclose(loaded.images, GREY.reshape(6, 20) / 255, atol=1e-6)
    assert loaded.labels.tolist() == list(range(6))


def test_idx_numbers_of_several_bytes_have_their_largest_first(tmp_path):
    (tmp_path / "images").write_bytes(idx((GREY / 255).astype(np.float32), code=0x0D))
    np.testing.assert_allclose(load_images(tmp_path / "images").images, GREY.reshape(6, 20) / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("pixels", "error", "message"),
    [
        (GREY.reshape(6, 20), ValueError, r"shape \(n, height, width\).*reshape"),
        (GREY[:0], ValueError, "none of them 0"),
        (GREY.astype(np.int64), TypeError, r"dtype int64; for numbers from 0 to 255 use \.astype\(np\.uint8\)"),
        (GREY.astype(np.float32), ValueError, r"pixels in \[0, 1\]"),
        (np.full((1, 2, 2), np.nan), ValueError, "finite"),
        (GREY.tolist(), TypeError, "np.asarray"),
    ],
)
def test_arrays_that_are_no_images_are_refused(pixels, error, message):
    with pytest.raises(error, match=message):
        load_images(pixels)


@pytest.mark.parametrize(
    ("pixels", "labels", "error", "message"),
    [
        (GREY.reshape(6, 20), None, ValueError, "images must have shape"),
        (GREY[:0], None, ValueError, "images must have shape"),
        (GREY.astype(np.int32), None, TypeError, "images must have 8 or 16 bits"),
        (GREY.astype(np.float32), None, ValueError, "images must"),
        (np.full((6, 2, 2), np.nan), None, ValueError, "images must be finite"),
        (COLOUR[..., :2], None, ValueError, "grey needs images of 1 or 3 channels"),
        (GREY, np.arange(5), ValueError, "labels must be 6 whole numbers"),
        (GREY, np.arange(6) - 1, ValueError, "labels must be 6 whole numbers"),
        (GREY, np.arange(6) / 2, ValueError, "labels must be 6 whole numbers"),
    ],
)
def test_what_is_refused_of_a_files_content_names_the_file(tmp_path, pixels, labels, error, message):
    archive, file, classes = tmp_path / "own.npz", tmp_path / "own-idx", tmp_path / "labels-idx"
    np.savez(archive, images=pixels, **({} if labels is None else {"labels": labels}))
    with pytest.raises(error, match=f"^{re.escape(str(archive))}: {message}"):
        load_images(archive, grey=True)
    code = {"|u1": 0x08, "<i4": 0x0C, "<f4": 0x0D, "<f8": 0x0E}
    file.write_bytes(idx(pixels, code[pixels.dtype.str]))
    if labels is not None:
        labels = labels.astype(np.float64 if labels.dtype.kind == "f" else np.int32)
        classes.write_bytes(idx(labels, code[labels.dtype.str]))
    at_fault = file if labels is None else classes
    with pytest.raises(error, match=f"^{re.escape(str(at_fault))}: {message}"):
        load_images(file, None if labels is None else classes, grey=True)


@pytest.mark.parametrize("labels", [np.arange(5), np.arange(6) - 1, np.arange(6) / 2, np.zeros((6, 2), int)])
def test_labels_that_are_none_are_refused(labels):
    with pytest.raises(ValueError, match="6 whole numbers from 0"):
        load_images(GREY, labels)


def test_labels_may_be_names():
    loaded = load_images(GREY, ["owl", "cat", "owl", "dog", "cat", "cat"], limit=4)
    assert (loaded.labels.tolist(), loaded.classes) == ([2, 0, 2, 1], ("cat", "dog", "owl"))


def test_channels_that_are_no_colours_are_not_made_grey_and_refused():
    assert load_images(COLOUR[..., :2]).image_shape == (5, 4, 2)
    with pytest.raises(ValueError, match="1 or 3 channels, got 2"):
        load_images(COLOUR[..., :2], grey=True)


def test_what_does_not_fit_together_is_refused(tmp_path):
    np.savez(tmp_path / "own.npz", images=GREY, labels=np.arange(6))
    write(tmp_path, "folder/a.png", GREY[0])
    for arguments, options, message in (
        ((tmp_path / "own.npz", np.arange(6)), {}, "which has its own"),
        ((tmp_path / "folder", np.arange(1)), {}, "the folders inside it are the classes"),
        ((GREY,), {"size": (0, 3)}, "size"),
        ((GREY,), {"limit": 0}, "limit"),
    ):
        with pytest.raises(ValueError, match=message):
            load_images(*arguments, **options)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_images(tmp_path / "nowhere")


def test_a_folder_with_other_files_is_refused_by_their_names(tmp_path):
    write(tmp_path, "a.png", GREY[0])
    for number in range(5):
        (tmp_path / f"notes{number}.txt").write_text("no picture")
    with pytest.raises(ValueError, match=r"notes0\.txt, notes1\.txt, notes2\.txt and 2 more; move them away"):
        load_images(tmp_path)
    with pytest.raises(ValueError, match="got none"):
        load_images((tmp_path / "empty").mkdir() or tmp_path / "empty")


def test_pictures_beside_class_folders_are_refused(tmp_path):
    write(tmp_path, "loose.png", GREY[0])
    write(tmp_path, "cats/a.png", GREY[0])
    with pytest.raises(ValueError, match=r"beside them loose\.png"):
        load_images(tmp_path)


@pytest.mark.parametrize("damage", [lambda content: content[:60], lambda content: b"no picture at all"])
def test_pictures_that_cannot_be_read_are_refused_by_name(tmp_path, damage):
    path = write(tmp_path, "a.png", np.tile(GREY[0], (20, 20)))
    write(tmp_path, "b.png", np.tile(GREY[1], (20, 20)))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"1 of 2 pictures cannot be read: a\.png"):
        load_images(tmp_path, progress=False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "IDX file"),
        (b"\x89PNG and so on", "a single picture has to lie in a folder"),
        (idx(GREY)[:-1], "by its header"),
        (idx(GREY) + b"more", "by its header"),
        (bytes([0, 0, 8, 3]) + b"\xff" * 12, "by its header"),  # sizes that no machine has
        (bytes([0, 0, 8, 200]), "by its header"),
        (b"\x1f\x8b damaged", "cannot be read"),
        (gzip.compress(idx(GREY))[:-9], "cannot be read"),
    ],
)
def test_idx_files_that_are_none_are_refused(tmp_path, content, message):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_images(path)


def test_npz_files_that_are_none_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", weights=GREY)
    with pytest.raises(ValueError, match=r"one of images, x, .*, got weights"):
        load_images(tmp_path / "other.npz")
    np.savez(tmp_path / "objects.npz", images=np.array([None], object))
    with pytest.raises(ValueError, match=r"objects\.npz must be an NPZ file of numbers"):
        load_images(tmp_path / "objects.npz")
    np.savez(tmp_path / "bad.npz", images=GREY)
    content = bytearray((tmp_path / "bad.npz").read_bytes())
    content[content.index(GREY.tobytes()) + 9] ^= 1
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.npz"):
        load_images(tmp_path / "bad.npz")


def test_more_than_the_memory_holds_is_refused_before_it_is_read(tmp_path):
    side = 40_000
    with pytest.raises(ValueError, match=r"GiB as floats; pass limit="):
        load_images(np.broadcast_to(np.uint8(0), (MOST_BYTES // 4 // side + 1, side, 1)))
    write(tmp_path, "a.png", GREY[0])
    with pytest.raises(ValueError, match="GiB"):
        load_images(tmp_path, size=(side, side), progress=False)


def npz_of(path, array, *, shape, compression=zipfile.ZIP_DEFLATED):
    """An NPZ file of an array of bytes, with another shape in its header."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("images.npy", header.getvalue() + array.tobytes())
    return path


def refused_within(path, most_bytes, message):
    """Read a file that is refused, with so many bytes of memory at most."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message):
            load_images(path)
        assert tracemalloc.get_traced_memory()[1] < most_bytes
    finally:
        tracemalloc.stop()


def test_a_header_that_promises_more_than_the_memory_holds_is_refused_before_it_is_believed(tmp_path):
    npz = npz_of(tmp_path / "own.npz", GREY, shape=(2_000_000_000, 100, 100))
    refused_within(
        npz,
        10**6,
        r"own\.npz must be .* by its header .* shape \(2000000000, 100, 100\) and dtype uint8, .* 2 GiB .* pass",
    )
    idx_file = tmp_path / "own-idx"
    idx_file.write_bytes(bytes([0, 0, 8, 3]) + np.array([2_000_000, 100, 100], ">u4").tobytes())
    refused_within(idx_file, 10**6, r"own-idx has by its header .* shape \(2000000, 100, 100\)")


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_small_zip_of_a_large_array_is_refused_before_it_is_unpacked(tmp_path, monkeypatch, compression):
    monkeypatch.setattr("vaelib.image_files.MOST_BYTES", 10**7)
    npz = npz_of(tmp_path / "own.npz", np.zeros(3 * 10**7, np.uint8), shape=(3, 10_000, 1_000), compression=compression)
    refused_within(npz, 10**6, r"own\.npz must be an NPZ file .* (over the .* GiB that are read|in a way that NumPy)")
    with zipfile.ZipFile(npz, "w", compression) as archive:  # a header of which NumPy would read all
        archive.writestr("images.npy", b"\x93NUMPY\x02\x00" + (3 * 10**7).to_bytes(4, "little") + bytes(3 * 10**7))
    refused_within(npz, 10**6, r"own\.npz must be an NPZ file")


def test_of_a_small_gzip_of_many_bytes_only_those_of_its_header_are_unpacked(tmp_path):
    (tmp_path / "own-idx.gz").write_bytes(gzip.compress(idx(GREY) + bytes(3 * 10**7)))
    refused_within(
        tmp_path / "own-idx.gz", 10**6, r"must have 120 bytes of numbers by its header, got more; get it anew"
    )


def test_an_npz_file_of_a_zip_of_the_future_or_with_a_password_is_refused(tmp_path):
    path = tmp_path / "own.npz"
    np.savez(path, images=GREY)
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\1\2")
    for place, value in ((6, 200), (8, 1)):  # the version that is needed to read it; that it is encrypted
        damaged = bytearray(content)
        damaged[entry + place] = value
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"own\.npz must be an NPZ file of numbers .* cannot be read"):
            load_images(path)


@pytest.mark.parametrize("progress", [True, False])
def test_a_bar_is_written_where_a_terminal_reads_it_unless_refused(tmp_path, monkeypatch, progress):
    write(tmp_path, "own/a.png", GREY[0])
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", terminal)
    load_images(tmp_path / "own", progress=progress)
    assert ("reading own" in terminal.getvalue()) == progress
    monkeypatch.setattr(languages, "_spoken", "ko")
    load_images(tmp_path / "own", progress=progress)
    assert ("own 읽는 중: 100%" in terminal.getvalue()) == progress
    assert ("이미지/s" in terminal.getvalue()) == progress


def test_a_member_of_an_npz_that_leads_out_writes_nothing(tmp_path):
    path = tmp_path / "inside" / "own.npz"
    path.parent.mkdir()
    array = io.BytesIO()
    np.save(array, GREY)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../x.npy", array.getvalue())
    with pytest.raises(ValueError, match=r"own\.npz must hold images under one of .*, got \.\./x"):
        load_images(path)
    assert [entry for entry in tmp_path.rglob("*") if entry.is_file()] == [path]


def test_a_folder_that_is_a_link_out_is_not_followed(tmp_path):
    write(tmp_path, "elsewhere/secret.png", GREY[0])
    write(tmp_path, "own/a/one.png", GREY[1])
    (tmp_path / "own" / "b").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    loaded = load_images(tmp_path / "own", progress=False)
    assert loaded.classes == ("a",)
    np.testing.assert_array_equal(loaded.images, GREY[1].reshape(1, -1) / np.float32(255))
