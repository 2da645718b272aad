"""The GitHub Action: its steps are run as a runner runs them, with a drillproof that only says what it was asked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from harness.core import process

ROOT = Path(__file__).parents[2]
FAKE = """#!/bin/sh
printf '%s|' "$@" >>asked
echo >>asked
case "$1" in
  report) echo "## the verdict of $(basename "$2")"; exit "$(cat code)" ;;
  run) mkdir -p reports/runs/r1 && ln -sfn r1 reports/runs/latest; exit "$(cat code)" ;;
  matrix) mkdir -p reports/matrix/m1 && echo "| the table |" >reports/matrix/m1/matrix.md; exit "$(cat code)" ;;
esac
exit 64
"""


@pytest.fixture
def step() -> str:
    """The shell of the step that drills."""
    steps = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    (found,) = (each["run"] for each in steps if each.get("id") == "drill")
    return str(found)


class Runner:
    """A runner's folder."""

    def __init__(self, folder: Path, step: str) -> None:
        self.folder, self.step = folder, step
        program = folder / "drillproof" / "bin" / "drillproof"
        program.parent.mkdir(parents=True)
        program.write_text(FAKE)
        program.chmod(0o755)

    def run(self, code: int, command: str = "run", scenarios: str = "", args: str = "") -> int:
        (self.folder / "code").write_text(f"{code}")
        for name in ("summary", "output", "asked"):
            (self.folder / name).write_text("")
        env = {"COMMAND": command, "SCENARIOS": scenarios, "ARGS": args, "RUNNER_TEMP": str(self.folder)}
        env |= {name: str(self.folder / name[7:].removeprefix("STEP_").lower()) for name in FILES}
        words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", self.step]
        return process.run(words, cwd=self.folder, env=env, check=False).exit_code

    def told(self, name: str) -> str:
        return (self.folder / name).read_text()


FILES = ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")


@pytest.mark.parametrize("code", [0, 1, 2, 64, 130])
def test_the_drills_exit_code_is_the_steps_and_its_summary_is_told(tmp_path: Path, step: str, code: int) -> None:
    runner = Runner(tmp_path, step)
    assert runner.run(code, scenarios="namespace_loss keys_deleted", args="--strategy dump") == code
    assert runner.told("asked").splitlines()[0] == "run|namespace_loss|keys_deleted|--strategy|dump|"
    assert runner.told("summary").startswith("## the verdict of r1\n")
    assert runner.told("output") == f"run={tmp_path / 'reports/runs/r1'}\n"
    assert (f"ended with {code}: 1 is FAIL, 2 UNKNOWN" in runner.told("summary")) is (code != 0)


def test_inputs_may_span_lines(tmp_path: Path, step: str) -> None:
    runner = Runner(tmp_path, step)
    assert runner.run(0, scenarios="namespace_loss\nkeys_deleted\n", args="--strategy dump\n--size\tsmall\n") == 0
    assert runner.told("asked").splitlines()[0] == "run|namespace_loss|keys_deleted|--strategy|dump|--size|small|"


def test_a_matrix_is_told_by_its_table(tmp_path: Path, step: str) -> None:
    runner = Runner(tmp_path, step)
    assert runner.run(2, "matrix") == 2
    assert runner.told("summary").startswith("| the table |\n")
    assert runner.told("output") == "run=reports/matrix/m1/\n"


def test_what_a_user_gives_is_no_shell(tmp_path: Path, step: str) -> None:
    runner = Runner(tmp_path, step)
    runner.run(0, scenarios="$(touch stolen) `touch stolen` ;touch stolen")
    assert not (tmp_path / "stolen").exists()


def test_actions_of_others_are_pinned_by_commit() -> None:
    """A tag can be moved to other code. OWNER/drillproof is this repository: its user says which commit."""
    files = (ROOT / "action.yml", *(ROOT / "examples" / "ci").iterdir(), *(ROOT / "docs").rglob("*.md"))
    used = [line for file in files for line in re.findall(r"uses: *(\S+.*)", file.read_text())]
    others = [line for line in used if not line.startswith("OWNER/drillproof@REF ")]
    assert len(others) >= 4
    assert [line for line in others if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


def test_no_input_is_pasted_into_a_script() -> None:
    steps = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    assert not [each["run"] for each in steps if "${{" in each.get("run", "")]
