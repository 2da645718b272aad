"""Which of PostgreSQL's errors mean that its data are damaged."""

from __future__ import annotations

import re

_DAMAGED = re.compile(r"XX...|58030|58P01")
"""Codes of a server's own trouble: data or an index corrupted, what should never be, a file unreadable or gone."""

_DAMAGED_AT_START = re.compile(
    r"FATAL: .*(invalid page|invalid data|is missing|No such file|Input/output error|read \d+ of \d+)", re.DOTALL
)
"""The same where it keeps a session from starting: the driver has no code then. A lost connection says no FATAL."""


def is_damage(sqlstate: str | None, message: str) -> bool:
    """Whether an error with this code, or with none and this message, says that what the server holds is damaged."""
    if sqlstate is None:
        return bool(_DAMAGED_AT_START.search(message))
    return bool(_DAMAGED.fullmatch(sqlstate))
