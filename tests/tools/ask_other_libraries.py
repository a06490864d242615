"""Ask the samplers and the KLs of other libraries what they do, and keep their answers for notebooks 04 and 05.

    python tests/tools/ask_other_libraries.py     needs one or more of torch, tensorflow, tensorflow-probability with
                                                  tf-keras, numpyro, distrax; asks those it finds, and keeps the answers
                                                  of the others that vaelib/studies/results/other-libraries.json holds

Each sampler draws z whose mean is its parameter m, so the derivative of E[z] in m is 1. What arrives at m is the mean
over 2,000 draws; None where the library says that there is no derivative.
"""

import importlib.metadata
import importlib.util
import json
from functools import partial
from pathlib import Path

import numpy as np

from vaelib.files import write_json

TABLE = Path(__file__).parents[2] / "vaelib" / "studies" / "results" / "other-libraries.json"
M, DRAWS = 0.4, 2_000
GAUSSIANS = [(0.0, 1.0), (1.5, 0.6), (-2.0, 0.1), (0.3, 2.0)]  # mu and sigma of q; p = N(0, 1)


def summed(slopes) -> dict:
    """Mean and standard error of the derivatives of single draws, in float64."""
    slopes = np.asarray(slopes, np.float64)
    return {"mean": float(slopes.mean()), "error": float(slopes.std() / len(slopes) ** 0.5)}


def ask_torch() -> dict:
    """Ask PyTorch; a derivative that never existed is None, one that is zero everywhere is 0."""
    import torch
    from torch.distributions import Bernoulli, Gamma, Normal, kl_divergence

    def derivative(draw):
        torch.manual_seed(0)
        m = torch.full((DRAWS,), M, requires_grad=True)
        z = draw(m)
        if not z.requires_grad:
            return None
        z.sum().backward()
        return summed(m.grad)

    draws = {
        "Normal(m, 1).sample()": lambda m: Normal(m, 1.0).sample(),
        "Normal(m, 1).rsample()": lambda m: Normal(m, 1.0).rsample(),
        "torch.normal(m, 1)": lambda m: torch.normal(m, 1.0),
        "Gamma(m, 1).rsample()": lambda m: Gamma(m, 1.0).rsample(),
        "Bernoulli(m).sample()": lambda m: Bernoulli(m).sample(),
    }
    kls = [
        kl_divergence(Normal(mu, torch.tensor(sigma, dtype=torch.float64)), Normal(0.0, 1.0)).item()
        for mu, sigma in GAUSSIANS
    ]
    return {"samplers": {call: derivative(draw) for call, draw in draws.items()}, "kl": kls}


def of_tensorflow(draws: dict) -> dict:
    """The derivatives as TensorFlow's tape has them."""
    import tensorflow as tf

    def derivative(draw):
        tf.random.set_seed(0)
        m = tf.fill([DRAWS], M)
        with tf.GradientTape() as tape:
            tape.watch(m)
            z = tf.cast(draw(m), tf.float32)
        slopes = tape.gradient(z, m)
        return None if slopes is None else summed(slopes)

    return {call: derivative(draw) for call, draw in draws.items()}


def ask_tensorflow() -> dict:
    """Ask TensorFlow's own random numbers, those of its version 1 among them."""
    import tensorflow as tf

    draws = {
        "random.normal(shape, m, 1)": lambda m: tf.random.normal([DRAWS], m, 1.0),
        "compat.v1.random_normal(shape, m, 1)": lambda m: tf.compat.v1.random_normal([DRAWS], m, 1.0),
        "random.gamma(shape, m)": lambda m: tf.random.gamma([], m),
    }
    return {"samplers": of_tensorflow(draws)}


def ask_tensorflow_probability() -> dict:
    """Ask TensorFlow Probability's distributions."""
    from tensorflow_probability import distributions as tfd

    draws = {
        "Normal(m, 1).sample()": lambda m: tfd.Normal(m, 1.0).sample(),
        "Gamma(m, 1).sample()": lambda m: tfd.Gamma(m, 1.0).sample(),
        "Bernoulli(probs=m).sample()": lambda m: tfd.Bernoulli(probs=m).sample(),
    }
    double = partial(np.asarray, dtype=np.float64)
    kls = [tfd.Normal(*map(double, q)).kl_divergence(tfd.Normal(*map(double, (0, 1)))) for q in GAUSSIANS]
    return {"samplers": of_tensorflow(draws), "kl": [float(kl) for kl in kls]}


def of_jax(draws: dict) -> dict:
    """The derivatives as JAX has them."""
    import jax

    keys = jax.random.split(jax.random.key(0), DRAWS)
    slopes = {
        call: jax.vmap(jax.grad(lambda m, key, draw=draw: 1.0 * draw(m, key)), (None, 0))
        for call, draw in draws.items()
    }
    return {call: summed(slope(M, keys)) for call, slope in slopes.items()}


def ask_numpyro() -> dict:
    """Ask NumPyro."""
    import jax
    from numpyro.distributions import Bernoulli, Gamma, Normal, kl_divergence

    draws = {
        "Normal(m, 1).sample(key)": lambda m, key: Normal(m, 1.0).sample(key),
        "Gamma(m, 1).sample(key)": lambda m, key: Gamma(m, 1.0).sample(key),
        "Bernoulli(m).sample(key)": lambda m, key: Bernoulli(m).sample(key),
    }
    with jax.enable_x64(True):
        kls = [float(kl_divergence(Normal(*q), Normal(0.0, 1.0))) for q in GAUSSIANS]
    return {"samplers": of_jax(draws), "kl": kls}


def ask_distrax() -> dict:
    """Ask Distrax."""
    import distrax
    import jax

    draws = {
        "Normal(m, 1).sample(seed=key)": lambda m, key: distrax.Normal(m, 1.0).sample(seed=key),
        "Gamma(m, 1).sample(seed=key)": lambda m, key: distrax.Gamma(m, 1.0).sample(seed=key),
        "Bernoulli(probs=m).sample(seed=key)": lambda m, key: distrax.Bernoulli(probs=m).sample(seed=key),
    }
    with jax.enable_x64(True):
        kls = [float(distrax.Normal(*q).kl_divergence(distrax.Normal(0.0, 1.0))) for q in GAUSSIANS]
    return {"samplers": of_jax(draws), "kl": kls}


LIBRARIES = {
    "torch": ask_torch,
    "tensorflow": ask_tensorflow,
    "tensorflow-probability": ask_tensorflow_probability,
    "numpyro": ask_numpyro,
    "distrax": ask_distrax,
}


def version_of(library: str) -> str:
    """The installed version, whichever build it is."""
    (build, *_) = importlib.metadata.packages_distributions()[library.replace("-", "_")]
    return importlib.metadata.version(build)


def main() -> None:
    """Ask what is installed."""
    answers = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else {}
    for library, ask in LIBRARIES.items():
        if importlib.util.find_spec(library.replace("-", "_")):
            answers[library] = {"version": version_of(library), **ask()}
    write_json(TABLE, {"m": M, "draws": DRAWS, "gaussians": GAUSSIANS} | answers)


if __name__ == "__main__":
    main()
