"""Checkers for notebook 02, naive maximum likelihood by sampling the prior."""

from collections.abc import Callable

import numpy as np

from vaelib.exercises.verdict import checker, compare
from vaelib.languages import tr


@checker
def check_budget(answer: Callable[[float, float], float]) -> str | None:
    """The draws grow in proportion to V, and an accuracy ten times finer costs a hundred times as many."""
    rng = np.random.default_rng(0)
    for V, accuracy in zip(rng.uniform(1.0, 1e4, 4), rng.uniform(0.05, 0.5, 4), strict=True):
        got, wanted = np.asarray(answer(V, accuracy)), V / accuracy**2
        if got.shape == () and np.isclose(got, V / accuracy, rtol=1e-3):
            return tr("the accuracy is a standard deviation, the square root of a variance: it enters squared.")
        if got.shape == () and np.isclose(got, V / (2 * accuracy), rtol=1e-3):
            return tr("that many draws bring the bias V/2n down to the accuracy; the question is about the spread.")
        if complaint := compare(
            np.ceil(got),
            np.ceil(wanted),
            tr("n at V = {V:.0f}, accuracy = {accuracy:.2f}", V=V, accuracy=accuracy),
            atol=1.0,
        ):
            return complaint
    return None


@checker
def check_px_from_uniform(answer: Callable[[float, float, np.ndarray, float], float]) -> str | None:
    """The draws do not follow the prior here, so p(z) belongs in the weight, over the density 1 / 2h of the draws."""
    rng = np.random.default_rng(1)
    for _ in range(4):
        x, sigma, half = rng.uniform(-3.0, 5.0), rng.uniform(0.5, 2.0), rng.uniform(5.0, 8.0)
        z = rng.uniform(-half, half, int(rng.integers(500, 1000)))
        p_x_given_z, p_z = _normal(x - 2 * z - 1, sigma), _normal(z, 1.0)
        other_model = np.mean(_normal(x - z, sigma) * p_z) * 2 * half
        wanted = np.mean(p_x_given_z * p_z) * 2 * half
        got = np.asarray(answer(x, sigma, z, half))
        near = {
            np.log(wanted): tr("that is the logarithm of the estimate; return p(x) itself."),
            np.mean(p_x_given_z): tr(
                "that is right for draws from the prior; these are uniform, so the prior is missing."
            ),
            np.mean(p_x_given_z * p_z): tr("the weight is still to be divided by the density of the draws, 1 / (2h)."),
            np.mean(p_x_given_z * p_z) / (2 * half): tr("you multiplied by the density of the draws; divide by it."),
            np.mean(p_x_given_z) * 2 * half: tr("you divide by the density of the draws, but where is the prior p(z)?"),
            wanted * len(z): tr("that is a sum over the draws; the estimate is their mean."),
            other_model: tr("the mean of x given z is 2z + 1 here, not z."),
        }
        for wrong, hint in near.items():
            if got.shape == () and np.isclose(got, wrong, rtol=1e-4):
                return hint
        if complaint := compare(got, wanted, tr("the estimate"), rtol=1e-3, atol=1e-9):
            return complaint
    return None


@checker
def check_first_hopeless_dimension(answer: Callable[[float, int], int]) -> str | None:
    """Each dimension multiplies 1 + V by the same factor, so even a huge budget lasts for a few dimensions only."""
    rng = np.random.default_rng(2)
    for sigma, draws in zip(rng.uniform(0.1, 1.6, 5), 10 ** rng.integers(3, 9, 5), strict=True):
        draws = int(draws)
        wanted, forgotten = (_first_dimension(sigma / 2, budget) for budget in (draws, 100 * draws))
        got = np.asarray(answer(float(sigma), draws))
        if got.shape == () and got == wanted - 1 and wanted > 1:
            return tr("that is the last dimension the draws suffice for; the question is for the first they do not.")
        if got.shape == () and got == _first_dimension(sigma, draws) != wanted:
            return tr("s is sigma over the slope, sigma / 2.")
        if got.shape == () and got == forgotten != wanted:
            return tr("V draws give a spread of 1 nat; for 0.1 nats a hundred times as many are needed.")
        if complaint := compare(
            got,
            wanted,
            tr("the dimension at sigma = {sigma:.2f} and {draws} draws", sigma=sigma, draws=draws),
            rtol=0,
            atol=0,
        ):
            return complaint
    return None


def _normal(difference: np.ndarray, sigma: float) -> np.ndarray:
    """The density of N(0, sigma²)."""
    return np.exp(-0.5 * (difference / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))


def _first_dimension(s: float, draws: int) -> int:
    """The first dimension at which V at u = 1 asks for more than `draws` draws for 0.1 nats."""
    one = (1 + s**2) / np.sqrt(s**2 * (2 + s**2)) * np.exp(1 / ((1 + s**2) * (2 + s**2)))
    d = np.arange(1, 200)
    return int(d[(one**d - 1) * 100 > draws][0])


@checker
def check_nats_told(answer: Callable[[float, float], float]) -> str | None:
    """An x far from the mean tells more, and so does a small noise: half a nat for each factor of e in 1/sigma²."""
    rng = np.random.default_rng(3)
    for x, sigma in zip(rng.uniform(-4.0, 6.0, 5), rng.uniform(0.1, 3.0, 5), strict=True):
        m, v = 2 * (x - 1) / (4 + sigma**2), sigma**2 / (4 + sigma**2)
        wanted, got = (m**2 + v - np.log(v) - 1) / 2, np.asarray(answer(float(x), float(sigma)))
        near = {
            2 * wanted: tr("the factor one half is missing."),
            (v - np.log(v) - 1) / 2: tr("the mean of the posterior is not 0: its square belongs in the KL."),
            (m**2 + v - np.log(v)) / 2: tr("the minus 1 is missing: at the prior itself the KL has to be 0."),
            (m**2 + v + np.log(v) - 1) / 2: tr("the sign of the logarithm: a narrow posterior tells more, not less."),
            ((1 + m**2) / v - 1 + np.log(v)) / 2: tr("that is KL(p(z) ‖ p(z|x)); the posterior comes first here."),
            (4 / (4 + sigma**2) ** 2 * x**2 + v - np.log(v) - 1) / 2: tr("the offset is missing: z answers to x - 1."),
        }
        for wrong, hint in near.items():
            if got.shape == () and np.isclose(got, wrong, rtol=1e-4) and not np.isclose(wrong, wanted, rtol=1e-3):
                return hint
        if complaint := compare(
            got, wanted, tr("k at x = {x:.2f}, sigma = {sigma:.2f}", x=x, sigma=sigma), rtol=1e-3, atol=1e-6
        ):
            return complaint
    return None


@checker
def check_flattering_q(answer: Callable[[], tuple[float, float]]) -> str | None:
    """The weights speak of where q went, and of nothing else: a peak that it never visits leaves no trace in them."""
    got = np.asarray(answer(), float)
    if got.shape != (2,) or not np.isfinite(got).all() or got[1] <= 0:
        return tr("return two numbers, mu and a positive sigma, got {got!r}.", got=answer())
    mu, sigma = got
    grid = np.linspace(-3, 3, 60_001)
    exact = np.sum(_joint_of_square(grid)) * (grid[1] - grid[0])
    z = mu + sigma * np.random.default_rng(4).standard_normal(1000)
    w = _joint_of_square(z) / _normal(z - mu, sigma)
    if w.sum() == 0:
        return tr("every weight is 0: q lies where p(x, z) is nothing. Put it onto one of the peaks.")
    share, ess = np.mean(w) / exact, w.sum() ** 2 / np.sum(w**2)
    if ess < 800:
        return tr(
            "the effective sample size is {ess:.0f}, and more than 800 is asked for: fit q to the peak more closely.",
            ess=ess,
        )
    if share > 0.6:
        return tr("the estimate finds {share:.0%} of p(x), so it is no failure; leave one peak out.", share=share)
    return None


def _joint_of_square(z: np.ndarray) -> np.ndarray:
    """p(x = 1, z) for z ~ N(0, 1), x given z ~ N(z², 0.1²)."""
    return _normal(1 - z**2, 0.1) * _normal(z, 1.0)
