"""How long the convolutional network of notebook 11 trains, beside the same network written with `nnx.Conv`.

    python tests/benchmarks/bench_convolutions.py

The convolutions have a stride equal to their kernel, 2 × 2, so both networks have the same products to compute. They
take turns in one run, and their ratio is taken turn by turn, because machines are noisy; quote the ratio.
"""

import click
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

import vaelib
from vaelib.studies.convolutions import ConvVAE, weights


class WithConv(ConvVAE):
    """The same encoder and decoder with Flax's convolutions."""

    def __init__(self, latent: int = 20, *, rngs: nnx.Rngs):
        """Build the six layers."""
        super().__init__(latent, rngs=rngs)
        options = {"kernel_size": (2, 2), "strides": (2, 2), "padding": "VALID", "rngs": rngs}
        self.down = nnx.data([nnx.Conv(1, 16, **options), nnx.Conv(16, 32, **options)])
        self.up = nnx.data([nnx.ConvTranspose(32, 16, **options), nnx.ConvTranspose(16, 1, **options)])

    def encode(self, x) -> vaelib.Gaussian:
        """q(z|x)."""
        h = x.reshape(*x.shape[:-1], 28, 28, 1)
        for layer in self.down:
            h = nnx.relu(layer(h))
        return vaelib.Gaussian(*jnp.split(self.to_q(h.reshape(*x.shape[:-1], -1)), 2, axis=-1))

    def decode(self, z) -> vaelib.Bernoulli:
        """p(x|z)."""
        h = self.from_z(z).reshape(*z.shape[:-1], 7, 7, 32)
        for layer in self.up:
            h = layer(nnx.relu(h))
        return vaelib.Bernoulli(h.reshape(*z.shape[:-1], 784))


def seconds(build, images, epochs: int = 3) -> float:
    """The fastest epoch; the first one, which compiles, is left out."""
    model = build(rngs=nnx.Rngs(0))
    history = vaelib.fit(model, images, jax.random.key(0), epochs=1 + epochs, binarize=True, progress=False)
    return min(history.seconds[1:])


@click.command()
@click.option("--turns", default=5, show_default=True, help="How often both take a turn.")
@click.option("--images", "count", default=5_000, show_default=True, help="Images of an epoch, in batches of 128.")
def main(turns: int, count: int):
    """Print the seconds of an epoch of both networks, and their ratio."""
    images, _ = vaelib.load_mnist("train", source="bundled", limit=count)
    sizes = [weights(nnx.eval_shape(lambda build=build: build(rngs=nnx.Rngs(0)))) for build in (ConvVAE, WithConv)]
    click.echo(f"{jax.devices()[0].device_kind}: {sizes[0]:,} weights, with nnx.Conv {sizes[1]:,}")
    found = np.array([[seconds(build, images) for build in (ConvVAE, WithConv)] for _ in range(turns)])
    for name, column in zip(("squares and nnx.Linear", "nnx.Conv"), found.T, strict=True):
        click.echo(f"{name:<24}{np.median(column):6.2f} s an epoch   ({column.min():.2f} to {column.max():.2f})")
    ratio = found[:, 1] / found[:, 0]
    click.echo(f"{'ratio':<24}{np.median(ratio):6.1f}              ({ratio.min():.1f} to {ratio.max():.1f})")


if __name__ == "__main__":
    main()
