"""Checkers for notebook 10, collapse and the adversarial autoencoder."""

from collections.abc import Callable

import numpy as np

from vaelib.exercises.verdict import checker, compare
from vaelib.languages import tr


@checker
def check_charged(answer: Callable) -> str | None:
    """Each dimension is charged its mean over the batch, or the floor where that is less."""
    kl = np.random.default_rng(0).exponential(1.0, (50, 6)) * np.array([0.05, 0.2, 0.5, 1.0, 2.0, 4.0])
    for floor in (0.0, 0.5, 3.0):
        got, wanted = np.asarray(answer(kl.copy(), floor)), np.sum(np.maximum(kl.mean(axis=0), floor))
        if got.shape == () and np.isclose(got, np.sum(np.maximum(kl, floor), axis=1).mean()) and floor:
            return tr("the floor is taken for each image; it holds for the mean over images.")
        if got.shape == () and np.isclose(got, max(kl.mean(axis=0).sum(), floor)) and floor:
            return tr("the floor makes no difference to the sum of all dimensions; each dimension has its own.")
        if complaint := compare(got, wanted, tr("the charge with a floor of {floor}", floor=floor)):
            return complaint
    return None


@checker
def check_half_covered(answer: float) -> str | None:
    """Half of the prior's draws cost log 3, all codes cost log 3/2; the other draws are recognised for certain."""
    got = float(answer)
    if np.isclose(got, 2 * np.log(2), rtol=1e-3):
        return tr("that is the loss where the two densities are equal; here it can tell half of the prior's draws.")
    if np.isclose(got, np.log(3) + np.log(1.5), rtol=1e-3):
        return tr("only half of the prior's draws lie where it has to answer 1/3.")
    return compare(got, 0.5 * np.log(3) + np.log(1.5), tr("the loss in nats"), rtol=1e-3)


@checker
def check_kl_left(answer: Callable) -> str | None:
    """Half of log(lambda / beta sigma²) a dimension that survives; the others are silent."""
    eigenvalues = np.array([6.0, 2.5, 1.0, 0.3, 0.01])
    for beta, sigma2 in ((1.0, 0.2), (4.0, 0.5), (40.0, 0.5)):
        got, levels = np.asarray(answer(eigenvalues.copy(), beta, sigma2)), eigenvalues / (beta * sigma2)
        wanted = 0.5 * np.sum(np.log(np.maximum(levels, 1.0)))
        if got.shape == () and np.isclose(got, 0.5 * np.sum(np.log(levels))):
            return tr(
                "dimensions below beta sigma² count with a negative KL; they are silent, and a KL is never negative."
            )
        if got.shape == () and wanted and np.isclose(got, 2 * wanted):
            return tr("the KL holds half of the logarithm.")
        if complaint := compare(
            got, wanted, tr("the KL for beta = {beta}, sigma² = {sigma2}", beta=beta, sigma2=sigma2)
        ):
            return complaint
    return None


@checker
def check_witnesses(answer: tuple) -> str | None:
    """A mean that varies a little is active and costs little; one that is the same for all images costs for nothing."""
    mu, log_var = (np.asarray(part, np.float64) for part in answer)
    if mu.shape != (100, 2) or log_var.shape != (100, 2):
        return tr(
            "mu and log_var should have shape (100, 2), got {mu} and {log_var}.", mu=mu.shape, log_var=log_var.shape
        )
    active = mu.var(axis=0) > 0.01
    kl = np.mean(0.5 * (mu**2 + np.exp(log_var) - log_var - 1), axis=0)
    if not active[0]:
        return tr(
            "the first dimension should be active: its mean varies by {variance:.4f}, not above 0.01.",
            variance=mu[:, 0].var(),
        )
    if not kl[0] < 0.02:
        return tr("the first dimension's mean KL should be below 0.02 nats, got {kl:.3f}.", kl=kl[0])
    if active[1]:
        return tr(
            "the second dimension should be inactive: its mean varies by {variance:.4f}, above 0.01.",
            variance=mu[:, 1].var(),
        )
    if not kl[1] > 1:
        return tr("the second dimension's mean KL should be above 1 nat, got {kl:.2f}.", kl=kl[1])
    return None
