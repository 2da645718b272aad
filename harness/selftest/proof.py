"""Mutations of a good proof of a backup, each with the check that must detect it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from harness.core.clock import Clock
from harness.core.model import PROOF_STEPS, Event, Json, Plan, ToolReport, VolumeCopy
from harness.core.reason import Reason
from harness.evidence import run_directory
from harness.evidence.journal import Journal
from harness.evidence.ledger import fingerprint
from harness.selftest.journal_mutations import added, changed, delayed, fail, first_volume, unknown, without
from harness.selftest.mutation import Why
from harness.selftest.tampering import EDITED, tampering

KEY, PLACE, POD = "mysql shop/db-0", "shop/db-0", "db-0"
BARE = "consul shop/kv-0"

_PARTS: dict[str, Json] = {
    "table shop.orders": {"rows": 20, "hash": "71"},
    "accounts": {"rows": 4, "hash": "93"},
}


def good(runs: Path, asked: str = "sound") -> Path:
    """A proof that passed: a database with a fingerprint, and one without, which was not requested."""
    database = {"kind": "mysql", "namespace": "shop", "pod": POD, "container": "db", "why": "image mysql, port 3306"}
    bare = {"kind": "consul", "namespace": "shop", "pod": "kv-0", "container": "kv", "why": "runs consul"}
    run = run_directory.create(
        runs,
        "prove",
        {
            "kind": run_directory.PROOF,
            "asked": asked,
            "steps": list(PROOF_STEPS),
            "plan": Plan(new_cluster=True).recorded,
            "expected_findings": [],
            "objectives": {"rto_s": 3600, "rpo_s": 1e10, "age_s": 1e10},
            "stores": {KEY: [POD], BARE: ["kv-0"]},
            "backup": {
                "name": "nightly",
                "started": "2026-01-02T03:00:00Z",
                "completed": "2026-01-02T03:01:00Z",
                "missed": [],
                "hooks": 1,
                "claims": ["shop/data-db-0"],
                "uncopied": [],
                "unread": [],
                "elsewhere": [],
                "left_out": [],
            },
            "databases": [
                {**database, "key": KEY, "place": PLACE, "fingerprint": "/data/fingerprint"},
                {**bare, "key": BARE, "place": "shop/kv-0", "fingerprint": ""},
            ],
        },
    )
    journal = Journal(run / "journal.jsonl", Clock())
    journal.append("file", name="run.json", sha256=fingerprint(run / "run.json"))
    journal.append("selftest", tier="rehearsed", noticed=1, missed=[])
    bucket: dict[str, Json] = {"objects": 7, "bytes": 900, "sha256": "5e", "differences": [], "changed": []}
    journal.append("listing", when="before", **bucket)
    for step in PROOF_STEPS:
        journal.append("step", step=step, phase="start")
        if step == "restore":
            _restored(journal)
        elif step == "readback":
            _read(journal)
        journal.append("step", step=step, phase="end")
    journal.append("listing", when="after", **bucket)
    journal.append("fence", stopped=3, escaped=0)
    journal.close()
    return run


def _restored(journal: Journal) -> None:
    volumes = (VolumeCopy(PLACE, "data", "Completed", 500, 500, ""),)
    done = ToolReport("nightly", "Completed", 0, 0, (), volumes, hooks_attempted=1)
    journal.append("backup", engine="velero-restic", **asdict(done))
    journal.mark("T4")
    back = ToolReport("proof", "Completed", 0, 0, (), volumes, of="nightly")
    journal.append("restore", engine="velero-restic", **asdict(back))
    journal.mark("T5")


def _read(journal: Journal) -> None:
    def note(kind: str, data: Mapping[str, Json], key: str = KEY, pod: str = POD) -> None:
        journal.append(kind, store=key, member=pod, **data)

    health: Mapping[str, Json] = {"when": "after", "ok": True, "detail": "answers", "role": "", "identity": ""}
    sound: Mapping[str, Json] = {"sound": 2, "damaged": [], "unchecked": [], "notes": []}
    keys: Json = {"keys": {"rows": 2, "hash": "08"}}
    note("health", health)
    note("health", health, BARE, "kv-0")
    journal.mark("T7")
    note("fingerprint", {"taken": "2026-01-02T03:00:02Z"})
    note("digest", {"when": "before", "answered_by": POD, "parts": _PARTS})
    note("digest", {"when": "after", "answered_by": POD, "parts": _PARTS})
    note("digest", {"when": "after", "answered_by": "kv-0", "parts": keys}, BARE, "kv-0")
    note("newest", {"newest": "2026-01-02T02:59:00Z", "column": "shop.orders.created_at"})
    note("sound", sound)
    note("sound", sound, BARE, "kv-0")
    journal.mark("T9")
    volume = {"claim": "shop/data-db-0", "claim_uid": "1", "volume": "pv", "volume_uid": "2", "kind": "local"}
    journal.append("volumes", when="after", volumes=[{**volume, "node": "worker", "path": "/data"}])
    journal.append("unready", pods=[])


def asked_in(year: str) -> Callable[[tuple[Event, ...]], tuple[Event, ...]]:
    """The same proof, but the restore was requested in another year."""
    return lambda events: tuple(
        replace(event, at=f"{year}{event.at[4:]}") if event.data.get("mark") == "T4" else event for event in events
    )


_MINE: dict[str, Json] = {"store": KEY}
# fmt: off
JOURNAL_MUTATIONS = (
    # The proof itself, and the source.
    unknown("the proof was killed", "drill-finished", Why(Reason.StepNotFinished, "step readback"),
        without("step", step="readback", phase="end")),
    fail("an object of the source was changed", "source-unchanged", Why(Reason.BucketChanged, "x"),
        changed("listing", {"when": "after"}, sha256="6f", differences=["x was changed"], changed=["x"])),
    fail("an object of the source is gone", "source-unchanged", Reason.BucketChanged,
        changed("listing", {"when": "after"}, objects=6)),
    unknown("the source was not listed afterwards", "source-unchanged", Reason.NotRecorded,
        without("listing", when="after")),
    unknown("the source was listed without its ETags", "source-unchanged", Reason.NotRecorded,
        changed("listing", sha256="")),
    # The backup and its restore, by what Velero reports.
    fail("the backup failed partially", "backup-complete", Reason.BackupPartiallyFailed,
        changed("backup", phase="PartiallyFailed")),
    fail("a hook of the backup failed", "backup-complete", Reason.HookFailed, changed("backup", hooks_failed=1)),
    fail("a hook of the backup did not run", "backup-complete", Reason.HookDidNotRun,
        changed("backup", hooks_attempted=0)),
    fail("a volume was backed up partially", "backup-complete", Why(Reason.VolumePartlyBackedUp, "volume data"),
        first_volume("backup", "volumes", bytes_done=250), also=("restore-complete",)),
    fail("no volume was copied", "backup-complete", Reason.VolumeNotBackedUp, changed("backup", volumes=[])),
    unknown("there is no record of the backup", "backup-complete", Reason.NotRecorded, without("backup"),
        also=("restore-complete",)),
    fail("the restore failed partially", "restore-complete", Reason.RestorePartiallyFailed,
        changed("restore", phase="PartiallyFailed")),
    fail("a volume was not restored", "restore-complete", Why(Reason.VolumeNotRestored, "volume data"),
        first_volume("restore", "volumes")),
    fail("a volume was restored partially", "restore-complete", Why(Reason.VolumePartlyRestored, "volume data"),
        first_volume("restore", "volumes", bytes_done=250)),
    fail("a hook of the restore failed", "restore-complete", Reason.HookFailed,
        changed("restore", hooks_attempted=1, hooks_failed=1)),
    fail("another backup was restored", "restore-complete", Reason.WrongBackupRestored,
        changed("restore", of="last-year")),
    fail("a claim is missing", "claims-back", Why(Reason.ClaimMissing, "claim shop/data-db-0"),
        changed("volumes", volumes=[])),
    fail("a claim has no volume", "claims-back", Why(Reason.ClaimMissing, "claim shop/data-db-0"),
        first_volume("volumes", "volumes", volume_uid="")),
    unknown("the claims were not recorded", "claims-back", Reason.NotRecorded, without("volumes")),
    # The databases.
    fail("a database does not answer", "databases-sound", Why(Reason.NotAnswering, causes=(Reason.CrashLooping,)),
        changed("health", _MINE, ok=False, detail="CrashLoopBackOff")),
    unknown("a database's health was not read", "databases-sound", Reason.NotReadBack, without("health", **_MINE)),
    unknown("a database's pod was not scheduled", "databases-sound", Reason.NotReadBack,
        added("unread", what="health", store=KEY, member=POD, message="no node takes it")),
    fail("a database reports corruption", "databases-sound", Why(Reason.DataCorrupted, "page 4 is corrupt"),
        changed("sound", _MINE, damaged=["page 4 is corrupt"])),
    unknown("a part could not be checked", "databases-sound", Why(Reason.IntegrityNotChecked, "no amcheck"),
        changed("sound", _MINE, unchecked=["no amcheck"])),
    unknown("an integrity check of nothing", "databases-sound", Reason.IntegrityNotChecked,
        changed("sound", _MINE, sound=0)),
    unknown("a database's integrity was not checked", "databases-sound", Reason.IntegrityNotChecked,
        without("sound", **_MINE)),
    unknown("a database without a fingerprint came back empty", "databases-sound", Reason.DatabaseEmpty,
        changed("digest", {"store": BARE}, parts={"keys": {"rows": 0, "hash": "e3"}})),
    unknown("a database without a fingerprint was not read", "databases-sound", Reason.NotReadBack,
        without("digest", store=BARE)),
    # Its data.
    fail("a row is gone", "data-equal", Why(Reason.RowsMissing, "table shop.orders"),
        changed("digest", {"when": "after", **_MINE},
            parts={**_PARTS, "table shop.orders": {"rows": 19, "hash": "70"}})),
    fail("a value was altered", "data-equal", Why(Reason.RowsDiffer, "table shop.orders"),
        changed("digest", {"when": "after", **_MINE},
            parts={**_PARTS, "table shop.orders": {"rows": 20, "hash": "72"}})),
    fail("an extra table", "data-equal", Why(Reason.PartUnexpected, "table shop.x"),
        changed("digest", {"when": "after", **_MINE},
            parts={**_PARTS, "table shop.x": {"rows": 1, "hash": "1"}})),
    fail("a missing table", "data-equal", Why(Reason.PartMissing, "accounts"),
        changed("digest", {"when": "after", **_MINE},
            parts={"table shop.orders": _PARTS["table shop.orders"]})),
    unknown("a fingerprint from the day before", "data-equal", Reason.FingerprintStale,
        changed("fingerprint", taken="2026-01-01T03:00:02Z")),
    unknown("a fingerprint from after the backup", "data-equal", Reason.FingerprintStale,
        changed("fingerprint", taken="2026-01-03T03:00:02Z")),
    unknown("a fingerprint without a time", "data-equal", Reason.FingerprintStale, without("fingerprint")),
    unknown("a fingerprint that could not be read", "data-equal", Reason.FingerprintUnreadable,
        without("digest", when="before")),
    unknown("an empty fingerprint", "data-equal", Reason.FingerprintUnreadable,
        changed("digest", {"when": "before"}, parts={})),
    # The figures, the network isolation, and the checks themselves.
    fail("too slow", "objectives-met", Why(Reason.ObjectiveMissed, "RTO"), delayed("T7", 4000)),
    unknown("the time of the newest row is unknown", "objectives-met", Why(Reason.ObjectiveNotMeasured, "RPO"),
        without("newest")),
    fail("too old", "objectives-met", Why(Reason.ObjectiveMissed, "RPO"),
        changed("newest", newest="0001-01-01T00:00:00Z",
            column="x")),
    fail("an old backup", "objectives-met", Why(Reason.ObjectiveMissed, "age of the backup"), asked_in("2999")),
    fail("a packet left the network isolation", "fence-held", Reason.PacketEscaped, changed("fence", escaped=1)),
    unknown("the packets were not counted", "fence-held", Reason.EgressNotMeasured, without("fence")),
    unknown("the self-test missed a mutation", "self-test", Why(Reason.MutationMissed, "a row gone"),
        changed("selftest", missed=["a row gone"])),
)
"""What can be wrong with a proof, and the check that must detect it."""
# fmt: on

TAMPERINGS = (
    *EDITED,
    tampering("run.json lost", Why(Reason.EvidenceMissing, "run.json"), lambda path: (path / "run.json").unlink()),
)
