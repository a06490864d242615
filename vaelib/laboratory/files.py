"""The lab's own files: the page's code and the compiled kernels."""

from importlib.resources import files

HERE = files("vaelib.laboratory")
KERNELS = HERE / "kernels" / "kernels.wasm"


def static(*names: str) -> str:
    """Files of the page's code, joined: a widget's module is a single text and cannot import its neighbours."""
    return "\n".join((HERE / "static" / name).read_text("utf-8") for name in names)
