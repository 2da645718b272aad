"""Verdicts that could be fooled once: each of these came to PASS, or to no word at all, though something was wrong."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import exposition
import pytest
import sample_runs
import shop
import signed_runs
from in_memory import MemoryStore, run_in_memory
from in_memory import World as MemoryWorld
from migrating import ALTERED, source, target
from migration_runs import move as move  # noqa: PLC0414 # a fixture
from nightly import NAME, claim, copy, good, pod
from object_store import serve
from probe_scripts import SCRIPTS, ask
from probe_scripts import postgres as postgres  # noqa: PLC0414 # a fixture
from prometheus_client import generate_latest
from proving import OPTIONS, World, bare, red, told
from proving import prove as prove  # noqa: PLC0414 # a fixture
from receiver import Receiver
from receiver import receiver as receiver  # noqa: PLC0414 # a fixture
from schemas import wrong
from signed_runs import SignedRuns

from harness.backups import velero_backup
from harness.backups.bucket_reader import BucketLocation, Credentials
from harness.campaigns import trend
from harness.campaigns import trend_page as pages
from harness.campaigns.matrix.results import all_drills, drilled, rows
from harness.campaigns.schedule import attempt as attempts
from harness.campaigns.schedule import attempt_log, prometheus
from harness.campaigns.schedule import job as jobs
from harness.campaigns.schedule.archive import Archive
from harness.checks import judge
from harness.checks.data import data_equal
from harness.checks.not_proved import not_proved
from harness.checks.proof_metrics import rpo_s
from harness.cli import app as cli
from harness.core import process
from harness.core.errors import Misconfigured, ToolFailed
from harness.core.model import Event, Json, Verdict
from harness.core.reason import Reason
from harness.core.wait import NotYet
from harness.evidence import journal, run_view
from harness.evidence.run_directory import Run, write_json
from harness.evidence.signing import keys
from harness.reports import summary
from harness.reports.equality import stores
from harness.workflows.runner import conclude
from harness.workloads import detection
from harness.workloads.database_probe import DatabaseProbe, InvalidOutput, lines, parts_of
from harness.workloads.manifests.load import load

Prove = Callable[..., Path]

# ---------------------------------------------------------------- a drill


def test_a_member_that_cannot_be_read_again_after_the_restart_is_not_equal(tmp_path: Path) -> None:
    run = run_in_memory(tmp_path, world := MemoryWorld(), (MemoryStore("mysql", world),)).run
    events = list(journal.read(run / "journal.jsonl"))
    last = max(n for n, event in enumerate(events) if event.kind == "digest" and event.data["member"] == "mysql-1")
    said = {"what": "digest", "store": "mysql", "member": "mysql-1", "message": "OSError: connection refused"}
    events[last] = replace(events[last], kind="unread", data=said)
    (run / "journal.jsonl").unlink()
    journal.write(run / "journal.jsonl", events)
    found = {finding.member: finding for finding in data_equal(Run(run))}
    assert found["mysql-1"].verdict is Verdict.UNKNOWN
    assert found["mysql-1"].reasons == {Reason.ReadFailed, Reason.ConnectionRefused}
    assert found["mysql-0"].verdict is Verdict.PASS
    (shown,) = stores(run_view.read(run))
    assert [member.state for member in shown.members] == ["equal", "not comparable", "equal"]


# ---------------------------------------------------------------- what databases tell of themselves


def test_a_column_that_is_called_as_our_alias_hides_no_other_column(
    postgres: Callable[[str], str], tmp_path: Path
) -> None:
    postgres("CREATE TABLE readings (t timestamptz, celsius int); INSERT INTO readings VALUES ('2026-01-01', 20)")
    before = parts_of(lines(ask(tmp_path, "digest", script="postgres")))
    assert before["postgres: table public.readings"].rows == 1
    assert parts_of(lines(ask(tmp_path, "digest", script="postgres"))) == before
    postgres("UPDATE readings SET celsius = 90")
    after = parts_of(lines(ask(tmp_path, "digest", script="postgres")))
    assert [name for name in before if before[name] != after[name]] == ["postgres: table public.readings"]


def test_the_body_of_a_function_in_standard_sql_is_told(postgres: Callable[[str], str], tmp_path: Path) -> None:
    body = "CREATE OR REPLACE FUNCTION price(int) RETURNS int BEGIN ATOMIC SELECT $1 * %s; END"
    text = "CREATE OR REPLACE FUNCTION rate() RETURNS int LANGUAGE sql AS 'SELECT %s'"
    told = []
    for price, rate in ((2, 7), (2, 7), (3, 7), (3, 8)):
        postgres(f"{body % price}; {text % rate}")
        told.append(parts_of(lines(ask(tmp_path, "digest", script="postgres")))["postgres: functions"].hash)
    assert told[0] == told[1]
    assert len(set(told)) == 3


def test_whom_a_database_subscribes_to_is_told(postgres: Callable[[str], str], tmp_path: Path) -> None:
    assert lines(ask(tmp_path, "peers", script="postgres")) == ()
    where = {"plain": "host=db-0.db.shop dbname=shop", "quoted": "dbname='a b' host = '10.0.0.9' port=5432"}
    for name, conninfo in {**where, "off": "host=elsewhere", "url": "postgresql://u:p@db-9.db:5432/shop"}.items():
        quoted = conninfo.replace("'", "''")
        postgres(f"CREATE SUBSCRIPTION {name} CONNECTION '{quoted}' PUBLICATION p WITH (connect=false, slot_name=s)")
        if name != "off":
            postgres(f"ALTER SUBSCRIPTION {name} ENABLE")
    peers = ["10.0.0.9", "db-0.db.shop", "db-9.db"]
    assert sorted(lines(ask(tmp_path, "peers", script="postgres"))) == [("peer", each) for each in peers]


GROUP = r"""#!/bin/sh
case "$*" in
*wsrep_incoming_addresses*) printf '%b' "${GALERA:-}" ;;
*information_schema.tables*) echo 1 ;;
*replication_group_members*) printf 'peer\tdb-1.db.shop\npeer\tdb-2.db.shop\n' ;;
esac
"""


def test_the_others_of_a_mysql_group_are_told(tmp_path: Path) -> None:
    program = tmp_path / "mysql"
    program.write_text(GROUP)
    program.chmod(0o755)
    group = (("peer", "db-1.db.shop"), ("peer", "db-2.db.shop"))
    assert lines(ask(tmp_path, "peers", script="mysql")) == group
    galera = "wsrep_incoming_addresses\\t10.0.0.7:3306,10.0.0.8:0\\n"
    assert lines(ask(tmp_path, "peers", script="mysql", GALERA=galera))[:2] == (
        ("peer", "10.0.0.7"),
        ("peer", "10.0.0.8"),
    )
    assert lines(ask(tmp_path, "peers", script="mysql", GALERA="wsrep_incoming_addresses\\t\\n")) == group
    with pytest.raises(ToolFailed, match="does not tell its address"):
        ask(tmp_path, "peers", script="mysql", GALERA="wsrep_incoming_addresses\\t10.0.0.7:0,AUTO\\n")


CONSUL = r"""#!/bin/sh
case "$*" in
*-stale*) whose=own ;;
*) whose=leader ;;
esac
case "$1 $2" in
"kv export") printf '[\n\t{\n\t\t"key": "%s"\n\t}\n]\n' "$whose" ;;
"snapshot save") for file; do :; done; echo "$whose" >"$file" ;;
"snapshot inspect") grep -q own "$3" ;;
esac
"""


def test_a_consul_server_tells_what_it_holds_itself_and_not_what_its_leader_does(tmp_path: Path) -> None:
    program = tmp_path / "consul"
    program.write_text(CONSUL)
    program.chmod(0o755)
    assert '"key": "own"' in process.run([program, "kv", "export", "-stale", ""]).stdout
    mine = ask(tmp_path, "digest")
    assert "damaged" not in ask(tmp_path, "check")
    program.write_text(CONSUL.replace("whose=own", "whose=lost"))
    assert ask(tmp_path, "digest") != mine


def test_a_consul_server_is_not_asked_by_an_address_of_its_cluster(tmp_path: Path) -> None:
    """A Service leads to any of the servers; what this one has lost would never be seen."""
    program = tmp_path / "consul"
    program.write_text(CONSUL)
    program.chmod(0o755)
    own = "consul-1"
    for address in (
        "",
        "localhost:8500",
        "https://127.0.0.1:8501",
        "unix:///run/consul",
        "http://10.0.0.8",
        f"{own}:8500",
    ):
        assert ask(tmp_path, "digest", CONSUL_HTTP_ADDR=address, POD_IP="10.0.0.8", HOSTNAME=own)
    for address in ("consul.shop.svc:8500", "http://10.0.0.80:8500", f"{own}0:8500"):
        with pytest.raises(ToolFailed, match="may be another server"):
            ask(tmp_path, "digest", CONSUL_HTTP_ADDR=address, POD_IP="10.0.0.8", HOSTNAME=own)


def test_a_postgres_is_asked_itself_wherever_its_environment_leads(
    postgres: Callable[[str], str], tmp_path: Path
) -> None:
    assert postgres("SELECT 1").strip() == "1"
    assert ask(tmp_path, "ready", script="postgres", PGHOSTADDR="127.0.0.2", PGSERVICE="production")


@pytest.mark.parametrize("kind", ["mysql", "postgres", "consul"])
def test_an_exec_that_breaks_off_and_ends_with_0_is_no_answer_and_no_write(kind: str) -> None:
    database = detection.Database(kind, "shop", "db-0", "db", "named")
    world = World()
    world.says |= {"ready": "", "probe": ""}
    examiner = DatabaseProbe(world.kubectl, SCRIPTS)
    with pytest.raises(NotYet, match="incomplete"):
        examiner.ready(database)
    with pytest.raises(InvalidOutput, match="incomplete"):
        examiner.probe(database)


# ---------------------------------------------------------------- a proof


def test_a_database_of_which_the_backup_copied_nothing_is_not_proved_by_what_it_made_anew(prove: Prove) -> None:
    forgotten: dict[str, Json] = {**pod("db-1"), "metadata": {"name": "db-1", "namespace": "shop"}}
    bucket = good(pods=[bare(), forgotten], persistentvolumeclaims=[claim(), claim("data-db-1")])
    run = prove(World(bucket, claims=("data-db-0", "data-db-1")), replace(OPTIONS, asked="sound"))
    assert red(run) == [("databases-sound", "unknown", {"NotFromBackup"})]


def test_a_database_whose_claim_another_pod_lets_copy_is_restored(prove: Prove) -> None:
    shared: Json = [{"name": "data", "persistentVolumeClaim": {"claimName": "data-db-0"}}]
    helper: dict[str, Any] = {
        "metadata": {"name": "helper-0", "namespace": "shop"},
        "spec": {"containers": [{"name": "c", "image": "nginx"}], "volumes": shared},
    }
    bucket = good(pods=[bare(), helper], copies=[copy("helper-0")])
    assert told(prove(World(bucket), replace(OPTIONS, asked="sound")))["verdict"] == "pass"


@pytest.mark.parametrize(("phase", "missed"), [("Failed", ("data of shop/db-1, which had failed",)), ("Succeeded", ())])
def test_a_volume_of_a_pod_that_had_failed_when_the_backup_was_taken_is_missed(
    phase: str, missed: tuple[str, ...]
) -> None:
    annotations: Json = {"backup.velero.io/backup-volumes": "data"}
    meta: Json = {"name": "db-1", "namespace": "shop", "annotations": annotations}
    evicted: dict[str, Json] = {**pod("db-1"), "metadata": meta, "status": {"phase": phase}}
    bucket = good(pods=[pod(), evicted], persistentvolumeclaims=[claim(), claim("data-db-1")])
    assert velero_backup.read_backup(bucket, bucket.listing(), NAME).missed == missed
    # What is left of an evicted pod of a Deployment, whose successor has the claim.
    evicted["spec"] = pod()["spec"]
    bucket = good(pods=[pod(), evicted])
    assert velero_backup.read_backup(bucket, bucket.listing(), NAME).missed == ()


def of_claim(name: str, claim: str, phase: str = "Pending", **annotations: Json) -> dict[str, Json]:
    """A pod that is no database, and mounts a claim."""
    volumes: Json = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    spec: Json = {"containers": [{"name": "c", "image": "nginx"}], "volumes": volumes}
    meta: Json = {"name": name, "namespace": "shop", "annotations": annotations}
    return {"metadata": meta, "spec": spec, "status": {"phase": phase}}


ALL_VOLUMES: dict[str, Json] = {"defaultVolumesToFsBackup": True}
EXCLUDED: dict[str, Any] = {"backup.velero.io/backup-volumes-excludes": "cache, data"}


@pytest.mark.parametrize(
    ("spec", "other", "missed"),
    [
        (ALL_VOLUMES, of_claim("web", "uploads"), ("data of shop/web",)),
        (ALL_VOLUMES, of_claim("web", "uploads", "Failed"), ("data of shop/web",)),
        (ALL_VOLUMES, of_claim("web", "uploads", "Succeeded"), ()),
        (ALL_VOLUMES, of_claim("web", "uploads", **EXCLUDED), ()),
        (ALL_VOLUMES, of_claim("web", "data-db-0"), ()),  # its files are copied by way of another pod
        (ALL_VOLUMES | {"resourcePolicy": {"name": "skips some"}}, of_claim("web", "uploads"), ()),  # nobody can tell
        ({"defaultVolumesToFsBackup": False}, of_claim("web", "uploads"), ()),
    ],
)
def test_a_volume_is_missed_where_the_backup_itself_asks_for_all_of_them(
    spec: dict[str, Json], other: dict[str, Json], missed: tuple[str, ...]
) -> None:
    bucket = good(pods=[pod(), other], persistentvolumeclaims=[claim(), claim("uploads")]).backup(spec=spec)
    assert velero_backup.read_backup(bucket, bucket.listing(), NAME).missed == missed


def test_an_empty_volume_and_one_that_was_snapshotted_are_not_missed() -> None:
    others = [of_claim("web", "uploads", "Running"), of_claim("search", "index")]
    claims = [claim(), claim("uploads"), claim("index")]
    bucket = good(
        pods=[pod(), *others], persistentvolumeclaims=claims, copies=[copy(), copy("web", size=0, snapshot="")]
    )
    snapshot = [{"pvcNamespace": "shop", "pvcName": "index", "backupMethod": "CSISnapshot"}]
    bucket.things[f"backups/{NAME}/{NAME}-volumeinfo.json.gz"] = gzip.compress(json.dumps(snapshot).encode())
    bucket.backup(spec=ALL_VOLUMES)
    assert velero_backup.read_backup(bucket, bucket.listing(), NAME).missed == ()


def test_a_second_database_of_another_kind_in_one_pod_is_read_too() -> None:
    both = pod()
    both["spec"] = {
        "containers": [
            {"name": "agent", "image": "hashicorp/consul:1.22.0", "args": ["agent"]},
            {"name": "client", "image": "mysql:9.7", "command": ["sleep", "inf"]},
            {"name": "db", "image": "mysql:9.7"},
            {"name": "search", "image": "postgres:17"},
        ]
    }
    found = detection.databases([both])
    assert {each.key: each.container for each in found} == {
        "consul shop/db-0": "agent",
        "mysql shop/db-0": "db",
        "postgres shop/db-0": "search",
    }


def test_a_second_database_in_the_pod_of_a_store_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    beside = "        - {name: search, image: postgres:17}\n        - name: exporter\n"
    both = shop.DATABASE.replace("        - name: exporter\n", beside)
    with pytest.raises(Misconfigured, match=r"db-0 \(postgres: image postgres:17"):
        load(shop.write(tmp_path, database=both))
    agent = both.replace("postgres:17}", "hashicorp/consul:1.22.0, args: [agent]}")
    (tmp_path / "agent").mkdir()
    assert load(shop.write(tmp_path / "agent", database=agent)).namespace == "shop"


def test_a_backup_of_an_age_that_nobody_can_tell_does_not_prove_that_backups_are_still_taken(prove: Prove) -> None:
    """The clock of the cluster that was backed up may be ahead of the one here, or the other way round."""
    bucket = good().backup(started="2126-01-02T03:00:00Z")
    run = prove(World(bucket), replace(OPTIONS, asked="sound", age_s=None))
    assert any("still taken" in each for each in told(run)["not_proved"])
    (aged,) = (each for each in red(prove(World(bucket), OPTIONS)) if each[0] == "objectives-met")
    assert aged[1] == "unknown"


def test_another_schedules_failure_does_not_hide_behind_the_newest_backup(prove: Prove) -> None:
    """A bucket has the backups of all schedules of a Velero, and the one that was begun last is of one of them."""
    bucket = good().backup(schedule="shop-nightly")
    bucket.backup("b1", "2026-01-01T02:00:00Z", schedule="bank").backup(
        "b2", "2026-01-02T02:00:00Z", schedule="bank", phase="Failed"
    )
    bucket.backup("by-hand", "2025-12-01T00:00:00Z").backup("s1", "2026-01-01T03:00:00Z", schedule="shop-nightly")
    run = prove(World(bucket))
    assert told(run)["verdict"] == "pass"
    (named,) = (each for each in told(run)["not_proved"] if "bank (the newest is b2, 2026" in each)
    assert f"NOT proved: {named}" in "\n".join(summary.lines(run_view.read(run)))
    assert wrong("run", json.loads((run / "run.json").read_text())) == []
    for asked in (replace(OPTIONS, backup=NAME), replace(OPTIONS, schedule="shop-nightly")):
        chosen = prove(World(bucket), asked)
        assert not any("schedules" in each for each in told(chosen)["not_proved"])


def test_the_newest_of_a_schedule_is_proved_whatever_others_did_since(prove: Prove) -> None:
    bucket = good().backup(schedule="shop-nightly").backup("b1", "2026-01-03T00:00:00Z", schedule="bank")
    facts = json.loads((prove(World(bucket), replace(OPTIONS, schedule="shop-nightly")) / "run.json").read_text())
    assert (facts["backup"]["name"], facts["backup"]["schedule"]) == (NAME, "shop-nightly")
    bucket.backup("b2", "2026-01-04T02:00:00Z", schedule="shop-nightly", phase="Failed")
    newest = velero_backup.read_backup(bucket, bucket.listing(), velero_backup.NEWEST, "shop-nightly")
    assert (newest.report.name, newest.failed) == ("b2", True)
    with pytest.raises(Misconfigured, match=r"schedule .*shop.*bank, shop-nightly"):
        velero_backup.read_backup(bucket, bucket.listing(), velero_backup.NEWEST, "shop")


AT = "2026-01-02T03:00:00+00:00"


def told_newest(**newest: str) -> list[Event]:
    """The events of a restore that was asked for, and of each database's newest row."""
    asked = Event(1, 1, AT, "mark", {"mark": "T4"})
    return [asked, *(Event(2, 2, AT, "newest", {"store": key, "newest": at}) for key, at in newest.items())]


def test_a_row_written_after_the_restore_does_not_take_its_database_out_of_the_rpo() -> None:
    old, fresh, later = "2025-12-02T03:00:00Z", "2026-01-02T02:59:00Z", "2026-01-02T03:00:30Z"
    assert rpo_s(told_newest(mysql=fresh, postgres=old)) == timedelta(days=31).total_seconds()
    assert rpo_s(told_newest(mysql=fresh, postgres=later)) is None
    unread = Event(3, 3, AT, "unread", {"store": "postgres", "what": "newest", "message": "Lost connection"})
    assert rpo_s([*told_newest(mysql=fresh), unread]) is None


# ---------------------------------------------------------------- a move


def test_a_move_is_not_started_by_findings_that_were_edited(
    move: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = target()
    other.says["digest"] = ALTERED
    run = move(source(), other)
    conclude(run, keys.signer())
    document = json.loads((run / "findings.json").read_text())
    passed = [{**each, "verdict": "pass"} for each in document["findings"]]
    write_json(run / "findings.json", {**document, "verdict": "pass", "findings": passed})
    (tmp_path / "config").touch()
    assert cli.main(["migrate", "start", str(run), "--kubeconfig", str(tmp_path / "config")]) == 64
    said = capsys.readouterr().err
    assert "UNKNOWN (findings.json" in said


@pytest.mark.parametrize(
    ("kind", "name", "spec", "writer"),
    [
        ("Deployment", "web", {"replicas": 2}, "deployment/web"),
        ("CronJob", "nightly", {"suspend": False}, "cronjob/nightly"),
    ],
)
def test_a_source_that_somebody_let_go_meanwhile_is_not_frozen_still(
    move: Callable[..., Path], kind: str, name: str, spec: dict[str, Any], writer: str
) -> None:
    """Whatever keeps manifests as they are in git starts it again, and its writes come later than the last reading."""
    one, other = source(), target()

    def let_go() -> None:
        next(each for each in one.things["shop"] if (each["kind"], each["metadata"]["name"]) == (kind, name))[
            "spec"
        ].update(spec)

    other.meanwhile = let_go
    bad = [each for each in told(move(one, other))["findings"] if each["verdict"] != "pass"]
    assert [(each["check"], each["verdict"]) for each in bad] == [("source-unchanged", "fail")]
    assert (bad[0]["reason"], bad[0]["objects"]) == ("SourceResumed", [writer])


def test_a_move_does_not_prove_the_files_that_no_database_holds() -> None:
    """Nobody reads them at the target: that they came is Velero's word, and that has been wrong."""
    facts: dict[str, Json] = {
        "kind": "move",
        "databases": [{"pod": "db-0"}],
        "backup": {"uncopied": ["cache of web-0"]},
    }
    asked: Json = [{"pod": "db-0", "volume": "data"}, {"pod": "web-0", "volume": "uploads"}]
    said = not_proved(facts, [Event(1, 1, AT, "protected", {"volumes": asked, "hooks": {}})])
    assert ["cache of web-0" in said[0], "uploads of web-0" in said[1]] == [True, True]
    assert not any("db-0" in each for each in said)


# ---------------------------------------------------------------- many runs, and jobs


def test_a_cell_of_a_table_is_not_green_by_findings_that_were_edited(tmp_path: Path) -> None:
    run = run_in_memory(
        tmp_path, world := MemoryWorld(), (MemoryStore("mysql", world), MemoryStore("consul", world))
    ).run
    judge.recheck(run)
    document = json.loads((run / "findings.json").read_text())
    (of_consul, *_) = (each for each in document["findings"] if each["store"] == "consul")
    of_consul["verdict"] = document["verdict"] = "fail"
    write_json(run / "findings.json", {**document, "rto_s": 1e-9})
    found = drilled(run)
    assert "differs from a re-evaluation" in found.doubt
    assert found.verdict is Verdict.FAIL
    assert dict(found.by_store) == {"mysql": Verdict.UNKNOWN, "consul": Verdict.FAIL}
    assert not found.figures


def test_a_drill_that_was_killed_is_in_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.checks.judge.is_current", lambda _: True)
    sample_runs.passed(tmp_path / "good")
    (sample_runs.passed(tmp_path / "killed") / "findings.json").unlink()
    (tmp_path / "no-run").mkdir()
    assert [run.name for run in all_drills(tmp_path)] == ["good", "killed"]
    (row,) = rows(map(drilled, all_drills(tmp_path)))
    assert (row.survival.passed, row.survival.unknown, row.verdict) == (1, 1, Verdict.UNKNOWN)


def test_a_job_that_dies_each_time_is_not_worth_what_it_once_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = jobs.Job("nightly", ("run",), tmp_path, timedelta(days=1), timedelta(hours=6))
    passed = replace(attempts.begin("nightly", job.every), name="0", began=datetime.now(UTC) - timedelta(days=30))
    ended = replace(passed, how="ended", ended=passed.began, verdict=Verdict.PASS)
    attempt_log.save(job.attempts, ended, keys.signer())

    def die(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr("harness.campaigns.schedule.job._ran", die)
    for _ in range(2):
        with pytest.raises(SystemExit):
            jobs.attempt(job, lambda _: None)
    known = attempt_log.history("nightly", (attempt_log.files(job.attempts),), keys.believed()).attempts
    assert sorted(each.how for each in known) == ["died", "ended", "running"]
    assert attempts.standing(known, datetime.now(UTC))[0] is Verdict.UNKNOWN
    newest = attempts.newest_ended(known)
    assert newest
    assert newest.how == "died"


def of_bucket(name: str, schedule: str = "") -> dict[str, Any]:
    place: Json = {"bucket": name, "prefix": "eu", "endpoint": "http://store", "region": "us-east-1"}
    return {"kind": "proof", "backup": {"name": "nightly", "place": place, "schedule": schedule}}


def on_context(name: str) -> dict[str, Any]:
    return {"fenced": False, "versions": {"cluster": f"the context {name}, not made by drillproof"}}


def move_to(name: str) -> dict[str, Any]:
    return {
        "kind": "move",
        "source": {"context": "prod", "namespace": "shop"},
        "target": {"context": name, "namespace": "shop"},
    }


@pytest.mark.parametrize(
    ("bad", "other", "said"),
    [
        (of_bucket("backups"), of_bucket("others"), "backups/eu at http://store"),
        (of_bucket("backups", "daily"), of_bucket("backups", "hourly"), "daily in backups/eu at http://store"),
        ({"application": "shop"}, {"application": "blog"}, "shop"),
        ({"application": "shop", **on_context("prod")}, {"application": "shop"}, "shop, the context prod"),
        (on_context("prod"), on_context("staging"), "the context prod"),
        (move_to("new"), move_to("newer"), "shop of prod to shop of new"),
    ],
)
def test_what_passes_elsewhere_does_not_speak_for_what_failed_here(
    bad: dict[str, Any], other: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs of many buckets, applications and clusters come to lie in one folder: an archive brings them there."""
    (tmp_path / "runs").mkdir()
    folder = SignedRuns(signed_runs.good(tmp_path / "good"), tmp_path / "runs", keys.fresh(), monkeypatch)
    folder.add(2, verdict="fail", **bad)
    folder.add(1, **other)
    found = trend.trend(folder.runs, {folder.key.public_key.keyid}, scenarios=(), now=signed_runs.NOW)
    assert found.verdict is Verdict.FAIL
    assert next((each.key.of, each.verdict) for each in found.series) == (said, Verdict.FAIL)
    assert wrong("trend", json.loads(json.dumps(pages.document(found, folder.runs)))) == []
    assert said in pages.markdown(found)
    pages.write(found, tmp_path / "trend.html")
    assert said in (tmp_path / "trend.html").read_text()
    metrics = generate_latest(prometheus.Metrics(found)).decode()
    assert exposition.value(metrics, "drillproof_run_verdict", of=said, verdict="fail") == 1
    found_by = {"check": "data", "verdict": "fail", "reason": "Unspecified"}
    assert exposition.value(metrics, "drillproof_run_findings", of=said, **found_by) == 1


def test_what_passes_elsewhere_does_not_let_the_last_proof_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runs").mkdir()
    folder = SignedRuns(signed_runs.good(tmp_path / "good"), tmp_path / "runs", keys.fresh(), monkeypatch)
    with serve() as store:
        archive = Archive(BucketLocation("theirs", "dr", store.url), Credentials("key", "other-secret"), folder.key, ())
        archive.open(write=True)
        for days, bucket in ((90, "backups"), (1, "others")):
            archive.put(folder.add(days, **of_bucket(bucket)), timedelta(days=30))
        assert archive.prune(signed_runs.NOW).removed == ()


def test_a_pass_by_a_clock_that_is_ahead_does_not_speak_for_its_job_for_ever(tmp_path: Path) -> None:
    """Pods of one job run on many nodes, and one of these may live in another year."""
    job = jobs.Job("nightly", ("run",), tmp_path, timedelta(days=1), timedelta(hours=6))
    metrics, now = tmp_path / "nightly.prom", datetime.now(UTC)
    (tmp_path / "runs").mkdir()

    def add(name: str, ended: datetime, verdict: Verdict, how: str = "ended") -> tuple[Verdict, str]:
        known = attempt_log.history("nightly", (attempt_log.files(job.attempts),), keys.believed())
        made = attempts.Attempt("nightly", name, ended, 86400, ended=ended, how=how, verdict=verdict, after=known.heads)
        attempt_log.save(job.attempts, made, keys.signer())
        known = attempt_log.history("nightly", (attempt_log.files(job.attempts),), keys.believed())
        runs = trend.trend(job.runs, keys.known(), scenarios=())
        prometheus.write(metrics, prometheus.Metrics(runs, "nightly", known))
        return attempts.standing(known.attempts, now, known.doubt)

    verdict, doubt = add("a", now + timedelta(days=400), Verdict.PASS)
    assert verdict is Verdict.UNKNOWN
    assert f"{now + timedelta(days=400):%Y-%m-%d %H:%M}" in doubt
    assert exposition.value(metrics.read_text(), "drillproof_job_verdict", verdict="pass") == 0
    assert exposition.value(metrics.read_text(), "drillproof_job_last_pass_timestamp_seconds") == 0
    add("b", now, Verdict.UNKNOWN, "skipped")
    assert add("c", now - timedelta(hours=1), Verdict.FAIL)[0] is Verdict.FAIL
    assert exposition.value(metrics.read_text(), "drillproof_job_verdict", verdict="fail") == 1
    assert add("d", now - timedelta(minutes=30), Verdict.PASS)[0] is Verdict.PASS
    known = attempt_log.history("nightly", (attempt_log.files(job.attempts),), keys.believed()).attempts
    assert attempts.standing(known, now + timedelta(days=3))[0] is Verdict.UNKNOWN


def test_of_two_attempts_that_follow_each_other_the_second_speaks_whatever_their_clocks_say(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    good = attempts.Attempt("nightly", "a", now, 86400, ended=now, how="ended", verdict=Verdict.PASS)
    attempt_log.save(tmp_path, good, keys.signer())
    heads = attempt_log.history("nightly", (attempt_log.files(tmp_path),), keys.believed()).heads
    early = now - timedelta(minutes=10)
    bad = replace(good, name="b", began=early, ended=early, verdict=Verdict.FAIL, after=heads)
    attempt_log.save(tmp_path, bad, keys.signer())
    known = attempt_log.history("nightly", (attempt_log.files(tmp_path),), keys.believed()).attempts
    assert attempts.standing(known, now)[0] is Verdict.FAIL


def test_nobody_is_told_that_a_run_passed_whose_findings_were_edited(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = MemoryWorld()
    run = run_in_memory(tmp_path, world, (MemoryStore("mysql", world),), escaped=3).run
    judge.recheck(run)
    document = json.loads((run / "findings.json").read_text())
    assert document["verdict"] == "fail"
    passed = [{**each, "verdict": "pass"} for each in document["findings"]]
    write_json(run / "findings.json", {**document, "verdict": "pass", "findings": passed})
    monkeypatch.setenv("DRILLPROOF_WEBHOOK", receiver.url)
    assert cli.main(["notify", run.name, "--runs", str(tmp_path)]) == 2
    (told_them,) = receiver.documents
    assert told_them["verdict"] == "unknown"
    assert "differs from a re-evaluation" in told_them["runs"][0]["problems"][0]
