"""The client that writes MySQL's ledger, one acknowledged commit at a time."""

import contextlib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CLIENT, ER
from pymysql.cursors import Cursor

from harness.core.errors import ToolFailed
from harness.core.model import Operation
from harness.core.ports import Refused, Unanswered
from harness.workloads.sql_store import write

ANSWER_S = 5
"""Time limit for the answer to one write."""

# An error with a unique number if the previous statement changed no row: the server then skips all that follow,
# including the COMMIT.
_OR_STOP = "SELECT IF(ROW_COUNT() > 0, 0, (SELECT 1 UNION ALL SELECT 2))"
_CLIENT_ERRORS = range(2000, 3000)  # of the client, about its connection; the server has no such numbers
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
    1927,  # of MariaDB: the connection was killed
)


class MySQLWriter:
    """Implements `harness.core.ports.Writer`."""

    def __init__(
        self, forward: Callable[[], AbstractContextManager[tuple[str, int]]], password: str, *, user: str = "root"
    ) -> None:
        """`forward` reaches the primary. ToolFailed if it does not take the connection."""
        with contextlib.ExitStack() as stack:
            host, port = stack.enter_context(forward())
            try:
                self._connection: Connection[Cursor] = pymysql.connect(
                    host=host,
                    port=port,
                    user=user,
                    password=password,
                    charset="utf8mb4",
                    autocommit=False,
                    connect_timeout=ANSWER_S,
                    read_timeout=ANSWER_S,
                    write_timeout=ANSWER_S,
                    # FOUND_ROWS: an update that sets the existing value also counts its row.
                    client_flag=CLIENT.FOUND_ROWS | CLIENT.MULTI_STATEMENTS,
                    program_name="drillproof-ledger",
                )
            except (pymysql.MySQLError, OSError) as error:
                raise ToolFailed(("mysql", "ledger"), 1, str(error)) from error
            stack.callback(self._connection.close)
            self._open = stack.pop_all()

    def apply(self, operation: Operation) -> None:
        """Commit one operation with its transfer. Refused only where the server said so; every doubt is Unanswered."""
        statements, parameters = write(operation)
        try:
            with self._connection.cursor() as sql:
                sql.execute(transaction(statements), parameters)
                while sql.nextset():  # raises the error of a later statement
                    pass
        except (pymysql.MySQLError, OSError) as error:
            if is_refusal(error):
                self._roll_back()
                nothing_there = error.args[0] == ER.SUBQUERY_NO_1_ROW
                said = f"{operation.key}, or an account, does not exist" if nothing_there else str(error)
                raise Refused(said) from error
            raise Unanswered(str(error)) from error

    def close(self) -> None:
        self._open.close()

    def _roll_back(self) -> None:
        """Without a connection the server has rolled back already; the next write must not use it."""
        try:
            self._connection.rollback()
        except (pymysql.MySQLError, OSError):
            self.close()


def transaction(statements: Iterable[str]) -> str:
    """A transaction in one round trip. Without autocommit the first statement begins it."""
    return "; ".join((*(part for one in statements for part in (one, _OR_STOP)), "COMMIT"))


def is_refusal(error: Exception) -> bool:
    """Whether the server itself reported that the statement failed, and was not shutting down."""
    number = error.args[0] if isinstance(error, pymysql.MySQLError) and error.args else 0
    return isinstance(number, int) and number >= 1000 and number not in _CLIENT_ERRORS and number not in _IN_DOUBT  # noqa: PLR2004 # the first number of a server
