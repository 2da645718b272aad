"""What each check says of a few events, on both sides of each of its conditions. `make mutants` lives by these."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from verdicts import FAILED, FINE, PASSED, UNKNOWN, Event, judged

from harness.checks import backup, provenance, validity
from harness.core.model import LOST, Json
from harness.evidence import run_directory

# ---------------------------------------------------------------- the backup

DONE: dict[str, Json] = {"phase": "Completed", "errors": 0}
STORED: dict[str, Json] = {"objects": 1, "bytes": 1, "checked": True, "damage": []}
VOLUME: dict[str, Json] = {"store": "db", "pod": "db-0", "volume": "data"}
COPY: dict[str, Json] = {**VOLUME, "phase": "Completed", "bytes_done": 7, "bytes_total": 7}
HOOKS: dict[str, Json] = {"hooks_attempted": 2, "hooks_failed": 0}
BACKUP: dict[str, Json] = {**DONE, **HOOKS, "name": "b", "volumes": [COPY]}
PROTECTED: dict[str, Json] = {"hooks": {"db-0": 1, "db-1": 1}, "volumes": [VOLUME]}
RESTORE: dict[str, Json] = {**DONE, "of": "b", "hooks_failed": 0, "volumes": [COPY]}
COPIED = (*FINE, "db", "db-0", "volume data")
RESTORED = (*FINE, "db-0", "volume data")


def drilled(**changed: Mapping[str, Json]) -> tuple[Event, ...]:
    """A good backup but for what is changed in its events."""
    good = {"backup": BACKUP, "protected": PROTECTED, "stored": STORED}
    return tuple((kind, {**data, **changed.get(kind, {})}) for kind, data in good.items())


def test_a_whole_backup_passes(tmp_path: Path) -> None:
    assert judged(backup.backup_complete, tmp_path, *drilled()) == [FINE, FINE, FINE, FINE, COPIED]


@pytest.mark.parametrize("kind", ["backup", "protected", "stored"])
def test_a_backup_of_which_a_part_is_not_recorded_is_unknown(tmp_path: Path, kind: str) -> None:
    events = [event for event in drilled() if event[0] != kind]
    assert judged(backup.backup_complete, tmp_path, *events) == [(UNKNOWN, "NotRecorded")]


@pytest.mark.parametrize(
    ("steps", "judges"), [(["restore"], True), (["readback"], True), (["write"], False), (["readback", "up"], False)]
)
def test_a_backup_is_judged_only_if_the_drill_did_not_break_off_before_the_restore(
    tmp_path: Path, steps: list[str], *, judges: bool
) -> None:
    """What broke the drill may have broken the backup, which says nothing of backups."""
    errors: list[Event] = [("error", {"step": step}) for step in steps]
    found = judged(backup.backup_complete, tmp_path, *drilled(backup={"phase": "Failed"}), *errors)
    assert (found == [(UNKNOWN, "NotRecorded")]) is not judges
    assert (found[0] == (FAILED, "BackupFailed")) is judges


@pytest.mark.parametrize(
    ("changed", "at", "said"),
    [
        ({"backup": {"phase": "PartiallyFailed"}}, 0, (FAILED, "BackupPartiallyFailed")),
        ({"backup": {"errors": 1}}, 0, (FAILED, "BackupHadErrors")),
        ({"backup": {"errors": None}}, 0, (FAILED, "BackupHadErrors")),
        ({"stored": {"objects": 0}}, 1, (FAILED, "BackupNotStored")),
        ({"stored": {"bytes": 0}}, 1, (FAILED, "BackupNotStored")),
        ({"stored": {"objects": None}}, 1, (FAILED, "BackupNotStored")),
        ({"stored": {"bytes": None}}, 1, (FAILED, "BackupNotStored")),
        ({"stored": {"checked": False}}, 2, (UNKNOWN, "RepositoryNotChecked")),
        ({"stored": {"checked": None}}, 2, (UNKNOWN, "RepositoryNotChecked")),
        (
            {"stored": {"damage": ["odd"], "reasons": ["ConnectionRefused"]}},
            2,
            (FAILED, "RepositoryDamaged", "ConnectionRefused"),
        ),
        ({"stored": {"damage": ["odd"], "reasons": []}}, 2, (FAILED, "RepositoryDamaged")),
        ({"protected": {"hooks": None}}, 3, (UNKNOWN, "NotRecorded")),
        ({"protected": {"hooks": {"db-0": "two"}}}, 3, (FAILED, "HookUnexpected")),
        ({"backup": {"hooks_attempted": 1}}, 3, (FAILED, "HookDidNotRun")),
        ({"backup": {"hooks_attempted": 3}}, 3, (FAILED, "HookUnexpected")),
        ({"backup": {"hooks_attempted": None}}, 3, (FAILED, "HookDidNotRun")),
        ({"backup": {"hooks_failed": 1}}, 3, (FAILED, "HookFailed")),
        ({"backup": {"hooks_failed": None}}, 3, (FAILED, "HookDidNotRun")),
        ({"backup": {"hooks_failed": 1, "hooks_attempted": 1}}, 3, (FAILED, "HookFailed", "HookDidNotRun")),
        ({"protected": {"volumes": []}}, 4, (FAILED, "VolumeNotProtected", "db")),
        ({"backup": {"volumes": []}}, 4, (FAILED, "VolumeNotBackedUp", "db", "db-0", "volume data")),
        (
            {"backup": {"volumes": [{**COPY, "pod": "db-1"}]}},
            4,
            (FAILED, "VolumeNotBackedUp", "db", "db-0", "volume data"),
        ),
        (
            {"backup": {"volumes": [{**COPY, "phase": "Failed"}]}},
            4,
            (FAILED, "VolumeBackupFailed", "db", "db-0", "volume data"),
        ),
        (
            {"backup": {"volumes": [{**COPY, "phase": "Failed", "message": "connection refused"}]}},
            4,
            (FAILED, "VolumeBackupFailed", "db", "db-0", "volume data", "ConnectionRefused"),
        ),
        (
            {"backup": {"volumes": [{**COPY, "bytes_done": 6}]}},
            4,
            (FAILED, "VolumePartlyBackedUp", "db", "db-0", "volume data"),
        ),
        (
            {"backup": {"volumes": [{**COPY, "bytes_done": 8}]}},
            4,
            (FAILED, "VolumePartlyBackedUp", "db", "db-0", "volume data"),
        ),
        (
            {"backup": {"volumes": [{**COPY, "bytes_done": None, "bytes_total": None}]}},
            4,
            (FAILED, "VolumePartlyBackedUp", "db", "db-0", "volume data"),
        ),
        (
            {"backup": {"volumes": [{**COPY, "bytes_done": 0, "bytes_total": 0}]}},
            4,
            (FAILED, "VolumeBackedUpEmpty", "db", "db-0", "volume data"),
        ),
        ({"backup": {"volumes": [{**COPY, "bytes_done": 1, "bytes_total": 1}]}}, 4, COPIED),
    ],
    ids=str,
)
def test_one_fault_of_a_backup_is_one_finding(
    tmp_path: Path, changed: dict[str, dict[str, Json]], at: int, said: tuple[str, ...]
) -> None:
    expected = [FINE, FINE, FINE, FINE, COPIED]
    expected[at] = said
    found = judged(backup.backup_complete, tmp_path, *drilled(**changed))
    assert found[: len(expected)] == expected


def test_every_store_has_a_volume_in_the_backup(tmp_path: Path) -> None:
    stores: Json = {"db": ["db-0"], "cache": ["cache-0"]}
    found = judged(backup.backup_complete, tmp_path, *drilled(), stores=stores)
    assert found[4:] == [(FAILED, "VolumeNotProtected", "cache"), COPIED]


PROVED: dict[str, Json] = {"hooks": 2, "idle_hooks": [], "missed": []}


@pytest.mark.parametrize(
    ("proved", "report", "said"),
    [
        ({}, {}, []),
        ({"hooks": None}, {}, [(UNKNOWN, "NotRecorded")]),
        ({"hooks": 2}, {"hooks_attempted": None}, [(FAILED, "HookDidNotRun")]),
        ({"hooks": 1}, {}, [(UNKNOWN, "HookUnexpected")]),
        ({"hooks": 3}, {}, [(FAILED, "HookDidNotRun")]),
        ({"hooks_reported": False}, {}, [(UNKNOWN, "NotRecorded")]),
        ({"hooks_reported": True}, {}, []),
        ({"hooks": 0, "hooks_reported": False}, {"hooks_attempted": 0}, []),
        ({}, {"hooks_failed": 1}, [(FAILED, "HookFailed")]),
        ({"idle_hooks": ["h"]}, {}, [(FAILED, "HookDidNotRun", "h")]),
        ({"newer": ["n"]}, {}, [(UNKNOWN, "NewerBackupUnreadable", "n")]),
        ({"missed": None}, {}, [(UNKNOWN, "NotRecorded")]),
        ({"missed": ["v"]}, {}, [(FAILED, "VolumeNotBackedUp", "v")]),
        ({}, {"volumes": []}, [(FAILED, "VolumeNotBackedUp")]),
        ({"moved": ["m"]}, {"volumes": []}, [(UNKNOWN, "VolumeNotRestorable", "m")]),
        ({"elsewhere": ["e"]}, {"volumes": []}, [(UNKNOWN, "VolumeNotRestorable", "e")]),
        ({}, {"phase": "Failed"}, [(FAILED, "BackupFailed")]),
    ],
    ids=str,
)
def test_a_proved_backup(
    tmp_path: Path, proved: dict[str, Json], report: dict[str, Json], said: list[tuple[str, ...]]
) -> None:
    found = judged(
        backup.proved_backup_complete,
        tmp_path,
        ("backup", {**BACKUP, **report}),
        kind="proof",
        backup={**PROVED, **proved},
    )
    assert [each for each in found if each[0] != PASSED] == said
    copies = [each for each in found if each[:2] == FINE and len(each) > 2]
    assert copies == ([] if report.get("volumes") == [] else [RESTORED])
    assert len(found) >= 2


def test_an_old_proof_that_counts_no_hooks_of_the_definition_takes_more_hooks(tmp_path: Path) -> None:
    old: Json = {"hooks": 1, "missed": []}
    found = judged(backup.proved_backup_complete, tmp_path, ("backup", BACKUP), kind="proof", backup=old)
    assert found == [FINE, FINE, RESTORED]
    old = {"hooks": 1, "missed": []}
    lacking = ("backup", {**BACKUP, "hooks_attempted": None})
    found = judged(backup.proved_backup_complete, tmp_path, lacking, kind="proof", backup=old)
    assert found == [FINE, (UNKNOWN, "NotRecorded"), RESTORED]


def test_a_proof_without_its_backup_is_unknown_and_an_empty_volume_is_whole(tmp_path: Path) -> None:
    assert judged(backup.proved_backup_complete, tmp_path, kind="proof") == [(UNKNOWN, "NotRecorded")]
    empty = ("backup", {**BACKUP, "volumes": [{**COPY, "bytes_done": 0, "bytes_total": 0}]})
    assert judged(backup.proved_backup_complete, tmp_path, empty, kind="proof", backup=PROVED) == [FINE, FINE, RESTORED]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, [FINE, FINE, RESTORED]),
        ({"backup": {"hooks_attempted": 3}}, [FINE, FINE, RESTORED]),
        ({"backup": {"hooks_attempted": 1}}, [FINE, (FAILED, "HookDidNotRun"), RESTORED]),
        ({"backup": {"volumes": []}}, [FINE, FINE, (FAILED, "VolumeNotBackedUp", "db-0", "volume data")]),
        ({"protected": {"volumes": []}}, [FINE, FINE, (FAILED, "VolumeNotProtected")]),
        ({"backup": {"phase": "Failed"}}, [(FAILED, "BackupFailed"), FINE, RESTORED]),
    ],
    ids=str,
)
def test_a_migrations_backup(tmp_path: Path, changed: dict[str, dict[str, Json]], said: list[tuple[str, ...]]) -> None:
    assert judged(backup.migration_backup_complete, tmp_path, *drilled(**changed), kind="move") == said


@pytest.mark.parametrize("kind", ["backup", "protected"])
def test_a_migrations_backup_that_is_not_recorded_is_unknown(tmp_path: Path, kind: str) -> None:
    events = [event for event in drilled() if event[0] != kind]
    assert judged(backup.migration_backup_complete, tmp_path, *events, kind="move") == [(UNKNOWN, "NotRecorded")]


# ---------------------------------------------------------------- the restore


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, [FINE, RESTORED]),
        ({"phase": "PartiallyFailed"}, [(FAILED, "RestorePartiallyFailed"), RESTORED]),
        ({"errors": 1}, [(FAILED, "RestoreHadErrors"), RESTORED]),
        ({"of": "another"}, [FINE, (FAILED, "WrongBackupRestored"), RESTORED]),
        ({"of": None}, [FINE, (FAILED, "WrongBackupRestored"), RESTORED]),
        ({"hooks_failed": 1}, [FINE, (FAILED, "HookFailed"), RESTORED]),
        ({"volumes": []}, [FINE, (FAILED, "VolumeNotRestored", "db-0", "volume data")]),
        (
            {"volumes": [{**COPY, "bytes_done": 6}]},
            [FINE, (FAILED, "VolumePartlyRestored", "db-0", "volume data")],
        ),
        (
            {"volumes": [{**COPY, "bytes_done": 8}]},
            [FINE, (FAILED, "VolumePartlyRestored", "db-0", "volume data")],
        ),
        (
            {"volumes": [{**COPY, "phase": "Failed"}]},
            [FINE, (FAILED, "VolumeRestoreFailed", "db-0", "volume data")],
        ),
        (
            {"volumes": [{**COPY, "phase": "InProgress"}]},
            [FINE, (FAILED, "VolumeRestoreNotFinished", "db-0", "volume data")],
        ),
    ],
    ids=str,
)
def test_one_fault_of_a_restore_is_one_finding(
    tmp_path: Path, changed: dict[str, Json], said: list[tuple[str, ...]]
) -> None:
    events = (("backup", BACKUP), ("restore", {**RESTORE, **changed}))
    assert judged(backup.restore_complete, tmp_path, *events) == said


def test_files_with_hard_links_may_be_counted_otherwise_in_the_data_of_others_alone(tmp_path: Path) -> None:
    events = (("backup", BACKUP), ("restore", {**RESTORE, "volumes": [{**COPY, "bytes_done": 9, "bytes_total": 9}]}))
    partly = (FAILED, "VolumePartlyRestored", "db-0", "volume data")
    for kind, said in (("", partly), ("proof", RESTORED), ("move", RESTORED)):
        assert judged(backup.restore_complete, tmp_path, *events, kind=kind) == [FINE, said]


@pytest.mark.parametrize("events", [(("backup", BACKUP),), (("restore", RESTORE),)])
def test_a_restore_that_is_not_recorded_is_unknown(tmp_path: Path, events: tuple[Event, ...]) -> None:
    assert judged(backup.restore_complete, tmp_path, *events) == [(UNKNOWN, "NotRecorded")]
    assert judged(backup.restore_complete, tmp_path, *events, plan={"restore": False}) == []


# ---------------------------------------------------------------- who answers


def volumes(when: str, **claims: str) -> Event:
    """The claims at that time, with the UIDs of each: `a1` is claim a1 on volume va1."""
    listed: Json = [{"claim": name, "claim_uid": uid, "volume_uid": f"v{uid}"} for name, uid in claims.items()]
    return "volumes", {"when": when, "volumes": listed}


def restart(member: str, before: str = "p1", after: str | None = "p2") -> Event:
    return "restart", {"member": member, "before": before, "after": after}


def digest(member: str, kind: str = "digest") -> Event:
    return kind, {"member": member, "when": "after", "what": "digest"}


READ = (restart("db-0"), restart("db-1"), digest("db-0"), digest("db-1"))


def answered(folder: Path, *claims: Event, **plan: Json) -> tuple[str, ...]:
    """What is said of the volumes."""
    found, members = judged(provenance.answers_from_restored, folder, *claims, *READ, plan=plan)
    assert members == FINE
    return found


NEW = {
    "all are new": ({"a": "2", "b": "3"}, FINE),
    "one survived": ({"a": "1", "b": "3"}, (UNKNOWN, "VolumeSurvived", "claim a")),
    "one is missing": ({"a": "2"}, (FAILED, "ClaimMissing", "claim b")),
    "one is more": ({"a": "2", "b": "3", "c": "4"}, FINE),
}


@pytest.mark.parametrize(("after", "said"), NEW.values(), ids=NEW)
def test_restored_volumes_are_all_there_and_new(tmp_path: Path, after: dict[str, str], said: tuple[str, ...]) -> None:
    assert answered(tmp_path, volumes("before", a="1", b="2x"), volumes("after", **after)) == said


def test_a_volume_that_survived_below_a_new_claim_is_told(tmp_path: Path) -> None:
    listed: Json = [{"claim": "a", "claim_uid": "2", "volume_uid": "v1"}]
    found = answered(tmp_path, volumes("before", a="1"), ("volumes", {"when": "after", "volumes": listed}))
    assert found == (UNKNOWN, "VolumeSurvived", "claim a")


STAY = {
    "all stay": ({"a": "1", "b": "2"}, FINE),
    "one did not come back": ({"a": "1"}, (FAILED, "ClaimMissing", "claim b")),
    "one was replaced": ({"a": "1", "b": "3"}, (FAILED, "VolumeReplaced", "claim b")),
    "one is more": ({"a": "1", "b": "2", "c": "3"}, (FAILED, "VolumeReplaced", "claim c")),
}


@pytest.mark.parametrize(("after", "said"), STAY.values(), ids=STAY)
def test_volumes_that_stay_are_all_there_and_the_same(
    tmp_path: Path, after: dict[str, str], said: tuple[str, ...]
) -> None:
    found = answered(tmp_path, volumes("before", a="1", b="2"), volumes("after", **after), volumes_stay=True)
    assert found == said


REPAIRED = {
    "what was lost is new": (["volume of claim a"], {"a": "3", "b": "2"}, FINE),
    "what was lost is there": (["volume of claim a"], {"a": "1", "b": "2"}, (UNKNOWN, "NothingLost", "claim a")),
    "what was lost is missing": (["volume of claim a"], {"b": "2"}, (FAILED, "ClaimMissing", "claim a")),
    "another is new": (["volume of claim a"], {"a": "3", "b": "4"}, (FAILED, "VolumeReplaced", "claim b")),
    "no volume was lost": (["the index"], {"a": "1", "b": "2"}, FINE),
    "nothing was damaged": (None, {"a": "1", "b": "2"}, (UNKNOWN, "NothingLost")),
}


@pytest.mark.parametrize(("damage", "after", "said"), REPAIRED.values(), ids=REPAIRED)
def test_members_that_repair_replace_what_was_lost_and_no_more(
    tmp_path: Path, damage: list[str] | None, after: dict[str, str], said: tuple[str, ...]
) -> None:
    what: Json = {each.replace("volume of claim ", LOST): "gone" for each in damage or ()}
    events = () if damage is None else (("damage", {"what": what}),)
    found = answered(tmp_path, volumes("before", a="1", b="2"), *events, volumes("after", **after), restore=False)
    assert found == said


@pytest.mark.parametrize("when", ["before", "after"])
def test_volumes_that_are_not_recorded_are_unknown(tmp_path: Path, when: str) -> None:
    assert answered(tmp_path, volumes(when, a="1")) == (UNKNOWN, "NotRecorded")


MEMBERS: dict[str, tuple[tuple[Event, ...], tuple[str, ...]]] = {
    "both were": (READ, FINE),
    "one was not restarted": (READ[1:], (UNKNOWN, "MemberNotRestarted", "db-0")),
    "one was not read": (READ[:-1], (UNKNOWN, "MemberNotRestarted", "db-1")),
    "one was read before": ((READ[2], *READ[:2], READ[3]), (UNKNOWN, "MemberNotRestarted", "db-0")),
    "one was read before and after": ((READ[2], *READ), FINE),
    "one is the same process": (
        (restart("db-0", "p1", "p1"), *READ[1:]),
        (UNKNOWN, "MemberNotRestarted", "db-0"),
    ),
    "one did not come back": ((restart("db-0", "p1", None), *READ[1:]), (UNKNOWN, "MemberNotRestarted", "db-0")),
    "one could not be read": ((*READ[:3], digest("db-1", "unread")), FINE),
    "one is corrupt": ((*READ[:3], digest("db-1", "corrupt")), FINE),
}


@pytest.mark.parametrize(("events", "said"), MEMBERS.values(), ids=MEMBERS)
def test_members_are_restarted_before_they_are_read(
    tmp_path: Path, events: tuple[Event, ...], said: tuple[str, ...]
) -> None:
    claims = volumes("before", a="1"), volumes("after", a="2")
    assert judged(provenance.answers_from_restored, tmp_path, *claims, *events) == [FINE, said]


def source(newest: Json = 5, *, ok: bool = True, **more: Json) -> Event:
    return "source", {"store": "db", "member": "db-0", "newest": newest, "ok": ok, "detail": "odd", **more}


def write(n: Json = 6, *, committed: bool = True) -> Event:
    return "write", {"store": "db", "committed": committed, "n": n}


SOURCES: dict[str, tuple[tuple[Event, ...], tuple[str, ...]]] = {
    "was left alone": ((write(), source()), (*FINE, "db", "db-0")),
    "was not read": ((write(),), (UNKNOWN, "NotRecorded", "db", "db-0")),
    "was read before": ((source(), write()), (UNKNOWN, "NotRecorded", "db", "db-0")),
    "was read again": ((write(9), source(9), write(6), source()), (*FINE, "db", "db-0")),
    "was read between two writes": ((write(4), source(), write(6)), (UNKNOWN, "NotRecorded", "db", "db-0")),
    "was read after two writes": ((write(4), write(6), source()), (*FINE, "db", "db-0")),
    "had no write to show": ((source(),), (UNKNOWN, "NotRecorded", "db", "db-0")),
    "had no committed write to show": ((write(committed=False), source()), (UNKNOWN, "NotRecorded", "db", "db-0")),
    "shows the new write": ((write(), source(6)), (FAILED, "SourceWritten", "db", "db-0")),
    "shows no number": ((write(), source(None)), (UNKNOWN, "NotRecorded", "db", "db-0")),
    "has nothing to compare": ((write(None), source()), (UNKNOWN, "NotRecorded", "db", "db-0")),
    "is ill": ((write(), source(ok=False, reasons=[])), (FAILED, "MemberUnhealthy", "db", "db-0")),
    "is ill for a reason": (
        (write(), source(ok=False, reasons=["ConnectionRefused"])),
        (FAILED, "ConnectionRefused", "db", "db-0"),
    ),
}


@pytest.mark.parametrize(("events", "said"), SOURCES.values(), ids=SOURCES)
def test_the_old_cluster_of_a_move(tmp_path: Path, events: tuple[Event, ...], said: tuple[str, ...]) -> None:
    claims = volumes("before", a="1"), volumes("after", a="2")
    stores: Json = {"db": ["db-0"]}
    found = judged(
        provenance.answers_from_restored, tmp_path, *claims, *READ, *events, plan={"move": True}, stores=stores
    )
    assert found == [FINE, FINE, said]


# ---------------------------------------------------------------- whether it can be believed


def step(name: str, phase: str = "end") -> Event:
    return "step", {"step": name, "phase": phase}


FAULTS: Json = [{"name": "loss", "step": "break"}]
INJECTED: Event = ("fault", {"name": "loss", "phase": "injected", "step": "break"})
DAMAGE: Event = ("damage", {"fault": "loss", "what": {"claim a": "gone"}})
T3: Event = ("mark", {"mark": "T3"})
NOT_SEEN = (UNKNOWN, "DamageNotSeen", "loss")
NOT_DATED = (UNKNOWN, "DamageNotDated", "loss")
DAMAGES: dict[str, tuple[tuple[Event, ...], tuple[str, ...]]] = {
    "seen": ((INJECTED, DAMAGE, T3), (*FINE, "loss")),
    "not injected": ((DAMAGE, T3), NOT_SEEN),
    "injected in another step": ((("fault", {**INJECTED[1], "step": "backup"}), DAMAGE, T3), NOT_SEEN),
    "not seen": ((INJECTED, T3), NOT_SEEN),
    "nothing seen": ((INJECTED, ("damage", {"fault": "loss", "what": {}}), T3), NOT_SEEN),
    "of another": ((INJECTED, ("damage", {"fault": "other", "what": {"a": "gone"}}), T3), NOT_SEEN),
    "seen before": ((DAMAGE, INJECTED, T3), NOT_SEEN),
    "seen before it came again": ((INJECTED, DAMAGE, INJECTED, T3), NOT_SEEN),
    "seen again after it came again": ((INJECTED, DAMAGE, INJECTED, DAMAGE, T3), (*FINE, "loss")),
    "seen, and then nothing": ((INJECTED, DAMAGE, ("damage", {"fault": "loss", "what": {}}), T3), NOT_SEEN),
    "not dated": ((INJECTED, DAMAGE), NOT_DATED),
    "dated before": ((INJECTED, T3, DAMAGE), NOT_DATED),
    "dated before it was seen again": ((INJECTED, DAMAGE, T3, DAMAGE), NOT_DATED),
    "dated by another mark": ((INJECTED, DAMAGE, ("mark", {"mark": "T4"})), NOT_DATED),
}


@pytest.mark.parametrize(("events", "said"), DAMAGES.values(), ids=DAMAGES)
def test_the_damage_of_a_fault(tmp_path: Path, events: tuple[Event, ...], said: tuple[str, ...]) -> None:
    assert judged(validity.damage_seen, tmp_path, *events, faults=FAULTS) == [said]


def test_only_the_fault_that_is_recovered_from_has_to_be_dated(tmp_path: Path) -> None:
    faults: Json = [{"name": "loss", "step": "backup"}]
    events = ("fault", {**INJECTED[1], "step": "backup"}), DAMAGE
    assert judged(validity.damage_seen, tmp_path, *events, faults=faults) == [(*FINE, "loss")]


STEPS: Json = ["up", "deploy"]
END: Event = ("end", {})
BROKEN: Event = ("error", {"step": "deploy", "message": "odd"})
BAD: Event = ("recovery-failed", {"step": "deploy", "message": "odd", "reasons": [], "objects": ["x"], "store": "db"})
FINISHED: dict[str, tuple[tuple[Event, ...], list[tuple[str, ...]]]] = {
    "all": ((step("up"), step("deploy"), END), [FINE]),
    "one not": ((step("up"), END), [(UNKNOWN, "StepNotFinished", "step deploy")]),
    "one only begun": ((step("up"), step("deploy", "start"), END), [(UNKNOWN, "StepNotFinished", "step deploy")]),
    "no end": ((step("up"), step("deploy")), [(UNKNOWN, "JournalTruncated")]),
    "more than the end": ((step("up"), END, step("deploy")), [(UNKNOWN, "JournalTruncated")]),
    "interrupted": ((step("up"), BROKEN, END), [(UNKNOWN, "DrillInterrupted", "step deploy")]),
    "a bad recovery": ((step("up"), BAD, END), [(FAILED, "RecoveryFailed", "db", "x")]),
    "both": (
        (BROKEN, BAD, END),
        [(FAILED, "RecoveryFailed", "db", "x"), (UNKNOWN, "DrillInterrupted", "step deploy")],
    ),
}


@pytest.mark.parametrize(("events", "said"), FINISHED.values(), ids=FINISHED)
def test_the_end_of_a_drill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, events: tuple[Event, ...], said: list[tuple[str, ...]]
) -> None:
    monkeypatch.setattr(run_directory, "STEPS", tuple(map(str, ("up", "deploy"))))
    assert judged(validity.drill_finished, tmp_path, *events, steps=STEPS) == said


TESTED: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"noticed": 1, "missed": []}, FINE),
    ({"noticed": 0, "missed": []}, (UNKNOWN, "SelfTestNotRun")),
    ({"noticed": None, "missed": []}, (UNKNOWN, "SelfTestNotRun")),
    ({"noticed": 1, "missed": None}, (UNKNOWN, "SelfTestNotRun")),
    ({"noticed": 1, "missed": [{"name": "m"}]}, (UNKNOWN, "MutationMissed", "m")),
    ({"noticed": 1, "missed": ["m"]}, (UNKNOWN, "MutationMissed", "m")),
]


@pytest.mark.parametrize(("result", "said"), TESTED, ids=str)
def test_the_self_test(tmp_path: Path, result: dict[str, Json], said: tuple[str, ...]) -> None:
    assert judged(validity.self_test_passed, tmp_path, ("selftest", result)) == [said]


def test_no_self_test_is_unknown(tmp_path: Path) -> None:
    assert judged(validity.self_test_passed, tmp_path) == [(UNKNOWN, "SelfTestNotRun")]


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"escaped": 0, "stopped": 3}, FINE),
        ({"escaped": 1}, (FAILED, "PacketEscaped")),
        ({"escaped": None}, (UNKNOWN, "EgressNotMeasured")),
    ],
    ids=str,
)
def test_the_fence(tmp_path: Path, counts: dict[str, Json], said: tuple[str, ...]) -> None:
    assert judged(validity.network_isolated, tmp_path, ("fence", counts)) == [said]
    assert judged(validity.network_isolated, tmp_path, ("fence", counts), fenced=False) == []


def test_a_fence_that_was_not_measured_is_unknown(tmp_path: Path) -> None:
    assert judged(validity.network_isolated, tmp_path) == [(UNKNOWN, "EgressNotMeasured")]
