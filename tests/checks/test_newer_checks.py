"""A findings.json of an older release stays valid when a check is added, unless the new check finds something wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from memory import Memory

from harness import checks
from harness.checks.check import DRILL, Check, failed, passed, unknown
from harness.checks.judge import is_current
from harness.core.model import Finding
from harness.core.reason import Reason
from harness.evidence.run_directory import write_json


def add_check(monkeypatch: pytest.MonkeyPatch, finding: Finding, name: str = "new-check") -> None:
    monkeypatch.setattr("harness.checks.ALL", (*checks.ALL, Check(name, (DRILL,), lambda _: finding)))


@pytest.mark.parametrize(
    ("finding", "current"),
    [
        (passed("all is well"), True),
        (unknown(Reason.NotRecorded, "not recorded"), False),
        (failed(Reason.RowsDiffer, "differs", "restore again"), False),
    ],
)
def test_a_new_check_that_passes_changes_no_older_result(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, finding: Finding, current: bool
) -> None:
    judged = memory.drill(stores=("mysql",))
    assert judged["checks"] == [check.name for check in checks.ALL]
    add_check(monkeypatch, finding)
    assert is_current(memory.path) is current


def edit(memory: Memory, judged: dict[str, Any]) -> None:
    write_json(memory.path / "findings.json", judged)


def test_a_finding_cannot_be_removed_although_its_check_is_listed(memory: Memory) -> None:
    judged: dict[str, Any] = memory.drill(stores=("mysql",))
    left = [each for each in judged["findings"] if each["check"] != "data-equal"]
    edit(memory, {**judged, "findings": left})
    assert not is_current(memory.path)


def test_a_bad_finding_cannot_be_removed_with_the_name_of_its_check(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_check(monkeypatch, failed(Reason.RowsDiffer, "differs", "restore again"))
    add_check(monkeypatch, failed(Reason.RowsDiffer, "differs", "restore again"), "other-check")
    judged: dict[str, Any] = memory.drill(stores=("mysql",))
    assert is_current(memory.path)
    left = [each for each in judged["findings"] if each["check"] != "new-check"]
    edit(memory, {**judged, "findings": left, "checks": [each for each in judged["checks"] if each != "new-check"]})
    assert not is_current(memory.path)


@pytest.mark.parametrize("listed", [None, "data-equal", {}, [["data-equal"]], [{}]])
def test_findings_with_a_damaged_list_of_checks_are_not_current(memory: Memory, listed: object) -> None:
    judged = memory.drill(stores=("mysql",))
    edit(memory, {**json.loads(json.dumps(judged)), "checks": listed})
    assert not is_current(memory.path)


def test_a_file_without_a_list_of_checks_has_all_of_them(memory: Memory) -> None:
    judged: dict[str, Any] = memory.drill(stores=("mysql",))
    judged.pop("checks")
    edit(memory, judged)
    assert is_current(memory.path)
    edit(memory, {**judged, "findings": judged["findings"][1:]})
    assert not is_current(memory.path)
