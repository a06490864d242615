"""How fast `fit` trains, beside a hand-written loop, its matrix products alone, and PyTorch; how soon a new process has
trained an epoch; and how much memory `log_evidence` takes.

    python tests/benchmarks/bench_training.py                 (pip install -e ".[benchmark]" for the PyTorch lines)
    python tests/benchmarks/bench_training.py --batch 128 --batch 2048 --batch 16384 --peak TFLOPS        (on a GPU)

Variants take turns in one run, and their ratios are taken turn by turn, because machines are noisy; quote the ratios.
All train the same network, 784-500-500-z20-500-500-784 with Bernoulli pixels, on the bundled 10,000 digits, with Adam
and batches of 128, or of those sizes that are asked for: there are at least 8 batches, for which digits are repeated.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
import textwrap
import time
from functools import partial

import click
import jax
import jax.numpy as jnp
import numpy as np
import optax

import vaelib

LATENT, HIDDEN = 20, 500
SIZES = [(784, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, 2 * LATENT), (LATENT, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, 784)]
FEWEST_STEPS = 8
FIRST_EPOCH = textwrap.dedent("""
    import sys, jax, vaelib
    vaelib.cache_compiled_programs(sys.argv[1])
    images, _ = vaelib.load_mnist("train", limit=10_000)
    vaelib.fit(vaelib.VAE.create(latent=20), images, jax.random.key(0), epochs=1, progress=False)
""")
EVIDENCE = textwrap.dedent("""
    import resource, sys, jax, vaelib
    images, _ = vaelib.load_mnist("test", limit=200)
    model, samples = vaelib.VAE.create(latent=20), int(sys.argv[1])
    vaelib.log_evidence(model, images, jax.random.key(0), num_samples=samples).block_until_ready()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
""")


def product_flops(batch: int) -> int:
    """The floating-point operations of one step's matrix products.

    A layer of a → b units takes 2 · batch · a · b of them forward, as many for its weights' gradient, and as many for
    its inputs' gradient, which the first layer does without: 2 · batch · (3 Σ a b − a₁ b₁).
    """
    products = [a * b for a, b in SIZES]
    return 2 * batch * (3 * sum(products) - products[0])


def hand_written(images, batch_size):
    """The least code that trains this VAE in JAX: no module, no history, no checks."""
    optimizer = optax.adam(1e-3)

    def forward(layers, h):
        for weight, bias in layers[:-1]:
            h = jax.nn.relu(h @ weight + bias[None])
        return h @ layers[-1][0] + layers[-1][1][None]

    def loss(params, x, key):
        mu, log_var = jnp.split(forward(params[:3], x), 2, axis=-1)
        z = mu + jnp.exp(0.5 * log_var) * jax.random.normal(key, mu.shape)
        a = forward(params[3:], z)
        recon = jnp.sum(x * a - jnp.maximum(a, 0) - jnp.log1p(jnp.exp(-jnp.abs(a))), axis=-1)
        kl = 0.5 * jnp.sum(mu**2 + jnp.exp(log_var) - log_var - 1, axis=-1)
        return jnp.mean(kl - recon)

    @partial(jax.jit, donate_argnums=0)
    def epoch(state, images, key):
        order_key, draw_key = jax.random.split(key)
        steps = len(images) // batch_size
        batches = jax.random.permutation(order_key, len(images))[: steps * batch_size].reshape(steps, batch_size)

        def step(state, numbered_batch):
            params, optimizer_state = state
            i, batch = numbered_batch
            value, gradient = jax.value_and_grad(loss)(params, images[batch], jax.random.fold_in(draw_key, i))
            updates, optimizer_state = optimizer.update(gradient, optimizer_state, params)
            return (optax.apply_updates(params, updates), optimizer_state), value

        return jax.lax.scan(step, state, (jnp.arange(steps), batches))

    keys = jax.random.split(jax.random.key(0), len(SIZES))
    params = [(jax.random.normal(k, s) / s[0] ** 0.5, jnp.zeros(s[1])) for k, s in zip(keys, SIZES, strict=True)]
    state, data = (params, optimizer.init(params)), jnp.asarray(images)

    def run(epochs):
        nonlocal state
        for i in range(epochs):
            state, values = epoch(state, data, jax.random.key(i))
            values.block_until_ready()

    return run


def with_fit(images, batch_size):
    """The library's loop, called as a reader would."""
    model = vaelib.VAE.create(latent=LATENT, hidden=(HIDDEN, HIDDEN))
    data = jnp.asarray(images)
    return lambda epochs: vaelib.fit(
        model, data, jax.random.key(0), epochs=epochs, batch_size=batch_size, progress=False
    )


def matrix_products(images, batch_size):
    """The matrix products of the same steps in the same shapes, forward and back, and nothing else of them."""

    def products(x, weights):
        """One layer after the other: h W forward; hᵀ g and g Wᵀ back, of which the first layer needs the one alone."""
        found, h = [], x
        for weight in weights:
            inputs = h[:, : weight.shape[0]]  # half of the encoder's last layer is the mean, which z has the shape of
            h = inputs @ weight
            found.append((inputs, weight, h))
        return [inputs.T @ g for inputs, _, g in found] + [g @ weight.T for _, weight, g in found[1:]]

    @jax.jit
    def epoch(weights, images, order):
        def step(total, rows):
            found = products(images[rows], weights)
            return total + sum(product[0, 0] for product in jax.lax.optimization_barrier(found)), None

        return jax.lax.scan(step, 0.0, order)[0]

    keys = jax.random.split(jax.random.key(0), len(SIZES))
    weights = [jax.random.normal(k, s) / s[0] ** 0.5 for k, s in zip(keys, SIZES, strict=True)]
    order = jnp.arange(len(images) // batch_size * batch_size).reshape(-1, batch_size)
    data = jnp.asarray(images)

    def run(epochs):
        for _ in range(epochs):
            epoch(weights, data, order).block_until_ready()

    return run


def torch_step():
    """One eager update of the same network in PyTorch, as a function of a batch."""
    import torch

    torch.set_num_threads(os.cpu_count())

    def stack(sizes):
        layers = [layer for size in sizes for layer in (torch.nn.Linear(*size), torch.nn.ReLU())]
        return torch.nn.Sequential(*layers[:-1])

    encoder, decoder = stack(SIZES[:3]), stack(SIZES[3:])
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)

    def step(x):
        mu, log_var = encoder(x).chunk(2, dim=-1)
        z = mu + torch.exp(0.5 * log_var) * torch.randn_like(mu)
        error = torch.nn.functional.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
        kl = 0.5 * torch.sum(mu**2 + log_var.exp() - log_var - 1)
        loss = (error + kl) / len(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def plain_torch(images, batch_size):
    """The loop of PyTorch's own VAE example: a DataLoader that shuffles, and the loss summed with .item()."""
    import torch

    step = torch_step()
    data = torch.utils.data.TensorDataset(torch.from_numpy(images))
    loader = torch.utils.data.DataLoader(data, batch_size=batch_size, shuffle=True, drop_last=True)

    def run(epochs):
        for _ in range(epochs):
            total = 0.0
            for (x,) in loader:
                total += step(x).item()

    return run


def compiled_torch(images, batch_size):
    """The tuned loop with its step compiled by torch.compile."""
    import torch

    return tuned_torch(images, batch_size, torch.compile(torch_step()))


def tuned_torch(images, batch_size, step=None):
    """The same with all that slows it taken out of Python: the data in one tensor, nothing read back in the loop."""
    import torch

    step, data = step or torch_step(), torch.from_numpy(images)

    def run(epochs):
        for _ in range(epochs):
            for batch in torch.randperm(len(data))[: len(data) // batch_size * batch_size].view(-1, batch_size):
                step(data[batch])

    return run


def describe(values) -> str:
    """Median, and the range it came from."""
    low, mid, high = np.quantile(values, (0, 0.5, 1))
    return f"{mid:7.2f}   ({low:.2f} to {high:.2f})"


@click.command()
@click.option("--turns", type=click.IntRange(2), default=8, show_default=True, help="Turns of each variant.")
@click.option("--epochs", type=click.IntRange(1), default=3, show_default=True, help="Epochs a turn.")
@click.option(
    "--batch",
    "batches",
    type=click.IntRange(1),
    multiple=True,
    default=[128],
    show_default=True,
    help="Images a batch; several sizes may be asked for.",
)
@click.option(
    "--peak",
    type=click.FloatRange(0, min_open=True),
    help="The device's TFLOPS: print what share the products come to.",
)
@click.option("--skip-processes", is_flag=True, help="Leave out start-up time and memory.")
def main(turns: int, epochs: int, batches: tuple[int, ...], peak: float | None, skip_processes: bool):
    """Print the ratios and their spread."""
    for batch_size in batches:
        which = f"; batches of {batch_size:,}" if len(batches) > 1 else ""
        print(f"{jax.devices()[0].device_kind}, {os.cpu_count()} cores, JAX {jax.__version__}; ", end="")
        print(f"median of {turns} (range){which}")
        measure_training(turns, epochs, batch_size, peak)
    if not skip_processes:
        measure_processes(turns)


def measure_training(turns: int, epochs: int, batch_size: int, peak: float | None) -> None:
    """All variants in turns: images a second, the share of the peak, and what `fit` is to each."""
    digits, _ = vaelib.load_mnist("train", limit=10_000)
    images = np.resize(digits, (max(len(digits), FEWEST_STEPS * batch_size), digits.shape[1]))
    makers = {"vaelib.fit": with_fit, "hand-written": hand_written, "its matrix products": matrix_products}
    if importlib.util.find_spec("torch"):
        makers |= {"PyTorch, DataLoader": plain_torch, "PyTorch, one tensor": tuned_torch}
        makers |= {"PyTorch, compiled": compiled_torch}
    runs = {name: make(images, batch_size) for name, make in makers.items()}
    for run in runs.values():
        run(1)
    rates = {name: [] for name in runs}
    for turn in range(turns):
        there_and_back = list(runs.items())[:: -1 if turn % 2 else 1]  # none comes always after the same one
        for name, run in there_and_back:
            start = time.perf_counter()
            run(epochs)
            rates[name].append(epochs * (len(images) // batch_size * batch_size) / (time.perf_counter() - start) / 1000)
    for name, values in rates.items():
        print(f"  {name:<28} thousand images/s {describe(values)}")
        if peak is not None:
            share = np.multiply(values, 1e3 * product_flops(1) / (peak * 1e12))
            print(f"  {'':<28} % of the peak     {describe(100 * share)}")
    for name in list(rates)[1:]:
        print(f"  vaelib.fit / {name:<28}      {describe(np.divide(rates['vaelib.fit'], rates[name]))}")


def measure_processes(turns: int) -> None:
    """Whole processes: the first epoch with compiled programs cached, and the peak memory of `log_evidence`."""
    with tempfile.TemporaryDirectory() as cache:
        seconds = []
        for _ in range(turns + 1):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", FIRST_EPOCH, cache], check=True)
            seconds.append(time.perf_counter() - start)
    print(f"  start to end of first epoch, cold cache, s   {seconds[0]:7.2f}")
    print(f"  start to end of first epoch, warm cache, s   {describe(seconds[1:])}")
    for samples in (100, 1_000, 10_000):
        done = subprocess.run(
            [sys.executable, "-c", EVIDENCE, str(samples)], check=True, capture_output=True, text=True
        )
        print(f"  log_evidence, {samples:>6} samples, peak MB      {float(done.stdout):7.0f}")


if __name__ == "__main__":
    main()
