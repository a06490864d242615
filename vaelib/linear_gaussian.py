"""Probabilistic PCA seen as a VAE: the one model of the series in which every quantity has an exact value.

    z ~ N(0, I),   x | z ~ N(W z + b, sigma² I)

Its evidence and its posterior are Gaussian and known, so everything that is only estimated or bounded elsewhere can be
held against the truth here. Source: Tipping & Bishop (1999), "Probabilistic principal component analysis".
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from vaelib import checks
from vaelib.checks import AnyArray
from vaelib.compilation import one_program
from vaelib.distributions import LOG_2PI, Gaussian, standard_normal
from vaelib.divergence import kl_to_standard_normal
from vaelib.objectives import Terms


def _dot(a, b):
    """The matrix product in full float32: GPUs and TPUs round it to fewer bits unless asked."""
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


class LinearGaussianVAE(nnx.Module):
    """A VAE with decoder z -> N(W z + b, sigma² I) and linear encoder x -> q(z|x) = N(A (x - b), diag exp log_var).

    Trainable: W (pixel, latent), b (pixel,), log sigma², and the encoder's A (latent, pixel) and log_var (latent,). A
    new encoder is the prior, which knows nothing of x; `solve_encoder` sets it to the best of its family.
    """

    def __init__(self, W: Float[AnyArray, "pixel latent"], b: Float[AnyArray, " pixel"], sigma: float | int):
        """Take the decoder's parameters.

        Raises:
            TypeError, ValueError: where W is no matrix, b does not fit it, or sigma is not positive, or so small that
                numbers of this precision do not tell x from W z + b.
        """
        W, b = jax.device_put((checks.floating(W, "W"), checks.floating(b, "b")))
        if W.ndim != 2 or b.shape != W.shape[:1]:
            raise ValueError(
                f"W must have shape (pixel, latent) and b (pixel,), got {W.shape} and {b.shape}; use W[:, None] for "
                "one latent dimension"
            )
        checks.number(sigma, "sigma", low=0.0, open_low=True)
        self.pixels, self.latent = map(int, W.shape)
        self.W, self.b = nnx.Param(checks.finite(W, "W")), nnx.Param(checks.finite(b, "b"))
        _check_resolution(sigma, W, b)
        # Made by NumPy, so that a model of a new size compiles nothing.
        self.log_sigma2 = nnx.Param(jax.device_put(np.asarray(2 * np.log(sigma), W.dtype)))
        self.A = nnx.Param(jax.device_put(np.zeros((self.latent, self.pixels), W.dtype)))
        self.log_var = nnx.Param(jax.device_put(np.zeros(self.latent, W.dtype)))

    @classmethod
    def create(cls, *, seed: int = 0, latent: int, pixels: int, sigma: float | int = 1.0):
        """A model with W drawn from N(0, 1) and b = 0."""
        shape = (checks.positive_int(pixels, "pixels"), checks.positive_int(latent, "latent"))
        W = jax.random.normal(jax.random.key(checks.seed(seed)), shape)
        return cls(W, np.zeros(pixels, W.dtype), sigma)

    @classmethod
    def maximum_likelihood(cls, x: Float[AnyArray, "batch pixel"], latent: int):
        """The model that maximises the evidence of the data x, in closed form: principal components.

        W = U (Λ - sigma² I)^½ of the leading eigenvectors U of the data's covariance, sigma² the mean of the discarded
        eigenvalues (Tipping & Bishop, equations 7 and 8).
        """
        checks.positive_int(latent, "latent")
        x = np.asarray(checks.finite(checks.floating(x, "x"), "x"))
        if x.ndim != 2 or not latent < min(x.shape):
            raise ValueError(
                f"x must have shape (batch, pixel), both above latent = {latent}, got {x.shape}; take more data, or "
                "fewer latent dimensions"
            )
        b = np.mean(x, axis=0)
        _, singular, vectors = np.linalg.svd(x - b, full_matrices=False)
        eigenvalues = singular**2 / x.shape[0]
        sigma2 = np.sum(eigenvalues[latent:]) / (x.shape[1] - latent)
        if not sigma2 > 0:
            raise ValueError(
                f"x must vary in more than latent = {latent} directions, or the best sigma is 0; take fewer"
            )
        scale = np.sqrt(np.maximum(eigenvalues[:latent] - sigma2, 0.0))
        return cls(vectors[:latent].T * scale, b, float(np.sqrt(sigma2)))

    @property
    def config(self) -> dict:
        """The arguments that rebuild a model of these sizes, ready for JSON."""
        return {"class": type(self).__name__, "latent": self.latent, "pixels": self.pixels}

    @one_program
    def encode(self, x: Float[AnyArray, "*batch pixel"]) -> Gaussian:
        """q(z|x), shape (*batch, latent)."""
        mu = _dot(self._centred(x), self.A[...].T)
        return Gaussian(mu=mu, log_var=jnp.broadcast_to(self.log_var[...], mu.shape))

    @one_program
    def decode(self, z: Float[AnyArray, "*batch latent"]) -> Gaussian:
        """p(x|z) = N(W z + b, sigma² I), shape (*batch, pixel)."""
        product = _dot(checks.last_axis(checks.floating(z, "z"), self.latent, "z", "latent dimension"), self.W[...].T)
        mu = product + jnp.broadcast_to(self.b[...], product.shape)
        return Gaussian(mu=mu, log_var=jnp.broadcast_to(self.log_sigma2[...], mu.shape))

    def prior(self) -> Gaussian:
        """p(z) = N(0, I), shape (latent,); the exact quantities below hold for this prior alone."""
        return standard_normal((self.latent,))

    def check_data(self, x) -> Float[AnyArray, "batch pixel"]:
        """Real vectors (batch, pixel) of any range; anything else is refused."""
        return checks.batch_of(x, self.pixels, "x", "pixel")

    @one_program
    def precision(self) -> Float[Array, "latent latent"]:
        """M = I + Wᵀ W / sigma², the inverse covariance of the posterior, the same for every x."""
        return jnp.eye(self.latent, dtype=self.W[...].dtype) + _dot(self.W[...].T, self.W[...]) * jnp.exp(
            -self.log_sigma2[...]
        )

    @one_program
    def posterior(self, x: Float[AnyArray, "*batch pixel"]):
        """The exact p(z|x) = N(M⁻¹ Wᵀ (x - b) / sigma², M⁻¹).

        Returns:
            mean of shape (*batch, latent) and covariance of shape (latent, latent).
        """
        covariance = jnp.linalg.inv(self.precision())
        gain = _dot(covariance, self.W[...].T) * jnp.exp(-self.log_sigma2[...])
        return _dot(self._centred(x), gain.T), covariance

    @one_program
    def log_evidence(self, x: Float[AnyArray, "*batch pixel"]) -> Float[Array, "*batch"]:
        """The exact log p(x) = log N(x; b, W Wᵀ + sigma² I), in nats.

        With the posterior mean m, the quadratic form is ‖x - b - W m‖² / sigma² + ‖m‖², a sum of squares that does not
        cancel where sigma is small; the determinant is |M| sigma^(2 pixel).
        """
        m, _ = self.posterior(x)
        residual = self._centred(x) - _dot(m, self.W[...].T)
        quadratic = jnp.sum(jnp.square(residual), -1) * jnp.exp(-self.log_sigma2[...]) + jnp.sum(jnp.square(m), -1)
        log_det = jnp.linalg.slogdet(self.precision())[1] + self.pixels * self.log_sigma2[...]
        return -0.5 * (quadratic + log_det + self.pixels * LOG_2PI)

    @one_program
    def exact_elbo(self, x: Float[AnyArray, "*batch pixel"], q: Gaussian) -> Terms:
        """The ELBO of any diagonal Gaussian q with its expectation in closed form, Terms of shape (*batch,), in nats.

        E_q‖x - b - W z‖² = ‖x - b - W mu‖² + Σ_j sigma_j² ‖W_j‖².
        """
        residual = self._centred(x) - _dot(self._codes(q), self.W[...].T)
        spread = _dot(jnp.exp(q.log_var), jnp.sum(jnp.square(self.W[...]), axis=0))
        squared_error = jnp.sum(jnp.square(residual), -1) + spread
        recon = -0.5 * squared_error * jnp.exp(-self.log_sigma2[...])
        recon -= 0.5 * self.pixels * (self.log_sigma2[...] + LOG_2PI)
        kl = kl_to_standard_normal(q)
        return Terms(recon=recon, kl=kl, elbo=recon - kl)

    @one_program
    def posterior_kl(self, x: Float[AnyArray, "*batch pixel"], q: Gaussian) -> Float[Array, "*batch"]:
        """The exact gap KL(q ‖ p(z|x)) = ½ (tr M Σ_q + (mu - m)ᵀ M (mu - m) - latent - log|M| - log|Σ_q|), in nats."""
        m, _ = self.posterior(x)
        M = self.precision()
        shift = self._codes(q) - m
        distance = jnp.sum(shift * _dot(shift, M), axis=-1)
        trace = _dot(jnp.exp(q.log_var), jnp.diag(M))
        log_det_q = jnp.sum(q.log_var, axis=-1)
        return 0.5 * (trace + distance - self.latent - jnp.linalg.slogdet(M)[1] - log_det_q)

    @one_program
    def solve_encoder(self) -> None:
        """Set the encoder to the diagonal Gaussian nearest to the posterior: its mean, and variances 1 / diag M.

        Where M is diagonal (W has orthogonal columns) q is then the posterior and the gap is 0.
        """
        M = self.precision()
        self.A[...] = jnp.linalg.solve(M, self.W[...].T) * jnp.exp(-self.log_sigma2[...])
        self.log_var[...] = -jnp.log(jnp.diag(M))

    def _codes(self, q):
        return checks.last_axis(q.mu, self.latent, "q.mu", "latent dimension")

    def _centred(self, x):
        checks.last_axis(checks.floating(x, "x"), self.pixels, "x", "pixel")
        return x - jnp.broadcast_to(self.b[...], x.shape)


def _check_resolution(sigma: float, W: AnyArray, b: AnyArray) -> None:
    """Refuse a sigma below the rounding of x: ‖x - b - W m‖² / sigma² in the evidence would be rounding alone."""
    if checks.is_traced(W):
        return
    largest = max(float(np.abs(np.asarray(values)).max(initial=0.0)) for values in (W, b))
    least = 4 * float(jnp.finfo(W.dtype).eps) * largest
    if sigma < least:
        raise ValueError(
            f"sigma must be at least {least:.1g}, the rounding of {W.dtype} at W and b up to {largest:.3g}, got "
            f"{sigma:g}; give the model arrays of float64, with jax.config.update('jax_enable_x64', True)"
        )
