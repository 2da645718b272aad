"""Proofs of backups in a cluster, a store and databases that are stand-ins."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from nightly import Nightly, good, pod

from harness import reports
from harness.backups import velero_backup
from harness.backups.bucket_reader import BucketLocation, Credentials
from harness.backups.velero import VeleroEngine
from harness.checks import judge
from harness.clusters.environment import EnvironmentCluster
from harness.core.clock import Clock
from harness.core.errors import TimedOut, ToolFailed
from harness.core.model import Json, Objectives, ToolReport, Volume
from harness.evidence import run_directory as rundirs
from harness.evidence.journal import Journal
from harness.evidence.ledger import fingerprint
from harness.workflows.proof import assembly
from harness.workflows.proof.proof import Proof, Sandbox
from harness.workflows.proof.request import ProofOptions
from harness.workflows.run_options import Hook

DIGEST = "part\ttable shop.orders\t20\t71\t1\npart\taccounts\t4\t93\t1\nend\t2\n"


FINGERPRINT = f"drillproof-fingerprint\t2\tmysql\t2026-01-02T03:00:02Z\n{DIGEST}"


@dataclass
class World:
    """A cluster in which one database was restored; what it says can be spoilt."""

    bucket_of_theirs: Nightly = field(default_factory=good)
    ours: dict[str, bytes] = field(default_factory=dict)
    says: dict[str, str] = field(
        default_factory=lambda: {
            "ready": "end\t0\n",
            "digest": DIGEST,
            "newest": "newest\t2026-01-02T02:59:00Z\tshop.orders.created_at\nend\t1\n",
            "check": "sound\tshop.orders\nsound\tmysql.user\nend\t2\n",
            "cat": FINGERPRINT,
        }
    )
    phase: str = "Completed"
    volumes_back: int = 1
    claims: tuple[str, ...] = ("data-db-0",)
    unbound: tuple[str, ...] = ()
    pod: dict[str, Any] = field(
        default_factory=lambda: {
            "metadata": {"name": "db-0", "namespace": "shop"},
            "status": {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "db", "state": {"running": {}}}],
            },
        }
    )
    meanwhile: Callable[[Nightly], None] = lambda _: None
    asked: list[tuple[str, ...]] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)  # below it: "the API server", "the object store", "node-1"
    fails: str = ""
    why: str = "ERROR 2013: Lost connection"
    restored_within_s: float = 0

    # ------------------------------------------------------------ a cluster

    name = "velero-restic"
    bucket = "ours"
    object_store = "store"

    def up(self) -> None: ...
    def down(self) -> None: ...
    def collect(self, into: Path) -> None: ...
    def install(self) -> None: ...

    def forward(self, namespace: str, pod: str, port: int) -> AbstractContextManager[tuple[str, int]]:
        raise NotImplementedError

    def volumes(self, namespace: str) -> tuple[Volume, ...]:
        bound = tuple(Volume(name, "1", f"pv-{name}", "2", "local") for name in self.claims)
        return (*bound, *(Volume(name, "1", "", "", "") for name in self.unbound))

    @property
    def machines(self) -> World:
        return self

    def nodes(self) -> tuple[str, ...]:
        return ("node-1",)

    def silence(self, within_s: float) -> str:
        return "connection refused" if "the object store" in self.broken else ""

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        self.asked.append(args)
        if "the API server" in self.broken:
            raise ToolFailed(["kubectl", *args], 1, "connection refused")
        if args[:2] == ("get", "nodes"):
            ready = {"type": "Ready", "status": str("node-1" not in self.broken)}
            return json.dumps({"items": [{"metadata": {"name": "node-1"}, "status": {"conditions": [ready]}}]})
        if args[0] == "get":
            asked = [("name", arg.rpartition("=")[2]) for arg in args if arg.startswith("--field-selector")]
            found = {**self.pod, "metadata": {**self.pod["metadata"], **dict(asked)}}
            return "ok" if "--raw" in args else json.dumps({"items": [found]})
        word = next(arg for arg in args if arg in self.says)
        if word == self.fails:
            raise ToolFailed(["kubectl", *args], 1, self.why)
        return self.says[word]

    # ------------------------------------------------------------ Velero and its bucket

    @property
    def store(self) -> World:
        return self

    def client(self) -> Any:  # noqa: ANN401 # stands in for boto's own
        return SimpleNamespace(put_object=lambda Bucket, Key, Body: self.ours.__setitem__(Key, Body))  # noqa: N803 # boto's

    def resync(self, backup: str) -> None:
        assert f"backups/{backup}/velero-backup.json" in self.ours
        if self.fails == "look":
            raise TimedOut(f"Velero to find the backup {backup}", 1, "no such backup")
        self.known.append(backup)

    def restore(self, name: str, backup: str, namespaces: tuple[str, ...], *, within_s: float) -> ToolReport:
        assert self.known == [backup]
        self.restored_within_s = within_s
        if self.fails == "restore":
            raise TimedOut("Velero's restore", 1, "InProgress")
        assert f"backups/{backup}/velero-backup.json" in self.ours
        self.meanwhile(self.bucket_of_theirs)
        theirs = self.bucket_of_theirs
        recorded = velero_backup.read_backup(theirs, theirs.listing(), backup, namespaces=namespaces)
        return replace(
            recorded.report,
            name=name,
            phase=self.phase,
            of=backup,
            volumes=recorded.report.volumes[: self.volumes_back],
        )


VERSIONS: dict[str, Json] = {"kubernetes": "v1", "docker": "1", "node image": "n", "images": {}}


OPTIONS = ProofOptions(
    place=BucketLocation("backups", endpoint="http://store"),
    credentials=Credentials("a", "b"),
    backup="newest",
    schedule="",
    databases=(),
    asked="equal",
    objectives=Objectives(),
    age_s=1e10,
    hooks=(),
    keep=False,
    images="auto",
    mirror=None,
    runs=Path(),
    cluster="c",
)


@pytest.fixture
def prove(tmp_path: Path) -> Callable[..., Path]:
    """One proof of what a world holds; its run directory, judged and rendered."""

    def prove(
        world: World | None = None,
        options: ProofOptions = OPTIONS,
        hooks: tuple[Hook, ...] = (),
        rto_s: float | None = 0.05,
        more: Mapping[str, Json] | None = None,
    ) -> Path:
        world = world or World()
        backup = assembly.find_in(world.bucket_of_theirs, options)
        sandbox = Sandbox(
            cluster=cast("EnvironmentCluster", world),
            engine=cast("VeleroEngine", world),
            kubectl=Path(),
            namespace="",
            lane="1.16",
            versions=VERSIONS,
            more=more or {},
        )
        facts = assembly._facts(options, sandbox, backup)
        run = rundirs.create(tmp_path / "runs", "prove", facts)
        journal = Journal(run / "journal.jsonl", Clock())
        journal.append("file", name="run.json", sha256=fingerprint(run / "run.json"))
        journal.append("selftest", tier="rehearsed", noticed=1, missed=[], seconds=0.1)
        Proof(sandbox, backup, journal, hooks=hooks, env={}, rto_s=rto_s).run()
        journal.append("fence", stopped=3, escaped=0)
        journal.close()
        judge.recheck(run)
        reports.render(run)
        return run

    return prove


def bare() -> dict[str, Json]:
    """A pod whose database takes no fingerprint."""
    return {**pod(), "metadata": {"name": "db-0", "namespace": "shop"}}


def told(run: Path) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads((run / "findings.json").read_text()))


def red(run: Path) -> list[tuple[str, str, set[str]]]:
    bad = (each for each in told(run)["findings"] if each["verdict"] != "pass")
    return [(each["check"], each["verdict"], {each["reason"], *each["causes"], *each["objects"]}) for each in bad]


Spoil = Callable[[World], None]


def says(word: str, old: str, new: str) -> Spoil:
    """An answer of the database is another one."""
    return lambda world: world.says.update({word: world.says[word].replace(old, new, 1)})


def meanwhile(change: Callable[[Nightly], object]) -> Spoil:
    """Somebody writes to the source while the proof goes on."""
    return lambda world: setattr(world, "meanwhile", change)
