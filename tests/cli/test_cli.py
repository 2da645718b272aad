"""The command line: exit codes, one line for what is wrong, and nothing on standard output but what was asked for."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import sample_runs
from fakes import stand_in_assembly

from harness.checks import judge
from harness.cli import app as cli
from harness.cli.diagnose import Diagnosis
from harness.core import process, resources
from harness.core.errors import HarnessError, Misconfigured, TimedOut
from harness.core.model import Event, Json
from harness.evidence.signing import keys
from harness.workflows import progress
from harness.workflows.drill.request import Options
from harness.workflows.run_options import Hook

Drill = Callable[[Options, Callable[[Event], None], Callable[[str], None]], Path]
SCENARIO = '''"""{name} goes, and comes back."""
from harness.core.model import Objectives
from harness.workflows.drill.scenario import Scenario


class Fault:
    needs = ()
    name = "{name}"


SCENARIO = Scenario(fault=Fault(), objectives=Objectives(rto_s=600))
'''


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Options]:
    """A folder with one scenario, manifests of one strategy, and drills that only note what was asked of them."""
    seen: list[Options] = []
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "namespace_loss.py").write_text(SCENARIO.format(name="namespace_loss"))
    for store in ("mysql", "postgres", "consul"):
        for folder in ("base", "dump"):
            (tmp_path / "fixtures" / store / folder).mkdir(parents=True)
            (tmp_path / "fixtures" / store / folder / "kustomization.yaml").touch()
    monkeypatch.setattr(resources, "scenarios", lambda: tmp_path / "scenarios")
    monkeypatch.setattr(resources, "fixtures", lambda: tmp_path / "fixtures")
    monkeypatch.setattr(judge, "recheck", lambda run, **_: run / "findings.json")  # the sample's findings stand
    monkeypatch.setattr(judge, "is_current", lambda _run: True)  # as above
    monkeypatch.chdir(tmp_path)
    keys.signer()  # or the first drill would tell that it makes one
    drills(monkeypatch, sample_runs.passed, seen)
    return seen


@pytest.fixture(autouse=True)
def assembly(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Stands in for the module that builds real clusters."""
    stand_in = stand_in_assembly()
    monkeypatch.setitem(sys.modules, "harness.workflows.drill.assembly", stand_in)
    monkeypatch.setattr("harness.workflows.drill.assembly", stand_in, raising=False)
    return stand_in


def drills(monkeypatch: pytest.MonkeyPatch, sample: Callable[[Path], Path], seen: list[Options] | None = None) -> None:
    """Let every drill leave this sample behind."""

    def run_drill(options: Options, on_event: Callable[[Event], None], say: Callable[[str], None]) -> Path:
        if seen is not None:
            seen.append(options)
        say("building image 1 of 9")
        on_event(Event(1, 0, "2026-01-02T03:04:05.000+00:00", "run", {"schema": 1}))
        on_event(Event(2, 12.3, "", "step", {"step": "backup", "phase": "start"}))
        on_event(Event(3, 41.5, "", "backup", {"phase": "Completed", "errors": 0, "warnings": 3}))
        return sample(options.runs / options.scenario.name)

    monkeypatch.setattr("harness.workflows.drill.assembly.run_drill", run_drill, raising=False)


@pytest.mark.parametrize(
    ("sample", "code"), [(sample_runs.passed, 0), (sample_runs.failed, 1), (sample_runs.broken_off, 2)]
)
def test_the_exit_code_is_the_verdict(
    asked: list[Options], monkeypatch: pytest.MonkeyPatch, sample: Callable[[Path], Path], code: int
) -> None:
    drills(monkeypatch, sample)
    assert cli.main(["run", "--quiet"]) == code


@pytest.mark.parametrize("sample", [sample_runs.passed, sample_runs.failed, sample_runs.broken_off])
def test_every_drill_is_signed_at_its_end(
    asked: list[Options],
    monkeypatch: pytest.MonkeyPatch,
    sample: Callable[[Path], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    drills(monkeypatch, sample)
    cli.main(["run", "--quiet"])
    assert cli.main(["verify", "namespace_loss"]) == 0
    assert "(known: own.pub)" in capsys.readouterr().out
    assert cli.main(["report", "namespace_loss"]) in {0, 1, 2}
    assert cli.main(["verify", "namespace_loss"]) == 0


def test_a_key_by_name_signs_and_is_not_known_by_that(asked: list[Options], tmp_path: Path) -> None:
    key = tmp_path / "other.key"
    key.touch(0o600)
    key.write_bytes(keys.fresh().private_bytes)
    assert cli.main(["run", "--quiet", "--key", str(key)]) == 0
    assert cli.main(["verify", "namespace_loss"]) == 2
    assert cli.main(["verify", "namespace_loss", "--key", keys.signer(key).public_key.keyid]) == 0
    assert cli.main(["run", "--quiet", "--key", str(tmp_path / "none.key")]) == 64


def test_run_ends_with_the_verdict_the_numbers_and_the_path(
    asked: list[Options], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["run"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-8].startswith("PASS namespace_loss: ")
    assert out.splitlines()[-1] == "report: reports/runs/namespace_loss/report.html"
    assert Path("reports/runs/namespace_loss/report.html").is_file()
    assert err.splitlines()[0].endswith("s] prepare: building image 1 of 9")
    assert err.splitlines()[1:] == [
        "[   12.3 s] backup: begun",
        "[   41.5 s] backup: the tool says of its backup: Completed, 0 errors, 3 warnings",
    ]


def test_run_says_how_much_longer_by_what_was_drilled_before(
    asked: list[Options], capsys: pytest.CaptureFixture[str]
) -> None:
    sample_runs.passed(Path("reports/runs/20260102T030405Z-namespace_loss"))
    assert cli.main(["run"]) == 0
    assert "backup: begun; about 3 min 34 s left by 1 past run\n" in capsys.readouterr().err


def test_json_is_all_there_is_on_standard_output(asked: list[Options], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "--json", "--quiet"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert (document["verdict"], document["rto_s"], len(document["findings"])) == ("pass", 57.1, 64)
    assert err == ""


def test_json_says_unknown_where_nothing_was_judged(
    asked: list[Options], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drills(monkeypatch, sample_runs.broken_off)
    assert cli.main(["run", "--json", "--quiet"]) == 2
    assert json.loads(capsys.readouterr().out)["verdict"] == "unknown"


def test_what_was_asked_reaches_the_drill(asked: list[Options]) -> None:
    words = (
        "run namespace_loss --stores consul,mysql --seed 7 --size medium --keep --images build --item-block-workers 2"
    )
    hooks = ["--mirror", "mirror.local:5000", "--after", "restore=sql 'a=b'", "--after", "up=x", "--before", "break=y"]
    assert cli.main([*words.split(), *hooks]) == 0
    (options,) = asked
    assert options.stores == ("mysql", "consul")
    assert (options.seed, options.size, options.keep, options.images) == (7, "medium", True, "build")
    assert options.item_block_workers == 2
    assert (options.strategy, options.engine, options.mirror) == ("dump", "velero-restic", "mirror.local:5000")
    assert options.hooks == (
        Hook("before", "break", "y"),
        Hook("after", "restore", "sql 'a=b'"),
        Hook("after", "up", "x"),
    )


EMPTY = (
    *(["gc", option] for option in ("--context", "--cluster", "--kubeconfig", "--config")),
    *(["run", option] for option in ("--context", "--cluster", "--application", "--mirror", "--images")),
    *(["prove", "--bucket", "b", option] for option in ("--context", "--schedule", "--endpoint", "--region")),
    *(["prove", "--bucket", "b", option] for option in ("--cluster", "--credentials", "--mirror")),
    ["prove", "--bucket"],
    ["upload", "latest", "--archive"],
    ["job", "status", "--archive"],
    ["job", "status", "--name"],
)
"""Options that choose a cluster, bucket or folder, given an empty value."""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["run", "namespace_los"],
            "'namespace_los'; did you mean namespace_loss?",
        ),
        (
            ["run", "--stores", "mysql,postgre"],
            "'postgre'; did you mean postgres?",
        ),
        (["run", "--stores", ""], "store ''"),
        (["run", "--strategy", "dmup"], "'dmup'; did you mean dump?"),
        (["run", "--engine", "x"], "'x'"),
        (["run", "--size", "smal"], "'smal'; did you mean small?"),
        (["run", "--after", "restor=x"], "'restor'; did you mean restore?"),
        (["run", "--before", "restore"], "STEP=CMD"),
        (["run", "--before", "restore= "], "STEP=CMD"),
        (["run", "--images", "push"], "'push'"),
        (["run", "--mirror", "https://x"], "--mirror"),
        (["run", "--seed", "x"], "'--seed'"),
        (["run", "--stor", "x"], "--stor"),
        (["run", "--repeat", "0"], "--repeat"),
        (["run", "--rate", "0.5"], "--rate"),
        (["run", "--rate", "nan"], "--rate"),
        (["matrix", "--workers", "0"], "--workers"),
        (["matrix", "--resume", "nowhere"], "nowhere"),
        (["matrix", "--strategy", "dmup"], "'dmup'; did you mean dump?"),
        (["compare", "--runs", "nowhere"], "nowhere"),
        (["recheck"], "RUN"),
        (["recheck", "nowhere"], "nowhere"),
        (["report", "."], "."),
        (["rnu"], "rnu"),
        ([], "--help"),
        (["run", "--runs", ""], "--runs"),
        (["run", "--runs", "scenarios/namespace_loss.py"], "scenarios/namespace_loss.py"),
        (["runs", "--runs", "x" * 300], "--runs"),
        (["run", "--key", ""], "--key"),
        (["trend", "--out", ""], "--out"),
        *(([*words, ""], words[-1]) for words in EMPTY),
        (["tell"], "drillproof notify"),
        (["scheduled", "--", "run"], "drillproof job run"),
        (["attempts", "--name", "weekly"], "drillproof job status"),
        (["archive", "latest"], "drillproof upload"),
        (["fetch"], "drillproof download"),
        (["table"], "drillproof compare"),
        (["selftest", "--real"], "--live"),
        (["migrate", "plan", "--freeze=x"], "--quiesce"),
        (["migrate", "run", "--unfreeze=x"], "--resume"),
    ],
)
def test_wrong_usage_is_one_line_and_64(
    asked: list[Options], capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert cli.main(words) == 64
    out, err = capsys.readouterr()
    assert said in err
    assert (out, len(err.splitlines()), asked) == ("", 1, [])
    assert not Path("reports").exists()


def test_two_scenarios_and_no_name_is_wrong_usage(asked: list[Options], capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy("scenarios/namespace_loss.py", "scenarios/other.py")
    assert cli.main(["run"]) == 64
    assert "namespace_loss, other" in capsys.readouterr().err
    assert cli.main(["run", "other", "namespace_loss", "other", "--quiet"]) == 0
    assert [options.scenario.name for options in asked] == ["other", "namespace_loss"]


def test_the_worst_of_several_drills_decides(asked: list[Options], monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy("scenarios/namespace_loss.py", "scenarios/other.py")
    drills(monkeypatch, lambda run: (sample_runs.broken_off if run.name == "other" else sample_runs.passed)(run))
    assert cli.main(["run", "other", "namespace_loss", "--quiet"]) == 2


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Misconfigured("no engine; install docker"), 64, "drillproof: no engine; install docker\n"),
        (TimedOut("the moon", 5, "clouds"), 2, "reports/runs/error.txt"),
        (ZeroDivisionError("by\nzero"), 2, "ZeroDivisionError: by zero"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_what_stops_a_drill_before_it_began(  # noqa: PLR0917 # fixtures
    asked: list[Options],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    said: str,
) -> None:
    def run_drill(options: Options, on_event: object, say: object) -> Path:
        raise error

    monkeypatch.setattr("harness.workflows.drill.assembly.run_drill", run_drill, raising=False)
    assert cli.main(["run"]) == code
    out, err = capsys.readouterr()
    assert said in err
    assert (out, len(err.splitlines())) == ("", 1)
    assert "Traceback" not in err
    if code == 2:
        assert "Traceback" in Path("reports/runs/error.txt").read_text()


@pytest.mark.parametrize(
    ("error", "code"), [(HarnessError("gone"), 2), (OSError("disk"), 2), (KeyboardInterrupt(), 130)]
)
def test_a_run_that_was_begun_is_rendered_however_it_ends(
    asked: list[Options],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
) -> None:
    drills(monkeypatch, sample_runs.broken_off)
    begin: Drill = sys.modules["harness.workflows.drill.assembly"].run_drill

    def run_drill(options: Options, on_event: Callable[[Event], None], say: Callable[[str], None]) -> Path:
        begin(options, on_event, say)
        raise error

    monkeypatch.setattr("harness.workflows.drill.assembly.run_drill", run_drill, raising=False)
    assert cli.main(["run", "--quiet"]) == code
    run = Path("reports/runs/namespace_loss")
    assert (run / "report.html").is_file()
    assert (run / "error.txt").exists() is (code == 2)
    assert "Traceback" not in "".join(capsys.readouterr())


def test_a_second_signal_does_not_break_the_cleaning_up(
    asked: list[Options], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cleaned = []

    def run_drill(options: Options, on_event: object, say: object) -> Path:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait(5)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            cleaned.append(True)
        raise AssertionError("not interrupted")

    monkeypatch.setattr("harness.workflows.drill.assembly.run_drill", run_drill, raising=False)
    assert (cli.main(["run", "--quiet"]), cleaned) == (130, [True])
    assert "drillproof gc" in capsys.readouterr().err


@pytest.mark.parametrize("broken", [MemoryError(), OSError(28, "No space left on device"), RecursionError()])
def test_what_breaks_while_an_error_is_reported_is_never_a_fail(
    asked: list[Options], monkeypatch: pytest.MonkeyPatch, broken: Exception
) -> None:
    """Python exits with 1, which is FAIL, for all that is raised."""

    def breaks(*_: object) -> str:
        raise broken

    monkeypatch.setattr("harness.workflows.drill.assembly.run_drill", breaks, raising=False)
    monkeypatch.setattr("harness.workflows.runner.keep_traceback", breaks)
    assert cli.main(["run", "--quiet"]) == 2


@pytest.mark.parametrize(("words", "code"), [(["recheck", "nowhere"], 64), (["runs", "--runs", "."], 2)])
def test_a_full_log_disk_is_never_a_fail(tmp_path: Path, words: list[str], code: int) -> None:
    command = ["sh", "-c", '"$@" >/dev/full 2>/dev/full', "sh", sys.executable, "-m", "harness.cli", *words]
    env = {"PYTHONPATH": str(Path(cli.__file__).parents[2])}
    assert process.run(command, check=False, cwd=tmp_path, env=env).exit_code == code


def test_a_broken_installation_is_never_a_fail(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise ImportError")
    env = {"PYTHONPATH": f"{tmp_path}:{Path(cli.__file__).parents[2]}"}
    assert process.run([sys.executable, "-m", "harness.cli", "list"], check=False, env=env).exit_code == 2


def test_a_traceback_goes_where_the_runs_are(
    asked: list[Options], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(*_: object, **__: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr("harness.workflows.drill.request.options", breaks)
    assert cli.main(["run", "--runs", "elsewhere"]) == 2
    assert "ZeroDivisionError" in Path("elsewhere/error.txt").read_text()
    assert "elsewhere/error.txt" in capsys.readouterr().err
    assert not Path("reports").exists()


PATHS = ("x" * 300, "scenarios/namespace_loss.py/x", "/dev/null/x", "scenarios", "nowhere/x", "new\nline", "")
COMMANDS = (
    *(["run", option] for option in ("--runs", "--key", "--application")),
    *([command, "latest", "--runs"] for command in ("recheck", "report", "bundle", "open", "verify")),
    *([command] for command in ("recheck", "report", "bundle", "open", "verify", "detect", "verify latest --key")),
    *([command, "--runs"] for command in ("runs", "compare", "trend", "plan")),
    *(["matrix", option] for option in ("--into", "--resume")),
    ["bundle", "latest", "--out"],
    ["trend", "--runs", ".", "--out"],
    ["job", "status", "--folder"],
    *(["migrate", verb] for verb in ("start", "back", "back latest --runs", "back latest --config")),
)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_bad_path_is_no_internal_error(
    asked: list[Options], capsys: pytest.CaptureFixture[str], words: list[str], path: str
) -> None:
    code = cli.main([*" ".join(words).split(), path])
    out, err = capsys.readouterr()
    assert code in {0, 2, 64}
    assert "internal error" not in err
    assert not list(Path().rglob("error.txt"))
    assert code == 0 or len(err.splitlines()) == 1 or out


def test_anothers_run_is_never_taken_for_ours(asked: list[Options], monkeypatch: pytest.MonkeyPatch) -> None:
    def run_drill(options: Options, on_event: Callable[[Event], None], say: object) -> Path:
        sample_runs.passed(options.runs / "another")
        (options.runs / "latest").symlink_to("another")
        on_event(Event(1, 0.1, "2026-01-02T03:04:05.000+00:00", "run", {"schema": 1}))
        raise HarnessError("broke")

    monkeypatch.setattr("harness.workflows.drill.assembly.run_drill", run_drill, raising=False)
    assert cli.main(["run", "--quiet"]) == 2
    assert not Path("reports/runs/another/report.html").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_an_interruption(
    asked: list[Options], monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def run_drill(options: Options, on_event: object, say: object) -> Path:
        os.kill(os.getpid(), number)
        threading.Event().wait(5)
        raise AssertionError("not interrupted")

    monkeypatch.setattr("harness.workflows.drill.assembly.run_drill", run_drill, raising=False)
    earlier = signal.signal(number, signal.SIG_DFL)  # these tests may themselves run under nohup
    try:
        assert cli.main(["run", "--quiet"]) == 130
    finally:
        signal.signal(number, earlier)


def test_nohup_is_heeded(asked: list[Options], monkeypatch: pytest.MonkeyPatch) -> None:
    def run_drill(options: Options, on_event: object, say: object) -> Path:
        os.kill(os.getpid(), signal.SIGHUP)
        return sample_runs.passed(options.runs / options.scenario.name)

    monkeypatch.setattr("harness.workflows.drill.assembly.run_drill", run_drill, raising=False)
    earlier = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert cli.main(["run", "--quiet"]) == 0
    finally:
        signal.signal(signal.SIGHUP, earlier)


def test_recheck_and_report_find_a_run_by_name_path_or_latest(asked: list[Options]) -> None:
    cli.main(["run", "--quiet"])
    Path("reports/runs/latest").symlink_to("namespace_loss")
    for name in ("latest", "namespace_loss", "reports/runs/namespace_loss"):
        assert cli.main(["recheck", name]) == 0
        assert cli.main(["report", name]) == 0


def test_recheck_of_a_truncated_run_is_unknown_and_names_the_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = sample_runs.passed(tmp_path / "run")
    journal = run / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    lines = len(journal.read_text().splitlines())
    assert cli.main(["recheck", str(run)]) == 2
    assert f"journal.jsonl, line {lines}: is cut off" in capsys.readouterr().out


def test_a_run_that_cannot_be_written_is_unknown_in_one_line(
    asked: list[Options], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = sample_runs.passed(tmp_path / "run")
    (run / "report.html").mkdir()  # a file permission would not stop root
    assert cli.main(["recheck", str(run)]) == 2
    assert capsys.readouterr().err == f"drillproof: UNKNOWN: cannot write the evidence into {run}: Is a directory\n"


def test_list_shows_every_scenario(asked: list[Options], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list"]) == 0
    assert capsys.readouterr().out.startswith("namespace_loss  namespace_loss goes, and comes back.\n")
    assert cli.main(["list", "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert (shown["scenario"], shown["objectives"]) == ("namespace_loss", {"rto_s": 600, "rpo_s": None})


def test_doctor_says_how_to_fix_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    good = Diagnosis("disk", ok=True, detail="50 GB free", fix="")
    bad = Diagnosis("engine", ok=False, detail="no Docker", fix="install docker.io")
    monkeypatch.setattr("harness.cli.diagnose.diagnose", lambda: (good, bad), raising=False)
    assert cli.main(["doctor"]) == 64
    assert capsys.readouterr().out.splitlines() == [
        "ok    disk: 50 GB free",
        "FIX   engine: no Docker",
        "      install docker.io",
    ]
    monkeypatch.setattr("harness.cli.diagnose.diagnose", lambda: (good,), raising=False)
    assert cli.main(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["ok"] is True


def test_gc_says_what_it_removed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("harness.clusters.gc.gc", lambda: ("container x", "network y"), raising=False)
    assert cli.main(["gc"]) == 0
    assert capsys.readouterr().out == "container x\nnetwork y\n"
    monkeypatch.setattr("harness.clusters.gc.gc", tuple, raising=False)
    cli.main(["gc"])
    assert len(capsys.readouterr().out.splitlines()) == 1
    monkeypatch.setattr("harness.clusters.gc.gc_cluster", lambda name: f"cluster {name}: gone", raising=False)
    assert cli.main(["gc", "--cluster", "one"]) == 0
    assert capsys.readouterr().out == "cluster one: gone\n"
    assert cli.main(["gc", "--cluster", "one", "--context", "staging"]) == 64
    assert "--context" in capsys.readouterr().err


def test_help_loads_no_client_library() -> None:
    heavy = "{'boto3', 'pymysql', 'jinja2', 'rich'}"
    shown = f"print(sorted({heavy} & set(sys.modules)))"
    code = f"import sys; from harness.cli.app import main; main(['run', '-h']); {shown}"
    assert process.run([sys.executable, "-c", code]).stdout.splitlines()[-1] == "[]"


def test_every_kind_of_event_that_people_watch_has_words() -> None:
    lines: list[str] = []
    show = progress.Progress(lines.append)
    for n, event in enumerate(EVENTS, 1):
        show(Event(n, 60.0 * n, "", event[0], event[1]))
    assert lines == [
        "[   60.0 s] up: begun",
        "[  120.0 s] up: done after 60.0 s",
        "[  180.0 s] up: T3: the damage was seen",
        "[  240.0 s] up: read mysql-0: 2 parts, 1,003 rows",
        "[  300.0 s] up: mysql-1 is not well: lag 9",
        "[  420.0 s] up: 5 objects, 2.5 MB seen in the bucket",
        "[  480.0 s] up: damage seen: volumes: 9 of 9 gone",
        "[  540.0 s] up: new write on mysql NOT committed",
        "[  600.0 s] up: \\x1b[31mhello",
        "[  660.0 s] up: TimedOut: too long",
        "[  780.0 s] restore: begun",
        "[  840.0 s] restore: FAILED after 60.0 s",
    ]


EVENTS: list[tuple[str, dict[str, Json]]] = [
    ("step", {"step": "up", "phase": "start"}),
    ("step", {"step": "up", "phase": "end"}),
    ("mark", {"mark": "T3"}),
    ("digest", {"member": "mysql-0", "parts": {"a": {"rows": 1000, "hash": ""}, "b": {"rows": 3, "hash": ""}}}),
    ("health", {"member": "mysql-1", "ok": False, "detail": "lag 9"}),
    ("health", {"member": "mysql-0", "ok": True, "detail": ""}),
    ("stored", {"objects": 5, "bytes": 2_500_000}),
    ("damage", {"what": {"volumes": "9 of 9 gone"}}),
    ("write", {"store": "mysql", "committed": False}),
    ("note", {"text": "\x1b[31mhello"}),
    ("error", {"type": "TimedOut", "message": "too long"}),
    ("volumes", {"volumes": []}),
    ("step", {"step": "restore", "phase": "start"}),
    ("step", {"step": "restore", "phase": "failed"}),
]


def test_a_terminal_gets_a_live_view() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    with progress.watch(terminal) as listen:
        for n, event in enumerate(EVENTS, 1):
            listen(Event(n, 60.0 * n, "", event[0], event[1]))
    assert "restore" in terminal.getvalue()
    assert "\x1b[31mhello" not in terminal.getvalue()


def test_repeated_drills_tell_how_often_they_came_back(
    asked: list[Options], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["run", "--quiet", "--repeat", "2"]) == 0
    assert len(asked) == 2
    assert capsys.readouterr().out.splitlines()[-1].startswith("namespace_loss: 2 of 2 came back (100%; with 95%")
    assert cli.main(["run", "--quiet", "--json", "--repeat", "2"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["scenario"], last["passed"], last["interval"][1]) == ("namespace_loss", 2, 1.0)


def test_a_matrix_drills_its_plan_and_goes_on_where_it_was(
    asked: list[Options], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(judge, "is_current", lambda _: True)
    assert cli.main(["matrix", "--quiet"]) == 0
    out = capsys.readouterr().out
    (folder,) = Path("reports/matrix").iterdir()
    assert "| namespace_loss | dump | velero-restic | ✓ PASS |" in out
    assert out.splitlines()[-1] == f"matrix: {folder / 'matrix.html'}"
    assert cli.main(["matrix", "--quiet", "--resume", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "pass"
    assert len(asked) == 1  # nothing was left to drill
    assert cli.main(["compare", "--runs", str(folder / "runs")]) == 0


def test_a_plan_is_told_without_a_drill(asked: list[Options], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["matrix", "--plan", "--stores", "consul"]) == 0
    assert capsys.readouterr().out == "namespace_loss: dump, velero-restic, consul\n"
    assert cli.main(["matrix", "--plan", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cells"][0]["scenario"] == "namespace_loss"
    assert (asked, Path("reports/matrix").exists()) == ([], False)
