"""A whole proof, with stand-ins for the cluster, Velero and the databases; and what is made of its journal."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nightly import NAME, claim, copy, good, pod
from proving import OPTIONS, Spoil, World, bare, meanwhile, red, says, told
from proving import prove as prove  # noqa: PLC0414 # a fixture
from schemas import lines, wrong

from harness.backups import velero_backup
from harness.backups.bucket_reader import BucketReader, Listing
from harness.backups.velero_backup import BackupRecord
from harness.campaigns.matrix.results import all_drills
from harness.checks import judge
from harness.core import resources, timeouts
from harness.core.errors import Misconfigured
from harness.core.model import Json, Verdict, VolumeCopy
from harness.core.wait import NotYet
from harness.evidence import journal as journals
from harness.evidence import run_view
from harness.evidence.ledger import fingerprint
from harness.reports import markdown, summary
from harness.reports.texts import DEFINITIONS
from harness.selftest import good_runs, journal_mutations, runner
from harness.selftest.tampering import EDITED
from harness.workflows.proof import assembly
from harness.workflows.proof import request as requests
from harness.workflows.run_options import Hook
from harness.workloads import detection
from harness.workloads.database_probe import DatabaseProbe, InvalidOutput, integrity_of, parts_of, why_it_cannot_run
from harness.workloads.database_probe import lines as fields


@pytest.mark.parametrize(("rto_s", "within_s"), [(600, 600), (None, timeouts.RESTORE_S + 1e9 / 1e6)])
def test_a_restore_is_waited_for_as_long_as_the_objective_or_its_bytes_allow(
    prove: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, rto_s: float | None, within_s: float
) -> None:
    large, read = VolumeCopy("db-0", "data", "Completed", 10**9, 10**9, ""), velero_backup.read_backup

    def of_a_gigabyte(
        source: BucketReader, listing: Listing, backup: str, schedule: str = "", namespaces: Sequence[str] = ()
    ) -> BackupRecord:
        recorded = read(source, listing, backup, schedule, namespaces)
        return replace(recorded, report=replace(recorded.report, volumes=(large,)))

    monkeypatch.setattr(velero_backup, "read_backup", of_a_gigabyte)
    world = World()
    prove(world, rto_s=rto_s)
    assert world.restored_within_s == within_s


def test_a_backup_that_comes_back_equal_to_its_fingerprint_passes(prove: Callable[..., Path]) -> None:
    run = prove()
    assert red(run) == []
    judged = told(run)
    assert judged["verdict"] == "pass"
    assert judged["rto_s"] > 0
    assert judged["rpo_s"] > 60
    assert judged["not_proved"] == ["that the service takes writes"]


def test_a_backup_that_is_older_than_asked_fails(prove: Callable[..., Path]) -> None:
    (found,) = red(prove(options=replace(OPTIONS, age_s=60.0)))
    assert found == ("objectives-met", "fail", {"ObjectiveMissed", "age of the backup"})


def test_without_a_limit_it_is_not_proved_that_backups_are_still_taken(prove: Callable[..., Path]) -> None:
    run = prove(options=replace(OPTIONS, age_s=None))
    assert red(run) == []
    assert "that backups are still taken" in told(run)["not_proved"][0]


def test_all_that_it_leaves_is_as_the_schemas_say(prove: Callable[..., Path]) -> None:
    run = prove(options=replace(OPTIONS, hooks=(Hook("after", "restore", "true"),)))
    assert [problem for line in lines(run) for problem in wrong("journal", line)] == []
    assert wrong("run", json.loads((run / "run.json").read_text())) == []
    assert wrong("findings", told(run)) == []


def test_it_says_which_velero_made_the_backup_and_which_restored_it(prove: Callable[..., Path]) -> None:
    facts = json.loads((prove() / "run.json").read_text())
    assert (facts["lane"], facts["backup"]["made_by"]) == ("1.16", {"lane": "1.16", "mark": ""})


def test_without_a_fingerprint_it_is_unknown_whether_the_data_are_what_they_were(prove: Callable[..., Path]) -> None:
    run = prove(World(good(pods=[bare()])))
    assert red(run) == [("data-equal", "unknown", {"NoFingerprint"})]


def test_asked_for_less_it_passes_and_says_in_its_headline_what_was_not_proved(prove: Callable[..., Path]) -> None:
    world = World(good(pods=[bare()], persistentvolumeclaims=[claim(), claim("logs")]), claims=("data-db-0", "logs"))
    run = prove(world, replace(OPTIONS, asked="sound"))
    story = run_view.read(run)
    assert story.verdict is Verdict.PASS
    headline = summary.says(story)
    assert "NOT proved: that the data of shop/db-0 are unchanged (no fingerprint" in headline
    assert "the files of shop/logs (the backup has no copy of them)" in headline
    assert "equal all fingerprints" not in headline
    assert "Data equal 0 of 1 (no fingerprint: 1)" in summary.lines(story)
    assert headline.replace("_", "\\_")[:40] in markdown.render(story).replace("_", "\\_")
    assert "NOT proved" in (run / "report.html").read_text()


def test_an_older_fingerprint_is_compared_in_its_own_form(prove: Callable[..., Path]) -> None:
    world = World()
    says("cat", "\t2\t", "\t1\t")(world)
    assert red(prove(world)) == []
    assert [asked[-2:] for asked in world.asked if "digest" in asked] == [("digest", "1")]


def is_so(**values: object) -> Spoil:
    """Something about the world is otherwise."""
    return lambda world: world.__dict__.update(values)


EQUAL, SOUND, RESTORED, SOURCE = "data-equal", "databases-sound", "restore-complete", "source-unchanged"
SPOILT: dict[str, tuple[Spoil, str, str, set[str]]] = {
    "a row is gone": (says("digest", "\t20\t", "\t19\t"), EQUAL, "fail", {"RowsMissing", "table shop.orders"}),
    "an old fingerprint": (says("cat", "01-02", "01-01"), EQUAL, "unknown", {"FingerprintStale"}),
    "a cut fingerprint": (says("cat", "end\t2\n", ""), EQUAL, "unknown", {"FingerprintUnreadable"}),
    "a fingerprint of another kind": (says("cat", "mysql", "consul"), EQUAL, "unknown", {"FingerprintUnreadable"}),
    "a fingerprint of a later form": (says("cat", "\t2\t", "\t3\t"), EQUAL, "unknown", {"FingerprintUnreadable"}),
    "a fingerprint that is none": (says("cat", "drillproof", "other"), EQUAL, "unknown", {"FingerprintUnreadable"}),
    "no fingerprint where it should be": (is_so(fails="cat"), EQUAL, "unknown", {"FingerprintUnreadable"}),
    "a digest that is cut": (says("digest", "end\t2", "end\t3"), EQUAL, "unknown", {"NotReadBack"}),
    "a damaged table": (
        says("check", "sound\tshop.orders", "damaged\tx\tpage 4"),
        SOUND,
        "fail",
        {"DataCorrupted", "x: page 4"},
    ),
    "an unchecked table": (
        says("check", "sound\tshop.orders", "unchecked\tx\tno"),
        SOUND,
        "unknown",
        {"IntegrityNotChecked", "x: no"},
    ),
    "a server that dies of its check": (is_so(fails="check"), SOUND, "unknown", {"IntegrityNotChecked"}),
    "a server that never answers": (is_so(fails="ready"), SOUND, "fail", {"NotAnswering"}),
    "a restore that failed in part": (is_so(phase="PartiallyFailed"), RESTORED, "fail", {"RestorePartiallyFailed"}),
    "a volume that did not come back": (is_so(volumes_back=0), RESTORED, "fail", {"VolumeNotRestored"}),
    "a claim that did not come back": (
        is_so(claims=()),
        "claims-back",
        "fail",
        {"ClaimMissing", "claim shop/data-db-0"},
    ),
    "a backup that the engine does not find": (is_so(fails="look"), "drill-finished", "fail", {"RecoveryFailed"}),
    "a restore without an end": (is_so(fails="restore"), "drill-finished", "fail", {"RecoveryFailed"}),
    "a file of the backup was added": (
        meanwhile(lambda b: b.things.update({"backups/nightly/new": b"x"})),
        SOURCE,
        "fail",
        {"BucketChanged", "backups/nightly/new"},
    ),
    "a pack is gone, and nothing was written instead": (
        meanwhile(lambda bucket: bucket.things.pop("restic/shop/data/aa")),
        SOURCE,
        "fail",
        {"BucketChanged", "restic/shop/data/aa"},
    ),
    "a pack that was changed": (
        meanwhile(lambda bucket: bucket.things.update({"restic/shop/data/aa": b"x"})),
        SOURCE,
        "fail",
        {"BucketChanged", "restic/shop/data/aa"},
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_what_is_wrong_is_noticed(prove: Callable[..., Path], name: str) -> None:
    spoil, check, verdict, words = SPOILT[name]
    world = World()
    spoil(world)
    found = red(prove(world))
    assert any((each[0], each[1]) == (check, verdict) and words <= each[2] for each in found), found


def test_a_database_that_finds_no_node_says_nothing_of_its_backup(
    prove: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.core.timeouts.PLACE_S", 0)
    world = World()
    world.pod["status"] = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "reason": "Unschedulable", "message": "Insufficient memory"}],
    }
    run = prove(world)
    assert told(run)["verdict"] == "unknown"
    assert any({"NotReadBack"} <= words for _, _, words in red(run))
    assert "no node takes it: Insufficient memory" in (run / "journal.jsonl").read_text()


def test_after_a_restore_that_is_bad_already_a_database_is_not_waited_for_an_hour(
    prove: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.core.timeouts.HEALTHY_S", 0.1)
    world = World(phase="PartiallyFailed")
    world.pod["status"]["containerStatuses"] = []
    run = prove(world, rto_s=None)
    assert told(run)["verdict"] == "fail"
    assert "waited 0 s" in (run / "journal.jsonl").read_text()


def test_the_source_is_listed_again_even_where_the_proof_broke(prove: Callable[..., Path]) -> None:
    run = prove(hooks=(Hook("before", "restore", "exit 3"),))
    assert told(run)["verdict"] == "unknown"
    assert ("drill-finished", "unknown") in {each[:2] for each in red(run)}
    assert "source-unchanged" not in {each[0] for each in red(run)}


def test_every_mutation_of_a_proof_is_detected() -> None:
    outcomes = runner.in_memory_self_test_of_proofs()
    assert outcomes["missed"] == []
    assert outcomes["noticed"] == len(journal_mutations.mutations("proof")) + len(EDITED)


def proof_with(facts: dict[str, Json], folder: Path) -> Path:
    """A good proof, judged, with other facts in its run.json."""
    run, again = good_runs.proof(folder), folder / "again"
    again.mkdir()
    (again / "run.json").write_text(json.dumps({**json.loads((run / "run.json").read_text()), **facts}))
    noted = (
        replace(e, data={"name": "run.json", "sha256": fingerprint(again / "run.json")}) if e.kind == "file" else e
        for e in journals.read(run / "journal.jsonl")
    )
    journals.write(again / "journal.jsonl", noted)
    judge.recheck(again)
    return again


def test_a_proof_that_was_asked_for_all_needs_all_fingerprints(tmp_path: Path) -> None:
    asked_for_all = proof_with({"asked": "equal"}, tmp_path)
    assert [each[:2] for each in red(asked_for_all)] == [("data-equal", "unknown")]


@pytest.mark.parametrize("facts", [{"databases": []}, {"databases": [{}]}, {"steps": ["up"]}], ids=str)
def test_a_proof_that_does_not_say_what_it_was_to_judge_is_unknown(tmp_path: Path, facts: dict[str, Json]) -> None:
    assert told(proof_with(facts, tmp_path))["verdict"] == "unknown"


# ---------------------------------------------------------------- what the scripts say


@pytest.mark.parametrize("text", ["", "end\t1\n", "part\ta\t1\tx\t1\n", "part\ta\t1\tx\t1\nend\t2\n", "end\n"])
def test_an_answer_that_is_cut_is_none(text: str) -> None:
    with pytest.raises(InvalidOutput):
        fields(text)


@pytest.mark.parametrize("line", ["part\ta\t1\tx\t0", "part\ta\t1\tx\tf", "part\ta\tb\tx\t1", "part\ta\t1", "x"])
def test_a_part_that_was_not_read_whole_is_no_digest(line: str) -> None:
    with pytest.raises(InvalidOutput):
        parts_of((tuple(line.split("\t")),))


def test_a_part_told_twice_is_no_digest() -> None:
    with pytest.raises(InvalidOutput):
        parts_of((("part", "a", "1", "x", "1"), ("part", "a", "1", "x", "1")))


def test_a_check_that_says_something_else_is_no_answer() -> None:
    with pytest.raises(InvalidOutput, match="oops"):
        integrity_of((("oops", "x"),))


def test_why_a_pod_cannot_run_here() -> None:
    waiting: Json = {"state": {"waiting": {"reason": "ErrImagePull", "message": "no way out"}}, "name": "db"}
    assert "no way out" in why_it_cannot_run({"status": {"containerStatuses": [waiting]}})
    crashing: Json = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "name": "db"}
    assert why_it_cannot_run({"status": {"containerStatuses": [crashing]}}) == ""


def test_a_database_whose_container_does_not_run_yet_is_asked_later() -> None:
    world = World()
    world.pod["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}
    (database,) = detection.databases(velero_backup.read_backup(good(), good().listing(), NAME).pods)
    with pytest.raises(NotYet, match="CrashLoopBackOff"):
        DatabaseProbe(world.kubectl, resources.fixtures() / "prove").ready(database)


# ---------------------------------------------------------------- what a user asks for

WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"bucket": "no bucket"}, "--bucket .*'no bucket'"),
    ({"endpoint": "store:9000"}, "--endpoint .*'store:9000'"),
    ({"rto_s": 0}, "--rto "),
    ({"backup": "b1", "schedule": "nightly"}, "--schedule nightly .* b1"),
    ({"after": ["seed=x"]}, "up, fetch, restore, readback"),
    ({"images": "maybe"}, "unknown source of images"),
)


@pytest.mark.parametrize(("words", "said"), WRONG)
def test_a_word_that_makes_no_sense_is_refused(
    monkeypatch: pytest.MonkeyPatch, words: dict[str, Any], said: str
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    with pytest.raises(Misconfigured, match=said):
        requests.options(**{"backup": "newest", "bucket": "b-1", **words})


def test_a_bucket_may_have_a_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    place = requests.options("newest", bucket="s3://b-1/team/velero/").place
    assert (place.bucket, place.prefix, place.folder) == ("b-1", "team/velero", "team/velero/")


def test_a_backup_without_a_secret_that_its_pods_need_is_refused() -> None:
    bucket = good(secrets=[])
    with pytest.raises(Misconfigured, match=r"nightly lacks Secrets .*shop/db \(for shop/db-0\)"):
        assembly._is_whole(
            found := velero_backup.read_backup(bucket, bucket.listing(), NAME), detection.databases(found.pods)
        )


def test_a_volume_that_a_pod_asks_for_and_a_hook_that_did_not_run_are_missed(prove: Callable[..., Path]) -> None:
    wanting: dict[str, Json] = {
        "backup.velero.io/backup-volumes": "data, logs",
        "pre.hook.backup.velero.io/command": "[]",
        "drillproof.fingerprint": "/data/f",
    }
    meta: Json = {"name": "db-0", "namespace": "shop", "annotations": wanting}
    found = red(prove(World(good(pods=[{**pod(), "metadata": meta}]))))
    assert [each[:2] for each in found] == [("backup-complete", "fail")] * 2
    assert found[0][2] == {"HookDidNotRun"}
    assert found[1][2] == {"VolumeNotBackedUp", "logs of shop/db-0"}


def test_files_that_no_database_holds_are_told_to_be_unread(prove: Callable[..., Path]) -> None:
    other: dict[str, Json] = {
        **pod("web-0", image="nginx", ports=[], env=[]),
        "metadata": {"name": "web-0", "namespace": "shop"},
    }
    bucket = good(
        pods=[pod(), other],
        copies=[copy(), copy("web-0")],
        persistentvolumeclaims=[claim(), claim("data-web-0")],
    )
    run = prove(World(bucket, volumes_back=2, claims=("data-db-0", "data-web-0")))
    assert told(run)["verdict"] == "pass"
    assert told(run)["not_proved"][0].startswith("the files of shop/data-web-0 (")


def test_the_words_of_a_proof_are_told_with_their_own_meaning(prove: Callable[..., Path]) -> None:
    report = (prove() / "report.html").read_text()
    assert DEFINITIONS["proof"]["RTO"] in report
    assert "from the damage seen to a service" not in report
    assert "the next AUTO_INCREMENT of a table" in report


def test_a_proof_is_in_no_table_of_drills_unless_it_only_says_that_it_is_one(tmp_path: Path) -> None:
    run = good_runs.proof(tmp_path)
    judge.recheck(run)
    assert all_drills(tmp_path) == ()
    (run / "run.json").write_text((run / "run.json").read_text() + " ")
    assert all_drills(tmp_path) == (run,)
