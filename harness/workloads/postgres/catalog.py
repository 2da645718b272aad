"""The queries that list everything of a PostgreSQL database that is not rows: see catalog.sql in this package."""

from __future__ import annotations

import re
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from harness.core.model import OWN

EXCLUDED_OPTIONS = (("pg_attver", "where in the WAL PostgreSQL (since 17.12) created the column; nobody can set it"),)
"""The options of a column that are not compared, and why."""


def _sections() -> dict[str, tuple[str, ...]]:
    """The statements of each section."""
    template = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(  # noqa: S701 # SQL
        Path(__file__).with_suffix(".sql").read_text("utf-8")
    )
    text = template.render(own=OWN, excluded_options="|".join(name for name, _ in EXCLUDED_OPTIONS))
    parts = re.split(r"^-- section: (\w+)$", text, flags=re.MULTILINE)
    return {
        name: tuple(filter(str.strip, re.split(";$", body, flags=re.MULTILINE)))
        for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }


_QUERIES = _sections()
(RELATIONS,) = _QUERIES["relations"]
DATABASE_QUERIES = _QUERIES["database"]
SERVER_QUERIES = _QUERIES["server"]
OWN_QUERIES = _QUERIES["own"]
