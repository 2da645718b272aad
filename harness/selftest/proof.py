"""A good proof of a backup, for the self-test to mutate."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from harness.core.clock import Clock
from harness.core.model import PROOF_STEPS, Json, Plan, ToolReport, VolumeCopy
from harness.core.reason import Reason
from harness.evidence import run_directory
from harness.evidence.journal import Journal
from harness.evidence.ledger import fingerprint
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
    nothing: dict[str, Json] = {"differences": [], "changed": [], "touched": []}
    bucket: dict[str, Json] = {"objects": 7, "bytes": 900, "sha256": "5e", **nothing}
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


TAMPERINGS = (
    *EDITED,
    tampering("run.json lost", Why(Reason.EvidenceMissing, "run.json"), lambda path: (path / "run.json").unlink()),
)
