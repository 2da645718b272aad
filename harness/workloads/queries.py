"""Reads SQL from files: Jinja templates of statements, in sections."""

import re
from pathlib import Path

from jinja2 import Environment, StrictUndefined


def sections(file: Path, **values: object) -> dict[str, str]:
    """The text of each section, after its line `-- section: NAME`; `values` are those of the template's variables."""
    template = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(  # noqa: S701 # SQL
        file.read_text("utf-8")
    )
    parts = re.split(r"^-- section: (\w+)$", template.render(values), flags=re.MULTILINE)
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}
