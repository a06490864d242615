"""Make the digits that come with the package from MNIST as TensorFlow Datasets prepares it.

python tests/tools/make_bundled_digits.py --data-dir FOLDER

takes the first images of the training set and of the test set, in the order in which TensorFlow Datasets stores them,
and prints the SHA-256 of each file for `vaelib/data.py` and `vaelib/digits/README.md`.
"""

import hashlib
import io
import zipfile
from pathlib import Path

import click
import numpy as np

from vaelib.data import DIGITS, load_mnist

COUNTS = {"train": 10_000, "test": 5_000}


def npz_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    """An .npz file that is the same on every run: `np.savez` stamps the time and has no LZMA, a sixth smaller here."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # else the machine's own system is noted
            archive.writestr(entry, member.getvalue(), compress_type=zipfile.ZIP_LZMA)
    return content.getvalue()


@click.command(help=__doc__)
@click.option("--data-dir", help="The folder that holds mnist/; TFDS_DATA_DIR otherwise.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=DIGITS, show_default="vaelib/digits")
def main(data_dir: str | None, out: Path) -> None:
    """Write digits-train.npz and digits-test.npz into `out`."""
    for split, count in COUNTS.items():
        images, labels = load_mnist(split, source="tfds", data_dir=data_dir, limit=count)
        pixels = np.rint(255 * images).astype(np.uint8).reshape(-1, 28, 28)
        content = npz_bytes({"images": pixels, "labels": labels.astype(np.uint8)})
        (out / f"digits-{split}.npz").write_bytes(content)
        counts = ", ".join(map(str, np.bincount(labels)))
        click.echo(f"{split}: {len(content):,} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")
        click.echo(f"  images of each digit 0 to 9: {counts}")


if __name__ == "__main__":
    main()
