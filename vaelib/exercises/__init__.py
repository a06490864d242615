"""Checkers for the notebooks' exercises, one module a notebook.

A checker takes the reader's answer, a number, an array or a function, and shows a `Verdict`. It compares with the right
result where the two can differ, never with one literal, and says what is off.
"""

from vaelib.exercises.verdict import Verdict, checker, compare

__all__ = ["Verdict", "checker", "compare"]
