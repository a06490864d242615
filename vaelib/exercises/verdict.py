"""How every checker treats an answer: not attempted, right, or what is off."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import numpy as np

from vaelib.checks import is_traced
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
    error, never a traceback, so that a whole notebook still runs. An answer with NaN or infinity in it is never right,
    whatever a judge's comparisons make of it. The judge's docstring is what a right answer is praised with.
    """

    @wraps(judge)
    def check(answer, *args, **kwargs) -> Verdict:
        if answer is ... or answer is None or _is_blank(answer):
            return Verdict(None, tr("replace the ... above by your answer and run this cell again."))
        answer, seen = _watched(answer)
        try:
            complaint = judge(answer, *args, **kwargs)
        except Exception as error:  # the reader's code may raise anything, and must read what it was
            complaint = tr("your answer raised {error}", error=f"{type(error).__name__}: {error}")
        if complaint is None and not all(finite for _, finite in seen):
            complaint = tr("some of your numbers are NaN or infinite; all should be finite. Print them to see which.")
        if complaint is None:
            return Verdict(True, tr((judge.__doc__ or "").strip().partition("\n")[0]))
        if seen and all(nothing for nothing, _ in seen):
            complaint = tr("your function returned nothing. Does it end in return?")
        return Verdict(False, complaint)

    return check


def _watched(answer) -> tuple[Any, set[tuple[bool, bool]]]:
    """The answer, and of it, or of all that it returns, whether it is None and whether it is finite.

    What a judge says of a None is no help, and a comparison with NaN is False whichever way round it is written.
    """
    if isinstance(answer, type):
        return answer, set()
    if not callable(answer):
        return answer, {(False, _is_finite(answer))}
    seen: set[tuple[bool, bool]] = set()

    @wraps(answer)
    def watched(*args, **kwargs):
        result = answer(*args, **kwargs)
        seen.add((result is None, _is_finite(result)))
        return result

    return watched, seen


def _is_finite(value) -> bool:
    """Whether no number in it is NaN or infinite; what holds none, or none yet since JAX traces it, is finite."""
    if isinstance(value, tuple | list):
        return all(map(_is_finite, value))
    if is_traced(value):
        return True
    numbers = np.asarray(value)
    return numbers.dtype.kind not in "fc" or bool(np.isfinite(numbers).all())


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
