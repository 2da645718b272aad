"""Consul: three servers with their keys, ACLs, config entries, intentions and prepared queries."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar

from consul import exceptions  # type: ignore[import-untyped] # py-consul ships no types
from requests import RequestException

from harness import data, deadlines
from harness.datastores.consul_server import LEDGER, READ_S, Self, Server, batches
from harness.errors import TimedOut
from harness.model import Digest, Health, Operation, Part, Row
from harness.ports import Cluster, Dataset, Refused, Unanswered, Writer
from harness.wait import NotYet, until

PORT = 8500
WRITE_S = 5.0
"""A write without an answer by then is of unknown outcome."""

LAG_S = 2.0
"""How far a healthy server may be behind the leader; on one machine it is milliseconds."""

KINDS = (
    "api-gateway",
    "bound-api-gateway",
    "exported-services",
    "file-system-certificate",
    "http-route",
    "ingress-gateway",
    "inline-certificate",
    "jwt-provider",
    "mesh",
    "proxy-defaults",
    "sameness-group",
    "service-defaults",
    "service-intentions",
    "service-resolver",
    "service-router",
    "service-splitter",
    "tcp-route",
    "terminating-gateway",
)
"""Every kind of config entry that Consul 1.22 knows; it has no call that lists them all."""

EXCLUDED = (
    ("CreateIndex", "where in the Raft log it was written, not what it says"),
    ("ModifyIndex", "the same"),
    ("LockIndex", "the same: how often the key was locked"),
    ("Session", "who holds a lock; sessions end with the node that opened them"),
    ("Hash", "Consul's own, computed from what is digested here anyway"),
    (LEDGER, "the drill's own writes; the ledger's checks judge them"),
    ("node id, address, health", "what a server is now, not data; `health` judges them"),
    ("instances of services", "agents register them anew; the names of nodes and services are digested"),
    ("peerings", "live connections to other clusters, which a drill's fence does not let exist"),
)
"""What the digest leaves out, and why. Everything else that a client can store is in some part."""


class Consul:
    """The three Consul servers of the deployment; see fixtures/consul for how they are run."""

    name = "consul"
    members = ("consul-0", "consul-1", "consul-2")
    secret_keys: ClassVar[tuple[str, ...]] = ("management-token", "gossip-key")
    secret_kinds: ClassVar[Mapping[str, str]] = {"management-token": "uuid", "gossip-key": "gossip"}

    def __init__(self, cluster: Cluster, namespace: str, secret: Mapping[str, str]) -> None:
        """`secret` is the content of the Secret `consul-credentials`."""
        self._cluster = cluster
        self._namespace = namespace
        self._token = secret["management-token"]

    @contextlib.contextmanager
    def _server(self, member: str, within_s: float = READ_S) -> Iterator[Server]:
        with self._cluster.forward(self._namespace, member, PORT) as address:
            yield Server(member, address, self._token, within_s=within_s)

    def seed(self, dataset: Dataset) -> None:
        """Definitions first, then the keys by transactions; return when every server has applied it all."""
        folder = data.fixtures() / "consul"
        definitions = (
            ("put", "acl/policy", "acl/policies.json"),
            ("put", "acl/role", "acl/roles.json"),
            ("put", "acl/token", "acl/tokens.json"),
            ("put", "config", "config-entries.json"),
            ("post", "query", "prepared-queries.json"),
        )
        with self._server(self.members[0]) as server:
            for verb, path, file in definitions:
                for body in json.loads((folder / file).read_text(encoding="utf-8")):
                    server.submit(verb, path, body)
            for table in dataset.tables(self.name):
                for batch in batches(_set(row) for row in dataset.rows(self.name, table)):
                    server.submit("put", "txn", batch)
        self._wait_until_applied()

    def _wait_until_applied(self) -> None:
        with contextlib.ExitStack() as stack:
            servers = [stack.enter_context(self._server(member)) for member in self.members]
            target = max(server.about_itself().commit_index for server in servers)
            until(
                lambda: _applied(servers, target),
                waited_for="every Consul server to apply what was seeded",
                within_s=deadlines.READ_S,
            )

    def health(self, member: str) -> Health:
        """Whether this server is one of exactly three voters, has applied what the leader has, and is open.

        ToolFailed if it does not answer, or knows of no leader.
        """
        with self._server(member) as server:
            own = server.about_itself()
            problems, summary = _quorum(server, own, self.members)
        detail = "; ".join(problems) or summary
        return Health(ok=not problems, detail=detail, role=own.role, identity=own.node_id)

    def digest(self, member: str) -> Digest:
        """What this one server holds: keys with flags and values, ACLs with secrets, config entries, queries.

        It can't be fooled by a healthy leader, since every read is answered by the member itself, which is
        made sure of; by order, since each part is a sum over its rows; by a swap between rows or a shifted
        boundary, since the SHA-256 is taken over a whole row in an unambiguous form; nor by a duplicate, a
        lost or an extra row, since sums of 256 bits are not undone by chance, and rows are counted as well.
        """
        with self._server(member) as server:
            own = server.about_its_data()
            rows = _definitions(server) | {"datacenter": [own.datacenter]}
            parts = {name: digest_of(canonical(row) for row in part) for name, part in rows.items()}
            groups: dict[str, list[str]] = {}
            for key in server.key_names():
                groups.setdefault(group_of(key), []).append(key)
            for group, keys in groups.items():
                parts[f"kv {group}"] = digest_of(canonical(pair) for pair in server.pairs(keys))
        return parts

    def writer(self) -> Writer:
        """Write to the first server, which passes it on to the leader.

        Refused while it waits for a restore: clients come by the Service `consul-http`, which leads to no such server.
        """
        forward = contextlib.ExitStack()
        with forward:
            server = forward.enter_context(self._server(self.members[0], WRITE_S))
            if not server.is_open():
                raise Refused("closed: the cluster waits for a restore")
            return _Writer(server, forward.pop_all())

    def ledger(self, member: str) -> Iterator[Row]:
        """The rows under `drillproof/ledger/` as this server holds them, in key order."""
        with self._server(member) as server:
            server.about_its_data()
            pairs = server.ledger()
        for key, value in pairs:
            row = json.loads(value)
            yield Row(int(row["n"]), key.removeprefix(LEDGER), str(row["value"]))

    def recover(self) -> None:
        """Restore the snapshot into the new quorum; returns when all three servers serve it."""
        pod = ("--namespace", self._namespace, "consul-backup-0")
        until(
            lambda: self._cluster.kubectl("exec", *pod, "--", "true"),
            waited_for="consul-backup-0 to run",
            within_s=deadlines.HEALTHY_S,
        )
        self._cluster.kubectl("exec", *pod, "--", "/bin/sh", "/scripts/recover.sh", within_s=deadlines.RECOVER_S)


class _Writer:
    def __init__(self, server: Server, forward: contextlib.ExitStack) -> None:
        self._kv = server.client.kv
        self._forward = forward

    def apply(self, operation: Operation) -> None:
        key = LEDGER + operation.key
        try:
            if operation.verb == "delete":
                done = self._kv.delete(key)
            else:
                done = self._kv.put(key, json.dumps({"n": operation.n, "value": operation.value}))
        except (exceptions.ClientError, exceptions.BadRequest, exceptions.ACLPermissionDenied) as error:
            raise Refused(str(error)) from error
        except (exceptions.ConsulException, RequestException) as error:
            # Also any 5xx: "leadership lost while committing" may well have been committed.
            raise Unanswered(str(error)) from error
        if done is not True:
            raise Refused(f"Consul answered {done!r}")

    def close(self) -> None:
        self._forward.close()


def _set(row: tuple[object, ...]) -> dict[str, dict[str, object]]:
    key, value, flags = row
    assert isinstance(value, bytes)
    return {"KV": {"Verb": "set", "Key": key, "Value": base64.b64encode(value).decode(), "Flags": flags}}


def _applied(servers: Sequence[Server], target: int) -> None:
    applied = [server.about_itself().applied_index for server in servers]
    if min(applied) < target:
        raise NotYet(f"applied {applied} of {target}")


def _quorum(server: Server, own: Self, members: tuple[str, ...]) -> tuple[list[str], str]:
    """What is wrong with the quorum as this server sees it, and a summary for when nothing is."""
    with server.asked("quorum"):
        client = server.client
        peers = client.operator.raft_config()["Servers"]
        pilot = client.operator.autopilot_health()
        _, node = client.catalog.node(own.node)
    voters = sorted(peer["Node"] for peer in peers if peer["Voter"])
    leaders = [peer["Node"] for peer in peers if peer["Leader"]]
    entry = node["Node"] if node else {}
    registered = f"{entry.get('ID')} at {entry.get('Address')}"
    problems = {
        f"the voters are {', '.join(voters) or 'none'}": voters != sorted(members) or len(peers) != len(members),
        f"the leaders are {', '.join(leaders) or 'none'}": len(leaders) != 1,
        f"its role is {own.role}": (own.role == "leader") != (leaders == [own.node]),
        "autopilot does not call the servers healthy": not pilot["Healthy"],
        f"the catalog has it as {registered}": registered != f"{own.node_id} at {own.address}",
        "closed to clients: it waits for a restore": not server.is_open(),
    }
    found = [what for what, is_wrong in problems.items() if is_wrong]
    leader_index = max((peer["LastIndex"] for peer in pilot["Servers"] if peer["Leader"]), default=0)
    target = max(own.commit_index, leader_index)
    try:
        # Clients may be writing, so it is asked where it got to, and not whether it is level at this instant.
        until(lambda: _applied((server,), target), waited_for="it to apply what the leader has", within_s=LAG_S)
    except TimedOut as late:
        found.append(str(late))
    return found, f"{own.role}; voters {', '.join(voters)}; applied {target}"


def _definitions(server: Server) -> dict[str, Iterable[object]]:
    """Everything that is no key, by part. The lists leave out a policy's rules, so those are read one by one."""
    with server.asked("definitions"):
        client, acl = server.client, server.client.acl
        _, nodes = client.catalog.nodes()
        _, services = client.catalog.services()
        parts: dict[str, Iterable[object]] = {
            "acl policies": [acl.policy.read(policy["ID"]) for policy in acl.policy.list()],
            "acl roles": acl.role.list(),
            "acl tokens": acl.token.list(),
            "acl auth methods": [acl.auth_method.read(method["Name"]) for method in acl.auth_method.list()],
            "acl binding rules": acl.binding_rule.list(),
            "prepared queries": client.query.list(),
            "connect ca": client.connect.ca.roots()["Roots"],
            "catalog nodes": [node["Node"] for node in nodes],
            "catalog services": sorted(services),
        }
        return parts | {f"config {kind}": client.config.list(kind) for kind in KINDS}


def group_of(key: str) -> str:
    """The part that a key belongs to: its first two folders, or as many as it has."""
    folders = key.split("/")[:-1][:2]
    return "/".join(folders) or "/"


def canonical(row: object) -> bytes:
    """A row without what is excluded, as the one JSON text that it can be; the value of a key is in it, in base64."""
    if isinstance(row, Mapping):
        excluded = {name for name, _ in EXCLUDED}
        row = {name: value for name, value in row.items() if name not in excluded}
    return json.dumps(row, sort_keys=True, separators=(",", ":")).encode()


def digest_of(rows: Iterable[bytes]) -> Part:
    """The number of rows and the sum of their SHA-256, modulo 2 to the 256."""
    count = total = 0
    for row in rows:
        count += 1
        total += int.from_bytes(hashlib.sha256(row).digest())
    return Part(count, f"{total % 2**256:064x}")
