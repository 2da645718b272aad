"""What a cluster or a bucket has, and no target proves: each for its own reason, and nothing of it is passed over."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fleets import Fleets, target
from nightly import Nightly, good

from harness.campaigns.fleet import discovery
from harness.core.errors import ToolFailed
from harness.core.model import Json

NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)


def schedule(name: str, hours_ago: float | None = 3, **spec: Json) -> dict[str, Json]:
    last = None if hours_ago is None else (NOW - timedelta(hours=hours_ago)).isoformat().replace("+00:00", "Z")
    return {
        "metadata": {"name": name, "namespace": "velero", "creationTimestamp": "2026-10-01T00:00:00Z"},
        "spec": {"schedule": "0 3 * * *", "template": {}, **spec},
        "status": {"lastBackup": last} if last else {},
    }


def claim(namespace: str) -> dict[str, Json]:
    return {"metadata": {"name": "data", "namespace": namespace}}


LOCATION: dict[str, Json] = {
    "metadata": {"name": "main", "namespace": "velero"},
    "spec": {"default": True, "objectStorage": {"bucket": "backups", "prefix": "shop"}},
    "status": {"phase": "Available"},
}


class Cluster:
    """kubectl of a cluster that has these objects."""

    def __init__(self, **listed: list[dict[str, Json]]) -> None:
        self.listed = listed

    def __call__(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
        kind = args[1].partition(".")[0]
        if kind not in self.listed:
            raise ToolFailed(["kubectl"], 1, f'error: the server doesn\'t have a resource type "{kind}"')
        return json.dumps({"items": self.listed[kind]})


@pytest.fixture
def fleets(tmp_path: Path) -> Fleets:
    return Fleets(tmp_path / "fleet")


TARGET = target("shop")


def test_what_is_backed_up_and_proved_is_no_gap(fleets: Fleets) -> None:
    cluster = Cluster(schedules=[schedule("nightly")], backupstoragelocations=[LOCATION], pvc=[claim("shop")])
    found = discovery.of_cluster(cluster, "prod")
    assert list(found.gaps(fleets.write(TARGET).targets, NOW)) == []
    assert found.claims == {"shop": 1}


@pytest.mark.parametrize(
    ("schedules", "why"),
    [
        ([], "no schedule backs it up"),
        ([schedule("nightly", template={"includedNamespaces": ["other"]})], "no schedule backs it up"),
        ([schedule("nightly", template={"excludedNamespaces": ["sho*"]})], "no schedule backs it up"),
        ([schedule("nightly", paused=True)], "no schedule backs it up"),
        ([schedule("weekly")], "no target proves the backups of weekly"),
        ([schedule("nightly", template={"storageLocation": "other"})], "no target proves the backups of nightly"),
    ],
)
def test_a_namespace_with_claims_and_no_proof_is_a_gap(
    fleets: Fleets, schedules: list[dict[str, Json]], why: str
) -> None:
    cluster = Cluster(schedules=schedules, backupstoragelocations=[LOCATION], pvc=[claim("shop"), claim("kube-system")])
    found = {
        each.where: each.why for each in discovery.of_cluster(cluster, "prod").gaps(fleets.write(TARGET).targets, NOW)
    }
    assert found["namespace shop of prod"].endswith(why)
    assert not any("kube-system" in where for where in found)


def test_a_target_of_other_namespaces_proves_nothing_of_this_one(fleets: Fleets) -> None:
    cluster = Cluster(schedules=[schedule("nightly")], backupstoragelocations=[LOCATION], pvc=[claim("mail")])
    targets = fleets.write(target("shop", namespaces='["shop"]')).targets
    (gap,) = discovery.of_cluster(cluster, "prod").gaps(targets, NOW)
    assert (gap.where, gap.why) == (
        "namespace mail of prod",
        "1 claim, and no target proves the backups of nightly",
    )


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (schedule("nightly", 40), "last ran"),
        (schedule("nightly", None), "never made a backup"),
        (schedule("nightly", paused=True), "is paused"),
        (schedule("nightly", 40, schedule="@every 24h0m0s"), "last ran"),
        (schedule("nightly", 40, schedule="@daily"), "last ran"),
    ],
)
def test_a_schedule_that_stopped_is_a_gap_of_its_own(fleets: Fleets, one: dict[str, Json], why: str) -> None:
    cluster = Cluster(schedules=[one], backupstoragelocations=[LOCATION], pvc=[])
    (gap,) = discovery.of_cluster(cluster, "prod").gaps(fleets.write(TARGET).targets, NOW)
    assert gap.where == "schedule nightly of prod"
    assert why in gap.why


def test_a_cluster_without_velero_has_claims_and_no_backup(fleets: Fleets) -> None:
    found = discovery.of_cluster(Cluster(pvc=[claim("shop"), claim("shop")]), "prod")
    (gap,) = found.gaps(fleets.write(TARGET).targets, NOW)
    assert gap.why == "2 claims, and no schedule backs it up"


def test_a_cluster_that_may_not_be_read_is_an_error() -> None:
    class Refuses(Cluster):
        def __call__(self, *args: str, stdin: str | None = None, within_s: float = 60) -> str:
            raise ToolFailed(["kubectl"], 1, "Error from server (Forbidden): schedules.velero.io is forbidden")

    with pytest.raises(ToolFailed, match="Forbidden"):
        discovery.of_cluster(Refuses(), "prod")


def test_a_location_that_does_not_answer_is_a_gap(fleets: Fleets) -> None:
    broken: dict[str, Json] = {**LOCATION, "status": {"phase": "Unavailable", "message": "no such bucket"}}
    cluster = Cluster(schedules=[schedule("nightly")], backupstoragelocations=[broken], pvc=[])
    (gap,) = discovery.of_cluster(cluster, "prod").gaps(fleets.write(TARGET).targets, NOW)
    assert (gap.where, gap.why) == ("location main of prod", "is Unavailable: no such bucket")


def test_a_bucket_shows_its_schedules_and_what_cannot_be_read(fleets: Fleets) -> None:
    bucket: Nightly = good()
    found = discovery.of_bucket(bucket)
    (one,) = found.schedules
    proved = target("shop", bucket=f'"{bucket.place.name.partition(" ")[0]}"', schedule=f'"{one.name}"')
    assert one.newest is not None
    (gap,) = found.gaps(fleets.write(TARGET).targets, NOW)
    assert gap.why == "has backups, and no target proves them"
    same = [] if one.name == "(none)" else list(found.gaps(fleets.write(proved).targets, NOW))
    assert same == []
