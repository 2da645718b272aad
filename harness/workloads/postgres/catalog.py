"""The queries that list everything of a PostgreSQL database that is not rows: see catalog.sql in this package."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from harness.core.model import OWN

_FILE = tomllib.loads(Path(__file__).with_name("catalogs.toml").read_text("utf-8"))
COMPARED: Mapping[str, str] = _FILE["compared"]
"""The catalogs of which every column is compared, and their parts."""
PRINTED_BY: Mapping[str, tuple[str, ...]] = _FILE["printed_by"]
"""The columns that functions print, by function."""
EXCLUDED: Mapping[str, str] = _FILE["excluded"]
"""What is not compared, and why: a catalog, a column, or an option of a column."""


def _sections() -> dict[str, tuple[str, ...]]:
    """The statements of each section."""
    template = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(  # noqa: S701 # SQL
        Path(__file__).with_suffix(".sql").read_text("utf-8")
    )
    text = template.render(
        own=OWN,
        compared=", ".join(f"('{catalog}', '{part}')" for catalog, part in COMPARED.items()),
        excluded=", ".join(f"'{name.translate(_LIKE)}'" for name in EXCLUDED),
        excluded_options="|".join(option for _, _, option in (name.partition("=") for name in EXCLUDED) if option),
    )
    parts = re.split(r"^-- section: (\w+)$", text, flags=re.MULTILINE)
    return {
        name: tuple(filter(str.strip, re.split(";$", body, flags=re.MULTILINE)))
        for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }


_LIKE = str.maketrans({"*": "%", "_": "\\_"})
_QUERIES = _sections()
(RELATIONS,) = _QUERIES["relations"]
(STATEMENTS,) = _QUERIES["statements"]
DATABASE_QUERIES = _QUERIES["database"]
SERVER_QUERIES = _QUERIES["server"]
OWN_QUERIES = _QUERIES["own"]
