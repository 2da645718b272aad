"""The queries that list everything of a PostgreSQL database that is not rows: see catalog.sql in this package."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from harness.core.model import OWN
from harness.workloads.queries import sections

_FILE = tomllib.loads(Path(__file__).with_name("catalogs.toml").read_text("utf-8"))
COMPARED: Mapping[str, str] = _FILE["compared"]
"""The catalogs of which every column is compared, and their parts."""
PRINTED_BY: Mapping[str, tuple[str, ...]] = _FILE["printed_by"]
"""The columns that functions print, by function."""
EXCLUDED: Mapping[str, str] = _FILE["excluded"]
"""What is not compared, and why: a catalog, a column, or an option of a column."""


def _sections() -> dict[str, tuple[str, ...]]:
    read = sections(
        Path(__file__).with_suffix(".sql"),
        own=OWN,
        compared=", ".join(f"('{catalog}', '{part}')" for catalog, part in COMPARED.items()),
        excluded=", ".join(f"'{name.translate(_LIKE)}'" for name in EXCLUDED),
        excluded_options="|".join(option for _, _, option in (name.partition("=") for name in EXCLUDED) if option),
    )
    return {
        name: tuple(filter(None, map(str.strip, re.split(";$", body, flags=re.MULTILINE))))
        for name, body in read.items()
    }


QUERIES = sections(Path(__file__).with_name("queries.sql"))
"""What is asked besides: queries.sql in this package."""

_LIKE = str.maketrans({"*": "%", "_": "\\_"})
_LISTS = _sections()
(RELATIONS,) = _LISTS["relations"]
(STATEMENTS,) = _LISTS["statements"]
DATABASE_QUERIES = _LISTS["database"]
SERVER_QUERIES = _LISTS["server"]
OWN_QUERIES = _LISTS["own"]
