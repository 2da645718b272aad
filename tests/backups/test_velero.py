"""Velero is stood in for by a cluster that walks a backup through phases, the bucket by a dictionary."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from harness.backups import velero_install
from harness.backups.backup_definition import Definition
from harness.backups.data_mover import Snapshots, as_copy, mounts
from harness.backups.object_store import ObjectStore
from harness.backups.restore_definition import RestoreDefinition
from harness.backups.velero import ENDED, RUNNING, VeleroEngine
from harness.backups.velero_install import MAX_LOG_BYTES, Release, install, manifests, map_storage_classes
from harness.core import wait
from harness.core.errors import HarnessError, Misconfigured, TimedOut, ToolFailed
from harness.core.model import Json, Protected, Stored, Volume, VolumeCopy
from harness.core.ports import BackupEngine
from harness.workflows.drill.request import ENGINES


def no_go() -> Path:
    """What making kopia-check says on a machine without Go."""
    raise Misconfigured("there is no Go here")


RELEASE = Release(Path("velero"), "velero:1", "plugin:1", no_go)


SECRET: Json = {
    "metadata": {"name": "velero-repo-credentials"},
    "data": {"repository-password": "bXVjaC1zZWNyZXQ="},
}


@dataclass
class Bucket:
    """As much of an S3 client as is used."""

    things: dict[str, bytes] = field(default_factory=dict)
    listings: int = 99  # after so many it is out of reach

    def client(self) -> Bucket:
        return self

    bucket = "velero"
    outside, access_key, secret_key, folder = "http://outside", "key", "other-secret", ""

    def get_paginator(self, name: str) -> SimpleNamespace:
        assert name == "list_objects_v2"
        return SimpleNamespace(paginate=self._pages)

    def _pages(self, Bucket: str, Prefix: str) -> Iterator[Mapping[str, object]]:  # noqa: N803 # boto's names
        self.listings -= 1
        if self.listings < 0:
            raise EndpointConnectionError(endpoint_url="http://outside")
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
    restic: str | HarnessError = "load indexes\nno errors were found\n"
    executed: list[tuple[tuple[str, ...], str | None]] = field(default_factory=list)

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        if args[0] == "create":
            assert stdin is not None
            self.created.append(json.loads(stdin))
            return ""
        if args[0] == "exec":
            self.executed.append((args, stdin))
            if isinstance(self.restic, HarnessError):
                raise self.restic
            return self.restic
        kind = args[1].partition(".")[0]
        if kind == "secrets":
            return json.dumps({"items": [SECRET]})
        selector = [word for word in args if word.startswith("--field-selector")]
        if not selector:
            return json.dumps({"items": self.records.get(kind, [])})
        phase = self.phases[min(self.asked, len(self.phases) - 1)]
        self.asked += 1
        name = selector[0].rpartition("=")[2]
        spec: Json = self.created[-1]["spec"] if self.created else {}
        done: Json = {"metadata": {"name": name}, "spec": spec, "status": {**self.status, "phase": phase}}
        return json.dumps({"items": [done]})

    def up(self) -> None: ...
    def down(self) -> None: ...
    def collect(self, into: Path) -> None: ...
    def forward(self, namespace: str, pod: str, port: int) -> AbstractContextManager[tuple[str, int]]:
        raise NotImplementedError

    def volumes(self, namespace: str) -> tuple[Volume, ...]:
        return ()


def engine(server: Server, bucket: Bucket | None = None) -> VeleroEngine:
    return VeleroEngine(server.kubectl, lambda: cast("ObjectStore", bucket or Bucket()), RELEASE)


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
        "spec": {"pod": {"name": "mysql-0", "namespace": "custos"}, "volume": "dump", "uploaderType": "kopia"},
        "status": {"phase": "Failed", "message": "broken", "progress": {"bytesDone": 3, "totalBytes": 7}},
    }
    bare: Json = {"spec": {"pod": {"name": "a-0"}, "volume": "dump"}}
    server = Server(records={"podvolumerestores": [record, bare]})
    assert engine(server).restore("r", "b").volumes == (
        VolumeCopy("a-0", "dump", "", 0, 0, ""),
        VolumeCopy("mysql-0", "dump", "Failed", 3, 7, "broken", "kopia"),
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


def test_hooks_are_reported_as_velero_counts_them() -> None:
    server = Server(status={"hookStatus": {"hooksAttempted": 3, "hooksFailed": 1}})
    report = engine(server).backup("b", "custos")
    assert (report.hooks_attempted, report.hooks_failed) == (3, 1)


def test_what_moves_gets_its_new_namespace_and_storage_class() -> None:
    server = Server()
    moving = engine(server)
    moving.rename(namespaces={"shop": "new"}, storage_classes={})
    moving.restore("r", "b")
    engine(server).restore("r2", "b")
    assert [each["spec"] for each in server.created] == [
        {"backupName": "b", "restorePVs": True, "namespaceMapping": {"shop": "new"}},
        {"backupName": "b", "restorePVs": True},
    ]


def test_storage_classes_are_mapped_by_the_config_map_that_velero_looks_for() -> None:
    def kubectl(*_: str, stdin: str | None = None, within_s: float = 0) -> str:
        mapping = json.loads(stdin or "")
        assert mapping["data"] == {"drill": "fast"}
        assert mapping["metadata"]["labels"]["velero.io/change-storage-class"] == "RestoreItemAction"
        return ""

    map_storage_classes(kubectl, {"drill": "fast"})


def test_a_restore_says_which_backup_was_restored() -> None:
    assert engine(Server()).restore("r", "b").of == "b"


def test_hooks_are_counted_by_pod_with_volumes_or_without() -> None:
    annotations = {
        "both": {"pre.hook.backup.velero.io/command": "a", "post.hook.backup.velero.io/command": "b"},
        "old": {"hook.backup.velero.io/command": "a", "pre.hook.backup.velero.io/command": ""},
        "twice": {"hook.backup.velero.io/command": "a", "pre.hook.backup.velero.io/command": "b"},
        "none": {"pre.hook.backup.velero.io/timeout": "5m", "backup.velero.io/backup-volumes": "dump"},
    }
    pods: list[Json] = [{"metadata": {"name": name, "annotations": found}} for name, found in annotations.items()]
    hooks = engine(Server(records={"pods": pods})).hooks("custos")
    assert hooks == {"both": 2, "old": 1, "twice": 1}


COPY: Json = {
    "spec": {
        "pod": {"namespace": "custos", "name": "a-0"},
        "volume": "dump",
        "uploaderType": "restic",
        "repoIdentifier": "s3:inside/velero/restic/custos",
    },
    "status": {"snapshotID": "78b986a9"},
}


@pytest.fixture
def bucket() -> Bucket:
    """A bucket that holds the backup `b` of one volume, whole."""
    whole = Bucket({"backups/b/velero-backup.json": b"12345", "restic/custos/snapshots/78b986a94907": b"1234567"})
    whole.put("backups/b/b.tar.gz", ["as if it were a tar"])
    whole.put("backups/b/b-podvolumebackups.json.gz", [COPY])
    return whole


def checked(velero: VeleroEngine) -> Stored:
    return velero.check("b", velero.stored("b"))


def test_what_is_stored_is_counted_in_the_bucket(bucket: Bucket) -> None:
    size = sum(len(thing) for thing in bucket.things.values())
    bucket.things |= {"backups/bb/x": b"1", "restic/other/data/1": b"1"}
    velero = engine(Server(), bucket)
    assert velero.stored("b") == Stored(objects=4, bytes=size)
    assert velero.check("b", velero.stored("b")) == Stored(objects=4, bytes=size, checked=True)


def test_all_data_of_the_repository_are_checked_and_its_password_is_in_no_argument(bucket: Bucket) -> None:
    server = Server()
    checked(engine(server, bucket))
    ((command, given),) = server.executed
    assert command[-6:] == (
        *("restic", "check", "--read-data", "--no-lock", "--no-cache"),
        "--repo=s3:inside/velero/restic/custos",
    )
    assert given == "much-secret\n"
    assert "much-secret" not in " ".join(command)


def failed(*lines: str) -> ToolFailed:
    return ToolFailed(["kubectl", "exec"], 1, "\n".join((*lines, "command terminated with exit code 1")))


@pytest.mark.parametrize(
    "end",
    [
        "Fatal: repository contains errors",
        "Fatal: LoadIndex returned errors",
        "Fatal: config or key 7512 is damaged: ciphertext verification failed",
        "Fatal: wrong password or no key found",  # with the very password that Velero would restore with
    ],
)
def test_damage_of_the_repository_is_told_line_by_line(bucket: Bucket, end: str) -> None:
    server = Server(restic=failed("pack 1: does not exist", "Load(1) returned error, retrying after 1s: none", end))
    stored = checked(engine(server, bucket))
    assert (stored.checked, stored.damage) == (True, ("pack 1: does not exist", end))


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (failed("Fatal: unable to open config file: no such host"), "Fatal: unable to open config file"),
        (failed("pack 1: broken"), "pack 1: broken"),  # killed half way: nothing was said of the rest
        (ToolFailed(["kubectl"], 1, "error: connection lost"), "error: connection lost"),
        (TimedOut("restic", 3600, "load indexes"), "waited 3600 s for restic"),
        ("load indexes", "ended without a verdict"),
    ],
)
def test_a_check_that_did_not_come_to_its_end_is_none(bucket: Bucket, said: str | HarnessError, reason: str) -> None:
    stored = checked(engine(Server(restic=said), bucket))
    assert not stored.checked
    assert reason in " ".join(stored.damage)


def test_what_restic_says_counts_for_nothing_if_the_bucket_is_out_of_reach(bucket: Bucket) -> None:
    bucket.listings = 3
    with pytest.raises(HarnessError, match="cannot be listed"):
        checked(engine(Server(restic=failed("Fatal: repository contains errors")), bucket))


def test_a_snapshot_that_is_gone_is_damage_though_restic_finds_none(bucket: Bucket) -> None:
    del bucket.things["restic/custos/snapshots/78b986a94907"]
    stored = checked(engine(Server(), bucket))
    assert stored.checked
    assert stored.damage == ("the snapshot 78b986a9 of a-0, volume dump is not in the repository",)


@pytest.mark.parametrize("spoil", [lambda whole: whole[:12], lambda whole: whole[:-1] + b"?", lambda whole: whole[4:]])
def test_a_backup_whose_objects_cannot_be_unpacked_is_damaged(bucket: Bucket, spoil: Callable[[bytes], bytes]) -> None:
    bucket.things["backups/b/b.tar.gz"] = spoil(bucket.things["backups/b/b.tar.gz"])
    (damage,) = checked(engine(Server(), bucket)).damage
    assert "b.tar.gz cannot be read" in damage


KOPIA: Json = {
    "spec": {"pod": {"namespace": "custos", "name": "a-0"}, "volume": "dump", "uploaderType": "kopia"},
    "status": {"snapshotID": "9f86d081"},
}


@dataclass
class Kopia:
    """A bucket with the backup `b` of one volume made with kopia, and a kopia-check that says `said`."""

    folder: Path
    said: str = '{"lost": [], "damage": [], "trouble": []}'
    exit_code: int = 0
    copies: Sequence[Json] = (KOPIA,)
    listings: int = 99

    def checked(self) -> Stored:
        bucket = Bucket({"backups/b/velero-backup.json": b"12345", "kopia/custos/p1": b"1"}, self.listings)
        bucket.put("backups/b/b.tar.gz", ["as if it were a tar"])
        bucket.put("backups/b/b-podvolumebackups.json.gz", list(self.copies))
        return checked(
            VeleroEngine(Server().kubectl, lambda: cast("ObjectStore", bucket), self.release(), uploader="kopia")
        )

    def release(self) -> Release:
        program = self.folder / "kopia-check"
        (self.folder / "said").write_text(self.said)
        program.write_text(
            f'#!/bin/sh\necho "$@" > {self.folder}/arguments\ncat > {self.folder}/asked\n'
            f"cat {self.folder}/said\nexit {self.exit_code}\n"
        )
        program.chmod(0o755)
        return replace(RELEASE, kopia_check=lambda: program)


def test_a_kopia_repository_is_asked_for_every_snapshot_and_no_secret_is_an_argument(tmp_path: Path) -> None:
    stored = Kopia(tmp_path).checked()
    assert (stored.checked, stored.damage) == (True, ())
    assert json.loads((tmp_path / "asked").read_text()) == {
        "endpoint": "http://outside",
        "bucket": "velero",
        "prefix": "kopia/custos/",
        "access_key": "key",
        "secret_key": "other-secret",
        "password": "much-secret",
        "snapshots": ["9f86d081"],
    }
    assert (tmp_path / "arguments").read_text() == "\n"


def test_what_kopia_check_finds_is_damage_and_a_lost_snapshot_is_named_by_its_volume(tmp_path: Path) -> None:
    said = '{"lost": ["9f86d081"], "damage": ["content 1: BLOB not found"], "trouble": []}'
    stored = Kopia(tmp_path, said).checked()
    assert stored.checked
    assert stored.damage == (
        "the snapshot 9f86d081 of a-0, volume dump is not in the repository",
        "content 1: BLOB not found",
    )


@pytest.mark.parametrize(
    ("said", "exit_code", "reason"),
    [
        ('{"lost": [], "damage": ["content 1: x"], "trouble": ["connection refused"]}', 0, "connection refused"),
        ('{"lost": [], "damage": [], "trouble": []}', 1, "exited with 1"),
        ('{"lost": [], "damage": []}', 0, "without a verdict"),
        ("killed", 0, "without a verdict: killed"),
        ("[]", 0, "without a verdict"),
    ],
)
def test_a_kopia_check_that_did_not_come_to_its_end_is_none(
    tmp_path: Path, said: str, exit_code: int, reason: str
) -> None:
    stored = Kopia(tmp_path, said, exit_code).checked()
    assert not stored.checked
    assert reason in " ".join(stored.damage)


def test_what_kopia_check_says_counts_for_nothing_if_the_bucket_is_out_of_reach(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="cannot be listed"):
        Kopia(tmp_path, listings=3).checked()


@pytest.mark.parametrize("copies", [(), (COPY,), (KOPIA, COPY)])
def test_copies_that_kopia_did_not_make_are_not_said_to_be_checked(tmp_path: Path, copies: Sequence[Json]) -> None:
    stored = Kopia(tmp_path, copies=copies).checked()
    assert not stored.checked
    assert not (tmp_path / "asked").exists()


def test_without_its_program_kopias_repository_is_not_checked_and_it_is_said_why(tmp_path: Path) -> None:
    bucket = Bucket({"backups/b/velero-backup.json": b"12345"})
    bucket.put("backups/b/b-podvolumebackups.json.gz", [KOPIA])
    kopia = VeleroEngine(Server().kubectl, lambda: cast("ObjectStore", bucket), RELEASE, uploader="kopia")
    stored = checked(kopia)
    assert not stored.checked
    assert "there is no Go here" in stored.damage


def test_each_uploader_says_where_its_repository_lies() -> None:
    restic, kopia = (
        VeleroEngine(Server().kubectl, lambda: cast("ObjectStore", Bucket()), RELEASE, uploader=uploader).layout(
            "custos"
        )
        for uploader in ("restic", "kopia")
    )
    assert (restic["packs"], kopia["packs"]) == ("restic/custos/data/", "kopia/custos/p")
    assert set(restic) - set(kopia) == {"locks"}


def test_where_no_copy_ended_a_repository_that_was_never_created_is_not_damaged(bucket: Bucket) -> None:
    failed: Json = {**cast("dict[str, Json]", COPY), "status": {"phase": "Failed"}}
    bucket.put("backups/b/b-podvolumebackups.json.gz", [failed])
    assert checked(engine(Server(), bucket)).checked  # what is there is checked
    bucket.things = {key: thing for key, thing in bucket.things.items() if not key.startswith("restic/")}
    assert not checked(engine(Server(), bucket)).checked


@pytest.mark.parametrize("none", [None, []])  # Velero writes null
def test_a_backup_that_copied_no_volume_has_no_repository_to_check(bucket: Bucket, none: object) -> None:
    bucket.put("backups/b/b-podvolumebackups.json.gz", none)
    assert not checked(engine(Server(), bucket)).checked


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


SPOILT = {"cut": gzip.compress(b"line" * 99)[:-20], "broken": b"\x1f\x8b\x08nonsense", "not zipped": b"nonsense"}


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT)
def test_a_log_that_is_spoilt_in_the_bucket_keeps_no_other_from_coming_home(tmp_path: Path, spoilt: bytes) -> None:
    bucket = Bucket({"backups/a/a-logs.gz": spoilt, "backups/b/b-logs.gz": gzip.compress(b"line")})
    engine(Server(), bucket).collect(tmp_path)
    assert (tmp_path / "b-logs").read_text() == "line"


def test_of_a_log_that_unpacks_to_very_much_the_end_is_kept(tmp_path: Path) -> None:
    bucket = Bucket({"backups/a/a-logs.gz": gzip.compress(bytes(20_000_000) + b"the end")})
    engine(Server(), bucket).collect(tmp_path)
    log = (tmp_path / "a-logs").read_bytes()
    assert len(log) == MAX_LOG_BYTES
    assert log.endswith(b"the end")


def printing(folder: Path, text: str) -> Release:
    cli = folder / "velero"
    (folder / "printed").write_text(text)
    cli.write_text(f'#!/bin/sh\necho "$@" > {folder}/asked\ncat {folder}/printed\n')
    cli.chmod(0o755)
    return Release(cli, "velero:1", "plugin:1", no_go)


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


def test_a_velero_that_only_restores_what_restic_copied_is_installed_with_its_own_uploader(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    for backs_up, said in ((("kopia",), "kopia"), (("kopia", "restic"), "restic")):
        manifests(STORE, replace(printing(tmp_path, PRINTED), backs_up=backs_up), "restic")
        assert f"--uploader-type={said}" in asked.read_text()


def test_the_manifests_are_made_without_the_users_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/the/users")
    release = printing(tmp_path, PRINTED)
    release.cli.write_text(f'{release.cli.read_text()}cp "$KUBECONFIG" {tmp_path}/used\n')
    manifests(STORE, release, "kopia")
    used = json.loads((tmp_path / "used").read_text())
    assert [each["cluster"]["server"] for each in used["clusters"]] == ["http://127.0.0.1:9"]


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


@dataclass
class VersionedBucket(Bucket):
    """A bucket whose objects have versions and marks of deletion, two to a page; what is `locked` cannot be removed."""

    versions: list[dict[str, str]] = field(default_factory=list)
    locked: bool = False

    def get_paginator(self, name: str) -> SimpleNamespace:
        assert name == "list_object_versions"
        return SimpleNamespace(paginate=self._versions)

    def _versions(self, Bucket: str) -> Iterator[Mapping[str, object]]:  # noqa: N803 # boto's names
        yield {"Versions": self.versions[:2]}
        yield {"DeleteMarkers": self.versions[2:]}
        yield {}

    def delete_objects(self, Bucket: str, Delete: Mapping[str, list[Mapping[str, str]]]) -> Mapping[str, object]:  # noqa: N803 # as above
        if self.locked:
            return {"Errors": [{"Key": "a", "Code": "AccessDenied"}]}
        self.things = {
            k: v for k, v in self.things.items() if k not in {f"{o['Key']}@{o['VersionId']}" for o in Delete["Objects"]}
        }
        return {}


def versioned(*, locked: bool = False) -> VersionedBucket:
    names = ("a@1", "a@2", "b@null")
    about = {"LastModified": "", "IsLatest": ""}
    versions = [about | dict(zip(("Key", "VersionId"), name.split("@"), strict=True)) for name in names]
    return VersionedBucket(dict.fromkeys(names, b""), versions=versions, locked=locked)


@dataclass
class Forgetful(Server):
    """Notes what is deleted, and what the bucket still held then."""

    bucket: VersionedBucket = field(default_factory=VersionedBucket)
    deleted: list[tuple[tuple[str, ...], int]] = field(default_factory=list)

    def kubectl(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        self.deleted.append((args, len(self.bucket.things)))
        return ""


def test_a_drill_begins_with_no_backup_and_velero_finds_none_to_remember() -> None:
    server = Forgetful(bucket=versioned())
    engine(server, server.bucket).forget()
    ((command, left),) = server.deleted
    assert left == 0, "Velero makes its records anew of what it finds in the bucket"
    assert (command[0], "--all" in command) == ("delete", True)
    kinds = {"backups", "restores", "podvolumebackups", "podvolumerestores", "backuprepositories"}
    assert {kind.removesuffix(".velero.io") for kind in command[1].split(",")} == kinds


def test_a_bucket_that_cannot_be_emptied_is_no_beginning() -> None:
    server = Forgetful(bucket=versioned(locked=True))
    with pytest.raises(HarnessError, match=r"cannot be emptied: .*AccessDenied"):
        engine(server, server.bucket).forget()
    assert server.deleted == []


# ---------------------------------------------------------------- the data mover


def user(name: str = "db-0", claim: str = "data-db-0") -> dict[str, Json]:
    volumes: Json = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": {"volumes": volumes}}


def upload(phase: str = "Completed", size: int = 7, **more: Json) -> dict[str, Json]:
    spec: Json = {"sourceNamespace": "shop", "sourcePVC": "data-db-0", **more}
    progress: Json = {"bytesDone": size, "totalBytes": 7}
    status: Json = {"phase": phase, "snapshotID": "9f86", "progress": progress, "message": ""}
    return {"metadata": {"name": "b-x1", "namespace": "velero"}, "spec": spec, "status": status}


def download(phase: str = "Completed", message: str = "") -> dict[str, Json]:
    target: Json = {"pvc": "data-db-0", "pv": "", "namespace": "shop"}
    status: Json = {"phase": phase, "message": message, "progress": {"bytesDone": 7, "totalBytes": 7}}
    return {"metadata": {"name": "r-x1"}, "spec": {"sourceNamespace": "old", "targetVolume": target}, "status": status}


def mover(server: Server, bucket: Bucket | None = None, release: Release = RELEASE) -> VeleroEngine:
    storage = Snapshots(lambda: None, "atomic")
    return VeleroEngine(
        *(server.kubectl, lambda: cast("ObjectStore", bucket or Bucket()), release), uploader="kopia", snapshots=storage
    )


def test_it_is_an_engine_with_kopias_repository() -> None:
    assert mover(Server()).name in ENGINES
    assert ENGINES["velero-datamover"] == ENGINES["velero-kopia"] == set(mover(Server()).layout("shop"))


def test_a_backup_asks_for_moved_snapshots_of_the_volumes_that_annotations_name() -> None:
    server = Server()
    mover(server).backup("b", "shop")
    (asked,) = server.created
    assert asked["spec"] == {
        "includedNamespaces": ["shop"],
        "defaultVolumesToFsBackup": False,
        "snapshotVolumes": True,
        "snapshotMoveData": True,
        "resourcePolicy": {"kind": "configmap", "name": "snapshots"},
        "storageLocation": "default",
    }


def test_it_is_installed_after_its_storage_with_the_feature_and_the_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(velero_install, "until", lambda *_, **__: None)
    release, done = printing(tmp_path, PRINTED), list[str]()

    def kubectl(*words: str, stdin: str | None = None, within_s: float = 60) -> str:  # as the seam has it
        done.append(f"{words[0]} {json.loads(stdin)['kind'] if stdin else ''}".strip())
        if done[-1] == "apply ConfigMap":
            policy = json.loads(json.loads(stdin or "")["data"]["policy"])
            assert policy["volumePolicies"] == [
                {"conditions": {"storageClass": ["atomic"]}, "action": {"type": "snapshot"}}
            ]
        return ""

    storage = Snapshots(lambda: done.append("storage"), "atomic")
    VeleroEngine(kubectl, lambda: STORE, release, uploader="kopia", snapshots=storage).install()
    assert done == ["storage", "apply List", "wait", "apply List", "apply ConfigMap"]
    assert "--features=EnableCSI" in (tmp_path / "asked").read_text()


def test_a_restore_is_asked_for_as_its_definition_has_it_with_its_modifiers_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(velero_install, "until", lambda *_, **__: None)
    applied: list[Json] = []

    def kubectl(*words: str, stdin: str | None = None, within_s: float = 60) -> str:  # as the seam has it
        applied.append(json.loads(stdin or "{}"))
        return ""

    spec: dict[str, Json] = {"preserveNodePorts": True, "includedNamespaces": ["others"], "backupName": "theirs"}
    config: dict[str, Json] = {"kind": "ConfigMap", "metadata": {"name": "modifier", "labels": {"a": "b"}}, "data": {}}
    restore = RestoreDefinition("r", "r.yaml", spec, config_map=config)
    velero = VeleroEngine(kubectl, lambda: STORE, printing(tmp_path, PRINTED))
    velero.follow(Definition("b", "Backup", "b.yaml", {}, restore=restore), "shop", "drill")
    velero.install()
    assert applied[-1] == {**config, "metadata": {"name": "modifier", "namespace": "velero"}}
    wanted = velero.wanted_restore("r-1", "b-1", ("drill",))["spec"]
    ours = {"backupName": "b-1", "restorePVs": True, "includedNamespaces": ["drill"]}
    assert wanted == {**ours, "preserveNodePorts": True}


@pytest.mark.parametrize("workers", [1, 4])
def test_it_is_installed_with_its_item_block_workers(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(velero_install, "until", lambda *_, **__: None)
    release = printing(tmp_path, PRINTED)
    VeleroEngine(lambda *_, **__: "", lambda: STORE, release, item_block_workers=workers).install()
    assert f"--item-block-worker-count={workers}" in (tmp_path / "asked").read_text()


@pytest.mark.parametrize(("phase", "size"), [("Completed", 7), ("Failed", 3), ("Canceled", 0)])
def test_an_upload_is_reported_as_the_copy_of_a_pods_volume(phase: str, size: int) -> None:
    server = Server(records={"datauploads": [upload(phase, size)], "pods": [user()]})
    assert mover(server).backup("b", "shop").volumes == (VolumeCopy("db-0", "data", phase, size, 7, "", "kopia"),)


def test_a_download_is_reported_where_it_was_restored_with_its_reason() -> None:
    by_files: Json = {"spec": {"pod": {"name": "a-0"}, "volume": "dump"}}
    records: dict[str, list[Json]] = {"datadownloads": [download("Failed", "no space")], "pods": [user()]}
    server = Server(records={**records, "podvolumerestores": [by_files]})
    assert mover(server).restore("r", "b").volumes == (
        VolumeCopy("a-0", "dump", "", 0, 0, ""),
        VolumeCopy("db-0", "data", "Failed", 7, 7, "no space", "kopia"),
    )


def test_a_claim_that_no_pod_uses_is_none_of_a_pods_volumes() -> None:
    assert mounts([user("db-1", "shared"), user("db-0", "shared")]) == {("shop", "shared"): ("db-0", "data")}
    assert as_copy(upload(), {})["spec"] == {
        "pod": {"namespace": "shop", "name": ""},
        "volume": "data-db-0",
        "uploaderType": "kopia",
    }
    assert cast("dict[str, Json]", as_copy(upload(datamover="theirs"), {})["spec"])["uploaderType"] == "theirs"


def packed(*things: tuple[str, dict[str, Json]]) -> bytes:
    into = io.BytesIO()
    with tarfile.open(fileobj=into, mode="w:gz") as archive:
        for kind, thing in things:
            metadata, data = cast("dict[str, Json]", thing["metadata"]), json.dumps(thing).encode()
            info = tarfile.TarInfo(f"resources/{kind}/namespaces/{metadata['namespace']}/{metadata['name']}.json")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return into.getvalue()


def moved_into(*things: tuple[str, dict[str, Json]]) -> Bucket:
    made = Bucket({"backups/b/velero-backup.json": b"12345", "kopia/shop/p1": b"1", "kopia/other/p1": b"1"})
    made.put("backups/b/b-podvolumebackups.json.gz", None)
    made.things["backups/b/b.tar.gz"] = packed(*things)
    return made


def test_the_repository_is_checked_for_the_snapshots_that_the_backups_own_uploads_name(tmp_path: Path) -> None:
    held = moved_into(("datauploads.velero.io", upload()), ("pods", user()))
    it = mover(Server(), held, Kopia(tmp_path, '{"lost": ["9f86"], "damage": [], "trouble": []}').release())
    stored = it.stored("b")
    assert stored.objects == len(held.things) - 1  # not the other namespace's
    stored = it.check("b", stored)
    asked = json.loads((tmp_path / "asked").read_text())
    assert (asked["prefix"], asked["snapshots"]) == ("kopia/shop/", ["9f86"])
    assert stored.damage == ("the snapshot 9f86 of db-0, volume data is not in the repository",)


def test_a_backup_whose_uploads_are_gone_names_no_repository(tmp_path: Path) -> None:
    stored = checked(mover(Server(), moved_into(("pods", user())), Kopia(tmp_path).release()))
    assert (stored.checked, stored.damage) == (False, ("the backup names no repository",))


def test_an_archive_that_cannot_be_read_is_an_error_with_its_name() -> None:
    damaged = moved_into(("pods", user()))
    damaged.things["backups/b/b.tar.gz"] = damaged.things["backups/b/b.tar.gz"][:-20]
    with pytest.raises(HarnessError, match=r"backups/b/b\.tar\.gz cannot be read"):
        mover(Server(), damaged).stored("b")
