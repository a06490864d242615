"""KL(q ‖ p), how far q is from p: in closed form where one is known, else the mean of log q(z) - log p(z) over draws.

The closed forms stand in a table by pairs of families, and `register_kl` adds to it. Batch axes broadcast: a prior of
shape (latent,) serves each q of shape (*batch, latent).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from vaelib import checks
from vaelib.checks import AnyArray
from vaelib.compilation import one_program
from vaelib.distributions import Bernoulli, Gaussian
from vaelib.protocols import Distribution, check_reparameterised, checked_log_prob

_CLOSED_FORMS: dict[tuple[type, type], Callable] = {}


def register_kl(q_family: type, p_family: type) -> Callable[[Callable], Callable]:
    """Decorate a closed form `formula(q, p)` of shape (*batch,), in nats, for these two families.

    It serves their subclasses too, unless these have one of their own. A second formula for a pair replaces the first.
    """

    def register(formula: Callable) -> Callable:
        _CLOSED_FORMS[q_family, p_family] = formula
        return formula

    return register


def kl(
    q: Distribution, p: Distribution, key: PRNGKeyArray | None = None, *, num_samples: int | None = None
) -> Float[Array, "*batch"]:
    """KL(q ‖ p) = E_q[log q(z) - log p(z)], summed over the last axis, in nats, shape (*batch,).

    Two Gaussians or two Bernoullis, and what `register_kl` was given, have a closed form; `key` and `num_samples` are
    then not used. Otherwise it is the mean over draws of q: right on average, but an estimate may be negative. Its
    gradient passes through the draws, so q's `sample` has to be reparameterised.

    Args:
        q: the distribution that is averaged over, with parameters of shape (*batch, event).
        p: the distribution that it is compared with, of a shape that broadcasts with q's, such as (event,).
        key: random key of the draws.
        num_samples: draws from each q.

    Raises:
        TypeError: where there is no closed form and `key` or `num_samples` is missing, or q's draws are 0 and 1.
    """
    formula = _closed_form(q, p)
    if formula is not None:
        return formula(q, p)
    if key is None or num_samples is None:
        raise TypeError(
            f"KL({type(q).__name__} ‖ {type(p).__name__}) has no closed form here; estimate it by "
            "kl(q, p, key, num_samples=1000), or add a formula with register_kl"
        )
    z = q.sample(checks.key(key), (checks.positive_int(num_samples, "num_samples"),))
    return _over_draws(q, p, z)


def kl_given_draws(
    q: Distribution, p: Distribution, z: Float[AnyArray, "sample *batch event"]
) -> Float[Array, "*batch"]:
    """KL(q ‖ p) as `kl` has it, where draws z of q are at hand: an estimate uses these."""
    formula = _closed_form(q, p)
    return _over_draws(q, p, z) if formula is None else formula(q, p)


@one_program
def kl_to_standard_normal(q: Gaussian) -> Float[Array, "*batch"]:
    """KL(q ‖ N(0, I)) = ½ Σ_j mu_j² + sigma_j² - log sigma_j² - 1, in nats, summed over the last axis.

    Written with expm1, since sigma² - 1 loses every digit where sigma is near 1. Raises TypeError for another family:
    the closed form is the Gaussian's. Source: Kingma & Welling (2013), appendix B.
    """
    if not isinstance(q, Gaussian):
        raise TypeError(
            f"q must be a Gaussian, got {type(q).__name__}; for another family estimate the KL as the mean of "
            "q.log_prob(z) - p.log_prob(z) over draws z from q, as kl does"
        )
    q.check()
    return 0.5 * jnp.sum(jnp.square(q.mu) + jnp.expm1(q.log_var) - q.log_var, axis=-1)


@register_kl(Gaussian, Gaussian)
@one_program
def _of_gaussians(q: Gaussian, p: Gaussian) -> Float[Array, "*batch"]:
    """The KL is the same in any units of z: in those of p, (z - mu_p) / sigma_p, p is the standard normal."""
    q.check()
    p.check()
    checks.fits(q.mu, p.mu, "q.mu", "p.mu")
    q_mu, q_log_var, p_mu, p_log_var = jnp.broadcast_arrays(q.mu, q.log_var, p.mu, p.log_var)
    return kl_to_standard_normal(Gaussian((q_mu - p_mu) * jnp.exp(-0.5 * p_log_var), q_log_var - p_log_var))


@register_kl(Bernoulli, Bernoulli)
@one_program
def _of_bernoullis(q: Bernoulli, p: Bernoulli) -> Float[Array, "*batch"]:
    """Σ q log(q/p) + (1 - q) log((1 - q)/(1 - p)), with log(1 - sigmoid(a)) = log sigmoid(-a)."""
    q.check()
    p.check()
    checks.fits(q.logits, p.logits, "q.logits", "p.logits")
    a, b = jnp.broadcast_arrays(q.logits, p.logits)
    white = jax.nn.sigmoid(a) * (jax.nn.log_sigmoid(a) - jax.nn.log_sigmoid(b))
    black = jax.nn.sigmoid(-a) * (jax.nn.log_sigmoid(-a) - jax.nn.log_sigmoid(-b))
    return jnp.sum(white + black, axis=-1)


def _closed_form(q: Distribution, p: Distribution) -> Callable | None:
    """The formula for the nearest ancestors of both families, q's first."""
    pairs = ((a, b) for a in type(q).__mro__ for b in type(p).__mro__)
    return next((_CLOSED_FORMS[pair] for pair in pairs if pair in _CLOSED_FORMS), None)


def _over_draws(q: Distribution, p: Distribution, z: Float[AnyArray, "sample *batch event"]) -> Float[Array, "*batch"]:
    check_reparameterised(q)
    shape = z.shape[:-1]
    return jnp.mean(checked_log_prob(q, z, shape) - checked_log_prob(p, z, shape), axis=0)
