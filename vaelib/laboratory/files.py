"""The lab's own files: the page's code and the compiled kernels."""

from functools import partial
from importlib.resources import files

from vaelib.widgets.browser import joined

HERE = files("vaelib.laboratory")
KERNELS = HERE / "kernels" / "kernels.wasm"
static = partial(joined, folder=HERE / "static")
