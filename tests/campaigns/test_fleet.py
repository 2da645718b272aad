"""A fleet: what is proved, what is not, and what was forgotten, each for its own reason."""

from __future__ import annotations

import json
import resource
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fleets import HEAD, NOW, Fleets, target

from harness.campaigns.fleet import definition, page
from harness.campaigns.fleet.status import Gap, State
from harness.campaigns.schedule import attempt as attempts
from harness.cli import app as cli
from harness.core.errors import Misconfigured
from harness.core.model import Verdict
from harness.evidence.signing import keys


@pytest.fixture
def fleets(tmp_path: Path) -> Fleets:
    return Fleets(tmp_path / "fleet")


# ---------------------------------------------------------------- fleet.toml


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (target("Shop!"), "target 2 (Shop!)|is invalid"),
        (target("b", every='"sometimes"'), "cron line"),
        (target("b", bucket='"no bucket!"'), "NAME or NAME/PREFIX"),
        (target("b", application='"a.toml"'), "needs `bucket` or `application`, and not both"),
        (target("b", bucket='""', application='"a.toml"', rto_s="60"), "objectives in its own file"),
        (target("b", within='"2d"'), "choose a shorter"),
        (target("b", ownr='"me"'), "unknown key `ownr`; did you mean `owner`?"),
        (target("b", rto_s="-1"), "number of seconds above 0"),
        ("[[target]]\nowner = 'me'", "key `name` is missing"),
        ("[[target]]\nname = 7", "must be of type str"),
    ],
)
def test_a_wrong_target_is_one_line_and_the_others_go_on(fleets: Fleets, bad: str, why: str) -> None:
    found = fleets.write(target("a"), bad)
    assert [each.name for each in found.targets] == ["a"]
    (problem,) = found.problems
    assert all(each in problem for each in why.split("|"))
    assert "\n" not in problem
    assert fleets.status().verdict is not Verdict.PASS


def test_of_two_targets_with_one_name_none_counts(fleets: Fleets) -> None:
    found = fleets.write(target("a"), target("b"), target("b", bucket='"other"'))
    assert [each.name for each in found.targets] == ["a"]
    (problem,) = found.problems
    assert "2 targets are called b" in problem


@pytest.mark.parametrize(
    ("head", "why"),
    [
        ("", "key `archive` is missing"),
        (HEAD + "at_once = 0\n", "`at_once` must be at least 1"),
        (HEAD + "retain = '1y'\n", "is not a duration"),
        (HEAD + "at_onc = 1\n", "unknown key"),
    ],
)
def test_a_wrong_fleet_is_refused(fleets: Fleets, head: str, why: str) -> None:
    with pytest.raises(Misconfigured, match=why):
        fleets.write(target("a"), head=head)


def test_a_target_is_the_command_that_proves_it(fleets: Fleets) -> None:
    shop = target(
        "shop",
        credentials='"shop-key"',
        namespaces='["shop"]',
        rto_s="600",
        age_s="90000.0",
        endpoint='"http://minio:9000"',
        context='"in-cluster"',
        velero='"1.17"',
    )
    found = fleets.write(shop, target("app", bucket='""', schedule='""', application='"shop.toml"'))
    app, shop_target = found.targets
    folder, secrets = Path("/fleet"), Path("/secrets")
    assert app.command(folder, secrets, None) == ("run", "namespace_loss", "--application=/fleet/shop.toml")
    words = shop_target.command(folder, secrets, Path("/config/c.toml"))
    assert words[:2] == ("prove", "--bucket=backups/shop")
    assert {
        *("--endpoint=http://minio:9000", "--schedule=nightly", "--credentials=/secrets/shop-key", "--rto=600"),
        *("--age=90000", "--namespace=shop", "--velero=1.17", "--context=in-cluster", "--config=/config/c.toml"),
    } <= set(words)


def test_targets_with_the_same_cron_line_share_a_cadence(fleets: Fleets) -> None:
    found = fleets.write(target("b"), target("a", every='"23 3 * * *"'), target("c", every='"hourly"', within='"30m"'))
    assert {when.words: [each.name for each in some] for when, some in found.cadences().items()} == {
        "23 3 * * *": ["a", "b"],
        "23 * * * *": ["c"],
    }


# ---------------------------------------------------------------- how each target stands


def test_a_fleet_that_is_proved_is_green(fleets: Fleets) -> None:
    fleets.write(target("a", rto_s="60"), target("b"))
    for name in ("a", "b"):
        fleets.attempt(name, 30)
        fleets.attempt(name, 6)
    found = fleets.status()
    assert (found.verdict, found.proved, found.wanted) == (Verdict.PASS, 2, 2)
    assert page.headline(found).startswith("2 of 2 proved (100 %)")
    row = fleets.row("a")
    assert row.proved == NOW - timedelta(hours=6) + timedelta(minutes=3)
    assert [cell.missed for cell in page.cells(row)] == [False, False]


def test_each_target_is_there_for_its_own_reason(fleets: Fleets) -> None:
    names = ("proved", "torn", "stopped", "never", "killed", "unjudged", "stranger", "slow", "skewed", "moved")
    fleets.write(*(target(name, **({"rto_s": "60"} if name == "slow" else {})) for name in names))
    fleets.attempt("proved", 6)
    fleets.attempt("torn", 30)
    fleets.attempt("torn", 6, Verdict.FAIL, detail="FAIL databases-sound[shop/db-0]: checksums differ")
    fleets.attempt("stopped", 40)  # more than one and a half days
    fleets.attempt("killed", 6, Verdict.UNKNOWN, how=attempts.DIED)
    fleets.attempt("unjudged", 6, Verdict.UNKNOWN, detail="the object store did not answer")
    fleets.attempt("stranger", 6, key=keys.fresh())
    fleets.attempt("slow", 6, figures={"rto_s": 61.0})
    fleets.attempt("skewed", -5)
    fleets.attempt("moved", 6, identity="another")
    found = {row.target.name: row for row in fleets.status().rows}
    assert {name: row.state.value for name, row in found.items()} == {
        "proved": "proved",
        "torn": "failed",
        "stopped": "overdue",
        "never": "overdue",
        "killed": "unknown",
        "unjudged": "unknown",
        "stranger": "overdue",
        "slow": "failed",
        "skewed": "unknown",
        "moved": "overdue",
    }
    why = {name: row.why for name, row in found.items()}
    assert "checksums differ" in why["torn"]
    assert found["torn"].changed == "PASS before, FAIL now"
    assert "last ran" in why["stopped"]
    assert why["never"].startswith("never reported")
    assert "died without a trace" in why["killed"]
    assert "did not answer" in why["unjudged"]
    assert "not a known key" in found["stranger"].problems[0]
    assert "at most 60.0 s is asked for" in why["slow"]
    assert "check the clock" in why["skewed"]
    assert "1 attempts of another definition do not count" in why["moved"]
    assert fleets.status().verdict is Verdict.FAIL
    assert [row.target.name for row in fleets.status().rows][:2] == ["slow", "torn"]  # worst first


def test_a_pod_that_was_killed_and_run_again_is_proved_and_says_so(fleets: Fleets) -> None:
    fleets.write(target("a"))
    fleets.attempt("a", 6.2, Verdict.UNKNOWN, how=attempts.DIED)
    fleets.attempt("a", 6, missed="the attempt of 2026-12-01 00:00 died without a trace")
    row = fleets.row("a")
    assert row.state is State.PROVED
    assert "UNKNOWN before, PASS now" in row.changed
    assert "died without a trace" in row.changed


def test_an_attempt_that_was_edited_or_taken_out_is_never_green(fleets: Fleets) -> None:
    fleets.write(target("a"), target("b"))
    edited = fleets.attempt("a", 6, Verdict.FAIL)
    edited.write_bytes(edited.read_bytes().replace(b"payload", b"paylaod"))
    gone = fleets.attempt("b", 30, Verdict.FAIL)
    fleets.attempt("b", 6)
    gone.unlink()
    assert fleets.row("a").state is State.OVERDUE
    assert fleets.row("b").state is State.UNKNOWN
    assert "is missing" in fleets.row("b").why


def test_a_figure_that_was_not_measured_meets_no_objective(fleets: Fleets) -> None:
    fleets.write(target("a", rpo_s="600"))
    fleets.attempt("a", 6, figures={"rto_s": 10.0})
    row = fleets.row("a")
    assert (row.state, row.why) == (State.UNKNOWN, "RPO was not measured")


def test_gaps_and_wrong_targets_lower_the_coverage(fleets: Fleets) -> None:
    fleets.write(target("a"), target("b", ownr='"x"'))
    fleets.attempt("a", 6)
    found = replace(fleets.status(), gaps=(Gap("namespace mail", "has claims and no backup"),))
    assert (found.proved, found.wanted, found.verdict) == (1, 3, Verdict.UNKNOWN)
    assert "1 of 3 proved (33 %)" in page.headline(found)
    assert any("mail" in line for line in page.lines(found))


# ---------------------------------------------------------------- commands and the page


def test_the_commands_read_a_copy_of_the_archive(fleets: Fleets, capsys: pytest.CaptureFixture[str]) -> None:
    fleets.key = keys.signer()
    fleets.write(target("a", every='"weekly"'), target("b", owner='"<b>"'))
    fleets.attempt("a", (datetime.now(UTC) - NOW).total_seconds() / -3600 + 2)
    where = ["--fleet", str(fleets.folder / "fleet.toml"), "--attempts", str(fleets.folder / "attempts")]
    assert cli.main(["fleet", "status", *where]) == 2
    assert capsys.readouterr().out.startswith("coverage: 1 of 2 proved (50 %); 1 overdue")
    assert cli.main(["fleet", "status", *where, "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert {each["target"]: each["state"] for each in told["targets"]} == {"a": "proved", "b": "overdue"}
    found = fleets.folder / "found.json"
    found.write_text(json.dumps({"gaps": [{"where": "namespace mail", "why": "has claims and no backup"}]}))
    out = fleets.folder / "fleet.html"
    assert cli.main(["fleet", "report", *where, "--discovered", str(found), "--out", str(out)]) == 2
    text = out.read_text()
    assert "namespace mail" in text
    assert "&lt;b&gt;" in text
    assert "<b>" not in text
    found.write_text("[]")
    assert cli.main(["fleet", "status", *where, "--discovered", str(found)]) == 64
    assert cli.main(["fleet", "plan", *where[:2]]) == 0
    assert "1 target, 1 at once" in capsys.readouterr().out


def test_500_targets_with_20_000_attempts_take_seconds_and_little_memory(fleets: Fleets) -> None:
    fleets.write(*(target(f"t{n:03}", owner=f'"team {n % 25}"', rto_s="60") for n in range(500)))
    read = definition.read(fleets.folder / "fleet.toml")
    fleets.read = lambda: read  # type: ignore[method-assign] # parsed once
    for each in read.targets[:25]:  # 1,000 attempts here; bench/fleet.py takes all 20,000
        for n in range(40):
            fleets.attempt(each.name, 24 * (40 - n) - 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    found = fleets.status()
    took = time.process_time() - began
    assert (found.proved, len(found.rows)) == (25, 500)
    assert took < 4
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB
    assert len(page.render(found)) < 2_000_000
