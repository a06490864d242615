"""Each citation in the prose, such as "Burda et al. (2016)", leads to its entry in the references, and brings it along.

The page holds the entries that it cites, out of sight; `citations.js` shows one beside its citation.
"""

import functools
import re
from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from docutils import nodes
from pybtex.database import Entry, Person
from sphinx.application import Sphinx
from sphinxcontrib.bibtex.domain import Citation

REFERENCES = "docs/references"
AND = r"(?:,|,?\s+(?:and|&)|와|과)\s+"
# Where words are no prose, or lead somewhere already.
APART = (nodes.reference, nodes.literal, nodes.literal_block, nodes.math, nodes.raw, nodes.title, nodes.citation)


class Cited(nodes.Inline, nodes.TextElement):
    """A citation: `key` names the entry, `refuri` leads to it."""


def surname(person: Person) -> str:
    """The last name as it is written in a citation: "van der Maaten"."""
    return " ".join(map(str, person.rich_prelast_names + person.rich_last_names))


def named(person: Person) -> str:
    """A pattern of the name, with its given names, their initials, or neither."""
    given = map(str, person.rich_first_names + person.rich_middle_names)
    before = (rf"(?:(?:{re.escape(name)}|{name[0]}\.)\s+)?" for name in given)
    return "".join(before) + re.escape(surname(person)).replace(r"\ ", r"\s+")


def heads(entry: Entry) -> Iterator[tuple[str, str]]:
    """How the authors are named, and a pattern of it: all of them, and from three on the first alone, "et al."."""
    authors = entry.persons["author"]
    *others, last = map(named, authors)
    yield str(tuple(map(surname, authors))), (r",\s+".join(others) + AND if others else "") + last
    if len(authors) > 2 or str(authors[-1]) == "others":
        yield f"{surname(authors[0])} et al.", named(authors[0]) + r"(?:\s+et\s+al\.|\s+등)"


def patterns(entries: dict[str, Entry]) -> dict[str, str]:
    """A pattern of the citations of each entry; the year may be left out where two names or more are clear without."""
    known = Counter(head for entry in entries.values() for head, _ in heads(entry))
    found = {}
    for key, entry in entries.items():
        printed, posted = entry.fields.get("year"), re.search(r"\d{4}$", key)
        years = "|".join(filter(None, (printed, posted and posted[0])))
        forms = []
        for head, pattern in heads(entry):
            optional = known[head] == 1 and len(entry.persons["author"]) > 1
            dated = rf"(?:,?\s*\((?:{years})\)|,?\s+(?:{years})(?!\d))" + "?" * optional
            forms.append(pattern + (dated if years else ""))
        found[key] = "|".join(forms)
    return found


@functools.cache
def reader(forms: tuple[str, ...]) -> re.Pattern:
    """One pattern for all; the group that matches is the number of the form, from 1."""
    return re.compile(r"(?<!\w)(?:" + "|".join(f"({form})" for form in forms) + ")(?![A-Za-z])")


def cite(app: Sphinx, doctree: nodes.document, name: str) -> None:
    """Make the page's citations links, and append the entries that they lead to."""
    if app.builder.format != "html":
        return
    citations = {citation.key: citation for citation in app.env.get_domain("cite").citations}
    address = app.builder.get_relative_uri(name, REFERENCES)
    forms = patterns({key: citation.entry for key, citation in citations.items()})
    link(doctree, reader(tuple(forms.values())), list(forms), address)
    adopt(doctree, citations, address)
    notes = [note(citations[key]) for key in dict.fromkeys(node["key"] for node in doctree.findall(Cited))]
    if notes:
        doctree += nodes.raw("", f'<div class="notes">{"".join(notes)}</div>', format="html")


def note(citation: Citation) -> str:
    """The entry, out of sight."""
    words = citation.formatted_entry.text.render_as("html")
    return f'<div class="note" id="note-{citation.key}" role="tooltip" hidden>{words}</div>'


def link(doctree: nodes.document, pattern: re.Pattern, keys: list[str], address: str) -> None:
    """Replace each citation in the prose by a link."""

    def linked(said: str) -> Iterator[nodes.Node]:
        end = 0
        for found in pattern.finditer(said):
            key = keys[found.lastindex - 1]
            yield nodes.Text(said[end : found.start()])
            yield Cited("", found[0], key=key, refuri=f"{address}#{key}")
            end = found.end()
        yield nodes.Text(said[end:])

    for parent in {id(text.parent): text.parent for text in doctree.findall(nodes.Text)}.values():
        if any(isinstance(node, APART) for node in (parent, *ancestors(parent))):
            continue
        children = []
        for is_text, group in groupby(parent.children, lambda child: isinstance(child, nodes.Text)):
            neighbours = list(group)  # a line's break is a text of its own
            children += linked("".join(neighbours)) if is_text else neighbours
        parent[:] = children


def ancestors(node: nodes.Node) -> Iterator[nodes.Node]:
    """What a node stands in, from within."""
    while node.parent is not None:
        node = node.parent
        yield node


def adopt(doctree: nodes.document, citations: dict[str, Citation], address: str) -> None:
    """Make the links of the role `{cite:p}` such citations, too."""
    for reference in list(doctree.findall(nodes.reference)):
        page, _, key = reference.get("refuri", "").partition("#")
        if page == address and key in citations:
            reference.replace_self(Cited("", "", *reference.children, key=key, refuri=reference["refuri"]))


def begin_citation(writer, node) -> None:
    """A link that is described by its entry."""
    writer.body.append(
        f'<a class="reference internal cited" href="{node["refuri"]}" aria-describedby="note-{node["key"]}">'
    )


def end_citation(writer, node) -> None:
    """Close it."""
    writer.body.append("</a>")


def begin_entry(writer, node) -> None:
    """An entry is an item of its list: the role that docutils gives it is deprecated, and no list may hold it."""
    type(writer).visit_citation(writer, node)
    writer.body[-1] = writer.body[-1].replace("doc-biblioentry", "listitem")


def end_entry(writer, node) -> None:
    """Close it."""
    type(writer).depart_citation(writer, node)


def setup(app: Sphinx) -> dict:
    """Register the step, after the lists of claims and questions were filled in."""
    app.add_node(Cited, html=(begin_citation, end_citation))
    app.add_node(nodes.citation, override=True, html=(begin_entry, end_entry))
    app.connect("doctree-resolved", cite, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
