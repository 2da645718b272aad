"""Scan and digest, in turns, by one session."""

from __future__ import annotations

from types import SimpleNamespace

from psycopg2.sql import SQL, Composed, Identifier

from bench.postgres_bench import seconds


class Sql:
    """A cursor that answers what relations there are, and keeps what it was asked."""

    connection = SimpleNamespace(server_version=170000)

    def __init__(self) -> None:
        self.asked: list[str] = []

    def execute(self, statement: str | Composed) -> None:
        self.asked.append(statement if isinstance(statement, str) else plain(statement))

    def fetchall(self) -> list[tuple[object, ...]]:
        return [("public", "realm", "r", False, ["id::text"]), ("g", "m", "m", False, []), ("g", "s", "S", False, [])]


def plain(statement: Composed) -> str:
    texts = []
    for part in statement.seq:
        if isinstance(part, Composed):
            texts.append(plain(part))
        else:
            assert isinstance(part, SQL | Identifier)
            texts.append(".".join(part.strings) if isinstance(part, Identifier) else part.string)
    return "".join(texts)


def test_every_table_is_scanned_and_digested_in_turns_and_no_sequence() -> None:
    sql = Sql()
    found = seconds(sql, rounds=2)  # type: ignore[arg-type] # as much of one as is asked for
    assert list(found) == ["public.realm", "g.m"]
    *_, scan, digest, again, _, view, _, _, _ = sql.asked
    assert scan == again == "COPY public.realm TO '/dev/null'"
    assert "hashtextextended" in digest
    assert "FROM ONLY public.realm" in digest
    assert view == "COPY (SELECT * FROM g.m) TO '/dev/null'"
