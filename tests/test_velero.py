"""Velero is stood in for by a cluster that walks a backup through phases, the bucket by a dictionary."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from botocore.exceptions import ClientError

from harness import wait
from harness.backups.velero import ENDED, RUNNING, VeleroEngine
from harness.backups.velero_install import Release, install, manifests
from harness.clusters.minio import ObjectStore
from harness.errors import HarnessError, TimedOut, ToolFailed
from harness.model import Json, Protected, Stored, Volume, VolumeCopy
from harness.ports import BackupEngine

RELEASE = Release(Path("velero"), "velero:1", "plugin:1")


@dataclass
class Bucket:
    """As much of an S3 client as is used."""

    things: dict[str, bytes] = field(default_factory=dict)

    def client(self) -> Bucket:
        return self

    bucket = "velero"

    def get_paginator(self, name: str) -> SimpleNamespace:
        assert name == "list_objects_v2"
        return SimpleNamespace(paginate=self._pages)

    def _pages(self, Bucket: str, Prefix: str) -> Iterator[Mapping[str, object]]:  # noqa: N803 # boto's names
        for key in sorted(self.things):
            if key.startswith(Prefix):
                yield {"Contents": [{"Key": key, "Size": len(self.things[key])}]}
        yield {}

    def get_object(self, Bucket: str, Key: str) -> Mapping[str, object]:  # noqa: N803 # boto's names
        if Key not in self.things:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": "none"}}, "GetObject")
        return {"Body": io.BytesIO(self.things[Key])}

    def put(self, key: str, content: object) -> None:
        self.things[key] = gzip.compress(json.dumps(content).encode())


@dataclass
class Server:
    """A cluster whose Velero says `phases` one after the other, then stays at the last."""

    phases: Sequence[str] = ("Completed",)
    status: dict[str, Json] = field(default_factory=dict)
    records: dict[str, list[Json]] = field(default_factory=dict)
    created: list[dict[str, Json]] = field(default_factory=list)
    name: str = "stub"
    asked: int = 0

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if args[0] == "create":
            assert stdin is not None
            self.created.append(json.loads(stdin))
            return ""
        kind = args[1].partition(".")[0]
        selector = [word for word in args if word.startswith("--field-selector")]
        if not selector:
            return json.dumps({"items": self.records.get(kind, [])})
        phase = self.phases[min(self.asked, len(self.phases) - 1)]
        self.asked += 1
        name = selector[0].rpartition("=")[2]
        return json.dumps({"items": [{"metadata": {"name": name}, "status": {**self.status, "phase": phase}}]})

    def up(self) -> None: ...
    def down(self) -> None: ...
    def collect(self, into: Path) -> None: ...
    def forward(self, namespace: str, pod: str, port: int) -> AbstractContextManager[tuple[str, int]]:
        raise NotImplementedError

    def volumes(self, namespace: str) -> tuple[Volume, ...]:
        return ()


def engine(server: Server, bucket: Bucket | None = None) -> VeleroEngine:
    return VeleroEngine(server, lambda: cast("ObjectStore", bucket or Bucket()), RELEASE)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait, "_cancel", SimpleNamespace(wait=lambda seconds: False))


def test_it_is_a_backup_engine() -> None:
    it: BackupEngine = engine(Server())
    assert it.name == "velero-restic"


def test_a_backup_asks_for_the_annotated_volumes_of_one_namespace() -> None:
    server = Server()
    engine(server).backup("b", "custos")
    (asked,) = server.created
    assert (asked["kind"], asked["metadata"]) == ("Backup", {"name": "b", "namespace": "velero"})
    assert asked["spec"] == {
        "includedNamespaces": ["custos"],
        "defaultVolumesToFsBackup": False,
        "snapshotVolumes": False,
        "storageLocation": "default",
    }


@pytest.mark.parametrize("phase", sorted(ENDED))
def test_every_phase_that_stays_ends_the_wait_and_is_reported(phase: str) -> None:
    server = Server(phases=(*sorted(RUNNING), phase), status={"errors": 1, "warnings": 2})
    report = engine(server).backup("b", "custos")
    assert (report.phase, report.errors, report.warnings) == (phase, 1, 2)
    assert server.asked == len(RUNNING) + 1


def test_a_phase_that_nobody_knows_is_no_end() -> None:
    with pytest.raises(HarnessError, match="'Splendid'"):
        engine(Server(phases=("InProgress", "Splendid"))).restore("r", "b")


def test_a_restore_reports_each_volume_by_the_tools_own_record() -> None:
    record: Json = {
        "spec": {"pod": {"name": "mysql-0", "namespace": "custos"}, "volume": "dump"},
        "status": {"phase": "Failed", "message": "broken", "progress": {"bytesDone": 3, "totalBytes": 7}},
    }
    bare: Json = {"spec": {"pod": {"name": "a-0"}, "volume": "dump"}}
    server = Server(records={"podvolumerestores": [record, bare]})
    assert engine(server).restore("r", "b").volumes == (
        VolumeCopy("a-0", "dump", "", 0, 0, ""),
        VolumeCopy("mysql-0", "dump", "Failed", 3, 7, "broken"),
    )


def test_failed_hooks_and_kept_errors_are_among_the_messages() -> None:
    bucket = Bucket()
    bucket.put(
        "backups/b/b-results.gz",
        {
            "errors": {"namespaces": {"custos": ["hook broke"]}},
            "warnings": {"velero": ["restic is old"], "cluster": None},
        },
    )
    server = Server(
        status={
            "failureReason": "because",
            "validationErrors": ["no location"],
            "hookStatus": {"hooksAttempted": 3, "hooksFailed": 1},
        }
    )
    assert engine(server, bucket).backup("b", "custos").messages == (
        "errors: because",
        "errors: no location",
        "hooks: 3 attempted, 1 failed",
        "errors: custos: hook broke",
        "warnings: velero: restic is old",
    )


def test_messages_that_cannot_be_read_say_so() -> None:
    (message,) = engine(Server()).backup("b", "custos").messages
    assert "b-results.gz cannot be read" in message


def test_what_is_stored_is_counted_in_the_bucket() -> None:
    bucket = Bucket({"backups/b/velero-backup.json": b"12345", "backups/bb/x": b"1", "restic/other/data/1": b"1"})
    bucket.things["restic/custos/data/1"] = b"1234567"
    bucket.put("backups/b/b-podvolumebackups.json.gz", [{"spec": {"pod": {"namespace": "custos"}}}])
    size = 12 + len(bucket.things["backups/b/b-podvolumebackups.json.gz"])
    assert engine(Server(), bucket).stored("b") == Stored(objects=3, bytes=size)


def test_a_backup_without_its_description_is_not_stored() -> None:
    assert engine(Server(), Bucket({"backups/b/b-logs.gz": b"1"})).stored("b") == Stored(objects=0, bytes=0)


def test_what_should_be_copied_is_what_the_pods_annotations_name() -> None:
    pods: list[Json] = [
        {
            "metadata": {
                "name": "a-0",
                "labels": {"app.kubernetes.io/name": "a"},
                "annotations": {"backup.velero.io/backup-volumes": "dump, data"},
            }
        },
        {"metadata": {"name": "a-1"}},
    ]
    assert engine(Server(records={"pods": pods})).protected("custos") == (
        Protected("a", "a-0", "dump"),
        Protected("a", "a-0", "data"),
    )


def test_collecting_writes_records_and_logs_and_never_raises(tmp_path: Path) -> None:
    bucket = Bucket({"backups/b/b-logs.gz": gzip.compress(b"line"), "backups/b/broken-results.gz": b""})
    engine(Server(), bucket).collect(tmp_path)
    assert (tmp_path / "b-logs").read_text() == "line"
    assert (tmp_path / "podvolumebackups.yaml").exists()


def printing(folder: Path, text: str) -> Release:
    cli = folder / "velero"
    (folder / "printed").write_text(text)
    cli.write_text(f'#!/bin/sh\necho "$@" > {folder}/asked\ncat {folder}/printed\n')
    cli.chmod(0o755)
    return Release(cli, "velero:1", "plugin:1")


STORE = ObjectStore("http://inside:9000", "http://outside", "velero", "key", "much-secret")
PRINTED = json.dumps(
    {
        "items": [
            {"kind": "CustomResourceDefinition", "metadata": {"name": "backups"}},
            {"kind": "BackupStorageLocation", "spec": {}},
            {"kind": "Deployment", "spec": {}},
        ]
    }
)


def test_the_manifests_are_veleros_own_and_show_no_secret(tmp_path: Path) -> None:
    release = printing(tmp_path, f"restic is deprecated\n{PRINTED}")
    found = manifests(STORE, release, "restic")
    assert [thing["kind"] for thing in found] == ["CustomResourceDefinition", "BackupStorageLocation", "Deployment"]
    asked = (tmp_path / "asked").read_text()
    assert "--uploader-type=restic" in asked
    assert "s3Url=http://inside:9000" in asked
    assert "much-secret" not in asked


def test_manifests_that_cannot_be_read_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match="no such flag"):
        manifests(STORE, printing(tmp_path, "no such flag"), "restic")


@dataclass
class Installed:
    """kubectl on a cluster where Velero is being installed."""

    bucket: str = "Available"
    agents: int = 3
    applied: list[list[str]] = field(default_factory=list)

    def __call__(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if args[0] == "apply" and stdin:
            self.applied.append([thing["kind"] for thing in json.loads(stdin)["items"]])
        things: list[Json] = [
            {"kind": "Deployment", "status": {"availableReplicas": 1}},
            {"kind": "DaemonSet", "status": {"numberReady": self.agents, "desiredNumberScheduled": 3}},
            {"kind": "BackupStorageLocation", "status": {"phase": self.bucket}},
        ]
        return json.dumps({"items": things})


def test_kinds_are_installed_before_what_is_of_them(tmp_path: Path) -> None:
    kubectl = Installed()
    install(kubectl, STORE, printing(tmp_path, PRINTED), "restic")
    assert kubectl.applied == [["CustomResourceDefinition"], ["BackupStorageLocation", "Deployment"]]


@pytest.mark.parametrize(
    ("kubectl", "seen"),
    [(Installed(bucket="Unavailable"), "bucket Unavailable"), (Installed(agents=2), "2 of 3 agents")],
)
def test_velero_is_not_ready_without_its_bucket_and_an_agent_on_every_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kubectl: Installed, seen: str
) -> None:
    monkeypatch.setattr("harness.backups.velero_install.READY_S", 0.01)
    with pytest.raises(TimedOut, match=seen):
        install(kubectl, STORE, printing(tmp_path, PRINTED), "restic")
