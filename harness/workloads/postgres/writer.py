"""The client that writes PostgreSQL's ledger, one acknowledged commit at a time."""

import contextlib
import select
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ, POLL_WRITE, connection

from harness.core.errors import ToolFailed
from harness.core.model import Operation
from harness.core.ports import Refused, Unanswered
from harness.workloads.sql_store import write

ANSWER_S = 5.0
"""Time limit in seconds for the answer to one write."""

# One statement is one transaction. If any of its three parts changes no row, the division by zero rolls all back.
_STATEMENT = """
WITH operation AS ({} RETURNING 1),
taken AS ({} RETURNING 1),
given AS ({} RETURNING 1)
SELECT 1 / count(*) FROM operation, taken, given
"""
_DIVISION_BY_ZERO = "22012"


class PostgresWriter:
    """Implements `harness.core.ports.Writer`.

    Its connection is asynchronous, so that it can stop waiting: the server's statement_timeout does not end the wait
    for synchronous standbys at a commit, and a server that hangs has no timeout at all.
    """

    def __init__(
        self,
        forward: Callable[[], AbstractContextManager[tuple[str, int]]],
        database: str,
        password: str,
        *,
        user: str = "postgres",
    ) -> None:
        """`forward` reaches the primary. ToolFailed if it does not take the connection."""
        with contextlib.ExitStack() as stack:
            host, port = stack.enter_context(forward())
            try:
                self._connection: connection = psycopg2.connect(
                    host=host,
                    port=port,
                    dbname=database,
                    user=user,
                    password=password,
                    application_name="drillproof-ledger",
                    options=f"-c statement_timeout={ANSWER_S * 1000:.0f} -c synchronous_commit=on",
                    async_=1,
                )
                stack.callback(self._connection.close)
                _wait(self._connection)
            except (psycopg2.Error, TimeoutError) as error:
                raise ToolFailed(("postgres", "ledger"), 1, str(error)) from error
            self._open = stack.pop_all()

    def apply(self, operation: Operation) -> None:
        """Commit one operation with its transfer. Refused only where the server said so; every doubt is Unanswered."""
        statements, parameters = write(operation)
        try:
            sql = self._connection.cursor()  # referenced until the answer arrives: the driver needs it
            sql.execute(_STATEMENT.format(*statements), parameters)
            _wait(self._connection)
        except (psycopg2.Error, TimeoutError) as error:
            state = getattr(error, "pgcode", None)
            if state == _DIVISION_BY_ZERO:
                raise Refused(f"no row with the key {operation.key}, or no account for its transfer") from error
            if is_refusal(state):
                raise Refused(str(error).strip()) from error
            raise Unanswered(str(error).strip()) from error

    def close(self) -> None:
        self._open.close()


def is_refusal(sqlstate: str | None) -> bool:
    """Whether an error with this code means that the write was certainly not committed.

    None: the connection broke, or there was no answer. 08: the same, as the server saw it. 57: the server was stopped
    or the statement cancelled, possibly after the commit.
    """
    return sqlstate is not None and sqlstate[:2] not in ("08", "57")


def _wait(database: connection) -> None:
    """Wait until the connection has its answer. TimeoutError after `ANSWER_S` seconds."""
    deadline = time.monotonic() + ANSWER_S
    while (state := database.poll()) != POLL_OK:
        left = deadline - time.monotonic()
        reading = [database] if state == POLL_READ else []
        writing = [database] if state == POLL_WRITE else []
        if left <= 0 or not any(select.select(reading, writing, [], left)):
            raise TimeoutError(f"no answer within {ANSWER_S:.0f} s")
