"""Consul: three servers with their keys, ACLs, config entries, intentions and prepared queries."""

import base64
import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from harness.core import bank_workload, parallel, resources, timeouts
from harness.core.errors import HarnessError, TimedOut, ToolFailed
from harness.core.model import Health, Reading, Row
from harness.core.ports import ClusterAccess, Dataset, Writer
from harness.core.reason import Reason
from harness.core.wait import NotYet, until
from harness.workloads.consul.digest import digest
from harness.workloads.consul.reference_digest import reference_digest
from harness.workloads.consul.server import ACCOUNTS, LEDGER, READ_S, AgentInfo, Server, batches
from harness.workloads.consul.writer import WRITE_S, ConsulWriter, account_of, row_of
from harness.workloads.external import PASSWORD, no_data
from harness.workloads.external import Server as Described
from harness.workloads.health import Problem, health_of

LAG_S = 2.0
"""Seconds that a healthy server may be behind the leader; on one machine it is milliseconds."""

MEMBERS: tuple[str, ...] = ("consul-0", "consul-1", "consul-2")
"""The pods of the built-in deployment."""


class Consul:
    """Implements `harness.core.ports.Datastore`. Its manifests are in fixtures/consul."""

    name = "consul"
    members = MEMBERS
    secret_keys: ClassVar[tuple[str, ...]] = ("management-token", "gossip-key")
    port = 8500
    server_class = Server
    secret_kinds: ClassVar[Mapping[str, str]] = {"management-token": "uuid", "gossip-key": "gossip"}

    def __init__(self, cluster: ClusterAccess, namespace: str, secret: Mapping[str, str]) -> None:
        """`secret` is the content of the Secret `consul-credentials`."""
        self._cluster = cluster
        self._namespace = namespace
        self._token = secret["management-token"]

    @contextlib.contextmanager
    def _server(self, member: str, within_s: float = READ_S, consistency: str = "stale") -> Iterator[Server]:
        with (
            self._cluster.forward(self._namespace, member, self.port) as address,
            contextlib.closing(
                self.server_class(member, address, self._token, within_s=within_s, consistency=consistency)
            ) as server,
        ):
            yield server

    @contextlib.contextmanager
    def _itself(self, member: str) -> Iterator[Server]:
        """The server itself: ToolFailed if another one answers, or if it would forward reads to another one."""
        with self._server(member) as server:
            own = server.own_agent_info()
            if own.node != member:
                raise ToolFailed((member, "agent self"), 1, f"{own.node} answered in its place")
            yield server

    def seed(self, dataset: Dataset) -> None:
        """Create the definitions, then the keys in transactions; return when every server has applied everything."""
        folder = resources.fixtures() / "consul"
        definitions = (
            ("put", "acl/policy", "acl/policies.json"),
            ("put", "acl/role", "acl/roles.json"),
            ("put", "acl/token", "acl/tokens.json"),
            ("put", "config", "config-entries.json"),
            ("post", "query", "prepared-queries.json"),
            ("put", "catalog/register", "external-nodes.json"),
        )
        with self._server(self.members[0]) as server:
            for verb, path, file in definitions:
                for body in json.loads((folder / file).read_text(encoding="utf-8")):
                    server.submit(verb, path, body)
            for rows in (_accounts(), *(dataset.rows(self.name, table) for table in dataset.tables(self.name))):
                for batch in batches(map(_set, rows)):
                    server.submit("put", "txn", batch)
        self._wait_until_applied()

    def forget_writes(self) -> None:
        """Empty the ledger and reset its accounts; return when every server has applied that."""
        with self._server(self.members[0]) as server:
            server.send("delete", f"kv/{LEDGER}?recurse=true", b"")
            for batch in batches(map(_set, _accounts())):
                server.submit("put", "txn", batch)
        self._wait_until_applied()

    def _wait_until_applied(self) -> None:
        with contextlib.ExitStack() as stack:
            servers = [stack.enter_context(self._server(member)) for member in self.members]
            target = max(server.agent_info().commit_index for server in servers)
            until(
                lambda: _applied(servers, target),
                waited_for="every Consul server to apply all writes",
                within_s=timeouts.READ_S,
            )

    def health(self, member: str) -> Health:
        """Check that this server is a voter, has applied what the leader has, and is open to clients.

        ToolFailed if it does not answer.
        """
        with self._server(member) as server:
            own = server.agent_info()
            try:
                problems, summary = _quorum(server, own, self.members)
            except ToolFailed as error:  # without a leader it still reports its own identity
                problems, summary = (Problem(True, Reason.NotAnswering, str(error)),), ""
        return health_of(problems, good=summary, role=own.role, identity=own.node_id)

    def digest(self, member: str) -> Reading:
        """Everything that this server itself holds, except what `consul.digest` excludes."""
        with self._server(member) as server:
            own = server.own_agent_info()
            return Reading(own.node, digest(server, own, self.members))

    def writer(self) -> Writer:
        """Write to the first server, which forwards to the leader. Refused while it waits for a restore."""
        return ConsulWriter(self._server(self.members[0], WRITE_S, consistency="consistent"))

    def ledger(self, member: str) -> Iterator[Row]:
        """The keys under `drillproof/ledger/` on this server, in key order."""
        with self._itself(member) as server:
            yield from map(row_of, server.pairs(LEDGER))

    def balances(self, member: str) -> Mapping[str, int]:
        """The accounts under `drillproof/accounts/` on this server. Corrupt if one is not a number."""
        with self._itself(member) as server:
            return dict(map(account_of, server.pairs(ACCOUNTS)))

    def execute(self, member: str, statement: str) -> None:
        """Send one statement to the API of one server; see `Server.execute` for its format."""
        with self._server(member) as server:
            server.execute(statement)

    def reference_digest(self, member: str) -> dict[str, str]:
        """The keys on this server, hashed in another way, by the digest's names of parts."""
        with self._itself(member), self._cluster.forward(self._namespace, member, self.port) as address:
            return reference_digest(address, self._token)

    def mend(self) -> None:
        """Write `peers.json` on every server, with which the servers form a quorum."""
        where = ("--namespace", self._namespace)
        parallel.for_each(
            self.members,
            lambda member: self._cluster.kubectl("exec", *where, member, "--", "/bin/sh", "/scripts/peers.sh"),
        )

    def recover(self) -> None:
        """Restore the snapshot into the new quorum, and return when all three servers serve it.

        A strategy without `consul-backup` has copied the servers' own volumes, which need no further step.
        """
        kind = ("get", "statefulset", "consul-backup", "--ignore-not-found", "--output=name")
        if not self._cluster.kubectl(*kind, "--namespace", self._namespace).strip():
            return
        pod = ("--namespace", self._namespace, "consul-backup-0")
        until(
            lambda: self._cluster.kubectl("exec", *pod, "--", "true"),
            waited_for="consul-backup-0 to run",
            within_s=timeouts.HEALTHY_S,
        )
        self._cluster.kubectl("exec", *pod, "--", "/bin/sh", "/scripts/recover.sh", within_s=timeouts.RECOVER_S)


class _Open(Server):
    """A server that is always open: only the built-in deployment is closed to clients until a restore."""

    def is_open(self) -> bool:
        return True


class ExternalConsul(Consul):
    """Consul run by a user's own manifests: one server, or several voters.

    drillproof adds only the ledger and its accounts, below `drillproof/`.
    """

    server_class = _Open

    def __init__(self, cluster: ClusterAccess, namespace: str, server: Described, secret: Mapping[str, str]) -> None:
        """`secret` has the management token, if there are ACLs."""
        self.name, self.members, self.port = server.name, server.members, server.port
        super().__init__(cluster, namespace, {"management-token": secret.get(PASSWORD, "")})
        self._described = server

    def seed(self, dataset: Dataset) -> None:  # noqa: ARG002 # the application has its own data
        """Add the accounts. HarnessError if the application has no keys."""
        with self._server(self.members[0]) as server:
            if next(server.pairs(), None) is None:
                raise HarnessError(no_data(f"{self.name} has no keys"))
        self.forget_writes()

    def recover(self) -> None:
        self._described.run_recover_command(self._cluster, self._namespace)


def _accounts() -> Iterator[tuple[object, ...]]:
    for name, balance in bank_workload.opening_balances().items():
        yield ACCOUNTS + name, str(balance).encode(), 0


def _set(row: tuple[object, ...]) -> dict[str, dict[str, object]]:
    key, value, flags = row
    assert isinstance(value, bytes)
    return {"KV": {"Verb": "set", "Key": key, "Value": base64.b64encode(value).decode(), "Flags": flags}}


def _applied(servers: Sequence[Server], target: int) -> None:
    applied = [server.agent_info().applied_index for server in servers]
    if min(applied) < target:
        raise NotYet(f"applied {applied} of {target}")


def _quorum(server: Server, own: AgentInfo, members: tuple[str, ...]) -> tuple[tuple[Problem, ...], str]:
    """Possible problems of the quorum as this server sees it, and a summary if there are none."""
    with server.asked("quorum"):
        client = server.client
        peers = client.operator.raft_config()["Servers"]
        pilot = client.operator.autopilot_health()
        _, node = client.catalog.node(own.node)
        _, checks = client.health.node(own.node)
    voters = sorted(peer["Node"] for peer in peers if peer["Voter"])
    others = sorted(peer["Node"] for peer in peers if not peer["Voter"])
    leaders = [peer["Node"] for peer in peers if peer["Leader"]]
    entry = node["Node"] if node else {}
    registered = f"{entry.get('ID')} at {entry.get('Address')}"
    failing = {check["CheckID"]: check["Status"] for check in checks if check["Status"] != "passing"}
    said = ", ".join(f"{check} is {status}" for check, status in failing.items())
    wrong_voters = tuple(sorted({*voters} ^ {*members}))
    found = [
        Problem(own.node != server.member, Reason.AnsweredByAnother, f"{own.node} answered in its place", (own.node,)),
        Problem(
            voters != sorted(members),
            Reason.VotersDiffer,
            f"the voters are {', '.join(voters) or 'none'}",
            wrong_voters,
        ),
        Problem(bool(others), Reason.ServerNotVoting, f"not voting: {', '.join(others)}", tuple(others)),
        Problem(
            len(leaders) != 1, Reason.LeaderMissing, f"the leaders are {', '.join(leaders) or 'none'}", tuple(leaders)
        ),
        Problem((own.role == "leader") != (leaders == [own.node]), Reason.RoleDiffers, f"its role is {own.role}"),
        Problem(not pilot["Healthy"], Reason.AutopilotUnhealthy, "autopilot reports the servers as unhealthy"),
        Problem(
            registered != f"{own.node_id} at {own.address}",
            Reason.CatalogOutdated,
            f"the catalog has it as {registered}",
        ),
        # The leader registers a returning server; what only the server itself knows follows at its next sync.
        Problem((entry.get("Meta") or {}) != own.meta, Reason.CatalogOutdated, "the catalog lacks its metadata"),
        Problem(
            bool(failing), Reason.CheckFailing, f"of its checks {said}", tuple(f"check {name}" for name in failing)
        ),
        Problem(not server.is_open(), Reason.WaitsForRestore, "closed to clients until a restore"),
    ]
    leader_index = max((peer["LastIndex"] for peer in pilot["Servers"] if peer["Leader"]), default=0)
    target = max(own.commit_index, leader_index)
    try:
        # Clients may be writing, so it must reach the target, not be level at one instant.
        until(lambda: _applied((server,), target), waited_for="it to apply what the leader has", within_s=LAG_S)
    except TimedOut as late:
        found.append(Problem(True, Reason.ReplicationLagging, str(late)))
    return tuple(found), f"{own.role}; voters {', '.join(voters)}; applied {target}"
