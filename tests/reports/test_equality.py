"""What the report says of every member's data is what the judge says of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import sample_runs
from in_memory import MemoryStore, World, run_in_memory

from harness.checks.data import data_equal
from harness.core import json
from harness.core.model import Event, Json, Verdict
from harness.evidence import journal, run_view
from harness.evidence.run_directory import Run
from harness.reports.equality import stores

Change = Callable[[Event], Event | None]
STATES = {
    Verdict.PASS: {"equal"},
    Verdict.FAIL: {"different", "damaged"},
    Verdict.UNKNOWN: {"not read back", "not comparable"},
}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = World()
    names = ("mysql", "postgres", "consul")
    runs = tmp_path_factory.mktemp("runs")
    return run_in_memory(runs, world, tuple(MemoryStore(name, world) for name in names)).run


def parts_of(event: Event) -> Mapping[str, Json]:
    return json.mapping(event.data["parts"])


def saying(event: Event, **data: Json) -> Event:
    return replace(event, data={**event.data, **data})


def as_it_was(event: Event) -> Event:
    return event


def one_changed(event: Event) -> Event:
    first = next(iter(parts_of(event)))
    return saying(event, parts={**parts_of(event), first: {"rows": 1, "hash": "other"}})


def an_own_part(event: Event) -> Event:
    return saying(event, parts={**parts_of(event), "own settings": {"rows": 9, "hash": str(event.data["member"])}})


def own_part_of_another(event: Event) -> Event:
    return saying(event, parts={**parts_of(event), "own settings": {"rows": 9, "hash": "mysql-0"}})


def nothing(event: Event) -> Event:
    return saying(event, parts={})


def from_another(event: Event) -> Event:
    return saying(event, answered_by="mysql-0")


def from_nobody(event: Event) -> Event:
    return saying(event, answered_by="")


def says_it_is_damaged(event: Event) -> Event:
    return replace(event, kind="corrupt", data={"what": "digest", "store": "mysql", "member": "mysql-1", "message": ""})


def never_read(_: Event) -> None:
    return None


CASES: tuple[tuple[Change, Change, str, str], ...] = (
    # of every member before; of mysql-1 after; what mysql-1 is then; what the others are
    (as_it_was, as_it_was, "equal", "equal"),
    (as_it_was, one_changed, "different", "equal"),
    (as_it_was, nothing, "different", "equal"),
    (an_own_part, as_it_was, "different", "different"),
    (as_it_was, from_another, "not comparable", "equal"),
    (as_it_was, from_nobody, "not comparable", "equal"),
    (as_it_was, says_it_is_damaged, "damaged", "equal"),
    (as_it_was, never_read, "not read back", "equal"),
    (nothing, as_it_was, "not comparable", "not comparable"),
)


def told(run: Path, into: Path, before: Change, after: Callable[[Event], Change]) -> dict[str, str]:
    """The states of mysql's members in a run with other digests, once the judge was seen to agree with them."""
    shutil.copytree(run, into)
    path = into / "journal.jsonl"
    events = []
    for event in journal.read(path):
        is_one = event.kind == "digest" and event.data["store"] == "mysql"
        change = as_it_was if not is_one else before if event.data["when"] == "before" else after(event)
        events += [changed for changed in [change(event)] if changed is not None]
    path.unlink()
    journal.write(path, events)
    states = {member.name: member.state for store in stores(run_view.read(into)) for member in store.members}
    judged = {finding.member: finding.verdict for finding in data_equal(Run(into))}
    assert states.keys() == judged.keys()
    assert all(state in STATES[judged[member]] for member, state in states.items())
    return {member: state for member, state in states.items() if member.startswith("mysql")}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0].__name__}-{case[1].__name__}")
def test_the_report_says_of_each_member_what_the_judge_says(
    good: Path, tmp_path: Path, case: tuple[Change, Change, str, str]
) -> None:
    before, after, one, others = case
    states = told(
        good, tmp_path / "run", before, lambda event: after if event.data["member"] == "mysql-1" else as_it_was
    )
    assert states == {"mysql-0": others, "mysql-1": one, "mysql-2": others}


def test_a_members_own_part_is_held_against_its_own(good: Path, tmp_path: Path) -> None:
    same = told(good, tmp_path / "same", an_own_part, lambda _: an_own_part)
    assert set(same.values()) == {"equal"}
    swapped = told(good, tmp_path / "swapped", an_own_part, lambda _: own_part_of_another)
    assert swapped == {"mysql-0": "equal", "mysql-1": "different", "mysql-2": "different"}


def test_members_that_differed_before_the_fault_are_not_compared(good: Path, tmp_path: Path) -> None:
    def odd(event: Event) -> Event:
        return one_changed(event) if event.data["member"] == "mysql-2" else event

    assert set(told(good, tmp_path / "run", odd, lambda _: as_it_was).values()) == {"not comparable"}


def test_a_damaged_member_is_named_with_what_it_said(tmp_path: Path) -> None:
    sample = sample_runs.recovered(tmp_path / "run")
    sample.digests("after", 214)
    sample.event(214, "corrupt", what="digest", store="mysql", member="mysql-2", message="page 7: wrong checksum")
    members = {member.name: member for store in stores(run_view.read(sample.write())) for member in store.members}
    assert (members["mysql-2"].state, members["mysql-2"].damage) == ("damaged", "page 7: wrong checksum")
    assert members["mysql-1"].state == "equal"
