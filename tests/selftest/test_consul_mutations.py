"""Whether the catalogue of what can be done to Consul makes sense; that each is noticed, a real cluster shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from harness.checks import ALL
from harness.core.reason import Reason
from harness.evidence.ledger import ACKNOWLEDGED, Workload
from harness.selftest.consul import CATALOGUE, RESTORE, SAVE, WRITE
from harness.selftest.mutation import Act, Sabotage, Why
from harness.workloads.dataset import dataset

FIXTURES = Path(__file__).parents[2] / "fixtures"
ACTS = [pytest.param(act, id=f"{one.name}: {act.text[:40]}") for one in CATALOGUE for act in (*one.spoil, *one.heal)]
each = pytest.mark.parametrize("sabotage", CATALOGUE, ids=[one.name for one in CATALOGUE])


def test_no_two_have_the_same_name() -> None:
    names = [one.name for one in CATALOGUE]
    assert len(set(names)) == len(names) >= 30


@each
def test_it_names_checks_that_there_are(sabotage: Sabotage) -> None:
    assert {sabotage.check, *sabotage.also} <= {check.name for check in ALL}
    assert sabotage.check not in sabotage.also
    assert sabotage.why.reason not in {Reason.AsExpected, Reason.Unspecified}, "it would be content with anything"


@each
def test_what_a_snapshot_heals_was_saved_first(sabotage: Sabotage) -> None:
    assert sabotage.heal
    if RESTORE in sabotage.heal:
        assert sabotage.spoil[0] == SAVE
        assert not sabotage.writes or sabotage.check == WRITE, "the snapshot would take the new write back"


@pytest.mark.parametrize("act", ACTS)
def test_an_act_is_of_a_known_form(act: Act) -> None:
    if act.text.startswith("$ "):
        return
    verb, path, *rest = act.text.split(" ", 2)
    assert verb in {"PUT", "POST", "DELETE"}
    if rest and not path.startswith("kv/vault/") and not path.startswith(("kv/stranger", "kv/drillproof")):
        assert isinstance(json.loads(rest[0]), dict)


def test_the_keys_that_are_spoilt_are_known_data() -> None:
    known = {str(key) for key, *_ in dataset.load(FIXTURES, 1, "small").rows("consul", "vault/core")}
    new = {"vault/core/stranger", "vault/core/empty", "vault/core/seal", "vault/core/Master", "vault/core/hsm/"}
    spoilt = {key for one in CATALOGUE for act in one.spoil for key in re.findall(r"vault/core/[\w/-]+", act.text)}
    assert len(spoilt & known) >= 5
    assert spoilt <= known | new


def test_the_deleted_row_was_deleted() -> None:
    (sabotage,) = (one for one in CATALOGUE if one.why == Why(Reason.WriteResurrected))
    found = re.fullmatch(r"PUT kv/drillproof/ledger/(\w+) (.*)", sabotage.spoil[1].text)
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
