"""Removes secrets from text, in every encoding in which they may appear."""

from __future__ import annotations

import base64
import functools
import json
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from harness.core.model import Json

REDACTED = b"[redacted]"
_SHORTEST = 8
"""Shorter pieces of base64 would be found where no secret is."""


@functools.lru_cache(maxsize=4)
def encodings(secrets: frozenset[str]) -> tuple[bytes, ...]:
    """Every way in which `secrets` may be written, the longest first: plain, in URLs, in base64 once or twice."""
    plain = [secret.encode() for secret in secrets if secret]
    found = {form for text in (*plain, *map(base64.b64encode, plain)) for form in _forms(text)}
    return tuple(sorted(found, key=lambda form: (-len(form), form)))


def redact_bytes(text: bytes, secrets: frozenset[str]) -> bytes:
    """`text` without `secrets`."""
    for form in encodings(secrets):
        text = text.replace(form, REDACTED)
    return text


def redact_document(data: Mapping[str, Json], secrets: Iterable[str]) -> Mapping[str, Json]:
    """A document without `secrets`, whether in its names or in its values."""
    text = json.dumps(data, ensure_ascii=False).encode(errors="surrogatepass")
    clean = redact_bytes(text, frozenset(secrets))
    return data if clean == text else cast("Mapping[str, Json]", json.loads(clean))


def _forms(secret: bytes) -> Iterator[bytes]:
    yield secret
    yield urllib.parse.quote_from_bytes(secret, safe="").encode()
    yield base64.b64encode(secret)
    # In the midst of something else, as `user:secret` in a header: three letters of base64 are four of text, so it
    # depends on what comes before. What is at its edges is a mixture with that, and is let be.
    for before in range(3):
        text = base64.b64encode(bytes(before) + secret)
        end = (before + len(secret)) % 3
        core = text[(0, 2, 3)[before] : len(text) - (0, 3, 2)[end]]
        if len(core) >= _SHORTEST:
            yield core
            yield core.translate(bytes.maketrans(b"+/", b"-_"))
