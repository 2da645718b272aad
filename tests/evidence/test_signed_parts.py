"""Signing, verifying, packing and reading of small folders written by hand, each part alone."""

from __future__ import annotations

import json
import stat
import warnings
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from harness.core.errors import HarnessError, Misconfigured, Unreadable
from harness.core.model import Verdict
from harness.core.reason import Reason
from harness.evidence.signing import attestation, keys
from harness.evidence.signing.attestation import Verified, pack, verify_findings, verify_judged, verify_progress
from harness.evidence.signing.files import Bundle, Directory, digest
from harness.evidence.signing.statement import Statement, seal, unseal

KEY, OTHER = keys.fresh(), keys.fresh()
MINE = KEY.public_key.keyid
TRUSTED = {MINE: "own.pub"}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run directory as small as it may be, signed."""
    folder = tmp_path / "20260101T000000Z-x"
    (folder / "ledger").mkdir(parents=True)
    (folder / "bundle" / "a").mkdir(parents=True)
    for name in ("run.json", "journal.jsonl", "ledger/s.jsonl", "bundle/a/log", "findings.json", "report.html"):
        (folder / name).write_text(f"{name}\n")
    attestation.sign_evidence(folder, KEY)
    attestation.sign_verdict(folder, KEY, Verdict.PASS, {"scenario": "x", "rto_s": 1.5, "rpo_s": None})
    return folder


def verify(run: Path) -> Verified:
    return attestation.verify(Directory(run))


def named(found: Verified | None) -> list[tuple[str, Reason]]:
    assert found is not None
    return [(problem.file, problem.reason) for problem in found.problems]


# ---------------------------------------------------------------- what is said of a signed run


def test_a_run_that_was_not_touched_says_who_signed_what_and_when(run: Path) -> None:
    """Each signature has a line, with the figures that were measured; one that was not measured has no word."""
    found = verify(run)
    assert found.problems == ()
    assert found.evidence is not None
    assert found.verdict is not None
    assert set(found.evidence.files) == {"run.json", "journal.jsonl", "ledger/s.jsonl", "bundle/a/log"}
    assert set(found.verdict.files) == {"findings.json", "report.html"}
    first, second = found.lines(TRUSTED)
    assert first.startswith(f"evidence: 4 files of {run.name}, signed ")
    assert first.endswith(f"by {MINE} (known: own.pub)")
    assert second.startswith("verdict: PASS, x, rto_s 1.5; 2 files, signed ")
    assert all(line.endswith("(not known here)") for line in found.lines({}))


def test_the_document_of_a_run_tells_a_known_key_from_a_stranger(run: Path) -> None:
    document = verify(run).document(run, TRUSTED)
    assert (document["good"], document["problems"]) == (True, [])
    for part, files in (("evidence", 4), ("verdict", 2)):
        said = document[part]
        assert isinstance(said, dict)
        assert (said["key"], said["known"], said["files"]) == (MINE, True, files)
    stranger = verify(run).document(run, {})
    assert stranger["good"] is False
    assert isinstance(stranger["evidence"], dict)
    assert stranger["evidence"]["known"] is False


def test_a_run_without_signatures_has_a_document_too(run: Path) -> None:
    for path in (run / "signed").iterdir():
        path.unlink()
    found = verify(run)
    assert named(found) == [("signed/", Reason.EvidenceMissing)]
    document = found.document(run, TRUSTED)
    assert (document["good"], document["evidence"], document["verdict"]) == (False, None, None)
    assert list(found.lines(TRUSTED)) == list(found.problems)


@pytest.mark.parametrize(("added", "more"), [(5, ""), (6, "; and 1 more"), (7, "; and 2 more")])
def test_doubt_names_five_problems_and_counts_the_rest(run: Path, added: int, more: str) -> None:
    for n in range(added):
        (run / f"x{n}").touch()
    doubt = verify(run).doubt(run, TRUSTED)
    assert doubt.count("was added") == 5
    assert doubt.endswith(f"x4: was added{more}")


def test_a_run_is_doubted_for_each_key_that_is_not_known_and_for_no_other(run: Path) -> None:
    """Also where a stranger concluded from evidence of ours, or we from a stranger's."""
    assert verify(run).doubt(run, TRUSTED) == ""
    attestation.sign_verdict(run, OTHER, Verdict.PASS, {})
    doubt = verify(run).doubt(run, TRUSTED)
    assert f"signed by {OTHER.public_key.keyid} (not known here)" in doubt
    assert MINE not in doubt
    (run / "signed" / "verdict.pub").unlink()
    assert "is not what was signed" in verify(run).doubt(run, TRUSTED)


# ---------------------------------------------------------------- what may not be changed


def test_what_was_changed_removed_or_added_has_its_file_and_its_reason(run: Path) -> None:
    (run / "journal.jsonl").write_text("x")
    (run / "run.json").unlink()
    (run / "added").touch()
    assert named(verify(run)) == [
        ("journal.jsonl", Reason.EvidenceAltered),
        ("run.json", Reason.EvidenceMissing),
        ("added", Reason.EvidenceAdded),
    ]


def test_one_signature_that_is_missing_or_broken_is_told_apart(run: Path) -> None:
    """What was taken out is missing, what is there and wrong is invalid. The other signature still counts."""
    (run / "signed" / "verdict.pub").unlink()
    assert named(verify(run)) == [("signed/verdict.pub", Reason.EvidenceMissing)]
    (run / "signed" / "verdict.pub").write_text("no key")
    assert named(verify(run)) == [("signed/verdict.pub", Reason.SignatureInvalid)]
    (run / "journal.jsonl").write_text("x")
    assert named(verify(run)) == [
        ("signed/verdict.pub", Reason.SignatureInvalid),
        ("journal.jsonl", Reason.EvidenceAltered),
    ]


def test_a_verdict_of_other_evidence_is_named_wherever_it_is_asked_for(run: Path) -> None:
    files = verify(run).evidence
    assert files is not None
    attestation._write(run, "evidence", Statement(attestation.EVIDENCE_TYPE, files.files, {}), KEY)
    for found in (verify(run), verify_findings(run)):
        assert named(found) == [("signed/verdict.dsse.json", Reason.EvidenceAltered)]
        assert "is about other evidence than what is here" in found.problems[0]


def test_the_cheap_look_at_findings_sees_what_the_figures_come_from_and_nothing_else(run: Path) -> None:
    assert named(verify_findings(run)) == []
    (run / "journal.jsonl").write_text("x")
    assert named(verify_findings(run)) == []
    (run / "findings.json").write_text("x")
    (run / "run.json").unlink()
    found = verify_findings(run)
    assert named(found) == [("run.json", Reason.EvidenceMissing), ("findings.json", Reason.EvidenceAltered)]
    (run / "signed" / "verdict.dsse.json").unlink()
    assert named(verify_findings(run)) == [
        ("signed/verdict.dsse.json", Reason.EvidenceMissing),
        ("run.json", Reason.EvidenceMissing),
    ]


def test_findings_that_were_not_signed_are_no_findings(tmp_path: Path) -> None:
    """Evidence that was signed without run.json, or a verdict without findings.json, says nothing of these files."""
    (tmp_path / "journal.jsonl").touch()
    attestation.sign_evidence(tmp_path, KEY)
    attestation.sign_verdict(tmp_path, KEY, Verdict.PASS, {})
    for name in ("run.json", "findings.json"):
        (tmp_path / name).write_text("{}")
    assert [problem.file for problem in verify_findings(tmp_path).problems] == ["run.json", "findings.json"]


def test_a_judge_asks_only_whether_what_it_reads_was_signed(run: Path) -> None:
    (run / "bundle" / "a" / "log").unlink()
    (run / "report.html").write_text("x")
    (run / "more").symlink_to("run.json")
    assert named(verify_judged(run)) == []
    (run / "ledger" / "s.jsonl").write_text("x")
    (run / "ledger" / "t.jsonl").touch()
    (run / "ledger" / "link").symlink_to("s.jsonl")
    assert named(verify_judged(run)) == [
        ("ledger/link", Reason.EvidenceAdded),
        ("ledger/s.jsonl", Reason.EvidenceAltered),
        ("ledger/t.jsonl", Reason.EvidenceAdded),
    ]
    (run / "signed" / "evidence.pub").unlink()
    assert named(verify_judged(run)) == [
        ("ledger/link", Reason.EvidenceAdded),
        ("signed/evidence.pub", Reason.EvidenceMissing),
    ]


def test_a_file_of_a_signature_may_be_as_large_as_its_bound_and_no_larger(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attestation, "MAX_BYTES", max(path.stat().st_size for path in (run / "signed").iterdir()))
    assert named(verify(run)) == []
    monkeypatch.setattr(attestation, "MAX_BYTES", attestation.MAX_BYTES - 1)
    (problem,) = verify(run).problems
    assert problem.startswith("signed/")
    assert problem.endswith(": is too large to be a signature's")


def test_a_verdict_that_is_not_pass_passes_no_gate(run: Path) -> None:
    for verdict in Verdict:
        attestation.sign_verdict(run, KEY, verdict, {})
        found = verify(run).verdict
        assert found is not None
        assert found.predicate["result"] == ("PASSED" if verdict is Verdict.PASS else "FAILED")


def test_nothing_is_written_through_a_link(run: Path, tmp_path: Path) -> None:
    (run / "signed").rename(tmp_path / "moved")
    (run / "signed").symlink_to(tmp_path / "moved")
    with pytest.raises(Unreadable, match="is a link") as refused:
        attestation.sign_evidence(run, KEY)
    assert refused.value.objects == ("signed",)


# ---------------------------------------------------------------- the progress of a killed run


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A run that was killed while it wrote its third line."""
    folder = tmp_path / "begun"
    folder.mkdir()
    (folder / "run.json").write_text("{}")
    (folder / "journal.jsonl").write_text("one\ntwo\nthr")
    attestation.sign_progress(folder, KEY)
    return folder


def test_only_the_signed_lines_of_a_killed_run_are_copied(begun: Path, tmp_path: Path) -> None:
    """What somebody wrote behind them, or a line that was cut off, must not steer the way back."""
    with (begun / "journal.jsonl").open("a") as file:
        file.write("ee\nforged\n")
    found = verify_progress(begun, tmp_path / "copy")
    assert named(found) == []
    assert found is not None
    assert found.evidence is not None
    assert found.evidence.key == MINE
    assert (tmp_path / "copy" / "journal.jsonl").read_text() == "one\ntwo\n"
    assert (tmp_path / "copy" / "run.json").read_text() == "{}"


def test_a_killed_run_that_was_changed_is_named(begun: Path, tmp_path: Path) -> None:
    (begun / "journal.jsonl").write_text("one\nTWO\n")
    (begun / "run.json").unlink()
    assert named(verify_progress(begun, tmp_path / "copy")) == [
        ("journal.jsonl", Reason.EvidenceAltered),
        ("run.json", Reason.EvidenceMissing),
    ]
    (begun / "signed" / "progress.pub").write_text("x")
    assert named(verify_progress(begun, tmp_path / "other")) == [("signed/progress.pub", Reason.SignatureInvalid)]
    assert not (tmp_path / "other").exists()


def test_progress_that_does_not_say_how_far_it_goes_goes_nowhere(begun: Path, tmp_path: Path) -> None:
    files = {name: digest(Directory(begun), name) for name in ("run.json", "journal.jsonl")}
    attestation._write(begun, "progress", Statement(attestation.PROGRESS_TYPE, files, {"journalBytes": "all"}), KEY)
    assert named(verify_progress(begun, tmp_path / "copy")) == [("journal.jsonl", Reason.EvidenceAltered)]
    assert (tmp_path / "copy" / "journal.jsonl").read_bytes() == b""


def test_evidence_takes_the_place_of_progress(begun: Path, tmp_path: Path) -> None:
    """Else a run that ended could be taken back as one that was killed before its last steps."""
    attestation.sign_evidence(begun, KEY)
    assert sorted(path.name for path in (begun / "signed").iterdir()) == ["evidence.dsse.json", "evidence.pub"]
    assert verify_progress(begun, tmp_path / "copy") is None
    attestation.sign_progress(begun, KEY)
    assert verify_progress(begun, tmp_path / "copy") is None
    for name in ("evidence", "progress"):
        (begun / "signed" / f"{name}.dsse.json").unlink()
    assert verify_progress(begun, tmp_path / "copy") is None


# ---------------------------------------------------------------- bundles


def test_a_bundle_holds_the_run_packed_as_plain_files(run: Path, tmp_path: Path) -> None:
    (run / "bundle" / "a" / "log").write_text("again and again\n" * 1000)
    for path in (run / "signed").iterdir():
        path.unlink()
    attestation.sign_evidence(run, KEY)
    attestation.sign_verdict(run, KEY, Verdict.PASS, {})
    assert named(pack(run, tmp_path / "a.zip")) == []
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        members = packed.infolist()
    assert [each.filename for each in members] == sorted(f"{run.name}/{name}" for name in Directory(run).names())
    assert {each.external_attr >> 16 for each in members} == {stat.S_IFREG | 0o644}
    assert sum(each.compress_size for each in members) < 8000 < sum(each.file_size for each in members)
    Bundle(tmp_path / "a.zip").unpack(tmp_path / "copy")
    assert named(verify(tmp_path / "copy")) == []
    assert Directory(tmp_path / "copy").names() == Directory(run).names()


def test_what_was_changed_is_not_packed(run: Path, tmp_path: Path) -> None:
    (run / "run.json").write_text("x")
    with pytest.raises(HarnessError, match=r"is not as it was signed: run\.json: was changed"):
        pack(run, tmp_path / "a.zip")
    assert list(tmp_path.iterdir()) == [run]


def test_a_bundle_that_cannot_be_written_says_why_and_leaves_nothing(run: Path, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"c.zip: No such file or directory; choose another place"):
        pack(run, tmp_path / "no" / "c.zip")
    (tmp_path / "a.zip").touch()
    with pytest.raises(Misconfigured, match="exists; remove it"):
        pack(run, tmp_path / "a.zip")
    (run / "\udcff").touch()  # no name that a zip file can hold
    with pytest.raises(Misconfigured, match=r"b.zip: .*surrogates not allowed; choose another place"):
        pack(run, tmp_path / "b.zip")
    assert sorted(path.name for path in tmp_path.iterdir()) == [run.name, "a.zip"]


def test_a_file_of_any_size_is_packed(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database's log may have more bytes than a zip file of 1993 could count."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10)
    assert named(pack(run, tmp_path / "a.zip")) == []


def zipped(path: Path, *members: tuple[zipfile.ZipInfo | str, bytes], was: bytes = b"", now: bytes = b"") -> Path:
    """A zip file of these members, with some bytes replaced afterwards."""
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(path, "w") as file:
        for info, content in members:
            file.writestr(info, content)  # zipfile warns about a duplicate name
    data = path.read_bytes()
    assert was in data
    path.write_bytes(data.replace(was, now) if was else data)
    return path


def plain(name: str, mode: int = stat.S_IFREG | 0o644, kind: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr, info.compress_type = mode << 16, kind
    return info


@pytest.mark.parametrize(
    ("member", "why"),
    [
        (plain("run/../../y"), "no file below the one folder"),
        (plain("run//y"), "no file below the one folder"),
        (plain("/run/y"), "no file below the one folder"),
        (plain("run/..\\y"), "no file below the one folder"),
        (plain("y"), "no file below the one folder"),
        (plain("other/y"), "no file below the one folder"),
        (plain("run/y", stat.S_IFLNK | 0o777), "no plain file"),
        (plain("run/y", stat.S_IFDIR | 0o755), "no plain file"),
        (plain("run/y", stat.S_IFSOCK | 0o755), "no plain file"),
        (plain("run/y", stat.S_IFCHR | 0o666), "no plain file"),
        (plain("run/y", kind=zipfile.ZIP_BZIP2), "in a form that no bundle of ours has"),
        (plain("run/x"), "twice"),
    ],
    ids=lambda each: each if isinstance(each, str) else f"{each.filename} {each.external_attr >> 28}",
)
def test_a_member_that_no_bundle_of_ours_has_is_refused(tmp_path: Path, member: zipfile.ZipInfo, why: str) -> None:
    with pytest.raises(Unreadable, match=why) as refused:
        Bundle(zipped(tmp_path / "a.zip", (plain("run/x"), b"x"), (member, b"y")))
    assert refused.value.objects == ("a.zip",)


def test_a_member_without_a_mode_is_a_plain_file(tmp_path: Path) -> None:
    """Some tools that pack a bundle again write none."""
    assert Bundle(zipped(tmp_path / "a.zip", (plain("run/x", 0), b"x"))).names() == {"x"}


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = zipped(
        tmp_path / "a.zip", (plain("run/x"), b"x"), was=b"PK\1\2\x14\3\x14\0\0\0", now=b"PK\1\2\x14\3\x14\0\1\0"
    )
    with pytest.raises(Unreadable, match="in a form that no bundle of ours has"):
        Bundle(path)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (b"PK\1\2\x14\3\x14\0", b"PK\1\2\x14\3\xff\0"),  # of a version to come
        ("run/ä".encode(), b"run/\xff\xff"),  # a name that is no text
        (b"PK\1\2", b"PK\0\0"),
    ],
)
def test_a_zip_file_that_cannot_be_opened_is_no_bundle(tmp_path: Path, was: bytes, now: bytes) -> None:
    path = zipped(tmp_path / "a.zip", (plain("run/ä"), b"x"), was=was, now=now)
    with pytest.raises(Unreadable, match="is no bundle of drillproof") as refused:
        Bundle(path)
    assert refused.value.objects == ("a.zip",)
    with pytest.raises(Unreadable, match="No such file"):
        Bundle(tmp_path / "none.zip")


def broken(path: Path, how: str) -> Bundle:
    """A bundle whose only file cannot be read."""
    zipped(path, (plain("run/ä/x"), b"content"))
    data = path.read_bytes()
    data = {
        "content": data.replace(b"content", b"CONTENT"),
        "name": data.replace("run/ä/x".encode(), b"run/\xff\xff/x", 1),  # only where the content is
        "end": data.replace(b"\7\0\0\0\7\0\0\0", b"\xff\xff\0\0\xff\xff\0\0"),  # ends after the file does
    }[how]
    path.write_bytes(data)
    return Bundle(path)


@pytest.mark.parametrize("how", ["content", "name", "end"])
def test_a_member_that_is_broken_inside_is_named(tmp_path: Path, how: str) -> None:
    """Also by what unpacks it: half a file must not lie there as if it were whole."""
    bundle = broken(tmp_path / "a.zip", how)
    for read in (lambda: digest(bundle, "ä/x"), lambda: bundle.unpack(tmp_path / "copy")):
        with pytest.raises(Unreadable, match="ä/x cannot be read") as refused:
            read()
        assert refused.value.objects == ("a.zip",)


def test_a_signature_that_is_broken_inside_a_bundle_is_named(run: Path, tmp_path: Path) -> None:
    pack(run, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        members = [(plain(f"run/{name}"), packed.read(f"{run.name}/{name}")) for name in Directory(run).names()]
    key = keys.pem(KEY.public_key)
    found = attestation.verify(Bundle(zipped(tmp_path / "b.zip", *members, was=key, now=key.lower())))
    assert [problem.partition(": Bad CRC")[0] for problem in found.problems] == [
        f"signed/{name}.pub: cannot be read" for name in ("evidence", "verdict")
    ]


def test_what_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    for files in (Directory(tmp_path), Bundle(zipped(tmp_path / "a.zip", (plain("run/x"), b"x")))):
        with pytest.raises(Unreadable, match="none"):
            files.open("none")
    with pytest.raises(Unreadable, match="No such file") as refused:
        Directory(tmp_path / "none").names()
    assert refused.value.objects == ("none",)


# ---------------------------------------------------------------- envelopes


def test_an_envelope_has_one_form(tmp_path: Path) -> None:
    """The one in which all runs were signed until now."""
    assert seal(Statement("x", {}, {}), KEY).startswith(b'{\n "payload": "')
    assert seal(Statement("x", {}, {}), KEY).endswith(b"\n}\n")


def refused(data: bytes) -> str:
    with pytest.raises(ValueError, match=r"envelope|signature|statement") as error:
        unseal(data, KEY.public_key, "x", "x.pub")
    return str(error.value)


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"payload":1}', '{"payload":"x"}', '{"payload":"é"}'])
def test_what_is_no_envelope_is_refused_in_words(text: str) -> None:
    assert refused(text.encode()) == "is no DSSE envelope of drillproof"


def test_only_an_envelope_as_we_write_it_with_one_signature_is_read() -> None:
    sealed = seal(Statement("x", {"a": "00"}, {}), KEY)
    assert unseal(sealed, KEY.public_key, "x", "x.pub") == Statement("x", {"a": "00"}, {})
    ours = "is no DSSE envelope with one signature, as drillproof writes it"
    assert refused(sealed.replace(b'": "', b'":  "', 1)) == ours
    envelope = json.loads(sealed)
    changes: tuple[dict[str, object], ...] = (
        {"signatures": []},
        {"signatures": [*envelope["signatures"], {"keyid": "x", "sig": "eA=="}]},
        {"payloadType": "text/plain"},
        {"payloadType": 1},
    )
    for change in changes:
        assert refused(json.dumps({**envelope, **change}, indent=1).encode() + b"\n") == ours


def test_a_statement_of_another_key_or_kind_or_with_a_name_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "does not bear the signature of x.pub" in refused(seal(Statement("x", {}, {}), OTHER))
    assert refused(seal(Statement("y", {}, {}), KEY)) == "is a statement of another kind than x"
    assert "statement about files of a run" in refused(seal(Statement("x", {"../a": "00"}, {}), KEY))
    monkeypatch.setattr("harness.evidence.signing.statement.sorted", lambda _: [("a", "00")] * 2, raising=False)
    assert "each named once" in refused(seal(Statement("x", {"a": "00"}, {}), KEY))


# ---------------------------------------------------------------- keys


def test_keys_lie_where_the_user_keeps_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert keys.folder() == tmp_path / "xdg" / "drillproof" / "keys"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert keys.folder() == tmp_path / ".config" / "drillproof" / "keys"


def test_an_own_key_is_made_beside_the_keys_of_others(tmp_path: Path) -> None:
    keys.folder().mkdir(parents=True)
    (keys.folder() / "colleague.pub").write_bytes(keys.pem(OTHER.public_key))
    made = keys.signer()
    assert set(keys.known()) == {made.public_key.keyid, OTHER.public_key.keyid}
    assert set(keys.believed(KEY)) == {made.public_key.keyid, OTHER.public_key.keyid, MINE}


def test_a_key_of_another_kind_is_refused_in_words(tmp_path: Path) -> None:
    """A kind that is not Ed25519, one that nobody knows, and a private key with a passphrase."""
    public = keys.pem(KEY.public_key)
    assert keys.parse(public).keyid == MINE
    with pytest.raises(ValueError, match="as drillproof writes it"):
        keys.parse_exactly(public + b"\n")
    with pytest.raises(ValueError, match="is another key than Ed25519"):
        keys.parse(public.replace(b"MCowBQYDK2Vw", b"MCowBQYDK2Vu"))  # X25519
    unknown = public.replace(b"MCowBQYDK2Vw", b"MCowBQYDK2V/")
    with pytest.raises(ValueError, match=r"[Uu]nknown|unsupported"):
        keys.parse(unknown)
    for content in (unknown, b"nonsense"):
        (tmp_path / "x.pub").write_bytes(content)
        with pytest.raises(Misconfigured, match="no file with an Ed25519 public key"):
            keys.fingerprint(tmp_path / "x.pub")
    with pytest.raises(Misconfigured, match="no file with an Ed25519 public key"):
        keys.fingerprint(tmp_path / "none.pub")
    assert keys.fingerprint(MINE) == MINE


def private_keys() -> dict[str, bytes]:
    """By what is said of them."""
    own = keys.fresh()._private_key
    locked = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    plain_text = KEY.private_bytes
    return {
        "a passphrase": locked,
        "an unknown kind": plain_text.replace(b"BQYDK2Vw", b"BQYDK2V/"),
        "no key": b"nonsense",
        "another": plain_text.replace(b"BQYDK2Vw", b"BQYDK2Vu"),
    }


@pytest.mark.parametrize("what", private_keys())
def test_a_private_key_that_cannot_sign_says_what_to_do(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x.key"
    path.touch(0o600)
    path.write_bytes(private_keys()[what])
    why = "another private key than Ed25519" if what == "another" else "no private key in PEM without a passphrase"
    with pytest.raises(Misconfigured, match=rf"holds {why}; make one with"):
        keys.signer(path)
    path.write_bytes(KEY.private_bytes)
    assert keys.signer(path).public_key.keyid == MINE
