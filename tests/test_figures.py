"""The pictures hold the data they were given, refuse what they cannot draw, and carry words for who cannot see them."""

import ast
import base64
import errno
import itertools
import re
from importlib.resources import files
from statistics import NormalDist

import jax.numpy as jnp
import matplotlib
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex, to_rgb
from PIL import Image

from vaelib import figures, languages

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def _closed_figures():
    with matplotlib.rc_context():
        yield
    plt.close("all")


@pytest.fixture
def images(rng):
    return rng.random((7, 784), dtype=np.float32)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def drawn(ax):
    """The sheet of digits on the Axes, NaN where nothing is drawn."""
    return np.ma.filled(ax.images[0].get_array(), np.nan)


def tile(ax, row, column, *, above=2, gap=2, side=28):
    top, left = row * (side + above), column * (side + gap)
    return drawn(ax)[top + above : top + above + side, left : left + side]


# The house style


def test_no_function_here_knows_of_models():
    for module in files("vaelib.figures").iterdir():
        if module.name.endswith(".py"):
            tree = ast.parse(module.read_text("utf-8"))
            names = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
            ours = {name for name in names if name.startswith("vaelib")}
            assert ours <= {"vaelib", "vaelib.files", "vaelib.figures", "vaelib.languages", "vaelib.lettering"} | {
                f"vaelib.figures.{m}" for m in ("architecture", "digits", "plots", "publish", "style")
            }
            of_the_root = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module == "vaelib"]
            assert all(alias.name == "checks" for n in of_the_root for alias in n.names)


def test_everything_public_is_listed():
    assert figures.__all__ == sorted(figures.__all__)
    assert all(getattr(figures, name) is not None for name in figures.__all__)


def test_set_style_makes_lines_take_the_house_colours_on_white():
    figures.set_style()
    (line,) = plt.subplots()[1].plot([1, 2])
    assert line.get_color() == figures.LINE_COLORS[0]
    assert plt.rcParams["figure.facecolor"] == "white"
    assert plt.rcParams["image.cmap"] == "viridis"
    assert sorted(figures.LINE_COLORS) == sorted(figures.CLASS_COLORS)


# Machado, Oliveira & Fernandes (2009), severity 1: how a dichromat's eye maps linear RGB.
VISIONS = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def cielab(color, vision):
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(VISIONS[vision]) @ linear, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    t = to_xyz @ seen / np.array([0.9505, 1.0, 1.089])
    f = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def closest(colors, vision):
    seen = [cielab(color, vision) for color in colors]
    return min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))


@pytest.mark.parametrize("vision", VISIONS)
def test_the_class_colours_stay_apart_for_every_eye(vision):
    assert closest(figures.CLASS_COLORS, vision) > 17


def test_the_colours_of_matplotlib_would_not():
    assert min(closest(matplotlib.color_sequences["tab10"], vision) for vision in VISIONS) < 5


# Sheets of digits


def test_show_digits_puts_each_image_in_its_place(images):
    ax = figures.show_digits(images, columns=3)
    assert drawn(ax).shape == (3 * 30, 3 * 30 - 2)
    for i, image in enumerate(images):
        np.testing.assert_array_equal(tile(ax, *divmod(i, 3)), image.reshape(28, 28))
    assert np.isnan(tile(ax, 2, 1)).all()
    assert ax.images[0].get_clim() == (0.0, 1.0)
    assert ax.images[0].get_cmap().name == "gray"


def test_show_digits_takes_one_image_any_side_and_jax_arrays(images):
    assert drawn(figures.show_digits(jnp.asarray(images[:1]))).shape == (30, 28)
    assert drawn(figures.show_digits(images[:, :64])).shape == (9, 7 * 9 - 1)


def test_titles_stand_above_their_digits(images):
    ax = figures.show_digits(images, columns=3, titles=range(7))
    assert [text.get_text() for text in ax.texts] == list("0123456")
    np.testing.assert_array_equal(tile(ax, 1, 2, above=14), images[5].reshape(28, 28))
    assert ax.texts[5].get_position() == (2 * 30 + 14, 42 + 14 - 2)


def test_digits_are_drawn_on_the_axes_given(images):
    ax = plt.subplots(1, 2)[1][1]
    assert figures.show_digits(images, ax) is ax
    assert len(plt.get_fignums()) == 1


def test_digit_rows_names_its_rows_and_columns(images):
    ax = figures.digit_rows({"x": images, "mean": 1 - images}, titles=list("abcdefg"))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["x", "mean"]
    assert [label.get_text() for label in ax.get_xticklabels()] == list("abcdefg")
    np.testing.assert_array_equal(tile(ax, 1, 4, above=0, gap=2)[2:], (1 - images[4]).reshape(28, 28)[:26])
    np.testing.assert_allclose(ax.get_yticks(), [13.5, 43.5])


def test_reconstruction_sheet_holds_both_sheets_in_the_same_order(images):
    ax = figures.reconstruction_sheet(images, 1 - images)
    sheet, width = drawn(ax), 3 * 30 - 2
    assert sheet.shape == (3 * 30 - 2, 2 * width + 14)
    np.testing.assert_array_equal(sheet[30:58, 60:88], images[5].reshape(28, 28))
    np.testing.assert_array_equal(sheet[30:58, width + 14 + 60 :], (1 - images[5]).reshape(28, 28))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["images", "reconstructions"]


# Images that are no grey squares

SHAPES = pytest.mark.parametrize("shape", [(4, 6), (6, 4, 1), (3, 5, 3)])


def flat(rng, n, shape):
    """n images of that shape as vectors, and the pictures to be seen of each."""
    x = rng.random((n, *shape), dtype=np.float32)
    return x.reshape(n, -1), x.squeeze(-1) if shape[2:] == (1,) else x


def sheet(ax):
    """What is drawn; in colour the empty pixels are transparent."""
    values = drawn(ax)
    return values if values.ndim == 2 else np.where(values[..., 3:] > 0, values[..., :3], np.nan)


@SHAPES
def test_show_digits_takes_images_of_every_shape(rng, shape):
    x, seen = flat(rng, 5, shape)
    height, width = shape[:2]
    ax = figures.show_digits(x, columns=3, image_shape=shape, titles=list("abcde"))
    above = max(1, width // 2)
    for i in range(5):
        top, left = i // 3 * (height + above) + above, i % 3 * (width + 1)
        np.testing.assert_allclose(sheet(ax)[top : top + height, left : left + width], seen[i])
    assert np.isnan(sheet(ax)[height + above :, 2 * (width + 1) :]).all()
    assert ax.texts[4].get_position() == (width + 1 + width / 2, height + 2 * above - 1)


@SHAPES
def test_rows_and_sheets_take_images_of_every_shape(rng, shape):
    (x, seen), (y, other) = flat(rng, 5, shape), flat(rng, 5, shape)
    height, width = shape[:2]
    ax = figures.digit_rows({"x": x, "y": y}, image_shape=shape, titles=range(5))
    left = 3 * (width + 1)
    np.testing.assert_allclose(sheet(ax)[height + 1 : 2 * height + 1, left : left + width], other[3])
    np.testing.assert_allclose(ax.get_yticks(), [(height - 1) / 2, height + 1 + (height - 1) / 2])
    np.testing.assert_allclose(ax.get_xticks()[3], left + (width - 1) / 2)
    ax = figures.reconstruction_sheet(x, y, image_shape=shape)
    across = 3 * width + 2
    np.testing.assert_allclose(sheet(ax)[height + 1 : 2 * height + 1, width + 1 : 2 * width + 1], seen[4])
    left = across + width // 2 + 2 * (width + 1)
    np.testing.assert_allclose(sheet(ax)[:height, left : left + width], other[2])
    np.testing.assert_allclose(ax.get_xticks(), [across / 2, across * 1.5 + width // 2])


@SHAPES
def test_a_manifold_takes_images_of_every_shape(rng, shape):
    x, seen = flat(rng, 25, shape)
    height, width = shape[:2]
    ax = figures.manifold(x, figures.prior_grid(5), image_shape=shape)
    horizontal = dict(zip([t.get_text() for t in ax.get_xticklabels()], ax.get_xticks(), strict=True))
    vertical = dict(zip([t.get_text() for t in ax.get_yticklabels()], ax.get_yticks(), strict=True))
    assert (horizontal["0"], vertical["0"]) == (2 * width + (width - 1) / 2, 2 * height + (height - 1) / 2)
    np.testing.assert_allclose(sheet(ax)[height : 2 * height, 3 * width : 4 * width], seen[8])


def test_colours_beyond_the_interval_are_drawn_at_its_ends(rng):
    ax = figures.show_digits(np.array([[-1.0, 0.5, 2.0]]), image_shape=(1, 1, 3))
    np.testing.assert_array_equal(sheet(ax)[-1, 0], [0.0, 0.5, 1.0])


@pytest.mark.parametrize(
    ("pixels", "shape", "error", "message"),
    [
        (12, None, ValueError, r"pass image_shape=\(height, width\)"),
        (12, (3, 5), ValueError, r"images must have shape \(\*batch, 15\)"),
        (12, (3, 2, 2), ValueError, r"1 channel \(grey\) or 3 .* got \(3, 2, 2\)"),
        (12, 12, TypeError, r"image_shape must be \(height, width\) or"),
        (12, (0, 12), ValueError, "image_shape must be an integer of at least 1"),
    ],
)
def test_pictures_refuse_a_shape_that_is_none_of_the_images(rng, pixels, shape, error, message):
    x = rng.random((4, pixels), dtype=np.float32)
    for call in (
        lambda: figures.show_digits(x, image_shape=shape),
        lambda: figures.reconstruction_sheet(x, x, image_shape=shape),
        lambda: figures.manifold(x, figures.prior_grid(2), image_shape=shape),
    ):
        with pytest.raises(error, match=message):
            call()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: figures.show_digits(x[0]), ValueError, r"images must have shape \(batch, 784\)"),
        (lambda x: figures.show_digits(x[:, :783]), ValueError, "square number of pixels"),
        (lambda x: figures.show_digits(x.reshape(-1, 28, 28)), ValueError, r"reshape\(-1, 784\)"),
        (lambda x: figures.show_digits(x[:0]), ValueError, "batch at least 1"),
        (lambda x: figures.show_digits((255 * x).astype(np.uint8)), TypeError, "floating point, got dtype uint8"),
        (lambda x: figures.show_digits(x.tolist()), TypeError, "images must be a JAX or NumPy array"),
        (lambda x: figures.show_digits(x * np.nan), ValueError, "images must be finite, got 5488 NaN"),
        (lambda x: figures.show_digits(x, columns=0), ValueError, "columns must be an integer of at least 1, got 0"),
        (lambda x: figures.show_digits(x, titles="0123456"), ValueError, "titles must be a list of 7 words"),
        (lambda x: figures.show_digits(x, titles=[1]), ValueError, "list of 7 words or numbers, got 1 of them"),
        (lambda x: figures.show_digits(x, plt.subplots(1, 2)[1]), TypeError, "ax must be a matplotlib Axes or None"),
        (lambda x: figures.digit_rows(x), TypeError, "rows must be a dictionary"),
        (lambda x: figures.digit_rows({}), ValueError, "rows must have at least one entry"),
        (lambda x: figures.digit_rows({"x": x, "y": x[:3]}), ValueError, r"rows\['y'\] holds 3 of 28 × 28"),
        (lambda x: figures.digit_rows({"x": x, "y": x * np.inf}), ValueError, r"rows\['y'\] must be finite"),
        (lambda x: figures.reconstruction_sheet(x, x[1:]), ValueError, "must have the same shape"),
        (lambda x: figures.reconstruction_sheet(x, x, names=["one"]), ValueError, "names must be a list of 2 words"),
    ],
)
def test_sheets_refuse_what_they_cannot_draw(images, call, error, message):
    with pytest.raises(error, match=message):
        call(images)


# The plane of codes


def test_a_uniform_grid_runs_by_rows_from_the_top_left():
    z = figures.prior_grid(3, limit=2.0)
    assert z.dtype == np.float32
    np.testing.assert_array_equal(z[:4], [[-2, 2], [0, 2], [2, 2], [-2, 0]])
    np.testing.assert_array_equal(figures.prior_grid(20)[[0, -1]], [[-3, 3], [3, -3]])


@pytest.mark.parametrize("side", [1, 2, 7, 20])
def test_the_inverse_cdf_grid_gives_every_code_the_same_share_of_the_prior(side):
    columns = figures.prior_grid(side, "inverse-cdf")[:side, 0]
    middle = [NormalDist().cdf(float(z)) for z in columns]
    np.testing.assert_allclose(middle, (np.arange(side) + 0.5) / side, atol=1e-6)


def test_an_average_over_the_inverse_cdf_grid_is_one_over_the_prior():
    z = figures.prior_grid(100, "inverse-cdf")
    inside = (np.linalg.norm(z, axis=1) < 1).mean()
    assert inside == pytest.approx(1 - np.exp(-0.5), abs=0.005)


@pytest.mark.parametrize("kind", ["uniform", "inverse-cdf"])
def test_manifold_draws_each_image_at_its_code(kind, rng):
    z, x = figures.prior_grid(5, kind), rng.random((25, 16), dtype=np.float32)
    ax = figures.manifold(x, z)
    horizontal = dict(zip([t.get_text() for t in ax.get_xticklabels()], ax.get_xticks(), strict=True))
    vertical = dict(zip([t.get_text() for t in ax.get_yticklabels()], ax.get_yticks(), strict=True))
    assert horizontal["0"] == vertical["0"] == 2 * 4 + 1.5
    assert horizontal["1"] > horizontal["0"] > horizontal["−1"]
    assert vertical["1"] < vertical["0"] < vertical["−1"]  # upwards: rows of a picture count from the top
    np.testing.assert_array_equal(drawn(ax)[4:8, 12:16], x[8].reshape(4, 4))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("z₁", "z₂")


def test_a_manifold_may_be_one_digit(images):
    ax = figures.manifold(images[:1], figures.prior_grid(1))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, z: figures.prior_grid(3, "normal"), "kind must be one of 'uniform', 'inverse-cdf', got 'normal'"),
        (lambda x, z: figures.prior_grid(3, "inverse-cdf", 2.0), "limit must be None"),
        (lambda x, z: figures.prior_grid(3, limit=0.0), r"limit must be a finite number in \(0, inf\]"),
        (lambda x, z: figures.prior_grid(0), "side must be an integer of at least 1"),
        (lambda x, z: figures.manifold(x[:4], z), "images and z must have the same length, got 4 and 9"),
        (lambda x, z: figures.manifold(x, z[::-1]), "z must be a square grid as made by prior_grid"),
        (lambda x, z: figures.manifold(x[:6], z[:6]), "z must be a square grid"),
        (lambda x, z: figures.manifold(x, z[:, :1]), r"z must have shape \(n, 2\), got \(9, 1\)"),
        (lambda x, z: figures.manifold(x * np.nan, z), "images must be finite"),
    ],
)
def test_the_plane_refuses_what_is_no_grid(rng, call, message):
    with pytest.raises(ValueError, match=message):
        call(rng.random((9, 16), dtype=np.float32), figures.prior_grid(3))


def test_latent_scatter_colours_each_code_by_its_digit(rng):
    codes, labels = rng.normal(size=(50, 2)), np.arange(50) % 7
    ax = figures.latent_scatter(codes, labels, circles=(1, 2))
    dots = ax.collections[0]
    np.testing.assert_allclose(dots.get_offsets(), codes)
    assert [to_hex(color) for color in dots.get_facecolors()] == [figures.CLASS_COLORS[k] for k in labels]
    assert [text.get_text() for text in ax.texts] == list("0123456")
    np.testing.assert_allclose(ax.texts[3].xy, np.median(codes[labels == 3], axis=0))
    assert [circle.radius for circle in ax.patches] == [1, 2]
    assert ax.get_aspect() == 1.0


@pytest.mark.parametrize("spread", [0.0, 0.01, 1.0])
def test_numerals_do_not_cover_each_other(spread, rng):
    medians = spread * rng.normal(size=(10, 2))
    codes = np.concatenate([medians, [[5.0, 5.0], [-5.0, -5.0]]])
    ax = figures.latent_scatter(codes, np.r_[0:10, 0, 0])
    ax.figure.canvas.draw()
    places = ax.transData.transform([text.xyann for text in ax.texts])
    apart = min(np.linalg.norm(a - b) for a, b in itertools.combinations(places, 2))
    assert apart > 0.2 * ax.figure.dpi


def test_names_are_moved_only_where_they_would_touch():
    points = np.array([[0.0, 0.0], [0.3, 0.0], [0.3, 0.0], [9.0, 9.0]])
    places = figures.apart(points, 1.0)
    gaps = [np.linalg.norm(a - b) for a, b in itertools.combinations(places, 2)]
    assert min(gaps) > 0.99
    np.testing.assert_allclose(places[3], points[3], atol=1e-5)
    np.testing.assert_allclose(places.mean(axis=0), points.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(figures.apart(points.tolist(), 1.0), places)


def test_codes_that_all_coincide_are_drawn():
    ax = figures.latent_scatter(np.ones((3, 2)), [0, 1, 2])
    assert np.isfinite([text.xyann for text in ax.texts]).all()


@pytest.mark.parametrize(
    ("points", "gap", "message"),
    [
        (np.zeros((3, 3)), 1.0, r"points must have shape \(n, 2\), got \(3, 3\)"),
        (np.full((3, 2), np.nan), 1.0, "points must be finite"),
        (np.zeros((3, 2)), -1.0, r"gap must be a finite number in \[0, inf\], got -1.0"),
    ],
)
def test_places_for_names_refuse(points, gap, message):
    with pytest.raises(ValueError, match=message):
        figures.apart(points, gap)


def test_latent_scatter_takes_any_number_of_classes_and_their_names(rng):
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    ax = figures.latent_scatter(rng.normal(size=(52, 2)), np.tile(letters, 2))
    assert [text.get_text() for text in ax.texts] == letters.tolist()
    assert len(np.unique(ax.collections[0].get_facecolors(), axis=0)) == 26
    ax = figures.latent_scatter(rng.normal(size=(2, 2)), ["dog", "cat"])
    assert [text.get_text() for text in ax.texts] == ["cat", "dog"]


def test_each_class_has_a_colour_of_its_own_and_digits_theirs():
    assert figures.class_colors(7) == figures.CLASS_COLORS[:7]
    assert figures.class_colors(26)[:10] == figures.CLASS_COLORS
    assert len(set(figures.class_colors(256))) == 256


def test_latent_scatter_takes_one_code_and_one_class():
    ax = figures.latent_scatter(jnp.zeros((1, 2)), jnp.array([4]))
    assert [text.get_text() for text in ax.texts] == ["4"]


@pytest.mark.parametrize(
    ("codes", "labels", "message"),
    [
        (np.zeros((3, 5)), np.zeros(3, int), r"codes must have shape \(n, 2\), got \(3, 5\)"),
        (np.zeros((0, 2)), np.zeros(0, int), r"codes must have shape \(n, 2\), got \(0, 2\)"),
        (np.full((3, 2), np.nan), np.zeros(3, int), "codes must be finite, got 6 NaN"),
        (
            np.zeros((3, 2)),
            np.zeros(2, int),
            r"3 whole .*, one for each code, got int64 of shape \(2,\)",
        ),
        (np.zeros((3, 2)), np.zeros(3), "labels must be 3 whole numbers from 0 to .*, got float64"),
        (np.zeros((3, 2)), np.array([0, 1, -1]), "labels must be 3 whole numbers from 0 to .* from -1 to 1"),
    ],
)
def test_latent_scatter_refuses(codes, labels, message):
    with pytest.raises(ValueError, match=message):
        figures.latent_scatter(codes, labels)


@pytest.mark.parametrize("cov", [[[1.0, 0.8], [0.8, 2.0]], [[3.0, -1.0], [-1.0, 1.0]]])
def test_an_ellipse_is_a_contour_of_its_gaussian(cov):
    mu = np.array([1.0, -2.0])
    ax = figures.gaussian_ellipse(mu, cov=cov, radii=(1, 2), label="p(z|x)")
    for patch, radius in zip(ax.patches, (1, 2), strict=True):
        off = patch.get_patch_transform().transform(patch.get_path().vertices[:-1:3]) - mu  # knots lie on the curve
        np.testing.assert_allclose(np.einsum("ni,ij,nj->n", off, np.linalg.inv(cov), off), radius**2, rtol=1e-3)
    assert ax.lines[0].get_label() == "p(z|x)"


def test_sigma_is_the_half_axis_of_the_first_ellipse():
    ax = figures.gaussian_ellipse([0.0, 0.0], [0.5, 2.0], radii=(1,))
    box = ax.patches[0].get_path().transformed(ax.patches[0].get_patch_transform()).get_extents()
    np.testing.assert_allclose([box.width, box.height], [1.0, 4.0], rtol=1e-3)
    assert ax.get_ylim()[1] >= 2.0


def test_an_ellipse_needs_one_kind_of_spread_and_a_positive_one():
    for spread in ({}, {"sigma": [1, 1], "cov": np.eye(2)}):
        with pytest.raises(ValueError, match="exactly one of sigma"):
            figures.gaussian_ellipse([0, 0], **spread)
    for cov in ([[1, 2], [2, 1]], [[1, 0.5], [0, 1]], [[0, 0], [0, 1]]):
        with pytest.raises(ValueError, match="symmetric covariance with positive variances"):
            figures.gaussian_ellipse([0, 0], cov=cov)


# Curves and densities


def test_training_curves_are_solid_for_training_and_dashed_for_held_out():
    curves = {"elbo": [-110.0, -100.0], "kl": [20.0, 25.0]}
    ax = figures.training_curves(curves, held_out={"elbo": [-112.0, -104.0]}, x=[10, 20])
    solid, dashed, kl = ax.lines
    np.testing.assert_array_equal(solid.get_xydata(), [[10, -110], [20, -100]])
    np.testing.assert_array_equal(dashed.get_ydata(), [-112, -104])
    assert (solid.get_linestyle(), dashed.get_linestyle()) == ("-", "--")
    assert solid.get_color() == dashed.get_color() != kl.get_color()
    assert (solid.get_color(), kl.get_color()) == (figures.QUANTITY_COLORS["elbo"], figures.QUANTITY_COLORS["kl"])
    assert [text.get_text() for text in ax.texts] == ["ELBO", "KL(q‖p(z))"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["train", "held out"]
    assert "nats" in ax.get_ylabel()


def test_a_single_epoch_is_a_dot():
    ax = figures.training_curves({"elbo": [-100.0]}, held_out={"elbo": [], "kl": []})
    assert ax.lines[0].get_marker() == "o"
    assert ax.get_legend() is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: figures.training_curves({}), "curves must have at least one entry"),
        (lambda: figures.training_curves({"elbo": []}), r"curves\['elbo'\] must have shape \(n,\), got \(0,\)"),
        (lambda: figures.training_curves({"a": [1, 2], "b": [1]}), r"curves\['b'\] must have shape \(2,\), got \(1,\)"),
        (lambda: figures.training_curves({"a": [1, np.nan]}), r"curves\['a'\] must be finite"),
        (lambda: figures.training_curves({"a": [1]}, held_out={"b": [1]}), "held_out must have names from curves"),
        (lambda: figures.training_curves({"a": [1, 2]}, x=[1]), r"x must have shape \(2,\)"),
        (lambda: figures.band([1, 2], [0, 2], [1, 1], [2, 2]), "low, mid and high must be in this order"),
        (lambda: figures.band([1, 2], [0], [1], [2]), r"low must have shape \(2,\), got \(1,\)"),
        (lambda: figures.histograms({"a": [[1.0]]}), r"samples\['a'\] must have shape \(n,\), got \(1, 1\)"),
        (lambda: figures.histograms({"a": [1.0]}, bins=0), "bins must be an integer of at least 1"),
        (lambda: figures.histograms({"a": [1.0]}, density=lambda x: 0.0), r"density\(x\) must have shape \(400,\)"),
        (
            lambda: figures.heatmap([1, 2], [1], [[1], [2]], label="KL"),
            r"values must have shape \(1, 2\), got \(2, 1\)",
        ),
        (lambda: figures.heatmap([1, 2], [1], [[1, np.inf]], label="KL"), "values must be finite"),
    ],
)
def test_plots_refuse_what_they_cannot_draw(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_words_are_no_numbers():
    with pytest.raises(TypeError, match=r"x must hold numbers only, got list"):
        figures.band(["a"], [1], [1], [1])


def test_labels_at_the_ends_of_lines_do_not_touch():
    ax = plt.subplots()[1]
    for k in range(4):
        ax.plot([0, 1], [0, 1 + 0.001 * k], label=f"line {k}")
    ax.plot([0, 1], [0, -1], label="_hidden")
    ax.axhline(0.5, label="bound")
    assert figures.label_lines(ax) is ax
    heights = {text.get_text(): text.xy[1] for text in ax.texts}
    assert list(heights) == ["line 0", "line 1", "line 2", "line 3", "bound"]
    in_order = sorted(heights.values())
    assert min(np.diff(in_order)) * ax.get_window_extent().height > 0.15 * ax.figure.dpi
    assert in_order == [heights[name] for name in ("bound", "line 0", "line 1", "line 2", "line 3")]


def test_band_draws_the_middle_and_the_area():
    x, low, mid, high = [1, 10], [0, 1], [2, 2], [4, 3]
    ax = figures.band(x, low, mid, high, label="prior")
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[1, 2], [10, 2]])
    corners = {tuple(corner) for corner in ax.collections[0].get_paths()[0].vertices}
    assert {(1, 0), (10, 1), (1, 4), (10, 3)} <= corners
    assert ax.lines[0].get_label() == "prior"


def test_histograms_share_bins_and_have_area_one(rng):
    samples = {"a": rng.normal(size=1000), "b": rng.normal(3, 2, size=500)}
    ax = figures.histograms(samples, bins=30, density=lambda x: np.exp(-x * x / 2), density_label="p", xlabel="z₁")
    bars = [list(container) for container in ax.containers]
    for group in bars:
        assert sum(bar.get_height() * bar.get_width() for bar in group) == pytest.approx(1.0)
    assert [bar.get_x() for bar in bars[0]] == [bar.get_x() for bar in bars[1]]
    (line,) = ax.lines
    np.testing.assert_allclose(line.get_ydata(), np.exp(-(line.get_xdata() ** 2) / 2))
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {"a", "b", "p"}


def test_heatmap_puts_rows_on_the_vertical_axis():
    values = np.arange(6.0).reshape(2, 3)
    ax = figures.heatmap([0, 1, 2], [10, 20], values, label="KL (nats)")
    mesh = ax.collections[0]
    np.testing.assert_array_equal(mesh.get_array(), values)
    np.testing.assert_allclose(mesh.get_coordinates()[0, 0], [-0.5, 5.0])
    assert mesh.get_cmap().name == "viridis"
    assert ax.figure.axes[1].get_ylabel() == "KL (nats)"


# Pictures with words

ALT = "Seven digits: grey noise, σ = 0.3."


def test_the_saved_picture_carries_its_description(images, tmp_path):
    path = figures.save(figures.show_digits(images), tmp_path / "digits.png", alt=f"  {ALT}\n")
    with Image.open(path) as picture:
        picture.load()
        assert picture.info["Description"] == ALT
        assert picture.info["Source"] == "vaelib.figures"
        assert not {"Software", "Creation Time", "date"} & set(picture.info)
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_figure_gives_the_same_bytes(rng, tmp_path):
    codes, labels = rng.normal(size=(300, 2)), np.arange(300) % 10
    first = figures.save(figures.latent_scatter(codes, labels), tmp_path / "a.png", alt=ALT)
    second = figures.save(figures.latent_scatter(codes, labels).figure, tmp_path / "b.png", alt=ALT)
    assert first.read_bytes() == second.read_bytes()


def test_pictures_are_small(rng, tmp_path):
    ax = figures.training_curves({"elbo": -100 - 50 * np.exp(-np.arange(20.0)), "kl": np.arange(20.0)})
    assert figures.save(ax, tmp_path / "a.png", alt=ALT).stat().st_size < 30_000
    sharp = (rng.random((100, 784)) < 0.2).astype(np.float32)
    assert figures.save(figures.show_digits(sharp), tmp_path / "b.png", alt=ALT).stat().st_size < 60_000


def test_the_pictures_keep_their_colours_and_a_white_ground(tmp_path, rng):
    ax = figures.latent_scatter(rng.normal(size=(5000, 2)), np.arange(5000) % 10)
    with Image.open(figures.save(ax, tmp_path / "a.png", alt=ALT)) as saved:
        picture = np.asarray(saved.convert("RGB"))
    assert (picture[[0, -1]] == 255).all()
    picture = picture.reshape(-1, 3)
    for color in figures.CLASS_COLORS:
        assert np.abs(picture - 255 * np.array(to_rgb(color))).max(axis=1).min() < 20  # of 255


def test_its_own_picture_is_replaced_and_a_foreign_file_is_not(images, tmp_path):
    path = tmp_path / "digits.png"
    figures.save(figures.show_digits(images), path, alt=ALT)
    before = path.read_bytes()
    figures.save(figures.show_digits(1 - images), path, alt=ALT)
    assert path.read_bytes() != before
    ax = figures.show_digits(images)
    for name in ("foreign.png", "text.png"):
        foreign = tmp_path / name
        if name == "text.png":
            foreign.write_text("not a picture")
        else:
            Image.new("L", (2, 2)).save(foreign)
        before = foreign.read_bytes()
        with pytest.raises(FileExistsError, match="was not made by vaelib"):
            figures.save(ax, foreign, alt=ALT)
        assert foreign.read_bytes() == before


def test_a_failed_write_leaves_nothing_behind(images, tmp_path, monkeypatch):
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        figures.save(figures.show_digits(images), tmp_path / "digits.png", alt=ALT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "alt", "error", "message"),
    [
        ("a.jpg", ALT, ValueError, r"path must end in \.png"),
        ("missing/too/a.png", ALT, FileNotFoundError, "path must lie in an existing folder"),
        ("a.png", " ", ValueError, "alt must be a sentence"),
        ("a.png", None, ValueError, "alt must be a sentence"),
    ],
)
def test_save_refuses(images, tmp_path, name, alt, error, message):
    with pytest.raises(error, match=message):
        figures.save(figures.show_digits(images), tmp_path / name, alt=alt)


def test_save_takes_figures_and_axes_alone(tmp_path):
    with pytest.raises(TypeError, match="fig must be a matplotlib Figure or Axes, got ndarray"):
        figures.save(plt.subplots(1, 2)[1], tmp_path / "a.png", alt=ALT)


def test_axes_that_were_removed_are_refused(images, tmp_path):
    ax = figures.show_digits(images)
    ax.remove()
    with pytest.raises(ValueError, match="got Axes that were removed"):
        figures.save(ax, tmp_path / "a.png", alt=ALT)


def test_show_displays_the_picture_and_the_words_and_closes_the_figure(images, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr("vaelib.figures.publish.display", shown.append)
    ax = figures.show_digits(images)
    figures.show(ax, alt=ALT, caption="σ < 1 & rising.", save_as=tmp_path / "digits.png")
    (picture, metadata), (words, _) = (DisplayFormatter().format(item) for item in shown)
    assert base64.b64decode(picture["image/png"]) == (tmp_path / "digits.png").read_bytes()
    assert picture["text/plain"] == ALT
    assert metadata["image/png"]["alt"] == ALT
    with Image.open(tmp_path / "digits.png") as saved:
        width = saved.width
    assert metadata["image/png"]["width"] == pytest.approx(width * 100 / 160, abs=0.5)
    assert set(picture) == {"image/png", "text/plain"}  # pixels in text/html would be compared by notebook tests
    assert "σ &lt; 1 &amp; rising." in words["text/html"]
    assert ALT in words["text/html"]
    assert words["text/plain"] == "σ < 1 & rising."
    assert plt.get_fignums() == []


def test_a_console_prints_the_words_alone(images, capsys):
    figures.show(figures.show_digits(images), alt=ALT, caption="Noise.")
    assert capsys.readouterr().out == f"{ALT}\nNoise.\n"


def test_show_needs_both_words(images):
    ax = figures.show_digits(images)
    with pytest.raises(ValueError, match="caption must be a sentence"):
        figures.show(ax, alt=ALT, caption="")
    with pytest.raises(TypeError, match="alt"):
        figures.show(ax, caption="Something.")


def test_a_figure_is_shown_where_it_can_not_be_saved(images, tmp_path, monkeypatch, capsys):
    def read_only(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("vaelib.figures.publish.write_atomically", read_only)
    figures.show(figures.show_digits(images), alt=ALT, caption="Noise.", save_as=tmp_path / "digits.png")
    out = capsys.readouterr().out
    assert re.search(r"not saved as '.*digits\.png': Read-only file system\.", out)
    assert out.endswith(f"{ALT}\nNoise.\n")
    monkeypatch.setattr(languages, "_spoken", "ko")
    figures.show(figures.show_digits(images), alt=ALT, caption="Noise.", save_as=tmp_path / "digits.png")
    assert (
        f"그림을 {str(tmp_path / 'digits.png')!r}에 저장하지 못했습니다: Read-only file system."
        in capsys.readouterr().out
    )


# The architecture


def test_architecture_names_every_layer_and_its_width():
    ax = figures.architecture(pixels=784, hidden=(300, 100), latent=7, activation="tanh", output="scores")
    written = [text.get_text() for text in ax.texts]
    for words, times in {
        "784": 2,
        "300": 2,
        "100": 2,
        "7": 3,
        "tanh": 4,
        "scores": 1,
        "z": 1,
        "ε ~ N(0, I)": 1,
    }.items():
        assert written.count(words) == times, words
    places = {text.get_text(): text.get_position()[0] for text in ax.texts}
    assert places["x"] < places["μ"] < places["z"] < places["scores"]
    widths = [text for text in written if text.isdigit()]
    assert len(ax.patches) == len(widths) == 9, "a box a layer"


def test_architecture_refuses_what_is_no_width():
    with pytest.raises(ValueError, match="latent"):
        figures.architecture(pixels=784, hidden=(300,), latent=0, activation="relu")
