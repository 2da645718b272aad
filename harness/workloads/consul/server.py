"""The HTTP API of one Consul server, through py-consul."""

import base64
import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

import consul  # type: ignore[import-untyped] # py-consul ships no types
import orjson
from consul.callback import CB  # type: ignore[import-untyped] # py-consul ships no types
from requests import RequestException

from harness.core.errors import ToolFailed

READ_S = 30.0
"""Time limit in seconds for the next byte of an answer."""

LEDGER = "drillproof/ledger/"
ACCOUNTS = "drillproof/accounts/"

LINEAGE = "drillproof/lineage"
"""A key written at the first deployment only: with it, the data descend from that deployment."""

OPERATIONS_EACH = 64
BYTES_EACH = 500_000
"""Consul accepts at most 128 operations and 512 KiB of JSON in one transaction; this leaves room for the frame."""

_LOOKUP = re.compile(r"\{([a-z][\w/.-]*)(?:\[([^\]]+)\])?:(\w+)\}")
_BYTES = "base64:"
_CHUNK_BYTES = 1 << 18
_BETWEEN = b'},{"LockIndex":'
"""The text between two keys. It occurs in no string, where a quotation mark has a backslash or ends the string."""


@dataclass(frozen=True)
class AgentInfo:
    node: str
    node_id: str
    address: str
    role: str
    commit_index: int
    applied_index: int
    heard_from_leader: bool
    meta: Mapping[str, str]
    settings: Mapping[str, object]


class Server:
    """The HTTP API of one server. Every read is answered from its own copy of the state, unless asked otherwise."""

    def __init__(
        self, member: str, address: tuple[str, int], token: str, *, within_s: float = READ_S, consistency: str = "stale"
    ) -> None:
        """With `consistency` "consistent", the leader answers, once a quorum has confirmed that it is the leader."""
        self.member = member
        # A session is not thread-safe: each thread needs its own.
        self.another = partial(Server, member, address, token, within_s=within_s, consistency=consistency)
        self.client = consul.Consul(*address, connections_timeout=within_s)
        self.client.token = token  # py-consul prefers CONSUL_HTTP_TOKEN from the environment to its argument
        self._session = self.client.http.session
        self._session.trust_env = False  # without a proxy from the environment, for a forwarded port
        self._session.headers["X-Consul-Token"] = token  # py-consul omits it on several calls, including transactions
        self._session.headers["Accept-Encoding"] = "identity"  # compressing costs more than sending
        # Without `stale` a follower forwards reads to the leader, and its own lost or changed data would stay
        # undetected.
        self._session.params = {consistency: ""}

    @contextlib.contextmanager
    def asked(self, what: str) -> Iterator[None]:
        """Turn every error of py-consul into ToolFailed."""
        try:
            yield
        except (consul.ConsulException, RequestException, ValueError) as error:
            raise ToolFailed((self.member, what), 1, str(error)) from error

    def close(self) -> None:
        self._session.close()

    def agent_info(self) -> AgentInfo:
        """Never forwarded. The caller must compare `node` with the expected server."""
        with self.asked("agent self"):
            said = self.client.agent.self()
        config, raft = said["Config"], said["Stats"]["raft"]
        return AgentInfo(
            node=config["NodeName"],
            node_id=config["NodeID"],
            address=said["Member"]["Addr"],
            role=raft["state"].lower(),
            commit_index=int(raft["commit_index"]),
            applied_index=int(raft["applied_index"]),
            heard_from_leader=raft["last_contact"] != "never",
            meta=said["Meta"] or {},
            settings=said["DebugConfig"],
        )

    def own_agent_info(self) -> AgentInfo:
        """As `agent_info`, but ToolFailed if the server would forward even stale reads.

        A server does that until it first hears from a leader after its start.
        """
        own = self.agent_info()
        if own.role != "leader" and not own.heard_from_leader:
            raise ToolFailed((self.member, "read"), 1, "has not heard from a leader since it started")
        return own

    def is_open(self) -> bool:
        """Whether this server has the application's data, and is not an empty one that waits for a restore."""
        with self.asked("lineage"):
            _, lineage = self.client.kv.get(LINEAGE)
        return lineage is not None

    def pairs(self, prefix: str = "") -> Iterator[Mapping[str, object]]:
        """Every key below `prefix` with its value (in base64) and flags, from one snapshot, in a stream.

        ToolFailed if the answer is incomplete.
        """
        http = self.client.http
        url = http.uri(f"/v1/kv/{prefix}", [("recurse", "1")])
        with (
            self.asked(f"keys below {prefix!r}"),
            self._session.get(url, stream=True, timeout=http.connections_timeout) as answer,
        ):
            if answer.status_code == HTTPStatus.NOT_FOUND:  # no key at all
                return
            answer.raise_for_status()
            yield from elements(answer.iter_content(_CHUNK_BYTES))

    def peerings(self) -> list[Mapping[str, object]]:
        """The peered clusters; py-consul has no call for them."""
        with self.asked("peerings"):
            return list(self.client.http.get(CB.json(allow_404=False), "/v1/peerings"))

    def without_token(self) -> str:
        """The accessor of the token that the server uses for requests without one; normally "anonymous"."""
        with self.asked("acl/token/self"):
            try:
                said = self.client.http.get(CB.json(), "/v1/acl/token/self", headers={"X-Consul-Token": None})
            except consul.ACLPermissionDenied:
                return "anonymous"
        return str(said["AccessorID"])

    def submit(self, verb: str, path: str, body: object) -> None:
        with self.asked(f"{verb} {path}"):
            send = getattr(self.client.http, verb)
            send(CB.json(allow_404=False), f"/v1/{path}", data=json.dumps(body))

    def look_up(self, path: str, name: str | None, field: str) -> str:
        """One field of the object at `path`, or of the object with that name in the list at `path`."""
        with self.asked(path):
            found = self.client.http.get(CB.json(allow_404=False), f"/v1/{path}")
        if name is not None:
            found = next((one for one in found if one["Name"] == name), {})
        if field not in found:
            raise ToolFailed((self.member, path), 1, f"no {field} of {name or 'it'}")
        return str(found[field])

    def execute(self, statement: str) -> None:
        """Send an administrator's statement. ToolFailed if the server refuses it, or did nothing.

        It is on one line: a verb and a path of the HTTP API, then the body, if any.

            PUT kv/vault/core/master?flags=3 new value        the body as text
            PUT kv/vault/core/master base64:AAH/              the body as bytes
            PUT acl/policy {"Name": "x", "Rules": ""}         the body as JSON, which is text
            DELETE acl/policy/{acl/policy/name/x:ID}          in path or body: a field of the object at a path
            DELETE query/{query[nearest-vault]:ID}            the same, of the object with that name in a list

        The path is everything up to the first blank; a blank inside it is written %20.
        """
        verb, _, rest = _LOOKUP.sub(lambda found: self.look_up(found[1], found[2], found[3]), statement).partition(" ")
        path, _, text = rest.partition(" ")
        body = base64.b64decode(text.removeprefix(_BYTES)) if text.startswith(_BYTES) else text.encode()
        self.send(verb, path, body)

    def send(self, verb: str, path: str, body: bytes) -> None:
        """Send a raw request. ToolFailed if it is refused, or if the answer is `false`: nothing was done."""
        with self.asked(f"{verb} {path}"):
            url = f"{self.client.http.base_uri}/v1/{path}"
            answer = self._session.request(verb, url, data=body, timeout=self.client.http.connections_timeout)
        if not answer.ok or answer.text.strip() == "false":
            raise ToolFailed((self.member, verb, path), 1, f"{answer.status_code} {answer.text}")


def elements(chunks: Iterable[bytes]) -> Iterator[Mapping[str, object]]:
    """The objects of one JSON list as Consul writes it, without blanks; ValueError if it is incomplete.

    Only one chunk and the object at its end are in memory, if the objects begin as Consul's keys do.
    """
    rest = b""
    for chunk in chunks:
        rest += chunk
        end = rest.rfind(_BETWEEN)
        if end >= 0:
            yield from _list(rest[: end + 1] + b"]")
            rest = b"[" + rest[end + 2 :]
    yield from _list(rest)


def _list(text: bytes) -> list[Mapping[str, object]]:
    with contextlib.suppress(orjson.JSONDecodeError):
        if text.startswith(b"["):
            return list(orjson.loads(text))
    raise ValueError(f"the list is incomplete after {text[-80:]!r}")


def batches(operations: Iterable[dict[str, dict[str, object]]]) -> Iterator[list[dict[str, dict[str, object]]]]:
    """Operations in lists, each small enough for one transaction of Consul; only one list is in memory."""
    batch: list[dict[str, dict[str, object]]] = []
    size = 0
    for operation in operations:
        more = len(json.dumps(operation)) + len(", ")
        if batch and (len(batch) == OPERATIONS_EACH or size + more > BYTES_EACH):
            yield batch
            batch, size = [], 0
        batch.append(operation)
        size += more
    if batch:
        yield batch
