"""Matrices: what is planned and what is left out, workers that share nothing but a folder, and the table."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import sample_runs
from schemas import wrong

from harness.campaigns.matrix import page as pages
from harness.campaigns.matrix import plan, results, runner
from harness.campaigns.matrix.plan import Cell, DrillOptions, Exclusion, Plan
from harness.cli import app as cli
from harness.clusters.lock import Lock
from harness.core import process, resources
from harness.core.errors import Misconfigured
from harness.core.model import Verdict
from harness.core.wait import NotYet, until
from harness.evidence.run_directory import fingerprint_of
from harness.evidence.run_view import read
from harness.reports import RunView
from harness.workflows.drill import request, scenario
from harness.workflows.drill.scenario import STORES
from harness.workloads.manifests.load import load

EXAMPLE = Path(__file__).parents[2] / "examples" / "application-by-file" / "shop.toml"


def cell(number: int, name: str = "namespace_loss") -> Cell:
    return Cell(number, name, "dump", "velero-restic", STORES, 1)


def planned(count: int = 4) -> Plan:
    return Plan(DrillOptions(), tuple(cell(number + 1) for number in range(count)), ())


class TestPlan:
    def test_with_no_word_every_scenario_is_drilled_its_own_way(self) -> None:
        found = plan.plan(())
        assert {each.scenario for each in found.cells} >= {"namespace_loss", "cluster_lost", "pack_flipped"}
        own = scenario.load(resources.scenarios())
        assert {(each.scenario, each.strategy) for each in found.cells} == {(n, own[n].strategy) for n in own}
        assert found.left_out == ()

    def test_what_cannot_be_is_left_out_with_its_reason(self) -> None:
        found = plan.plan(["namespace_loss", "rows_deleted"], strategies=["frozen-one-shot"], stores=["consul,mysql"])
        assert [(each.scenario, each.stores) for each in found.cells] == [("namespace_loss", ("mysql",))]
        why = {each.scenario: each.why for each in found.left_out if "needs" in each.why}
        assert "rows_deleted needs postgres" in why["rows_deleted"]
        assert Exclusion(
            "namespace_loss", "frozen-one-shot", "velero-restic", "consul has no strategy frozen-one-shot"
        ) in (found.left_out)

    def test_lanes_are_a_dimension_and_what_one_lacks_is_left_out(self) -> None:
        both = partial(plan.plan, ["namespace_loss"], stores=["consul"], lanes=["1.18,1.16"])
        each_with_its_own = both()
        assert [(each.lane, each.engine) for each in each_with_its_own.cells] == [
            ("1.16", "velero-restic"),
            ("1.18", "velero-kopia"),
        ]
        asked = both(engines=["velero-restic"])
        assert [each.lane for each in asked.cells] == ["1.16"]
        (left,) = asked.left_out
        assert (left.lane, left.made_with) == ("1.18", "velero-restic, Velero 1.18")

    def test_a_plan_of_before_lanes_goes_on_with_the_first_one(self, tmp_path: Path) -> None:
        plan.write(tmp_path, plan.plan(["namespace_loss"]))
        document = json.loads((tmp_path / plan.FILE).read_text())
        for each in document["cells"]:
            del each["lane"]
        (tmp_path / plan.FILE).write_text(json.dumps(document))
        (cell,) = plan.read(tmp_path).cells
        assert plan.read(tmp_path).options(cell, tmp_path, "x").lane == "1.16"

    def test_an_application_has_its_own_stores_and_strategy_and_the_scenarios_that_fit(self, tmp_path: Path) -> None:
        own = load(EXAMPLE)
        found = plan.plan((), application=own)
        fits = request.fitting(own, scenario.load(resources.scenarios(), own.stores))
        assert {each.scenario for each in found.cells} == {name for name, why in fits.items() if not why}
        assert {each.scenario: each.why for each in found.left_out} == {name: why for name, why in fits.items() if why}
        assert {(each.strategy, each.stores) for each in found.cells} == {("dump", ("shop-mysql", "shop-postgres"))}
        plan.write(tmp_path, found)
        again = plan.read(tmp_path)
        options = again.options(again.cells[0], tmp_path, "x")
        assert (again, options.application and options.application.stores) == (found, own.stores)
        only = plan.plan(["namespace_loss"], stores=["shop-postgres"], application=own)
        assert [each.stores for each in only.cells] == [("shop-postgres",)]

    def test_a_matrix_goes_on_only_with_the_manifests_that_it_began_with(self, tmp_path: Path) -> None:
        own = Path(shutil.copytree(EXAMPLE.parent, tmp_path / "shop"))
        (tmp_path / "matrix").mkdir()
        plan.write(tmp_path / "matrix", plan.plan(["namespace_loss"], application=load(own / "shop.toml")))
        script = own / "manifests" / "postgres" / "backup.sh"
        script.write_text(script.read_text() + "# changed\n")
        planned = plan.read(tmp_path / "matrix")
        with pytest.raises(Misconfigured, match=r"changed since this matrix began: .*StatefulSet stock-db; begin"):
            planned.options(planned.cells[0], tmp_path, "x")

    def test_a_scenario_that_an_application_does_not_fit_is_refused_with_the_reason(self) -> None:
        with pytest.raises(Misconfigured, match="torn_mysql breaks mysql of drillproof's own deployment"):
            plan.plan(["torn_mysql"], application=load(EXAMPLE))
        with pytest.raises(Misconfigured, match="--size large applies to generated data"):
            plan.plan([], application=load(EXAMPLE), asked=DrillOptions(size="large"))
        with pytest.raises(Misconfigured, match="unknown store 'mysql'"):
            plan.plan([], application=load(EXAMPLE), stores=["mysql"])

    def test_where_nothing_is_left_to_drill_it_says_why(self) -> None:
        with pytest.raises(Misconfigured, match=r"rows_deleted: .*needs postgres"):
            plan.plan(["rows_deleted"], stores=["consul"])

    @pytest.mark.parametrize(
        ("how", "said"),
        [
            ({"names": ["namespace_los"]}, "did you mean namespace_loss"),
            ({"strategies": ["dumb"]}, "did you mean dump"),
            ({"engines": ["borg"]}, "unknown engine 'borg'"),
            ({"lanes": ["1.15"]}, r"unknown Velero lane '1\.15'"),
            ({"stores": ["redis"]}, "unknown store 'redis'"),
            ({"repeat": 0}, "--repeat .* 0"),
            ({"asked": DrillOptions(rate=0)}, "--rate .* 0"),
            ({"asked": DrillOptions(size="huge")}, "unknown size 'huge'"),
        ],
    )
    def test_a_word_that_makes_no_sense_is_refused(self, how: dict[str, object], said: str) -> None:
        words = {"names": ["namespace_loss"], **how}
        with pytest.raises(Misconfigured, match=said):
            plan.plan(**words)  # type: ignore[arg-type] # each case says one word

    def test_what_wrecks_least_comes_first_so_that_the_next_can_take_over(self) -> None:
        names = ["cluster_lost", "restore_over_the_living", "namespace_loss", "pack_flipped"]
        found = [each.scenario for each in plan.plan(names, stores=["consul"], repeat=2).cells]
        assert found == [name for name in reversed(names[1:]) for _ in "12"][:2] + found[2:]
        assert found[::2] == ["pack_flipped", "namespace_loss", "restore_over_the_living", "cluster_lost"]

    def test_it_is_read_as_it_was_written(self, tmp_path: Path) -> None:
        found = plan.plan(["namespace_loss", "rows_deleted"], stores=["consul"], repeat=3, asked=DrillOptions(seed=7))
        plan.write(tmp_path, found)
        assert plan.read(tmp_path) == found

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 9}', '{"schema": 1, "asked": {"x": 1}}'])
    def test_a_folder_without_a_plan_is_no_matrix(self, tmp_path: Path, text: str) -> None:
        (tmp_path / plan.FILE).write_text(text)
        with pytest.raises(Misconfigured):
            plan.read(tmp_path)


class Drills:
    """Drills that leave a sample behind, and are noted."""

    def __init__(self, folder: Path, sample: Callable[[Path], Path] = sample_runs.passed) -> None:
        self.folder = folder
        self.sample = sample
        self.made: list[int] = []
        (folder / runner.CELLS).mkdir(parents=True, exist_ok=True)

    def __call__(self, one: Cell) -> RunView:
        self.made.append(one.number)
        return read(self.sample(self.folder / runner.RUNS / f"run-{one.number}"))


class TestWorker:
    def test_workers_start_at_different_cells_and_drill_each_cell_once(self, tmp_path: Path) -> None:
        first, second = Drills(tmp_path), Drills(tmp_path)
        runner.drill_cells(tmp_path, planned(), (1, 2), first)
        runner.drill_cells(tmp_path, planned(), (0, 2), second)
        assert (first.made, second.made) == ([3, 4, 1, 2], [])

    def test_a_cell_of_another_worker_is_skipped(self, tmp_path: Path) -> None:
        drills = Drills(tmp_path)
        other = Lock(tmp_path / runner.CELLS / "2.lock")
        other.acquire("cell 2")
        runner.drill_cells(tmp_path, planned(), (0, 1), drills)
        assert drills.made == [1, 3, 4]
        other.release()
        runner.drill_cells(tmp_path, planned(), (0, 1), drills)
        assert drills.made == [1, 3, 4, 2]

    def test_a_drill_that_broke_is_drilled_again_when_the_matrix_resumes(self, tmp_path: Path) -> None:
        drills = Drills(tmp_path)

        def killed(one: Cell) -> RunView:
            if one.number == 2 and not drills.made.count(2):
                drills.made.append(2)
                raise KeyboardInterrupt
            return drills(one)

        with pytest.raises(KeyboardInterrupt):
            runner.drill_cells(tmp_path, planned(), (0, 1), killed)
        assert runner.table(tmp_path, planned())[1] == 3
        runner.drill_cells(tmp_path, planned(), (0, 1), killed)
        assert drills.made == [1, 2, 2, 3, 4]
        assert runner.table(tmp_path, planned())[1] == 0


def rows(*runs: Path) -> tuple[results.Row, ...]:
    return results.rows(map(results.drilled, runs))


class TestTable:
    def test_a_store_has_the_worst_of_what_concerns_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("harness.checks.judge.is_current", lambda _: True)  # the sample's findings stand
        (row,) = rows(sample_runs.failed(tmp_path / "run"))
        assert row.verdict is Verdict.FAIL
        assert dict(row.by_store)["mysql"] is Verdict.FAIL

    def test_findings_that_the_judge_would_not_make_count_for_nothing(self, tmp_path: Path) -> None:
        run = sample_runs.passed(tmp_path / "run")
        (row,) = rows(run)  # the sample's findings are not made by the judge
        assert row.verdict is Verdict.UNKNOWN
        assert set(dict(row.by_store).values()) == {Verdict.UNKNOWN}

    def test_broken_runs_are_named_each_with_its_reason_and_the_rest_is_shown(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("harness.checks.judge.is_current", lambda _: True)
        names = ("cut", "deep", "good", "pipe", "text")
        for name in names:
            sample_runs.passed(tmp_path / "runs" / name)
        (tmp_path / "runs" / "cut" / "journal.jsonl").write_text('{"seq":1,')
        (tmp_path / "runs" / "deep" / "run.json").write_text("[" * 100_000)
        (tmp_path / "runs" / "pipe" / "findings.json").unlink()
        os.mkfifo(tmp_path / "runs" / "pipe" / "findings.json")
        (tmp_path / "runs" / "text" / "findings.json").write_text("<b>")
        found = rows(*results.all_drills(tmp_path / "runs"))
        assert pages.overall(found, 0) is Verdict.UNKNOWN
        assert sorted(doubt.partition(":")[0] for doubt in pages.doubts(found)) == ["cut", "deep", "pipe", "text"]
        assert sum(row.survival.passed for row in found) == 1
        assert pages.markdown(found, (), 0).count("- not trusted: ") == 4
        pages.write(tmp_path, found, (), 0)
        assert "journal.jsonl, line 1: is cut off in the middle of a line" in (tmp_path / "matrix.html").read_text()

    def test_repeated_drills_are_one_row(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("harness.checks.judge.is_current", lambda _: True)
        (row,) = rows(sample_runs.passed(tmp_path / "one"), sample_runs.failed(tmp_path / "two"))
        assert (row.survival.passed, row.survival.failed, row.verdict) == (1, 1, Verdict.FAIL)
        assert "1 of 2 came back" in pages.markdown((row,), (), 0)

    def test_an_application_has_a_row_for_each_content_of_its_manifests(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("harness.checks.judge.is_current", lambda _: True)
        contents = ({"Job load": "a", "Secret x": "b"}, {"Job load": "c", "Secret x": "b"})
        for number, manifests in enumerate((*contents, contents[1])):
            run = sample_runs.passed(tmp_path / f"run-{number}")
            facts = json.loads((run / "run.json").read_text())
            own = {"application": "shop", "manifests": manifests, "stores": {"shop-mysql": ["mysql-0"]}}
            (run / "run.json").write_text(json.dumps({**facts, **own}))
        found = rows(*(tmp_path / f"run-{number}" for number in range(3)))
        before, after = map(fingerprint_of, contents)
        assert sorted((len(row.runs), row.of) for row in found) == [(1, f"shop {before}"), (2, f"shop {after}")]
        text = pages.markdown(found, (), 0)
        assert "| shop-mysql |" in text
        assert f"- changed manifests: shop {before} became {after} with run-1: Job load" in text
        pages.write(tmp_path, found, (), 0)
        told = json.loads((tmp_path / "matrix.json").read_text())
        assert [each["manifests"] for each in told["rows"] if len(each["runs"]) == 1] == [contents[0]]
        assert wrong("matrix", told) == []
        assert "Job load" in (tmp_path / "matrix.html").read_text()

    def test_a_drill_that_still_runs_or_was_killed_is_named_and_does_not_count(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("harness.checks.judge.is_current", lambda _: True)
        sample_runs.passed(tmp_path / "good")
        for name in ("killed", "torn"):
            run = sample_runs.passed(tmp_path / name)
            (run / "findings.json").unlink()
            lines = (run / "journal.jsonl").read_text().splitlines(keepends=True)
            (run / "journal.jsonl").write_text("".join(lines[:-1]) + (lines[-1][:9] if name == "torn" else ""))
        assert cli.main(["compare", "--runs", str(tmp_path), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert [each.partition(":")[0] for each in told["not_judged"]] == ["killed", "torn"]
        assert wrong("matrix", told) == []
        assert cli.main(["compare", "--runs", str(tmp_path)]) == 0
        assert "- not judged: killed: still runs, or was killed" in capsys.readouterr().out
        ended = sample_runs.passed(tmp_path / "ended")  # it has an end, so somebody took its verdict
        (ended / "findings.json").unlink()
        assert cli.main(["compare", "--runs", str(tmp_path)]) == 2

    def test_a_matrix_that_is_not_whole_is_never_green(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("harness.checks.judge.is_current", lambda _: True)
        found = rows(sample_runs.passed(tmp_path / "one"))
        assert pages.overall(found, 0) is Verdict.PASS
        assert pages.overall(found, 1) is Verdict.UNKNOWN
        assert pages.overall((), 0) is Verdict.UNKNOWN
        assert "- 1 planned drills" in pages.markdown(found, (), 1)

    def test_hostile_names_stay_in_their_cell(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("harness.checks.judge.is_current", lambda _: True)
        found = [replace(each, scenario="a|b<script>\n| x") for each in rows(sample_runs.passed(tmp_path / "one"))]
        assert "| a\\|b&lt;script> \\| x |" in pages.markdown(found, (), 0)
        pages.write(tmp_path, found, [Exclusion("<b>", "|", "\x1b", "why")], 0)
        page = (tmp_path / "matrix.html").read_text()
        assert "<script>" not in page
        assert "<b>" not in page
        assert json.loads((tmp_path / "matrix.json").read_text())["rows"][0]["runs"] == ["one"]


def test_a_worker_that_must_stop_can_clean_up(tmp_path: Path) -> None:
    script = """
import pathlib, signal, sys, threading
home = pathlib.Path(sys.argv[1])
def stop(*_):
    threading.Event().wait(0.3)
    (home / "clean").touch()
    sys.exit()
signal.signal(signal.SIGTERM, stop)
(home / "up").touch()
threading.Event().wait(30)
"""

    def is_up() -> None:
        if not (tmp_path / "up").exists():
            raise NotYet("not up")

    with process.spawn([sys.executable, "-c", script, str(tmp_path)], grace_s=10):
        until(is_up, waited_for="the worker", within_s=10, every_s=0.05)
    assert (tmp_path / "clean").exists()


def test_a_worker_goes_on_where_a_step_of_the_first_ends_all_its_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that failed, or was interrupted, killed the other workers outright; their clusters stayed."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\ntrap 'touch {tmp_path}/clean; exit' TERM\ntouch {tmp_path}/up\nsleep 30 & wait\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))

    def is_up() -> None:
        if not (tmp_path / "up").exists():
            raise NotYet("not up")

    with runner.other_workers(tmp_path, 2, "c"):
        until(is_up, waited_for="the worker", within_s=10, every_s=0.05)
        process.kill_all()
    assert (tmp_path / "clean").exists()
