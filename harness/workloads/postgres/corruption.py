"""Which of PostgreSQL's errors mean that its data are damaged."""

import re

_DAMAGED = re.compile(r"XX...|58030|58P01")
"""Codes of a corrupted table or index, an internal error, or an unreadable or missing file."""

_DAMAGED_AT_START = re.compile(
    r"FATAL: .*(invalid page|invalid data|is missing|No such file|Input/output error|read \d+ of \d+)", re.DOTALL
)
"""The same for a session that cannot start, for which the driver has no code. A lost connection has no FATAL."""


def is_damage(sqlstate: str | None, message: str) -> bool:
    """Whether an error with this code, or without code and with this message, means damaged data."""
    if sqlstate is None:
        return bool(_DAMAGED_AT_START.search(message))
    return bool(_DAMAGED.fullmatch(sqlstate))
