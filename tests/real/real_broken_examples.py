"""On a real cluster: an example's backup is broken in the ways that people do; the report leads with the cause.

    make example-broken

It needs what `make drill` needs, and some 15 minutes.
"""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.checks.explanation import Cause, explain
from harness.clusters import local
from harness.core import process
from harness.evidence import run_view
from harness.evidence.run_view import RunView
from harness.reports import summary

NAME = "broken"
ROOT = Path(__file__).parents[2]
POSTGRES, BACKUP, START = "postgres.yaml", "postgres/backup.sh", "postgres/start.sh"

DUMP_AT_START = """sql -d stock -f - </scripts/schema.sql
\t\tas_postgres pg_dumpall -U postgres >/dump/all.sql
"""

Edit = tuple[str, str, str]  # a file of the example, what stands there, and what is put in its place


@dataclass(frozen=True)
class Result:
    exit_code: int
    output: str
    view: RunView | None  # None if the command was refused

    @property
    def causes(self) -> tuple[Cause, ...]:
        assert self.view is not None, self.output
        return explain(self.view.findings)


Drilled = Callable[..., Result]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    found = local.prepare("auto", None, print).cluster(NAME)
    try:
        yield
    finally:
        found.down()


@pytest.fixture
def drilled(tmp_path: Path) -> Drilled:
    """Drills the PostgreSQL of examples/application-by-file with these edits."""

    def drilled(*edits: Edit) -> Result:
        shop = tmp_path / "shop"
        shutil.copytree(ROOT / "examples" / "application-by-file", shop)
        toml = shop / "shop.toml"  # a first new write is waited for as long as the objective allows
        toml.write_text(toml.read_text().replace("rto_s = 600", "rto_s = 150"))
        for name, old, new in edits:
            file = shop / "manifests" / name
            before = file.read_text()
            assert before.count(old) == 1
            file.write_text(before.replace(old, new))
        words = (
            "run",
            "namespace_loss",
            f"--application={shop / 'shop.toml'}",
            "--stores=shop-postgres",
            "--keep",
            "--quiet",
        )
        argv = [sys.executable, "-m", "harness.cli", *words, f"--cluster={NAME}", f"--runs={tmp_path / 'runs'}"]
        with (tmp_path / "log").open("wb") as output, process.spawn(argv, output=output, cwd=ROOT) as started:
            exit_code = started.wait(900)
        found = [*(tmp_path / "runs").glob("2*/findings.json")]
        result = Result(exit_code, (tmp_path / "log").read_text(), run_view.read(found[0].parent) if found else None)
        shown = summary.lines(result.view) if result.view else [result.output]
        sys.stdout.write("\n".join(["", f"exit code {exit_code}", *shown, ""]))
        return result

    return drilled


def test_as_it_is_it_passes(drilled: Drilled) -> None:
    assert drilled().exit_code == 0


def test_a_hook_that_keeps_an_old_dump(drilled: Drilled) -> None:
    result = drilled(
        (START, "sql -d stock -f - </scripts/schema.sql\n", DUMP_AT_START),
        (BACKUP, "rm -f /dump/all.sql\n", "echo 'a dump is there: nothing to do'; exit 0\n"),
    )
    assert result.exit_code == 1
    assert result.causes[0].finding.reason == "OlderStateRestored"
    assert result.view is not None
    assert "a dump is there: nothing to do" in (result.view.run / "report.html").read_text()


def test_a_start_script_that_ignores_the_dump(drilled: Drilled) -> None:
    result = drilled((START, "if [ -s /dump/all.sql ]; then", "if false; then"))
    assert result.exit_code == 1
    assert result.causes[0].finding.reason in {"OlderStateRestored", "DatabaseReinitialised"}
    assert len(result.causes) == 1


def test_a_hook_that_fails(drilled: Drilled) -> None:
    result = drilled((BACKUP, "rm -f /dump/all.sql\n", "echo 'no space for a dump' >&2; exit 3\n"))
    assert result.exit_code == 1
    assert result.causes[0].finding.reason in {"HookFailed", "BackupPartiallyFailed", "VolumeNotBackedUp"}


def test_half_a_dump(drilled: Drilled) -> None:
    result = drilled(
        (BACKUP, "sync /dump/partial\n", "truncate -s 300000 /dump/partial; sync /dump/partial\n"),
        (START, "psql -X -q -v ON_ERROR_STOP=1", "psql -X -q"),
    )
    assert result.exit_code == 1
    layer = {"PartMissing", "PartEmptied", "RowsMissing", "DatabaseReinitialised", "LedgerMissing"}
    assert result.causes[0].finding.reason in layer


def test_a_volume_that_is_not_in_the_backup_is_refused_before_a_cluster_is_made(drilled: Drilled) -> None:
    result = drilled((POSTGRES, "        backup.velero.io/backup-volumes: dump\n", ""))
    assert result.exit_code == 64
    assert result.view is None
    assert "dump" in result.output


def test_a_container_that_crashes_after_the_restore(drilled: Drilled) -> None:
    result = drilled(
        (START, 'echo "start.sh: an empty volume; loading the dump" >&2', "echo 'cannot load' >&2; exit 7")
    )
    assert result.exit_code == 1
    assert_named(result, "cannot load", "restore")


def test_a_container_that_crashes_from_the_start(drilled: Drilled) -> None:
    result = drilled((START, "chown postgres:postgres /data /dump\n", "echo 'no licence' >&2; exit 9\n"))
    assert result.exit_code == 2
    assert_named(result, "no licence", "deploy")


def assert_named(result: Result, printed: str, step: str) -> None:
    """The crash leads, was named with what its container printed, and was not waited out."""
    assert "CrashLooping" in result.causes[0].finding.reasons
    assert result.view is not None
    named = next(event for event in result.view.of("note") if printed in str(event.data))
    start, end = (event.at_s for event in result.view.of("step") if event.data["step"] == step)
    sys.stdout.write(f"named {named.at_s - start:.0f} s after the step began, which ended after {end - start:.0f} s\n")
    assert end - start < 120  # the shortest deadline of such a wait is 150 s
