"""The bucket that keeps evidence: what goes in comes back whole, and nothing goes out that should not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import signed_runs
from object_store import ObjectStore, serve
from signed_runs import NOW, SignedRuns

from harness.backups.bucket_reader import BucketLocation, Credentials
from harness.campaigns.schedule.archive import Archive
from harness.cli import app as cli
from harness.core.errors import HarnessError, Misconfigured
from harness.core.model import Verdict
from harness.evidence import run_view
from harness.evidence.signing import attestation, keys
from harness.evidence.signing.files import Directory

KEY = keys.fresh()
OTHER = keys.fresh()
MONTH = timedelta(days=30)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return signed_runs.good(tmp_path_factory.mktemp("good"))


@pytest.fixture
def runs(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SignedRuns:
    (tmp_path / "runs").mkdir()
    return SignedRuns(good, tmp_path / "runs", KEY, monkeypatch)


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    with serve() as found:
        yield found


def at(store: ObjectStore, key: keys.PrivateKey | None = KEY) -> Archive:
    return Archive(BucketLocation("theirs", "team/dr", store.url), Credentials("key", "other-secret"), key, ())


@pytest.fixture
def archive(store: ObjectStore) -> Archive:
    found = at(store)
    found.open(write=True)
    return found


def test_a_run_comes_back_as_it_was(runs: SignedRuns, archive: Archive, store: ObjectStore, tmp_path: Path) -> None:
    run = runs.add(1)
    assert archive.put(run, MONTH)
    assert store.under("team/dr/runs") == [
        f"team/dr/runs/{run.name}/{name}"
        for name in ("archived.dsse.json", "archived.pub", "bundle.zip", "findings.json")
    ]
    (entry,), problems = archive.entries()
    assert problems == ()
    assert (entry.verdict, entry.ended, entry.until) == (
        Verdict.PASS,
        NOW - timedelta(days=1),
        NOW + timedelta(days=29),
    )
    assert archive.fetch(entry, tmp_path)
    back = tmp_path / run.name
    assert attestation.verify(Directory(back)).problems == ()
    assert run_view.read(back).verdict is Verdict.PASS
    assert {path.relative_to(run) for path in run.rglob("*")} == {path.relative_to(back) for path in back.rglob("*")}
    assert not archive.fetch(entry, tmp_path)  # it is there


def test_the_same_run_is_kept_once_and_never_replaced(runs: SignedRuns, archive: Archive, store: ObjectStore) -> None:
    run = runs.add(1)
    assert archive.put(run, MONTH)
    before = dict(store.things)
    assert not archive.put(run, MONTH)
    attestation.sign_verdict(run, KEY, Verdict.FAIL, {})
    with pytest.raises(Misconfigured, match="never replaced"):
        archive.put(run, MONTH)
    assert store.things == before


def test_what_is_not_as_it_was_signed_is_not_kept(runs: SignedRuns, archive: Archive, store: ObjectStore) -> None:
    edited, unsigned, strange = runs.add(1), runs.add(2), runs.add(3, key=OTHER)
    (edited / "journal.jsonl").write_text("")
    shutil.rmtree(unsigned / "signed")
    for run in (edited, unsigned, strange):
        with pytest.raises(HarnessError, match=r"not as it was signed|not known here"):
            archive.put(run, MONTH)
    assert not store.under("team/dr/runs")


def test_what_is_past_its_time_goes(runs: SignedRuns, archive: Archive) -> None:
    old, older = runs.add(40), runs.add(50)
    for run in (old, older, runs.add(1)):
        archive.put(run, MONTH)
    pruned = archive.prune(NOW)
    assert (pruned.removed, pruned.spared, pruned.problems) == ((older.name, old.name), (), ())
    assert [entry.run for entry in archive.entries()[0]] == [f"{NOW - timedelta(days=1):%Y%m%dT%H%M%SZ}-memory_loss"]


def test_the_newest_of_each_make_and_its_newest_pass_stay(runs: SignedRuns, archive: Archive) -> None:
    passed, failed, other = runs.add(90), runs.add(60, verdict="fail"), runs.add(80, strategy="files")
    gone = runs.add(91)
    for run in (passed, failed, other, gone):
        archive.put(run, MONTH)
    pruned = archive.prune(NOW)
    assert pruned.removed == (gone.name,)
    assert set(pruned.spared) == {passed.name, failed.name, other.name}


def test_what_is_kept_for_ever_stays(runs: SignedRuns, archive: Archive) -> None:
    for days in (900, 800):
        archive.put(runs.add(days), None)
    assert archive.prune(NOW).removed == ()


def test_what_others_put_there_stays(runs: SignedRuns, archive: Archive, store: ObjectStore) -> None:
    old = runs.add(50)
    archive.put(old, MONTH)
    archive.put(runs.add(1), MONTH)
    for key in ("runs/strange/bundle.zip", f"runs/{old.name}/notes.txt", "elsewhere.txt"):
        store.things[f"team/dr/{key}"] = b"not ours"
    store.things["team/backup"] = b"not ours"
    pruned = archive.prune(NOW)
    assert pruned.removed == (old.name,)
    assert [key for key, value in store.things.items() if value == b"not ours"] == [
        "team/dr/runs/strange/bundle.zip",
        f"team/dr/runs/{old.name}/notes.txt",
        "team/dr/elsewhere.txt",
        "team/backup",
    ]
    assert any("strange" in problem for problem in pruned.problems)


@pytest.mark.parametrize("what", ["bundle.zip", "findings.json"])
def test_what_was_replaced_stays(runs: SignedRuns, archive: Archive, store: ObjectStore, what: str) -> None:
    old = runs.add(50)
    archive.put(old, MONTH)
    archive.put(runs.add(1), MONTH)
    store.things[f"team/dr/runs/{old.name}/{what}"] = b"another"
    pruned = archive.prune(NOW)
    assert pruned.removed == ()
    assert f"{old.name}: {what} " in pruned.problems[0]
    assert store.things[f"team/dr/runs/{old.name}/{what}"] == b"another"


def test_a_strangers_manifest_counts_for_nothing(runs: SignedRuns, archive: Archive, store: ObjectStore) -> None:
    """A newer PASS by somebody else must not make ours go."""
    ours = runs.add(50)
    archive.put(ours, MONTH)
    at(store, OTHER).put(runs.add(1, key=OTHER), MONTH)
    assert archive.prune(NOW).removed == ()
    (entry,), (problem,) = archive.entries()
    assert entry.run == ours.name
    assert "is signed by " in problem


def test_a_manifest_stands_for_no_other_run(runs: SignedRuns, archive: Archive, store: ObjectStore) -> None:
    run = runs.add(50)
    archive.put(run, MONTH)
    for key in store.under(f"team/dr/runs/{run.name}/"):
        store.things[key.replace(run.name, "20270101T000000Z-memory_loss")] = store.things[key]
    assert [entry.run for entry in archive.entries()[0]] == [run.name]


def test_what_object_lock_holds_stays_whole(runs: SignedRuns, archive: Archive, store: ObjectStore) -> None:
    old = runs.add(50)
    archive.put(old, MONTH)
    archive.put(runs.add(1), MONTH)
    store.locked = set(store.things)
    pruned = archive.prune(NOW)
    assert pruned.removed == ()
    assert "s3:DeleteObject" in pruned.problems[0]
    assert old.name in {entry.run for entry in archive.entries()[0]}
    store.locked = set()
    assert archive.prune(NOW).removed == (old.name,)


def test_in_a_bucket_with_versions_the_very_version_goes(runs: SignedRuns, store: ObjectStore) -> None:
    store.versioned = True
    archive = at(store)
    archive.open(write=True)
    old = runs.add(50)
    archive.put(old, MONTH)
    archive.put(runs.add(1), MONTH)
    assert all(kept.version for kept in archive.entries()[0][0].kept.values())
    assert archive.prune(NOW).removed == (old.name,)


@pytest.mark.parametrize("byte", [0, 400, -1])
def test_a_bundle_that_was_changed_is_not_fetched(
    runs: SignedRuns, archive: Archive, store: ObjectStore, tmp_path: Path, byte: int
) -> None:
    run = runs.add(1)
    archive.put(run, MONTH)
    key = f"team/dr/runs/{run.name}/bundle.zip"
    spoilt = bytearray(store.things[key])
    spoilt[byte] ^= 1
    store.things[key] = bytes(spoilt)
    (entry,), _ = archive.entries()
    with pytest.raises(HarnessError, match="bundle"):
        archive.fetch(entry, tmp_path)
    assert not (tmp_path / run.name).exists()
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_a_prefix_with_other_things_is_refused(store: ObjectStore) -> None:
    store.things["team/dr/backups/velero.json"] = b"{}"
    with pytest.raises(Misconfigured, match="BUCKET/PREFIX"):
        at(store).open(write=True)
    assert list(store.things) == ["team/dr/backups/velero.json"]


def test_what_is_no_archive_is_not_fetched_from(store: ObjectStore) -> None:
    with pytest.raises(Misconfigured, match="BUCKET/PREFIX"):
        at(store).open(write=False)
    assert store.things == {}


REFUSALS = (
    ("GET", "AccessDenied", "s3:PutObject"),
    ("PUT", "AccessDenied", "s3:PutObject"),
    ("GET", "NoSuchBucket", "does not exist"),
)


@pytest.mark.parametrize(("method", "code", "said"), REFUSALS)
def test_a_bucket_without_rights_says_which(store: ObjectStore, method: str, code: str, said: str) -> None:
    store.refuses[method] = code
    with pytest.raises(Misconfigured, match=said) as error:
        at(store).open(write=True)
    assert "other-secret" not in str(error.value)
    assert "\n" not in str(error.value)


def test_attempts_are_written_down_and_forgotten(archive: Archive, store: ObjectStore) -> None:
    archive.note("weekly", "a.json", b"running")
    archive.note("weekly", "a.json", b"ended")
    archive.note("weekly", "b.json", b"running")
    archive.note("nightly", "a.json", b"skipped")
    store.things["team/dr/attempts/weekly/notes.txt"] = b"not ours"
    assert archive.attempts("weekly") == {"a.json": b"ended", "b.json": b"running"}
    archive.forget("weekly", "a.json")
    assert archive.attempts("weekly") == {"b.json": b"running"}
    assert archive.attempts("nightly") == {"a.json": b"skipped"}


# ---------------------------------------------------------------- the commands


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id=a\naws_secret_access_key=other-secret\n")
    return file


def test_upload_and_download(
    runs: SignedRuns, store: ObjectStore, credentials: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signer = keys.signer()
    run = runs.add(1, key=signer)
    where = ["--bucket", "theirs/dr", "--endpoint", store.url, "--credentials", str(credentials)]
    assert cli.main(["upload", run.name, *where, "--retain", "90d", "--runs", str(runs.runs)]) == 0
    assert f": {run.name} uploaded" in capsys.readouterr().out
    back = tmp_path / "back"
    assert cli.main(["download", *where, "--into", str(back), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["new"] == [run.name]
    assert cli.main(["verify", run.name, "--runs", str(back)]) == 0
    assert cli.main(["download", *where, "--into", str(back)]) == 0
    store.things[f"dr/runs/{run.name}/bundle.zip"] = b"x"
    shutil.rmtree(back)
    assert cli.main(["download", *where, "--into", str(back)]) == 2
    assert run.name in capsys.readouterr().err


WRONG = (
    (["--retain", "soon"], "--retain"),
    (["--retain", "0d"], "--retain"),
    (["--retain", "99999w"], "--retain"),
    (["--lock", "compliance"], "--retain"),
    (["--lock", "iron", "--retain", "1d"], "governance"),
    (["--endpoint", "somewhere"], "--endpoint"),
    (["--bucket", "/"], "--bucket"),
    (["--credentials", "/nowhere"], "/nowhere"),
)


@pytest.mark.parametrize(("words", "said"), WRONG)
def test_what_makes_no_sense_is_one_line(
    words: list[str], said: str, store: ObjectStore, credentials: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--bucket", "theirs/dr", "--endpoint", store.url, "--credentials", str(credentials)]
    assert cli.main(["upload", *where, *words]) == 64
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert store.asked == []


def test_a_mirror_of_the_attempts_fetches_only_what_is_new(
    archive: Archive, store: ObjectStore, tmp_path: Path
) -> None:
    into = tmp_path / "mirror"
    for name in ("a", "b"):
        archive.note("shop", f"{name}.json", name.encode())
    archive.note("..", "evil.json", b"outside")
    archive.mirror(into)
    assert {path.name: path.read_bytes() for path in into.rglob("*.json")} == {"a.json": b"a", "b.json": b"b"}
    assert not (tmp_path / "evil.json").exists()
    (into / "shop" / "a.json").write_bytes(b"edited here")
    archive.note("shop", "b.json", b"ended")
    archive.note("mail", "c.json", b"c")
    archive.forget("shop", "a.json")
    before = (into / "shop" / "b.json").stat().st_ino
    archive.mirror(into)
    assert {path.relative_to(into).as_posix(): path.read_bytes() for path in into.rglob("*.json")} == {
        "shop/b.json": b"ended",
        "mail/c.json": b"c",
    }
    assert (into / "shop" / "b.json").stat().st_ino != before
    same = (into / "mail" / "c.json").stat().st_ino
    archive.mirror(into)
    assert (into / "mail" / "c.json").stat().st_ino == same
