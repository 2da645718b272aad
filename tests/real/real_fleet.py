"""`fleet discover` against a real API server with Velero's kinds: some 30 s, needs the programs of a drill's images."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from api_server import api_server
from fleets import Fleets, target

from harness.cli import app as cli
from harness.core.model import Json


def schedule(name: str, hours_ago: float, **template: Json) -> Json:
    last = (datetime.now(UTC) - timedelta(hours=hours_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "velero.io/v1",
        "kind": "Schedule",
        "metadata": {"name": name, "namespace": "velero"},
        "spec": {"schedule": "0 3 * * *", "template": {"storageLocation": "main", **template}},
        "status": {"lastBackup": last},
    }


def namespace(name: str) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def claim(namespace: str) -> Json:
    spec: Json = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    metadata: Json = {"name": "data", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def test_each_gap_is_found_for_its_own_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    location: Json = {
        "apiVersion": "velero.io/v1",
        "kind": "BackupStorageLocation",
        "metadata": {"name": "main", "namespace": "velero"},
        "spec": {"provider": "aws", "objectStorage": {"bucket": "backups", "prefix": "shop"}},
    }
    things: list[Json] = [
        *map(namespace, ("shop", "mail", "wiki")),
        location,
        schedule("nightly", 3, includedNamespaces=["shop"]),
        schedule("forgotten", 80, includedNamespaces=["wiki"]),
        *map(claim, ("shop", "mail", "wiki")),
    ]
    fleets = Fleets(tmp_path / "fleet")
    fleets.write(target("shop"))
    (tmp_path / "api").mkdir()
    with api_server(tmp_path / "api") as admin:
        admin("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": things}))
        context = admin("config", "get-contexts", "-o", "name").split()[0]
        where = ["--fleet", str(fleets.folder / "fleet.toml"), "--kubeconfig", str(admin.kubeconfig), "--json"]
        assert cli.main(["fleet", "discover", "--context", context, *where]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["claims"] == {"shop": 1, "mail": 1, "wiki": 1}
    found = {(each["where"].split()[1], each["why"]) for each in told["gaps"]}
    assert found == {
        ("forgotten", "last ran 3 days ago, expected every 1 day"),
        ("forgotten", "has backups, and no target proves them"),
        ("mail", "1 claim, and no schedule backs it up"),
        ("wiki", "1 claim, and no target proves the backups of forgotten"),
    }
