"""The front page (a lab at work, the argument as a map, a card for each notebook) and the lab's page.

Each stands by itself, in every language: one file with its style, its script and the digits it trains on, these last,
so that a slow connection brings the first slider in two seconds. Only what lies further down is fetched, when the
reader comes near it.
"""

import re
import tomllib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import jinja2
import nbformat
import yaml
from babel.messages import Catalog
from editions import FIGURE, LANGUAGES, address_in, figure_in, lookup
from jinja2.ext import babel_extract
from PIL import Image
from translate import texts
from words import notebooks

import vaelib
from vaelib.explorer.model_widget import static
from vaelib.explorer.page import COMMENT, embedded
from vaelib.figures import CLASS_COLORS, QUANTITY_COLORS
from vaelib.laboratory.files import static as lab_static
from vaelib.laboratory.images import TRAINED
from vaelib.laboratory.page import page_code, page_state, page_style, state_of
from vaelib.laboratory.widget import prepare
from vaelib.languages import page_words, tr

DOCS = Path(__file__).parent
ROOT = DOCS.parent
FEW_TRAINED, FEW_HELD_OUT = 800, 200  # digits of the front page's lab
COLAB = "https://colab.research.google.com/github"
PICTURE_WIDTH = 480  # of a card, in pixels
# A picture of the repository's for each notebook's card, and the line that leads to it on the map.
PICTURES = {
    "00": "traversal",
    "01": "doersch_ring",
    "02": "importance_sampling",
    "03": "posterior_and_q",
    "04": "kl_surface",
    "05": "reparameterisation",
    "06": "sigma-sweep",
    "07": "manifold",
    "08": "label_map",
    "09": "softmax_temperature",
    "10": "adversarial_clouds",
    "11": "asked_digits",
    "12": "diffusion_ring",
}
# The map: rows of notebooks, and what leads from a row to the next; the template translates it.
ROWS = (
    (("01", "02"), "draw z from q(z|x) instead"),
    (("03",), "its three parts"),
    (("04", "05", "06"), "together again"),
    (("07", "08"), "what is left to ask"),
    (("09", "10"), "on your own data, and today"),
    (("11", "12"), ""),
)
TIME = re.compile(r"\*\*Time\*\*:")
MATHS = re.compile(r"\$(.+?)\$")


@dataclass(frozen=True)
class Card:
    """What the front page says of a notebook."""

    number: str
    address: str
    question: str
    topic: str
    time: str
    picture: str
    alt: str
    colab: str


def words(text: str) -> str:
    """Markdown's few formulas as HTML: `p(x)` in italics."""
    return MATHS.sub(lambda found: f"<i>{found[1].replace(chr(92), '')}</i>", text)


@dataclass(frozen=True)
class Head:
    """What a notebook says of itself at its start."""

    question: str
    topic: str
    time: str


@cache
def head(path: Path, language: str) -> Head:
    """The notebook's title, at its question mark in two, and its time, in the language."""
    first = texts(nbformat.read(path, as_version=4).cells[0].source)
    find = lookup(language, f"notebooks/{path.stem}")
    title, time = (find(text) or text for text in (first[0], next(filter(TIME.match, first))))
    question, _, topic = title.split(" ", 1)[1].partition("? ")
    return Head(words(question.rstrip("?") + "?"), words(topic), time.partition(":")[2].strip(" ."))


def shown() -> set[str]:
    """The figures of the cards and of the README, which each language has with its own words."""
    return {*PICTURES.values(), *FIGURE.findall((ROOT / "README.md").read_text(encoding="utf-8"))}


def card(path: Path, repository: str, folder: Path, language: str) -> Card:
    """The notebook's question, its time and its picture, which is written into the folder in the size of a card."""
    number = path.stem[:2]
    with Image.open(figure_in("en", PICTURES[number])) as picture:
        alt = picture.info["Description"]
    with Image.open(figure_in(language, PICTURES[number])) as picture:
        small = picture.convert("RGB")
    small.thumbnail((PICTURE_WIDTH, PICTURE_WIDTH), Image.Resampling.LANCZOS)
    folder.mkdir(parents=True, exist_ok=True)
    small.save(folder / f"{number}.webp", quality=80, method=6)
    return Card(
        number=number,
        address=f"notebooks/{path.stem}.html",
        **vars(head(path, language)),
        picture=f"front/{number}.webp",
        alt=tr(alt),
        colab=address_in(language, f"{COLAB}/{repository}/blob/main/notebooks/{path.name}") if repository else "",
    )


def brief_lab() -> dict:
    """What the front page's script needs: a lab with few digits, which leads to the whole one."""
    chosen, images = prepare(None, None, image_shape=None, settings={}, limit=FEW_TRAINED)
    few = replace(images, held_out=images.held_out[:FEW_HELD_OUT], labels=images.labels[:FEW_HELD_OUT])
    return state_of(chosen, few) | {"whole": "lab.html"}


def script(code: str) -> str:
    """The lab's code without its comments, the words that it uses, and what opens it."""
    opens = (DOCS / "front" / "lab.js").read_text(encoding="utf-8")
    return f"{COMMENT.sub('', code)}\nspeak({embedded(page_words(code))});\n{opens}"


def handed_over(state: dict) -> dict[str, str]:
    """What the script is handed, as text; the training images come last, when the lab is at work already."""
    first = {name: value for name, value in state.items() if name != "train"}
    return {"state": embedded(first), "train": embedded(state["train"])}


def template() -> Catalog:
    """What the pages say, for translators."""
    said = Catalog(project="vaelib", copyright_holder="The vaelib authors")
    for path in sorted((DOCS / "front").glob("*.html")):
        with path.open("rb") as file:
            for _, _, text, _ in babel_extract(file, ["gettext"], [], {"trimmed": "true", "silent": "false"}):
                said.add(text)
    for _, leads in ROWS:
        if leads:
            said.add(leads)
    return said


def pages_in(language: str) -> jinja2.Environment:
    """The pages' templates in the language."""
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(DOCS / "front"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
    )
    pages.policies["ext.i18n.trimmed"] = True
    find = lookup(language, "docs/front")
    pages.install_gettext_callables(lambda text: find(text) or text, lambda *texts: texts[0], newstyle=True)
    return pages


def languages_from(language: str) -> dict[str, tuple[str, str]]:
    """The languages: what each is called, and where its front page is, from that of this language."""
    up = "" if language == "en" else "../"
    return {
        other: (name, f"{up}index.html" if other == "en" else f"{up}{other}/index.html")
        for other, name in LANGUAGES.items()
    }


def write_front(site: Path, language: str = "en") -> None:
    """Write index.html, the pictures of its cards, lab.html and 404.html into the folder of the language."""
    vaelib.language(language)
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    repository = pyproject["tool"]["vaelib"]["repository"]
    environment = pages_in(language)
    cards = {path.stem[:2]: card(path, repository, site / "front", language) for path in notebooks()}
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    claims = tomllib.loads((DOCS / "claims.toml").read_text(encoding="utf-8"))
    shared = {
        "style": (DOCS / "front" / "front.css").read_text(encoding="utf-8"),
        "theme": (DOCS / "front" / "theme.js").read_text(encoding="utf-8"),
        "palette": CLASS_COLORS,
        "quantities": QUANTITY_COLORS,
        "language": language,
        "languages": languages_from(language),
    }
    page = environment.get_template("front.html").render(
        **shared,
        widget_style="\n".join([static("vaelib.css"), lab_static("lab.css")]),
        script=script(page_code(tour=False)) + (DOCS / "front" / "opening.js").read_text(encoding="utf-8"),
        frames=(DOCS / "front" / "frames.js").read_text(encoding="utf-8"),
        **handed_over(brief_lab()),
        images=FEW_TRAINED,
        cards=cards,
        rows=ROWS,
        claims=len(claims),
        citation=citation,
        repository=repository,
    )
    (site / "index.html").write_text(page, encoding="utf-8")
    lab = environment.get_template("lab.html").render(
        **shared,
        widget_style=page_style(),
        script=script(page_code()),
        **handed_over(page_state() | {"notebooks": "notebooks"}),
        images=f"{TRAINED:,}",
    )
    (site / "lab.html").write_text(lab, encoding="utf-8")
    # Shown at any address, so links start at the site's.
    root = (f"/{repository.partition('/')[2]}/" if repository else "/") + (f"{language}/" if language != "en" else "")
    lost = environment.get_template("404.html").render(**shared, cards=cards, root=root)
    (site / "404.html").write_text(lost, encoding="utf-8")
