"""JupyterLab and Chromium, on loopback only."""

import base64
import io
import json
import os
import re
import secrets
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import PIL.Image
from loopback import free_address
from server import Server, write_notebook

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
CHROME = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
)
# No question about news, and no cell left out of the page because it is out of sight.
SETTINGS = {
    "apputils-extension/notification.jupyterlab-settings": '{"fetchNews": "false"}',
    "notebook-extension/tracker.jupyterlab-settings": '{"windowingMode": "none"}',
}
CLEAR = "window.jupyterapp.commands.execute('editmenu:clear-all')"
RUN_ALL = "window.jupyterapp.commands.execute('notebook:run-all-cells')"
CONNECTED = """() => {
  const context = window.jupyterapp?.shell?.currentWidget?.sessionContext;
  const kernel = context?.session?.kernel;
  return kernel && kernel.connectionStatus === 'connected' && kernel.status === 'idle';
}"""
EXECUTE = """async (code) => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const future = kernel.requestExecute({ code });
  let printed = '';
  future.onIOPub = (message) => (printed += message.content.text ?? (message.content.traceback ?? []).join('\\n'));
  await future.done;
  return printed;
}"""
ERRORS = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .filter((cell) => cell.model.type === 'code')
  .flatMap((cell) => cell.outputArea.model.toJSON())
  .filter((output) => output.output_type === 'error')
  .map((output) => `${output.ename}: ${output.evalue}`)
"""
DONE = f"""() => {{
  const panel = window.jupyterapp.shell.currentWidget;
  const code = panel.content.widgets.filter((cell) => cell.model.type === 'code');
  const idle = panel.sessionContext.session.kernel.status === 'idle';
  return (idle && code.every((cell) => cell.model.executionCount !== null)) || ({ERRORS})().length > 0;
}}"""


def chromium_path() -> str | None:
    """Where Chromium or Chrome is, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = [os.environ.get("CHROMIUM"), *map(shutil.which, names), *(path for path in CHROME if Path(path).exists())]
    return next(filter(None, found), None)


def watched(page):
    """The page, with its console errors and its requests to other machines collected in `page.faults`."""
    page.faults = []
    page.on("console", lambda line: page.faults.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: page.faults.append(str(error)))

    def outside(request):
        if not request.url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:", "file:")):
            page.faults.append(f"request to {request.url}")

    page.on("request", outside)
    return page


def until(page, holds, seconds=120):
    """Wait until what `holds` asks is true."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it does not come to that"
        page.wait_for_timeout(100)


# Whether the digit of an explorer has come to where its sliders say that they stand; `previous` is where it was.
ARRIVED = """([area, previous]) => {
  const canvas = area.querySelector("canvas");
  if (!canvas?.z || String(canvas.z) === previous || area.querySelector('.stage[aria-busy="true"]')) return false;
  return [...area.querySelectorAll(".widget-hslider")].every((slider) => {
    const said = (name) => slider.querySelector(name).textContent.replace("−", "-");
    const digits = [...said(".widget-label")].map((sign) => "₀₁₂₃₄₅₆₇₈₉".indexOf(sign)).filter((digit) => digit >= 0);
    return Math.abs(canvas.z[Number(digits.join("")) - 1] - Number(said(".widget-readout"))) < 0.0051;
  });
}"""


def settle(page, area, previous=None):
    """Wait until the digit of an explorer is another than at `previous`, and stands where its sliders say."""
    page.wait_for_function(ARRIVED, arg=[area.element_handle(), previous], timeout=60_000)


def pixels(png):
    """The colours of a picture in the format PNG."""
    return np.asarray(PIL.Image.open(io.BytesIO(png)).convert("RGB"))


def on_canvas(canvas):
    """The colours that a canvas shows."""
    return pixels(base64.b64decode(canvas.evaluate("c => c.toDataURL()").partition(",")[2]))


def heap(page):
    """Bytes of the page's objects that are still in use."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    return session.send("Runtime.getHeapUsage")["usedSize"]


# Each frame of a lab is kept as `frame` of its element.
FRAMES = "addEventListener('frame', ({ detail, target }) => (target.frame = detail), { capture: true });"


def assert_labs_hand_over(page, execute, *names):
    """Each lab on the page trains, and the kernel has its model: `names` are the labs' there, `execute` runs code."""
    for index in range(len(names)):
        box = page.locator(".vaelib-lab").nth(index)
        box.scroll_into_view_if_needed()
        box.get_by_role("button", name="Play").click()
        page.wait_for_function(f"() => document.querySelectorAll('.vaelib-lab')[{index}].frame?.steps > 30")
        box.get_by_role("button", name="Pause").click()
        page.wait_for_function(f"() => !document.querySelectorAll('.vaelib-lab')[{index}].frame.playing")
    counts = page.evaluate("Array.from(document.querySelectorAll('.vaelib-lab'), (lab) => lab.frame.steps)")
    counted = f"import json; print(json.dumps([one.steps for one in ({', '.join(names)},)]))"
    until(page, lambda: json.loads(execute(counted)) == counts)
    asked = f"""
import json, numpy as np
found = []
for one in ({", ".join(names)},):
    images = (one._images.held_out[:5] / 255).astype("float32")
    found.append(np.asarray(one.model.encode(images).mu).ravel().tolist())
print(json.dumps(found))
"""
    for index, mu in enumerate(json.loads(execute(asked))):
        shown = f"document.querySelectorAll('.vaelib-lab')[{index}].frame"
        np.testing.assert_allclose(mu, page.evaluate(f"Array.from({shown}.mu.slice(0, 10))"), atol=1e-4)


class Lab(Server):
    """JupyterLab in a folder of notebooks."""

    module, app, address = "jupyterlab", "LabApp", "doc/tree"
    options = ("--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate")

    def __init__(self, folder: Path):
        """Start the server, with a token, and wait until it answers."""
        self.token = secrets.token_hex(16)
        self.url = f"http://{free_address()}"
        home = folder / ".jupyter"
        places = {
            "JUPYTER_CONFIG_DIR": home / "config",
            "JUPYTER_DATA_DIR": home / "data",
            "IPYTHONDIR": home / "ipython",
        }
        settings = home / "config" / "lab" / "user-settings" / "@jupyterlab"
        for name, content in SETTINGS.items():
            (settings / name).parent.mkdir(parents=True, exist_ok=True)
            (settings / name).write_text(content)
        command = [sys.executable, "-m", self.module, "--no-browser", "--allow-root", f"--ServerApp.root_dir={folder}"]
        command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={self.url.rsplit(':', 1)[1]}"]
        command += [f"--IdentityProvider.token={self.token}", f"--{self.app}.expose_app_in_browser=True", *self.options]
        answers = f"{self.url}/api/status?token={self.token}"
        super().__init__(folder, command, answers, **{name: str(place) for name, place in places.items()})

    def write(self, name: str, *cells: str) -> str:
        """A notebook of code cells in the folder."""
        write_notebook(self.folder / name, *cells)
        return name

    def run(self, page, name: str, timeout: float = 120.0):
        """Open the notebook alone on the page and run all its cells; raises RuntimeError where one of them does."""
        page.goto(f"{self.url}/{self.address}/{name}?token={self.token}")
        page.wait_for_function(CONNECTED, timeout=60_000)
        page.evaluate(CLEAR)
        page.evaluate(RUN_ALL)
        page.wait_for_function(DONE, timeout=1000 * timeout)
        if errors := page.evaluate(ERRORS):
            raise RuntimeError(f"{name}: {errors}")

    def wear(self, page, theme: str):
        """Change the theme."""
        page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}})")
        page.wait_for_function(f"document.body.dataset.jpThemeName === '{theme}'")

    def execute(self, page, code: str) -> str:
        """Run code in the page's kernel, and return what it printed."""
        return page.evaluate(EXECUTE, code)


class Notebook7(Lab):
    """Notebook 7, which is made of JupyterLab's parts."""

    module, app, address = "notebook", "JupyterNotebookApp", "notebooks"
    options = ()


def drag(page, handle, dx, steps=10):
    """Press the mouse on a slider's handle, move it by dx pixels, and let go."""
    handle.hover()  # waits until the handle stands still and is what the mouse would press
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx, y, steps=steps)
    page.mouse.up()


def finger(page, *places):
    """Touch the page at the first of these places, move over the others, and lift the finger for a while.

    Chromium takes a touch that follows at once for a bounce of the finger, and sends no click.
    """
    session = page.context.new_cdp_session(page)
    for kind, (x, y) in zip(["touchStart", *["touchMove"] * (len(places) - 1)], places, strict=True):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_timeout(400)


def number(shown: str) -> float:
    """A number as the page writes it, with the true minus."""
    return float(shown.replace("−", "-"))


def contrast(*colors):
    """The ratio of luminances of two CSS colours, 1 to 21 (WCAG 2)."""

    def luminance(color):
        parts = np.array([float(part) for part in re.findall(r"[\d.]+", color)])
        *rgb, alpha = parts if len(parts) == 4 else (*parts, 1.0)
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in np.array(rgb) / 255]
        return alpha * np.dot([0.2126, 0.7152, 0.0722], linear)

    low, high = sorted(map(luminance, colors))
    return (high + 0.05) / (low + 0.05)


def stroke(page, paper, bottom=240):
    """Draw a nearly upright line on the paper, down to so many pixels from its upper edge."""
    paper.scroll_into_view_if_needed()
    box = paper.bounding_box()
    page.mouse.move(box["x"] + 120, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 130, box["y"] + bottom, steps=12)
    page.mouse.up()
