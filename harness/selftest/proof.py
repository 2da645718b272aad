"""Proofs of backups that went amiss: a good one is told otherwise, and each time the right check must notice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from harness.core.clock import Clock
from harness.core.model import PROOF_STEPS, Event, Json, Plan, ToolReport, Verdict, VolumeCopy
from harness.core.reason import Reason
from harness.evidence import run_directory
from harness.evidence.journal import Journal
from harness.evidence.ledger import fingerprint
from harness.selftest.journal_mutations import Story, also, first_volume, late, told, without
from harness.selftest.mutation import Why
from harness.selftest.tampering import EDITED, Forgery

KEY, PLACE, POD = "mysql shop/db-0", "shop/db-0", "db-0"
BARE = "consul shop/kv-0"

_PARTS: dict[str, Json] = {
    "table shop.orders": {"rows": 20, "hash": "71"},
    "accounts": {"rows": 4, "hash": "93"},
}


def good(runs: Path, asked: str = "sound") -> Path:
    """A proof that passed: a database with a fingerprint, and one without, which was not asked for."""
    database = {"kind": "mysql", "namespace": "shop", "pod": POD, "container": "db", "why": "image mysql, port 3306"}
    bare = {"kind": "consul", "namespace": "shop", "pod": "kv-0", "container": "kv", "why": "runs consul"}
    run = run_directory.create(
        runs,
        "prove",
        {
            "kind": run_directory.PROOF,
            "asked": asked,
            "steps": list(PROOF_STEPS),
            "plan": asdict(Plan(new_cluster=True)),
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
    """The same proof, but the restore was asked for in another year."""
    return lambda events: tuple(
        replace(event, at=f"{year}{event.at[4:]}") if event.data.get("mark") == "T4" else event for event in events
    )


UNKNOWN = Verdict.UNKNOWN
_MINE: dict[str, Json] = {"store": KEY}
# fmt: off
STORIES = (
    # The proof itself, and the source.
    Story(name="the proof was killed", check="drill-finished", why=Why(Reason.StepNotFinished, "step readback"),
          verdict=UNKNOWN, change=without("step", step="readback", phase="end")),
    Story(name="an object of the source was changed", check="source-unchanged", why=Why(Reason.BucketChanged, "x"),
          change=told("listing", {"when": "after"}, sha256="6f", differences=["x was changed"], changed=["x"])),
    Story(name="an object of the source is gone", check="source-unchanged", why=Why(Reason.BucketChanged),
          change=told("listing", {"when": "after"}, objects=6)),
    Story(name="the source was not listed afterwards", check="source-unchanged", why=Why(Reason.NotRecorded),
          verdict=UNKNOWN, change=without("listing", when="after")),
    Story(name="the source was listed without its ETags", check="source-unchanged", why=Why(Reason.NotRecorded),
          verdict=UNKNOWN, change=told("listing", sha256="")),
    # The backup and its restore, by the tool's word.
    Story(name="the backup failed in part", check="backup-complete", why=Why(Reason.BackupPartiallyFailed),
          change=told("backup", phase="PartiallyFailed")),
    Story(name="a hook of the backup failed", check="backup-complete", why=Why(Reason.HookFailed),
          change=told("backup", hooks_failed=1)),
    Story(name="a hook of the backup did not run", check="backup-complete", why=Why(Reason.HookDidNotRun),
          change=told("backup", hooks_attempted=0)),
    Story(name="a copy is of half of its volume", check="backup-complete",
          why=Why(Reason.VolumePartlyBackedUp, "volume data"), also=("restore-complete",),
          change=first_volume("backup", "volumes", bytes_done=250)),
    Story(name="no volume was copied", check="backup-complete", why=Why(Reason.VolumeNotBackedUp),
          change=told("backup", volumes=[])),
    Story(name="there is no record of the backup", check="backup-complete", why=Why(Reason.NotRecorded),
          verdict=UNKNOWN, also=("restore-complete",), change=without("backup")),
    Story(name="the restore failed in part", check="restore-complete", why=Why(Reason.RestorePartiallyFailed),
          change=told("restore", phase="PartiallyFailed")),
    Story(name="a volume was not restored", check="restore-complete", why=Why(Reason.VolumeNotRestored, "volume data"),
          change=first_volume("restore", "volumes")),
    Story(name="a volume was restored by half", check="restore-complete",
          why=Why(Reason.VolumePartlyRestored, "volume data"),
          change=first_volume("restore", "volumes", bytes_done=250)),
    Story(name="a hook of the restore failed", check="restore-complete", why=Why(Reason.HookFailed),
          change=told("restore", hooks_attempted=1, hooks_failed=1)),
    Story(name="another backup was restored", check="restore-complete", why=Why(Reason.WrongBackupRestored),
          change=told("restore", of="last-year")),
    Story(name="a claim is not there", check="claims-back", why=Why(Reason.ClaimMissing, "claim shop/data-db-0"),
          change=told("volumes", volumes=[])),
    Story(name="a claim has no volume", check="claims-back", why=Why(Reason.ClaimMissing, "claim shop/data-db-0"),
          change=first_volume("volumes", "volumes", volume_uid="")),
    Story(name="nobody looked for the claims", check="claims-back", why=Why(Reason.NotRecorded), verdict=UNKNOWN,
          change=without("volumes")),
    # The databases.
    Story(name="a database does not answer", check="databases-sound",
          why=Why(Reason.NotAnswering, causes=(Reason.CrashLooping,)),
          change=told("health", _MINE, ok=False, detail="CrashLoopBackOff")),
    Story(name="a database was not asked", check="databases-sound", why=Why(Reason.NotReadBack), verdict=UNKNOWN,
          change=without("health", **_MINE)),
    Story(name="a database found no node", check="databases-sound", why=Why(Reason.NotReadBack), verdict=UNKNOWN,
          change=also("unread", what="health", store=KEY, member=POD, message="no node takes it")),
    Story(name="a database says that it is damaged", check="databases-sound",
          why=Why(Reason.DataCorrupted, "page 4 is corrupt"),
          change=told("sound", _MINE, damaged=["page 4 is corrupt"])),
    Story(name="a part could not be checked", check="databases-sound",
          why=Why(Reason.IntegrityNotChecked, "no amcheck"), verdict=UNKNOWN,
          change=told("sound", _MINE, unchecked=["no amcheck"])),
    Story(name="a check of nothing", check="databases-sound", why=Why(Reason.IntegrityNotChecked), verdict=UNKNOWN,
          change=told("sound", _MINE, sound=0)),
    Story(name="a database did not check itself", check="databases-sound", why=Why(Reason.IntegrityNotChecked),
          verdict=UNKNOWN, change=without("sound", **_MINE)),
    Story(name="a database without a fingerprint came back empty", check="databases-sound",
          why=Why(Reason.DatabaseEmpty), verdict=UNKNOWN,
          change=told("digest", {"store": BARE}, parts={"keys": {"rows": 0, "hash": "e3"}})),
    Story(name="a database without a fingerprint was not read", check="databases-sound", why=Why(Reason.NotReadBack),
          verdict=UNKNOWN, change=without("digest", store=BARE)),
    # Its data.
    Story(name="a row is gone", check="data-equal", why=Why(Reason.RowsMissing, "table shop.orders"),
          change=told("digest", {"when": "after", **_MINE},
                      parts={**_PARTS, "table shop.orders": {"rows": 19, "hash": "70"}})),
    Story(name="a value was altered", check="data-equal", why=Why(Reason.RowsDiffer, "table shop.orders"),
          change=told("digest", {"when": "after", **_MINE},
                      parts={**_PARTS, "table shop.orders": {"rows": 20, "hash": "72"}})),
    Story(name="a table more", check="data-equal", why=Why(Reason.PartUnexpected, "table shop.x"),
          change=told("digest", {"when": "after", **_MINE},
                      parts={**_PARTS, "table shop.x": {"rows": 1, "hash": "1"}})),
    Story(name="a table less", check="data-equal", why=Why(Reason.PartMissing, "accounts"),
          change=told("digest", {"when": "after", **_MINE},
                      parts={"table shop.orders": _PARTS["table shop.orders"]})),
    Story(name="a fingerprint of the night before", check="data-equal", why=Why(Reason.FingerprintStale),
          verdict=UNKNOWN, change=told("fingerprint", taken="2026-01-01T03:00:02Z")),
    Story(name="a fingerprint of after the backup", check="data-equal", why=Why(Reason.FingerprintStale),
          verdict=UNKNOWN, change=told("fingerprint", taken="2026-01-03T03:00:02Z")),
    Story(name="a fingerprint without a time", check="data-equal", why=Why(Reason.FingerprintStale), verdict=UNKNOWN,
          change=without("fingerprint")),
    Story(name="a fingerprint that could not be read", check="data-equal", why=Why(Reason.FingerprintUnreadable),
          verdict=UNKNOWN, change=without("digest", when="before")),
    Story(name="an empty fingerprint", check="data-equal", why=Why(Reason.FingerprintUnreadable), verdict=UNKNOWN,
          change=told("digest", {"when": "before"}, parts={})),
    # The figures, the fence, and the checks themselves.
    Story(name="too slow", check="objectives-met", why=Why(Reason.ObjectiveMissed, "RTO"),
          change=late("T7", 4000)),
    Story(name="no time of any row", check="objectives-met", why=Why(Reason.ObjectiveNotMeasured, "RPO"),
          verdict=UNKNOWN, change=without("newest")),
    Story(name="too old", check="objectives-met", why=Why(Reason.ObjectiveMissed, "RPO"),
          change=told("newest", newest="0001-01-01T00:00:00Z",
                                                                        column="x")),
    Story(name="a backup of long ago", check="objectives-met", why=Why(Reason.ObjectiveMissed, "age of the backup"),
          change=asked_in("2999")),
    Story(name="something left the fence", check="fence-held", why=Why(Reason.PacketEscaped),
          change=told("fence", escaped=1)),
    Story(name="nobody counted at the fence", check="fence-held", why=Why(Reason.EgressNotMeasured), verdict=UNKNOWN,
          change=without("fence")),
    Story(name="the checks missed a sabotage", check="self-test", why=Why(Reason.MutationMissed, "a row gone"),
          verdict=UNKNOWN, change=told("selftest", missed=["a row gone"])),
)
"""What a proof may come to, and by which check it must be noticed."""
# fmt: on

FORGERIES = (
    *EDITED,
    Forgery(
        name="run.json lost",
        why=Why(Reason.EvidenceMissing, "run.json"),
        forge=lambda path: (path / "run.json").unlink(),
    ),
)
