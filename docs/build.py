"""Build the site, in every language, with warnings as errors.

    python docs/build.py                build/site, English; build/site/ko, Korean
    python docs/build.py catalogues     bring the translators' catalogues in step with the text
    python docs/build.py untranslated   what each catalogue still lacks
    python docs/build.py notebooks      build/notebooks/ko, all notebooks in Korean, run; or those that are named

Nothing is fetched from the network, and only the last runs notebooks.
"""

import os
import subprocess
import sys
from pathlib import Path

import click
import editions
import front
import words
from editions import LANGUAGES, TRANSLATED
from sphinx_intl.basic import update
from untranslated import in_pictures, untranslated

from vaelib.lettering import FONTS, font_for

ROOT = Path(__file__).parents[1]
LOCALE = ROOT / "docs" / "locale"


def sphinx(*arguments: str, language: str = "en") -> None:
    """Run Sphinx over the repository."""
    command = [sys.executable, "-m", "sphinx", "-c", "docs", "-q", "-W", "--keep-going", *arguments]
    subprocess.run(command, cwd=ROOT, check=True, env=os.environ | {"VAELIB_LANG": language})


@click.group(invoke_without_command=True)
@click.option("--output", type=click.Path(path_type=Path), default=ROOT / "build" / "site", help="Folder to write.")
@click.pass_context
def main(ctx, output):
    """Build the site in every language."""
    if ctx.invoked_subcommand is not None:
        return
    sphinx("-b", "html", ".", str(output))
    for language in TRANSLATED:
        sphinx("-b", "html", ".", str(output / language), language=language)
        editions.write_downloads(language, output / language / "notebooks")
    for language in LANGUAGES:
        front.write_front(output if language == "en" else output / language, language)
    click.echo(f"open {output / 'index.html'}")


def templates() -> Path:
    """The messages of the present text."""
    folder = ROOT / "build" / "gettext"
    sphinx("-b", "gettext", ".", str(folder))
    (folder / "docs" / "front.pot").write_bytes(words.written(front.template()))
    for path in words.notebooks():
        words.add_printed(folder / "notebooks" / f"{path.stem}.pot", path)
    return folder


@main.command()
def catalogues():
    """Merge the present text into the catalogues; new and changed messages come untranslated or fuzzy."""
    words.update()
    folder = templates()
    for language, names in TRANSLATED.items():
        editions.update_documents(language)
        update(str(LOCALE), str(folder), [language])
        messages = LOCALE / language / "LC_MESSAGES"
        for catalogue in messages.glob("*/*.po"):
            begun = any(message.string for message in words.read(catalogue) if message.id)
            if not begun and catalogue.relative_to(messages).with_suffix("").as_posix() not in names:
                catalogue.unlink()


@main.command("untranslated")
def report():
    """Say what is missing; exit with 1 where a catalogue that is kept complete is not."""
    folder, complete = templates(), True
    for language, names in TRANSLATED.items():
        for name, lacking in untranslated(language, folder).items():
            click.echo(f"{language}  {name:<34} {len(lacking):>4} untranslated")
            if name in names and lacking:
                complete = False
                for message in lacking:
                    click.echo(f"      {message[:100]}")
    raise SystemExit(0 if complete else 1)


@main.command()
@click.argument("names", nargs=-1)
def notebooks(names):
    """Make the notebooks in every other language and run them: all, or those NAMES, such as 03_elbo.

    Their figures that the README and the front page show go to figures/, in a folder of the language.
    Exits with 1 where a picture says something in English that no catalogue has, or could say nothing else for want of
    a font.
    """
    known = {path.stem: path for path in words.notebooks()}
    if unknown := sorted(set(names) - set(known)):
        raise click.BadParameter(f"no notebook {', '.join(unknown)}; there are {', '.join(known)}")
    lacking = []
    for language in TRANSLATED:
        if FONTS.get(language) and font_for(language) is None:
            raise click.ClickException(
                f"the pictures in {language} need a font with its letters, and none was found; install one of "
                f"{', '.join(FONTS[language])}, such as Debian's fonts-nanum"
            )
        for name in names or known:
            click.echo(editions.write_notebook(known[name], language, editions.RUN / language))
            lacking += in_pictures(known[name], language)
            editions.keep_figures(language, front.shown())
    for text in lacking:
        click.echo(f"      in English: {text[:100]}")
    raise SystemExit(1 if lacking else 0)


if __name__ == "__main__":
    main()
