"""Checkers for notebook 03, the evidence lower bound."""

from collections.abc import Callable

import numpy as np

from vaelib.exercises.verdict import checker, compare
from vaelib.languages import tr


@checker
def check_jensen_gap(answer: Callable[[float, float], float]) -> str | None:
    """Log E[Y] is m + s²/2 and E[log Y] is m, so the gap is s²/2: half the variance of log Y, wherever m is."""
    rng = np.random.default_rng(0)
    for m, s in zip(rng.uniform(-1.0, 1.0, 4), rng.uniform(0.4, 1.2, 4), strict=True):
        got, wanted = np.asarray(answer(m, s)), s**2 / 2
        if got.shape == () and np.isclose(got, -wanted, rtol=0.03):
            return tr("that is E[log Y] - log E[Y]; the gap is the larger minus the smaller.")
        if got.shape == () and np.isclose(got, m + wanted, rtol=0.03):
            return tr("that is log E[Y] alone; subtract E[log Y].")
        if got.shape == () and np.isclose(got, np.exp(m + wanted), rtol=0.03):
            return tr("that is E[Y]; take its logarithm, and subtract E[log Y].")
        # The tolerance leaves room for an answer by simulation, and none for another power of s.
        if complaint := compare(got, wanted, tr("the gap at m = {m:.2f}, s = {s:.2f}", m=m, s=s), rtol=0.03):
            return complaint
    return None


@checker
def check_elbo_on_grid(answer: Callable[[np.ndarray, np.ndarray, np.ndarray], float]) -> str | None:
    """Your ELBO agrees with the exact one for new models, new images and new q, Gaussian or not."""
    rng = np.random.default_rng(1)
    for _ in range(4):
        z = np.linspace(-14.0, 14.0, int(rng.integers(2500, 4000)))
        dz = z[1] - z[0]
        center, scale, x = rng.uniform(-1.0, 1.0), rng.uniform(0.5, 1.3), rng.uniform(-2.0, 2.0)
        log_joint = -0.5 * z**2 - 0.5 * (x - rng.uniform(0.5, 2.0) * z) ** 2 - np.log(2 * np.pi)
        log_q = -np.logaddexp(u := (z - center) / scale, -u) * 2 - np.log(scale / 2)  # a logistic bump, integral 1
        q = np.exp(log_q)
        wanted = np.sum(q * (log_joint - log_q)) * dz
        got = np.asarray(answer(z, log_joint, log_q))
        near = {
            np.sum(q * (log_joint - log_q)): tr("is the width of a grid cell, z[1] - z[0], missing from the sum?"),
            np.sum(q * log_joint) * dz: tr("that is E_q[log p(x, z)]; the ELBO also subtracts E_q[log q]."),
            np.log(np.sum(np.exp(log_joint)) * dz): tr(
                "that is log p(x) itself: put the logarithm inside the average."
            ),
            -wanted: tr("the sign is turned: the ELBO is E_q[log p(x, z) - log q]."),
        }
        for wrong, hint in near.items():
            if got.shape == () and np.isclose(got, wrong, rtol=1e-4) and not np.isclose(wrong, wanted, rtol=1e-3):
                return hint
        if complaint := compare(got, wanted, tr("the ELBO"), rtol=1e-3, atol=1e-3):
            return complaint
    return None


@checker
def check_read_off(answer: Callable[[float, float, float], tuple[float, float]]) -> str | None:
    """ELBO = recon - KL to the prior, and log p(x) = ELBO + KL to the posterior: two lines, two different KLs."""
    rng = np.random.default_rng(2)
    for _ in range(4):
        recon, kl, gap = -rng.uniform(60.0, 120.0), rng.uniform(5.0, 30.0), rng.uniform(1.0, 9.0)
        got = np.asarray(answer(recon - kl, kl, recon - kl + gap), float)
        if got.shape == (2,) and np.allclose(got, (gap, recon)):
            return tr("both numbers are right, in the other order: return recon, gap.")
        if got.shape == (2,) and np.isclose(got[0], recon - 2 * kl):
            return tr("recon is the ELBO with the KL to the prior given back, not taken away again.")
        if got.shape == (2,) and np.isclose(got[1], -gap):
            return tr("the gap is a KL, so it cannot be negative: which of the two is larger, log p(x) or the ELBO?")
        if complaint := compare(got, np.array([recon, gap]), "(recon, gap)", rtol=1e-4):
            return complaint
    return None


@checker
def check_deaf_encoder(answer: Callable[[], tuple[float, float]]) -> str | None:
    """A q that is nearly the prior has no KL to pay, and knows nothing of x: two KLs, and they can disagree by far."""
    got = np.asarray(answer(), float)
    if got.shape != (2,):
        return tr("return two numbers, mu and s, got shape {got}.", got=got.shape)
    mu, s = got
    if not s > 0:
        return tr("s is a standard deviation, so it must be positive, got {s:.3g}.", s=s)
    kl = 0.5 * (mu**2 + s**2 - np.log(s**2) - 1)
    mean, variance = 8 * 3.2 / 17, 1 / 17
    gap = 0.5 * ((s**2 + (mu - mean) ** 2) / variance - 1 - np.log(s**2 / variance))
    if kl >= 0.1:
        return tr(
            "the KL to the prior is {kl:.2f} nats, and should be below 0.1; the gap is {gap:.1f}.", kl=kl, gap=gap
        )
    if gap <= 10:
        return tr("the gap is {gap:.1f} nats, and should be above 10; the KL to the prior is {kl:.2f}.", gap=gap, kl=kl)
    return None


@checker
def check_misleading_data(answer: Callable[[], np.ndarray]) -> str | None:
    """The ELBO prefers the model that its q can explain; log p(x) prefers the other."""
    x = np.ravel(np.asarray(answer(), float))
    if not x.size or not np.isfinite(x).all():
        return tr("return an array of at least one number.")
    slope = np.array([2.0, 1.0])
    evidence_variance, posterior_variance = slope**2 + 0.25, 0.25 / (slope**2 + 0.25)
    log_px = -0.5 * (np.mean((x - 1) ** 2) / evidence_variance + np.log(2 * np.pi * evidence_variance))
    gap = 0.5 * (0.36 / posterior_variance - 1 - np.log(0.36 / posterior_variance))
    by_evidence, by_elbo = log_px[0] - log_px[1], (log_px - gap)[0] - (log_px - gap)[1]
    if by_evidence * by_elbo < 0:
        return None
    return tr(
        "on these data slope 2 minus slope 1 is {by_evidence:.2f} nats in log p(x) and {by_elbo:.2f} in the ELBO: "
        "both prefer slope {slope}.",
        by_evidence=by_evidence,
        by_elbo=by_elbo,
        slope=2 if by_elbo > 0 else 1,
    )
