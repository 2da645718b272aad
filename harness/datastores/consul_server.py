"""The HTTP API of one Consul server, through py-consul."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import consul  # type: ignore[import-untyped] # py-consul ships no types
from consul.callback import CB  # type: ignore[import-untyped] # py-consul ships no types
from requests import RequestException

from harness.errors import ToolFailed

READ_S = 30.0
"""How long one request may take, a read of the whole ledger among them."""

LEDGER = "drillproof/ledger/"

LINEAGE = "drillproof/lineage"
"""Written at the first deployment only; where it is, the data descends from that deployment."""

OPERATIONS_EACH = 64
BYTES_EACH = 500_000
"""Consul takes at most 128 operations and 512 KiB of JSON in one transaction; this leaves room for its frame."""


@dataclass(frozen=True)
class Self:
    """What a server says of itself."""

    node: str
    node_id: str
    address: str
    datacenter: str
    role: str
    commit_index: int
    applied_index: int
    heard_from_leader: bool


class Server:
    """The HTTP API of one server. Every read is answered from its own copy of the state."""

    def __init__(self, member: str, address: tuple[str, int], token: str, *, within_s: float = READ_S) -> None:
        self._member = member
        self.client = consul.Consul(*address, connections_timeout=within_s)
        self.client.token = token  # py-consul prefers CONSUL_HTTP_TOKEN from the environment to its argument
        session = self.client.http.session
        session.trust_env = False  # a proxy from the environment has no business with a forwarded port
        session.headers["X-Consul-Token"] = token  # py-consul forgets it on several calls, transactions among them
        # Without this a follower asks the leader, and its own lost or altered data would never be seen.
        session.params = {"stale": ""}

    @contextlib.contextmanager
    def asked(self, what: str) -> Iterator[None]:
        """Turn whatever py-consul raises into ToolFailed."""
        try:
            yield
        except (consul.ConsulException, RequestException) as error:
            raise ToolFailed((self._member, what), 1, str(error)) from error

    def about_itself(self) -> Self:
        """Never forwarded. ToolFailed if another server answers under this one's address."""
        with self.asked("agent self"):
            said = self.client.agent.self()
        config, raft = said["Config"], said["Stats"]["raft"]
        if config["NodeName"] != self._member:
            raise ToolFailed((self._member, "agent self"), 1, f"{config['NodeName']} answered in its place")
        return Self(
            node=config["NodeName"],
            node_id=config["NodeID"],
            address=said["Member"]["Addr"],
            datacenter=config["Datacenter"],
            role=raft["state"].lower(),
            commit_index=int(raft["commit_index"]),
            applied_index=int(raft["applied_index"]),
            heard_from_leader=raft["last_contact"] != "never",
        )

    def about_its_data(self) -> Self:
        """As `about_itself`, but ToolFailed if the server would forward even a stale read.

        It does so until it has heard from a leader for the first time since it started.
        """
        own = self.about_itself()
        if own.role != "leader" and not own.heard_from_leader:
            raise ToolFailed((self._member, "read"), 1, "has not heard from a leader since it started")
        return own

    def is_open(self) -> bool:
        """Whether this server holds data of its own, and not the nothing that comes before a restore."""
        with self.asked("lineage"):
            _, lineage = self.client.kv.get(LINEAGE)
        return lineage is not None

    def key_names(self) -> list[str]:
        """The names of all keys but the ledger's."""
        with self.asked("keys"):
            _, names = self.client.kv.get("", keys=True)
        return [name for name in names or () if not name.startswith(LEDGER)]

    def pairs(self, keys: Iterable[str]) -> Iterator[Mapping[str, object]]:
        """These keys with their flags and values, some at a time; ToolFailed if one has gone meanwhile."""
        for batch in batches({"KV": {"Verb": "get", "Key": key}} for key in keys):
            with self.asked("transaction"):
                answer = self.client.txn.put(batch)
            for one in answer["Results"]:
                yield one["KV"]

    def ledger(self) -> list[tuple[str, bytes]]:
        """The ledger's pairs, as of one moment."""
        with self.asked("ledger"):
            _, pairs = self.client.kv.get(LEDGER, recurse=True)
        return [(pair["Key"], pair["Value"]) for pair in pairs or ()]

    def submit(self, verb: str, path: str, body: object) -> None:
        """Send a definition as it stands in a file."""
        with self.asked(f"{verb} {path}"):
            send = getattr(self.client.http, verb)
            send(CB.json(allow_404=False), f"/v1/{path}", data=json.dumps(body))


def batches(operations: Iterable[dict[str, dict[str, object]]]) -> Iterator[list[dict[str, dict[str, object]]]]:
    """Operations in lists that Consul takes as one transaction each; no more than one list is held."""
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
