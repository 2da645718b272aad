"""The records of a job's attempts: each in one signed file, with the hashes of the attempts before it.

A file is a signed envelope, as for runs; its predicate is the attempt, its subjects are the attempts that it follows.
So a record that was edited, added or removed between others is found. One removed at the end is found when the next
attempt is overdue.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import orjson

from harness.campaigns.schedule import attempt as attempts
from harness.campaigns.schedule.attempt import Attempt
from harness.core import paths
from harness.core.errors import HarnessError
from harness.evidence.journal import plain
from harness.evidence.run_directory import write_whole
from harness.evidence.signing.keys import PrivateKey, PublicKey
from harness.evidence.signing.statement import Statement, seal, unseal

KIND = "urn:drillproof:attempt:v1"
MAX_BYTES = 1_000_000

Files = Mapping[str, bytes]  # contents of files by name
_MOST = 3


@dataclass(frozen=True)
class History:
    """The trusted attempts of a job, and the problems of other records."""

    attempts: tuple[Attempt, ...]  # oldest first
    problems: tuple[str, ...]  # each begins with the name of a file
    heads: Mapping[str, str]  # SHA-256 of the files that the next attempt follows, by name

    @property
    def doubt(self) -> str:
        """What was changed, in one line; "" for nothing."""
        more = f"; and {len(self.problems) - _MOST} more" if len(self.problems) > _MOST else ""
        return (
            f"records of its attempts were changed: {'; '.join(self.problems[:_MOST])}{more}" if self.problems else ""
        )


NOTHING = History((), (), {})


def history(job: str, places: Iterable[Files], known: Mapping[str, PublicKey]) -> History:
    """The attempts of a job, from its files in one or more places. `known` keys are trusted."""
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
    """Write or replace the file of an attempt, and return its content. Misconfigured if it cannot be written."""
    data = seal(Statement(KIND, attempt.after, attempts.document(attempt)), signer)
    with paths.writing(folder, "--folder"):
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / attempt.file, data)
    return data


def files(folder: Path) -> dict[str, bytes]:
    """All files of attempts in a folder; b"" for one that cannot be read."""
    return {path.name: _bytes(path) for path in sorted(folder.glob("[!.]*.json"))}


@dataclass(frozen=True)
class _Record:
    attempt: Attempt
    sha256: str


def _found(
    job: str, places: Iterable[Files], known: Mapping[str, PublicKey]
) -> tuple[dict[str, _Record], dict[str, str]]:
    """Trusted records, and problems of other files, by name. The end of an attempt replaces its start."""
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
            wrong[name] = "is signed twice, with different content"
    return found, wrong


def _unlinked(found: Mapping[str, _Record]) -> dict[str, str]:
    """Records that others follow and that are missing or changed, by name."""
    wrong: dict[str, str] = {}
    begun = ((each.attempt.began, each.attempt.kept_s) for each in found.values())
    # Files with smaller names were deleted with one of the attempts, because they expired.
    forgotten = max((attempts.stamp(began - timedelta(seconds=kept)) for began, kept in begun if kept), default="")
    links = ((each.attempt, *link) for each in found.values() for link in each.attempt.after.items())
    for by, name, sha256 in links:
        if name not in found and name >= forgotten:
            wrong[name] = f"is missing; {by.name} followed it"
        elif name in found and found[name].sha256 != sha256:
            wrong[name] = f"differs from what {by.name} followed"
    return wrong


def _read(job: str, name: str, data: bytes, known: Mapping[str, PublicKey]) -> Attempt:
    keyid = _signed_by(data)
    if not keyid:
        raise ValueError("is not signed: an older version or someone else wrote it; move it elsewhere")
    if keyid not in known:
        raise ValueError(f"is signed by {keyid}, which is not a known key")
    try:
        statement = unseal(data, known[keyid], KIND, keyid)
        attempt = attempts.parse(statement.predicate)
    except ValueError as error:
        raise ValueError(f"was edited: {error}") from error
    if attempt.job != job or attempt.file != name:
        raise ValueError(f"belongs to another attempt: {attempt.name} of {attempt.job}")
    return replace(attempt, after=statement.files)


def _signed_by(data: bytes) -> str:
    try:
        told = orjson.loads(data) if len(data) <= MAX_BYTES else None
    except ValueError:
        return ""
    match told:
        case {"signatures": [{"keyid": str(keyid)}]}:
            return keyid
    return ""


def _bytes(path: Path) -> bytes:
    try:
        with plain(path).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, HarnessError):
        return b""
