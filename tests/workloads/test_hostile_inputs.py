"""Files from outside: whatever they hold, the answer is a result or one clear line, soon, and never a traceback.

`DRILLPROOF_FUZZ=1000` tries that many examples of each, in place of a few.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import shop
import yaml
from fuzz import FUZZ, JSON, spoilt
from hypothesis import given
from hypothesis import strategies as st

from harness.backups.bucket_reader import BucketReader, StoredObject
from harness.backups.velero_backup import read_backup
from harness.core.errors import HarnessError, Misconfigured
from harness.core.model import Json
from harness.workloads.manifests import scaffold
from harness.workloads.manifests.load import load
from harness.workloads.manifests.render import read


def answered(action: Callable[[], object]) -> None:
    """A result, or an error of ours with one line."""
    said = "a result"
    try:
        action()
    except HarnessError as error:
        said = str(error)
    assert said


def drilled(folder: Path, *, manifests: bytes | None = None, file: bytes | None = None) -> None:
    """Read everything that `detect` and `plan` read."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        path = shop.write(Path(name))
        if manifests is not None:
            (path.parent / "manifests" / "database.yaml").write_bytes(manifests)
        if file is not None:
            path.write_bytes(file)

        def detect() -> None:
            found = scaffold.detect("x", read(path.parent / "manifests", None).objects, "shop")
            assert list(scaffold.lines(found))
            assert json.dumps(scaffold.document(found))
            assert scaffold.proposal(found, "x", chart=False)

        answered(detect)
        answered(lambda: load(path))


@FUZZ
@given(documents=spoilt(list(yaml.safe_load_all(shop.DATABASE))))
def test_manifests_with_any_value_anywhere(tmp_path: Path, documents: list[Json]) -> None:
    drilled(tmp_path, manifests=yaml.safe_dump_all(documents).encode())


@FUZZ
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda each: each.encode("utf-8", "replace")))
def test_manifests_and_application_files_of_any_bytes(tmp_path: Path, content: bytes) -> None:
    drilled(tmp_path, manifests=content)
    drilled(tmp_path, file=content)


@FUZZ
@given(data=st.data())
def test_application_files_with_any_value_anywhere(tmp_path: Path, data: st.DataObject) -> None:
    lines = shop.FILE.splitlines()
    number = data.draw(st.sampled_from([each for each, line in enumerate(lines) if "=" in line]))
    value = data.draw(JSON.filter(lambda each: not isinstance(each, dict) and each is not None))
    lines[number] = f"{lines[number].partition('=')[0]}= {json.dumps(value)}"
    drilled(tmp_path, file="\n".join(lines).encode("utf-8", "replace"))


# ---------------------------------------------------------------- a bucket

BACKUP: Json = {
    "metadata": {"name": "nightly", "labels": {"velero.io/schedule-name": "s"}},
    "spec": {"includedNamespaces": ["shop"], "hooks": {"resources": [{"name": "h", "pre": []}]}},
    "status": {"phase": "Completed", "formatVersion": "1.1.0", "startTimestamp": "2026-01-01T00:00:00Z"},
}
POD: Json = {
    "metadata": {"name": "db-0", "namespace": "shop", "annotations": {"backup.velero.io/backup-volumes": "data"}},
    "spec": {
        "containers": [{"name": "server", "image": "mysql:9.7", "volumeMounts": [{"name": "data"}]}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}],
    },
}
COPY: Json = {
    "spec": {"pod": {"name": "db-0", "namespace": "shop"}, "volume": "data", "uploaderType": "kopia"},
    "status": {"phase": "Completed", "snapshotID": "x", "progress": {"totalBytes": 1}},
}
INFO: Json = {"pvcName": "data-db-0", "pvcNamespace": "shop", "backupMethod": "PodVolumeBackup"}


def archive(pod: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as opened:
        entry = tarfile.TarInfo("resources/pods/namespaces/shop/db-0.json")
        entry.size = len(pod)
        opened.addfile(entry, io.BytesIO(pod))
    return file.getvalue()


def backup(files: dict[str, bytes], name: str = "nightly") -> None:
    folder = "backups/nightly/"
    kept = {folder + name: content for name, content in files.items()}
    source = cast("BucketReader", SimpleNamespace(read=kept.__getitem__, place=SimpleNamespace(name="the bucket")))
    read_backup(source, {key: StoredObject(len(content), "") for key, content in kept.items()}, name)


def proved(files: dict[str, bytes]) -> None:
    answered(lambda: backup(files))
    answered(lambda: backup(files, "latest"))


@FUZZ
@given(documents=spoilt([BACKUP, POD, [COPY], [INFO]]), raw=st.none() | st.binary(max_size=50), which=st.integers(0, 3))
def test_a_backups_files_with_any_value_anywhere(documents: list[Json], raw: bytes | None, which: int) -> None:
    texts = [json.dumps(each).encode() for each in (*documents, None, None, None, None)[:4]]
    if raw is not None:
        texts[which] = raw
    proved(
        {
            "velero-backup.json": texts[0],
            "nightly.tar.gz": archive(texts[1]),
            "nightly-podvolumebackups.json.gz": gzip.compress(texts[2]),
            "nightly-volumeinfo.json.gz": gzip.compress(texts[3]),
        }
    )


GOOD = {
    "velero-backup.json": json.dumps(BACKUP).encode(),
    "nightly.tar.gz": archive(json.dumps(POD).encode()),
    "nightly-podvolumebackups.json.gz": gzip.compress(b"[]"),
}


def test_a_description_that_is_nested_too_deeply_is_one_line() -> None:
    deep = b"[" * 200_000
    for name in ("velero-backup.json", "nightly.tar.gz"):
        proved({**GOOD, name: deep if name.endswith("json") else archive(deep)})


def zipped(*entries: tuple[bytes, str, int]) -> bytes:
    """An archive of blank files, each of a type of tar, a name and a size."""
    file = io.BytesIO()
    with gzip.open(file, "wb") as opened:
        for kind, name, size in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.size = kind, size
            opened.write(entry.tobuf(tarfile.GNU_FORMAT))
            opened.write(b" " * (-(-size // 512) * 512))
        opened.write(bytes(1024))
    return file.getvalue()


PODS = "resources/pods/namespaces/shop/"
BOMBS = {
    "a large object": zipped((tarfile.REGTYPE, f"{PODS}db-0.json", 40_000_000)),
    "a long name": zipped((tarfile.GNUTYPE_LONGNAME, "x", 40_000_000), (tarfile.REGTYPE, f"{PODS}db-0.json", 2)),
    "many values": archive(b"[" + b"0," * 5_000_000 + b"0]"),
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_an_archive_that_unpacks_to_too_much_is_one_line(content: bytes) -> None:
    assert len(content) < 200_000
    with pytest.raises(HarnessError, match=r"nightly.tar.gz cannot be read: .*(more than|at most)"):
        backup({**GOOD, "nightly.tar.gz": content})


@pytest.mark.parametrize("content", [b" " * 33_000_000, b"[" + b"0," * 5_000_000 + b"0]"], ids=["large", "many values"])
def test_a_list_that_unpacks_to_too_much_is_one_line(content: bytes) -> None:
    with pytest.raises(HarnessError, match=r"podvolumebackups.json.gz cannot be read: .*more than"):
        backup({**GOOD, "nightly-podvolumebackups.json.gz": gzip.compress(content)})


def test_an_archive_of_large_files_that_are_not_read_is_read() -> None:
    good = zipped((tarfile.REGTYPE, "resources/configmaps/namespaces/shop/big.json", 40_000_000))
    backup({**GOOD, "nightly.tar.gz": good})


def test_the_good_ones_are_read(tmp_path: Path) -> None:
    """Without this, a refusal of everything would pass."""
    assert load(shop.write(tmp_path)).stores == ("shop-mysql",)
    with pytest.raises(Misconfigured):
        load(tmp_path / "absent.toml")
