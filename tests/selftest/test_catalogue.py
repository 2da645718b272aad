"""The live mutations, as far as they can be tested without a server; the live self-test shows that each is detected."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from harness.checks import ALL
from harness.core.reason import Reason
from harness.core.resources import fixtures
from harness.evidence.ledger import ACKNOWLEDGED, Workload
from harness.selftest import catalogue
from harness.selftest.mutation import Mutation
from harness.workloads.consul.adapter import Consul
from harness.workloads.dataset import dataset
from harness.workloads.mysql.adapter import MySQL
from harness.workloads.postgres.adapter import Postgres

MEMBERS = {
    "mysql": MySQL.members,
    "postgres": Postgres.members,
    "consul": (*Consul.members, "consul-backup-0"),  # the pod that takes the snapshots
}
each = pytest.mark.parametrize(
    ("store", "mutation"),
    [pytest.param(store, one, id=f"{store} {one.name}") for store in MEMBERS for one in catalogue.mutations(store)],
)


@each
def test_every_mutation_can_be_done_and_reverted(store: str, mutation: Mutation) -> None:
    assert mutation.mutate
    assert mutation.revert
    assert {act.member for act in (*mutation.mutate, *mutation.revert)} <= set(MEMBERS[store])
    assert all(act.text for act in (*mutation.mutate, *mutation.revert))


@each
def test_every_mutation_is_detected_by_an_existing_check_for_one_reason(store: str, mutation: Mutation) -> None:
    assert {mutation.finding.check, *mutation.also} <= {check.name for check in ALL}
    assert mutation.finding.check not in mutation.also
    assert mutation.finding.member in ("", *MEMBERS[store])
    assert not {Reason.AsExpected, Reason.Unspecified} & {*mutation.finding.reasons}, "any finding would do"


@pytest.mark.parametrize(("store", "number"), [("mysql", 73), ("postgres", 85), ("consul", 78)])
def test_no_mutation_is_lost_or_has_the_name_of_another(store: str, number: int) -> None:
    names = [mutation.name for mutation in catalogue.mutations(store)]
    assert len(names) >= number
    assert len(set(names)) == len(names)


# --- MySQL


def schema(store: str) -> str:
    return "".join((fixtures() / store / name).read_text("utf-8") for name in ("schema.sql", "after.sql"))


def test_what_is_recreated_in_mysql_is_what_the_fixtures_have() -> None:
    reverts = "; ".join(act.text for one in catalogue.mutations("mysql") for act in one.revert).split("; ")
    created = ("CREATE TABLE ", "CREATE DEFINER ", "INSERT INTO core_logging.delivery_attempt (")
    statements = {text for text in reverts if text.startswith(created)}
    assert len(statements) == 6
    assert [text for text in statements if text not in schema("mysql")] == []


# --- PostgreSQL


def test_a_standby_gets_nothing_that_writes() -> None:
    read_only = ("$ ", "ALTER SYSTEM ", "SELECT pg_", "CHECKPOINT")
    acts = [act for one in catalogue.mutations("postgres") for act in (*one.mutate, *one.revert)]
    assert [act for act in acts if act.member != Postgres.members[0] and not act.text.startswith(read_only)] == []


def test_expected_objects_of_postgres_are_in_the_fixtures() -> None:
    objects = " ".join(name for one in catalogue.mutations("postgres") for name in one.finding.objects)
    named = set(re.findall(r"(?:public|gateway)\.(\w+)", objects)) - {"stranger"}
    assert [name for name in named if not re.search(rf"\b{name}\b", schema("postgres"))] == []


# --- Consul

CONSUL = catalogue.mutations("consul")
SNAPSHOT = "consul snapshot {} /tmp/good.snap"


def test_a_snapshot_that_is_restored_was_saved_first() -> None:
    reverted = [one for one in CONSUL if any(SNAPSHOT.format("restore") in act.text for act in one.revert)]
    assert len(reverted) > 60
    for one in reverted:
        assert SNAPSHOT.format("save") in one.mutate[0].text
        assert not one.writes or one.finding.check == "new-write", "the snapshot would revert the new write"


def test_a_statement_of_consul_is_a_request_or_a_command() -> None:
    for act in (act for one in CONSUL for act in (*one.mutate, *one.revert)):
        if act.text.startswith("$ "):
            continue
        verb, path, *rest = act.text.split(" ", 2)
        assert verb in {"PUT", "POST", "DELETE"}
        if rest and not path.startswith(("kv/vault/", "kv/stranger", "kv/drillproof")):
            assert isinstance(json.loads(rest[0]), dict)


def test_the_keys_that_are_mutated_are_known_data() -> None:
    known = {str(key) for key, *_ in dataset.load(fixtures(), 1, "small").rows("consul", "vault/core")}
    new = {"vault/core/stranger", "vault/core/empty", "vault/core/seal", "vault/core/Master", "vault/core/hsm/"}
    mutated = {key for one in CONSUL for act in one.mutate for key in re.findall(r"vault/core/[\w/-]+", act.text)}
    assert len(mutated & known) >= 5
    assert mutated <= known | new


def test_the_deleted_row_has_the_last_value_before_its_deletion() -> None:
    (mutation,) = (one for one in CONSUL if Reason.WriteResurrected in one.finding.reasons)
    found = re.fullmatch(r"PUT kv/drillproof/ledger/(\w+) (.*)", mutation.mutate[1].text)
    assert found
    key, content = found[1], json.loads(found[2])
    workload, newest = Workload(1, "consul"), None
    while True:
        operation = workload.next()
        workload.answered(operation, ACKNOWLEDGED)
        if operation.key == key and operation.verb == "delete":
            break
        if operation.key == key:
            newest = operation
    assert newest is not None
    assert content == {"n": newest.n, "value": newest.value}


# --- the files


@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        ("mutate = ", "mutat = ", "mutat"),
        ('on = "server-1"', 'on = "server-9"', "server-9"),
        ('"RowsMissing"', '"RowsLost"', "RowsLost"),
    ],
)
def test_an_unknown_key_session_or_reason_is_refused(right: str, wrong: str, named: str) -> None:
    text = Path(catalogue.__file__).with_name("consul.toml").read_text("utf-8")
    assert catalogue.parse(text) == CONSUL
    with pytest.raises((ValueError, KeyError), match=named):
        catalogue.parse(text.replace(right, wrong, 1))
