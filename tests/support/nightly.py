"""A bucket with one of Velero's backups, made by hand: what `drillproof prove` is given."""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime

from harness.backups.bucket_reader import BucketLocation, BucketReader, Listing, StoredObject
from harness.core.errors import Misconfigured
from harness.core.model import Json
from harness.core.ports import Bucket

NAME = "nightly"
WRITTEN = datetime(2026, 1, 2, 3, 1, tzinfo=UTC)
Document = dict[str, Json]


def pod(name: str = "db-0", namespace: str = "shop", **more: Json) -> Document:
    """A pod with a MySQL server, its volume and its Secret."""
    env: Json = [{"name": "MYSQL_ROOT_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]
    container: Document = {"name": "db", "image": "mysql:9.7", "ports": [{"containerPort": 3306}], "env": env}
    volume: Json = {"name": "data", "persistentVolumeClaim": {"claimName": f"data-{name}"}}
    annotations: Document = {"drillproof.fingerprint": "/var/lib/mysql/fingerprint"}
    return {
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations},
        "spec": {"containers": [{**container, **more}], "volumes": [volume]},
    }


def claim(name: str = "data-db-0", namespace: str = "shop", storage_class: str = "fast") -> Document:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"storageClassName": storage_class}}


def secret(name: str = "db", namespace: str = "shop") -> Document:
    data = {"password": base64.b64encode(b"correct horse").decode(), "username": base64.b64encode(b"postgres").decode()}
    return {"metadata": {"name": name, "namespace": namespace}, "data": data}


def copy(pod: str = "db-0", namespace: str = "shop", size: int = 500, snapshot: str = "aa", **more: Json) -> Document:
    """The record of one volume copied."""
    status: Json = {"phase": "Completed", "snapshotID": snapshot, "progress": {"bytesDone": size, "totalBytes": size}}
    spec = {"pod": {"name": pod, "namespace": namespace}, "volume": "data", "uploaderType": "restic", **more}
    return {"spec": spec, "status": status}


def upload(claim: str = "data-db-0", namespace: str = "shop", size: int = 500, **more: Json) -> Document:
    """The record of one snapshot that Velero's data mover copied."""
    status: Json = {"phase": "Completed", "snapshotID": "k1", "progress": {"bytesDone": size, "totalBytes": size}}
    spec: Json = {"sourceNamespace": namespace, "sourcePVC": claim, **more}
    return {"metadata": {"name": f"{NAME}-x1", "namespace": "velero"}, "spec": spec, "status": status}


@dataclass
class Nightly(BucketReader):
    """The objects of the bucket by key; `Source` as `harness.workflows.proof` wants it."""

    things: dict[str, bytes] = field(default_factory=dict)
    written: dict[str, datetime] = field(default_factory=dict)  # by key; else at the time of the good backup
    place: BucketLocation = field(default_factory=lambda: BucketLocation("backups", endpoint="http://store"))

    def backup(
        self,
        name: str = NAME,
        started: str = "2026-01-02T03:00:00Z",
        *,
        spec: Document | None = None,
        schedule: str = "",
        **status: Json,
    ) -> Nightly:
        """Add a backup's own description."""
        told: Document = {"phase": "Completed", "formatVersion": "1.1.0", "startTimestamp": started, "hookStatus": {}}
        told |= status
        told.setdefault("completionTimestamp", "2026-01-02T03:01:00Z")
        labels: Json = {"velero.io/schedule-name": schedule} if schedule else {}
        document: Document = {"metadata": {"name": name, "labels": labels}, "spec": spec or {}, "status": told}
        self.things[f"backups/{name}/velero-backup.json"] = json.dumps(document).encode()
        return self

    def holding(self, *, copies: Collection[Json], **kinds: Collection[Json]) -> Nightly:
        """Add what the backup holds: volume copies, and objects by the plural of their kind."""
        folder = f"backups/{NAME}/{NAME}"
        self.things[f"{folder}-podvolumebackups.json.gz"] = gzip.compress(json.dumps(list(copies)).encode())
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for kind, things in kinds.items():
                for thing in things:
                    assert isinstance(thing, dict)
                    meta = thing["metadata"]
                    assert isinstance(meta, dict)
                    data = json.dumps(thing).encode()
                    for version in ("", "v1-preferredversion/"):
                        path = f"resources/{kind}/{version}namespaces/{meta['namespace']}/{meta['name']}.json"
                        info = tarfile.TarInfo(path)
                        info.size = len(data)
                        archive.addfile(info, io.BytesIO(data))
        self.things[f"{folder}.tar.gz"] = packed.getvalue()
        for copied in copies:
            assert isinstance(copied, dict)
            spec = copied["spec"]
            assert isinstance(spec, dict)
            where = spec["pod"]
            assert isinstance(where, dict)
            self.things[f"{spec['uploaderType']}/{where['namespace']}/data/aa"] = b"pack"
        return self

    def listing(self) -> Listing:
        return {
            key: StoredObject(len(value), f'"{hash(value)}"', self.written.get(key, WRITTEN))
            for key, value in self.things.items()
        }

    def read(self, key: str) -> bytes:
        if key not in self.things:
            raise Misconfigured(f"no {key}")
        return self.things[key]

    def copy(self, keys: Collection[str], to: Bucket) -> int:
        for key in keys:
            to.client().put_object(Bucket=to.bucket, Key=key, Body=self.things[key])
        return sum(len(self.things[key]) for key in keys)


def good(**changes: Collection[Json]) -> Nightly:
    """A bucket with a backup of a shop: one database with a fingerprint."""
    copies = changes.pop("copies", [copy()])
    held: dict[str, Collection[Json]] = {
        "pods": [pod()],
        "persistentvolumeclaims": [claim()],
        "secrets": [secret()],
    }
    return Nightly().backup().holding(copies=copies, **{**held, **changes})
