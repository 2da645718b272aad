"""Proofs of backups as people have them: of whole clusters, with snapshots, with pods that nobody knows."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest
from nightly import NAME, WRITTEN, Nightly, claim, copy, good, pod, secret, upload
from proving import OPTIONS, World, red, told
from proving import prove as prove  # noqa: PLC0414 # a fixture
from schemas import lines, wrong

from harness.backups import velero_backup
from harness.checks.explanation import explain
from harness.core.errors import Misconfigured
from harness.core.kubernetes import name_of
from harness.core.model import Json, ToolReport, Verdict
from harness.workflows.progress import Progress
from harness.workflows.proof import assembly
from harness.workflows.runner import execute
from harness.workloads import detection
from harness.workloads.detection import unjudged

Prove = Callable[..., Path]


def not_proved(run: Path) -> str:
    return "; ".join(told(run)["not_proved"])


def web(
    name: str = "web-0", image: str = "nginx", annotations: dict[str, Json] | None = None, **more: Json
) -> dict[str, Any]:
    """A pod that is not recognised as a database."""
    container: Json = {"name": "web", "image": image, **more}
    meta: Json = {"name": name, "namespace": "shop", "annotations": annotations or {}}
    return {"metadata": meta, "spec": {"containers": [container], "volumes": []}}


# ---------------------------------------------------------------- databases that were not judged


UNKNOWN = "perhaps another database in container web: image example.org/sql-engine:1, has a fingerprint"


def test_a_fingerprint_of_an_unknown_image_is_never_taken_for_read(prove: Prove) -> None:
    unknown = web(image="example.org/sql-engine:1", annotations={"drillproof.fingerprint": "/data/f"})
    run = prove(World(good(pods=[pod(), unknown])))
    (found,) = red(run)
    assert found[:2] == ("databases-sound", "unknown")
    assert {
        "DatabaseNotJudged",
        f"shop/web-0 ({UNKNOWN})",
    } <= found[2]
    assert f"shop/web-0 ({UNKNOWN})" in not_proved(run)


def test_it_passes_if_the_user_excepts_it_and_the_headline_says_so(prove: Prove) -> None:
    unknown = web(image="example.org/sql-engine:1", annotations={"drillproof.fingerprint": "/data/f"})
    run = prove(World(good(pods=[pod(), unknown])), replace(OPTIONS, not_proved=("shop/web-0",)))
    assert red(run) == []
    assert "excepted with --not-proved: shop/web-0" in not_proved(run)


LIKELY: dict[str, dict[str, Any]] = {
    "pgvector": {"image": "pgvector/pgvector:pg17", "command": ["docker-entrypoint.sh", "postgres"]},
    "RHEL": {"image": "registry.example.org/rhel9/postgresql-16:1", "command": ["run-postgresql"]},
    "Crunchy": {"image": "registry.example.org/crunchydata/crunchy-postgres:ubi8", "command": ["patroni"]},
    "a port": {"image": "example.org/store:1", "ports": [{"containerPort": 5432}]},
    "a path": {
        "image": "example.org/store:1",
        "volumeMounts": [{"mountPath": "/var/lib/postgresql/data"}],
    },
}


@pytest.mark.parametrize("name", LIKELY)
def test_what_looks_like_a_database_is_judged_or_takes_the_pass(prove: Prove, name: str) -> None:
    pods = [pod(), web(**LIKELY[name])]
    judged = {each.place for each in detection.databases(pods)}
    assert "shop/web-0" in {*judged, *detection.unjudged(pods, detection.databases(pods))}
    # The one that is judged does not run in this cluster.
    assert [each[1] for each in red(prove(World(good(pods=pods)))) if each[0] == "databases-sound"] == [
        "fail" if "shop/web-0" in judged else "unknown"
    ]


def with_second(place: str, name: str = "second", **more: Json) -> dict[str, Any]:
    """The database's pod, with another MySQL server among these containers."""
    both: dict[str, Any] = pod()
    both["spec"].setdefault(place, []).append({"name": name, "image": "mysql:9.7", **more})
    return both


def test_a_database_in_a_native_sidecar_is_judged() -> None:
    beside: dict[str, Any] = web()
    server: Json = {"name": "db", "image": "postgres:17", "restartPolicy": "Always"}
    beside["spec"]["initContainers"] = [server]
    (found,) = detection.databases([beside])
    assert (found.kind, found.container) == ("postgres", "db")
    beside["spec"]["initContainers"] = [{**server, "restartPolicy": None}]  # type: ignore[dict-item] # an object
    assert detection.detected([beside]) == ()


@pytest.mark.parametrize("place", ["containers", "initContainers"])
def test_a_second_server_of_one_kind_takes_the_pass_until_its_pod_is_named(prove: Prove, place: str) -> None:
    both = with_second(place, restartPolicy="Always")
    run = prove(World(good(pods=[both])))
    (found,) = red(run)
    named = "shop/db-0 (MySQL in container second: "
    assert found[:2] == ("databases-sound", "unknown")
    assert any(each.startswith(named) for each in found[2])
    assert named in not_proved(run)
    chosen = detection.databases([both], ["mysql=shop/db-0/second"])
    assert detection.unjudged([both], chosen)["shop/db-0"].startswith("MySQL in container db: ")


OTHERS: dict[str, tuple[dict[str, Any], bool]] = {
    "a web server": ({"image": "nginx"}, False),
    "an exporter": ({"image": "prom/mysqld-exporter:1"}, False),
    "a client that sleeps": ({"image": "mysql:9.7", "command": ["sleep", "inf"]}, False),
    "a dump": ({"image": "postgres:17", "command": ["sh", "-c", "pg_dump shop >/dumps/shop"]}, False),
    "a cache without a volume": ({"image": "redis:8"}, False),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_database_is_not_named(name: str) -> None:
    container, is_named = OTHERS[name]
    assert bool(unjudged([web(**container)], ())) is is_named


def test_a_database_of_another_product_is_named_if_it_has_a_volume() -> None:
    stored = web(image="mongo:8")
    stored["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    assert unjudged([stored], ()) == {"shop/web-0": "MongoDB in container web: image mongo:8"}


def test_a_pod_that_is_excepted_must_exist() -> None:
    with pytest.raises(Misconfigured, match="unknown pod 'shop/web-9'"):
        assembly.find_in(good(), replace(OPTIONS, not_proved=("shop/web-9",)))


# ---------------------------------------------------------------- of whole clusters


def two_shops() -> Nightly:
    return good(
        pods=[pod(), pod(namespace="other")],
        persistentvolumeclaims=[claim(), claim(namespace="other")],
        secrets=[secret(), secret(namespace="other")],
        copies=[copy(), copy(namespace="other")],
    )


def test_one_namespace_of_a_backup_is_proved_alone(prove: Prove) -> None:
    run = prove(World(two_shops()), replace(OPTIONS, namespaces=("shop",)))
    assert red(run) == []
    assert json.loads((run / "run.json").read_text())["stores"] == {"mysql shop/db-0": ["db-0"]}
    assert "the namespaces other (not asked for with --namespace)" in not_proved(run)
    recorded = velero_backup.read_backup(bucket := two_shops(), bucket.listing(), NAME, "", ("shop",))
    assert recorded.repositories == ("restic/shop/",)
    assert recorded.secrets == {"shop/db"}


@pytest.mark.parametrize("name", ["shp", "kube-system", ""])
def test_a_namespace_that_the_backup_lacks_is_refused(name: str) -> None:
    bucket = two_shops()
    with pytest.raises(Misconfigured, match=f"unknown namespace '{name}'"):
        velero_backup.read_backup(bucket, bucket.listing(), NAME, "", ("shop", name))


# ---------------------------------------------------------------- of snapshots


def moved(bucket: Nightly, *, listed: bool = True) -> Nightly:
    """The volume's snapshot was copied into the bucket by Velero's data mover."""
    bucket.backup(spec={"snapshotMoveData": True})
    bucket.things["kopia/shop/p123"] = b"pack"
    if listed:
        told = {"pvcNamespace": "shop", "pvcName": "data-db-0", "backupMethod": "CSISnapshot"}
        info = [{**told, "snapshotDataMoved": True}]
        bucket.things[f"backups/{NAME}/{NAME}-volumeinfo.json.gz"] = gzip.compress(json.dumps(info).encode())
    return bucket


@pytest.mark.parametrize("listed", [True, False])
def test_a_snapshot_that_was_moved_into_the_bucket_is_no_missing_copy(prove: Prove, listed: bool) -> None:  # a case
    run = prove(World(moved(good(copies=[]), listed=listed)))
    found = red(run)
    assert {each[:2] for each in found} == {("backup-complete", "unknown"), ("databases-sound", "unknown")}
    assert all("VolumeNotRestorable" in each[2] for each in found)
    assert "snapshotMoveData" in not_proved(run)
    assert "has no copy" not in not_proved(run)


def test_a_moved_snapshot_with_its_upload_is_proved_as_any_copy(prove: Prove) -> None:
    bucket = moved(good(copies=[], **{"datauploads.velero.io": [upload()]}))
    recorded = velero_backup.read_backup(bucket, bucket.listing(), NAME)
    assert (recorded.copied_with, recorded.uploader, recorded.moved) == ("datamover", "kopia", ())
    assert recorded.repositories == ("kopia/shop/",)
    assert recorded.left_out == ()  # Velero's own records are nothing of the cluster that was not restored
    (copied,) = recorded.report.volumes
    assert (copied.pod, copied.volume, copied.bytes_done) == ("shop/db-0", "data", 500)
    assert recorded.claims[0].copied
    run = prove(World(bucket))
    assert red(run) == []
    assert "snapshotMoveData" not in not_proved(run)
    assert json.loads((run / "run.json").read_text())["engine"] == "velero-datamover"


def test_what_another_data_mover_copied_is_refused_by_its_name() -> None:
    bucket = moved(good(copies=[], **{"datauploads.velero.io": [upload(datamover="vendor-mover")]}))
    with pytest.raises(Misconfigured, match="made with vendor-mover"):
        velero_backup.read_backup(bucket, bucket.listing(), NAME)


def test_an_upload_for_a_claim_that_no_pod_mounts_is_its_copy() -> None:
    bucket = good(
        persistentvolumeclaims=[claim(), claim("spare")], **{"datauploads.velero.io": [upload("spare")]}, copies=[]
    )
    recorded = velero_backup.read_backup(bucket, bucket.listing(), NAME)
    assert {each.name: each.copied for each in recorded.claims} == {"data-db-0": False, "spare": True}


def test_a_snapshot_of_the_storage_is_not_taken_for_a_missing_copy(prove: Prove) -> None:
    bucket = good(copies=[])
    info = [{"pvcNamespace": "shop", "pvcName": "data-db-0", "backupMethod": "NativeSnapshot"}]
    bucket.things[f"backups/{NAME}/{NAME}-volumeinfo.json.gz"] = gzip.compress(json.dumps(info).encode())
    assert {each[1] for each in red(prove(World(bucket)))} == {"unknown"}


def test_a_backup_without_any_copy_fails(prove: Prove) -> None:
    assert ("backup-complete", "fail", {"VolumeNotBackedUp"}) in red(prove(World(good(copies=[]))))


# ---------------------------------------------------------------- of a bucket in use


def test_a_backup_whose_description_cannot_be_read_is_skipped_and_named(prove: Prove) -> None:
    bucket = good()
    bucket.things["backups/empty/velero-backup.json"] = b""
    read, bucket_read = bucket.things, bucket.read
    read["backups/archived/velero-backup.json"] = b"{}"
    read["backups/half/half-logs.gz"] = b""
    bucket.written = {key: WRITTEN - timedelta(days=1) for key in read if NAME not in key}

    def reading(key: str) -> bytes:
        if "archived" in key:
            raise Misconfigured("the bucket cannot give it: InvalidObjectState")
        return bucket_read(key)

    bucket.read = reading  # type: ignore[method-assign] # an object in cold storage
    run = prove(World(bucket))
    assert red(run) == []
    assert (
        "half (it has no velero-backup.json), archived (the bucket cannot give it: InvalidObjectState)"
        in not_proved(run)
    )


NEWER: dict[str, Callable[[Nightly], object]] = {
    "empty": lambda bucket: bucket.things.update({"backups/later/velero-backup.json": b""}),
    "of another name": lambda bucket: bucket.things.update(
        {"backups/later/velero-backup.json": b'{"metadata": {"name": "other"}}'}
    ),
    "not whole": lambda bucket: bucket.things.update({"backups/later/later.tar.gz": b"12"}),
}


@pytest.mark.parametrize("how", NEWER)
def test_the_newest_backup_is_not_proved_by_an_older_one(prove: Prove, how: str) -> None:
    """Last night's cannot be read: that the one of the night before is good says nothing of it."""
    bucket = good()
    NEWER[how](bucket)
    bucket.written = {key: WRITTEN + timedelta(days=1) for key in bucket.things if "later" in key}
    run = prove(World(bucket))
    assert red(run) == [("backup-complete", "unknown", {"NewerBackupUnreadable", "later"})]
    assert red(prove(World(bucket), replace(OPTIONS, backup=NAME))) == []  # asked for by its name


def test_what_another_schedule_wrote_says_nothing_of_this_one() -> None:
    bucket = good().backup("daily-20260102", schedule="daily").holding(copies=[])
    for name in ("daily-20260103", "weekly-20260103"):
        bucket.things[f"backups/{name}/velero-backup.json"] = b""
        bucket.written[f"backups/{name}/velero-backup.json"] = WRITTEN + timedelta(days=1)
    listing = bucket.listing()
    chosen, _, unreadable = velero_backup._chosen(bucket, listing, velero_backup.NEWEST, "daily")
    assert name_of(chosen) == "daily-20260102"
    assert [*velero_backup._newer(listing, "daily-20260102", "daily", unreadable)] == ["daily-20260103"]


def test_a_claim_that_no_pod_mounts_is_reported_and_no_failure(prove: Prove) -> None:
    bucket = good(persistentvolumeclaims=[claim(), claim("dumps")])
    run = prove(World(bucket, unbound=("dumps",)))
    assert red(run) == []
    assert "the files of shop/dumps (no pod of the backup mounts them" in not_proved(run)
    assert "mounted by no pod, so without a volume: shop/dumps" in (run / "findings.json").read_text()


def test_a_claim_that_no_pod_mounts_and_that_did_not_come_back_is_missing(
    prove: Prove, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(good(persistentvolumeclaims=[claim(), claim("dumps")]))
    assert "dumps" not in {each.claim for each in world.volumes("shop")}
    assert ("claims-back", "fail", {"ClaimMissing", "claim shop/dumps"}) in red(prove(world))


def test_a_secret_that_only_a_front_end_needs_is_named_and_refuses_nothing(prove: Prove) -> None:
    needing = web(envFrom=[{"secretRef": {"name": "web"}}])
    bucket = good(pods=[pod(), needing])
    recorded = velero_backup.read_backup(bucket, bucket.listing(), NAME)
    assembly._is_whole(recorded, detection.databases(recorded.pods))
    run = prove(World(bucket))
    assert red(run) == []
    assert "shop/web (for shop/web-0)" in not_proved(run)


# ---------------------------------------------------------------- while others work


def maintenance(bucket: Nightly) -> None:
    """What kopia's maintenance does every hour: it writes its schedule, logs and a new index, and deletes old ones."""
    bucket.things |= {f"kopia/shop/{name}": b"new" for name in ("kopia.maintenance", "_log_2", "xn1_new", "qnew")}
    for name in ("xn0_old", "qold"):
        del bucket.things[f"kopia/shop/{name}"]


def of_kopia() -> Nightly:
    bucket = good(copies=[copy(uploaderType="kopia")])
    bucket.things |= {f"kopia/shop/{name}": b"old" for name in ("kopia.maintenance", "xn0_old", "qold", "pold")}
    return bucket


def another_backup(bucket: Nightly) -> None:
    bucket.backup("later", "2026-01-03T03:00:00Z")
    bucket.things |= {"kopia/other/p9": b"pack", "kopia/shop/p9": b"pack"}


@pytest.mark.parametrize("change", [maintenance, another_backup])
def test_what_others_do_to_the_bucket_meanwhile_is_not_ours_to_judge(
    prove: Prove, change: Callable[[Nightly], None]
) -> None:
    world = World(of_kopia(), meanwhile=change)
    run = prove(world)
    assert red(run) == []
    assert "the backup's objects are as before; others changed: " in (run / "findings.json").read_text()


def test_a_pack_that_changes_is_noticed_also_during_maintenance(prove: Prove) -> None:
    def change(bucket: Nightly) -> None:
        maintenance(bucket)
        bucket.things["kopia/shop/pold"] = b"changed"

    (found,) = red(prove(World(of_kopia(), meanwhile=change)))
    assert found == ("source-unchanged", "fail", {"BucketChanged", "kopia/shop/pold"})


@pytest.mark.parametrize(("done", "total", "verdict"), [(250, 250, "pass"), (250, 500, "fail"), (0, 0, "fail")])
def test_a_restore_is_compared_with_its_own_count(
    prove: Prove, monkeypatch: pytest.MonkeyPatch, done: int, total: int, verdict: str
) -> None:
    restored = World.restore

    def restore(world: World, *names: Any, within_s: float) -> ToolReport:  # noqa: ANN401 # as it is
        report = restored(world, *names, within_s=within_s)
        return replace(report, volumes=tuple(replace(e, bytes_done=done, bytes_total=total) for e in report.volumes))

    monkeypatch.setattr(World, "restore", restore)
    assert told(prove(World()))["verdict"] == verdict


# ---------------------------------------------------------------- of databases that refuse us


REFUSALS = (
    "ERROR 1045 (28000): Access denied for user 'root'@'127.0.0.1' (using password: YES)",
    'psql: error: FATAL:  password authentication failed for user "postgres"',
    'FATAL:  no pg_hba.conf entry for host "127.0.0.1", user "postgres", no encryption',
    'FATAL:  role "postgres" does not exist',
    "sh: 1: psql: not found",
)


@pytest.mark.parametrize("message", REFUSALS)
def test_a_database_that_refuses_the_login_is_unknown_and_says_what_to_do(prove: Prove, message: str) -> None:
    run = prove(World(fails="ready", why=message))
    assert told(run)["verdict"] == "unknown"
    (reasons,) = [each[2] for each in red(run) if each[0] == "databases-sound"]
    assert reasons in ({"NotReadBack", "CredentialsRejected"}, {"NotReadBack", "ClientMissing"})


@pytest.mark.parametrize(("phase", "reason"), [("Failed", "BackupFailed"), ("FailedValidation", "BackupRefused")])
def test_a_backup_that_failed_fails_its_proof_before_a_cluster_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: str, reason: str
) -> None:
    bucket = good().backup("later", "2026-01-03T03:00:00Z", phase=phase, failureReason="no disk")
    monkeypatch.setattr(assembly, "BucketReader", lambda *_: bucket)
    options = replace(OPTIONS, runs=tmp_path, namespaces=("shop",), not_proved=("shop/web-0",))

    def provider(*_: object) -> NoReturn:
        raise AssertionError("no sandbox is needed")

    with assembly.ProofSession(lambda: {"noticed": 1, "missed": [], "seconds": 0.1}, provider) as session:
        view = execute(options, Progress(print), session)
    assert view.verdict is Verdict.FAIL
    first, *_ = explain(view.findings)
    assert (first.finding.check, first.finding.reason) == ("backup-complete", reason)
    assert [event.data["messages"] for event in view.of("backup")] == [["no disk"]]
    assert [problem for line in lines(view.run) for problem in wrong("journal", line)] == []
    assert wrong("run", json.loads((view.run / "run.json").read_text())) == []
