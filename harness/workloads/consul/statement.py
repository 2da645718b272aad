"""An administrator's statement for Consul, on one line: a verb and a path of the HTTP API, then the body, if any.

    PUT kv/vault/core/master?flags=3 new value        the body as text
    PUT kv/vault/core/master base64:AAH/              the body as bytes
    PUT acl/policy {"Name": "x", "Rules": ""}         the body as JSON, which is text
    DELETE acl/policy/{acl/policy/name/x:ID}          in path or body: a field of the object at a path
    DELETE query/{query[nearest-vault]:ID}            the same, of the object with that name in a list

The path is everything up to the first blank; a blank inside it is written %20.
"""

from __future__ import annotations

import base64
import re

from harness.workloads.consul.server import Server

_LOOKUP = re.compile(r"\{([a-z][\w/.-]*)(?:\[([^\]]+)\])?:(\w+)\}")
_BYTES = "base64:"


def execute(server: Server, statement: str) -> None:
    """Send it. ToolFailed if the server refuses it, or did nothing."""
    verb, _, rest = _LOOKUP.sub(lambda found: server.look_up(found[1], found[2], found[3]), statement).partition(" ")
    path, _, text = rest.partition(" ")
    body = base64.b64decode(text.removeprefix(_BYTES)) if text.startswith(_BYTES) else text.encode()
    server.send(verb, path, body)
