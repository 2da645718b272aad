"""What hooks and databases printed, from the bundle of a run."""

import os
from pathlib import Path

import pytest
import sample_runs

from harness.evidence import run_view
from harness.reports.printed import printed

LINE = (
    'time="x" level=info msg="{stream}: {text}" backup=velero/b hookCommand="[/bin/sh /scripts/backup.sh]" '
    "hookContainer=db hookPhase=pre\n"
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of which mysql-2 did not pass."""
    return sample_runs.failed(tmp_path / "run")


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def shown(run: Path) -> list[tuple[str, str]]:
    return [(each.source, each.text) for each in printed(run_view.read(run))]


def test_hooks_come_first_without_escapes_and_silence_is_left_out(run: Path) -> None:
    said = LINE.format(stream="stdout", text=r"a dump \"x\" is there\nnothing to do\n")
    log = said + LINE.format(stream="stderr", text="")
    write(run / "bundle/tool/b-logs", log)
    write(run / "bundle/cluster/dump/shop/mysql-2/logs.txt", "".join(f"line {n}\n" for n in range(100)))
    write(run / "bundle/cluster/dump/shop/other-0/logs.txt", "not asked for")
    (hook, text), (pod, lines) = shown(run)
    assert (hook, text) == ("hook in db, stdout: [/bin/sh /scripts/backup.sh]", 'a dump "x" is there\nnothing to do')
    assert pod == "pod mysql-2"
    assert lines.splitlines()[0] == "line 0"
    assert lines.splitlines()[-1] == "line 99"
    assert "75 lines more in bundle/cluster/dump/shop/mysql-2/logs.txt" in lines


def test_no_path_of_this_machine_link_or_pipe_gets_into_a_report(run: Path, tmp_path: Path) -> None:
    write(tmp_path / "secret", LINE.format(stream="stdout", text="secret"))
    write(run / "bundle/cluster/dump/shop/mysql-2/logs.txt", "line\n" * 100)
    (run / "bundle/tool").mkdir()
    (run / "bundle/tool/b-logs").symlink_to(tmp_path / "secret")
    os.mkfifo(run / "bundle/tool/c-logs")
    ((source, lines),) = shown(run)
    assert source == "pod mysql-2"
    assert str(tmp_path) not in lines


def test_long_output_is_cut_and_a_run_without_a_bundle_shows_nothing(run: Path) -> None:
    assert shown(run) == []
    write(run / "bundle/tool/b-logs", LINE.format(stream="stdout", text="x" * 1_000_000))
    ((_, text),) = shown(run)
    assert len(text) < 30_000
