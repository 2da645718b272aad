"""Healthy PostgreSQL databases that are hard to ask, on a real server: what the probe could not ask is never damage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from probe_scripts import ask
from probe_scripts import postgres as postgres  # noqa: PLC0414 # a fixture

from harness.checks.tool_messages import causes
from harness.core.errors import ToolFailed
from harness.core.model import Digest
from harness.core.reason import Reason
from harness.workloads.database_probe import IntegrityCheck, integrity_of, lines, parts_of

Sql = Callable[[str], str]

# An index that finds a function by the path of its database: valid up to PostgreSQL 16.
ACCENTS = """
CREATE SCHEMA tools; CREATE FUNCTION tools.bare(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS 'SELECT upper($1)';
ALTER DATABASE postgres SET search_path = public, tools;
"""
PEOPLE = """
CREATE FUNCTION plain(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT bare($1) $$;
CREATE TABLE people (id int PRIMARY KEY, name text);
INSERT INTO people VALUES (1, 'José'), (2, 'Zoë');
CREATE UNIQUE INDEX people_name ON people (lower(plain(name)));
"""
# As PostgreSQL's extension earthdistance has it: the planner evaluates the function's types where a table is read.
PLACES = """
CREATE DOMAIN tools.degrees AS float8;
CREATE FUNCTION tools.north(float8) RETURNS point LANGUAGE sql IMMUTABLE STRICT
    AS 'SELECT point($1::degrees, $1::degrees)';
CREATE TABLE places (id int PRIMARY KEY, lat float8);
INSERT INTO places VALUES (1, 52.5);
CREATE INDEX places_by_distance ON places USING gist (north(lat));
"""
SUMS = """
CREATE MATERIALIZED VIEW sums AS SELECT count(*) AS n FROM people WITH NO DATA;
CREATE UNIQUE INDEX sums_n ON sums (n);
"""


def digest(tmp_path: Path, **env: str) -> Digest:
    return parts_of(lines(ask(tmp_path, "digest", script="postgres", **env)))


def check(tmp_path: Path, **env: str) -> IntegrityCheck:
    return integrity_of(lines(ask(tmp_path, "check", script="postgres", **env)))


def test_what_the_probe_cannot_ask_is_not_damage(postgres: Sql, tmp_path: Path) -> None:
    for statements in (ACCENTS, PEOPLE, PLACES, SUMS):
        postgres(statements)
    found = check(tmp_path)
    assert (found.damaged, found.unchecked, found.sound) == ((), (), 1)
    parts = digest(tmp_path)
    assert {parts[f"postgres: table public.{name}"].rows for name in ("people", "places")} == {2, 1}
    assert parts["postgres: table public.sums"].rows == 0
    postgres("REFRESH MATERIALIZED VIEW sums")
    assert digest(tmp_path)["postgres: table public.sums"] != parts["postgres: table public.sums"]

    # The index has other entries now than its table requires: that is damage, whatever else could not be asked.
    postgres("CREATE OR REPLACE FUNCTION tools.bare(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT reverse($1)'")
    (damage,) = check(tmp_path).damaged
    assert "people_name" in damage
    assert Reason.IndexIncomplete in causes(damage)

    # A function that is gone: nobody knows whether its index is damaged.
    postgres("DROP FUNCTION tools.bare(text)")
    found = check(tmp_path)
    assert found.damaged == ()
    assert "people_name" in found.unchecked[0]
    assert "bare(text) does not exist" in found.unchecked[0]


def test_a_superuser_is_asked_where_the_chart_has_another_user(postgres: Sql, tmp_path: Path) -> None:
    postgres("CREATE ROLE app LOGIN PASSWORD 'x'")
    postgres("CREATE DATABASE shop OWNER app")
    assert check(tmp_path, POSTGRES_USER="app").unchecked == ()

    postgres("DROP EXTENSION amcheck")  # of this database; in the other one it may not be used
    hba = Path(postgres("SHOW hba_file").strip())
    hba.write_text("host all postgres all reject\nhost all app all trust\nhost all all all reject\n")
    postgres("SELECT pg_reload_conf()")
    assert lines(ask(tmp_path, "ready", script="postgres", POSTGRES_USER="app")) == ()
    assert digest(tmp_path, POSTGRES_USER="app")["roles"].rows == 2
    found = check(tmp_path, POSTGRES_USER="app")
    assert (found.damaged, len(found.unchecked)) == ((), 2)
    assert any("only a superuser can make, and the login is of app" in each for each in found.unchecked)
    assert any("permission denied" in each for each in found.unchecked)
    with pytest.raises(ToolFailed) as refused:
        ask(tmp_path, "ready", script="postgres", POSTGRES_USER="other")
    assert Reason.CredentialsRejected in causes(refused.value.tail)


def test_a_server_that_does_not_answer_has_not_refused_a_login(postgres: Sql, tmp_path: Path) -> None:
    assert postgres("SELECT 1")
    with pytest.raises(ToolFailed) as down:
        ask(tmp_path, "ready", script="postgres", PGPORT="1")
    assert Reason.CredentialsRejected not in causes(down.value.tail)
    assert Reason.ConnectionRefused in causes(down.value.tail)
