"""A signed run: whatever is done to it afterwards is named, and a stranger's signature is never taken for ours."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import stat
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from memory import Memory

from harness.checks import judge
from harness.cli import app as cli
from harness.core.errors import HarnessError, Misconfigured, Unreadable
from harness.core.model import Verdict
from harness.core.reason import Reason
from harness.evidence import journal, run_view
from harness.evidence.run_directory import Run
from harness.evidence.signing import attestation, keys
from harness.evidence.signing.attestation import pack
from harness.evidence.signing.files import Bundle, Directory
from harness.evidence.signing.statement import Statement
from harness.evidence.signing.statement import seal as sealed
from harness.workflows import runner

KEY = keys.fresh()
OTHER = keys.fresh()


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that passed, and was signed at its end."""
    memory = Memory(tmp_path_factory.mktemp("runs"))
    memory.drill(stores=("consul",))
    (memory.path / "findings.json").unlink()
    (memory.path / "bundle" / "cluster").mkdir(parents=True)
    (memory.path / "bundle" / "cluster" / "kind.log").write_text("all is well\n")
    assert runner.conclude(memory.path, KEY).verdict is Verdict.PASS
    return memory.path


@pytest.fixture
def run(good: Path, tmp_path: Path) -> Path:
    """A copy of it, to be spoilt."""
    return Path(shutil.copytree(good, tmp_path / "run"))


def problems(run: Path) -> tuple[str, ...]:
    return attestation.verify(Directory(run)).problems


def files(run: Path) -> list[str]:
    return sorted(path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())


def test_a_run_is_what_was_signed(good: Path) -> None:
    found = attestation.verify(Directory(good))
    assert found.problems == ()
    assert found.evidence is not None
    assert found.verdict is not None
    assert (found.evidence.key, found.verdict.key) == (KEY.public_key.keyid,) * 2
    assert {"run.json", "journal.jsonl", "ledger/consul.jsonl", "bundle/cluster/kind.log"} < set(found.evidence.files)
    assert {"findings.json", "report.html", "junit.xml"} < set(found.verdict.files)
    assert found.evidence.said["run"] == good.name
    assert found.verdict.said["verdict"] == "pass"
    assert found.verdict.predicate["result"] == "PASSED"
    (said,) = [each for each in run_view.read(good).findings if each.check == "evidence-signed"]
    assert (said.verdict, said.reason) == (Verdict.PASS, Reason.AsExpected)
    assert {*found.evidence.files, *found.verdict.files} | {
        f"signed/{name}.{end}" for name in ("evidence", "verdict") for end in ("pub", "dsse.json")
    } == set(files(good))


@given(st.data())
def test_any_byte_of_any_file_that_was_changed_is_named(good: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(files(good)))
    with tempfile.TemporaryDirectory() as folder:
        run = Path(shutil.copytree(good, Path(folder) / "run"))
        was = bytearray((run / name).read_bytes())
        assume(was)
        at = data.draw(st.integers(0, len(was) - 1))
        was[at] ^= data.draw(st.integers(1, 255))
        (run / name).write_bytes(was)
        assert any(name in problem for problem in problems(run))


@given(st.data())
def test_any_file_that_was_cut_or_grew_is_named(good: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(files(good)))
    with tempfile.TemporaryDirectory() as folder:
        run = Path(shutil.copytree(good, Path(folder) / "run"))
        was = (run / name).read_bytes()
        at = data.draw(st.integers(0, len(was)))
        put = data.draw(st.sampled_from([b"", b" ", b"\n", b"0", b"=", b"\x00"]))
        rest = was[at:] if put else b""
        assume(was[:at] + put + rest != was)
        (run / name).write_bytes(was[:at] + put + rest)
        assert any(name in problem for problem in problems(run))


def test_every_file_that_was_taken_out_is_named(good: Path, tmp_path: Path) -> None:
    for name in files(good):
        run = Path(shutil.copytree(good, tmp_path / "run"))
        (run / name).unlink()
        assert f"{name}: is missing" in problems(run)
        shutil.rmtree(run)


@pytest.mark.parametrize(
    "name", ["x", "ledger/new.jsonl", "signed/x", ".hidden", "allure-results/x", "journal.jsonl/../y", "signed/x/y"]
)
def test_a_file_that_was_added_is_named(run: Path, name: str) -> None:
    path = (run / name.replace("journal.jsonl/../", "")).resolve()
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert problems(run) == (f"{path.relative_to(run).as_posix()}: was added",)


def test_two_files_that_changed_names_are_both_named(run: Path) -> None:
    one, other = run / "ledger" / "consul@consul-0.jsonl", run / "ledger" / "consul@consul-1.jsonl"
    (run / "x").write_bytes(b"")
    one.rename(run / "y")
    other.write_bytes(b"")
    assert [problem.partition(":")[0] for problem in problems(run)] == [
        "ledger/consul@consul-0.jsonl",
        "ledger/consul@consul-1.jsonl",
        "x",
        "y",
    ]


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("/etc/passwd"), os.mkfifo])
@pytest.mark.parametrize("name", ["x", "report.html", "ledger/consul.jsonl", "signed/x"])
def test_what_is_no_file_is_named_and_not_read(run: Path, make: Callable[[Path], None], name: str) -> None:
    (run / name).unlink(missing_ok=True)
    make(run / name)
    assert problems(run)[0] == f"{name}: is neither a file nor a folder; no drill leaves such a thing"
    found = {each.check: each for each in judge.judge(Run(run))}["evidence-signed"]
    assert found.verdict is (Verdict.UNKNOWN if name in {"ledger/consul.jsonl", "signed/x"} else Verdict.PASS)


def test_a_link_that_a_hook_left_spoils_no_drill_and_no_bundle_has_it(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.drill(stores=("consul",))
    (memory.path / "findings.json").unlink()
    (memory.path / "link").symlink_to("/etc/passwd")
    assert runner.conclude(memory.path, KEY).verdict is Verdict.PASS
    assert problems(memory.path) == ("link: is neither a file nor a folder; no drill leaves such a thing",)
    assert pack(memory.path, tmp_path / "a.zip").problems == ()
    assert "link" not in Bundle(tmp_path / "a.zip").names()


def test_nothing_is_signed_through_a_link(run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (run / "signed").rename(tmp_path / "moved")
    (run / "signed").symlink_to(tmp_path / "mine")
    with pytest.raises(Unreadable, match="signed: is a link"):
        attestation.sign_evidence(run, KEY)
    assert list((tmp_path / "mine").iterdir()) == []


def rewrite_journal(run: Path) -> None:
    events = journal.read(run / "journal.jsonl")
    (run / "journal.jsonl").unlink()
    journal.write(run / "journal.jsonl", (*events[:-1], replace(events[-1], at="2020-01-01T00:00:00.000+00:00")))


def test_a_journal_written_anew_as_a_whole_is_unknown_for_the_judge_too(run: Path) -> None:
    rewrite_journal(run)
    findings = {each.check: each for each in judge.judge(Run(run))}
    assert findings["evidence-signed"].verdict is Verdict.UNKNOWN
    assert findings["evidence-signed"].reason is Reason.EvidenceAltered
    assert findings["evidence-signed"].objects == ("journal.jsonl",)
    assert problems(run) == ("journal.jsonl: was changed after it was signed",)
    assert runner.finish(run).verdict is Verdict.UNKNOWN


def test_a_later_judge_leaves_the_evidence_signed_and_signs_its_own_verdict(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = (run / "signed" / "evidence.dsse.json").read_bytes()
    monkeypatch.setattr("harness.checks.ALL", ())
    monkeypatch.setattr(judge.judge, "__defaults__", ((),))
    assert runner.finish(run).verdict is Verdict.UNKNOWN
    found = attestation.verify(Directory(run))
    assert found.problems == ()
    assert (run / "signed" / "evidence.dsse.json").read_bytes() == evidence
    assert found.evidence is not None
    assert found.verdict is not None
    assert found.evidence.key == KEY.public_key.keyid
    assert found.verdict.key == keys.signer().public_key.keyid != found.evidence.key
    assert (found.verdict.predicate["result"], found.verdict.said["verdict"]) == ("FAILED", "unknown")


def test_nothing_is_signed_later_that_was_not_signed_at_the_end(run: Path) -> None:
    shutil.rmtree(run / "signed")
    rewrite_journal(run)
    assert runner.finish(run).verdict is Verdict.PASS  # what lies here is judged; whose it is, verify asks
    assert not (run / "signed").exists()
    assert problems(run)[0].startswith("signed/: is missing")
    with pytest.raises(Misconfigured, match="--key"):
        runner.finish(run, Path("any.key"))


def test_what_is_put_in_before_a_recheck_is_not_signed_with_it(run: Path) -> None:
    (run / "ledger" / "more.jsonl").touch()
    runner.finish(run)
    assert problems(run) == ("ledger/more.jsonl: was added",)


def test_a_verdict_about_other_evidence_is_refused(run: Path) -> None:
    attestation.sign_evidence(run, KEY)  # at another second, so another statement
    evidence = json.loads((run / "signed" / "evidence.dsse.json").read_text())
    attestation._write(
        run,
        "evidence",
        Statement(attestation.EVIDENCE_TYPE, attestation.verify(Directory(run)).evidence.files, {}),  # type: ignore[union-attr] # it is signed
        KEY,
    )
    assert evidence != json.loads((run / "signed" / "evidence.dsse.json").read_text())
    assert problems(run) == ("signed/verdict.dsse.json: is about other evidence than what is here",)


def test_one_part_of_a_signature_is_not_taken_for_the_other(run: Path) -> None:
    for end in ("pub", "dsse.json"):
        shutil.copyfile(run / "signed" / f"verdict.{end}", run / "signed" / f"evidence.{end}")
    assert "signed/evidence.dsse.json: is a statement of another kind" in problems(run)[0]


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "a//b", "./a", "a\\..\\b", "", "a\0"])
def test_a_statement_about_files_elsewhere_is_refused(run: Path, name: str) -> None:
    attestation._write(run, "evidence", Statement(attestation.EVIDENCE_TYPE, {name: "00"}, {}), KEY)
    assert "signed/evidence.dsse.json: holds no in-toto statement about files of a run" in problems(run)


def test_a_file_that_is_named_twice_is_refused(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.evidence.signing.statement.sorted", lambda _: [("x", "00")] * 2, raising=False)
    attestation._write(run, "evidence", Statement(attestation.EVIDENCE_TYPE, {"x": "00"}, {}), KEY)
    assert "signed/evidence.dsse.json: holds no in-toto statement about files, each named once" in problems(run)


ENVELOPES = (
    "",
    "{",
    "[]",
    "null",
    '{"payload":1}',
    "[" * 100_000,
    '{"payload":"e30=","payloadType":"x","signatures":[]}',
)


@pytest.mark.parametrize("text", ENVELOPES, ids=lambda text: text[:12])
def test_an_envelope_that_is_none_is_named(run: Path, text: str) -> None:
    (run / "signed" / "evidence.dsse.json").write_text(text)
    assert problems(run)[0].startswith("signed/evidence.dsse.json: is no DSSE envelope")


ENVELOPE_EDITS = {
    "a space": ('",', '" ,'),
    "a line's end": ("\n}", "\r\n}"),
    "a field more": ('{\n "payload"', '{\n "x": 1,\n "payload"'),
    "an escape": ('"payload"', '"\\u0070ayload"'),
    "no padding": ('=="', '"'),
    "the bits that base64 leaves over": ('Q=="', 'R=="'),
    "the key's name": ('"keyid": "', '"keyid": "0'),
    "another signature": ("[\n  {", '[\n  {"keyid": "x", "sig": "eA=="},\n  {'),
}


@pytest.mark.parametrize("what", ENVELOPE_EDITS)
@pytest.mark.parametrize("name", ["evidence", "verdict"])
def test_an_envelope_that_says_the_same_in_another_way_is_named(run: Path, name: str, what: str) -> None:
    old, new = ENVELOPE_EDITS[what]
    path = run / "signed" / f"{name}.dsse.json"
    text = path.read_text()
    for letter in "AQgw":  # what may stand before the padding of a signature
        old, new = (old, new) if old in text else (f'{letter}=="', f'{chr(ord(letter) + 1)}=="')
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert any(problem.startswith(f"signed/{name}.dsse.json: ") for problem in problems(run))


def test_one_more_signature_is_a_change_too(run: Path) -> None:
    path = run / "signed" / "verdict.dsse.json"
    envelope = json.loads(path.read_text())
    envelope["signatures"].append({"keyid": "x", "sig": "eA=="})
    path.write_text(json.dumps(envelope, indent=1) + "\n")
    assert problems(run) == (
        "signed/verdict.dsse.json: is no DSSE envelope with one signature, as drillproof writes it",
    )


def test_a_huge_envelope_is_not_read(run: Path) -> None:
    with (run / "signed" / "evidence.dsse.json").open("wb") as file:
        file.truncate(5_000_000_000)
    assert problems(run)[0] == "signed/evidence.dsse.json: is too large to be a signature's"


# ---------------------------------------------------------------- keys


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    said: list[str] = []
    made = keys.signer(say=said.append)
    assert keys.signer(say=said.append).public_key.keyid == made.public_key.keyid
    private, public = keys.folder() / "own.key", keys.folder() / "own.pub"
    assert said == [f"made the key that signs what is drilled here: {made.public_key.keyid} ({public})"]
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(keys.folder().stat().st_mode) == 0o700
    assert keys.known() == {made.public_key.keyid: "own.pub"}
    assert sorted(path.name for path in keys.folder().iterdir()) == ["own.key", "own.pub"]
    public.unlink()
    keys.signer()
    assert keys.fingerprint(public) == made.public_key.keyid


def test_drills_that_begin_at_once_make_one_key() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = {key.public_key.keyid for key in pool.map(lambda _: keys.signer(), range(8))}
    assert made == set(keys.known())
    assert len(made) == 1
    assert sorted(path.name for path in keys.folder().iterdir()) == ["own.key", "own.pub"]


def test_a_fingerprint_is_the_sha_256_of_the_der_form() -> None:
    public = keys.pem(KEY.public_key)
    body = b"".join(public.splitlines()[1:-1])
    assert hashlib.sha256(base64.b64decode(body)).hexdigest() == KEY.public_key.keyid


def private(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_private_key_that_cannot_be_used_says_what_to_do(tmp_path: Path) -> None:
    pem = KEY.private_bytes
    assert keys.signer(private(tmp_path / "good.key", pem)).public_key.keyid == KEY.public_key.keyid
    with pytest.raises(Misconfigured, match=r"others may read the private key .*chmod 600"):
        keys.signer(private(tmp_path / "open.key", pem, 0o644))
    for content in (b"", b"nonsense", keys.pem(KEY.public_key), pem[:-40]):
        with pytest.raises(Misconfigured, match=r"holds no private key in PEM.*make one with"):
            keys.signer(private(tmp_path / "bad.key", content))
    with pytest.raises(Misconfigured, match=r"cannot read the private key .*No such file.*make one with"):
        keys.signer(tmp_path / "missing.key")
    with pytest.raises(Misconfigured, match="cannot read the private key"):
        keys.signer(private_folder(tmp_path / "folder"))


def private_folder(path: Path) -> Path:
    path.mkdir(mode=0o700)
    return path


def test_where_no_key_can_be_made_the_user_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    with pytest.raises(Misconfigured, match=r"cannot make a key in .*name one with --key"):
        keys.signer()


# ---------------------------------------------------------------- the command line


def own() -> str:
    return keys.signer().public_key.keyid


def test_verify_tells_a_stranger_from_who_is_known(
    run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    signer = KEY.public_key.keyid
    assert cli.main(["verify", str(run)]) == 2
    out, err = capsys.readouterr()
    assert "(not known here)" in out
    assert f"UNKNOWN: {run} is whole, but signed by {signer} (not known here), which anybody can do" in err
    assert len(err.splitlines()) == 1
    assert cli.main(["verify", str(run), "--key", signer]) == 0
    assert cli.main(["verify", str(run), "--key", own()]) == 2
    (tmp_path / "k.pub").write_bytes(keys.pem(KEY.public_key))
    assert cli.main(["verify", str(run), "--key", str(tmp_path / "k.pub")]) == 0
    assert "(known: --key)" in capsys.readouterr().out
    shutil.copyfile(tmp_path / "k.pub", keys.folder() / "colleague.pub")
    assert cli.main(["verify", str(run)]) == 0
    out, err = capsys.readouterr()
    assert "(known: colleague.pub)" in out
    assert out.splitlines()[1].startswith("verdict: PASS, ")
    assert err == ""


def test_all_signed_anew_with_another_key_is_a_strangers(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys.signer()
    shutil.copyfile(keys.folder() / "own.pub", keys.folder() / "colleague.pub")
    (keys.folder() / "own.pub").write_bytes(keys.pem(KEY.public_key))
    assert cli.main(["verify", str(run)]) == 0
    rewrite_journal(run)
    for path in (run / "signed").iterdir():
        path.unlink()
    runner.conclude(run, OTHER)
    assert problems(run) == ()
    assert cli.main(["verify", str(run)]) == 2
    assert f"signed by {OTHER.public_key.keyid} (not known here)" in capsys.readouterr().err


def test_a_verdict_by_a_stranger_on_evidence_of_ours_is_a_strangers(run: Path) -> None:
    attestation.sign_verdict(run, OTHER, Verdict.PASS, {})
    assert problems(run) == ()
    assert cli.main(["verify", str(run), "--key", KEY.public_key.keyid]) == 2
    both = ["--key", KEY.public_key.keyid, "--key", OTHER.public_key.keyid]
    assert cli.main(["verify", str(run), *both]) == 0


def test_verify_names_what_was_done_in_one_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "journal.jsonl").write_text("x\n")
    (run / "run.json").unlink()
    (run / "x\x1b[31m").touch()
    assert cli.main(["verify", str(run), "--key", KEY.public_key.keyid]) == 2
    out, err = capsys.readouterr()
    assert err == (
        f"drillproof: UNKNOWN: {run} is not what was signed: journal.jsonl: was changed after it was signed; "
        "run.json: is missing; x\\x1b[31m: was added\n"
    )
    assert "\x1b" not in out
    assert cli.main(["verify", str(run), "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["good"] is False
    assert len(document["problems"]) == 3


def test_verify_of_what_was_never_signed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(run / "signed")
    assert cli.main(["verify", str(run)]) == 2
    assert "signed/: is missing; it was never signed" in capsys.readouterr().err


def test_verify_json_says_who_and_what(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["verify", str(run), "--json", "--key", KEY.public_key.keyid]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["good"] is True
    assert document["problems"] == []
    assert document["evidence"].items() >= {"key": KEY.public_key.keyid, "known": True}.items()
    assert document["verdict"].items() >= {"verdict": "pass", "known": True}.items()


@pytest.mark.parametrize("words", [["nowhere"], ["/etc/passwd"], ["."]])
def test_what_is_no_run_and_no_bundle_is_refused(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["verify", *words]) in {2, 64}
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("word", ["nonsense", "0" * 63, "G" * 64, "/etc/passwd"])
def test_a_key_that_is_none_is_wrong_usage(run: Path, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["verify", str(run), "--key", word]) == 64
    assert "is no fingerprint and no file with an Ed25519 public key" in capsys.readouterr().err


# ---------------------------------------------------------------- bundles


@pytest.fixture(scope="module")
def packed(good: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run as one file."""
    path = tmp_path_factory.mktemp("bundle") / "run.zip"
    assert pack(good, path).problems == ()
    return path


def test_a_bundle_has_the_whole_run_and_any_tool_opens_it(good: Path, packed: Path, tmp_path: Path) -> None:
    shutil.unpack_archive(packed, tmp_path)
    run = tmp_path / good.name
    assert files(run) == files(good)
    assert problems(run) == ()
    assert attestation.verify(Bundle(packed)) == attestation.verify(Directory(good))


def test_only_what_was_signed_is_packed_and_nothing_is_overwritten(run: Path, tmp_path: Path) -> None:
    pack(run, tmp_path / "a.zip")
    with pytest.raises(Misconfigured, match="exists; remove it"):
        pack(run, tmp_path / "a.zip")
    (run / "x").touch()
    with pytest.raises(HarnessError, match="is not as it was signed: x: was added"):
        pack(run, tmp_path / "b.zip")
    with pytest.raises(Misconfigured, match=r"cannot write .*choose another place"):
        pack(run, tmp_path / "no" / "c.zip")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "run"]


def test_bundle_and_verify_by_the_command_line(
    run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["bundle", str(run)]) == 0
    assert capsys.readouterr().out.startswith(f"run.zip: signed by {KEY.public_key.keyid}")
    assert cli.main(["verify", "run.zip", "--key", KEY.public_key.keyid]) == 0
    assert cli.main(["verify", "run.zip"]) == 2
    assert cli.main(["bundle", str(run)]) == 64


@given(st.data())
def test_a_byte_of_a_bundle_that_was_changed_is_seen_or_changes_no_file(packed: Path, data: st.DataObject) -> None:
    was = bytearray(packed.read_bytes())
    was[data.draw(st.integers(0, len(was) - 1))] ^= data.draw(st.integers(1, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.zip"
        path.write_bytes(was)
        try:
            found = attestation.verify(Bundle(path)).problems
        except Unreadable:
            return
        if not found:  # something that belongs to the zip file alone, like a time
            with zipfile.ZipFile(path) as spoilt, zipfile.ZipFile(packed) as first:
                assert [(each.filename.partition("/")[2], each.CRC) for each in spoilt.infolist()] == [
                    (each.filename.partition("/")[2], each.CRC) for each in first.infolist()
                ]


def member(name: str, *, mode: int = stat.S_IFREG | 0o644, kind: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr, info.compress_type = mode << 16, kind
    return info


HOSTILE: dict[str, tuple[zipfile.ZipInfo, bytes]] = {
    "climbs out": (member("run/../../x"), b""),
    "climbs out at once": (member("../x"), b""),
    "is absolute": (member("/etc/cron.d/x"), b""),
    "climbs out on Windows": (member("run/..\\x"), b""),
    "has no folder": (member("x"), b""),
    "is in another folder": (member("other/x"), b""),
    "is a link": (member("run/link", mode=stat.S_IFLNK | 0o777), b"/etc/passwd"),
    "is a device": (member("run/null", mode=stat.S_IFCHR | 0o666), b""),
    "is there twice": (member("run/run.json"), b"{}"),
    "is there twice in two ways": (member("run/./run.json"), b"{}"),
    "is packed in another way": (member("run/x", kind=zipfile.ZIP_LZMA), b"x"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_bundle_is_refused_in_one_line(
    run: Path, tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "a.zip"
    pack(run, bundle)
    info, content = HOSTILE[what]
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(bundle, "a") as file:
        file.writestr(info, content)  # zipfile warns about a duplicate name
    assert cli.main(["verify", str(bundle), "--key", KEY.public_key.keyid]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith(f"drillproof: UNKNOWN: {bundle}: holds 'run/" if "run/" in info.filename else "drillproof: ")


def test_a_file_that_is_all_air_is_not_unpacked(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = tmp_path / "a.zip"
    pack(run, bundle)
    with zipfile.ZipFile(bundle, "a") as file, file.open(member("run/bomb"), "w", force_zip64=True) as into:
        for _ in range(50):
            into.write(bytes(1_000_000))
    assert bundle.stat().st_size < 2_000_000
    assert cli.main(["verify", str(bundle)]) == 2
    assert "'run/bomb', which unpacks to 50000000 bytes; it is a trap" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"{}", b"PK\x03\x04", b"\x1f\x8b\x08", bytes(70_000)])
def test_what_is_no_zip_file_is_refused(tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    assert cli.main(["verify", str(tmp_path / "a.zip")]) == 2
    assert capsys.readouterr().err.startswith(f"drillproof: UNKNOWN: {tmp_path / 'a.zip'}: is no bundle of drillproof")


def test_an_empty_zip_file_was_never_signed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    zipfile.ZipFile(tmp_path / "a.zip", "w").close()
    assert cli.main(["verify", str(tmp_path / "a.zip")]) == 2
    assert "it was never signed" in capsys.readouterr().err


def test_an_envelope_in_a_bundle_that_is_no_json_is_named(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for name in files(run):
            file.writestr(f"run/{name}", b"not JSON" if name.endswith("dsse.json") else (run / name).read_bytes())
    assert cli.main(["verify", str(tmp_path / "a.zip")]) == 2
    assert "signed/evidence.dsse.json: is no DSSE envelope" in capsys.readouterr().err


def test_what_was_signed_can_be_read_by_other_programs(good: Path) -> None:
    envelope = json.loads((good / "signed" / "evidence.dsse.json").read_text())
    assert set(envelope) == {"payload", "payloadType", "signatures"}
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert sealed(Statement("x", {}, {}), KEY).endswith(b"\n")
