"""What an older JAX does wrong, put right before it starts."""

import importlib.metadata
import os
import re

# On a CPU jaxlib 0.7.2 to 0.8.1 multiply with XNNPACK, and take a matrix at the address of an earlier one for that one:
# weights that training has changed in place count as they were.
FRESH_SINCE = (0, 8, 2)
FLAG = "xla_cpu_use_xnnpack"


def stale_products() -> bool:
    """Whether this jaxlib multiplies by weights as they were."""
    version = re.findall(r"\d+", importlib.metadata.version("jaxlib"))
    return tuple(map(int, version[:3])) < FRESH_SINCE


def apply() -> None:
    """Let XLA multiply by itself where XNNPACK may not be trusted, in this process and in those it starts.

    XLA reads its flags when the process compiles its first program. A caller's own word about XNNPACK stays.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if stale_products() and FLAG not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --{FLAG}=false".strip()


def compiler_options() -> dict[str, bool]:
    """The same for one program, where the process compiled others before vaelib was imported."""
    return {FLAG: False} if stale_products() else {}
