"""Rows of Python values as PostgreSQL's COPY text format."""

import json
from datetime import date, time
from decimal import Decimal
from uuid import UUID

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def line(row: tuple[object, ...]) -> bytes:
    """One row as one line. TypeError for an unsupported type, ValueError for text with a NUL."""
    return ("\t".join(map(field, row)) + "\n").encode()


def field(value: object) -> str:  # noqa: PLR0911 # one for each kind of value
    r"""One value. NULL is \N, which no text can be, because a backslash in a text is doubled."""
    match value:
        case None:
            return "\\N"
        case str():
            if "\0" in value:
                raise ValueError("PostgreSQL's text holds no NUL character")
            return value.translate(_ESCAPES)
        case bool():
            return "t" if value else "f"
        case bytes() | bytearray():
            return "\\\\x" + value.hex()
        case float():
            return repr(value)  # the shortest text that reads back as the same float
        case int() | Decimal() | UUID():
            return str(value)
        case date() | time():  # and datetime, which is a date
            return value.isoformat()
        case dict() | list():
            return json.dumps(value, ensure_ascii=False).translate(_ESCAPES)
        case _:
            raise TypeError(f"no COPY format for a {type(value).__name__}")
