"""A job that nobody watches: whatever happens to an attempt is written down, told, and never green."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import exposition
import pytest
import signed_runs
from object_store import ObjectStore, serve
from receiver import Receiver, listening
from schemas import wrong
from signed_runs import SignedRuns

from harness.backups.bucket_reader import BucketLocation, Credentials
from harness.campaigns.schedule import attempt as attempts
from harness.campaigns.schedule import attempt_log
from harness.campaigns.schedule import job as jobs
from harness.campaigns.schedule.archive import Archive
from harness.campaigns.schedule.job import Job
from harness.campaigns.schedule.notification import Webhook
from harness.cli import app as cli
from harness.clusters.lock import Lock
from harness.core import process
from harness.core.errors import Interrupted
from harness.core.model import Json, Verdict
from harness.evidence.signing import keys
from harness.evidence.signing.statement import Statement, seal

WEEK = timedelta(days=7)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as found:
        yield found


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    with serve() as found:
        yield found


class Weekly:
    """A job whose command leaves copies of a signed run, and says what it is told to."""

    def __init__(self, runs: SignedRuns, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.signed = runs
        self.said: list[str] = []
        self.job = Job("weekly", ("run",), folder / "weekly", WEEK, timedelta(hours=6))
        self._monkeypatch = monkeypatch

    def will(self, code: int | None, *, verdict: str = "", says: str = "all is said") -> None:
        """What the command does when it is called."""

        def supervise(
            argv: list[str], *, listen: Callable[[str], None], env: dict[str, str], **limits: float
        ) -> int | None:
            assert argv[1:] == ["-P", "-m", "harness.cli", "run"]
            assert limits == {"within_s": 21600, "grace_s": 900}
            assert env["DRILLPROOF_RUNS"] == str(self.job.runs)
            if verdict:
                self.signed.runs = self.job.runs
                self.job.runs.mkdir(exist_ok=True)
                self.signed.add(len(list(self.job.runs.iterdir())), verdict=verdict, key=keys.signer())
            listen(says)
            return code

        self._monkeypatch.setattr("harness.core.process.supervise", supervise)

    def attempt(self) -> attempts.Attempt:
        """Run it."""
        return jobs.attempt(self.job, self.said.append)

    def change(self, **fields: object) -> None:
        """Change the job."""
        self.job = Job(**{**vars(self.job), **fields})

    def known(self) -> list[attempts.Attempt]:
        """What was written down."""
        found = read(attempt_log.files(self.job.attempts))
        assert found.problems == ()
        return list(found.attempts)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return signed_runs.good(tmp_path_factory.mktemp("good"))


@pytest.fixture
def weekly(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weekly:
    found = Weekly(SignedRuns(good, tmp_path, keys.fresh(), monkeypatch), tmp_path, monkeypatch)
    found.will(0, verdict="pass")
    return found


def save(folder: Path, attempt: attempts.Attempt, key: keys.PrivateKey | None = None) -> bytes:
    """Write an attempt down, by the user's own key if no other is named."""
    return attempt_log.save(folder, attempt, key or keys.signer())


def note(store: ObjectStore, attempt: attempts.Attempt, scratch: Path) -> None:
    """Write down in the archive what another machine did, that has the same key."""
    archive(store).open(write=True)
    archive(store).note(attempt.job, attempt.file, save(scratch, attempt))


def read(*places: attempt_log.Files) -> attempt_log.History:
    return attempt_log.history("weekly", places, keys.believed())


def archived(store: ObjectStore) -> tuple[attempts.Attempt, ...]:
    found = read(archive(store).attempts("weekly"))
    assert found.problems == ()
    return found.attempts


def archive(store: ObjectStore) -> Archive:
    return Archive(BucketLocation("theirs", "dr", store.url), Credentials("key", "other-secret"), keys.signer(), ())


def test_what_passed_is_kept_and_told(weekly: Weekly, store: ObjectStore, receiver: Receiver, tmp_path: Path) -> None:
    weekly.change(
        archive=archive(store), retain=WEEK, webhook=Webhook(receiver.url), prometheus=tmp_path / "weekly.prom"
    )
    made = weekly.attempt()
    assert (made.how, made.verdict, made.exit_code, made.troubles, made.missed) == ("ended", Verdict.PASS, 0, (), "")
    assert jobs.exit_code(made) == 0
    assert weekly.known() == [made]
    assert store.under(f"dr/runs/{made.runs[0]}/")
    assert archived(store) == (made,)
    (told,) = receiver.documents
    assert wrong("message", told) == []
    assert told["text"].startswith("PASS weekly; PASS memory_loss, RTO")
    assert told["text"].endswith("Members equal 3 of 3")  # as its report has it
    assert told["runs"][0]["run"] == made.runs[0]
    assert told["archive"] == archive(store).place.name
    metrics = (tmp_path / "weekly.prom").read_text()
    assert made.ended
    assert exposition.value(metrics, "drillproof_job_verdict", job_name="weekly", verdict="pass") == 1
    assert exposition.value(metrics, "drillproof_job_last_pass_timestamp_seconds") == made.ended.timestamp()
    assert exposition.value(metrics, "drillproof_job_expected_interval_seconds", job_name="weekly") == 604800


ENDS = (
    (1, "fail", Verdict.FAIL, 1),
    (2, "unknown", Verdict.UNKNOWN, 2),
    (0, "fail", Verdict.FAIL, 1),  # the evidence says worse than the command
    (0, "unknown", Verdict.UNKNOWN, 2),
    (1, "pass", Verdict.FAIL, 1),  # the command says worse than the evidence
    (2, "pass", Verdict.UNKNOWN, 2),
    (0, "", Verdict.UNKNOWN, 2),  # nothing was left that shows it
    (1, "", Verdict.UNKNOWN, 2),
    (-9, "pass", Verdict.UNKNOWN, 2),
    (3, "", Verdict.UNKNOWN, 2),
)


@pytest.mark.parametrize("row", ENDS)
def test_the_worse_of_command_and_evidence_counts(
    weekly: Weekly, receiver: Receiver, row: tuple[int, str, Verdict, int]
) -> None:
    code, left, verdict, ends = row
    weekly.change(webhook=Webhook(receiver.url))
    weekly.will(code, verdict=left, says="UNKNOWN: no room")
    made = weekly.attempt()
    assert (made.how, made.verdict, jobs.exit_code(made)) == ("ended", verdict, ends)
    assert made.detail
    (told,) = receiver.documents
    assert told["verdict"] == verdict.value
    assert wrong("message", told) == []


def test_one_that_is_wrongly_asked_says_so(weekly: Weekly, receiver: Receiver) -> None:
    weekly.change(webhook=Webhook(receiver.url))
    weekly.will(64, says="drillproof: unknown scenario 'x'")
    made = weekly.attempt()
    assert (made.how, made.verdict, jobs.exit_code(made)) == ("refused", Verdict.UNKNOWN, 64)
    assert "unknown scenario" in receiver.documents[0]["text"]


def test_one_that_is_stuck_is_unknown_and_what_it_left_is_kept(
    weekly: Weekly, store: ObjectStore, receiver: Receiver
) -> None:
    weekly.change(archive=archive(store), webhook=Webhook(receiver.url))
    weekly.will(None, verdict="pass", says="waiting for MySQL")
    made = weekly.attempt()
    assert (made.how, made.verdict, jobs.exit_code(made)) == ("stuck", Verdict.UNKNOWN, 2)
    assert "waiting for MySQL" in receiver.documents[0]["text"]
    assert store.under(f"dr/runs/{made.runs[0]}/")


def test_metrics_that_cannot_be_written_do_not_stop_the_drill(weekly: Weekly, tmp_path: Path) -> None:
    weekly.change(prometheus=tmp_path / "gone" / "weekly.prom")
    made = weekly.attempt()
    assert (made.how, made.verdict, jobs.exit_code(made)) == ("ended", Verdict.PASS, 0)
    assert any("gone" in each for each in made.troubles)


def test_one_while_another_runs_is_skipped_told_and_not_green(
    weekly: Weekly, receiver: Receiver, tmp_path: Path
) -> None:
    weekly.change(webhook=Webhook(receiver.url), prometheus=tmp_path / "weekly.prom")
    first = weekly.attempt()
    lock = Lock(weekly.job.folder / "lock")
    lock.acquire("")
    made = weekly.attempt()
    lock.release()
    assert (made.how, made.verdict, jobs.exit_code(made)) == ("skipped", Verdict.UNKNOWN, 2)
    assert weekly.known() == [first, made]
    told = receiver.documents[-1]
    assert told["text"].startswith("UNKNOWN weekly: ")
    assert wrong("message", told) == []
    metrics = (tmp_path / "weekly.prom").read_text()
    assert exposition.value(metrics, "drillproof_job_attempts", how="skipped") == 1
    assert exposition.value(metrics, "drillproof_job_verdict", verdict="pass") == 1  # of the one that ended


def test_one_of_another_machine_that_runs_is_seen(weekly: Weekly, store: ObjectStore, tmp_path: Path) -> None:
    weekly.change(archive=archive(store))
    note(store, replace(attempts.begin("weekly", WEEK), name="00000000T000000Z"), tmp_path)
    made = weekly.attempt()
    assert (made.how, jobs.exit_code(made)) == ("skipped", 2)
    assert [each.how for each in archived(store)] == ["running", "skipped"]


def test_one_of_another_machine_that_died_long_ago_holds_nobody_up(
    weekly: Weekly, store: ObjectStore, tmp_path: Path
) -> None:
    weekly.change(archive=archive(store))
    old = replace(attempts.begin("weekly", WEEK), name="0", began=datetime.now(UTC) - timedelta(hours=7))
    note(store, old, tmp_path)
    made = weekly.attempt()
    assert made.how == "ended"
    assert attempts.HOW[attempts.DIED] in made.missed
    assert [each.how for each in archived(store)] == ["died", "ended"]


def test_what_was_missed_is_told(weekly: Weekly, receiver: Receiver) -> None:
    weekly.change(webhook=Webhook(receiver.url))
    old = attempts.begin("weekly", WEEK)
    began = old.began - timedelta(days=16)
    save(weekly.job.attempts, replace(old, name="0", began=began, ended=began, how="ended"))
    made = weekly.attempt()
    assert made.missed == "last ran 16 days ago, expected every 7 days: 1 attempt missed"
    assert made.missed in receiver.documents[0]["text"]
    assert weekly.attempt().missed == ""


def test_one_that_died_is_told_once(weekly: Weekly) -> None:
    save(weekly.job.attempts, attempts.begin("weekly", WEEK))
    assert attempts.HOW[attempts.DIED] in weekly.attempt().missed
    assert weekly.attempt().missed == ""
    assert sorted(each.how for each in weekly.known()) == ["died", "ended", "ended"]


def test_each_follows_those_before_it_and_one_that_was_taken_out_is_told(
    weekly: Weekly, receiver: Receiver, tmp_path: Path
) -> None:
    weekly.change(webhook=Webhook(receiver.url), prometheus=tmp_path / "weekly.prom")
    first = weekly.attempt()
    second = weekly.attempt()
    assert set(second.after) == {first.file}
    metrics = tmp_path / "weekly.prom"
    assert exposition.value(metrics.read_text(), "drillproof_job_attempts_not_believed") == 0
    (weekly.job.attempts / first.file).unlink()
    third = weekly.attempt()
    assert f"{first.file} is missing; {second.name} followed it" in third.missed
    assert third.missed in receiver.documents[-1]["text"]
    assert third.verdict is Verdict.PASS  # it is what it is; `job status` is not green
    assert set(third.after) == {second.file}
    assert exposition.value(metrics.read_text(), "drillproof_job_attempts_not_believed") == 1


def test_a_file_that_is_no_attempt_stops_no_drill(weekly: Weekly) -> None:
    weekly.job.attempts.mkdir(parents=True)
    (weekly.job.attempts / "x.json").write_text("{}")
    made = weekly.attempt()
    assert (made.verdict, jobs.exit_code(made)) == (Verdict.PASS, 0)
    assert "x.json is not signed" in made.missed


def test_machines_follow_one_another_through_the_archive(weekly: Weekly, store: ObjectStore, tmp_path: Path) -> None:
    weekly.change(archive=archive(store))
    first = weekly.attempt()
    weekly.change(folder=tmp_path / "a pod, which keeps nothing")
    second = weekly.attempt()
    assert set(second.after) == {first.file}
    assert archived(store) == (first, second)


def test_an_end_that_could_not_be_noted_is_noted_by_the_next(weekly: Weekly, store: ObjectStore) -> None:
    weekly.change(archive=archive(store))
    first = weekly.attempt()
    began = replace(first, how="running", ended=None, verdict=Verdict.UNKNOWN)
    file = first.file
    kept = attempt_log.files(weekly.job.attempts)[file]
    archive(store).note("weekly", file, save(weekly.job.attempts, began))
    (weekly.job.attempts / file).write_bytes(kept)
    second = weekly.attempt()
    assert second.missed == ""
    assert archived(store) == (first, second)


def test_what_is_past_its_time_is_taken_out_of_the_archive_and_missed_by_nobody(
    weekly: Weekly, store: ObjectStore, tmp_path: Path
) -> None:
    weekly.change(archive=archive(store), retain=WEEK)
    now = attempts.begin("weekly", WEEK)
    for days in (9, 8, 6):
        began = now.began - timedelta(days=days)
        old = replace(now, name=f"{attempts.stamp(began)}-{days}", began=began, ended=began, how="ended")
        note(store, replace(old, after=read(archive(store).attempts("weekly")).heads), tmp_path)
    made = weekly.attempt()
    assert made.missed == ""
    assert [each.name[-1:] for each in archived(store)][:-1] == ["6"]
    assert archived(store)[-1] == made


def test_an_interruption_is_written_down_and_told(
    weekly: Weekly, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    weekly.change(webhook=Webhook(receiver.url))
    monkeypatch.setattr("harness.core.process.supervise", interrupted)
    with pytest.raises(Interrupted):
        weekly.attempt()
    (made,) = weekly.known()
    assert (made.how, made.verdict) == ("interrupted", Verdict.UNKNOWN)
    assert receiver.documents[0]["verdict"] == "unknown"


def test_a_webhook_that_fails_changes_no_verdict_and_is_said(
    weekly: Weekly, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answers = [403]
    weekly.change(webhook=Webhook(receiver.url), prometheus=tmp_path / "weekly.prom")
    made = weekly.attempt()
    assert (made.verdict, jobs.exit_code(made)) == (Verdict.PASS, 0)
    assert "it answered 403" in made.troubles[0]
    assert weekly.known() == [made]
    assert any("it answered 403" in line for line in weekly.said)
    assert "hush" not in "".join(weekly.said)
    assert exposition.value((tmp_path / "weekly.prom").read_text(), "drillproof_job_troubles") == 1


def test_evidence_that_could_not_be_kept_is_not_green(weekly: Weekly, store: ObjectStore, receiver: Receiver) -> None:
    weekly.change(archive=archive(store), retain=WEEK, webhook=Webhook(receiver.url))
    supervise = process.supervise

    def breaks(*words: object, **more: object) -> int | None:
        code: int | None = supervise(*words, **more)  # type: ignore[arg-type] # as it was called
        store.refuses["PUT"] = "AccessDenied"
        return code

    weekly._monkeypatch.setattr("harness.core.process.supervise", breaks)
    made = weekly.attempt()
    assert (made.verdict, jobs.exit_code(made)) == (Verdict.PASS, 2)
    assert made.troubles[0].startswith("not archived: ")
    assert "not archived: " in receiver.documents[0]["text"]


def test_an_archive_that_cannot_be_written_stops_it_before_it_begins(
    weekly: Weekly, store: ObjectStore, receiver: Receiver
) -> None:
    store.refuses["PUT"] = "AccessDenied"
    weekly.change(archive=archive(store), retain=WEEK, webhook=Webhook(receiver.url))
    made = weekly.attempt()
    assert (made.how, jobs.exit_code(made), made.runs) == ("refused", 64, ())
    assert "s3:PutObject" in receiver.documents[0]["text"]


# ---------------------------------------------------------------- the command


def scheduled(*words: str) -> int:
    return cli.main(["job", "run", *words])


WRONG = (
    (["--", "list"], "unknown command of a job"),
    (["--", "run", "--runs", "x"], "leave out --runs"),
    (["--name", "Weekly", "--", "run"], "--name"),
    (["--name", "a/b", "--", "run"], "--name"),
    (["--every", "weekly", "--", "run"], "--every 'weekly'"),
    (["--within", "0h", "--", "run"], "--within '0h'"),
    (["--retain", "9d", "--", "run"], "--archive"),
    (["--webhook", "x", "--", "run"], "--webhook"),
    (["--webhook-secret", "x", "--", "run"], "--webhook"),
    (["--prometheus", "/nowhere/x.prom", "--", "run"], "/nowhere"),
    (["--prometheus", "x.txt", "--", "run"], ".prom"),
    (["--archive", "/", "--", "run"], "NAME/PREFIX"),
    (["--folder", "/dev/null", "--", "run"], "--folder"),
)


@pytest.mark.parametrize(("words", "said"), WRONG)
def test_what_makes_no_sense_is_one_line(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert scheduled(*words) == 64
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_real_command_that_is_wrongly_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scheduled("--folder", str(tmp_path), "--", "run", "no-such-scenario") == 64
    err = capsys.readouterr().err
    assert "unknown scenario 'no-such-scenario'" in err
    (file,) = (tmp_path / "drillproof" / "attempts").iterdir()
    payload = base64.b64decode(json.loads(file.read_text())["payload"])
    assert json.loads(payload)["predicate"]["how"] == "refused"


# ---------------------------------------------------------------- supervising

SLEEPS = "import signal, sys, time\n{}print('up', file=sys.stderr, flush=True)\ntime.sleep(60)"
CLEANS = "signal.signal(signal.SIGTERM, lambda *_: (print('cleaned', file=sys.stderr, flush=True), sys.exit(3)))\n"
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"


@pytest.mark.parametrize(("way", "said"), [(CLEANS, ["up", "cleaned"]), (DEAF, ["up"])])
def test_one_that_is_out_of_time_may_clean_up_and_then_is_killed(way: str, said: list[str]) -> None:
    heard: list[str] = []
    argv = [sys.executable, "-c", SLEEPS.format(way)]
    assert process.supervise(argv, within_s=2, grace_s=1, listen=heard.append) is None
    assert heard == said


def test_its_exit_code_and_what_it_says(capfd: pytest.CaptureFixture[str]) -> None:
    heard: list[str] = []
    argv = [sys.executable, "-c", "import os, sys; print(os.environ['X']); print('no', file=sys.stderr); sys.exit(7)"]
    assert process.supervise(argv, within_s=20, grace_s=1, listen=heard.append, env={"X": "told"}) == 7
    assert heard == ["no"]
    assert capfd.readouterr().out == "told\n"


# ---------------------------------------------------------------- attempts


def test_an_attempt_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = replace(attempts.begin("weekly", WEEK), how="stuck", runs=("a",), troubles=("b",), exit_code=2)
    save(tmp_path, made)
    assert read(attempt_log.files(tmp_path)).attempts == (made,)


@pytest.mark.parametrize("change", [{"how": "skipped"}, {"how": "well"}, {"verdict": "good"}, {"began": "soon"}])
def test_one_that_cannot_be_is_not_believed(change: dict[str, Json]) -> None:
    """A PASS of an attempt that was skipped, above all."""
    made = replace(attempts.begin("weekly", WEEK), how="ended", verdict=Verdict.PASS)
    impossible = seal(Statement(attempt_log.KIND, {}, {**attempts.document(made), **change}), keys.signer())
    found = read({made.file: impossible})
    assert found.attempts == ()
    assert "was edited" in found.doubt


LATE = (
    (1, ""),
    (10, ""),
    (11, "last ran 11 days ago, expected every 7 days: 1 attempt missed"),
    (30, "3 attempts missed"),
)


@pytest.mark.parametrize(("days", "said"), LATE)
def test_when_a_job_is_overdue(days: int, said: str) -> None:
    last = attempts.begin("weekly", WEEK)
    told = attempts.overdue([last], WEEK, last.began + timedelta(days=days))
    assert told.endswith(said)
    assert bool(told) == bool(said)


def test_what_was_skipped_is_no_sign_of_life() -> None:
    last = attempts.begin("weekly", WEEK)
    skipped = replace(last, how="skipped", began=last.began + timedelta(days=14))
    assert attempts.overdue([last, skipped], WEEK, last.began + timedelta(days=15))


def test_what_a_job_is_worth_is_seen_from_outside(
    weekly: Weekly, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ("job", "status", "--name", "weekly", "--folder", str(tmp_path))
    assert cli.main([*folder]) == 2
    assert "UNKNOWN weekly: no attempt has ended yet" in capsys.readouterr().out
    weekly.attempt()
    assert cli.main([*folder]) == 0
    (made,) = weekly.known()
    old = replace(made, name="0", began=made.began - timedelta(days=16), verdict=Verdict.FAIL)
    save(weekly.job.attempts, old)
    assert cli.main([*folder, "--json"]) == 0
    assert [each["attempt"] for each in json.loads(capsys.readouterr().out.splitlines()[-1])["attempts"]] == [
        "0",
        made.name,
    ]


def test_attempts_and_trend_agree(
    weekly: Weekly, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A drill that silently stopped is green in neither, nor one whose last attempt left no run."""
    name = ["--name", "weekly", "--folder", str(tmp_path)]
    page = ["trend", "--runs", str(weekly.job.runs), "--out", str(tmp_path / "trend.html"), "--expiry-days", "3650"]

    def both() -> tuple[int, int]:
        return cli.main(["job", "status", *name]), cli.main(page)

    monkeypatch.setattr(signed_runs, "NOW", datetime.now(UTC))
    weekly.attempt()
    assert both() == (0, 0)
    capsys.readouterr()
    weekly.will(64, says="drillproof: no such context")
    weekly.attempt()
    assert both() == (2, 2)
    for made in weekly.known():
        (weekly.job.attempts / made.file).unlink()
    old = attempts.begin("weekly", WEEK)
    began = old.began - timedelta(days=16)
    save(weekly.job.attempts, replace(old, name="0", began=began, ended=began, how="ended", verdict=Verdict.PASS))
    capsys.readouterr()
    assert both() == (2, 2)
    late = "last ran 16 days ago, expected every 7 days"
    assert capsys.readouterr().out.count(late) >= 2
    assert late in (tmp_path / "trend.html").read_text()


def test_the_later_of_one_second_speaks_for_the_job(weekly: Weekly, monkeypatch: pytest.MonkeyPatch) -> None:
    """A retry that fails within the second of a good attempt is the newer one, whatever their random names are."""
    for number in range(3):
        lots = iter(("ffffff", "000000"))
        monkeypatch.setattr("secrets.token_hex", lambda size, lots=lots: next(lots))
        weekly.change(name=f"weekly{number}", folder=weekly.job.folder.parent / f"weekly{number}")
        weekly.will(0, verdict="pass")
        good = weekly.attempt()
        weekly.will(64, says="drillproof: no such context")
        bad = weekly.attempt()
        history = attempt_log.history(
            weekly.job.name, (attempt_log.files(weekly.job.attempts),), keys.believed(keys.signer())
        )
        assert [each.name for each in history.attempts] == [good.name, bad.name]
        assert attempts.standing(history.attempts, datetime.now(UTC))[0] is Verdict.UNKNOWN


STANDS = (
    (1, "pass", Verdict.PASS),
    (11, "pass", Verdict.UNKNOWN),
    (1, "fail", Verdict.FAIL),
    (11, "fail", Verdict.FAIL),
)


@pytest.mark.parametrize(("days", "verdict", "worth"), STANDS)
def test_a_pass_that_is_overdue_is_worth_nothing(days: int, verdict: str, worth: Verdict) -> None:
    made = attempts.begin("weekly", WEEK)
    made = replace(made, how="ended", ended=made.began, verdict=Verdict(verdict))
    found, why = attempts.standing([made], made.began + timedelta(days=days))
    assert found is worth
    assert ("last ran 11 days ago, expected every 7 days" in why) == (days == 11)


def test_what_never_ended_is_worth_nothing() -> None:
    made = attempts.begin("weekly", WEEK)
    skipped = replace(made, how="skipped", ended=made.began)
    assert attempts.standing([made, skipped], made.began)[0] is Verdict.UNKNOWN
