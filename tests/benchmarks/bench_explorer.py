"""How soon a digit follows the hand: event to pixel in JupyterLab and on the page without a kernel.

    python tests/benchmarks/bench_explorer.py                (needs the test extra and Chromium)

A real mouse drags a slider in a real browser. Latency runs from the arrival of the event in the page to the changed
pixels: the canvas written, or the new image decoded. A live figure shows again what the page was sent before; where all
places are new the kernel draws each picture. Variants take turns in one run, block by block, because machines are
noisy; the ratio is taken block by block. `interact` with a fresh matplotlib figure is what notebooks usually do.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("browser", "tools")]
from lab import ARGS, Lab, chromium_path, watched  # noqa: E402

SETUP = """
import types
import ipywidgets
import jax
import matplotlib.pyplot as plt
import numpy as np
from vaelib import explore, live_figure, load_pretrained
from vaelib.explorer.compiled_model import CompiledModel

model = load_pretrained("bernoulli-z2")
compiled = CompiledModel(model)
"""
EXPLORE = "explorer = explore(model); explorer"
KERNEL = """
# An object without layers to hand out, so that the kernel decodes.
opaque = types.SimpleNamespace(latent=2, pixels=784, encode=model.encode, decode=model.decode)
in_kernel = explore(opaque)
in_kernel
"""
INTERACT = """
def show(z1=0.0, z2=0.0):
    plt.figure(figsize=(2.5, 2.5))
    plt.imshow(compiled.decode(np.array([[z1, z2]]))[0].reshape(28, 28), cmap="gray", vmin=0, vmax=1)
    plt.axis("off")
    plt.show()

ipywidgets.interact(show, z1=(-3.0, 3.0, 0.01), z2=(-3.0, 3.0, 0.01));
"""
LIVE = """
grid = np.linspace(-4, 4, 400)
fig, ax = plt.subplots(figsize=(6, 3.6), dpi=100)
(line,) = ax.plot(grid, np.exp(-grid**2))

def update(mu):
    line.set_ydata(np.exp(-((grid - mu) ** 2)))
    return line

live = live_figure(fig, update, handles=[(ax, "mu", 0.5)], mu=(-3.0, 3.0, 0.0, 0.02))
live
"""
# Steps so fine that no place is met twice, so that the kernel draws each picture.
FRESH = """
other, axes = plt.subplots(figsize=(6, 3.6), dpi=100)
(curve,) = axes.plot(grid, np.exp(-grid**2))

def again(mu):
    curve.set_ydata(np.exp(-((grid - mu) ** 2)))
    return curve

fresh = live_figure(other, again, mu=(-3.0, 3.0, 0.0, 0.00001))
fresh
"""
INTERACT_LINE = """
def plot(mu=0.0):
    plt.figure(figsize=(6, 3.6), dpi=100)
    plt.plot(grid, np.exp(-((grid - mu) ** 2)))
    plt.show()

ipywidgets.interact(plot, mu=(-3.0, 3.0, 0.01));
"""
CELLS = {
    "explore": EXPLORE,
    "interact + matplotlib, digit": INTERACT,
    "live_figure": LIVE,
    "live_figure, drawn in the kernel": FRESH,
    "interact + matplotlib, line": INTERACT_LINE,
    "explore, decoded in the kernel": KERNEL,
}
RIVALS = {
    "explore": "interact + matplotlib, digit",
    "explore, decoded in the kernel": "interact + matplotlib, digit",
    "live_figure": "interact + matplotlib, line",
    "live_figure, drawn in the kernel": "interact + matplotlib, line",
}
# Events and changed pixels of the whole page, with the time of each.
WATCH = """() => {
  window.events = [];
  window.pixels = [];
  addEventListener('pointermove', () => window.events.push(performance.now()), { capture: true });
  const put = CanvasRenderingContext2D.prototype.putImageData;
  CanvasRenderingContext2D.prototype.putImageData = function (...rest) {
    put.apply(this, rest);
    if (this.canvas.z) window.pixels.push(performance.now());
  };
  const draw = CanvasRenderingContext2D.prototype.drawImage;
  CanvasRenderingContext2D.prototype.drawImage = function (...rest) {
    draw.apply(this, rest);
    window.pixels.push(performance.now());
  };
  const changed = (event) => event.target.tagName === 'IMG' && window.pixels.push(performance.now());
  document.addEventListener('load', changed, { capture: true });
}"""


class Slider:
    """A slider that is held by the mouse."""

    def __init__(self, page, handle):
        """Take hold of the handle."""
        handle.scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        box = handle.bounding_box()
        self.page, self.x, self.y = page, box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(self.x, self.y)
        page.mouse.down()
        self.offset = 0

    def step(self):
        """Move to the next place, to and fro over 60 pixels so that each move changes z."""
        self.offset += 1
        self.page.mouse.move(self.x + 30 - abs(self.offset * 3 % 120 - 60), self.y)

    def release(self):
        """Let go, at the middle."""
        self.page.mouse.move(self.x, self.y)
        self.page.mouse.up()
        self.page.wait_for_timeout(300)


def forget(page):
    """Start a new count."""
    page.evaluate("() => { window.events.length = 0; window.pixels.length = 0; }")


def single(page, handle, moves: int) -> list[float]:
    """Milliseconds from each of `moves` events to the picture it made, one at a time."""
    slider, latencies = Slider(page, handle), []
    for move in range(moves + 2):
        forget(page)
        slider.step()
        page.wait_for_function("window.events.length && window.pixels.some((t) => t >= window.events[0])", timeout=5000)
        page.wait_for_timeout(30)
        latency = page.evaluate("Math.min(...window.pixels.filter((t) => t >= window.events[0])) - window.events[0]")
        if move > 1:
            latencies.append(latency)
    slider.release()
    return latencies


def stream(page, handle, seconds: float = 1.5) -> tuple[float, float]:
    """A drag at 60 events a second: milliseconds from the last event to the last picture, and the rate reached."""
    slider = Slider(page, handle)
    forget(page)
    start, sent = time.perf_counter(), 0
    while (now := time.perf_counter() - start) < seconds:
        slider.step()
        sent += 1
        time.sleep(max(0.0, sent / 60 - (time.perf_counter() - start)))
    page.wait_for_timeout(600)
    tail = page.evaluate("Math.max(...window.pixels) - Math.max(...window.events)")
    slider.release()
    return tail, sent / now


def summary(name: str, latencies: list[list[float]], tails: list[tuple[float, float]]) -> str:
    """A line of the table."""
    every = np.concatenate(latencies)
    tail, rate = max(tails)[0], statistics.median(rate for _, rate in tails)
    return f"{name:32} {np.median(every):7.1f} {np.percentile(every, 95):7.1f} {tail:9.1f} {rate:11.0f}"


@click.command()
@click.option("--rounds", default=4, help="Blocks of each variant, taking turns.")
@click.option("--moves", default=20, help="Moves in a block.")
def main(rounds: int, moves: int):
    """Print the table."""
    from playwright.sync_api import sync_playwright

    from vaelib import load_pretrained
    from vaelib.explorer import save_page

    latencies = {name: [] for name in [*CELLS, "live_figure, its handle", "page without a kernel"]}
    tails = {name: [] for name in latencies}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path(), args=ARGS)
        lab = Lab(Path(folder))
        try:
            notebook, static = (watched(chromium.new_page(viewport={"width": 1400, "height": 900})) for _ in range(2))
            lab.run(notebook, lab.write("bench.ipynb", SETUP, *CELLS.values()))
            static.goto(save_page(load_pretrained("bernoulli-z2"), Path(folder) / "page.html").as_uri())
            static.wait_for_function("document.querySelector('canvas')?.z")
            cells = notebook.locator(".jp-Notebook .jp-Cell")
            places = {n: (notebook, cells.nth(i + 1).locator(".noUi-handle").first) for i, n in enumerate(CELLS)}
            live = cells.nth(list(CELLS).index("live_figure") + 1)
            places["live_figure, its handle"] = notebook, live.locator(".handle")
            places["page without a kernel"] = static, static.locator("input").first
            notebook.evaluate(WATCH)
            static.evaluate(WATCH)
            for turn in range(rounds + 1):
                for name, (page, handle) in places.items():
                    page.bring_to_front()
                    block, tail = single(page, handle, moves if turn else 3), stream(page, handle, 1.5 if turn else 0.3)
                    if turn:  # the first turn warms up
                        latencies[name].append(block)
                        tails[name].append(tail)
            faults = notebook.faults + static.faults
        finally:
            lab.close()
            chromium.close()
    click.echo(
        f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {rounds} turns of {moves} moves, in ms"
    )
    click.echo(f"{'':32} {'median':>7} {'95 %':>7} {'last, max':>9} {'at events/s':>11}")
    for name in latencies:
        click.echo(summary(name, latencies[name], tails[name]))
    for name, rival in RIVALS.items():
        pairs = zip(latencies[name], latencies[rival], strict=True)
        ratios = [np.median(ours) / np.median(theirs) for ours, theirs in pairs]
        click.echo(f"{name} / {rival}: {np.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")
    click.echo(f"console errors and requests outside: {len(faults)} {faults or ''}")


if __name__ == "__main__":
    main()
