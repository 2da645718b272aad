"""Which of MySQL's errors mean that its data are damaged."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import pymysql

from harness.core.errors import ToolFailed
from harness.core.ports import Corrupt

_DAMAGE = (
    *(1016, 1017, 1024, 1033),  # a file can't be opened, found or read, or is not one of a table
    *(1034, 1035, 1194, 1195, 1712, 1877),  # a table or an index is crashed, corrupt, or of the wrong form
    *(1049, 1146),  # there is no such database or table; we ask only for what we made or were just told of
    *(1728, 1805, 3554),  # a table of the server's own is damaged
    *(1812, 1814),  # a tablespace is missing, or was discarded
    *(1256, 1258, 1259),  # what was compressed can't be uncompressed
    *(3185, 12168, 12175),  # an encrypted page can't be decrypted
)
"""By number, since texts are translated. A lost connection is none of them: it says nothing of the data."""

_NAMED = re.compile(r"table `(\w+)`\.`(\w+)`")
_LAST_WORDS = re.compile(r"\[InnoDB\] (Database page corruption|Corruption of an index tree)")


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Corrupt instead of ToolFailed for what the server itself said of its data."""
    try:
        yield
    except ToolFailed as error:
        if is_damage(error.__cause__):
            raise Corrupt(error.tail, error.about or _tables(error.tail)) from error
        raise


def _tables(message: str) -> tuple[str, ...]:
    """The table that a message of the server names, as a part of a digest is named; nothing if it names none."""
    return tuple(f"table {schema}.{name}" for schema, name in _NAMED.findall(message))


def last_words(log: str) -> str:
    """The first line of a server's log that tells of a corrupt page or tree; "" if none does."""
    return next((line for line in log.splitlines() if _LAST_WORDS.search(line)), "")


def is_damage(error: BaseException | None) -> bool:
    """Whether this is such an error."""
    return isinstance(error, pymysql.MySQLError) and bool(error.args) and error.args[0] in _DAMAGE
