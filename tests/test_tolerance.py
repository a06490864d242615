"""The comparison of stored outputs: words exactly, numbers within what their cell states."""

import os
from pathlib import Path

import jax.numpy as jnp
import nbformat
import nbval_tolerance
import pytest
from nbval_tolerance import malformed, matches, numbers
from rounded import BFLOAT16, TF32, rounded_products

pytest_plugins = ["pytester"]

TOOLS = Path(nbval_tolerance.__file__).parent
TWO = {"units": 2}


@pytest.mark.parametrize(
    ("shown", "value", "unit"),
    [
        ("6.8", 6.8, 0.1),
        ("-179", -179, 1),
        ("−0.25", -0.25, 0.01),
        ("5,700", 5700, 1),
        ("1,234,567.5", 1234567.5, 0.1),
        ("1.5e-07", 1.5e-7, 1e-8),
        ("2e+3", 2000, 1000),
        (".5", 0.5, 0.1),
        ("3.", 3, 1),
        ("91%", 91, 1),
        ("-inf", float("-inf"), 1),
    ],
)
def test_a_number_is_read_with_the_unit_of_its_last_digit(shown, value, unit):
    [number] = numbers(f"KL {shown} nats")
    assert number.value == value
    assert number.unit == pytest.approx(unit)


def test_names_and_versions_are_words_and_a_range_has_two_numbers():
    assert numbers("z20 of bernoulli_z2, infinite") == []
    assert [number.value for number in numbers("784-500 and 2-D, 0.2-0.3")] == [784, 500, 2, 0.2, 0.3]


@pytest.mark.parametrize(
    ("text", "stored", "tolerance"),
    [
        ("AE 6.8 to 7.0", "AE 6.8 to 7.0", TWO),
        ("AE 6.6 to 7.2", "AE 6.8 to 7.0", TWO),
        ("ELBO -178 nats", "ELBO -180 nats", TWO),
        ("[-0.1  0.   2. ]", "[-0.2 -0.1  2. ]", {"units": 1}),
        ("same label: 10%", "same label:  9%", {"units": 1}),
        ("a |  9.9 | b", "a | 10.1 | b", TWO),
        ("variance  5,790", "variance 5,700", {"relative": 0.02}),
        ("variance 10,010", "variance  9,990", {"relative": 0.02}),
        ("1.02e-05 ± 0.1", "1.00e-05 ± 0.2", TWO),
        ("ratio inf, nan", "ratio inf, nan", TWO),
        ("9.99 s", "10.0 s", {"units": 1}),
        ("103 digits", "100 digits", {"units": 1, "relative": 0.02}),
    ],
)
def test_within(text, stored, tolerance):
    assert matches(text, stored, tolerance)


@pytest.mark.parametrize(
    ("text", "stored", "tolerance"),
    [
        ("VAE 6.8", "AE 6.8", TWO),
        ("AE 6.8 nats", "AE 6.8 bits", TWO),
        ("AE 6.5", "AE 6.8", TWO),
        ("0.1", "-0.2", TWO),
        ("1", "1 2", TWO),
        ("1 2 3", "1 2", TWO),
        ("1\n2", "1 2", TWO),
        ("inf", "-inf", TWO),
        ("nan", "inf", TWO),
        ("nan", "5", {"units": 9, "relative": 0.9}),
        ("5", "inf", {"units": 9, "relative": 0.9}),
        ("91", "91%", TWO),
        ("+- 5", "± 5", TWO),
        ("variance 5,900", "variance 5,700", {"relative": 0.02}),
        ("104 digits", "100 digits", {"units": 1, "relative": 0.02}),
        ("1.2e-04", "1.2e-05", TWO),
        ("z3 has 1", "z2 has 1", TWO),
    ],
)
def test_beyond(text, stored, tolerance):
    assert not matches(text, stored, tolerance)


@pytest.mark.parametrize("tolerance", [TWO, {"relative": 0.05}, {"units": 1, "relative": 0.5}])
def test_a_tolerance_is_well_formed(tolerance):
    assert malformed(tolerance) is None


@pytest.mark.parametrize(
    ("tolerance", "complaint"),
    [
        (2, "a tolerance is"),
        ({}, "a tolerance is"),
        ({"absolute": 1}, "a tolerance is"),
        ({"units": 1.5}, "whole number"),
        ({"units": True}, "whole number"),
        ({"units": -1}, "whole number"),
        ({"relative": 1}, "from 0 to below 1"),
        ({"relative": "5%"}, "from 0 to below 1"),
        ({"units": 0, "relative": 0}, "of nothing"),
    ],
)
def test_a_malformed_tolerance_is_refused(tolerance, complaint):
    assert complaint in malformed(tolerance)


@pytest.fixture
def run(pytester, monkeypatch):
    """Runs cells, each (code, stored stdout, metadata), as the test command does, with options that follow."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (TOOLS.parent, TOOLS))))

    def run(*cells, options=()):
        cells = [
            nbformat.v4.new_code_cell(
                code,
                execution_count=i,
                metadata=metadata,
                outputs=[nbformat.v4.new_output("stream", name="stdout", text=stored)],
            )
            for i, (code, stored, metadata) in enumerate(cells, start=1)
        ]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), pytester.path / "cells.ipynb")
        command = ("-p", "nbval_tolerance", "--nbval", "--nbval-current-env", *options, "cells.ipynb")
        return pytester.runpytest_subprocess(*command)

    return run


def test_cells_run_within_their_tolerances_and_exactly_without(run):
    result = run(
        ("print('ELBO', -108.2)", "ELBO -108.1\n", {"tolerance": {"units": 1}}),
        ("print('ELBO', -108.2)", "ELBO -108.1\n", {}),
        ("print('ELBO', -108.3)", "ELBO -108.1\n", {"tolerance": {"units": 1}}),
        ("print('KL', -108.1)", "ELBO -108.1\n", {"tolerance": {"units": 1}}),
        ("print('ELBO', -108.1)\nprint('more')", "ELBO -108.1\n", {"tolerance": {"units": 1}}),
    )
    result.assert_outcomes(passed=1, failed=4)


def test_a_malformed_tolerance_stops_the_run(run):
    result = run(("print(1)", "1\n", {"tolerance": {"digits": 1}}))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*cells.ipynb*a tolerance is*digits*"])


ROUNDS = "import jax.numpy as jnp\nx = jnp.full((1, 1), 1 + 2.0**-12)\nprint(float((x @ x)[0, 0]) == 1)"
IN_A_CHILD = f"""
import subprocess, sys
print(subprocess.check_output([sys.executable, "-c", {ROUNDS!r}], text=True).strip())
"""


@pytest.mark.parametrize("code", [ROUNDS, IN_A_CHILD], ids=["kernel", "child"])
def test_kernels_and_their_children_round_products_where_that_is_asked_for(run, code):
    run((code, "False\n", {})).assert_outcomes(passed=1)
    rounding = ("-p", "rounding", "--round-products", "tf32")
    run((code, "True\n", {}), options=rounding).assert_outcomes(passed=1)


def test_a_block_that_rounds_leaves_the_rounding_that_was_there():
    """Or what runs after such a block is not rounded, though the whole run was asked to be."""
    x = jnp.full((1, 1), 1 + 2.0**-10)
    with rounded_products(TF32):
        with rounded_products(BFLOAT16):
            assert float((x @ x)[0, 0]) == 1
        assert float((x @ x)[0, 0]) == float((1 + 2.0**-10) ** 2)
        assert float(((x + 2.0**-12) @ x)[0, 0]) == float((1 + 2.0**-10) ** 2), "rounded to 10 bits"
