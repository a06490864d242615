"""Checkers for notebook 10, collapse and the adversarial autoencoder."""

from collections.abc import Callable

import numpy as np

from vaelib.exercises.verdict import checker, compare


@checker
def check_charged(answer: Callable) -> str | None:
    """Each dimension is charged its mean over the batch, or the floor where that is less."""
    kl = np.random.default_rng(0).exponential(1.0, (50, 6)) * np.array([0.05, 0.2, 0.5, 1.0, 2.0, 4.0])
    for floor in (0.0, 0.5, 3.0):
        got, wanted = np.asarray(answer(kl.copy(), floor)), np.sum(np.maximum(kl.mean(axis=0), floor))
        if got.shape == () and np.isclose(got, np.sum(np.maximum(kl, floor), axis=1).mean()) and floor:
            return "the floor is taken for each image; it holds for the mean over images."
        if got.shape == () and np.isclose(got, max(kl.mean(axis=0).sum(), floor)) and floor:
            return "the floor makes no difference to the sum of all dimensions; each dimension has its own."
        if complaint := compare(got, wanted, f"the charge with a floor of {floor}"):
            return complaint
    return None


@checker
def check_half_covered(answer: float) -> str | None:
    """Half of the prior's draws cost log 3, all codes cost log 3/2; the other draws are recognised for certain."""
    got = float(answer)
    if np.isclose(got, 2 * np.log(2), rtol=1e-3):
        return "that is the loss where the two densities are equal; here it can tell half of the prior's draws."
    if np.isclose(got, np.log(3) + np.log(1.5), rtol=1e-3):
        return "only half of the prior's draws lie where it has to answer 1/3."
    return compare(got, 0.5 * np.log(3) + np.log(1.5), "the loss in nats", rtol=1e-3)
