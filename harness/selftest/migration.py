"""Mutations of a good migration, each with the check that must detect it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from harness.core.clock import Clock
from harness.core.model import MOVE_STEPS, Json, Plan, ToolReport, VolumeCopy
from harness.core.reason import Reason
from harness.evidence import run_directory
from harness.evidence.journal import Journal
from harness.evidence.ledger import fingerprint
from harness.selftest.journal_mutations import added, changed, delayed, fail, first_volume, unknown, without
from harness.selftest.mutation import Why
from harness.selftest.tampering import EDITED

KEY, PLACE, POD = "mysql shop/db-0", "new/db-0", "db-0"

_PARTS: dict[str, Json] = {
    "table shop.orders": {"rows": 20, "hash": "71"},
    "accounts": {"rows": 4, "hash": "93"},
}
_FEWER: dict[str, Json] = {**_PARTS, "table shop.orders": {"rows": 19, "hash": "70"}}
_ALTERED: dict[str, Json] = {**_PARTS, "table shop.orders": {"rows": 20, "hash": "72"}}


def good(runs: Path) -> Path:
    """A migration that passed, of one database whose replica is known by another name than its pod's."""
    database = {"kind": "mysql", "namespace": "shop", "pod": POD, "container": "db", "why": "image mysql, port 3306"}
    run = run_directory.create(
        runs,
        "migrate",
        {
            "kind": run_directory.MOVE,
            "steps": list(MOVE_STEPS),
            "plan": Plan(move=True, namespace="new").recorded,
            "expected_findings": [],
            "objectives": {"rto_s": 3600},
            "stores": {KEY: [POD]},
            "backup": {"claims": ["new/data-db-0"], "uncopied": []},
            "databases": [{**database, "key": KEY, "place": PLACE, "fingerprint": ""}],
        },
    )
    journal = Journal(run / "journal.jsonl", Clock())
    journal.append("file", name="run.json", sha256=fingerprint(run / "run.json"))
    journal.append("selftest", tier="rehearsed", noticed=1, missed=[])
    steps = {"freeze": _frozen, "backup": _backed_up, "restore": _restored, "readback": _read}
    for step in MOVE_STEPS:
        journal.append("step", step=step, phase="start")
        steps[step](journal)
        journal.append("step", step=step, phase="end")
    journal.close()
    return run


def _note(journal: Journal, kind: str, data: Mapping[str, Json]) -> None:
    journal.append(kind, store=KEY, member=POD, **data)


def _frozen(journal: Journal) -> None:
    journal.append("frozen", writers={"deployment/web": "2"}, command="")
    _note(journal, "digest", {"when": "before", "answered_by": POD, "parts": _PARTS})
    _note(journal, "peers", {"where": "before", "addresses": ["10.0.0.9", "203.0.113.5"]})


def _backed_up(journal: Journal) -> None:
    journal.append("protected", volumes=[{"store": "", "pod": POD, "volume": "data"}], hooks={POD: 1})
    journal.mark("T0")
    volumes = (VolumeCopy(POD, "data", "Completed", 500, 500, ""),)
    done = ToolReport("move", "Completed", 0, 0, (), volumes, hooks_attempted=1)
    journal.append("backup", engine="velero", **asdict(done))


def _restored(journal: Journal) -> None:
    journal.mark("T4")
    volumes = (VolumeCopy(POD, "data", "Completed", 500, 500, ""),)
    back = ToolReport("move", "Completed", 0, 0, (), volumes, of="move")
    journal.append("restore", engine="velero", **asdict(back))
    journal.mark("T5")


def _read(journal: Journal) -> None:
    health: Mapping[str, Json] = {"when": "after", "ok": True, "detail": "answers", "role": "", "identity": ""}
    _note(journal, "health", health)
    journal.mark("T7")
    _note(journal, "digest", {"when": "after", "answered_by": POD, "parts": _PARTS})
    _note(journal, "peers", {"where": "target", "addresses": ["db-1.db", "10-1-0-8.db.new.svc.cluster.local"]})
    _note(journal, "sound", {"sound": 2, "damaged": [], "unchecked": [], "notes": []})
    journal.mark("T9")
    volume = {"claim": "new/data-db-0", "claim_uid": "1", "volume": "pv", "volume_uid": "2", "kind": "local"}
    journal.append("volumes", when="after", volumes=[{**volume, "node": "worker", "path": "/data"}])
    journal.append("unready", pods=[])
    _note(journal, "digest", {"when": "end", "answered_by": POD, "parts": _PARTS})
    journal.append("still-frozen", loose={})
    _note(journal, "peers", {"where": "source", "addresses": ["10.0.0.9", "203.0.113.5"]})
    journal.append("pods", where="source", namespace="shop", addresses={"db-0": "10.0.0.8", "db-1": "10.0.0.9"})
    journal.append("pods", where="target", namespace="new", addresses={"db-0": "10.1.0.8", "db-1": "10.1.0.9"})


_AFTER: dict[str, Json] = {"when": "after"}
_END: dict[str, Json] = {"when": "end"}
# fmt: off
JOURNAL_MUTATIONS = (
    unknown("the migration was killed", "drill-finished", Why(Reason.StepNotFinished, "step readback"),
        without("step", step="readback", phase="end")),
    # The backup and its restore, by what Velero reports.
    fail("the backup failed partially", "backup-complete", Reason.BackupPartiallyFailed,
        changed("backup", phase="PartiallyFailed")),
    fail("a hook of the backup did not run", "backup-complete", Reason.HookDidNotRun,
        changed("backup", hooks_attempted=0)),
    fail("a hook of the backup failed", "backup-complete", Reason.HookFailed, changed("backup", hooks_failed=1)),
    fail("a volume was not copied", "backup-complete", Why(Reason.VolumeNotBackedUp, "volume data"),
        changed("backup", volumes=[])),
    fail("a volume was backed up partially", "backup-complete", Why(Reason.VolumePartlyBackedUp, "volume data"),
        first_volume("backup", "volumes", bytes_done=250), also=("restore-complete",)),
    fail("no volume was opted in", "backup-complete", Reason.VolumeNotProtected, changed("protected", volumes=[])),
    unknown("the protected volumes were not recorded", "backup-complete", Reason.NotRecorded, without("protected")),
    fail("the restore failed partially", "restore-complete", Reason.RestorePartiallyFailed,
        changed("restore", phase="PartiallyFailed")),
    fail("a hook of the restore failed", "restore-complete", Reason.HookFailed,
        changed("restore", hooks_attempted=1, hooks_failed=1)),
    fail("another backup was restored", "restore-complete", Reason.WrongBackupRestored,
        changed("restore", of="last-year")),
    fail("a volume was not restored", "restore-complete", Why(Reason.VolumeNotRestored, "volume data"),
        first_volume("restore", "volumes")),
    fail("a claim is missing", "claims-back", Why(Reason.ClaimMissing, "claim new/data-db-0"),
        changed("volumes", volumes=[])),
    # The target.
    fail("a database does not answer", "databases-sound", Why(Reason.NotAnswering, causes=(Reason.CrashLooping,)),
        changed("health", ok=False, detail="CrashLoopBackOff")),
    unknown("a database's health was not read", "databases-sound", Reason.NotReadBack, without("health")),
    fail("a database reports corruption", "databases-sound", Why(Reason.DataCorrupted, "page 4 is corrupt"),
        changed("sound", damaged=["page 4 is corrupt"])),
    fail("a row is gone at the target", "data-equal", Why(Reason.RowsMissing, "table shop.orders"),
        changed("digest", _AFTER, parts=_FEWER)),
    fail("a value was altered at the target", "data-equal", Why(Reason.RowsDiffer, "table shop.orders"),
        changed("digest", _AFTER, parts=_ALTERED)),
    fail("an extra table at the target", "data-equal", Why(Reason.PartUnexpected, "table shop.x"),
        changed("digest", _AFTER, parts={**_PARTS, "table shop.x": {"rows": 1, "hash": "1"}})),
    fail("the target is empty", "data-equal", Why(Reason.PartMissing, "table shop.orders"),
        changed("digest", _AFTER, parts={}), also=("databases-sound",)),
    unknown("the target was not read", "data-equal", Reason.NotReadBack, without("digest", when="after"),
        also=("databases-sound",)),
    # The source.
    unknown("the source was not read before", "data-equal", Reason.NoReference, without("digest", when="before"),
        also=("source-unchanged",)),
    fail("the source was written to", "source-unchanged",
        Why(Reason.SourceWritten, "table shop.orders", causes=(Reason.RowsDiffer,)),
        changed("digest", _END, parts=_ALTERED)),
    unknown("the source was not read at the end", "source-unchanged", Reason.SourceNotRead,
        without("digest", when="end")),
    unknown("the source was not quiesced", "source-unchanged", Reason.SourceNotQuiesced, without("frozen")),
    unknown("the source was resumed too early", "source-unchanged", Reason.SourceResumed,
        added("thawed", writers=["deployment/web"])),
    fail("a writer was started again", "source-unchanged", Why(Reason.SourceResumed, "deployment/web"),
        changed("still-frozen", loose={"deployment/web": "it wants 2 pods"})),
    unknown("the quiesced writers were not checked at the end", "source-unchanged", Reason.NotRecorded,
        without("still-frozen")),
    # Between both.
    fail("a replica of the target joined the source", "nothing-joined",
        Why(Reason.PeerUnexpected, "source", "192.0.2.7"),
        changed("peers", {"where": "source"}, addresses=["10.0.0.9", "192.0.2.7"])),
    fail("the target follows the source", "nothing-joined", Why(Reason.PeerUnexpected, "target", "db-0.db.shop.svc"),
        changed("peers", {"where": "target"}, addresses=["db-0.db.shop.svc"])),
    unknown("the peers of the source are unknown", "nothing-joined", Why(Reason.PeersUnknown, "source"),
        without("peers", where="source")),
    unknown("the pods of the target are unknown", "nothing-joined", Why(Reason.PeersUnknown, "target"),
        without("pods", where="target")),
    # The figures, and the checks themselves.
    fail("too slow", "objectives-met", Why(Reason.ObjectiveMissed, "RTO"), delayed("T9", 4000)),
    unknown("the self-test missed a mutation", "self-test", Why(Reason.MutationMissed, "a row gone"),
        changed("selftest", missed=["a row gone"])),
)
"""What can be wrong with a migration, and the check that must detect it."""
# fmt: on

TAMPERINGS = EDITED
