"""What teachers are offered: a table of the notebooks, counted in their sources, and all figures to take to a slide."""

import html
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from book import Explorer, pictures
from docutils import nodes
from editions import for_page
from figure_numbers import CAPTION, numbered
from front import head
from PIL import Image
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective
from words import notebooks

from vaelib.languages import tr

PREDICTION = re.compile(r"\*\*Predict")
CHECK = re.compile(r"\bexercises\.check_\w+")
WORDS = re.compile(f"{CAPTION}(.*?)</em>", re.DOTALL)
CLAIMS = "docs/claims"


class NotebookTable(nodes.General, nodes.Element):
    """Where the table of the notebooks goes."""


class Gallery(nodes.General, nodes.Element):
    """Where all figures go."""


class Slide(nodes.General, nodes.Element):
    """A figure in the gallery: `number`, the `place` that it has in its notebook, its `caption`, and its picture."""


class Placed(SphinxDirective):
    """`{notebooks}` or `{figures}`: a place, filled in when all notebooks have been read."""

    def run(self):
        """The place."""
        return [PLACES[self.name]()]


PLACES = {"notebooks": NotebookTable, "figures": Gallery}


@dataclass(frozen=True)
class Counted:
    """What a notebook asks of a class, and the claims that its cells serve."""

    predictions: int
    exercises: int
    claims: list[str]


def counted(path: Path) -> Counted:
    """The notebook's predictions, its exercises with a check, and its claims."""
    cells = nbformat.read(path, as_version=4).cells
    prose, code = ("\n".join(cell.source for cell in cells if cell.cell_type == kind) for kind in ("markdown", "code"))
    return Counted(
        predictions=len(PREDICTION.findall(prose)),
        exercises=len(set(CHECK.findall(code))),
        claims=sorted({claim for cell in cells for claim in cell.metadata.get("claims", [])}),
    )


class FillPlaces(SphinxPostTransform):
    """Fills in what stands in the notebooks."""

    default_priority = 5
    formats = ("html",)

    def run(self, **kwargs):
        """Replace each place by what goes there."""
        for place in list(self.document.findall(NotebookTable)):
            place.replace_self(nodes.raw("", self.table(), format="html"))
        for place in list(self.document.findall(Gallery)):
            place.replace_self([part for path in notebooks() for part in self.figures_of(path)])

    def address(self, page: str) -> str:
        """Where a page of the site is, from this one."""
        return self.app.builder.get_relative_uri(self.env.docname, page)

    def link(self, path: Path) -> str:
        """The notebook's number and question, which lead to its page."""
        question = head(path, self.config.language).question
        return f'<a href="{self.address(f"notebooks/{path.stem}")}">{path.stem[:2]}: {question}</a>'

    def table(self) -> str:
        """A line for each notebook, and their sums."""
        found = {path: counted(path) for path in notebooks()}
        every = tr("All")
        names = (tr("Notebook"), tr("Time"), tr("Predictions"), tr("Exercises with a check"), tr("Claims"))
        lines = [
            (self.link(path), head(path, self.config.language).time, one.predictions, one.exercises, self.claims(one))
            for path, one in found.items()
        ]
        claims = {claim for one in found.values() for claim in one.claims}
        sums = [sum(getattr(one, name) for one in found.values()) for name in ("predictions", "exercises")]
        lines.append((f"<strong>{every}</strong>", "", *sums, len(claims)))
        top = "".join(f'<th scope="col">{name}</th>' for name in names)
        body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in line)}</tr>\n" for line in lines)
        return (
            '<div class="pst-scrollable-table-container" tabindex="0"><table class="table of-notebooks">'
            f"<thead><tr>{top}</tr></thead>\n<tbody>{body}</tbody></table></div>"
        )

    def claims(self, one: Counted) -> str:
        """The claims of a notebook, each with a link to its words."""
        return " ".join(f'<a href="{self.address(CLAIMS)}#{claim.lower()}">{claim}</a>' for claim in one.claims)

    def figures_of(self, path: Path) -> list[nodes.Node]:
        """A heading, and each figure of the notebook that has a picture."""
        page = f"notebooks/{path.stem}"
        doctree = self.env.get_doctree(page)
        for picture, output in pictures(doctree, for_page(path, self.config.language)):
            picture["alt"] = tr(output.metadata["image/png"]["alt"])
        slides = []
        for number, anchor, figure, caption in numbered(doctree, page):
            picture = picture_of(figure)
            if picture is not None:
                said = picture["alt"] if isinstance(caption, Explorer) else in_words(caption)
                place = f"{self.address(page)}#{anchor}"
                slides.append(Slide("", picture.deepcopy(), number=number, place=place, caption=said))
        top = f'<h2 id="notebook-{path.stem[:2]}">{self.link(path)}</h2><div class="slides">'
        return [nodes.raw("", top, format="html"), *slides, nodes.raw("", "</div>", format="html")]


def picture_of(figure: nodes.Node) -> nodes.image | None:
    """The still picture of a figure: its own, or that of the cell above a live one, where there is one."""
    if isinstance(figure, nodes.image):
        return figure
    cell = figure.parent[figure.parent.index(figure) - 1]
    return next(cell.findall(nodes.image), None)


def in_words(caption: nodes.raw) -> str:
    """What a caption says, in the language of the pages."""
    found = WORDS.search(caption.astext())
    assert found is not None, caption.astext()
    return tr(html.unescape(found[1]))


def write_slide(writer, node: Slide) -> None:
    """The picture, small, and below it its number, its caption and the whole of it to save."""
    picture = next(node.findall(nodes.image))  # Sphinx may have put it into a link
    address = f"{writer.builder.imgpath}/{writer.builder.images[picture['uri']]}"
    with Image.open(Path(writer.builder.srcdir) / picture["uri"]) as whole:
        width, height = whole.size
    number = node["number"]
    label, save = tr("Figure {number}", number=number), tr("Save figure {number}", number=number)
    writer.body.append(
        f'<figure><img src="{address}" alt="{html.escape(picture["alt"])}" loading="lazy" width="{width}" '
        f'height="{height}" /><figcaption><a class="figure-number" href="{node["place"]}">{label}</a> '
        f'{html.escape(node["caption"])} <a class="save" href="{address}" download="vaelib-figure-{number}.png">{save} '
        f"(PNG, {width}\u00a0×\u00a0{height})</a></figcaption></figure>\n"
    )
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict:
    """Register the places and what fills them."""
    for place in PLACES.values():
        app.add_node(place)
    app.add_node(Slide, html=(write_slide, None))
    for name in PLACES:
        app.add_directive(name, Placed)
    app.add_post_transform(FillPlaces)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
