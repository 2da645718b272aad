"""Migrations that went amiss: a good one is told otherwise, and each time the right check must notice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from harness.core.clock import Clock
from harness.core.model import MOVE_STEPS, Json, Plan, ToolReport, Verdict, VolumeCopy
from harness.core.reason import Reason
from harness.evidence import run_directory
from harness.evidence.journal import Journal
from harness.evidence.ledger import fingerprint
from harness.selftest.journal_mutations import Story, also, first_volume, late, told, without
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
            "plan": asdict(Plan(move=True, namespace="new")),
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


UNKNOWN = Verdict.UNKNOWN
_AFTER: dict[str, Json] = {"when": "after"}
_END: dict[str, Json] = {"when": "end"}
# fmt: off
STORIES = (
    Story(name="the move was killed", check="drill-finished", why=Why(Reason.StepNotFinished, "step readback"),
          verdict=UNKNOWN, change=without("step", step="readback", phase="end")),
    # The backup and its restore, by the tool's word.
    Story(name="the backup failed in part", check="backup-complete", why=Why(Reason.BackupPartiallyFailed),
          change=told("backup", phase="PartiallyFailed")),
    Story(name="a hook of the backup did not run", check="backup-complete", why=Why(Reason.HookDidNotRun),
          change=told("backup", hooks_attempted=0)),
    Story(name="a hook of the backup failed", check="backup-complete", why=Why(Reason.HookFailed),
          change=told("backup", hooks_failed=1)),
    Story(name="a volume was not copied", check="backup-complete", why=Why(Reason.VolumeNotBackedUp, "volume data"),
          change=told("backup", volumes=[])),
    Story(name="a copy is of half of its volume", check="backup-complete",
          why=Why(Reason.VolumePartlyBackedUp, "volume data"), also=("restore-complete",),
          change=first_volume("backup", "volumes", bytes_done=250)),
    Story(name="no volume was opted in", check="backup-complete", why=Why(Reason.VolumeNotProtected),
          change=told("protected", volumes=[])),
    Story(name="nobody knows which volumes there should be", check="backup-complete", why=Why(Reason.NotRecorded),
          verdict=UNKNOWN, change=without("protected")),
    Story(name="the restore failed in part", check="restore-complete", why=Why(Reason.RestorePartiallyFailed),
          change=told("restore", phase="PartiallyFailed")),
    Story(name="a hook of the restore failed", check="restore-complete", why=Why(Reason.HookFailed),
          change=told("restore", hooks_attempted=1, hooks_failed=1)),
    Story(name="another backup was restored", check="restore-complete", why=Why(Reason.WrongBackupRestored),
          change=told("restore", of="last-year")),
    Story(name="a volume was not restored", check="restore-complete", why=Why(Reason.VolumeNotRestored, "volume data"),
          change=first_volume("restore", "volumes")),
    Story(name="a claim is not there", check="claims-back", why=Why(Reason.ClaimMissing, "claim new/data-db-0"),
          change=told("volumes", volumes=[])),
    # The target.
    Story(name="a database does not answer", check="databases-sound",
          why=Why(Reason.NotAnswering, causes=(Reason.CrashLooping,)),
          change=told("health", ok=False, detail="CrashLoopBackOff")),
    Story(name="a database was not asked", check="databases-sound", why=Why(Reason.NotReadBack), verdict=UNKNOWN,
          change=without("health")),
    Story(name="a database says that it is damaged", check="databases-sound",
          why=Why(Reason.DataCorrupted, "page 4 is corrupt"), change=told("sound", damaged=["page 4 is corrupt"])),
    Story(name="a row is gone at the target", check="data-equal", why=Why(Reason.RowsMissing, "table shop.orders"),
          change=told("digest", _AFTER, parts=_FEWER)),
    Story(name="a value was altered at the target", check="data-equal", why=Why(Reason.RowsDiffer, "table shop.orders"),
          change=told("digest", _AFTER, parts=_ALTERED)),
    Story(name="a table more at the target", check="data-equal", why=Why(Reason.PartUnexpected, "table shop.x"),
          change=told("digest", _AFTER, parts={**_PARTS, "table shop.x": {"rows": 1, "hash": "1"}})),
    Story(name="the target is empty", check="data-equal", why=Why(Reason.PartMissing, "table shop.orders"),
          also=("databases-sound",), change=told("digest", _AFTER, parts={})),
    Story(name="the target told nothing", check="data-equal", why=Why(Reason.NotReadBack), verdict=UNKNOWN,
          also=("databases-sound",), change=without("digest", when="after")),
    # The source.
    Story(name="nobody knows what the source held", check="data-equal", why=Why(Reason.NoReference), verdict=UNKNOWN,
          also=("source-unchanged",), change=without("digest", when="before")),
    Story(name="the source was written to", check="source-unchanged",
          why=Why(Reason.SourceWritten, "table shop.orders", causes=(Reason.RowsDiffer,)),
          change=told("digest", _END, parts=_ALTERED)),
    Story(name="the source was not read at the end", check="source-unchanged", why=Why(Reason.SourceNotRead),
          verdict=UNKNOWN, change=without("digest", when="end")),
    Story(name="the source was never frozen", check="source-unchanged", why=Why(Reason.SourceNotQuiesced),
          verdict=UNKNOWN, change=without("frozen")),
    Story(name="the source was let go too early", check="source-unchanged", why=Why(Reason.SourceResumed),
          verdict=UNKNOWN, change=also("thawed", writers=["deployment/web"])),
    Story(name="somebody started a writer again", check="source-unchanged",
          why=Why(Reason.SourceResumed, "deployment/web"),
          change=told("still-frozen", loose={"deployment/web": "it wants 2 pods"})),
    Story(name="nobody looked whether it is frozen still", check="source-unchanged", why=Why(Reason.NotRecorded),
          verdict=UNKNOWN, change=without("still-frozen")),
    # Between both.
    Story(name="a replica of the target joined the source", check="nothing-joined",
          why=Why(Reason.PeerUnexpected, "source", "192.0.2.7"),
          change=told("peers", {"where": "source"}, addresses=["10.0.0.9", "192.0.2.7"])),
    Story(name="the target follows the source", check="nothing-joined",
          why=Why(Reason.PeerUnexpected, "target", "db-0.db.shop.svc"),
          change=told("peers", {"where": "target"}, addresses=["db-0.db.shop.svc"])),
    Story(name="nobody knows who replicates from the source", check="nothing-joined",
          why=Why(Reason.PeersUnknown, "source"), verdict=UNKNOWN, change=without("peers", where="source")),
    Story(name="nobody knows the pods of the target", check="nothing-joined", why=Why(Reason.PeersUnknown, "target"),
          verdict=UNKNOWN, change=without("pods", where="target")),
    # The figures, and the checks themselves.
    Story(name="too slow", check="objectives-met", why=Why(Reason.ObjectiveMissed, "RTO"),
          change=late("T9", 4000)),
    Story(name="the checks missed a sabotage", check="self-test", why=Why(Reason.MutationMissed, "a row gone"),
          verdict=UNKNOWN, change=told("selftest", missed=["a row gone"])),
)
"""What a migration may come to, and by which check it must be noticed."""
# fmt: on

FORGERIES = EDITED
