"""The classic notebook, on loopback only: notebook 6, and nbclassic, which has its pages beside JupyterLab."""

import secrets

from loopback import free_address
from server import Server, write_notebook

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


class Classic(Server):
    """The notebook server of a runtime, in its folder."""

    module, address = "notebook", "notebooks"

    def __init__(self, runtime):
        """Start the server, with a token, and wait until it answers; a runtime has a `folder` and a `python`."""
        self.token, folder = secrets.token_hex(16), runtime.folder
        self.url = f"http://{free_address()}"
        home = folder.parent / "jupyter"
        places = {name: str(home / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
        command = [runtime.python, "-m", self.module, "--no-browser", "--allow-root", "--ip=127.0.0.1"]
        command += [f"--port={self.url.rsplit(':', 1)[1]}", f"--NotebookApp.token={self.token}"]
        super().__init__(folder, command, f"{self.url}/api/status?token={self.token}", **places)

    def run(self, page, name: str, *cells: str, timeout: float = 300.0):
        """Write a notebook of code cells, open it on the page and run all; raises RuntimeError where a cell does."""
        write_notebook(self.folder / name, *cells)
        page.goto(f"{self.url}/{self.address}/{name}?token={self.token}")
        page.wait_for_function(CONNECTED, timeout=60_000)
        page.evaluate(RUN_ALL)
        page.wait_for_function(DONE, timeout=1000 * timeout)
        if errors := page.evaluate(ERRORS):
            raise RuntimeError(f"{name}: {errors}")

    def execute(self, page, code: str) -> str:
        """Run code in the page's kernel, and return what it printed."""
        return page.evaluate(EXECUTE, code)


class NbClassic(Classic):
    """The classic pages on today's server."""

    module, address = "nbclassic", "nbclassic/notebooks"
