"""Lanes of Velero: which uploader each has, and what is refused."""

import pytest

from harness.backups.velero_lane import Lane, uploader_in
from harness.core.errors import Misconfigured

LANES = {
    "1.16": Lane("1.16", "v1.16.2", "", ("kopia", "restic"), ("kopia", "restic")),
    "1.18": Lane("1.18", "v1.18.3", "", ("kopia",), ("kopia", "restic")),
}


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
        ("1.19", None, r"unknown Velero lane '1\.19'; .*known: 1\.16, 1\.18$"),
    ],
)
def test_what_no_lane_has_is_refused_in_one_line_with_the_lanes_that_would_do(
    lane: str, asked: str | None, said: str
) -> None:
    with pytest.raises(Misconfigured, match=said):
        uploader_in(LANES, lane, asked, "restic")
