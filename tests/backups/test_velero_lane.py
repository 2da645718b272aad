"""Lanes of Velero: which uploader each has, and what is refused."""

import pytest

from harness.backups.velero_lane import Lane, fields_of, made_by, to_restore, uploader_in, with_uploader
from harness.clusters.images.versions import load
from harness.core.errors import Misconfigured
from harness.core.kubernetes import Object

LANES = {
    "1.16": Lane("1.16", "v1.16.2", "", ("kopia", "restic"), ("kopia", "restic")),
    "1.18": Lane("1.18", "v1.18.3", "", ("kopia",), ("kopia", "restic")),
    "1.19": Lane("1.19", "v1.19.0", "", ("kopia",), ("kopia",)),
}

GROUP = "volumeGroupSnapshotLabelKey"
OLD: Object = {"spec": {"ttl": "1h"}, "status": {"phase": "Completed"}}
NEWER: Object = {"spec": {GROUP: "velero.io/volume-group"}, "status": {}}
COPY: Object = {"spec": {"node": "one"}, "status": {"snapshotID": "aa"}}
MOVED: Object = {**COPY, "status": {"snapshotID": "aa", "acceptedTimestamp": "2026-01-02T03:00:00Z"}}
GREW: Object = {**COPY, "status": {"incrementalBytes": 1}}


@pytest.mark.parametrize(
    ("backup", "copies", "lane", "mark"),
    [
        (OLD, [COPY], "1.16", ""),
        (OLD, [], "1.16", ""),
        (NEWER, [COPY], "1.17", f"Backup.spec.{GROUP}"),
        (OLD, [COPY, MOVED], "1.17", "PodVolumeBackup.status.acceptedTimestamp"),
        (NEWER, [MOVED, GREW], "1.18", "PodVolumeBackup.status.incrementalBytes"),
    ],
)
def test_the_lane_that_made_a_backup_is_read_from_it(
    backup: Object, copies: list[Object], lane: str, mark: str
) -> None:
    found, by = made_by(load().lanes, fields_of(backup, copies))
    assert (found.name, by) == (lane, mark)


def test_a_lane_restores_what_it_can_and_no_more() -> None:
    assert to_restore(LANES, "1.18", "restic").version == "v1.18.3"
    with pytest.raises(Misconfigured, match=r"^Velero 1\.19 restores nothing that restic copied; .*: 1\.16, 1\.18$"):
        to_restore(LANES, "1.19", "restic")


@pytest.mark.parametrize(
    ("lane", "asked", "usual", "chosen"),
    [
        ("1.16", None, "restic", "restic"),
        ("1.16", "kopia", "restic", "kopia"),
        ("1.18", None, "restic", "kopia"),  # it has no restic, and nobody asked for it
        ("1.18", "kopia", "restic", "kopia"),
    ],
)
def test_a_lane_backs_up_with_what_is_asked_for_or_with_the_usual_one(
    lane: str, asked: str | None, usual: str, chosen: str
) -> None:
    assert uploader_in(LANES, lane, asked, usual) == chosen


@pytest.mark.parametrize(
    ("lane", "asked", "said"),
    [
        ("1.18", "restic", r"^Velero 1\.18 takes no backups with restic; lanes that do: 1\.16$"),
        ("1.18", "borg", r"with borg; lanes that do: none$"),
        ("1.20", None, r"unknown Velero lane '1\.20'; .*known: 1\.16, 1\.18, 1\.19$"),
    ],
)
def test_what_no_lane_has_is_refused_in_one_line_with_the_lanes_that_would_do(
    lane: str, asked: str | None, said: str
) -> None:
    with pytest.raises(Misconfigured, match=said):
        uploader_in(LANES, lane, asked, "restic")


@pytest.mark.parametrize(
    ("uploader", "lane"), [("kopia", "1.16"), ("restic", "1.16"), ("datamover", "1.18"), ("borg", "1.16")]
)
def test_without_a_lane_the_usual_one_is_taken_unless_only_others_have_the_engine(uploader: str, lane: str) -> None:
    pinned = load()
    assert with_uploader(pinned.lanes, pinned.lane, uploader) == lane


def test_an_older_lane_cannot_copy_snapshots_made_on_nodes_and_every_lane_restores_the_copies() -> None:
    lanes = load().lanes
    for name in ("1.16", "1.17"):
        with pytest.raises(
            Misconfigured, match=rf"^Velero {name} takes no backups with datamover; lanes that do: 1\.18$"
        ):
            uploader_in(lanes, name, "datamover", "restic")
    assert all("datamover" in lane.restores for lane in lanes.values())


def test_the_lane_of_a_backup_of_snapshots_is_read_from_its_uploads() -> None:
    pinned = load().lanes
    assert made_by(pinned, fields_of(OLD, [], [MOVED]))[0].name == "1.16"  # every lane writes when one was accepted
    assert made_by(pinned, fields_of(OLD, [], [GREW])) == (pinned["1.18"], "DataUpload.status.incrementalBytes")
