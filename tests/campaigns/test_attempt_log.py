"""The log of attempts: an edited, added or removed line is detected."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from object_store import serve

from harness.backups.bucket_reader import BucketLocation, Credentials
from harness.campaigns.schedule import attempt as attempts
from harness.campaigns.schedule import attempt_log
from harness.campaigns.schedule.archive import Archive
from harness.campaigns.schedule.attempt import Attempt
from harness.cli import app as cli
from harness.core.model import Verdict
from harness.evidence.signing import keys

DAY = timedelta(days=1)
VERDICTS = (Verdict.PASS, Verdict.FAIL, Verdict.PASS)
"""Of three days; it is the one in the middle that somebody would like to be another."""

Forgery = Callable[[Path], object]


class Days:
    """The attempts of three days, as a job leaves them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.today = datetime.now(UTC).replace(microsecond=0)
        self.made = [self.add(days, verdict) for days, verdict in zip((2, 1, 0), VERDICTS, strict=True)]

    def add(self, days_ago: int, verdict: Verdict, **fields: object) -> Attempt:
        """One more, that follows what is there."""
        began = self.today - days_ago * DAY
        made = attempts.begin("daily", DAY)
        name = f"{attempts.stamp(began)}-{len(self.files()):06}"
        how = attempts.ENDED
        made = replace(made, name=name, began=began, ended=began, how=how, verdict=verdict, after=self.found().heads)
        made = Attempt(**{**vars(made), **fields})
        attempt_log.save(self.folder, made, keys.signer())
        return made

    def files(self) -> dict[str, bytes]:
        return attempt_log.files(self.folder)

    def found(self) -> attempt_log.History:
        return attempt_log.history("daily", (self.files(),), keys.believed())


@pytest.fixture
def days(tmp_path: Path) -> Days:
    return Days(tmp_path / "daily" / "attempts")


def paths(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def middle(folder: Path) -> Path:
    return paths(folder)[1]


def edited(path: Path, old: str, new: str) -> None:
    """Change a word in what was signed."""
    envelope = json.loads(path.read_text())
    payload = base64.b64decode(envelope["payload"]).decode()
    assert old in payload
    envelope["payload"] = base64.b64encode(payload.replace(old, new).encode()).decode()
    path.write_text(json.dumps(envelope, indent=1) + "\n")


def told(path: Path) -> Attempt:
    payload = json.loads(base64.b64decode(json.loads(path.read_text())["payload"]))
    return attempts.parse(payload["predicate"])


def unsigned(path: Path) -> None:
    path.write_text(json.dumps({**attempts.document(told(path)), "verdict": "pass"}))


def by_a_stranger(path: Path) -> None:
    attempt_log.save(path.parent, replace(told(path), verdict=Verdict.PASS), keys.fresh())


def by_a_stranger_who_says_he_is_us(path: Path) -> None:
    by_a_stranger(path)
    envelope = json.loads(path.read_text())
    envelope["signatures"][0]["keyid"] = keys.signer().public_key.keyid
    path.write_text(json.dumps(envelope, indent=1) + "\n")


def put_in(folder: Path) -> None:
    """A week that was missed is made good by a copy of one that was not."""
    (folder / "20200101T000000Z-abcdef.json").write_bytes(paths(folder)[0].read_bytes())


def of_another_job(path: Path) -> None:
    attempt_log.save(path.parent, replace(told(path), job="other", verdict=Verdict.PASS), keys.signer())


def as_it_was_before(path: Path) -> None:
    """What was written when it began, and was signed as well."""
    began = replace(told(path), how=attempts.RUNNING, ended=None, verdict=Verdict.UNKNOWN)
    attempt_log.save(path.parent, began, keys.signer())


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def without_the_first_two(folder: Path) -> None:
    for path in paths(folder)[:2]:
        path.unlink()


FORGERIES: dict[str, tuple[Forgery, str]] = {
    "edited": (lambda folder: edited(middle(folder), '"fail"', '"pass"'), "was edited"),
    "its time": (lambda folder: edited(middle(folder), '"began":"2', '"began":"1'), "was edited"),
    "its links": (lambda folder: edited(middle(folder), '"sha256":"', '"sha256":"0'), "was edited"),
    "its form": (lambda folder: middle(folder).write_bytes(middle(folder).read_bytes() + b"\n"), "was edited"),
    "cut": (lambda folder: middle(folder).write_bytes(middle(folder).read_bytes()[:99]), "is not signed"),
    "emptied": (lambda folder: middle(folder).write_bytes(b""), "is not signed"),
    "huge": (lambda folder: middle(folder).write_bytes(b"[" * 2_000_000), "is not signed"),
    "a pipe": (lambda folder: a_pipe(middle(folder)), "is not signed"),
    "unsigned": (lambda folder: unsigned(middle(folder)), "is not signed"),
    "a stranger's": (lambda folder: by_a_stranger(middle(folder)), "is signed by "),
    "a liar's": (lambda folder: by_a_stranger_who_says_he_is_us(middle(folder)), "was edited"),
    "a copy": (lambda folder: middle(folder).write_bytes(paths(folder)[2].read_bytes()), " another attempt: "),
    "put in": (put_in, " another attempt: "),
    "of another job": (lambda folder: of_another_job(middle(folder)), " another attempt: "),
    "set back": (lambda folder: as_it_was_before(middle(folder)), "differs from "),
    "taken out": (lambda folder: middle(folder).unlink(), "is missing; "),
    "the first taken out": (lambda folder: paths(folder)[0].unlink(), "is missing; "),
    "the first two taken out": (without_the_first_two, "is missing; "),
}


def test_what_nobody_touched_is_believed(days: Days, capsys: pytest.CaptureFixture[str]) -> None:
    assert days.found() == attempt_log.History(tuple(days.made), (), days.found().heads)
    assert list(days.found().heads) == [days.made[-1].file]
    assert [len(each.after) for each in days.made] == [0, 1, 1]
    assert cli.main(["job", "status", "--name", "daily", "--folder", str(days.folder.parents[1])]) == 0
    assert "not trusted" not in capsys.readouterr().out


@pytest.mark.parametrize(("forge", "said"), FORGERIES.values(), ids=list(FORGERIES))
def test_a_forgery_is_named_and_not_green(
    days: Days, forge: Forgery, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["job", "status", "--name", "daily", "--folder", str(days.folder.parents[1])]
    forge(days.folder)
    assert cli.main(words) == 2
    out = capsys.readouterr().out
    (line,) = [line for line in out.splitlines() if line.startswith("not trusted: ")]
    assert said in line
    assert ".json " in line
    assert out.splitlines()[-1].startswith("UNKNOWN daily: ")
    assert cli.main([*words, "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == "unknown"
    assert said in document["problems"][0]


def test_a_failure_stays_one_beside_a_forgery(days: Days) -> None:
    days.add(-1, Verdict.FAIL)
    middle(days.folder).unlink()
    assert cli.main(["job", "status", "--name", "daily", "--folder", str(days.folder.parents[1])]) == 1


def test_what_follows_a_forgery_does_not_make_it_good(days: Days) -> None:
    unsigned(middle(days.folder))
    days.add(-1, Verdict.PASS)
    assert "is not signed" in days.found().doubt


def test_one_that_did_not_run_is_followed_too(days: Days) -> None:
    """It was skipped while another one ran, and both are followed by the next."""
    heads = days.found().heads
    running = days.add(-1, Verdict.UNKNOWN, how=attempts.RUNNING, ended=None)
    skipped = days.add(-1, Verdict.UNKNOWN, how=attempts.SKIPPED)
    assert (running.after, skipped.after) == (heads, heads)
    attempt_log.save(days.folder, replace(running, how=attempts.ENDED, verdict=Verdict.PASS), keys.signer())
    assert set(days.add(-2, Verdict.PASS).after) == {running.file, skipped.file}
    assert days.found().problems == ()
    (days.folder / skipped.file).unlink()
    assert "is missing" in days.found().doubt


def test_what_is_past_its_time_may_be_missing_and_nothing_younger(days: Days) -> None:
    days.add(-1, Verdict.PASS, kept_s=DAY.total_seconds() * 2)
    oldest, second, *_ = paths(days.folder)
    oldest.unlink()
    assert days.found().problems == ()
    second.unlink()
    assert "is missing" in days.found().doubt


def test_what_is_deleted_here_is_still_in_the_archive(days: Days) -> None:
    with serve() as store:
        there = Archive(
            BucketLocation("theirs", "dr", store.url), Credentials("key", "other-secret"), keys.signer(), ()
        )
        there.open(write=True)
        for name, data in days.files().items():
            there.note("daily", name, data)
        paths(days.folder)[2].unlink()  # the newest: nothing here says that it ever was
        assert days.found().problems == ()
        found = attempt_log.history("daily", (days.files(), there.attempts("daily")), keys.believed())
        assert (found.attempts, found.problems) == (tuple(days.made), ())


def test_two_places_that_differ_are_told_and_a_beginning_gives_way_to_its_end(days: Days) -> None:
    there = dict(days.files())
    as_it_was_before(middle(days.folder))
    both = attempt_log.history("daily", (days.files(), there), keys.believed())
    assert (both.attempts, both.problems) == (tuple(days.made), ())
    attempt_log.save(days.folder, replace(days.made[1], verdict=Verdict.PASS), keys.signer())
    assert "is signed twice" in attempt_log.history("daily", (days.files(), there), keys.believed()).doubt
