"""Scenario files: the project's own are sound, and a broken one is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.checks import ALL
from harness.core import resources
from harness.core.errors import Misconfigured
from harness.core.model import Objectives
from harness.core.reason import Reason
from harness.workflows.drill import request, scenario


def test_our_own_scenarios_load_with_their_stories() -> None:
    found = scenario.load(resources.scenarios())
    assert "namespace_loss" in found
    for name, each in found.items():
        assert each.name == name
        assert len(each.summary) > 40
        assert set(each.stores) <= set(scenario.STORES)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('"""A story."""\n', "SCENARIO"),
        ("import nowhere_at_all\n", "nowhere_at_all"),
        ("def broken(:\n", "SyntaxError"),
    ],
)
def test_a_broken_scenario_is_named(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "odd.py").write_text(text)
    with pytest.raises(Misconfigured, match=says) as refused:
        scenario.load(tmp_path)
    assert "odd.py" in str(refused.value)


OURS = scenario.load(resources.scenarios())


@pytest.mark.parametrize("name", OURS)
def test_our_own_scenarios_make_sense(name: str) -> None:
    each = OURS[name]
    checks = {check.name for check in ALL}
    assert each.faults, "nothing breaks"
    names = [fault.name for fault in each.faults]
    assert len(set(names)) == len(names), "two faults of one name cannot be told apart in the journal"
    assert {need for fault in each.faults for need in fault.needs} <= {*each.stores, *request.ENGINES[each.engine]}
    assert all(trouble.step in {"seed", "backup", "write", "restore", "readback"} for trouble in each.secondary_faults)
    assert all(trouble.step in {"backup", "restore"} for trouble in each.secondary_faults if trouble.during)
    for expected in each.expected_findings:
        assert expected.check in checks
        assert expected.reasons
        assert Reason.AsExpected not in expected.reasons
        assert expected.store in {"", *each.stores}
    assert each.expected_findings or (each.fault and each.objectives != Objectives()), (
        "it recovers, and nothing is asked of it"
    )
    assert not (each.plan.repair_stores and each.plan.restore)
    assert each.expected_findings or each.plan.restore or each.objectives.rpo_s == 0


SPOILT = """'A story, and not a short one.'
from harness.faults.bucket import ObjectDamage, DamageObjects
from harness.workflows.drill.scenario import Scenario, SecondaryFault

SCENARIO = Scenario(secondary_faults=(SecondaryFault(DamageObjects("part", "PART", ObjectDamage.MISSING), "write"),))
"""


@pytest.mark.parametrize(
    ("part", "engine", "says"),
    [
        ("locks", "velero-kopia", r"odd .* velero-kopia, .* no locks \(part-missing\); .* velero-restic$"),
        ("pakcs", "velero-restic", r"odd .* velero-restic, .* no pakcs \(part-missing\); .* none$"),
    ],
)
def test_a_scenario_that_the_engine_has_no_like_of_is_refused(
    tmp_path: Path, part: str, engine: str, says: str
) -> None:
    (tmp_path / "odd.py").write_text(SPOILT.replace("PART", part))
    with pytest.raises(Misconfigured, match=says):
        request.options(["odd"], folder=tmp_path, engine=engine)


def test_a_lane_without_the_engine_of_a_scenario_is_drilled_with_its_own() -> None:
    engines = {lane: request.options(["namespace_loss"], velero=lane)[0].engine for lane in ("1.16", "1.17", "1.18")}
    assert engines == {"1.16": "velero-restic", "1.17": "velero-kopia", "1.18": "velero-kopia"}
    with pytest.raises(Misconfigured, match=r"1\.17 takes no backups with restic; lanes that do: 1\.16$"):
        request.options(["namespace_loss"], velero="1.17", engine="velero-restic")
    with pytest.raises(Misconfigured, match=r"stale_lock is impossible with velero-kopia"):
        request.options(["stale_lock"], velero="1.18")


def test_a_scenario_of_a_store_that_is_not_drilled_is_refused() -> None:
    with pytest.raises(Misconfigured, match=r"replica_volume_lost needs mysql .* add it to --stores"):
        request.options(["replica_volume_lost"], stores=["consul"])


def test_one_scenario_is_the_default() -> None:
    assert [name for name, each in OURS.items() if each.default] == ["namespace_loss"]


def test_a_scenario_is_drilled_with_the_stores_that_its_faults_need(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(
        '"""A story."""\nfrom harness.faults.sql import *\nfrom harness.workflows.drill.scenario import Scenario\n'
        "from harness.faults.annotations import Annotate\nfrom harness.workflows.drill.scenario import SecondaryFault\n"
        'FAULT = Annotate("a", "p", {}, needs=("postgres",))\n'
        'SCENARIO = Scenario(secondary_faults=(SecondaryFault(FAULT, "backup"),))\n'
    )
    assert scenario.load(tmp_path)["x"].stores == ("postgres",)
    assert scenario.load(resources.scenarios())["namespace_loss"].stores == scenario.STORES


@pytest.mark.parametrize(("stores", "limit_s"), [(("mysql",), None), (("mysql", "consul"), 60)])
def test_one_store_has_no_objective_for_the_skew_between_stores(stores: tuple[str, ...], limit_s: float | None) -> None:
    (options,) = request.options(("snapshots_of_live_files",), stores=stores)
    assert (options.scenario.objectives.skew_s, options.scenario.objectives.rto_s) == (limit_s, 900)


def test_a_scenario_that_makes_no_sense_with_a_strategy_says_with_which_it_does() -> None:
    with pytest.raises(Misconfigured, match=r"hook_fails .* strategy files; .*: dump, p"):
        request.options(["hook_fails"], strategy="files")


def test_a_file_of_an_earlier_version_is_told_the_new_names(tmp_path: Path) -> None:
    old = """'''The disaster.'''
from harness.model import Notice
from harness.scenario import Scenario

SCENARIO = Scenario(noticed_by=(Notice("backup-complete", saying="damaged"),))
"""
    (tmp_path / "mine.py").write_text(old)
    with pytest.raises(Misconfigured) as error:
        scenario.load(tmp_path)
    for now in ("harness.core.model", "harness.workflows.drill.scenario", "expected_findings=", "ExpectedFinding("):
        assert f"is now `{now}`" in str(error.value)
