"""A second way to digest the keys of a Consul server: plain HTTP, all in memory, each value hashed separately."""

import base64
import hashlib
import http.client
import json
from collections import defaultdict

from harness.core.errors import ToolFailed

WITHIN_S = 120.0

_OF_THE_DRILL = ("drillproof/ledger/", "drillproof/accounts/")


def reference_digest(address: tuple[str, int], token: str) -> dict[str, str]:
    """By group of keys (`kv vault/core`): a hash of its sorted keys with flags and values."""
    connection = http.client.HTTPConnection(*address, timeout=WITHIN_S)
    try:
        connection.request("GET", "/v1/kv/?recurse=true&stale=true", headers={"X-Consul-Token": token})
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise ToolFailed(("GET", "kv"), 1, str(error)) from error
    finally:
        connection.close()
    if answer.status == http.HTTPStatus.NOT_FOUND:  # no key at all
        return {}
    if answer.status != http.HTTPStatus.OK:
        raise ToolFailed(("GET", "kv"), 1, f"{answer.status} {text[:200]!r}")
    lines: dict[str, list[str]] = defaultdict(list)
    for pair in json.loads(text):
        key = pair["Key"]
        if not key.startswith(_OF_THE_DRILL):
            value = base64.b64decode(pair["Value"] or b"")
            folders = key.split("/")
            group = "/".join(folders[: min(2, len(folders) - 1)]) or "/"
            lines[f"kv {group}"].append(f"{key!r} {pair['Flags']} {len(value)} {hashlib.blake2b(value).hexdigest()}")
    return {group: hashlib.blake2b("\n".join(sorted(rows)).encode()).hexdigest() for group, rows in lines.items()}
