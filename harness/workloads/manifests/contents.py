"""What an application consists of, as digests: two runs with the same contents drilled the same application."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from harness.core.json import keys, text
from harness.core.kubernetes import Object, name_of, namespace_of
from harness.core.model import Json
from harness.core.redaction import redact_bytes
from harness.workloads.external import Server

_CHECKSUM = "checksum/"
"""Charts annotate pods with checksums of Secrets, whose values they generate anew at each rendering."""


def contents(objects: Iterable[Object], servers: Sequence[Server], hidden: frozenset[str]) -> dict[str, str]:
    """A digest of each object and each store, by its name.

    Values of Secrets make no difference, nor `hidden` ones: nobody shall guess them by their digests.
    """
    things: dict[str, Json] = {
        " ".join(filter(None, (text(each, "kind"), namespace_of(each), name_of(each)))): _shown(each)
        for each in objects
    }
    things |= {f"store {each.name}": asdict(each) for each in servers}
    return {name: _digest(thing, hidden) for name, thing in sorted(things.items())}


def _shown(thing: Object) -> Json:
    if thing["kind"] != "Secret":
        return {key: _without_checksums(value) for key, value in thing.items()}
    return {**thing, **{field: keys(thing, field) for field in ("data", "stringData")}}


def _without_checksums(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {key: _without_checksums(each) for key, each in value.items() if not key.startswith(_CHECKSUM)}
    return [_without_checksums(each) for each in value] if isinstance(value, list | tuple) else value


def _digest(thing: Json, hidden: frozenset[str]) -> str:
    written = redact_bytes(json.dumps(thing, sort_keys=True).encode(), hidden)
    return hashlib.sha256(written).hexdigest()[:12]
