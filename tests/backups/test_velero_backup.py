"""What a bucket says of a backup, and every bucket and backup that is refused in one line."""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
from collections.abc import Callable, Mapping

import pytest
from nightly import NAME, Nightly, claim, copy, good, pod, secret

from harness.backups import velero_backup
from harness.backups.velero_backup import BackupRecord, Claim
from harness.core.errors import HarnessError, Misconfigured
from harness.core.model import Json


def read(bucket: Nightly, name: str = "newest") -> BackupRecord:
    return velero_backup.read_backup(bucket, bucket.listing(), name)


def test_a_backup_is_read_from_its_bucket_alone() -> None:
    found = read(good())
    assert found.report.name == NAME
    assert [(each.pod, each.bytes_done) for each in found.report.volumes] == [("shop/db-0", 500)]
    assert found.claims == (Claim("shop", "data-db-0", "fast", copied=True, pods=("shop/db-0",)),)
    assert (found.uploader, found.namespaces, found.secrets) == ("restic", ("shop",), frozenset({"shop/db"}))
    assert len(found.pods) == 1  # the archive has each object twice


def test_only_what_belongs_to_it_is_fetched() -> None:
    bucket = good()
    bucket.things |= {"restic/other/data/bb": b"", f"backups/{NAME}-2/velero-backup.json": b"", "restores/x": b""}
    keys = read(bucket, NAME).keys(bucket.listing())
    assert sorted(keys) == sorted(
        [*(key for key in bucket.things if key.startswith(f"backups/{NAME}/")), "restic/shop/data/aa"]
    )


def test_the_newest_backup_is_the_one_that_was_begun_last() -> None:
    bucket = good().backup("older", "2026-01-01T03:00:00Z")
    assert read(bucket).report.name == NAME


def test_the_failure_of_last_night_does_not_hide_behind_the_success_before() -> None:
    bucket = good().backup("later", "2026-01-03T03:00:00Z", phase="Failed", failureReason="no disk")
    found = read(bucket)
    assert (found.report.name, found.failed, found.report.messages) == ("later", True, ("no disk",))


def test_of_a_backup_that_failed_no_object_is_read() -> None:
    bucket = good().backup(phase="FailedValidation", validationErrors=["no such location"])
    del bucket.things[f"backups/{NAME}/{NAME}.tar.gz"]
    assert read(bucket).report.messages == ("no such location",)


REFUSED: tuple[tuple[Mapping[str, Json], str], ...] = (
    ({"phase": "InProgress"}, "still running"),
    ({"phase": ""}, "still running"),
    ({"phase": "Finalizing"}, "still running"),
    ({"phase": "Deleting"}, "in the phase Deleting"),
    ({"formatVersion": "1.2.0"}, r"format 1\.2\.0, .* up to 1\.1"),
    ({"formatVersion": "2.0.0"}, "newer Velero"),
    ({"formatVersion": ""}, "format unknown"),
)


@pytest.mark.parametrize(("status", "said"), REFUSED)
def test_a_backup_that_cannot_be_restored_is_refused(status: Mapping[str, Json], said: str) -> None:
    with pytest.raises(Misconfigured, match=said) as error:
        read(good().backup(**status))  # type: ignore[arg-type] # a status, not a name
    assert "\n" not in str(error.value)


def test_one_that_failed_in_part_is_read_and_left_to_the_judge() -> None:
    assert read(good().backup(phase="PartiallyFailed", errors=2)).report.errors == 2


def test_a_bucket_that_is_not_veleros_is_refused_with_what_it_holds() -> None:
    with pytest.raises(Misconfigured, match=r"holds no backup of Velero's.*but photos;.*--prefix"):
        read(Nightly({"photos/1.jpg": b""}))


def test_an_empty_bucket_is_refused() -> None:
    with pytest.raises(Misconfigured, match="but nothing"):
        read(Nightly())


def test_a_name_that_is_not_there_is_refused_with_what_may_have_been_meant() -> None:
    with pytest.raises(Misconfigured, match="did you mean nightly"):
        read(good(), "nightli")


def cut(bucket: Nightly) -> None:
    bucket.things[f"backups/{NAME}/{NAME}.tar.gz"] = bucket.things[f"backups/{NAME}/{NAME}.tar.gz"][:-40]


def no_gzip(bucket: Nightly) -> None:
    bucket.things[f"backups/{NAME}/{NAME}-podvolumebackups.json.gz"] = b"[]"


def another(bucket: Nightly) -> None:
    bucket.things[f"backups/{NAME}/velero-backup.json"] = b'{"metadata": {"name": "other"}}'


def no_json(bucket: Nightly) -> None:
    bucket.things[f"backups/{NAME}/velero-backup.json"] = b"{"


def empty_pod(bucket: Nightly) -> None:
    """One pod of the archive has no content: it may be a database."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("resources/pods/namespaces/shop/db-0.json"))
    bucket.things[f"backups/{NAME}/{NAME}.tar.gz"] = packed.getvalue()


@pytest.mark.parametrize("spoil", [cut, no_gzip, another, no_json, empty_pod])
def test_a_backup_whose_own_files_are_damaged_is_unknown_and_never_passed_over(
    spoil: Callable[[Nightly], None],
) -> None:
    bucket = good()
    spoil(bucket)
    with pytest.raises(HarnessError, match=f"backups/{NAME}/") as error:
        read(bucket)
    assert not isinstance(error.value, Misconfigured)


def test_an_archive_that_is_not_there_is_told() -> None:
    bucket = good()
    del bucket.things[f"backups/{NAME}/{NAME}.tar.gz"]
    with pytest.raises(HarnessError, match=r"tar\.gz"):
        read(bucket)


def test_a_copy_of_an_empty_volume_is_none_that_can_come_back() -> None:
    assert read(good(copies=[copy(size=0, snapshot="")])).report.volumes == ()


def test_a_copy_that_failed_stays_in_the_record() -> None:
    failed = copy(snapshot="")
    failed["status"] = {"phase": "Failed", "message": "no such file"}
    assert [each.phase for each in read(good(copies=[failed])).report.volumes] == ["Failed"]


def test_claims_without_a_copy_are_told_apart() -> None:
    bucket = good(persistentvolumeclaims=[claim(), claim("logs")])
    assert [(each.address, each.copied) for each in read(bucket).claims] == [
        ("shop/data-db-0", True),
        ("shop/logs", False),
    ]


def test_volumes_whose_copies_lie_elsewhere_are_named() -> None:
    bucket = good()
    volumes = [
        {"pvcNamespace": "shop", "pvcName": "big", "backupMethod": "CSISnapshot"},
        {"pvcNamespace": "shop", "pvcName": "data-db-0", "backupMethod": "PodVolumeBackup"},
        {"pvcNamespace": "shop", "pvcName": "out", "backupMethod": "NativeSnapshot", "skipped": True},
    ]
    bucket.things[f"backups/{NAME}/{NAME}-volumeinfo.json.gz"] = gzip.compress(json.dumps(volumes).encode())
    assert read(bucket).elsewhere == ("shop/big (CSISnapshot)",)


def test_the_clusters_own_namespaces_are_left_out_and_named() -> None:
    bucket = good(pods=[pod(), pod("dns", "kube-system")], copies=[copy(), copy("dns", "kube-system")])
    found = read(bucket)
    assert (found.namespaces, found.left_out, found.repositories) == (("shop",), ("kube-system",), ("restic/shop/",))


def test_a_pod_that_has_ended_is_none_that_comes_back() -> None:
    ended = {**pod("job"), "status": {"phase": "Succeeded"}}
    assert [each["metadata"]["name"] for each in read(good(pods=[pod(), ended])).pods] == ["db-0"]  # type: ignore[index,call-overload] # made above


def test_passwords_are_kept_out_of_sight_and_ordinary_words_are_not() -> None:
    found = read(good())
    assert found.secret_values == frozenset({"correct horse"})
    assert "correct horse" not in repr(found)


def test_a_secret_is_hidden_however_long_it_is() -> None:
    key = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEF\n" * 60
    data: Json = {"tls.key": base64.b64encode(key.encode()).decode()}
    assert set(velero_backup.secret_values([{"kind": "Secret", "data": data}])) == {key}


def test_two_uploaders_in_one_backup_are_refused() -> None:
    with pytest.raises(Misconfigured, match="kopia and restic"):
        read(good(copies=[copy(), copy(uploaderType="kopia")], secrets=[secret()]))
