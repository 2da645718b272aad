"""Many runs over time: the status of a series, what is usual, what is trusted, and what expired."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import exposition
import pytest
import sample_runs
import signed_runs
from prometheus_client import generate_latest
from schemas import wrong
from signed_runs import NOW, SignedRuns

from harness.campaigns import trend_page as pages
from harness.campaigns.schedule import prometheus
from harness.campaigns.trend import Job, Trend, trend
from harness.checks import judge
from harness.cli import app as cli
from harness.core.model import Verdict
from harness.evidence.signing import attestation, keys

KEY = keys.fresh()
OTHER = keys.fresh()
SCENARIOS = ("memory_loss", "worker_lost")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return signed_runs.good(tmp_path_factory.mktemp("good"))


class Folder(SignedRuns):
    """A folder of signed runs, and what they come to."""

    def trend(
        self, *asked: str, expiry_days: int = 30, every: timedelta | None = None, job: Job | None = None
    ) -> Trend:
        """What they come to."""
        return trend(
            self.runs,
            {KEY.public_key.keyid},
            scenarios=SCENARIOS,
            asked=asked,
            expiry_days=expiry_days,
            every=every,
            job=job,
            now=NOW,
        )


@pytest.fixture
def folder(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    (tmp_path / "runs").mkdir()
    return Folder(good, tmp_path / "runs", KEY, monkeypatch)


def test_the_newest_drill_speaks_for_its_series(folder: Folder) -> None:
    folder.add(2, verdict="fail")
    folder.add(1)
    assert folder.trend().verdict is Verdict.PASS
    folder.add(0.5, verdict="fail")
    found = folder.trend()
    assert found.verdict is Verdict.FAIL
    assert [each.word for each in found.coverage] == ["not green", "never drilled"]
    assert "by the newest drill of each: 1 FAIL" in pages.headline(found)


def test_another_strategy_or_other_stores_are_another_series(folder: Folder) -> None:
    folder.add(3, verdict="fail", strategy="files")
    folder.add(2, strategy="dump")
    folder.add(1, strategy="dump", stores={"mysql": ["mysql-0"]})
    found = folder.trend()
    assert [line.verdict for line in found.series] == [Verdict.FAIL, Verdict.PASS, Verdict.PASS]
    assert found.verdict is Verdict.FAIL
    (covered, _) = found.coverage
    assert (covered.proved, covered.series) == (2, 3)


def test_a_proof_expires(folder: Folder) -> None:
    folder.add(30.5)
    found = folder.trend()
    assert (found.verdict, found.coverage[0].word) == (Verdict.UNKNOWN, "expired")
    assert "1 proved longer ago than 30 days" in pages.headline(found)
    assert folder.trend(expiry_days=31).verdict is Verdict.PASS


WEEK = timedelta(days=7)
LATE = "last ran 16 days ago, expected every 7 days"


def test_what_stopped_running_is_green_nowhere(folder: Folder, tmp_path: Path) -> None:
    """Though its last drill passed, and is proof of something for thirty days."""
    folder.add(16)
    assert folder.trend().verdict is Verdict.PASS
    found = folder.trend(every=WEEK)
    assert (found.verdict, found.coverage[0].word, found.coverage[0].proved) == (Verdict.UNKNOWN, "overdue", 0)
    assert "1 not drilled as often as expected" in pages.headline(found)
    assert f"2026-06-14 12:00 ({LATE}); last proof expires 2026-07-14" in pages.markdown(found)
    pages.write(found, tmp_path / "trend.html")
    page = (tmp_path / "trend.html").read_text()
    assert LATE in page
    assert "PASS" not in page.partition("<main>")[0]
    assert "? overdue" in page
    told = json.loads(json.dumps(pages.document(found, folder.runs)))
    assert wrong("trend", told) == []
    assert (told["verdict"], told["series"][0]["verdict"], told["series"][0]["late"]) == ("unknown", "unknown", LATE)


def test_a_proof_has_no_strategy_and_no_comma_for_it(folder: Folder, tmp_path: Path) -> None:
    folder.add(2, strategy="", commit="aaa")
    folder.add(1, strategy="", commit="bbb")
    found = folder.trend()
    pages.write(found, tmp_path / "trend.html")
    assert '<p class="soft">consul · 2 drills' in (tmp_path / "trend.html").read_text()
    assert "Changed in memory_loss, consul since" in pages.markdown(found)


def test_each_series_is_to_be_drilled_as_often(folder: Folder) -> None:
    folder.add(16, strategy="files")
    folder.add(10, strategy="dump")
    found = folder.trend(every=WEEK)
    assert [line.verdict for line in found.series] == [Verdict.UNKNOWN, Verdict.PASS]


def test_how_long_ago_is_said_where_a_proof_expired(folder: Folder) -> None:
    folder.add(40)
    assert "(40 days ago)" in pages.markdown(folder.trend())


def test_a_green_page_says_until_when_it_is_green(folder: Folder) -> None:
    """It may be read long after it was written."""
    folder.add(1)
    assert "2026-07-29 12:00 UTC" in pages.headline(folder.trend())
    found = folder.trend(every=WEEK)
    assert "2026-07-10 00:00 UTC" in pages.headline(found)
    assert (
        trend(folder.runs, {KEY.public_key.keyid}, scenarios=SCENARIOS, every=WEEK, now=found.holds_until).verdict
        is Verdict.PASS
    )
    folder.add(0.5, verdict="fail")
    assert folder.trend(every=WEEK).holds_until is None
    assert folder.trend(every=WEEK).holds_until is None


def test_a_job_that_is_not_well_is_not_green_in_its_trend(folder: Folder) -> None:
    """Its last attempt may have left no run: refused, skipped, killed."""
    folder.add(1)
    job = Job("weekly", WEEK, NOW, Verdict.UNKNOWN, "last ended 2026-06-30 12:00")
    found = folder.trend(job=job)
    assert found.verdict is Verdict.UNKNOWN
    assert "Job weekly: last ended 2026-06-30 12:00." in pages.headline(found)
    told = json.loads(json.dumps(pages.document(found, folder.runs)))
    assert wrong("trend", told) == []
    assert told["job"] == {"name": "weekly", "verdict": "unknown", "why": "last ended 2026-06-30 12:00"}
    assert told["every_s"] == 604800


def test_an_expired_series_is_not_made_good_by_another(folder: Folder) -> None:
    folder.add(40)
    folder.add(1, strategy="files")
    assert folder.trend().verdict is Verdict.UNKNOWN


def test_a_scenario_never_drilled_makes_unknown_only_where_it_was_asked_for(folder: Folder) -> None:
    folder.add(1)
    assert folder.trend().never == ("worker_lost",)
    assert folder.trend().verdict is Verdict.PASS
    found = folder.trend(*SCENARIOS)
    assert found.verdict is Verdict.UNKNOWN
    assert "1 required and never drilled" in pages.headline(found)
    assert "- never drilled: worker_lost" in pages.markdown(found)


def test_no_drill_at_all_proves_nothing(folder: Folder) -> None:
    assert folder.trend().verdict is Verdict.UNKNOWN
    assert pages.headline(folder.trend()) == "No drill was found, so nothing is proved."


def test_what_is_usual_is_told_from_enough_green_drills_of_the_same_size(folder: Folder) -> None:
    for day, rto_s in enumerate((11, 10, 12, 10), 2):
        folder.add(day, rto_s=rto_s)
    folder.add(9, rto_s=500, verdict="fail")
    folder.add(10, rto_s=400, size="large")
    folder.add(1, rto_s=13)
    (line,) = folder.trend().series
    assert "rto_s" not in line.bands
    assert not any(character.isdigit() for character in pages.usual(line, "rto_s"))
    folder.add(8, rto_s=11)
    (line,) = folder.trend().series
    assert line.bands["rto_s"].middle == 11
    assert line.bands["rto_s"].high == pytest.approx(11 + 3 * 1.4826)  # the median of 0, 0, 1, 1, 1 is 1
    assert "6.6 s to 15.4 s" in pages.usual(line, "rto_s")
    folder.add(0.5, rto_s=30)
    (line,) = folder.trend().series
    assert pages.usual(line, "rto_s").startswith("more than ")


def test_what_changed_since_the_last_green_drill_is_named(folder: Folder) -> None:
    folder.add(3, size="small", versions={"velero": "1.15.0"}, commit="aaa")
    folder.add(2, verdict="fail", size="small", versions={"velero": "1.15.9"}, commit="bbb")
    folder.add(1, verdict="fail", size="large", versions={"velero": "1.16.2"}, commit="ccc")
    (line,) = folder.trend().series
    assert set(line.changes) == {
        ("size", "small", "large"),
        ("versions.velero", "1.15.0", "1.16.2"),
        ("commit", "aaa", "ccc"),
    }
    assert "- versions.velero: 1.15.0 → 1.16.2" in pages.markdown(folder.trend())


def edited(name: str, old: str, new: str) -> Callable[[Path], None]:
    def spoil(run: Path) -> None:
        text = (run / name).read_text()
        assert old in text
        (run / name).write_text(text.replace(old, new, 1))

    return spoil


def a_link(run: Path) -> None:
    (run / "findings.json").rename(run / "elsewhere.json")
    (run / "findings.json").symlink_to("elsewhere.json")


def a_pipe(run: Path) -> None:
    (run / "findings.json").unlink()
    os.mkfifo(run / "findings.json")


def of_another_run(run: Path) -> None:
    other = next(path for path in run.parent.iterdir() if path != run)
    shutil.copy(other / "signed" / "verdict.dsse.json", run / "signed")
    shutil.copy(other / "findings.json", run)


@pytest.mark.parametrize(
    "spoil",
    [
        edited("findings.json", '"fail"', '"pass"'),
        edited("run.json", '"indexed"', '"indexes"'),
        lambda run: (run / "signed" / "verdict.dsse.json").unlink(),
        lambda run: (run / "signed" / "evidence.dsse.json").write_text("{}"),
        lambda run: (run / "findings.json").unlink(),
        a_link,
        a_pipe,
        of_another_run,
    ],
)
def test_a_signed_run_that_was_touched_is_no_pass_and_is_named(folder: Folder, spoil: Callable[[Path], None]) -> None:
    folder.add(2)
    run = folder.add(1, verdict="fail")
    spoil(run)
    found = folder.trend()
    assert found.verdict is Verdict.UNKNOWN
    (doubt,) = found.doubts
    assert doubt.startswith(f"{run.name}: ")
    assert "\n" not in doubt
    assert [point.run for line in found.series for point in line.points] != [run]


def test_a_strangers_signature_is_not_believed_and_the_run_is_judged(folder: Folder) -> None:
    folder.add(1, key=OTHER)  # its run.json was written anew, so no judge can pass it
    found = folder.trend()
    assert found.verdict is Verdict.UNKNOWN
    assert len(found.doubts) == 1


def test_a_run_that_nobody_signed_is_judged_anew(good: Path, tmp_path: Path) -> None:
    shutil.copytree(good, tmp_path / "runs" / good.name)
    now = datetime.now(UTC)
    assert trend(tmp_path / "runs", (), scenarios=SCENARIOS, now=now).verdict is Verdict.PASS
    edited("findings.json", '"rpo_s"', '"rpo_S"')(tmp_path / "runs" / good.name)
    found = trend(tmp_path / "runs", (), scenarios=SCENARIOS, now=now)
    assert found.verdict is Verdict.UNKNOWN
    assert "differs from a re-evaluation" in found.doubts[0]


@pytest.mark.parametrize("by", ["nobody", "a stranger"])
def test_a_run_of_unknown_origin_is_doubted_where_others_are_signed(
    folder: Folder, good: Path, by: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It passes every check, as a signed FAIL does whose evidence was replaced and whose signature was removed."""
    run = Path(shutil.copytree(good, folder.runs / good.name))
    if by == "a stranger":
        monkeypatch.setattr("harness.evidence.signing.attestation.now", lambda: datetime.now(UTC).isoformat())
        attestation.sign_evidence(run, OTHER)
        judge.recheck(run)
        attestation.sign_verdict(run, OTHER, Verdict.PASS, {"rto_s": 1, "rpo_s": 1})
    now = datetime.now(UTC) + timedelta(minutes=1)
    known = {KEY.public_key.keyid}
    alone = trend(folder.runs, known, scenarios=SCENARIOS, now=now)
    assert (alone.verdict, alone.doubts) == (Verdict.PASS, ())
    folder.add(1, strategy="dump")
    found = trend(folder.runs, known, scenarios=SCENARIOS, expiry_days=3650, now=now)
    assert found.verdict is Verdict.UNKNOWN
    (doubt,) = found.doubts
    assert doubt.startswith(f"{run.name}: ")
    (line,) = (each for each in found.series if each.newest.run == run)
    assert (line.verdict, line.newest.figures, line.green) == (Verdict.UNKNOWN, {}, None)
    about = {"strategy": line.key.strategy, "scenario": "memory_loss"}
    written = generate_latest(prometheus.Metrics(found)).decode()
    assert exposition.value(written, "drillproof_run_verdict", verdict="unknown", **about) == 1
    assert exposition.value(written, "drillproof_run_last_pass_timestamp_seconds", **about) == 0
    monkeypatch.setattr(keys, "known", lambda: known)
    assert cli.main(["compare", "--runs", str(folder.runs), "--json"]) == 2
    rows = json.loads(capsys.readouterr().out)["rows"]
    (row,) = (row for row in rows if row["strategy"] == line.key.strategy)
    assert row["verdict"] == "unknown"
    assert row["rto_s"] is None


def test_an_unsigned_fail_stays_a_fail(folder: Folder) -> None:
    """Doubt never makes a verdict better."""
    folder.add(2, strategy="dump")
    sample_runs.failed(folder.runs / "20260630T000000Z-memory_loss")
    assert folder.trend().verdict is Verdict.FAIL


def test_a_copy_or_a_newer_name_makes_no_newer_drill(folder: Folder) -> None:
    run = folder.add(40)
    run.rename(folder.runs / "20260629T000000Z-memory_loss")
    assert folder.trend().coverage[0].word == "expired"
    shutil.copytree(folder.runs / "20260629T000000Z-memory_loss", folder.runs / "20260630T000000Z-memory_loss")
    found = folder.trend()
    assert [len(line.points) for line in found.series] == [1]
    (doubt,) = found.doubts
    assert doubt.startswith("20260630T000000Z-memory_loss: is a copy of 20260629T000000Z-memory_loss")


def test_a_drill_of_days_to_come_is_not_believed(folder: Folder) -> None:
    folder.add(1)
    folder.add(-300)
    found = folder.trend()
    assert found.verdict is Verdict.UNKNOWN
    assert "(2027-04-26 12:00)" in found.doubts[0]


def test_broken_and_hostile_runs_are_named_and_the_rest_is_shown(folder: Folder, tmp_path: Path) -> None:
    folder.add(1)
    (folder.runs / "empty").mkdir()
    (folder.runs / "nothing.txt").touch()
    (folder.runs / "latest").symlink_to("empty")
    for name, text in (("cut", '{"schema": 4, "scen'), ("deep", "[" * 100_000), ("list", "[1]")):
        (folder.runs / name).mkdir()
        (folder.runs / name / "run.json").write_text(text)
    (folder.runs / "old").mkdir()
    (folder.runs / "old" / "run.json").write_text('{"schema": 4}')
    os.utime(folder.runs / "old" / "run.json", (0, 1e13))
    (folder.runs / os.fsdecode(b"b\xff")).mkdir()
    (folder.runs / "pipe").mkdir()
    os.mkfifo(folder.runs / "pipe" / "run.json")
    (folder.runs / "huge").mkdir()
    with (folder.runs / "huge" / "run.json").open("wb") as file:
        file.truncate(1 << 30)
    hostile = sample_runs.hostile(folder.runs / "<img src=x onerror=alert(1)>\u202e")
    hostile.facts["stores"] = {"../../../etc/passwd": ["<b>"], "mysql": ["mysql-0"]}
    hostile.write()
    found = folder.trend()
    assert found.verdict is Verdict.FAIL  # the hostile one says so of itself
    broken = (os.fsdecode(b"b\xff"), "cut", "deep", "empty", "huge", "list", "old", "pipe")
    assert sorted(doubt.partition(":")[0] for doubt in found.problems) == list(broken)
    assert len(found.doubts) == len(broken) + 1
    assert any(line.verdict is Verdict.PASS for line in found.series)
    pages.write(found, tmp_path / "trend.html")
    page = (tmp_path / "trend.html").read_text()
    assert "<script>" not in page
    assert "<img" not in page
    assert "\u202e" not in page
    assert "<b>" not in page
    assert page.count("<li>") > len(broken)
    told = pages.markdown(found)
    assert "<script>" not in told
    assert "\u202e" not in told


def test_a_runs_name_is_never_more_than_a_path_in_a_link(folder: Folder) -> None:
    run = folder.add(1)
    run.rename(folder.runs / "javascript:alert(1)%2F#?")
    pages.write(folder.trend(), folder.runs / "trend.html")
    assert 'href="javascript%3Aalert%281%29%252F%23%3F/report.html"' in (folder.runs / "trend.html").read_text()


def test_a_run_that_was_never_judged_is_newer_than_what_was_proved_before(folder: Folder, good: Path) -> None:
    folder.add(1)
    run = Path(shutil.copytree(good, folder.runs / f"{NOW:%Y%m%dT%H%M%SZ}-memory_loss"))
    (run / "findings.json").unlink()
    found = folder.trend()
    assert (found.verdict, [len(line.points) for line in found.series]) == (Verdict.UNKNOWN, [2])
    assert f"`drillproof recheck {run.name}`" in found.doubts[0]


def test_a_run_that_still_runs_or_was_killed_does_not_count(folder: Folder, good: Path) -> None:
    folder.add(1)
    run = Path(shutil.copytree(good, folder.runs / f"{NOW:%Y%m%dT%H%M%SZ}-memory_loss"))
    (run / "findings.json").unlink()
    lines = (run / "journal.jsonl").read_text().splitlines(keepends=True)
    (run / "journal.jsonl").write_text("".join(lines[:-1]))
    found = folder.trend()
    assert (found.verdict, [len(line.points) for line in found.series], found.doubts) == (Verdict.PASS, [1], ())
    assert found.not_judged == (
        f"{run.name}: still runs, or was killed; `drillproof recheck {run.name}` judges what there is",
    )
    assert f"- {run.name}: still runs" in pages.markdown(found)
    assert "1 still running or killed" in pages.headline(found)
    told = json.loads(json.dumps(pages.document(found, folder.runs)))
    assert (told["not_judged"], wrong("trend", told)) == (list(found.not_judged), [])
    shutil.rmtree(folder.runs / "latest", ignore_errors=True)
    alone = trend(folder.runs, {OTHER.public_key.keyid}, scenarios=SCENARIOS, asked=("worker_lost",), now=NOW)
    assert alone.verdict is Verdict.UNKNOWN  # it was asked for, and nothing else was drilled


def test_changed_manifests_are_named_and_what_was_usual_before_is_not_usual_now(folder: Folder) -> None:
    for day in range(7, 1, -1):
        folder.add(day, application="shop", manifests={"Job load": "a" * 12})
    assert folder.trend().series[0].bands
    folder.add(1, verdict="fail", application="shop", manifests={"Job load": "b" * 12})
    (series,) = folder.trend().series
    assert (series.key.of, dict(series.bands)) == ("shop", {})
    assert ("manifests.Job load", "a" * 12, "b" * 12) in series.changes
    told = json.loads(json.dumps(pages.document(folder.trend(), folder.runs)))
    assert len({each["manifests"] for each in told["series"][0]["drills"]}) == 2
    assert wrong("trend", told) == []


def test_json_says_the_same(folder: Folder) -> None:
    run = folder.add(1, rto_s=12)
    told = json.loads(json.dumps(pages.document(folder.trend(), folder.runs)))
    assert told["verdict"] == "pass"
    (series,) = told["series"]
    assert series["drills"] == [
        {
            "run": run.name,
            "ended": "2026-06-29T12:00:00+00:00",
            "verdict": "pass",
            "rto_s": 12,
            "rpo_s": 1,
            "size": "",
        }
    ]
    assert [each["word"] for each in told["coverage"]] == ["proved", "never drilled"]
    assert wrong("trend", told) == []
    assert wrong("trend", {**told, "series": [{}]}) != []


def test_the_command_prints_writes_and_says_how_it_went(
    folder: Folder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "new" / "trend.html"
    words = ["trend", "--runs", str(folder.runs), "--out", str(page)]
    folder.add(1)  # long ago by the real clock, or by nobody's key: no proof
    assert cli.main(words) == 2
    assert f"trend: {page}" in capsys.readouterr().out
    assert page.exists()
    assert cli.main([*words, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["verdict"] == "unknown"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--runs", "nowhere"], "is no folder of run directories"),
        (["--expiry-days", "0"], "--expiry-days"),
        (["--every", "weekly"], "--every 'weekly'"),
        (["memory_los"], "unknown scenario"),
        (["--out", "/dev/null/trend.html"], "choose another place with --out"),
    ],
)
def test_wrong_usage_is_one_line(
    tmp_path: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["trend", "--runs", str(tmp_path), *words]) == 64
    complaint = capsys.readouterr().err
    assert said in complaint
    assert complaint.count("\n") == 1
