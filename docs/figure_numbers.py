"""Each figure of a notebook's page gets a number, "Figure 3.2", that is a link to it."""

from pathlib import Path

from book import Explorer
from docutils import nodes
from sphinx.application import Sphinx

from vaelib.languages import tr

CAPTION = "<div><em>"


def number_figures(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """Number pictures and live figures of a notebook in the order of the page."""
    if not name.startswith("notebooks/") or app.builder.format != "html":
        return
    for number, anchor, figure, caption in numbered(doctree, name):
        words = tr("Figure {number}", number=number)
        label = f'<a class="figure-number" href="#{anchor}">{words}</a>'
        figure.parent.insert(figure.parent.index(figure), nodes.target(ids=[anchor]))
        if isinstance(caption, Explorer):
            caption["caption"] = f'{label} <span class="words">{caption["caption"]}</span>'
        else:
            said = caption.astext().replace(CAPTION, f"<div>{label} <em>", 1)
            caption.replace_self(nodes.raw("", said, format="html"))


def numbered(doctree: nodes.document, page: str):
    """Each figure of a page with its number, the name of its place, and its caption."""
    notebook = int(Path(page).name[:2])
    for position, (figure, caption) in enumerate(figures(doctree, page), 1):
        yield f"{notebook}.{position}", f"figure-{notebook}-{position}", figure, caption


def figures(doctree: nodes.document, page: str):
    """Each figure of a page and its caption: a live figure in the place of the still picture has its own."""
    for cell in list(doctree.findall(nodes.container)):
        if cell.get("nb_element") != "cell_code":
            continue
        below = cell.parent[cell.parent.index(cell) + 1 :][:1]
        if below and isinstance(below[0], Explorer):
            yield below[0], below[0]
        else:
            for picture in list(cell.findall(nodes.image)):
                yield picture, caption_of(picture, cell, page)


def caption_of(picture: nodes.image, cell: nodes.container, page: str) -> nodes.raw:
    """The first words with a caption's form after the picture in its cell.

    Raises:
        ValueError: there are none.
    """
    captions = [words for words in cell.findall(nodes.raw) if CAPTION in words.astext()]
    for words in picture.findall(nodes.raw, siblings=True, ascend=True):
        if words in captions:
            return words
    raise ValueError(
        f"each picture of a notebook needs a caption, and {picture['uri']} on the page {page} has none: "
        "show it by vaelib.figures.show(figure, alt=..., caption=...)"
    )


def setup(app: Sphinx) -> dict:
    """Register the step, after the captions were put into the page's language."""
    app.connect("doctree-resolved", number_figures, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
