"""What every checker does with an answer, whatever the exercise."""

import importlib

import pytest

MODULES = ("generative", "naive", "bounds", "divergence", "reparameterisation")
CHECKS = [
    check
    for module in map(importlib.import_module, (f"vaelib.exercises.{name}" for name in MODULES))
    for name, check in vars(module).items()
    if name.startswith("check_") and name != "check_pixels_per_number"  # whose answer is a number
]


def forgets_to_return(*given):
    found = len(given)
    found += 1


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_function_without_return_is_told_so(check):
    verdict = check(forgets_to_return)
    assert verdict.passed is False
    assert "returned nothing" in verdict.message
