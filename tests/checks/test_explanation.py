"""Which finding is the cause, and which ones follow from it."""

import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path

from harness.checks.explanation import explain
from harness.core.model import Finding, Verdict
from harness.core.reason import Reason

ROOT = Path(__file__).parents[2]
FAIL, UNKNOWN, PASS = Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS


def finding(check: str, reason: Reason, store: str = "", member: str = "", verdict: Verdict = FAIL) -> Finding:
    return Finding(check, verdict, reason, "", "", store, member)


def outline(*findings: Finding) -> list[tuple[str, list[str]]]:
    return [(each.finding.reason, [str(follows.reason) for follows in each.follows]) for each in explain(findings)]


def test_every_reason_stands_in_one_layer() -> None:
    layers = tomllib.loads((ROOT / "harness/checks/causal_order.toml").read_text("utf-8")).values()
    assert Counter(name for layer in layers for name in layer["reasons"]) == Counter([*Reason.__members__])


def test_a_volume_without_annotation_explains_the_lost_data_and_the_broken_recovery() -> None:
    assert outline(
        finding("drill-finished", Reason.RecoveryFailed),
        finding("ledger-kept", Reason.LedgerMissing, "db", "db-0"),
        finding("backup-complete", Reason.VolumeNotProtected, "db"),
        finding("objects-equal", Reason.NotReadBack, verdict=UNKNOWN),
        finding("self-test", Reason.AsExpected, verdict=PASS),
    ) == [("VolumeNotProtected", ["LedgerMissing", "RecoveryFailed", "NotReadBack"])]


def test_stores_have_causes_of_their_own() -> None:
    assert outline(
        finding("data-equal", Reason.RowsDiffer, "a", "a-0"),
        finding("data-equal", Reason.RowsDiffer, "a", "a-1"),
        finding("backup-complete", Reason.VolumeBackedUpEmpty, "b"),
        finding("data-equal", Reason.PartMissing, "b", "b-0"),
    ) == [("VolumeBackedUpEmpty", ["PartMissing"]), ("RowsDiffer", ["RowsDiffer"])]


def test_a_recovery_that_did_not_end_since_a_container_crashes_explains_what_the_crash_did_to_objects() -> None:
    recovery = replace(finding("drill-finished", Reason.RecoveryFailed), causes=(Reason.CrashLooping,))
    endpoints = finding("objects-equal", Reason.ObjectDiffers)
    assert outline(endpoints, recovery) == [("RecoveryFailed", ["ObjectDiffers"])]
    not_copied = finding("backup-complete", Reason.VolumeNotBackedUp, "a")
    assert outline(recovery, not_copied) == [("VolumeNotBackedUp", ["RecoveryFailed"])]


def test_a_cause_of_the_whole_run_explains_every_store() -> None:
    assert outline(
        finding("data-equal", Reason.PartMissing, "b", "b-0"), finding("restore-complete", Reason.RestoreFailed)
    ) == [("RestoreFailed", ["PartMissing"])]


def test_one_store_explains_no_object_of_the_namespace() -> None:
    assert outline(
        finding("objects-equal", Reason.ObjectMissing), finding("backup-complete", Reason.VolumeNotBackedUp, "a")
    ) == [("VolumeNotBackedUp", []), ("ObjectMissing", [])]


def test_data_that_differ_say_more_than_a_recovery_that_did_not_end_and_that_more_than_silence() -> None:
    recovery, silent = finding("drill-finished", Reason.RecoveryFailed), finding("h", Reason.NotAnswering, "a", "a-0")
    differs = finding("data-equal", Reason.DefinitionDiffers, "a", "a-0")
    assert outline(silent, recovery, differs) == [("DefinitionDiffers", ["RecoveryFailed", "NotAnswering"])]
    assert outline(silent, recovery) == [("RecoveryFailed", ["NotAnswering"])]


def test_what_failed_comes_before_what_is_unknown() -> None:
    assert outline(
        finding("evidence-signed", Reason.EvidenceMissing, verdict=UNKNOWN),
        finding("data-equal", Reason.RowsDiffer, "a", "a-0"),
    ) == [("RowsDiffer", []), ("EvidenceMissing", [])]


def test_two_findings_of_one_layer_are_two_causes() -> None:
    assert outline(
        finding("data-equal", Reason.RowsMissing, "a", "a-0"), finding("data-equal", Reason.RowsDiffer, "a", "a-1")
    ) == [("RowsMissing", []), ("RowsDiffer", [])]
