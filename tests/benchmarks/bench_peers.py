"""The test loss that vaelib reaches in the settings of two other libraries' VAE examples, after as many epochs.

    python tests/benchmarks/bench_peers.py                    (needs the tfds extra and the full MNIST)

    PyTorch's example    784-400-z20, relu, grey pixels, 10 epochs
    NumPyro's example    784-400-z50, softplus, pixels drawn black or white, 5 epochs (the example takes 15)

Where torch or numpyro is installed (`pip install -e ".[benchmark]"`), its example is trained anew beside vaelib.

Both take batches of 128 and Adam of step size 0.001. The loss is minus the ELBO of the 10,000 test images at one draw
of z an image, in nats per image. The README of kampta/pytorch-distributions reports 105.59 for PyTorch's example.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import click
import jax
import jax.numpy as jnp
import numpy as np

import vaelib

BATCH, PIXELS, HIDDEN, STEP_SIZE = 128, 784, 400, 1e-3


@dataclass(frozen=True)
class Setting:
    """One library's example."""

    name: str
    latent: int
    activation: str
    binarize: bool
    epochs: int


def with_vaelib(setting: Setting, images, test_images, seed: int, *, initial: str = "normal") -> float:
    """The library's own training, from first weights of either kind."""
    sizes = {"latent": setting.latent, "hidden": (HIDDEN,), "activation": setting.activation}
    model = vaelib.VAE.create(seed=seed, initial=initial, **sizes)
    options = {"epochs": setting.epochs, "batch_size": BATCH, "learning_rate": STEP_SIZE, "progress": False}
    options |= {"held_out": test_images, "binarize": setting.binarize}
    return -vaelib.fit(model, images, jax.random.key(seed), **options).held_out["elbo"][-1]


def with_torch(setting: Setting, images, test_images, seed: int) -> float:
    """PyTorch's example: its layers as they come, every image in each epoch."""
    import torch
    from torch.nn import Linear
    from torch.nn.functional import binary_cross_entropy_with_logits

    torch.manual_seed(seed)
    trunk, mean, log_variance = Linear(PIXELS, HIDDEN), Linear(HIDDEN, setting.latent), Linear(HIDDEN, setting.latent)
    decoder = torch.nn.Sequential(Linear(setting.latent, HIDDEN), torch.nn.ReLU(), Linear(HIDDEN, PIXELS))
    parameters = [p for layer in (trunk, mean, log_variance, decoder) for p in layer.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=STEP_SIZE)

    def loss(x):
        h = torch.relu(trunk(x))
        mu, log_var = mean(h), log_variance(h)
        z = mu + torch.exp(0.5 * log_var) * torch.randn_like(mu)
        error = binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
        return error - 0.5 * torch.sum(1 + log_var - mu**2 - log_var.exp())

    data = torch.from_numpy(images)
    for _ in range(setting.epochs):
        for rows in torch.randperm(len(data)).split(BATCH):
            optimizer.zero_grad()
            loss(data[rows]).backward()
            optimizer.step()
    with torch.no_grad():
        return loss(torch.from_numpy(test_images)).item() / len(test_images)


def with_numpyro(setting: Setting, images, test_images, seed: int) -> float:
    """NumPyro's example: its initial weights of spread 0.01, images drawn black or white afresh in each batch."""
    import numpyro.distributions as dist
    from jax.example_libraries import stax
    from numpyro import module, optim, plate, sample
    from numpyro.infer import SVI, Trace_ELBO

    def dense(width):
        return stax.Dense(width, W_init=stax.randn())

    spread = stax.serial(dense(setting.latent), stax.Exp)
    heads = stax.serial(stax.FanOut(2), stax.parallel(dense(setting.latent), spread))
    encoder = stax.serial(dense(HIDDEN), stax.Softplus, heads)
    decoder = stax.serial(dense(HIDDEN), stax.Softplus, dense(PIXELS), stax.Sigmoid)

    def model(x):
        decode = module("decoder", decoder, (len(x), setting.latent))
        with plate("batch", len(x)):
            z = sample("z", dist.Normal(0, 1).expand([setting.latent]).to_event(1))
            sample("x", dist.Bernoulli(decode(z)).to_event(1), obs=x)

    def guide(x):
        mu, sigma = module("encoder", encoder, (len(x), PIXELS))(x)
        with plate("batch", len(x)):
            sample("z", dist.Normal(mu, sigma).to_event(1))

    svi = SVI(model, guide, optim.Adam(STEP_SIZE), Trace_ELBO())

    @jax.jit
    def epoch(state, images, key):
        order_key, pixel_key = jax.random.split(key)
        order = jax.random.permutation(order_key, len(images))[: len(images) // BATCH * BATCH].reshape(-1, BATCH)
        keys = jax.random.split(pixel_key, len(order))

        def step(state, planned):
            rows, key = planned
            return svi.update(state, jax.random.bernoulli(key, images[rows]).astype(jnp.float32))

        return jax.lax.scan(step, state, (order, keys))[0]

    pixel_key, start_key, *keys = jax.random.split(jax.random.key(seed), 2 + setting.epochs)
    binary = jax.random.bernoulli(pixel_key, test_images).astype(jnp.float32)
    state = svi.init(start_key, binary[:BATCH])
    for key in keys:
        state = epoch(state, jnp.asarray(images), key)
    return float(svi.evaluate(state, binary)) / len(binary)


PEERS: dict[str, tuple[Setting, dict[str, Callable]]] = {
    "torch": (
        Setting("784-400-z20, relu, grey pixels", 20, "relu", False, 10),
        {
            "PyTorch's example": with_torch,
            "vaelib": with_vaelib,
            'vaelib, initial="uniform"': partial(with_vaelib, initial="uniform"),
        },
    ),
    "numpyro": (
        Setting("784-400-z50, softplus, pixels black or white", 50, "softplus", True, 5),
        {
            "NumPyro's example": with_numpyro,
            "vaelib": with_vaelib,
            'vaelib, initial="uniform"': partial(with_vaelib, initial="uniform"),
        },
    ),
}


def spread(losses: list[float]) -> str:
    """The mean over seeds, its standard error where there are several, and the losses."""
    error = f" ± {np.std(losses, ddof=1) / len(losses) ** 0.5:.2f}" if len(losses) > 1 else ""
    return f"{np.mean(losses):.2f}{error}  ({', '.join(f'{loss:.2f}' for loss in losses)})"


@click.command()
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="Trainings of each.")
@click.option("--epochs", type=click.IntRange(1), help="Instead of 10 and 5.")
@click.option("--images", "count", type=click.IntRange(BATCH), help="Of each set, instead of all.")
def main(seeds, epochs, count):
    """Print the losses, seed by seed, and then their means."""
    images, _ = vaelib.load_mnist("train", source="tfds", limit=count)
    test_images, _ = vaelib.load_mnist("test", source="tfds", limit=count)
    for package, (setting, trainings) in PEERS.items():
        setting = setting if epochs is None else replace(setting, epochs=epochs)
        click.echo(f"{setting.name}, {setting.epochs} epochs")
        losses: dict[str, list[float]] = {}
        for seed in range(seeds):
            for name, train in trainings.items():
                if name.startswith("vaelib") or importlib.util.find_spec(package):
                    losses.setdefault(name, []).append(train(setting, images, test_images, seed))
                    click.echo(f"  seed {seed}  {name:<30} {losses[name][-1]:.2f}")
        for name, found in losses.items():
            click.echo(f"  {name:<30} {spread(found)}")


if __name__ == "__main__":
    main()
