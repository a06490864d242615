"""In double precision, with warnings as errors, in a process of its own, since JAX decides on it once a process."""

import os
import subprocess
import sys
import textwrap

PROGRAM = """
    import jax
    import numpy as np

    import vaelib

    key = jax.random.key(0)
    for dtype in (np.float32, np.float64):
        x = np.random.default_rng(0).uniform(size=(6, 5)).astype(dtype)
        exact = vaelib.LinearGaussianVAE.maximum_likelihood(x, latent=2)
        exact.solve_encoder()
        assert exact.A[...].dtype == exact.W[...].dtype == dtype
        q = exact.encode(x)
        exact.posterior(x), exact.log_evidence(x), exact.exact_elbo(x, q)
        assert exact.posterior_kl(x, q).dtype == dtype
        vaelib.log_evidence(exact, x, key, num_samples=3)

    for likelihood in ("bernoulli", "continuous-bernoulli", "gaussian"):
        model = vaelib.VAE.create(latent=2, hidden=(4,), pixels=5, likelihood=likelihood, sigma="learned")
        model.decode(model.encode(x).mu).sample(key)
        vaelib.elbo(model, x, key, beta=0.5)
    vaelib.importance_weighted_bound(model, x, key, num_samples=3, gradient_samples=2)
    log_w = vaelib.log_weights(model, x, key, num_samples=3, proposal="prior")
    vaelib.effective_sample_size(log_w), vaelib.log_mean_exp(log_w)
    vaelib.log_evidence(model, x, key, num_samples=3), vaelib.prior_log_evidence(model, x, key, num_samples=3)
    vaelib.fit(model, x, key, epochs=1, batch_size=2, held_out=x, binarize=True, progress=False)
    vaelib.active_units(model, x)
"""


def test_everything_runs_in_double_precision():
    program = [sys.executable, "-W", "error", "-c", textwrap.dedent(PROGRAM)]
    result = subprocess.run(program, env=os.environ | {"JAX_ENABLE_X64": "1"}, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
