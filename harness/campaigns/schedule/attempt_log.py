"""The attempts of a job as they are written down: each in one signed file, with the hashes of the attempts before it.

A file is an envelope as runs have it; its predicate is the attempt, its subjects are the attempts that it follows. So
what was edited, put in, or taken out from among the others is named. What was taken out at the end is not, until the
next one is overdue: who has all files can go back to how they were.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import orjson

from harness.campaigns.schedule import attempt as attempts
from harness.campaigns.schedule.attempt import Attempt
from harness.core.errors import HarnessError, Misconfigured
from harness.evidence.journal import plain
from harness.evidence.run_directory import write_whole
from harness.evidence.signing.keys import PrivateKey, PublicKey
from harness.evidence.signing.statement import Statement, seal, unseal

KIND = "urn:drillproof:attempt:v1"
MAX_BYTES = 1_000_000

Files = Mapping[str, bytes]
"""What is in files, by their names."""

_MOST = 3


@dataclass(frozen=True)
class History:
    """What is believed of a job's attempts, and what is not."""

    attempts: tuple[Attempt, ...]  # oldest first
    problems: tuple[str, ...]  # each begins with the name of a file
    heads: Mapping[str, str]  # SHA-256 of every file that the next attempt has to follow, by name

    @property
    def doubt(self) -> str:
        """What is not as it was written, in a line; "" for nothing."""
        more = f"; and {len(self.problems) - _MOST} more" if len(self.problems) > _MOST else ""
        said = f"what is known of its attempts is not what was written: {'; '.join(self.problems[:_MOST])}{more}"
        return said if self.problems else ""


NOTHING = History((), (), {})


def history(job: str, places: Iterable[Files], known: Mapping[str, PublicKey]) -> History:
    """What the files of a job come to that lie in one or more places; `known` keys are believed."""
    found, wrong = _found(job, places, known)
    problems = {**_unlinked(found), **wrong}
    ended = {name: each for name, each in found.items() if each.attempt.how != attempts.RUNNING}
    followed = {name for each in ended.values() for name in each.attempt.after}
    return History(
        tuple(sorted((each.attempt for each in found.values()), key=lambda each: each.order)),
        tuple(f"{name} {problems[name]}" for name in sorted(problems)),
        {name: each.sha256 for name, each in ended.items() if name not in followed},
    )


def save(folder: Path, attempt: Attempt, signer: PrivateKey) -> bytes:
    """Write it into a folder, in place of what was known of it; returns what. Misconfigured if that cannot be."""
    data = seal(Statement(KIND, attempt.after, attempts.document(attempt)), signer)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / attempt.file, data)
    except OSError as error:
        raise Misconfigured(f"cannot write {folder}: {error.strerror}; choose another place with --folder") from error
    return data


def files(folder: Path) -> dict[str, bytes]:
    """All files of attempts in a folder; b"" of what cannot be read, or is no file."""
    return {path.name: _bytes(path) for path in sorted(folder.glob("[!.]*.json"))}


@dataclass(frozen=True)
class _Record:
    attempt: Attempt
    sha256: str


def _found(
    job: str, places: Iterable[Files], known: Mapping[str, PublicKey]
) -> tuple[dict[str, _Record], dict[str, str]]:
    """What is believed, and what is wrong with other files, by name. Of a beginning and an end the end counts."""
    found: dict[str, _Record] = {}
    wrong: dict[str, str] = {}
    for name, data in (pair for place in places for pair in place.items()):
        try:
            told = _Record(_read(job, name, data, known), hashlib.sha256(data).hexdigest())
        except ValueError as error:
            wrong[name] = str(error)
            continue
        there = found.setdefault(name, told)
        if there.attempt.how == attempts.RUNNING:
            found[name] = told
        elif told.attempt.how != attempts.RUNNING and told != there:
            wrong[name] = "is signed twice, and says not the same"
    return found, wrong


def _unlinked(found: Mapping[str, _Record]) -> dict[str, str]:
    """What others followed and is not there, or no more what it was, by name."""
    wrong: dict[str, str] = {}
    forgotten = max((_cutoff(each.attempt) for each in found.values()), default="")
    links = ((each.attempt, *link) for each in found.values() for link in each.attempt.after.items())
    for by, name, sha256 in links:
        if name not in found and name >= forgotten:
            wrong[name] = f"is missing; {by.name} followed it"
        elif name in found and found[name].sha256 != sha256:
            wrong[name] = f"is not what {by.name} followed"
    return wrong


def _read(job: str, name: str, data: bytes, known: Mapping[str, PublicKey]) -> Attempt:
    """The attempt in a file. ValueError says why it is not believed."""
    keyid = _signed_by(data)
    if not keyid:
        raise ValueError("is not signed: an older drillproof wrote it, or somebody else; move it elsewhere")
    if keyid not in known:
        raise ValueError(f"is signed by {keyid}, which is not known here")
    try:
        statement = unseal(data, known[keyid], KIND, keyid)
        attempt = attempts.parse(statement.predicate)
    except ValueError as error:
        raise ValueError(f"was edited: {error}") from error
    if attempt.job != job or attempt.file != name:
        raise ValueError(f"is of another attempt: {attempt.name} of {attempt.job}")
    return replace(attempt, after=statement.files)


def _signed_by(data: bytes) -> str:
    """The fingerprint of the key that is said to have signed it; "" for none."""
    try:
        told = orjson.loads(data) if len(data) <= MAX_BYTES else None
    except ValueError:
        return ""
    match told:
        case {"signatures": [{"keyid": str(keyid)}]}:
            return keyid
    return ""


def _cutoff(attempt: Attempt) -> str:
    """Files whose names are less were taken out with this attempt, since their time was over."""
    kept = attempt.kept_s
    return attempts.stamp(attempt.began - timedelta(seconds=kept)) if kept else ""


def _bytes(path: Path) -> bytes:
    try:
        with plain(path).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, HarnessError):
        return b""
