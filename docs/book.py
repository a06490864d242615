"""What the book needs beyond Sphinx: live explorers, and lists of claims and questions with links to their cells."""

import ast
import base64
import functools
import html
import json
import re
import tomllib
from pathlib import Path

import nbformat
from docutils import nodes
from editions import TRANSLATED, address_in, for_page, frames_in
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

from vaelib import load_mnist, load_pretrained
from vaelib.explorer import save_drawing_page, save_page
from vaelib.explorer.figure_page import page_of
from vaelib.laboratory import save_page as save_lab_page
from vaelib.languages import tr

DOCS = Path(__file__).parent
# What a notebook folds away, the description that follows, and a caption.
FOLDED = re.compile(r"(?<=<summary>)[^<]+|(?<=</summary>)[^<]+(?=</details>)|(?<=<div><em>)[^<]+(?=</em>)")
FRAMES = DOCS.parent / "figures" / "live"  # by `python tests/tools/notebook.py frames`
# What a page says that is shown in English among pages of another language.
UNTRANSLATED = {"ko": "이 페이지는 아직 한국어로 다 옮기지 못했습니다. 옮기지 못한 곳은 영어로 보여 드립니다."}
# The notebooks' own explorers need a kernel; in the book these stand in for them.
LIVE = {
    "notebooks/00_start_here": "bernoulli-z2",
    "notebooks/01_generative_models": "bernoulli-z2",
    "notebooks/07_training": "bernoulli-z20",
    "notebooks/08_autoencoders": "bernoulli-z2",
    "notebooks/11_your_own_images": "conditional-z2",
}


class Explorer(nodes.General, nodes.Element):
    """A page with sliders, shown inside the page of the book: `page` names it, `label` and `caption` are its words.

    `settings`, where there are some, are the fragment that the page opens with.
    """


class Explore(SphinxDirective):
    """`{explore} NAME`: the sliders of a shipped model."""

    required_arguments = 1

    def run(self):
        """One node."""
        return [explorer_of(self.arguments[0])]


def explorer_of(model: str) -> Explorer:
    """The sliders of a shipped model."""
    return Explorer(
        page=model,
        label=tr("Live explorer of the shipped model {name}: sliders for its code, and the decoded digit", name=model),
        caption=tr("Live, without a kernel: the shipped model <code>{name}</code> decodes in this page.", name=model),
    )


def drawing() -> Explorer:
    """The canvas to draw on."""
    return Explorer(
        page="draw",
        label=tr("A canvas to draw a digit on, its code on the plane, a reconstruction and draws"),
        caption=tr("Live, without a kernel: the page encodes what you draw."),
    )


def live_figure(page: str) -> Explorer:
    """A live figure of a notebook."""
    kernel_free = tr("Live, without a kernel: a picture for each place of the sliders.")
    anywhere = tr("In the notebook they stand anywhere.")
    return Explorer(
        page=page,
        label=tr("The figure with its sliders"),
        caption=f"{kernel_free} {anywhere}",
    )


def lab_of(source: str) -> Explorer:
    """The lab at the settings with which a cell calls it."""
    (call,) = (node for node in ast.walk(ast.parse(source)) if is_lab(node))
    words = {word.arg: ast.literal_eval(word.value) for word in call.keywords if isinstance(word.value, ast.Constant)}
    return Explorer(
        page="lab",
        settings="&".join(f"{name}={str(value).lower()}" for name, value in words.items()),
        label=tr("The lab: a VAE that trains in the page, its controls and its views"),
        caption=tr("Live, without a kernel: 2,000 of the bundled digits train in this page."),
    )


def is_lab(node: ast.AST) -> bool:
    """Whether this is a call of `vaelib.lab`."""
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "vaelib.lab"


def lab_link(name, rawtext, text, lineno, inliner, options=None, content=None):
    """`{lab}`words``: a link to the lab, which lies beside the front page."""
    return [LabLink("", text)], []


class LabLink(nodes.Inline, nodes.TextElement):
    """A link to the lab's page."""


class Picture(nodes.General, nodes.Element):
    """A figure of a notebook, `width` CSS pixels wide where there is room; on a phone it scrolls."""


class CellList(SphinxDirective):
    """`{claims}` or `{questions}`: every one of the kind, with links to the cells that show or answer it."""

    def run(self):
        """A place, filled in when all notebooks have been read."""
        return [CellListPlace(kind=self.name, words={})]


class CellListPlace(nodes.General, addnodes.translatable, nodes.Element):
    """Where a list of claims or questions goes; the page's catalogue has its texts, and `words` the translations."""

    def preserve_original_messages(self) -> None:
        """They stay in their file."""

    def apply_translated_message(self, original_message: str, translated_message: str) -> None:
        """Keep a translation for the list."""
        self["words"][original_message] = translated_message

    def extract_original_messages(self) -> list[str]:
        """What a translator is asked for."""
        return [text for entry in entries(self["kind"]).values() for text in entry.values() if isinstance(text, str)]


@functools.cache
def entries(kind: str) -> dict[str, dict]:
    """The series' claims, or the questions it answers, by the names that the cells' metadata have for them."""
    return tomllib.loads((DOCS / f"{kind}.toml").read_text(encoding="utf-8"))


def mark_cells(app: Sphinx, doctree: nodes.document) -> None:
    """Give cells with claims or questions a target the lists can link to, and put live explorers in their places."""
    name = app.env.docname
    served = app.env.served_cells = getattr(app.env, "served_cells", {})
    for entry in served:
        served[entry] = [place for place in served[entry] if place[0] != name]
    for cell in list(doctree.findall(nodes.container)):
        if cell.get("nb_element") != "cell_code":
            continue
        for entry in (entry for kind in LISTS for entry in cell["cell_metadata"].get(kind, [])):
            anchor = f"{entry.lower()}-cell-{cell['cell_index']}"
            cell["ids"].append(anchor)  # before its code a target would keep the code from being folded
            served.setdefault(entry, []).append((name, anchor, cell["cell_index"]))
    for cell, live in live_places(name, doctree):
        cell.parent.insert(cell.parent.index(cell) + 1, live)
        if live["page"] not in LIVE.values():  # a stand-in does not show what the still picture shows
            cell["classes"].append("has-live")


def live_places(name: str, doctree: nodes.document):
    """The cells with a widget that moves on the site, and what moves there."""
    figures = 0
    for cell in list(doctree.findall(nodes.container)):
        source = cell.astext() if cell.get("nb_element") == "cell_code" else ""
        if name in LIVE and "vaelib.explore(" in source:
            yield cell, explorer_of(LIVE[name])
        elif "draw_digit(" in source:
            yield cell, drawing()
        elif "live_figure(" in source:
            figures += 1
            yield cell, live_figure(f"{Path(name).name}-{figures}")
        elif "vaelib.lab(" in source:
            yield cell, lab_of(next(cell.findall(nodes.literal_block)).astext())


class FillLists(SphinxPostTransform):
    """Fills in the lists once every notebook is known."""

    default_priority = 5
    formats = ("html",)  # the place itself, and not its list, is what translators are asked about

    def run(self, **kwargs):
        """Replace each place by its list."""
        for place in list(self.document.findall(CellListPlace)):
            items = nodes.bullet_list(bullet="-")
            for entry, english in entries(place["kind"]).items():
                words = {
                    name: place["words"].get(text, text) if isinstance(text, str) else text
                    for name, text in english.items()
                }
                items += nodes.list_item(
                    "", *LISTS[place["kind"]](entry, words, self.links(entry)), ids=[entry.lower()]
                )
            place.replace_self(items)

    def links(self, entry: str) -> list[nodes.Node]:
        """A link to each cell that serves the entry, with the notebook's number before its first."""
        cells = sorted(self.env.served_cells.get(entry, []), key=lambda cell: (cell[0], cell[2]))
        links, notebook = [], None
        for number, (name, anchor, _) in enumerate(cells, 1):
            address = self.app.builder.get_relative_uri(self.env.docname, name) + f"#{anchor}"
            links.append(nodes.Text(tr(" Notebook {number}: ", number=name[10:12]) if name != notebook else " "))
            links.append(nodes.reference("", str(number), refuri=address, internal=True))
            notebook = name
        return links


def claim_item(claim: str, words: dict, links: list[nodes.Node]) -> list[nodes.Node]:
    """The claim, links to its cells, and its control."""
    line = nodes.paragraph("", "", nodes.strong(text=f"{claim} "), nodes.Text(words["claim"]), *links)
    return [line, nodes.paragraph("", "", nodes.emphasis(text=tr("Control: ")), nodes.Text(words["control"]))]


def question_item(name: str, words: dict, links: list[nodes.Node]) -> list[nodes.Node]:
    """The question in the askers' words, the answer in a line, links to the cell with the number and to the askers."""
    asked = [nodes.Text(tr(" · asked at "))]
    for number, place in enumerate(words["asked"]):
        asked += [nodes.Text(", ")] if number else []
        asked.append(nodes.reference("", place, refuri=asked_address(place)))
    answer = nodes.paragraph("", "", nodes.Text(words["answer"]), *links, *asked, nodes.Text("."))
    return [nodes.paragraph("", "", nodes.strong(text=words["question"])), answer]


def asked_address(place: str) -> str:
    """The address of "owner/repository#5", or of question 5 of a site named "stats.stackexchange.com#5"."""
    name, number = place.split("#")
    return f"https://github.com/{name}/issues/{number}" if "/" in name else f"https://{name}/questions/{number}"


LISTS = {"claims": claim_item, "questions": question_item}


def plain_docstring(app: Sphinx, what, name, obj, options, lines: list[str]) -> None:
    """Docstrings are plain text, names in backticks: stars and bars are no markup, indented lines keep their shape."""
    shaped, drawing = [], False
    for line in lines:
        starts = what == "module" and line.startswith("    ") and not drawing
        drawing = what == "module" and (line.startswith("    ") or (drawing and not line))
        shaped += ["::", ""] if starts else []
        shaped.append(line if drawing else line.replace("*", r"\*").replace("|", r"\|"))
    # An empty comment comes before a property, or Napoleon takes what stands before its first colon for a type.
    lines[:] = ["..", ""] * (what == "property") + shaped


def in_language(frames: dict) -> dict:
    """A live figure's frames with the words beside them in the language of the pages."""
    said, sliders = frames["alt"], []
    for slider in frames["sliders"]:
        label = slider["label"]
        sliders.append(slider | {"label": tr(label)})
    return frames | {"alt": tr(said), "sliders": sliders}


def write_explorers(app: Sphinx, error: Exception | None) -> None:
    """Write the pages with sliders into the finished site."""
    if error is not None or app.builder.format != "html":
        return
    folder = Path(app.outdir) / "explorers"
    folder.mkdir(exist_ok=True)
    images = load_mnist("test", limit=2000)
    for name in sorted(set(LIVE.values())):
        save_page(load_pretrained(name), folder / f"{name}.html", *images, title=name, overwrite=True)
    for path in FRAMES.glob("*.json"):
        frames = json.loads(frames_in(app.config.language, path).read_text(encoding="utf-8"))
        page = page_of(in_language(frames), tr("A figure of notebook {number}", number=path.stem[:2]))
        (folder / f"{path.stem}.html").write_text(page, encoding="utf-8")
    save_drawing_page(
        load_pretrained("bernoulli-z2"), folder / "draw.html", *images, title=tr("Draw a digit"), overwrite=True
    )
    save_lab_page(folder / "lab.html", overwrite=True)


def name_controls(app: Sphinx, config) -> None:
    """Say in the language of the pages what opens the code of a cell, what folds it, and what searches."""
    config.nb_code_prompt_show, config.nb_code_prompt_hide = tr("Show the code"), tr("Fold the code")
    config.html_theme_options["search_bar_text"] = tr("Search")


def open_fold(writer, node) -> None:
    """The fold of a cell's code, named by the words that it shows; myst-nb names each the same, in English."""
    shown = f'<p class="collapsed admonition-title">{html.escape(node["prompt_show"])}</p>'
    shown += f'<p class="expanded admonition-title">{html.escape(node["prompt_hide"])}</p>'
    writer.body.append(f'<details class="admonition hide {" ".join(node["classes"])}"><summary>{shown}</summary>')


def close_fold(writer, node) -> None:
    """End it."""
    writer.body.append("</details>")


def open_explorer(writer, node) -> None:
    """An inner frame; it has no address outside the site."""
    depth = writer.builder.current_docname.count("/")
    by_itself = tr("Open it by itself")
    address = "../" * depth + f"explorers/{node['page']}.html"
    if node.get("settings"):
        address += f"#{node['settings']}"
    writer.body.append(
        f'<figure class="explorer"><iframe src="{address}" title="{node["label"]}" loading="lazy"></iframe>'
        f"<figcaption>{node['caption']} "
        f'<a href="{address}">{by_itself}</a></figcaption></figure>'
    )
    raise nodes.SkipNode


def open_picture(writer, node) -> None:
    """A box that knows how wide its picture is."""
    writer.body.append(f'<div class="picture" style="--width: {node["width"]}px">')


def close_picture(writer, node) -> None:
    """End it."""
    writer.body.append("</div>")


def begin_lab_link(writer, node) -> None:
    """The address from where this page is."""
    depth = writer.builder.current_docname.count("/")
    writer.body.append(f'<a class="reference external" href="{"../" * depth}lab.html">')


def end_lab_link(writer, node) -> None:
    """Close it."""
    writer.body.append("</a>")


def say_untranslated(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """Say on a page without a translation that it is in English."""
    language = app.config.language
    if language in UNTRANSLATED and name not in TRANSLATED[language]:
        notice = nodes.note("", nodes.paragraph(text=UNTRANSLATED[language]), classes=["untranslated"])
        title = next(iter(doctree.findall(nodes.title)), None)
        if title is not None:
            title.parent.insert(title.parent.index(title) + 1, notice)


def as_run(app: Sphinx, name: str, source: list[str]) -> None:
    """Let a notebook's page in another language show the code and the outputs of the notebook in that language."""
    path = Path(app.env.doc2path(name))
    if path.suffix == ".ipynb" and app.config.language in TRANSLATED:
        source[0] = nbformat.writes(for_page(path, app.config.language))


def describe(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """Give each picture of a notebook the description and the width that its output has; myst-nb leaves them behind."""
    path = Path(app.env.doc2path(name))
    if path.suffix != ".ipynb" or app.builder.format != "html":
        return
    for picture, output in pictures(doctree, for_page(path, app.config.language)):
        picture["alt"] = output.metadata["image/png"]["alt"]
        picture.parent.replace(picture, Picture("", picture, width=width_of(output)))


def pictures(doctree: nodes.document, notebook: nbformat.NotebookNode):
    """Each picture of a notebook's page and the output that it is."""
    for cell in list(doctree.findall(nodes.container)):
        if cell.get("nb_element") == "cell_code":
            outputs = notebook.cells[cell["cell_index"]].outputs
            drawn = [output for output in outputs if "image/png" in output.get("data", {})]
            yield from zip(list(cell.findall(nodes.image)), drawn, strict=True)


def width_of(output: nbformat.NotebookNode) -> int:
    """The CSS pixels that a picture takes in a notebook: those it asks for, or its own."""
    stated = output.metadata["image/png"].get("width")
    return stated or int.from_bytes(base64.b64decode(output.data["image/png"])[16:20], "big")


def speak(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """Put what is folded away, the pictures' words and the links to the open notebook into the page's language."""
    for picture in doctree.findall(nodes.image):
        if alt := picture.get("alt"):
            picture["alt"] = tr(alt)
    opened = {"Open in Colab": tr("Open in Colab"), "Open in Binder": tr("Open in Binder")}
    for link in list(doctree.findall(nodes.reference)):
        if link.astext() in opened:
            own = address_in(app.config.language, link["refuri"])
            link.replace_self(nodes.reference("", opened[link.astext()], refuri=own))
    for raw in doctree.findall(nodes.raw):
        words = FOLDED.sub(lambda found: html.escape(tr(html.unescape(found[0]))), raw.astext())
        if words != raw.astext():
            raw.replace_self(nodes.raw("", words, format="html"))


def offer_notebook(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """Put a link to the notebook in the page's language below its title; the build writes it beside the page."""
    title = next(iter(doctree.findall(nodes.title)), None)
    if app.config.language != "en" and name.startswith("notebooks/") and title is not None:
        link = nodes.reference("", tr("Download this notebook"), refuri=f"{Path(name).name}.ipynb")
        title.parent.insert(title.parent.index(title) + 1, nodes.paragraph("", "", link, classes=["download"]))


def setup(app: Sphinx) -> dict:
    """Register everything."""
    app.set_html_assets_policy("always")  # titles in the navigation hold formulas, on pages that hold none themselves
    app.add_node(Explorer, html=(open_explorer, None), gettext=(skip, None))
    app.add_node(CellListPlace)
    app.add_node(Picture, html=(open_picture, close_picture), gettext=(keep, keep))
    app.add_node(HideCodeCellNode, override=True, html=(open_fold, close_fold))
    app.add_node(LabLink, html=(begin_lab_link, end_lab_link), gettext=(keep, keep))
    app.add_role("lab", lab_link)
    app.add_directive("explore", Explore)
    for kind in LISTS:
        app.add_directive(kind, CellList)
    app.connect("autodoc-process-docstring", plain_docstring, priority=100)  # before the sections are parsed
    app.connect("config-inited", name_controls)
    app.connect("source-read", as_run)
    app.connect("doctree-read", mark_cells)
    app.connect("doctree-resolved", say_untranslated)
    app.connect("doctree-resolved", describe, priority=400)  # before the words are put into the page's language
    app.connect("doctree-resolved", speak)
    app.connect("doctree-resolved", offer_notebook)
    app.add_post_transform(FillLists)
    app.connect("build-finished", write_explorers)
    return {"parallel_read_safe": False, "parallel_write_safe": True, "version": "1"}


def keep(writer, node) -> None:
    """For builders that make no pages."""


def skip(writer, node) -> None:
    """For builders that make no pages."""
    raise nodes.SkipNode
