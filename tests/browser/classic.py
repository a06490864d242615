"""The classic notebook of Colab's published packages, notebook 6 with ipywidgets 7, on loopback only."""

import os
import secrets
import subprocess
import time
import urllib.request

import nbformat
from loopback import free_address
from runtime import Runtime

QUIET = {"JAX_PLATFORMS": "cpu", "PYTHONWARNINGS": "ignore"}
CONNECTED = """() => {
  const kernel = window.Jupyter?.notebook?.kernel;
  return kernel?.is_connected() && kernel.info_reply.status === 'ok';
}"""
RUN_ALL = "Jupyter.notebook.execute_all_cells()"
CELLS = "Jupyter.notebook.get_cells().filter((cell) => cell.cell_type === 'code')"
DONE = f"() => {CELLS}.every((cell) => Number.isInteger(cell.input_prompt_number))"
ERRORS = f"""() => {CELLS}.flatMap((cell) => cell.output_area.outputs)
  .filter((output) => output.output_type === 'error')
  .map((output) => `${{output.ename}}: ${{output.evalue}}`)"""
EXECUTE = """(code) => new Promise((done) => {
  let printed = '';
  const output = (message) => (printed += message.content.text ?? (message.content.traceback ?? []).join('\\n'));
  const reply = () => setTimeout(() => done(printed), 100); // what is printed may come after the reply
  const options = { silent: false, store_history: false };
  Jupyter.notebook.kernel.execute(code, { iopub: { output }, shell: { reply } }, options);
})"""


class Classic:
    """The notebook server of a runtime, in its folder."""

    def __init__(self, runtime: Runtime):
        """Start the server, with a token, and wait until it answers."""
        self.folder, self.token = runtime.folder, secrets.token_hex(16)
        self.url = f"http://{free_address()}"
        home = self.folder.parent / "jupyter"
        names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")
        command = [runtime.python, "-m", "notebook", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
        command += [f"--port={self.url.rsplit(':', 1)[1]}", f"--NotebookApp.token={self.token}"]
        environment = os.environ | QUIET | {name: str(home / name.lower()) for name in names}
        self.log = (self.folder.parent / "notebook.log").open("w")
        self.process = subprocess.Popen(
            command, env=environment, cwd=self.folder, stdout=self.log, stderr=subprocess.STDOUT
        )
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{self.url}/api/status?token={self.token}", timeout=2).close()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(
            f"the notebook server did not start: {(self.folder.parent / 'notebook.log').read_text()[-2000:]}"
        )

    def close(self):
        """Stop the server and its kernels."""
        self.process.terminate()
        self.process.wait(20)
        self.log.close()

    def run(self, page, name: str, *cells: str, timeout: float = 300.0):
        """Write a notebook of code cells, open it on the page and run all; raises RuntimeError where a cell does."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, self.folder / name)
        page.goto(f"{self.url}/notebooks/{name}?token={self.token}")
        page.wait_for_function(CONNECTED, timeout=60_000)
        page.evaluate(RUN_ALL)
        page.wait_for_function(DONE, timeout=1000 * timeout)
        if errors := page.evaluate(ERRORS):
            raise RuntimeError(f"{name}: {errors}")

    def execute(self, page, code: str) -> str:
        """Run code in the page's kernel, and return what it printed."""
        return page.evaluate(EXECUTE, code)
