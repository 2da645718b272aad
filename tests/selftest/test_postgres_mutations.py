"""The catalogue of what can be spoilt in PostgreSQL, as far as it can be judged without a server."""

from __future__ import annotations

import re

import pytest

from harness.checks import ALL
from harness.core.resources import fixtures
from harness.selftest.mutation import Sabotage
from harness.selftest.postgres import CATALOGUE
from harness.workloads.postgres.adapter import Postgres

SCHEMA = "".join((fixtures() / "postgres" / name).read_text(encoding="utf-8") for name in ("schema.sql", "after.sql"))
STANDBYS_TAKE = ("$ ", "ALTER SYSTEM ", "SELECT pg_", "CHECKPOINT")


def test_there_are_many_kinds_each_with_a_name_of_its_own() -> None:
    assert len(CATALOGUE) >= 30
    assert len({sabotage.name for sabotage in CATALOGUE}) == len(CATALOGUE)


@pytest.mark.parametrize("sabotage", CATALOGUE, ids=lambda sabotage: sabotage.name)
def test_every_kind_can_be_done_noticed_and_healed(sabotage: Sabotage) -> None:
    assert sabotage.spoil
    assert sabotage.heal
    assert {sabotage.check, *sabotage.also} <= {check.name for check in ALL}
    assert sabotage.member in ("", *Postgres.members)
    for act in (*sabotage.spoil, *sabotage.heal):
        assert act.member in Postgres.members
        assert act.member == Postgres.members[0] or act.text.startswith(STANDBYS_TAKE)
        assert "{" not in act.text


@pytest.mark.parametrize("sabotage", CATALOGUE, ids=lambda sabotage: sabotage.name)
def test_what_must_be_said_names_what_the_fixtures_hold(sabotage: Sabotage) -> None:
    named = re.findall(r"(?:public|gateway)\.(\w+)", " ".join(sabotage.why.objects))
    assert all(re.search(rf"\b{name}\b", SCHEMA) for name in named if name != "stranger")
