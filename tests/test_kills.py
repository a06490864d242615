"""A training that is killed at random moments loses nothing that it had written, and goes on to the same end."""

import pytest
from kill import assert_survives


def test_a_training_killed_three_times_ends_as_one_left_alone(tmp_path):
    assert assert_survives(tmp_path, kills=3, seed=0).in_a_write >= 2


@pytest.mark.slow
def test_a_training_killed_twenty_times_ends_as_one_left_alone(tmp_path):
    found = assert_survives(tmp_path, kills=20, seed=0)
    assert found.all == 20
    assert found.epochs > 0
