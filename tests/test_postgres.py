"""What of the PostgreSQL adapter can be judged without a server. The rest is judged by drills."""

from __future__ import annotations

import pytest

from harness.datastores.postgres import Postgres
from harness.datastores.postgres_digest import EXCLUDED, listed
from harness.datastores.postgres_writer import is_refusal


@pytest.mark.parametrize("state", ["25006", "23505", "42501", "40001", "53100"])
def test_what_the_server_refused_is_certainly_not_committed(state: str) -> None:
    assert is_refusal(state)


@pytest.mark.parametrize("state", [None, "08006", "57P01", "57014"])
def test_a_write_that_may_have_been_committed_is_never_called_refused(state: str | None) -> None:
    assert not is_refusal(state)


def test_lines_make_one_part_each_whatever_their_order() -> None:
    lines = [("grants a", "x"), ("grants b", "y"), ("grants a", "z")]
    assert listed(lines) == listed(reversed(lines))
    assert {name: part.rows for name, part in listed(lines).items()} == {"grants a": 2, "grants b": 1}


@pytest.mark.parametrize(
    "changed",
    [
        [("g", "ab"), ("g", "c")],
        [("g", "a"), ("g", "bc"), ("g", "")],
        [("g", "a"), ("g", "a"), ("g", "bc")],
        [("g", "a\nbc")],
        [("g", "a")],
    ],
)
def test_any_other_lines_make_another_hash(changed: list[tuple[object, ...]]) -> None:
    assert listed(changed)["g"].hash != listed([("g", "a"), ("g", "bc")])["g"].hash


def test_only_the_ledger_is_excluded_each_with_its_reason() -> None:
    assert {part.split(".")[0] for part, _ in EXCLUDED} == {"table drillproof", "sequence value drillproof"}
    assert all(reason for _, reason in EXCLUDED)


def test_the_primary_is_named_first_and_every_key_of_its_secret_is_declared() -> None:
    assert Postgres.members[0] == "postgres-primary-0"
    assert len(Postgres.members) == 3
    assert set(Postgres.secret_keys) == {"postgres-password", "replication-password"}
