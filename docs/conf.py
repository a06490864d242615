"""The site: the executed notebooks as a book, with the API, a glossary, references and the list of claims.

The sources are the repository's own files, so Sphinx runs from its root: `python docs/build.py` does.
"""

import os
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "docs")]
from editions import LANGUAGES  # noqa: E402 (it lies beside this file)

pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
repository = pyproject["tool"]["vaelib"]["repository"]

project = "vaelib"
author = "The vaelib authors"
project_copyright = author
release = pyproject["project"]["version"]

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx-mathjax-offline",
    "sphinxcontrib.bibtex",
    "book",
    "figure_numbers",
    "teaching",
    "citations",
]
root_doc = "docs/index"
include_patterns = ["docs/*.md", "notebooks/[0-9]*.ipynb"]
exclude_patterns = []

highlight_language = "none"  # of drawings in docstrings; code says what it is
nb_execution_mode = "off"  # the committed outputs are the book's; CI runs the notebooks by themselves
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "attrs_inline", "colon_fence"]
myst_heading_anchors = 3
# A page has no kernel, so a widget shows its picture, or its text.
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]

bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "unsrt"
bibtex_cite_id = "{key}"
bibtex_tooltips = False  # citations.js shows the entry, to the keyboard and to fingers, too

default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # shapes stand in the docstrings
napoleon_google_docstring = True
napoleon_numpy_docstring = False

language = os.environ.get("VAELIB_LANG", "en")
locale_dirs = [str(Path(__file__).parent / "locale")]
gettext_compact = False
gettext_uuid = False
gettext_location = False

html_theme = "sphinx_book_theme"
html_title = "vaelib"
templates_path = ["templates"]
html_static_path = ["static"]
html_favicon = "static/icon.svg"
html_css_files = ["book.css"]
html_js_files = [("book.js", {"defer": "defer"}), ("citations.js", {"defer": "defer"})]
html_context = {"default_mode": "auto", "languages": LANGUAGES}
html_copy_source = False
html_sidebars = {"**": ["home.html", "icon-links.html", "search-button-field.html", "sbt-sidebar-nav.html"]}
html_show_sourcelink = False
html_theme_options = {
    "use_download_button": False,
    "home_page_in_toc": True,
    "show_toc_level": 2,
    "navbar_persistent": [],
    "primary_sidebar_end": ["languages.html"],
}
if repository:
    html_theme_options |= {
        "repository_url": f"https://github.com/{repository}",
        "use_repository_button": True,
        "use_issues_button": True,
        "launch_buttons": {"colab_url": "https://colab.research.google.com", "binderhub_url": "https://mybinder.org"},
    }
