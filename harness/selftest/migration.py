"""A good migration, for the self-test to mutate."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from harness.core.clock import Clock
from harness.core.model import MOVE_STEPS, Json, Plan, ToolReport, VolumeCopy
from harness.evidence import run_directory
from harness.evidence.journal import Journal
from harness.evidence.ledger import fingerprint

KEY, PLACE, POD = "mysql shop/db-0", "new/db-0", "db-0"

_PARTS: dict[str, Json] = {
    "table shop.orders": {"rows": 20, "hash": "71"},
    "accounts": {"rows": 4, "hash": "93"},
}


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
