"""Signs runs, packs them, and verifies them: everything that was changed, is missing or was added is named.

Two signatures, since two things are said at two times. When a drill ends, its *evidence* is signed, once and for all:
all its files. What was *concluded* from it (findings and reports) has a second signature, which is replaced when a
run is judged or rendered again, maybe by a newer version or another person; it names the evidence that it is about.

People may *review* a run later, more than once: each review is a statement of its own that names the evidence, and the
reviews before it, by their hashes, and is never replaced.

A migration also signs its *progress*, before it changes anything and after each step, so that a killed one can be taken
back. The evidence replaces that: without evidence a run is never what was signed.
"""

import hashlib
import os
import re
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from harness.core.errors import HarnessError, Misconfigured, Unreadable
from harness.core.json import integer, mapping
from harness.core.json import keys as keys_in
from harness.core.model import Json, Verdict
from harness.core.reason import Reason
from harness.evidence.signing import keys
from harness.evidence.signing.files import BROKEN, CHUNK, Bundle, Directory, Files, digest
from harness.evidence.signing.keys import PrivateKey
from harness.evidence.signing.statement import Statement, descriptor, now, seal, unseal

FOLDER = "signed"
EVIDENCE_TYPE = "urn:drillproof:evidence:v1"
PROGRESS_TYPE = "urn:drillproof:progress:v1"
REVIEW_TYPE = "urn:drillproof:review:v1"
VERDICT_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
OUR_VERDICT = "urn:drillproof:verdict:v1"  # our extension of a test result: UNKNOWN, and the figures

# In-toto has no third verdict, and what was not proved must pass no gate.
RESULTS = {Verdict.PASS: "PASSED", Verdict.FAIL: "FAILED", Verdict.UNKNOWN: "FAILED"}

_FACTS, _JOURNAL = "run.json", "journal.jsonl"
CONCLUDED = ("findings.json", "report.html", "junit.xml", "allure-results")  # `recheck` and `report` write these again
JUDGED = (_FACTS, _JOURNAL, "ledger")  # the evidence that the checks read
MAX_BYTES = 32_000_000  # no file of a signature is larger: it names some hundred files, and is read as a whole

_ODD = "is neither a file nor a folder; no drill leaves such a thing"
_ENVELOPE, _KEY = f"{FOLDER}/{{}}.dsse.json", f"{FOLDER}/{{}}.pub"
EVIDENCE = _ENVELOPE.format("evidence")
_BOTH = (("evidence", EVIDENCE_TYPE), ("verdict", VERDICT_TYPE))
_REVIEW = re.compile(rf"{FOLDER}/review-([1-9]\d{{0,3}})\.(?:dsse\.json|pub)")
_MOST = 5  # problems in one line
_COMPRESSION = 1  # much faster than 6, and the bundle is hardly larger
_PLAIN_FILE = 0o100644 << 16  # with its mode, as zip files have them


@dataclass(frozen=True)
class Signature:
    """One signature that holds."""

    key: str  # fingerprint
    files: Mapping[str, str]  # SHA-256 of each
    predicate: Mapping[str, Json]

    @property
    def said(self) -> Mapping[str, Json]:
        """What we said of the files, in words of our own: `signedAt`, by the clock of the machine that signed, too."""
        return mapping(self.predicate.get(OUR_VERDICT, self.predicate))

    def by(self, known: Mapping[str, str]) -> str:
        """When and by whom it was signed, in words."""
        whose = f"known: {known[self.key]}" if self.key in known else "not known here"
        return f"signed {self.said.get('signedAt')} by {self.key} ({whose})"

    def document(self, known: Mapping[str, str]) -> Json:
        return {"key": self.key, "known": self.key in known, "files": len(self.files), **self.said}


class Problem(str):
    """One thing that is not as it was signed: the line that is printed, with its file and its reason."""

    __slots__ = ("file", "reason")
    file: str
    reason: Reason

    def __new__(cls, file: str, why: str, reason: Reason) -> Self:
        problem = super().__new__(cls, f"{file}: {why}")
        problem.file, problem.reason = file, reason
        return problem


@dataclass(frozen=True)
class Verified:
    """The result of verifying a run. Without `problems` it is what was signed; `doubt` also asks by whom.

    `known` are the trusted keys, by fingerprint, and where each is from.
    """

    evidence: Signature | None
    verdict: Signature | None
    problems: tuple[Problem, ...]  # each begins with the name of a file
    reviews: tuple[Signature, ...] = ()  # oldest first; those of this evidence

    def doubt(self, path: Path, known: Mapping[str, str]) -> str:
        """Why the run at `path` cannot be trusted, in one line; "" if it is unchanged and its keys are known."""
        if self.problems:
            more = f"; and {len(self.problems) - _MOST} more" if len(self.problems) > _MOST else ""
            return f"{path} is not what was signed: {'; '.join(self.problems[:_MOST])}{more}"
        signers = dict.fromkeys(each.key for each in (self.evidence, self.verdict, *self.reviews) if each)
        if strangers := [key for key in signers if key not in known]:
            ask = "ask who made it for its key's fingerprint, and say it with --key"
            return (
                f"{path} is whole, but signed by {', '.join(strangers)} (not known here), which anybody can do; {ask}"
            )
        return ""

    def lines(self, known: Mapping[str, str]) -> Iterator[str]:
        """Each signature that holds, and what it says; then the problems."""
        if self.evidence:
            run = self.evidence.said.get("run")
            yield f"evidence: {len(self.evidence.files)} files of {run}, {self.evidence.by(known)}"
        if self.verdict:
            said = self.verdict.said
            words = [f"{said.get('verdict')}".upper(), f"{said.get('scenario')}"]
            words += [f"{name} {said[name]}" for name in ("rto_s", "rpo_s", "rpo_writes") if said.get(name) is not None]
            yield f"verdict: {', '.join(words)}; {len(self.verdict.files)} files, {self.verdict.by(known)}"
        for each in self.reviews:
            doubt = "; it does NOT COUNT: the run is not what was reviewed" if self.problems else ""
            yield f"review: {', '.join(keys_in(each.said, 'said')) or 'nothing'}, {each.by(known)}{doubt}"
        yield from self.problems

    def document(self, path: Path, known: Mapping[str, str]) -> dict[str, Json]:
        return {
            "path": str(path),
            "good": not self.doubt(path, known),
            "problems": list(self.problems),
            "evidence": self.evidence.document(known) if self.evidence else None,
            "verdict": self.verdict.document(known) if self.verdict else None,
            "reviews": [each.document(known) for each in self.reviews],
        }


def sign_evidence(run: Path, signer: PrivateKey) -> None:
    """Sign all that a drill left behind, right at its end, before anything is concluded. OSError, Unreadable."""
    files = Directory(run)
    left = {name: digest(files, name) for name in files.names() if not _is_among(name, (FOLDER, *CONCLUDED))}
    _write(run, "evidence", Statement(EVIDENCE_TYPE, left, {"run": run.name, "signedAt": now()}), signer)
    for form in (_ENVELOPE, _KEY):
        (run / form.format("progress")).unlink(missing_ok=True)


def sign_progress(run: Path, signer: PrivateKey) -> None:
    """Sign run.json and the whole lines of the journal so far, in place of the last progress. OSError, Unreadable."""
    lines = (run / _JOURNAL).read_bytes().rpartition(b"\n")[0] + b"\n"
    begun = {_FACTS: digest(Directory(run), _FACTS), _JOURNAL: hashlib.sha256(lines).hexdigest()}
    predicate: dict[str, Json] = {"run": run.name, "journalBytes": len(lines), "signedAt": now()}
    _write(run, "progress", Statement(PROGRESS_TYPE, begun, predicate), signer)


def sign_verdict(run: Path, signer: PrivateKey, verdict: Verdict, figures: Mapping[str, Json]) -> None:
    """Sign what was concluded from signed evidence, in place of what was concluded before. OSError, Unreadable."""
    files = Directory(run)
    concluded = {name: digest(files, name) for name in files.names() if _is_among(name, CONCLUDED)}
    predicate: dict[str, Json] = {
        "result": RESULTS[verdict],
        "configuration": [descriptor(EVIDENCE, digest(files, EVIDENCE))],
        OUR_VERDICT: {"verdict": verdict.value, **figures, "signedAt": now()},
    }
    _write(run, "verdict", Statement(VERDICT_TYPE, concluded, predicate), signer)


def sign_review(run: Path, signer: PrivateKey, said: Mapping[str, Json], known: Iterable[str]) -> str:
    """Sign what people say of a run, beside its evidence; returns the name of the review.

    HarnessError if the run is not what `known` keys signed: nobody reviews that.
    """
    files = Directory(run)
    found = verify(files)
    if doubt := found.doubt(run, dict.fromkeys({*known, signer.public_key.keyid}, "")):
        raise HarnessError(f"not reviewed: {doubt}")
    assert found.verdict is not None
    name = f"review-{len(found.reviews) + 1}"
    about = (EVIDENCE, *(_ENVELOPE.format(f"review-{n}") for n in range(1, len(found.reviews) + 1)))
    predicate: dict[str, Json] = {"run": run.name, "said": said, "of": found.verdict.said, "signedAt": now()}
    _write(run, name, Statement(REVIEW_TYPE, {each: digest(files, each) for each in about}, predicate), signer)
    return name


def is_signed(run: Path) -> bool:
    """Whether the evidence in a run directory has a signature, by any key."""
    return (run / EVIDENCE).exists()


def verify(files: Files) -> Verified:
    """Verify all files of a run. Unreadable if a file cannot be read."""
    there = files.names()
    if not any(_is_among(name, (FOLDER,)) for name in there):
        why = "is missing; it was never signed, or its signatures were taken out"
        return Verified(None, None, (Problem(f"{FOLDER}/", why, Reason.EvidenceMissing),))
    problems = [Problem(name, _ODD, Reason.EvidenceAdded) for name in sorted(files.odd())]
    evidence, verdict = (_signature(files, there, what, kind, problems) for what, kind in _BOTH)
    for signature in filter(None, (evidence, verdict)):
        problems += _differences(files, there, signature.files)
    reviews, numbered = _reviews(files, there, problems)
    if evidence and verdict:
        ours = {form.format(what) for form in (_ENVELOPE, _KEY) for what in ("evidence", "verdict", *numbered)}
        problems += map(_added, sorted(there - ours - {*evidence.files, *verdict.files}))
        problems += _about_other(files, verdict)
    return Verified(evidence, verdict, tuple(problems), reviews)


def verify_progress(run: Path, into: Path) -> Verified | None:
    """Copy what the progress of a killed run signs into the new folder `into`, and verify that copy.

    None if this run has evidence, or no progress. What the journal says beyond the signed lines is not copied.
    """
    files = Directory(run)
    there = files.names()
    if is_signed(run) or _ENVELOPE.format("progress") not in there:
        return None
    problems: list[Problem] = []
    progress = _signature(files, there, "progress", PROGRESS_TYPE, problems)
    if progress:
        into.mkdir()
        for name, most in ((_FACTS, MAX_BYTES), (_JOURNAL, integer(progress.predicate, "journalBytes"))):
            if name in there:
                with files.open(name) as file:
                    (into / name).write_bytes(file.read(most))
        copied = Directory(into)
        problems += _differences(copied, copied.names(), progress.files)
    return Verified(progress, None, tuple(problems))


def verify_findings(run: Path) -> Verified:
    """Hold only run.json and findings.json of a run directory against the two signatures: cheap, for many runs.

    With no problems the findings are what was concluded, from the evidence that was signed; whether that evidence
    still lies there is not asked. Unreadable where a file of these cannot be read.
    """
    files = Directory(run)
    there = files.names()
    problems: list[Problem] = []
    evidence, verdict = (_signature(files, there, what, kind, problems) for what, kind in _BOTH)
    for signature, name in ((evidence, "run.json"), (verdict, "findings.json")):
        if signature:
            problems += _differences(files, there, {name: signature.files.get(name, "not signed")})
    if evidence and verdict:
        problems += _about_other(files, verdict)
    return Verified(evidence, verdict, tuple(problems))


def verify_judged(run: Path) -> Verified:
    """Hold what the checks read of a run directory against the signature of its evidence, and nothing else."""
    files = Directory(run)
    there = files.names()
    odd = [name for name in sorted(files.odd()) if _is_among(name, (FOLDER, *JUDGED))]
    problems = [Problem(name, _ODD, Reason.EvidenceAdded) for name in odd]
    evidence = _signature(files, there, "evidence", EVIDENCE_TYPE, problems)
    if evidence:
        signed = {name: sha256 for name, sha256 in evidence.files.items() if _is_among(name, JUDGED)}
        problems += _differences(files, there, signed)
        problems += [_added(name) for name in sorted(there) if _is_among(name, JUDGED) and name not in signed]
    return Verified(evidence, None, tuple(problems))


def pack(run: Path, bundle: Path) -> Verified:
    """Write the run directory into the new file `bundle`, and return what verifying that file came to.

    Misconfigured if `bundle` exists or cannot be written; HarnessError, and no file, if the run was changed.
    """
    if bundle.exists():
        raise Misconfigured(f"{bundle} exists; remove it, or choose another name with --out")
    files = Directory(run)
    beside = bundle.with_name(f".{bundle.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(beside, "x", zipfile.ZIP_DEFLATED, compresslevel=_COMPRESSION) as packed:
            for name in sorted(files.names()):
                member = zipfile.ZipInfo(f"{run.name}/{name}")  # without the file's time: what counts was signed
                member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, _PLAIN_FILE
                with files.open(name) as file, packed.open(member, "w", force_zip64=True) as into:
                    shutil.copyfileobj(file, into, CHUNK)
        found = verify(Bundle(beside))
        if found.problems:
            raise HarnessError(f"{run} is not as it was signed: {'; '.join(found.problems[:3])}")
        beside.rename(bundle)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise Misconfigured(f"cannot write {bundle}: {why}; choose another place with --out") from error
    finally:
        beside.unlink(missing_ok=True)
    return found


def _write(run: Path, what: str, statement: Statement, signer: PrivateKey) -> None:
    if (run / FOLDER).is_symlink():
        raise Unreadable(run / FOLDER, "is a link; no drill leaves one, and nothing is written through it")
    (run / FOLDER).mkdir(exist_ok=True)
    for form, content in ((_KEY, keys.pem(signer.public_key)), (_ENVELOPE, seal(statement, signer))):
        path = run / form.format(what)
        beside = path.with_name(f".{path.name}")
        beside.unlink(missing_ok=True)
        with beside.open("xb") as file:
            file.write(content)
        beside.replace(path)


def _signature(files: Files, there: Iterable[str], what: str, kind: str, problems: list[Problem]) -> Signature | None:
    """The signature, if it holds; else why it does not is among the problems."""
    public, envelope = _KEY.format(what), _ENVELOPE.format(what)
    try:
        name = public
        key = keys.parse_exactly(_read(files, there, name))
        name = envelope
        statement = unseal(_read(files, there, name), key, kind, public)
    except ValueError as error:
        reason = Reason.SignatureInvalid if name in there else Reason.EvidenceMissing
        problems.append(Problem(name, str(error), reason))
        return None
    return Signature(key.keyid, statement.files, statement.predicate)


def _read(files: Files, there: Iterable[str], name: str) -> bytes:
    if name not in there:
        raise ValueError("is missing")
    try:
        with files.open(name) as file:
            data = file.read(MAX_BYTES + 1)
    except BROKEN as error:
        raise ValueError(f"cannot be read: {error}") from error
    if len(data) > MAX_BYTES:
        raise ValueError("is too large to be a signature's")
    return data


def _reviews(
    files: Files, there: frozenset[str], problems: list[Problem]
) -> tuple[tuple[Signature, ...], tuple[str, ...]]:
    """The reviews of this evidence, and the names of all that are here; what is wrong is among the problems."""
    numbered = tuple(f"review-{n}" for n in sorted({int(found[1]) for found in map(_REVIEW.fullmatch, there) if found}))
    good: list[Signature] = []
    for name in numbered:
        if not (signature := _signature(files, there, name, REVIEW_TYPE, problems)):
            continue
        wrong = list(_differences(files, there, signature.files))
        if EVIDENCE not in signature.files or any(each.file == EVIDENCE for each in wrong):
            why = "is a review of other evidence than what is here, so it does not count"
            problems.append(Problem(_ENVELOPE.format(name), why, Reason.EvidenceAltered))
        elif wrong:
            problems += wrong
        else:
            good.append(signature)
    return tuple(good), numbered


def _about_other(files: Files, verdict: Signature) -> Iterator[Problem]:
    if verdict.predicate.get("configuration") != [descriptor(EVIDENCE, digest(files, EVIDENCE))]:
        why = "is about other evidence than what is here"
        yield Problem(_ENVELOPE.format("verdict"), why, Reason.EvidenceAltered)


def _differences(files: Files, there: Iterable[str], signed: Mapping[str, str]) -> Iterator[Problem]:
    for name, sha256 in sorted(signed.items()):
        if name not in there:
            yield Problem(name, "is missing", Reason.EvidenceMissing)
        elif digest(files, name) != sha256:
            yield Problem(name, "was changed after it was signed", Reason.EvidenceAltered)


def _added(name: str) -> Problem:
    return Problem(name, "was added", Reason.EvidenceAdded)


def _is_among(name: str, names: Iterable[str]) -> bool:
    return name.partition("/")[0] in names
