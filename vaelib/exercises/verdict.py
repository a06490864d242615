"""How every checker treats an answer: not attempted, right, or what is off."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from types import FunctionType
from typing import Any

import numpy as np

from vaelib.languages import tr


@dataclass(frozen=True)
class Verdict:
    """What a checker found: `passed` is True, False, or None for an exercise not attempted yet."""

    passed: bool | None
    message: str

    def __repr__(self) -> str:
        """The line a notebook shows."""
        mark = {True: tr("Right"), False: tr("Not yet"), None: tr("Not attempted")}[self.passed]
        return f"{mark}: {self.message}"


def checker(judge: Callable[..., str | None]) -> Callable[..., Verdict]:
    """Make a checker of `judge(answer, ...)`, which returns None for a right answer or else what is off.

    An answer left at `...`, or a function with no other body, is not attempted; an answer that raises is shown its own
    error, never a traceback, so that a whole notebook still runs. The judge's docstring is what a right answer is
    praised with.
    """

    @wraps(judge)
    def check(answer, *args, **kwargs) -> Verdict:
        if answer is ... or answer is None or _is_blank(answer):
            return Verdict(None, tr("replace the ... above by your answer and run this cell again."))
        answer, returned_nothing = _watched(answer)
        try:
            complaint = judge(answer, *args, **kwargs)
        except Exception as error:  # the reader's code may raise anything, and must read what it was
            complaint = tr("your answer raised {error}", error=f"{type(error).__name__}: {error}")
        if complaint is None:
            return Verdict(True, tr((judge.__doc__ or "").strip().partition("\n")[0]))
        if returned_nothing():
            complaint = tr("your function returned nothing. Does it end in return?")
        return Verdict(False, complaint)

    return check


def _watched(answer) -> tuple[Any, Callable[[], bool]]:
    """The answer, and whether it was a function whose calls returned None: what a judge says of a None is no help."""
    results: set[bool] = set()
    if not isinstance(answer, FunctionType):
        return answer, lambda: False

    @wraps(answer)
    def watched(*args, **kwargs):
        result = answer(*args, **kwargs)
        results.add(result is None)
        return result

    return watched, lambda: results == {True}


def _is_blank(answer) -> bool:
    """Whether the answer is a function still without a body: it compiles to what one that does nothing compiles to."""
    code, blank = getattr(answer, "__code__", None), (lambda: None).__code__
    return code is not None and (code.co_code, code.co_consts[-1:]) == (blank.co_code, (None,))


def compare(got, wanted, what: str, *, rtol: float = 1e-4, atol: float = 1e-6) -> str | None:
    """None where `got` equals `wanted` within the tolerance, or else a sentence on shape or value."""
    if got is ... or got is None:
        return tr("{what} is missing: your function returned nothing. Does it end in return?", what=what)
    got, wanted = np.asarray(got), np.asarray(wanted)
    if not np.issubdtype(got.dtype, np.number):
        return tr("{what} should be numbers, got {kind}.", what=what, kind=got.dtype)
    if got.shape != wanted.shape:
        return tr("{what} should have shape {wanted}, got {got}.", what=what, wanted=wanted.shape, got=got.shape)
    if np.allclose(got, wanted, rtol=rtol, atol=atol):
        return None
    worst = np.unravel_index(np.argmax(np.abs(np.nan_to_num(got - wanted, nan=np.inf))), wanted.shape)
    values = {"what": what, "wanted": wanted[worst], "got": got[worst]}
    if not worst:
        return tr("{what} should be {wanted:.6g}, got {got:.6g}.", **values)
    index = tuple(map(int, worst))
    return tr("{what} should be {wanted:.6g}, got {got:.6g} at index {index}.", index=index, **values)
