"""The command line: `python -m vaelib train`, `evaluate`, `pretrain` and `study`.

Exit codes: 0 done; 1 refused or failed, with the reason on the error stream; 2 the words of the command are wrong; 3
training diverged; 130 interrupted, with what was trained so far saved.
"""

import io
import json
import shlex
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click

from vaelib.console import INTERRUPTED, Group, Share, data_options, number, own_image_options, report_terms

LIKELIHOODS = ("bernoulli", "continuous-bernoulli", "gaussian")


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="vaelib")
def main():
    """Train, evaluate and ship variational autoencoders on MNIST. All figures are in nats per image."""
    from vaelib.compilation import cache_compiled_programs

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console without Greek letters shows a question mark, and goes on
    cache_compiled_programs()


@main.command()
@click.option("--latent", "--dim_z", "latent", type=click.IntRange(1), default=20, help="Dimensions of z.")
@click.option("--hidden", "--n_hidden", "hidden", type=click.IntRange(1), default=500, help="Width of hidden layers.")
@click.option("--layers", type=click.IntRange(1), default=2, help="Hidden layers of the encoder, and of the decoder.")
@click.option("--likelihood", type=click.Choice(LIKELIHOODS), default="bernoulli", help="The family of p(x|z).")
@click.option("--sigma", default="0.1", help='Standard deviation of a Gaussian p(x|z), or "learned".')
@click.option("--learning-rate", "--learn_rate", "learning_rate", type=float, default=1e-3, help="Step size of Adam.")
@click.option("--epochs", "--num_epochs", "epochs", type=click.IntRange(1), default=20, help="Passes over the images.")
@click.option("--batch-size", "--batch_size", "batch_size", type=click.IntRange(1), default=128, help="Images a step.")
@click.option("--beta", type=click.FloatRange(0), default=1.0, help="Weight of the KL; 1 is the ELBO.")
@click.option(
    "--binarize/--grey", default=False, help="Draw each batch black or white afresh, or train on grey pixels."
)
@click.option(
    "--add-noise",
    "--add_noise",
    "add_noise",
    type=Share(),
    default="0",
    is_flag=False,
    flag_value="True",
    help="Denoise: share of pixels the encoder sees as salt or pepper; 0.1 for True, or where no number is given.",
)
@click.option("--seed", type=int, default=0, help="Seed of weights, order and draws.")
@click.option(
    "--output",
    "--results_path",
    "output",
    type=click.Path(file_okay=False, path_type=Path),
    default="runs/vae",
    help="Folder to write.",
)
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in the output folder.")
@click.option("--reconstructions/--no-reconstructions", " /--no-PRR", default=True, help="Write the 10 × 10 sheet.")
@click.option("--PRR", "prr", type=bool, is_flag=False, flag_value="True", help="True or False: the same sheet.")
@click.option(
    "--manifold/--no-manifold", " /--no-PMLR", default=None, help="Write 20 × 20 manifold and label map (latent 2)."
)
@click.option("--PMLR", "pmlr", type=bool, is_flag=False, flag_value="True", help="True or False: the same two.")
@click.option(
    "--coordinator",
    metavar="HOST:PORT",
    help="Train over several processes, one a host: the address of the first. Start the same command in each. "
    "There is no authentication and no encryption: whoever reaches the address can join or stop the training.",
)
@click.option("--processes", type=click.IntRange(1), help="How many processes, where JAX can not find out by itself.")
@click.option("--process", type=click.IntRange(0), help="Which of them this is, from 0; the first writes the files.")
@own_image_options
@click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="IDX file with the classes of the images of an IDX file.",
)
@data_options
@click.pass_context
def train(ctx, *, output, resume, reconstructions, prr, manifold, pmlr, **options):
    """Train a VAE; write model, history, checkpoint and pictures to a folder.

    Of your own images every fifth, chosen at random, is held out. Rows of numbers that are no images train in Python:
    VAE.create(likelihood="gaussian", mean="linear", pixels=COLUMNS).
    """
    import jax

    from vaelib import VAE, fit, parallel, salt_and_pepper, save_model
    from vaelib.files import seen, write_json

    reconstructions = reconstructions if prr is None else prr
    manifold = manifold if pmlr is None else pmlr
    if manifold and options["latent"] != 2:
        raise click.UsageError(f"--manifold draws a plane and needs --latent 2, got --latent {options['latent']}")
    checkpoint = output / "checkpoint.safetensors"
    if output.exists() and seen(output) and not resume:
        remedy = "--resume to go on from it, or another --output" if checkpoint.exists() else "another --output"
        raise click.ClickException(f"{output} is not empty; pass {remedy}")
    if resume and not checkpoint.exists():
        remedy = "pass another --output, or leave out --resume to begin in an empty one"
        raise click.ClickException(f"{output} holds no {checkpoint.name} to go on from; {remedy}")
    if options["labels"] and options["own"] is None:
        raise click.UsageError("--labels is for pictures of your own; pass --images FILE with it")
    if any(options[name] is not None for name in ("coordinator", "processes", "process")):
        parallel.join(options["coordinator"], options["processes"], options["process"])
    data = _own_images(**options) if options["own"] else _digits(**options)
    images, test_images, test_labels, image_shape = data
    sigma = options["sigma"] if options["sigma"] == "learned" else number(options["sigma"], "--sigma")
    model = VAE.create(
        seed=options["seed"],
        latent=options["latent"],
        hidden=(options["hidden"],) * options["layers"],
        likelihood=options["likelihood"],
        sigma=sigma,
        image_shape=image_shape,
    )
    history = fit(
        model,
        images,
        jax.random.key(options["seed"]),
        epochs=options["epochs"],
        batch_size=options["batch_size"],
        learning_rate=options["learning_rate"],
        held_out=test_images,
        binarize=options["binarize"],
        corrupt=salt_and_pepper(options["add_noise"]) if options["add_noise"] else None,
        beta=None if options["beta"] == 1 else options["beta"],
        checkpoint=checkpoint,
        resume=resume,
    )
    if parallel.is_first():
        save_model(model, output / "model.safetensors", overwrite=True)
        record = asdict(history)
        record.pop("steps")
        write_json(output / "history.json", {"command": _command(), "source": options["source"], **record})
        _draw(model, test_images, test_labels, options["add_noise"], output, reconstructions, manifold)
        report_terms({name: values[-1] for name, values in history.held_out.items()}, "test images")
        click.echo(f"wrote {', '.join(path.name for path in seen(output))} to {output}")
    if history.interrupted:
        ctx.exit(INTERRUPTED)


@main.command()
@click.argument("model", metavar="MODEL")
@click.option("--samples", type=click.IntRange(1), default=5000, help="Draws of z an image for log p(x).")
@click.option("--binarize/--grey", default=False, help="Draw the images black or white first.")
@click.option("--seed", type=int, default=0, help="Seed of the draws.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
@click.option(
    "--held-out", is_flag=True, help="Of your own images only the fifth that `train` with this --seed has held out."
)
@own_image_options
@data_options
def evaluate(model, samples, binarize, seed, as_json, held_out, source, **options):
    """Measure MODEL, a file of `train` or a shipped name such as bernoulli-z2, on the test images or on your own."""
    from vaelib import load_model, load_pretrained, pretrained_names
    from vaelib.results import measure

    if held_out and options["own"] is None:
        raise click.UsageError("--held-out is for pictures of your own; pass --images FOLDER with it")
    network = load_pretrained(model) if model in pretrained_names() else load_model(model)
    if options["own"]:
        loaded = _loaded(**options)
        images, what = loaded.images, f"images of {options['own'].name}"
        if held_out:
            images, what = images[_held_out_and_rest(len(images), options["own"], seed)[0]], f"held-out {what}"
    else:
        images, what = _test_digits(source=source, **options)[0], "test images"
    results = measure(network, images, binarize=binarize, seed=seed, samples=samples)
    if as_json:
        click.echo(json.dumps({"model": model, "source": str(options["own"] or source), **results}))
    else:
        report_terms(results, f"{len(images):,} {what}")


@main.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), default="runs/weights", help="Folder to write."
)
@click.option("--overwrite", is_flag=True, help="Replace weights that are there.")
@click.option("--samples", type=click.IntRange(1), default=5000, help="Draws of z an image for log p(x).")
@partial(data_options, source="tfds")
@click.pass_context
def pretrain(ctx: click.Context, names, output, overwrite, samples, source, data_dir, limit):
    """Train the shipped models NAME... (all by default) again, and measure what was written."""
    from vaelib import checks, load_mnist
    from vaelib.recipes import RECIPES, make_weights

    for name in names:
        checks.one_of(name, RECIPES, "NAME")
    digits = load_mnist("train", source=source, data_dir=data_dir, limit=limit)
    test_digits = load_mnist("test", source=source, data_dir=data_dir, limit=limit)
    output.mkdir(parents=True, exist_ok=True)
    for name in names or RECIPES:
        images, test_images = RECIPES[name].data(*digits), RECIPES[name].data(*test_digits)
        if (output / f"{name}.safetensors").exists() and not overwrite:
            raise click.ClickException(f"{output / name}.safetensors exists; pass --overwrite to replace it")
        click.echo(f"{name}: {RECIPES[name].epochs} epochs on {len(digits[0]):,} images")
        command = f"python -m vaelib pretrain {name} --source {source}"
        results = make_weights(name, images, test_images, output, samples=samples, overwrite=overwrite, command=command)
        if results is None:
            ctx.exit(INTERRUPTED)
        report_terms(results, f"{len(test_digits[0]):,} test images")


@main.command()
@click.argument("name")
@click.option(
    "--output", type=click.Path(file_okay=False, path_type=Path), default="runs/studies", help="Folder to write."
)
@partial(data_options, source="tfds")
def study(name, output, source, data_dir, limit):
    """Do what is missing of the study NAME, such as bound, and write its numbers, and of two of them a model."""
    from vaelib import checks, load_mnist
    from vaelib.studies import run_study, study_names

    checks.one_of(name, study_names(), "NAME")
    images, _ = load_mnist("train", source=source, data_dir=data_dir, limit=limit)
    test_images, _ = load_mnist("test", source=source, data_dir=data_dir, limit=limit)
    output.mkdir(parents=True, exist_ok=True)
    for entry, _ in run_study(name, images, test_images, output / f"{name}.json"):
        click.echo(entry)


def _digits(*, source: str, data_dir: str | None, limit: int | None, size, **_):
    """Training images, test images with labels, and their shape."""
    from vaelib import load_mnist

    test = _test_digits(source=source, data_dir=data_dir, limit=None, size=size)
    return load_mnist("train", source=source, data_dir=data_dir, limit=limit)[0], *test, (28, 28, 1)


def _test_digits(*, source: str, data_dir: str | None, limit: int | None, size, **_):
    """Test images and their labels."""
    from vaelib import load_mnist

    if size is not None:
        raise click.UsageError("--size is for pictures of your own; pass --images FOLDER with it")
    return load_mnist("test", source=source, data_dir=data_dir, limit=limit)


def _own_images(*, own: Path, seed: int, **options):
    """The same of the reader's images, of which a fifth is held out."""
    loaded = _loaded(own=own, **options)
    held_out, rest = _held_out_and_rest(len(loaded.images), own, seed)
    labels = None if loaded.labels is None else loaded.labels[held_out]
    return loaded.images[rest], loaded.images[held_out], labels, loaded.image_shape


def _loaded(*, own: Path, limit: int | None, size, labels: Path | None = None, **_):
    """The reader's images."""
    from vaelib import load_images

    return load_images(own, labels, size=size, limit=limit)


def _held_out_and_rest(count: int, own: Path, seed: int):
    """The rows of a fifth of the images, chosen at random, and all others."""
    import numpy as np

    if count < 2:
        raise click.ClickException(f"{own} must hold at least 2 images, to train on and to hold out, got {count}")
    return np.split(np.random.default_rng(seed).permutation(count), [max(1, count // 5)])


def _draw(model, images, labels, noise: float, output: Path, reconstructions: bool, manifold: bool | None) -> None:
    """Write the cited implementation's pictures as PNG."""
    import jax

    from vaelib import figures, salt_and_pepper
    from vaelib.latents import codes

    figures.set_style()
    if reconstructions:
        clean = images[:100]
        seen = salt_and_pepper(noise)(clean, jax.random.key(0)) if noise else clean
        decoded = model.decode(codes(model, seen)).mean
        rows = {"input": seen, "reconstruction": decoded}
        for name, digits in rows.items():
            ax = figures.show_digits(digits, columns=10, image_shape=model.image_shape)
            figures.save(ax, output / f"{name}.png", alt=f"Held-out images, ten a row: {name}")
    if manifold or (manifold is None and model.latent == 2):
        z = figures.prior_grid(20, kind="uniform", limit=2.0)
        ax = figures.manifold(model.decode(z).mean, z, image_shape=model.image_shape)
        figures.save(ax, output / "manifold.png", alt="20 × 20 decoded points of the latent plane")
        if labels is not None:
            ax = figures.latent_scatter(codes(model, images[:5000]), labels[:5000])
            figures.save(ax, output / "labels.png", alt="Codes of the held-out images, coloured by class")


def _command() -> str:
    return "python -m vaelib " + shlex.join(sys.argv[1:])


if __name__ == "__main__":
    main(prog_name="python -m vaelib")
