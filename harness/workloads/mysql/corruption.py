"""Which of MySQL's errors mean that its data are damaged."""

import contextlib
import re
from collections.abc import Iterator

import pymysql

from harness.core.errors import ToolFailed
from harness.core.ports import Corrupt

_DAMAGE = (
    *(1016, 1017, 1024, 1033),  # a file can't be opened, found or read, or is not of a table
    *(1034, 1035, 1194, 1195, 1712, 1877),  # a table or an index is crashed, corrupt, or of the wrong form
    *(1049, 1146),  # no such database or table; drillproof reads only existing ones
    *(1728, 1805, 3554),  # a table of the server's own is damaged
    *(1812, 1814),  # a tablespace is missing, or was discarded
    *(1256, 1258, 1259),  # what was compressed can't be uncompressed
    1932,  # of MariaDB: the engine does not have the table
    *(3185, 12168, 12175),  # an encrypted page can't be decrypted
)
"""By number, as texts are translated. A lost connection is not among them: it says nothing about the data."""

_NAMED = re.compile(r"table `(\w+)`\.`(\w+)`")
_LAST_WORDS = re.compile(r"(\[InnoDB\]|InnoDB:) (Database page corruption|Corruption of an index tree)")


@contextlib.contextmanager
def raise_corrupt() -> Iterator[None]:
    """Raise Corrupt in place of ToolFailed if the server reported damaged data."""
    try:
        yield
    except ToolFailed as error:
        if is_damage(error.__cause__):
            tables = tuple(f"table {schema}.{name}" for schema, name in _NAMED.findall(error.tail))
            raise Corrupt(error.tail, error.about or tables) from error
        raise


def line_of_corruption(log: str) -> str:
    """The first line of a server's log about a corrupt page or tree; "" if there is none."""
    return next((line for line in log.splitlines() if _LAST_WORDS.search(line)), "")


def is_damage(error: BaseException | None) -> bool:
    return isinstance(error, pymysql.MySQLError) and bool(error.args) and error.args[0] in _DAMAGE
