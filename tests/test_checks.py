"""Each refusal says what was wanted, what came and what to do; each acceptance returns what it was given."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vaelib import checks

KEY = jax.random.key(0)
NAN = float("nan")


def accepted_under_jit(check, *arguments):
    """What the check makes of an array whose values are not known yet."""
    return jax.jit(lambda x: check(x, *arguments))(jnp.array([[-5.0, NAN]]))


@pytest.mark.parametrize(
    ("check", "arguments"),
    [
        (checks.floating, (np.zeros(3), "x")),
        (checks.floating, (jnp.zeros(3, jnp.bfloat16), "x")),
        (checks.finite, (np.full(3, 1e38, np.float32), "x")),
        (checks.finite, (np.zeros((0, 3)), "x")),
        (checks.last_axis, (np.zeros((2, 5, 3)), 3, "x", "pixel")),
        (checks.last_axis, (np.zeros(3), 3, "x", "pixel")),
        (checks.batch_of, (np.zeros((1, 3)), 3, "x", "pixel")),
        (checks.unit_interval, (np.array([0.0, 1.0]), "x")),
        (checks.unit_interval, (np.zeros((0, 3)), "x")),
        (checks.key, (KEY,)),
        (checks.key, (jax.random.key(0, impl="rbg"),)),
        (checks.one_of, ("a", ("a", "b"), "name")),
    ],
)
def test_good_input_comes_back(check, arguments):
    assert check(*arguments) is arguments[0]


def test_values_on_the_host_are_looked_at_without_compiling(compilations):
    x = jax.device_put(np.full((3, 17), 0.5, np.float32), jax.devices("cpu")[0])  # a shape no other test uses
    compilations.clear()
    checks.unit_interval(checks.batch_of(x, 17, "x", "pixel"), "x")
    assert compilations == []


@pytest.mark.parametrize(("value", "wanted"), [(1, 1), (np.int64(7), 7), (np.uint8(3), 3)])
def test_sizes_come_back_as_plain_integers(value, wanted):
    got = checks.positive_int(value, "latent")
    assert got == wanted
    assert type(got) is int


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.5), np.int32(1)])
def test_numbers_come_back_as_plain_floats(value):
    got = checks.number(value, "rate", low=0.0, high=1.0)
    assert got == value
    assert type(got) is float


@pytest.mark.parametrize(
    ("check", "arguments", "error", "message"),
    [
        (
            checks.floating,
            ([1.0],),
            TypeError,
            "x must be a JAX or NumPy array of floats, got list; convert it with jnp",
        ),
        (
            checks.floating,
            (1.0,),
            TypeError,
            "x must be a JAX or NumPy array of floats, got float; convert it with jnp",
        ),
        (checks.floating, (None,), TypeError, "x must be a JAX or NumPy array of floats, got NoneType"),
        (
            checks.floating,
            (np.zeros(3, np.uint8),),
            TypeError,
            r"floating point, got dtype uint8; convert it with \.ast",
        ),
        (checks.floating, (np.zeros(3, bool),), TypeError, "x must be floating point, got dtype bool"),
        (checks.floating, (np.zeros(3, complex),), TypeError, "x must be floating point, got dtype complex128"),
        (
            checks.finite,
            (np.array([NAN, 1, np.inf]),),
            ValueError,
            "x must be finite, got 2 NaN or infinite of 3 values; ",
        ),
        (
            checks.unit_interval,
            (np.array([0.0, 255.0]),),
            ValueError,
            r"\[0, 1\], got values from 0 to 255; divide 8-bit",
        ),
        (
            checks.unit_interval,
            (np.array([-1.0, 1.0]),),
            ValueError,
            r"x must hold pixels in \[0, 1\], got .* from -1 to 1",
        ),
        (
            checks.unit_interval,
            (np.array([0.0, NAN]),),
            ValueError,
            r"x must hold pixels in \[0, 1\], got values from nan",
        ),
    ],
)
def test_bad_arrays_are_refused(check, arguments, error, message):
    with pytest.raises(error, match=message):
        check(*arguments, "x")


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            (3,),
            r"x must have shape \(batch, 4\) with batch at least 1, got \(3,\); use x.reshape\(-1, 4\), or x\[None\]",
        ),
        ((0, 4), r"x must have shape \(batch, 4\) with batch at least 1, got \(0, 4\)"),
        ((2, 2, 2), r"x must have shape \(batch, 4\) with batch at least 1, got \(2, 2, 2\)"),
        (
            (2, 3),
            r"x must have shape \(\*batch, 4\), one entry a pixel, got \(2, 3\); reshape it to end in 4, or build",
        ),
    ],
)
def test_bad_shapes_are_refused(shape, message):
    with pytest.raises(ValueError, match=message):
        checks.batch_of(np.zeros(shape), 4, "x", "pixel")


def test_a_batch_is_refused_for_its_dtype_and_its_values_too():
    with pytest.raises(TypeError, match="x must be floating point, got dtype int64"):
        checks.batch_of(np.zeros((2, 4), np.int64), 4, "x", "pixel")
    with pytest.raises(ValueError, match="x must be finite, got 8 NaN or infinite of 8 values"):
        checks.batch_of(np.full((2, 4), NAN), 4, "x", "pixel")


def test_a_scalar_has_no_last_axis():
    with pytest.raises(ValueError, match=r"z must have shape \(\*batch, 2\), one entry a latent dimension, got \(\)"):
        checks.last_axis(jnp.zeros(()), 2, "z", "latent dimension")


def test_different_shapes_are_refused():
    checks.same_shape(np.zeros((2, 3)), jnp.ones((2, 3)), "mu", "log_var")
    with pytest.raises(ValueError, match=r"mu and log_var must have the same shape, got \(2, 3\) and \(3, 2\)"):
        checks.same_shape(np.zeros((2, 3)), np.zeros((3, 2)), "mu", "log_var")


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (0, TypeError, r"key must be a typed random key, got int; make one with jax.random.key\(0\)"),
        (np.zeros(2, np.uint32), TypeError, "key must be a typed random key, got ndarray; make one"),
        (jax.random.split(KEY, 3), ValueError, r"a single key, got an array of keys of shape \(3,\); index or fold it"),
    ],
)
def test_bad_keys_are_refused(value, error, message):
    with pytest.raises(error, match=message):
        checks.key(value)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (0, ValueError, "latent must be an integer of at least 1, got 0"),
        (-3, ValueError, "latent must be an integer of at least 1, got -3"),
        (2.0, TypeError, r"latent must be an integer of at least 1, got 2.0 \(float\)"),
        ("2", TypeError, r"latent must be an integer of at least 1, got '2' \(str\)"),
        (True, TypeError, r"latent must be an integer of at least 1, got True \(bool\)"),
        (None, TypeError, r"latent must be an integer of at least 1, got None \(NoneType\)"),
    ],
)
def test_bad_sizes_are_refused(value, error, message):
    with pytest.raises(error, match=message):
        checks.positive_int(value, "latent")


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (0, ValueError, r"sigma must be a finite number in \(0, 1\], got 0"),
        (1.5, ValueError, r"sigma must be a finite number in \(0, 1\], got 1.5"),
        (NAN, ValueError, r"sigma must be a finite number in \(0, 1\], got nan"),
        ("0.1", TypeError, r"sigma must be a number, got '0.1' \(str\)"),
        (False, TypeError, r"sigma must be a number, got False \(bool\)"),
    ],
)
def test_bad_numbers_are_refused(value, error, message):
    with pytest.raises(error, match=message):
        checks.number(value, "sigma", low=0.0, high=1.0, open_low=True)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_is_refused_even_where_the_interval_is_open_to_it(value):
    with pytest.raises(ValueError, match="rate must be a finite number"):
        checks.number(value, "rate")


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="split must be one of 'train', 'test', got 'valid'"):
        checks.one_of("valid", ("train", "test"), "split")
    with pytest.raises(ValueError, match="split must be one of 'train', got None"):
        checks.one_of(None, {"train": 1}, "split")


def test_under_jit_shapes_and_dtypes_are_checked_and_values_are_not():
    for check in (checks.finite, checks.unit_interval):
        np.testing.assert_array_equal(accepted_under_jit(check, "x"), [[-5, NAN]])
    with pytest.raises(ValueError, match=r"x must have shape \(\*batch, 3\)"):
        accepted_under_jit(checks.batch_of, 3, "x", "pixel")
    with pytest.raises(TypeError, match="x must be floating point, got dtype int32"):
        jax.jit(lambda x: checks.floating(x, "x"))(jnp.zeros(3, jnp.int32))


@pytest.mark.parametrize("constant", [np.array([2.0]), jnp.array([2.0])], ids=["numpy", "jax"])
def test_constants_are_checked_inside_a_jitted_function(constant):
    half, nan = constant / 2, NAN * constant
    assert jax.jit(lambda x: x + checks.unit_interval(half, "x"))(1.0) == 2
    with pytest.raises(ValueError, match="got values from 2 to 2"):
        jax.jit(lambda x: x + checks.unit_interval(constant, "x"))(1.0)
    with pytest.raises(ValueError, match="got 1 NaN or infinite of 1 values"):
        jax.jit(lambda x: x + checks.finite(nan, "x"))(1.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.5, 1 + 2**-52], r"from 0\.5 to 1\.0000000000000002; errors of rounding are undone by np\.clip"),
        ([-1.0, 1.0], r"from -1 to 1; .*\(x \+ 1\) / 2"),
        ([-2.1, 2.8], "from -2.1 to 2.8; undo the normalisation"),
        ([0.0, 16.0], "from 0 to 16; divide by the largest value a pixel can have"),
        ([0.0, 255.0], "from 0 to 255; divide 8-bit images by 255"),
    ],
)
def test_pixels_out_of_range_are_refused_with_advice_by_the_range(values, message):
    with pytest.raises(ValueError, match=message):
        checks.unit_interval(np.array(values), "x")


def test_the_other_order_of_bytes_is_refused():
    with pytest.raises(TypeError, match="must have this machine's order of bytes"):
        checks.floating(np.zeros(3, np.dtype(np.float32).newbyteorder("S")), "x")


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), np.array(0.5), jnp.array(0.5)])
def test_an_array_of_one_number_is_a_number(value):
    assert checks.number(value, "beta") == 0.5


@pytest.mark.parametrize(("value", "error"), [("1", TypeError), (True, TypeError), (2**63, ValueError)])
def test_bad_seeds_are_refused(value, error):
    with pytest.raises(error, match="seed must be an integer"):
        checks.seed(value)


def test_classes_are_numbers_or_names():
    numbers, names = checks.classes(np.array([2, 0, 2], np.uint8), 3, "image")
    assert (numbers.tolist(), names) == ([2, 0, 2], ("0", "1", "2"))
    numbers, names = checks.classes(["owl", "cat", "owl"], 3, "image")
    assert (numbers.tolist(), names) == ([1, 0, 1], ("cat", "owl"))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], r"3 whole .*, one for each image, got int64 of shape \(2,\)"),
        ([0, 1, -1], "from 0 to 65,535.* from -1 to 1"),
        ([0, 1, 2**40], "from 0 to 1099511627776"),  # its names alone would fill the memory
        ([0.0, 1.0, 2.0], "got float64"),
        ([True, False, True], "got bool"),
        ([None, "cat", "owl"], "got object"),
    ],
)
def test_what_is_no_class_is_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        checks.classes(labels, 3, "image")


def test_too_many_names_are_refused():
    with pytest.raises(ValueError, match="names of at most 2 classes"):
        checks.classes(["cat", "dog", "owl"], 3, "image", most=2)
