"""The client that writes MySQL's ledger, one acknowledged commit at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CLIENT, ER
from pymysql.cursors import Cursor

from harness.errors import ToolFailed
from harness.model import Operation
from harness.ports import Refused, Unanswered

ANSWER_S = 5
"""How long a client waits for the answer to one write."""

_STATEMENTS = {
    "put": "INSERT INTO drillproof.ledger (n, k, v) VALUES (%(n)s, %(key)s, %(value)s)",
    "update": "UPDATE drillproof.ledger SET n = %(n)s, v = %(value)s WHERE k = %(key)s",
    "delete": "DELETE FROM drillproof.ledger WHERE k = %(key)s",
}
_CLIENT_ERRORS = range(2000, 3000)  # made by the client, about its connection; the server's own numbers go around them
_IN_DOUBT = (
    ER.SERVER_SHUTDOWN,
    ER.ERROR_DURING_COMMIT,
    ER.QUERY_INTERRUPTED,
    ER.ABORTING_CONNECTION,
    ER.NET_READ_ERROR,
    ER.NET_READ_INTERRUPTED,
    ER.NET_ERROR_ON_WRITE,
    ER.NET_WRITE_INTERRUPTED,
    ER.NEW_ABORTING_CONNECTION,
)


class MySQLWriter:
    """Implements `harness.ports.Writer`."""

    def __init__(self, forward: Callable[[], AbstractContextManager[tuple[str, int]]], password: str) -> None:
        """`forward` reaches the primary. ToolFailed if it does not take the connection."""
        with contextlib.ExitStack() as stack:
            host, port = stack.enter_context(forward())
            try:
                self._connection: Connection[Cursor] = pymysql.connect(
                    host=host,
                    port=port,
                    user="root",
                    password=password,
                    charset="utf8mb4",
                    autocommit=True,
                    connect_timeout=ANSWER_S,
                    read_timeout=ANSWER_S,
                    write_timeout=ANSWER_S,
                    client_flag=CLIENT.FOUND_ROWS,  # an update to the value that is there already has found its row
                    program_name="drillproof-ledger",
                )
            except (pymysql.MySQLError, OSError) as error:
                raise ToolFailed(("mysql", "ledger"), 1, str(error)) from error
            stack.callback(self._connection.close)
            self._open = stack.pop_all()

    def apply(self, operation: Operation) -> None:
        """Commit one operation. Refused only where the server said so; every doubt is Unanswered."""
        values = {"n": operation.n, "key": operation.key, "value": operation.value}
        try:
            with self._connection.cursor() as sql:
                found = sql.execute(_STATEMENTS[operation.verb], values)
        except (pymysql.MySQLError, OSError) as error:
            if is_refusal(error):
                raise Refused(str(error)) from error
            raise Unanswered(str(error)) from error
        if found == 0:
            raise Refused(f"there is no row with key {operation.key}")

    def close(self) -> None:
        """Drop the connection and the way to it; may be called twice."""
        self._open.close()


def is_refusal(error: Exception) -> bool:
    """Whether the server itself said that the statement failed, and was not about to stop when it did."""
    number = error.args[0] if isinstance(error, pymysql.MySQLError) and error.args else 0
    return isinstance(number, int) and number >= 1000 and number not in _CLIENT_ERRORS and number not in _IN_DOUBT  # noqa: PLR2004 # the first number of a server
