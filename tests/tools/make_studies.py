"""Train the studies of `vaelib.studies` on the full MNIST and write their results; about 40 minutes on two CPU cores.

python tests/tools/make_studies.py [NAME]...
    MNIST through tensorflow-datasets -> vaelib/weights/studies.json
"""

import click

from vaelib import cache_compiled_programs, checks, load_mnist
from vaelib.results import record_results
from vaelib.studies import RESULTS, STUDIES, run


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
def main(names):
    """Run the studies NAME..., all by default."""
    for name in names:
        checks.one_of(name, STUDIES, "NAME")
    cache_compiled_programs()
    images, _ = load_mnist("train", source="tfds")
    test_images, _ = load_mnist("test", source="tfds")
    few_images, _ = load_mnist("train", limit=10_000)
    for name in names or STUDIES:
        measured = run(name, images, test_images, few_images)
        record_results(str(RESULTS), name, measured)
        click.echo(f"{name}: log p(x) {measured['log_px']:.1f} nats")


if __name__ == "__main__":
    main()
