"""What is signed: an in-toto statement of names and SHA-256, in a DSSE envelope with one Ed25519 signature.

Both are read strictly: an envelope that could have been written in another way than ours is refused, so that no byte
of it can be changed unseen.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import Error

from harness.core.model import Json
from harness.evidence.signing.files import clean
from harness.evidence.signing.keys import PrivateKey, PublicKey

_TYPE = "https://in-toto.io/Statement/v1"
_PAYLOAD_TYPE = "application/vnd.in-toto+json"


@dataclass(frozen=True)
class Statement:
    """That these files are (by SHA-256), and what is said of them."""

    kind: str  # the predicate's type, a URI
    files: Mapping[str, str]
    predicate: Mapping[str, Json]


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def descriptor(name: str, sha256: str) -> dict[str, Json]:
    """A file, as in-toto names one."""
    return {"name": name, "digest": {"sha256": sha256}}


def seal(statement: Statement, signer: PrivateKey) -> bytes:
    told: Json = {
        "_type": _TYPE,
        "subject": [descriptor(name, sha256) for name, sha256 in sorted(statement.files.items())],
        "predicateType": statement.kind,
        "predicate": statement.predicate,
    }
    envelope = Envelope(json.dumps(told, separators=(",", ":")).encode(), _PAYLOAD_TYPE, {})
    envelope.sign(signer)
    return _written(envelope)


def unseal(data: bytes, key: PublicKey, kind: str, of: str) -> Statement:
    """The statement of this kind that `key`, from the file `of`, signed. ValueError says what is wrong with it."""
    try:
        envelope = Envelope.from_dict(orjson.loads(data))
        exact = _written(envelope) == data
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError("is no DSSE envelope of drillproof") from error
    if not exact or envelope.payload_type != _PAYLOAD_TYPE or len(envelope.signatures) != 1:
        raise ValueError("is no DSSE envelope with one signature, as drillproof writes it")
    try:
        envelope.verify([key], 1)
    except Error as error:
        raise ValueError(f"does not bear the signature of {of}; one of these two was changed") from error
    statement = _statement(envelope.payload)
    if statement.kind != kind:
        raise ValueError(f"is a statement of another kind than {kind}")
    return statement


def _statement(payload: bytes) -> Statement:
    match orjson.loads(payload):
        case {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": list(subject),
            "predicateType": str(kind),
            "predicate": dict(predicate),
        }:
            files = dict(map(_file, subject))
            if len(files) == len(subject):
                return Statement(kind, files, predicate)
    raise ValueError("holds no in-toto statement about files, each named once")


def _file(subject: Json) -> tuple[str, str]:
    match subject:
        case {"name": str(name), "digest": {"sha256": str(sha256)}} if clean(name):
            return name, sha256
    raise ValueError("holds no in-toto statement about files of a run")


def _written(envelope: Envelope) -> bytes:
    return json.dumps(envelope.to_dict(), indent=1).encode() + b"\n"
