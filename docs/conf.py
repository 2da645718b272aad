"""How Sphinx builds the site (`make site`). Warnings are errors there: a link, an anchor or a page that is missing fails.

Nothing in the site comes from another host, so the folder can be read from disk, without a network.
"""  # noqa: INP001 - Sphinx runs this file; it is no module of a package

project = "drillproof"
author = "the drillproof contributors"
html_title = "drillproof"
extensions = ["myst_parser"]
exclude_patterns = ["retired-words.txt"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 3
# A tag is written once and read by `make docs`, GitHub and Sphinx: tables stand between HTML comments.
myst_enable_extensions: list[str] = []
nitpicky = True
html_theme = "furo"
html_theme_options = {"sidebar_hide_name": False}
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_sphinx = False
html_permalinks_icon = "#"
pygments_style = "friendly"
pygments_dark_style = "monokai"
