"""The judges that studies share, against sums written out and brute force."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from vaelib.studies import judges


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_the_energy_distance_is_its_definition(rng):
    u, v = rng.random((7, 4)), rng.random((9, 4))

    def mean_gap(a, b):
        return np.mean([np.linalg.norm(one - other) for one in a for other in b])

    wanted = 2 * mean_gap(u, v) - mean_gap(u, u) - mean_gap(v, v)
    np.testing.assert_allclose(judges.energy_distance(u, v), wanted, rtol=1e-6)
    assert abs(judges.energy_distance(u, u)) < 1e-7


def test_the_nearest_is_the_nearest(rng):
    x, images = rng.random((5, 4)), rng.random((8, 4))
    rows, distances = judges.nearest(x, images)
    gaps = np.linalg.norm(x[:, None] - images, axis=-1)
    np.testing.assert_array_equal(rows, gaps.argmin(axis=1))
    np.testing.assert_allclose(distances, gaps.min(axis=1), rtol=1e-6)


def test_the_judge_says_three_things_of_pictures(rng):
    x, images, test = rng.random((6, 4)), rng.random((8, 4)), rng.random((7, 4))
    verdict = judges.judge(x, images, test)
    np.testing.assert_allclose(verdict["ink"], x.sum() / 6)
    np.testing.assert_allclose(verdict["distance"], np.median(judges.nearest(x, images)[1]))
    np.testing.assert_allclose(verdict["energy"], judges.energy_distance(x, test))


def test_the_nearest_label_is_that_of_the_nearest_image(rng):
    x, images, labels = rng.uniform(size=(20, 9)), rng.uniform(size=(50, 9)), rng.integers(10, size=50)
    wanted = labels[cdist(x, images).argmin(axis=1)]
    np.testing.assert_array_equal(judges.nearest_label(x, images, labels), wanted)
