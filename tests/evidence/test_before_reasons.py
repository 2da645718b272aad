"""Runs that were made before findings had reasons are judged as they were, and never more loosely."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from excluded_volume import EXCLUSIONS, left_out
from judged import has
from memory import Memory

from harness.checks import judge
from harness.core import resources
from harness.core.json import mapping
from harness.core.model import Event, Json
from harness.core.reason import Reason, from_name
from harness.evidence import before_reasons, journal
from harness.evidence.ledger import fingerprint
from harness.evidence.run_directory import Run, read_json, write_json
from harness.workflows.drill import scenario

KNOWN = json.loads(Path(__file__).with_name("noticed_by_before_reasons.json").read_text())
"""`noticed_by` of all scenarios, as the last release without reasons wrote it into run.json."""

STRICTER = {"node_cut_from_store_during_backup": Reason.BackupRefused}
"""A scenario whose regular expression let one reason more pass, since it was but the beginning of a word."""

OF_ANY_STORE = {"volume_not_opted_in"}
"""A scenario that breaks any application's backup today, and Consul's then."""

BY_LUCK = {"torn_postgres"}
"""A scenario whose damage may show in another way, too, as was seen since."""

SAID = {"check": "backup-complete", "saying": "volume dump was not copied at all", "store": "mysql", "otherwise": None}


@pytest.mark.parametrize("name", KNOWN)
def test_what_was_expected_is_what_is_expected_today(name: str) -> None:
    then = tuple(map(before_reasons.expected, KNOWN[name]))
    now = scenario.load(resources.scenarios())[name].expected_findings
    if name in STRICTER:
        (one,), (other,) = then, now
        assert one == replace(other, reason=(*other.reasons, STRICTER[name]))
    elif name in OF_ANY_STORE:
        (one,), (other,) = then, now
        assert replace(one, store="", objects=()) == other
    elif name in BY_LUCK:
        (one,), (other,) = then, now
        assert one == replace(other, otherwise=None)
    else:
        assert then == now


@pytest.mark.parametrize(
    "wrong", [{"saying": "volume dump"}, {"saying": ""}, {"check": "restore-complete"}, {"store": None}]
)
def test_what_no_scenario_ever_said_is_refused(wrong: dict[str, Json]) -> None:
    with pytest.raises(ValueError, match="no scenario"):
        before_reasons.expected({**SAID, **wrong})


def test_the_tables_name_known_reasons() -> None:
    tables = before_reasons._tables()
    for check, sayings in mapping(tables, "sayings").items():
        for saying in mapping(sayings):
            one = before_reasons.expected({"check": check, "saying": saying, "store": ""})
            assert one.reasons
    assert all(map(from_name, mapping(tables, "sentences").values()))


def aged(run: Path, noticed_by: list[dict[str, Any]]) -> None:
    """Make of a run what an older drillproof would have left."""
    facts = dict(read_json(run / "run.json"))
    facts.pop("expected_findings")
    write_json(run / "run.json", {**facts, "noticed_by": noticed_by})
    events = journal.read(run / "journal.jsonl")
    (run / "journal.jsonl").unlink()
    journal.write(run / "journal.jsonl", (_aged(event, run) for event in events))


def _aged(event: Event, run: Path) -> Event:
    told: Mapping[str, Json] = event.data
    if event.kind == "file" and told["name"] == "run.json":
        told = {**told, "sha256": fingerprint(run / "run.json")}
    later = ("reasons", "changed", *(("objects",) if event.kind != "stored" else ()))
    return replace(event, data={name: value for name, value in told.items() if name not in later})


def without_reasons(path: Path) -> dict[str, Any]:
    """findings.json as it was written then, in other words than today's."""
    judged = json.loads(path.read_text())
    judged["findings"] = [each for each in judged["findings"] if each["check"] != "events-in-order"]
    for each in (*judged["findings"], *judged["recovery"]):
        for name in ("reason", "causes", "objects"):
            each.pop(name)
        each["detail"] = "in other words"
    write_json(path, {**judged, "schema": judge.BEFORE_REASONS})
    return dict(json.loads(path.read_text()))


def test_a_run_of_then_that_had_to_be_noticed_is_judged_as_it_was(memory: Memory) -> None:
    memory.drill(scenario=left_out())
    aged(memory.path, [SAID])
    told = memory.judge()
    assert told["verdict"] == "pass", told["findings"]
    assert has(told, "pass", "noticed", "VolumeNotBackedUp", "volume dump")
    assert Run(memory.path).expected_findings == (EXCLUSIONS,)


def test_a_run_of_then_that_expected_something_unknown_is_unknown(memory: Memory) -> None:
    memory.drill(scenario=left_out())
    aged(memory.path, [{**SAID, "saying": "volume dump"}])
    told = memory.judge()
    assert told["verdict"] == "unknown"
    assert has(told, "unknown", "noticed", "ExpectedFindingUnclear", "run.json")


def test_findings_of_then_are_not_called_edited(memory: Memory) -> None:
    memory.drill(escaped=1)
    judge.recheck(memory.path)
    assert judge.is_current(memory.path)
    without_reasons(memory.path / "findings.json")
    assert judge.is_current(memory.path)


@pytest.mark.parametrize("edit", ["verdict", "check", "member", "finding", "figure", "schema"])
def test_findings_of_then_that_somebody_edited_are(memory: Memory, edit: str) -> None:
    memory.drill(escaped=1)
    file = judge.recheck(memory.path)
    told = without_reasons(file)
    first = told["findings"][0]
    if edit == "verdict":
        (bad,) = (each for each in told["findings"] if each["verdict"] == "fail")
        bad["verdict"] = told["verdict"] = "pass"
    elif edit == "finding":
        told["findings"].remove(first)
    elif edit in first:
        first[edit] = "another"
    else:
        told |= {"rto_s": 1.0} if edit == "figure" else {"schema": judge.FINDINGS_SCHEMA}
    write_json(file, told)
    assert not judge.is_current(memory.path)


SENTENCES = {
    "waited 60 s for Velero to find the backup drill-1; last seen: no such backup": Reason.BackupNotFound,
    "waited 240 s for Velero's restore drill-1; last seen: phase InProgress": Reason.RestoreNotFinished,
    "waited 240 s for all pods, postgres; last seen: all pods to be Ready after the restore: 4 of 4 pods; not ready: "
    "postgres-read-0, postgres-read-1; x: y": Reason.PodsNotReady,
    "the voters are consul-0, consul-2; autopilot does not call the servers healthy": Reason.VotersDiffer,
    "it does not stream to postgres-read-0": Reason.ReplicationStopped,
}


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_sentence_of_then_has_its_reason(sentence: str) -> None:
    assert before_reasons.reasons(sentence) == (SENTENCES[sentence],)
    assert before_reasons.reasons(["something", sentence]) == (SENTENCES[sentence],)


def test_what_nobody_said_means_nothing() -> None:
    assert before_reasons.reasons("all is well") == before_reasons.reasons(None) == before_reasons.reasons(7) == ()


def test_pods_of_then_are_named_and_those_of_today_name_themselves() -> None:
    message = "4 of 4 pods; not ready: postgres-read-0, postgres-read-1; other: words"
    assert before_reasons.objects({"message": message}) == ("postgres-read-0", "postgres-read-1")
    assert before_reasons.objects({"message": message, "reasons": []}) == ()
    assert before_reasons.objects({"message": "gave up"}) == ()
