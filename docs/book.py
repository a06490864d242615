"""What the book needs beyond Sphinx: live explorers, anchors at the cells that serve a claim, the list of claims."""

import functools
import tomllib
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

from vaelib import load_mnist, load_pretrained
from vaelib.explorer import save_page

DOCS = Path(__file__).parent
# The notebooks' own explorers need a kernel; in the book these stand in for them.
LIVE = {
    "notebooks/00_start_here": "bernoulli-z2",
    "notebooks/07_training": "bernoulli-z20",
    "notebooks/08_autoencoders": "bernoulli-z2",
}


class Explorer(nodes.General, nodes.Element):
    """A page with sliders, shown inside the page of the book."""


class Explore(SphinxDirective):
    """`{explore} NAME`: the sliders of a shipped model."""

    required_arguments = 1

    def run(self):
        """One node."""
        return [Explorer(model=self.arguments[0])]


class ClaimList(SphinxDirective):
    """`{claims}`: every claim, with links to the cells that show it."""

    def run(self):
        """A place, filled in when all notebooks have been read."""
        return [ClaimPlace()]


class ClaimPlace(nodes.General, nodes.Element):
    """Where the list of claims goes."""


@functools.cache
def claims() -> dict[str, dict[str, str]]:
    """The series' claims by number, each with its control."""
    return tomllib.loads((DOCS / "claims.toml").read_text(encoding="utf-8"))


def mark_claims(app: Sphinx, doctree: nodes.document) -> None:
    """Give each cell with claims a target the list can link to, and put live explorers where the notebook's stand."""
    name = app.env.docname
    served = app.env.claim_cells = getattr(app.env, "claim_cells", {})
    for claim in served:
        served[claim] = [place for place in served[claim] if place[0] != name]
    for cell in list(doctree.findall(nodes.container)):
        if cell.get("nb_element") != "cell_code":
            continue
        for claim in cell["cell_metadata"].get("claims", []):
            anchor = f"{claim.lower()}-cell-{cell['cell_index']}"
            cell.insert(0, nodes.target(ids=[anchor]))
            served.setdefault(claim, []).append((name, anchor, cell["cell_index"]))
        if name in LIVE and "vaelib.explore(" in cell.astext():
            place = cell.parent.index(cell) + 1
            cell.parent.insert(place, Explorer(model=LIVE[name]))


class ListClaims(SphinxPostTransform):
    """Fills in the list once every notebook is known."""

    default_priority = 5

    def run(self, **kwargs):
        """Replace the place by a list: the claim, links to its cells, and its control."""
        for place in list(self.document.findall(ClaimPlace)):
            items = nodes.bullet_list(bullet="-")
            for claim, words in claims().items():
                cells = sorted(self.env.claim_cells.get(claim, []), key=lambda cell: (cell[0], cell[2]))
                line = nodes.paragraph("", "", nodes.strong(text=f"{claim} "), nodes.Text(f"{words['claim']} "))
                for number, (name, anchor, _) in enumerate(cells, 1):
                    address = self.app.builder.get_relative_uri(self.env.docname, name) + f"#{anchor}"
                    line += nodes.Text(f"{'Notebook ' + name[10:12] + ':' if number == 1 else ''} ")
                    line += nodes.reference("", str(number), refuri=address, internal=True)
                control = nodes.paragraph("", "", nodes.emphasis(text="Control: "), nodes.Text(words["control"]))
                items += nodes.list_item("", line, control, ids=[claim.lower()])
            place.replace_self(items)


def plain_docstring(app: Sphinx, what, name, obj, options, lines: list[str]) -> None:
    """Docstrings are plain text, names in backticks: stars and bars are no markup, indented lines keep their shape."""
    shaped, drawing = [], False
    for line in lines:
        starts = what == "module" and line.startswith("    ") and not drawing
        drawing = what == "module" and (line.startswith("    ") or (drawing and not line))
        shaped += ["::", ""] if starts else []
        shaped.append(line if drawing else line.replace("*", r"\*").replace("|", r"\|"))
    lines[:] = shaped


def write_explorers(app: Sphinx, error: Exception | None) -> None:
    """Write the pages with sliders into the finished site."""
    if error is not None or app.builder.format != "html":
        return
    folder = Path(app.outdir) / "explorers"
    folder.mkdir(exist_ok=True)
    images = load_mnist("test", limit=2000)
    for name in sorted(set(LIVE.values())):
        save_page(load_pretrained(name), folder / f"{name}.html", *images, title=name, overwrite=True)


def open_explorer(writer, node) -> None:
    """An inner frame; it has no address outside the site."""
    depth = writer.builder.current_docname.count("/")
    address = "../" * depth + f"explorers/{node['model']}.html"
    label = f"Live explorer of the shipped model {node['model']}: sliders for its code, and the decoded digit"
    writer.body.append(
        f'<figure class="explorer"><iframe src="{address}" title="{label}" loading="lazy"></iframe>'
        f"<figcaption>Live, without a kernel: the shipped model <code>{node['model']}</code> decodes in this page. "
        f'<a href="{address}">Open it by itself</a></figcaption></figure>'
    )
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict:
    """Register everything."""
    app.set_html_assets_policy("always")  # titles in the navigation hold formulas, on pages that hold none themselves
    app.add_node(Explorer, html=(open_explorer, None), gettext=(skip, None))
    app.add_node(ClaimPlace)
    app.add_directive("explore", Explore)
    app.add_directive("claims", ClaimList)
    app.connect("autodoc-process-docstring", plain_docstring, priority=100)  # before the sections are parsed
    app.connect("doctree-read", mark_claims)
    app.add_post_transform(ListClaims)
    app.connect("build-finished", write_explorers)
    return {"parallel_read_safe": False, "parallel_write_safe": True, "version": "1"}


def skip(writer, node) -> None:
    """For builders that make no pages."""
    raise nodes.SkipNode
