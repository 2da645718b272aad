"""Commands that look at what there is: `plan`, `runs`, `open`; their help, and what a shell completes."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
import sample_runs
import typer

from harness.cli import app as cli
from harness.cli import options
from harness.core.model import STEPS, Verdict
from harness.evidence import run_view
from harness.workflows.drill.scenario import WORDS

COMMANDS = typer.main.get_group(cli.app)
"""Every command of ours."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where we are, with a folder of one run that passed."""
    monkeypatch.chdir(tmp_path)
    sample_runs.passed(Path("reports/runs/20260102T030405Z-namespace_loss"))
    Path("reports/runs/latest").symlink_to("20260102T030405Z-namespace_loss")
    return Path("reports/runs")


def test_runs_are_shown_as_they_were_judged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample_runs.broken_off(folder / "20260103T000000Z-namespace_loss")
    assert cli.main(["runs"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("PASS     2026-01-02 03:04  20260102T030405Z-namespace_loss  RTO       57.1 s")
    assert second.startswith("UNKNOWN  2026-01-03 00:00  20260103T000000Z-namespace_loss  RTO            \N{EN DASH}")
    assert cli.main(["runs", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(each["verdict"], each["rto_s"]) for each in told] == [("pass", 57.1), ("unknown", None)]
    assert told[0]["size_bytes"] == sum(path.stat().st_size for path in Path(told[0]["run"]).rglob("*.*"))


@pytest.mark.parametrize("gone", ["findings.json", "journal.jsonl"])
def test_a_run_that_lacks_its_evidence_is_listed_unknown(folder: Path, gone: str) -> None:
    (folder / "latest" / gone).unlink()
    (entry,) = run_view.entries(folder)
    assert (entry.verdict, entry.problem) == (Verdict.UNKNOWN, f"{gone}: is missing")


def test_a_verdict_that_its_findings_do_not_have_is_listed_unknown(folder: Path) -> None:
    failed = sample_runs.failed(folder / "20260104T000000Z-namespace_loss")
    judged = json.loads((failed / "findings.json").read_text())
    (failed / "findings.json").write_text(json.dumps(judged | {"verdict": "pass"}))
    assert [entry.verdict for entry in run_view.entries(folder)] == [Verdict.PASS, Verdict.FAIL]
    assert "verdict is not the worst" in list(run_view.entries(folder))[1].problem


def test_no_runs_and_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["runs", "--runs", str(tmp_path)]) == 0
    assert "drillproof run" in capsys.readouterr().out
    assert cli.main(["runs", "--runs", str(tmp_path / "none")]) == 64
    assert str(tmp_path / "none") in capsys.readouterr().err


def test_open_opens_and_says_where(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    page = (folder / "latest").resolve() / "report.html"
    assert cli.main(["open"]) == 64
    assert "drillproof report latest" in capsys.readouterr().err
    page.write_text("<p>")
    assert cli.main(["open"]) == 0
    assert (capsys.readouterr().out, opened) == (f"{page}\n", [page.as_uri()])


def test_a_plan_says_what_breaks_and_how_long_it_took_before(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = folder / "20260105T000000Z-namespace_loss"
    shutil.copytree(folder / "latest", again)
    assert cli.main(["plan"]) == 0
    told = capsys.readouterr().out
    assert "BREAKS delete-namespace" in told
    assert "2 past runs" in told
    assert cli.main(["plan", "--json", "--stores", "consul"]) == 0
    (planned,) = json.loads(capsys.readouterr().out)
    assert (planned["past_runs"], planned["usual_s"]) == (0, None)
    assert [each["step"] for each in planned["steps"]] == list(STEPS)
    assert [each["breaks"] for each in planned["steps"] if each["breaks"]] == [["delete-namespace"]]


def test_a_plan_guesses_nothing_from_a_run_that_broke_off(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(folder)
    sample_runs.broken_off(folder / "20260105T000000Z-namespace_loss")
    (folder / "20260106T000000Z-namespace_loss").mkdir()
    (folder / "20260106T000000Z-namespace_loss" / "run.json").write_text("[")
    assert cli.main(["plan"]) == 0
    assert str(folder) in capsys.readouterr().out.splitlines()[-1]


def test_every_scenario_can_be_planned(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["list", "--json"])
    names = [each["scenario"] for each in json.loads(capsys.readouterr().out)]
    assert cli.main(["plan", "--json", *names]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert [each["scenario"] for each in planned] == names
    assert all(any(step["breaks"] for step in each["steps"]) for each in planned)
    assert set(WORDS["steps"]) == set(STEPS)


@pytest.mark.parametrize("name", COMMANDS.commands)
def test_every_command_has_examples_that_can_be_copied(name: str) -> None:
    lines = (COMMANDS.commands[name].epilog or "").splitlines()[2:]
    assert lines
    for line in lines:
        program, command, *words = shlex.split(line.partition(" | ")[0].partition(" >")[0])
        assert (program, command) == ("drillproof", name)
        COMMANDS.commands[name].make_context(name, words)  # or it raises what is wrong with them


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("pl", ["plan"]),
        ("run names", ["namespace_loss"]),
        ("run --stores mysql,po", ["mysql,postgres"]),
        ("run --strategy ph", ["physical"]),
        ("matrix --engine velero-k", ["velero-kopia"]),
        ("run --size m", ["medium"]),
        ("run --images p", ["pull"]),
        ("run --after res", ["restore="]),
        ("report --format m", ["markdown"]),
        ("recheck 2", ["20260102T030405Z-namespace_loss"]),
        ("open l", ["latest"]),
        ("recheck nowhere", []),
    ],
)
def test_a_shell_completes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, completed: list[str]
) -> None:
    monkeypatch.setenv("COMP_WORDS", f"drillproof {line}")
    monkeypatch.setenv("COMP_CWORD", str(len(line.split())))
    monkeypatch.setenv("_DRILLPROOF_COMPLETE", "complete_bash")
    assert cli.main([]) == 0
    assert capsys.readouterr().out.split() == completed


def test_help_groups_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    headings = [line[:-1] for line in lines if line.endswith(":") and not line.startswith((" ", "Options"))]
    assert headings == list(options.SECTIONS)
    assert {line.split()[0] for line in lines if line.startswith("  ")} >= set(COMMANDS.commands)


def test_an_old_name_is_no_name_of_a_command() -> None:
    assert not set(cli.RENAMED) & set(COMMANDS.commands)
