"""How Sphinx builds the site (`make site`). Warnings are errors: a missing link, anchor or page fails the build.

Nothing in the site comes from another host, so its folder can be read from disk, without a network.
"""  # noqa: INP001 - Sphinx runs this file; it is no module of a package

from sphinx.application import Sphinx

NAVIGATION = {
    "Tutorials": ("tutorial/first-drill", "tutorial/own-postgres", "tutorial/first-proof"),
    "How-to guides": (
        "how-to/read-a-fail",
        "how-to/application",
        "how-to/backup-definition",
        "how-to/existing-cluster",
        "how-to/mariadb",
        "how-to/prove",
        "how-to/prove-shared-cluster",
        "how-to/migrate",
        "how-to/schedule",
        "how-to/fleet",
        "how-to/ci",
        "how-to/matrix",
        "how-to/evidence",
        "how-to/after-action",
        "how-to/back-up-databases",
        "how-to/snapshots",
        "how-to/doubt",
    ),
    "Reference": (
        "reference/cli",
        "reference/strategies",
        "reference/scenarios",
        "reference/checks",
        "reference/run-directory",
        "reference/configuration",
        "reference/application-file",
        "reference/recognition",
        "reference/permissions",
        "reference/exit-codes",
        "reference/notifications",
        "glossary",
    ),
    "Explanation": (
        "explanation/verdicts",
        "explanation/rto-rpo",
        "architecture",
        "explanation/lessons",
        "explanation/scale",
        "explanation/custos",
    ),
}
"""The menu. A page that is not in it fails the build."""

project = "drillproof"
author = "the drillproof contributors"
html_title = "drillproof"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["retired-words.txt"]
nitpicky = True
myst_heading_anchors = 3
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_sphinx = False
html_use_index = False
pygments_style = "friendly"
pygments_dark_style = "monokai"


def _menu(_: Sphinx, page: str, source: list[str]) -> None:
    """Put the menu on the first page, so that its Markdown reads well elsewhere, too."""
    if page == "index":
        for caption, pages in NAVIGATION.items():
            source[0] += "\n".join(("", "```{toctree}", ":hidden:", f":caption: {caption}", *pages, "```", ""))


def setup(app: Sphinx) -> None:
    """Sphinx calls this."""
    app.connect("source-read", _menu)
