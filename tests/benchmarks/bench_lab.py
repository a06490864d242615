"""How fast the lab trains, and whether the screen keeps up.

    python tests/benchmarks/bench_lab.py             (needs the test extra, Node and Chromium)

The kernels run in Node against the same loops in plain JavaScript, in turns, by processor time, which other programs of
the machine disturb less than the clock. Then the page trains in Chromium: images per second, frames per second of the
screen meanwhile, and how far the digits have parted on the plane 1, 2, 4 and 8 seconds after the page was opened. Last
come the pages' weights.

How far digits have parted is the share of held-out images whose codes lie nearer to the middle of their own digit's
codes than to that of another's; chance is 10%. The same network trained in JAX comes to 48% to 59% after 80 epochs (six
seeds): in two dimensions some digits lie on others. The numbers by the clock are those of a quiet machine only: nothing
else runs, and the load average of the last minute, which is printed first, is below 1 (`uptime`). Take the middle of
three runs.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import click

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / folder) for folder in ("tests/browser", "tests/tools", "docs")]
from lab import ARGS, chromium_path, watched  # noqa: E402
from page_weight import digits_weight  # noqa: E402

MOMENTS = (1, 2, 4, 8)  # seconds after the page was opened
WATCH = """
  window.shown = [];
  window.shares = [];
  const tick = (time) => { window.shown.push(time); requestAnimationFrame(tick); };
  requestAnimationFrame(tick);
  addEventListener('frame', ({ detail }) => {
    window.frame = detail;
    const { labels, moments, shares } = window;
    while (shares.length < moments.length && performance.now() > 1000 * moments[shares.length])
      shares.push(partedOf(detail.mu, labels, 2));
  }, { capture: true });
"""


def kernels() -> None:
    """Print what the kernels reach, in images per second of processor time."""
    program = Path(__file__).with_name("bench_lab_kernels.js")
    ran = subprocess.run(["node", program], capture_output=True, text=True, check=True)
    rates = json.loads(ran.stdout)
    for name in ("wasm", "plain"):
        low, *_, high = sorted(rates[name])
        click.echo(
            f"{name:6} {statistics.median(rates[name]):8,.0f} images/s of processor time ({low:,.0f} to {high:,.0f})"
        )
    ratios = sorted(a / b for a, b in zip(rates["wasm"], rates["plain"], strict=True))
    click.echo(f"wasm / plain: {statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})")


def in_browser(seconds: float) -> None:
    """Print what the page reaches."""
    from playwright.sync_api import sync_playwright

    from vaelib.laboratory import save_page
    from vaelib.laboratory.files import static
    from vaelib.laboratory.images import lab_images

    labels = lab_images(None, None).labels.tolist()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=ARGS)
        page = watched(chromium.new_page(viewport={"width": 1400, "height": 1000}))
        path = save_page(Path(folder) / "lab.html")
        parted = f"const partedOf = (() => {{ {static('plane.js')}\nreturn partedOf; }})();"  # as the page says it
        page.add_init_script(f"window.labels = {labels}; window.moments = {list(MOMENTS)}; {parted} {WATCH}")
        page.goto(path.as_uri())
        page.wait_for_function("() => window.frame")
        page.get_by_role("button", name="Play").click()
        page.wait_for_function("() => window.shares.length === window.moments.length", timeout=60_000)
        for moment, share in zip(MOMENTS, page.evaluate("window.shares"), strict=True):
            click.echo(f"{moment} s after opening: {share:.0%} of the codes nearest to their own digit's middle")
        page.evaluate("window.shown.length = 0")
        images, start = page.evaluate("[window.frame.images, performance.now()]")
        page.wait_for_timeout(1000 * seconds)
        later, end, gaps = page.evaluate(
            "[window.frame.images, performance.now(), window.shown.slice(1).map((t, i) => t - window.shown[i])]"
        )
        click.echo(f"{1000 * (later - images) / (end - start):,.0f} images/s in the page's worker, by the clock")
        most = sorted(gaps)[int(0.95 * len(gaps))]
        click.echo(
            f"{1000 * len(gaps) / sum(gaps):.0f} frames/s of the screen, median {statistics.median(gaps):.0f} ms, 95% "
            f"within {most:.0f} ms"
        )
        click.echo(f"console errors and requests outside: {len(page.faults)} {page.faults or ''}")
        chromium.close()


def weights() -> None:
    """Print the bytes of the lab's page with and without its digits, and of the site's two pages that stand alone."""
    from front import write_front

    from vaelib.laboratory import save_page

    with tempfile.TemporaryDirectory() as folder:
        page = save_page(Path(folder) / "saved.html").read_text("utf-8")
        whole = len(page.encode())
        click.echo(f"the lab's page {whole:,} bytes, {whole - digits_weight(page):,} beside its digits")
        write_front(Path(folder))
        for name in ("lab.html", "index.html"):
            click.echo(f"the site's {name} {(Path(folder) / name).stat().st_size:,} bytes")


@click.command()
@click.option("--seconds", default=5.0, help="Seconds of training that are counted in the page.")
def main(seconds: float):
    """Print the table."""
    click.echo(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    kernels()
    in_browser(seconds)
    weights()


if __name__ == "__main__":
    main()
