"""The bucket that keeps the evidence of runs: upload, expiry and download. Only signed objects are trusted.

Below its prefix:

    drillproof.json                    marks everything below as drillproof's; a non-empty prefix without it is refused
    runs/RUN/bundle.zip                the signed run, as `drillproof bundle` writes it
    runs/RUN/findings.json             its findings, readable without unpacking
    runs/RUN/archived.dsse.json, .pub  written last, signed: which objects these are, and until when they are kept
    attempts/JOB/ATTEMPT.json          the attempts of a job, also those without a run; see `attempt_log`

An object without such a signature by a known key is never deleted and never trusted.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from harness.backups.bucket_reader import AT_ONCE, BucketLocation, Credentials, explain, s3_client
from harness.campaigns.matrix.results import time_of
from harness.campaigns.trend import SeriesKey, key_of, verdict_of
from harness.core.errors import HarnessError, Misconfigured, Unreadable
from harness.core.json import items, mapping, number, text
from harness.core.model import Json, Verdict
from harness.core.parallel import for_each
from harness.evidence.ledger import fingerprint
from harness.evidence.run_directory import read_json, write_whole
from harness.evidence.signing import attestation, keys
from harness.evidence.signing.files import Bundle
from harness.evidence.signing.keys import PrivateKey
from harness.evidence.signing.statement import Statement, unseal
from harness.evidence.signing.statement import seal as sealed

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client
    from types_boto3_s3.literals import ObjectLockModeType
    from types_boto3_s3.type_defs import PutObjectRequestTypeDef

MARK = "drillproof.json"
_MARKED = json.dumps({"archive": "drillproof", "schema": 1}).encode()
KIND = "urn:drillproof:archived:v1"
LOCKS: Mapping[str, ObjectLockModeType] = {"governance": "GOVERNANCE", "compliance": "COMPLIANCE"}
RIGHTS = "s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject are needed"

_ATTEMPT = re.compile(r"attempts/[a-z0-9-]+/[A-Za-z0-9-]+\.json")
_MANIFEST, _PUBLIC = "archived.dsse.json", "archived.pub"
_BUNDLE, _FINDINGS = "bundle.zip", "findings.json"
_REFUSED = {"AccessDenied", "403", "InvalidRequest", "MethodNotAllowed", "ObjectLocked"}
_GONE = {"NoSuchKey", "NoSuchVersion", "404"}


@dataclass(frozen=True)
class Kept:
    size: int
    etag: str
    version: str  # "" if the bucket has no versions


@dataclass(frozen=True)
class Entry:
    """One run in the archive, signed by a known key."""

    run: str
    series: SeriesKey
    verdict: Verdict
    ended: datetime
    until: datetime | None  # when it expires; None for never
    files: Mapping[str, str]  # SHA-256 of each object
    kept: Mapping[str, Kept]


@dataclass(frozen=True)
class Pruned:
    removed: tuple[str, ...]
    spared: tuple[str, ...]  # expired, and the newest of its series, or the newest that passed
    problems: tuple[str, ...]


class Archive:
    """A prefix of a bucket. Misconfigured if the bucket refuses a request."""

    def __init__(
        self, place: BucketLocation, credentials: Credentials, signer: PrivateKey | None, known: Iterable[str]
    ) -> None:
        """Sends no request. `signer` signs uploads; entries by it and by `known` keys are trusted."""
        self.place = place
        self._client: S3Client = s3_client(place, credentials)
        self._signer = signer
        self._known = {*known, *([signer.public_key.keyid] if signer else [])}

    def open(self, *, write: bool) -> None:
        """Check that this is an archive, or create one in an empty prefix. Misconfigured for anything else."""
        told = self._get(MARK)
        if told is None:
            if not write or any(self._list("")):
                what = "has other objects" if write else "is not an archive of drillproof"
                raise Misconfigured(f"the bucket {self.place.name} {what}; name an empty prefix: BUCKET/PREFIX")
            self._put(MARK, _MARKED)
        elif told != _MARKED:
            raise Misconfigured(f"{MARK} in {self.place.name} has another version; use the drillproof that wrote it")

    def put(self, run: Path, retain: timedelta | None, lock: str = "") -> bool:
        """Upload a signed run; False if it is in the archive already. HarnessError if it differs from what was signed.

        With `lock`, the bucket protects it until it expires (S3 Object Lock).
        """
        assert self._signer is not None
        folder = f"runs/{run.name}/"
        with tempfile.TemporaryDirectory() as scratch:
            bundle = Path(scratch, _BUNDLE)
            found = attestation.pack(run, bundle)
            if doubt := found.doubt(run, dict.fromkeys(self._known, "")):
                raise HarnessError(f"not archived: {doubt}")
            paths = {_BUNDLE: bundle, _FINDINGS: run / _FINDINGS}
            files = {name: fingerprint(path) for name, path in paths.items()}
            there = self._entry(run.name) if self._get(folder + _MANIFEST) is not None else None
            if there:
                if there.files == files:
                    return False
                why = "the run was judged or signed again since; archived evidence is never replaced"
                raise Misconfigured(f"{self.place.name} has another {run.name}: {why}")
            assert found.evidence is not None
            assert found.verdict is not None
            ended = time_of(text(found.evidence.said, "signedAt")) or datetime.now(UTC)
            until = ended + retain if retain else None
            kept = {name: self._put(folder + name, path, until, lock) for name, path in paths.items()}
        said: dict[str, Json] = {
            "run": run.name,
            "make": asdict(key_of(read_json(run / "run.json"))),
            "verdict": text(found.verdict.said, "verdict"),
            "endedAt": ended.isoformat(),
            "keptUntil": until.isoformat() if until else None,
            "objects": {name: asdict(each) for name, each in kept.items()},
        }
        self._put(folder + _PUBLIC, keys.pem(self._signer.public_key), until, lock)
        self._put(folder + _MANIFEST, sealed(Statement(KIND, files, said), self._signer), until, lock)
        return True

    def entries(self) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
        """All runs, oldest first, and the problems of those that are not trusted, one line each."""
        found: list[Entry] = []
        problems: list[str] = []
        for name in sorted({key.split("/")[1] for key in self._list("runs/")}):
            try:
                found.append(self._entry(name))
            except Unreadable as error:
                problems.append(str(error))
        return tuple(sorted(found, key=lambda entry: (entry.ended, entry.run))), tuple(problems)

    def prune(self, now: datetime) -> Pruned:
        """Delete expired runs, but never the newest run of a series, nor the newest that passed."""
        entries, problems = self.entries()
        newest = {entry.series: entry.run for entry in entries}
        passed = {entry.series: entry.run for entry in entries if entry.verdict is Verdict.PASS}
        removed: list[str] = []
        spared: list[str] = []
        troubles = list(problems)
        for entry in entries:
            if entry.until is None or entry.until > now:
                continue
            if entry.run in {newest[entry.series], passed.get(entry.series)}:
                spared.append(entry.run)
                continue
            with self._asked("lose a run"):
                trouble = self._remove(entry)
            (troubles if trouble else removed).append(trouble or entry.run)
        return Pruned(tuple(removed), tuple(spared), tuple(troubles))

    def fetch(self, entry: Entry, into: Path) -> bool:
        """Download a run into the folder `into`; False if it is there. HarnessError if it was changed."""
        if (into / entry.run).exists():
            return False
        with tempfile.TemporaryDirectory(dir=into) as scratch:
            bundle = Path(scratch, f"{entry.run}.zip")
            key, version = f"runs/{entry.run}/{_BUNDLE}", dict(_versioned(entry.kept[_BUNDLE].version))
            with self._asked(f"give {key}"), bundle.open("xb") as file:
                self._client.download_fileobj(self.place.bucket, self.place.folder + key, file, ExtraArgs=version)
            if fingerprint(bundle) != entry.files[_BUNDLE]:
                raise HarnessError(f"{entry.run}: its bundle differs from what was archived")
            files = Bundle(bundle)
            found = attestation.verify(files)
            if doubt := found.doubt(Path(entry.run), dict.fromkeys(self._known, "")):
                raise HarnessError(doubt)
            files.unpack(Path(scratch, entry.run))
            Path(scratch, entry.run).rename(into / entry.run)
        return True

    def note(self, job: str, name: str, data: bytes) -> None:
        self._put(f"attempts/{job}/{name}", data)

    def attempts(self, job: str) -> dict[str, bytes]:
        folder = f"attempts/{job}/"
        noted = sorted(key for key in self._list(folder) if key.endswith(".json"))
        return {key.removeprefix(folder): self._get(key) or b"" for key in noted}

    def mirror(self, into: Path) -> None:
        """Make the folder `into` a copy of all attempts, JOB/ATTEMPT.json. What is the same there is not fetched."""
        there = {
            key.removeprefix("attempts/"): etag for key, etag in self._listed("attempts/") if _ATTEMPT.fullmatch(key)
        }
        here = {path.relative_to(into).as_posix(): path for path in into.glob("*/*.json")}
        for name in here.keys() - there.keys():
            here[name].unlink()
        wanted = [name for name, etag in there.items() if name not in here or _md5(here[name]) != etag]
        for at in range(0, len(wanted), AT_ONCE):
            some = wanted[at : at + AT_ONCE]
            for name, data in zip(some, for_each([f"attempts/{each}" for each in some], self._get), strict=True):
                if data is not None:
                    (into / name).parent.mkdir(parents=True, exist_ok=True)
                    write_whole(into / name, data)

    def forget(self, job: str, name: str) -> None:
        with self._asked("lose an attempt"):
            self._delete(f"attempts/{job}/{name}", "")

    def _entry(self, run: str) -> Entry:
        folder = f"runs/{run}/"
        data, public = self._get(folder + _MANIFEST), self._get(folder + _PUBLIC)
        path = Path(folder, _MANIFEST)
        if data is None or public is None:
            raise Unreadable(path, "is missing: the upload was interrupted, or still runs; it is kept")
        try:
            key = keys.parse_exactly(public)
            statement = unseal(data, key, KIND, _PUBLIC)
        except ValueError as error:
            raise Unreadable(path, f"{error}; it is kept") from error
        if key.keyid not in self._known:
            raise Unreadable(path, f"is signed by {key.keyid}, which is not a known key; it is kept")
        return _parsed(run, statement, path)

    def _remove(self, entry: Entry) -> str:
        """Delete a run, its manifest last; returns why not, if not."""
        folder = f"runs/{entry.run}/"
        try:
            for name, kept in entry.kept.items():
                now = self._head(folder + name, kept.version)
                if now and now != kept:
                    return f"{entry.run}: {name} differs from what was uploaded; it is kept"
                if now:
                    self._delete(folder + name, kept.version)
            for name in (_PUBLIC, _MANIFEST):
                if now := self._head(folder + name):
                    self._delete(folder + name, now.version)
        except ClientError as error:
            if _code(error) not in _REFUSED:
                raise
            why = "Object Lock protects it, or s3:DeleteObject is missing"
            return f"{entry.run}: the bucket refuses to delete it: {why}"
        return ""

    def _list(self, folder: str) -> Iterator[str]:
        return (key for key, _ in self._listed(folder))

    def _listed(self, folder: str) -> Iterator[tuple[str, str]]:
        """Every key with its ETag."""
        prefix = self.place.folder + folder
        with self._asked("be listed"):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.place.bucket, Prefix=prefix):
                for thing in page.get("Contents", ()):
                    yield thing["Key"].removeprefix(self.place.folder), thing["ETag"].strip('"')

    def _get(self, key: str) -> bytes | None:
        with self._asked(f"give {key}"):
            try:
                body = self._client.get_object(Bucket=self.place.bucket, Key=self.place.folder + key)["Body"]
                return body.read(attestation.MAX_BYTES)
            except ClientError as error:
                if _code(error) not in _GONE:
                    raise
                return None

    def _put(self, key: str, data: bytes | Path, until: datetime | None = None, lock: str = "") -> Kept:
        size = data.stat().st_size if isinstance(data, Path) else len(data)
        with self._asked(f"take {key}"), data.open("rb") if isinstance(data, Path) else io.BytesIO(data) as body:
            name = self.place.folder + key
            request: PutObjectRequestTypeDef = {"Bucket": self.place.bucket, "Key": name, "Body": body}
            if lock and until:
                request |= {"ObjectLockMode": LOCKS[lock], "ObjectLockRetainUntilDate": until}
            put = self._client.put_object(**request)
        return Kept(size, put["ETag"], put.get("VersionId", ""))

    def _head(self, key: str, version: str = "") -> Kept | None:
        name = self.place.folder + key
        try:
            found = self._client.head_object(Bucket=self.place.bucket, Key=name, **_versioned(version))
        except ClientError as error:
            if _code(error) not in _GONE:
                raise
            return None
        return Kept(found["ContentLength"], found["ETag"], found.get("VersionId", ""))

    def _delete(self, key: str, version: str) -> None:
        self._client.delete_object(Bucket=self.place.bucket, Key=self.place.folder + key, **_versioned(version))

    @contextlib.contextmanager
    def _asked(self, what: str) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError, Boto3Error, ValueError) as error:
            raise Misconfigured(explain(self.place, what, error, RIGHTS)) from error


class _Version(TypedDict, total=False):
    VersionId: str


def _md5(path: Path) -> str:
    """The ETag of an object that was put at once and is not encrypted; any other is fetched again each time."""
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _versioned(version: str) -> _Version:
    return {"VersionId": version} if version else {}


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _parsed(run: str, statement: Statement, path: Path) -> Entry:
    said, objects = statement.predicate, mapping(statement.predicate, "objects")
    ended, until = time_of(text(said, "endedAt")), text(said, "keptUntil")
    if said.get("run") != run or set(statement.files) != set(objects) or set(objects) != {_BUNDLE, _FINDINGS}:
        raise Unreadable(path, "is about another run; it is kept")
    if ended is None or (until and time_of(until) is None):
        raise Unreadable(path, "has no valid expiry time; it is kept")
    make = mapping(said, "make")
    scenario, strategy, engine = (text(make.get(name)) for name in ("scenario", "strategy", "engine"))
    return Entry(
        run,
        SeriesKey(
            scenario, strategy, engine, tuple(map(text, items(make, "stores"))), text(make, "of"), text(make, "lane")
        ),
        verdict_of(said.get("verdict")),
        ended,
        time_of(until) if until else None,
        statement.files,
        {
            name: Kept(int(number(each, "size") or 0), text(each, "etag"), text(each, "version"))
            for name, each in objects.items()
        },
    )
