"""The queries that list everything of a PostgreSQL database that is not rows: see catalog.sql in this package."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
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


@dataclass(frozen=True)
class Catalog:
    """The queries of catalog.sql as a server of one major version understands them."""

    relations: str
    statements: str
    database: tuple[str, ...]
    server: tuple[str, ...]
    own: tuple[str, ...]


@cache
def of_version(version: int) -> Catalog:
    """`version` is PostgreSQL's major version."""
    read = sections(
        Path(__file__).with_suffix(".sql"),
        version=version,
        own=OWN,
        compared=", ".join(f"('{catalog}', '{part}')" for catalog, part in COMPARED.items()),
        excluded=", ".join(f"'{name.translate(_LIKE)}'" for name in EXCLUDED),
        excluded_options="|".join(option for _, _, option in (name.partition("=") for name in EXCLUDED) if option),
    )
    queries = {
        name: tuple(filter(None, map(str.strip, re.split(";$", body, flags=re.MULTILINE))))
        for name, body in read.items()
    }
    (relations,), (statements,) = queries["relations"], queries["statements"]
    return Catalog(relations, statements, queries["database"], queries["server"], queries["own"])


QUERIES = sections(Path(__file__).with_name("queries.sql"))
"""What is asked besides: queries.sql in this package."""

_LIKE = str.maketrans({"*": "%", "_": "\\_"})
