"""Digests a Consul server from its own copy of the state: everything that a client can store.

The member itself answers every read, so a healthy leader hides nothing. Each part is a sum over its rows, so their
order does not matter. Each row's SHA-256 covers the whole row in an unambiguous form, so swapped values and shifted
boundaries are detected. Rows are also counted, so duplicate, lost and extra rows are detected.
"""

import contextlib
import hashlib
import json
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import orjson

from harness.core.errors import ToolFailed
from harness.core.model import OWN, Digest, Part
from harness.core.parallel import for_each
from harness.core.wait import until
from harness.workloads.consul.server import ACCOUNTS, LEDGER, AgentInfo, Server

_FILE = tomllib.loads(Path(__file__).with_name("catalogs.toml").read_text("utf-8"))
KINDS: Sequence[str] = tuple(_FILE["kinds"])
UNREAD: Mapping[str, str] = {
    LEDGER: "the drill's own writes; the ledger's checks compare them",
    ACCOUNTS: "changed by these writes; the check of the balances compares it",
    "the CA's private keys": "no call returns them; a root is identified by its certificate",
    **_FILE["unread"],
}
"""What is in no part, and why: keys, endpoints of the API, and kinds of config entries. `health` checks Raft's peers.
Consul hides the secrets among the settings."""
EXCLUDED: Mapping[str, str] = _FILE["excluded"]
"""The fields of rows that are not compared, as `rows: field`, and why. Those of our servers are compared of others."""

GOSSIP_S = 30.0
"""Time limit for an answer, which takes a fraction of a second, but can get lost."""

_NO_GOSSIP_KEYS = "encryption not enabled"
"""The message of a server without gossip keys."""

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def digest(server: Server, own: AgentInfo, servers: Sequence[str]) -> Digest:
    """Every part that this server holds. `servers` are the nodes that are servers of this cluster.

    The keys are read in parallel with the rest, which takes many small requests and a round of gossip.
    """

    def rest() -> Digest:
        acls = own.settings.get("ACLsEnabled") is not False  # a setting, which is compared, disables them
        rows = _definitions(server, acls=acls) | _catalog(server, servers)
        rows |= {f"{OWN}settings": _settings(server, own, acls=acls)}
        return {name: digest_of(map(canonical, part)) for name, part in rows.items()}

    def keys() -> Digest:
        with contextlib.closing(server.another()) as connection:
            return digest_of_keys(connection)

    first, second = for_each((rest, keys), lambda read: read())
    return {**first, **second}


def digest_of_keys(server: Server) -> Digest:
    """The parts of the keys, read once, in a stream."""
    sums: defaultdict[str, Sum] = defaultdict(Sum)
    for pair in server.pairs():
        key = str(pair["Key"])
        if not key.startswith((LEDGER, ACCOUNTS)):
            # The JSON of a list: `canonical`, which sorts names, would take three times as long.
            sums[f"kv {group_of(key)}"].add(orjson.dumps((key, pair["Flags"], pair["Value"])))
    return {name: total.part() for name, total in sums.items()}


def _acls(server: Server) -> dict[str, Iterable[object]]:
    """All ACL objects. The list of policies lacks their rules, so each is read."""
    with server.asked("ACLs"):
        acl = server.client.acl
        return {
            "acl policies": [acl.policy.read(policy["ID"]) for policy in acl.policy.list()],
            "acl roles": acl.role.list(),
            "acl tokens": acl.token.list(),
            "acl auth methods": [acl.auth_method.read(method["Name"]) for method in acl.auth_method.list()],
            "acl binding rules": acl.binding_rule.list(),
        }


def _definitions(server: Server, *, acls: bool) -> dict[str, Iterable[object]]:
    """Everything that is neither a key nor in the catalog; ACLs if they are enabled."""
    with server.asked("definitions"):
        client = server.client
        roots = client.connect.ca.roots()
        parts: dict[str, Iterable[object]] = {
            "datacenters": sorted(client.catalog.datacenters()),
            **(_acls(server) if acls else {}),
            "prepared queries": client.query.list(),
            "connect ca": [*roots.pop("Roots"), roots],
            "connect ca settings": [client.connect.ca.configuration()],
            "peerings": [_without(peering, "peerings") for peering in server.peerings()],
            "autopilot": [client.operator.autopilot_configuration()],
            "gossip keys": _gossip_keys(server),
        }
        return parts | {f"config {kind}": client.config.list(kind) for kind in KINDS}


def _gossip_keys(server: Server) -> Iterable[object]:
    """The keys of each gossip pool, without the number of servers that have them, which lags in the WAN pool."""

    def ask() -> Iterable[object]:
        try:
            with server.asked("gossip keys"):
                pools = server.client.operator.keyring_list()
        except ToolFailed as error:
            if _NO_GOSSIP_KEYS in error.tail:
                return ()
            raise
        return [(pool["WAN"], pool["Segment"], sorted(pool["Keys"]), sorted(pool["PrimaryKeys"])) for pool in pools]

    # An answer of a server can get lost in gossip, which is an error.
    return until(ask, waited_for="all servers to report their gossip keys", within_s=GOSSIP_S)


def _catalog(server: Server, servers: Sequence[str]) -> dict[str, Iterable[object]]:
    parts: dict[str, Iterable[object]] = {}
    with server.asked("catalog"):
        catalog, health = server.client.catalog, server.client.health
        for name in [node["Node"] for node in catalog.nodes()[1]]:
            (_, entry), (_, checks) = catalog.node(name), health.node(name)
            node = entry["Node"]
            if name in servers:
                node = _without(node, "our servers")
                checks = [_without(check, "their checks") for check in checks]
            parts[f"catalog node {name}"] = [node, *entry["Services"].values(), *checks]
    return parts


def _settings(server: Server, own: AgentInfo, *, acls: bool) -> Iterable[object]:
    if acls:
        yield "without a token", server.without_token()
    yield from _without(own.settings, "own settings").items()


def group_of(key: str) -> str:
    """The part of a key: its first two folders, or fewer if it has fewer."""
    return "/".join(key.split("/", 2)[:-1]) or "/"


def canonical(row: object) -> bytes:
    """A row without excluded fields, as canonical JSON."""
    if isinstance(row, Mapping):
        row = _without(row, "every row")
    return _encode(row).encode()


def _without(row: Mapping[str, object], kind: str) -> Mapping[str, object]:
    return {name: value for name, value in row.items() if f"{kind}: {name}" not in EXCLUDED}


class Sum:
    """The row count, and the sum of the rows' SHA-256 modulo 2^256."""

    def __init__(self) -> None:
        self._rows = self._total = 0

    def add(self, row: bytes) -> None:
        self._rows += 1
        self._total += int.from_bytes(hashlib.sha256(row).digest())

    def part(self) -> Part:
        return Part(self._rows, f"{self._total % 2**256:064x}")


def digest_of(rows: Iterable[bytes]) -> Part:
    total = Sum()
    for row in rows:
        total.add(row)
    return total.part()
