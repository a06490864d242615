"""What the commands have in common: exit codes, options of the images, and the table of results."""

import os
from pathlib import Path

import click

SOURCES = ("bundled", "tfds")
DIVERGED, INTERRUPTED = 3, 130


class Group(click.Group):
    """Turns the library's refusals into one line and an exit code, instead of a traceback."""

    def invoke(self, ctx):
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except FloatingPointError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(DIVERGED)
        except KeyboardInterrupt:
            click.echo("Interrupted at once; the last checkpoint is as it was.", err=True)
            ctx.exit(INTERRUPTED)
        except ConnectionAbortedError as error:
            from vaelib import parallel

            click.echo(f"Error: {error}", err=True)
            if parallel.are_several():
                os._exit(1)  # an ordinary end would wait for the lost process, and break off with a stack of C++
            ctx.exit(1)
        except (ValueError, TypeError, OSError, ImportError) as error:
            raise click.ClickException(str(error)) from error


class Share(click.ParamType):
    """A share from 0 to 1; the cited implementation says True for a tenth."""

    name = "share"

    def convert(self, value, param, ctx):
        """The share as a number."""
        words = {"true": 0.1, "false": 0.0}
        if isinstance(value, str) and value.lower() in words:
            return words[value.lower()]
        return click.FloatRange(0, 1).convert(value, param, ctx)


def data_options(command, *, source: str = "bundled"):
    """The options that name the images."""
    command = click.option("--limit", type=click.IntRange(1), help="Use the first so many images only.")(command)
    command = click.option(
        "--data-dir",
        type=click.Path(file_okay=False),
        help="Folder of tensorflow-datasets, for --source tfds; else TFDS_DATA_DIR, else its own default.",
    )(command)
    return click.option(
        "--source",
        type=click.Choice(SOURCES),
        default=source,
        help="The digits that ship with vaelib, or all 70,000 through tensorflow-datasets.",
    )(command)


def own_image_options(command):
    """The options that name images of the reader's own."""
    command = click.option(
        "--size",
        type=(click.IntRange(1), click.IntRange(1)),
        metavar="HEIGHT WIDTH",
        default=None,
        help="Crop and resize your own images; needed where the pictures of a folder differ in size.",
    )(command)
    return click.option(
        "--images",
        "own",
        type=click.Path(exists=True, path_type=Path),
        help="Your own images in place of the digits: a folder (the folders inside are classes), NPZ or IDX file.",
    )(command)


def report_terms(results: dict, what: str) -> None:
    """Print the figures that are there as a small table."""
    click.echo(f"{what}, nats per image")
    names = {"elbo": "ELBO", "recon": "E_q[log p(x|z)]", "kl": "KL(q(z|x) ‖ p(z))", "log_px": "log p(x)"}
    for name, title in names.items():
        if name in results:
            spread = f" ± {results['log_px_stderr']:.2f}" if name == "log_px" else ""
            click.echo(f"  {title:<18} {results[name]:>9.2f}{spread}")
    if "active_units" in results:
        click.echo(f"  {'active units':<18} {results['active_units']:>6}")


def number(text: str, option: str) -> float:
    """The number that an option was given as text."""
    try:
        return float(text)
    except ValueError:
        raise click.UsageError(f'{option} must be a number or "learned", got {text!r}') from None
