"""How soon the front page's first slider moves, at 1.6 Mbit/s.

    python tests/benchmarks/bench_front_page.py     after python docs/build.py (needs the test extra and Chromium)

Chromium receives the page from a server on loopback at that rate, with 150 ms to each request and nothing cached, on a
screen of 390 × 844. The clock runs from the request until the slider stands elsewhere; before that the lab on the page
has shown its first codes. The rate is that of the connection alone: processor and load are this machine's.
"""

import os
import statistics
import sys
from pathlib import Path

import click

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("browser", "tools")]
from connection import move_the_first_slider  # noqa: E402
from lab import ARGS, chromium_path  # noqa: E402
from loopback import serve  # noqa: E402

SITE = Path(__file__).parents[2] / "build" / "site"


@click.command()
@click.option("--rounds", default=5, show_default=True, help="How often the page is opened.")
@click.option("--page", "name", default="index.html", show_default=True, help="Which page of the site, with a lab.")
@click.option("--site", default=SITE, type=click.Path(path_type=Path), help="The built site.")
def main(rounds: int, name: str, site: Path):
    """Print the seconds and the bytes."""
    if not (site / name).exists():
        raise click.UsageError(f"{site / name} must exist; build the site with python docs/build.py")
    from playwright.sync_api import sync_playwright

    found = []
    with sync_playwright() as playwright, serve(site) as address:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=ARGS)
        for _ in range(rounds):
            context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
            found.append(move_the_first_slider(context.new_page(), f"{address}/{name}"))
            context.close()
        chromium.close()
    seconds, received = zip(*found, strict=True)
    click.echo(
        f"{name}: the first slider moves after {statistics.median(seconds):.1f} s ({min(seconds):.1f} to "
        f"{max(seconds):.1f}, {rounds} times) and {max(received) / 1000:.0f} kB; load average "
        f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
