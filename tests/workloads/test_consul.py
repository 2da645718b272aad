"""How a Consul server is asked, and what its answers come to: a stand-in for the HTTP API, no server."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.consul_bench import measure
from harness.core.errors import TimedOut, ToolFailed
from harness.core.model import Digest, Part, Row
from harness.core.ports import Corrupt
from harness.core.reason import Reason
from harness.workloads.consul.adapter import Consul
from harness.workloads.consul.digest import KINDS as ALL_KINDS
from harness.workloads.consul.digest import UNREAD, canonical, digest_of, group_of
from harness.workloads.consul.server import BYTES_EACH, OPERATIONS_EACH, Server, batches, elements

PAIR = {"Key": "vault/core/a", "Flags": 1, "Value": "AA==", "CreateIndex": 7, "ModifyIndex": 9, "LockIndex": 0}
OTHER = {"Key": "vault/core/b", "Flags": 1, "Value": "AQ=="}


def part(*rows: object) -> Part:
    return digest_of(canonical(row) for row in rows)


def test_digest_does_not_depend_on_order_or_on_raft_indexes() -> None:
    assert part(PAIR, OTHER) == part(OTHER, PAIR | {"CreateIndex": 1, "ModifyIndex": 2})


@pytest.mark.parametrize(
    "rows",
    [
        (PAIR,),
        (PAIR, OTHER, OTHER),
        (PAIR, OTHER | {"Flags": 2}),
        (PAIR, OTHER | {"Value": "AA=="}),
        (PAIR, OTHER | {"Key": "vault/core/c"}),
        (PAIR | {"Value": "AQ=="}, OTHER | {"Value": "AA=="}),
    ],
    ids=["lost", "twice", "flag", "value", "key", "values exchanged"],
)
def test_digest_sees(rows: tuple[object, ...]) -> None:
    assert part(*rows) != part(PAIR, OTHER)


def test_equal_rows_do_not_cancel_out() -> None:
    assert part(PAIR, PAIR, OTHER, OTHER).hash not in {part().hash, part(PAIR, OTHER).hash}


def test_digest_of_a_nested_object_sees_its_inside() -> None:
    entry = {"Kind": "service-intentions", "Sources": [{"Name": "web", "Action": "allow"}]}
    assert part(entry) != part(entry | {"Sources": [{"Name": "web", "Action": "deny"}]})


@pytest.mark.parametrize(
    ("key", "group"),
    [
        ("vault/core/keyring", "vault/core"),
        ("vault/logical/a/b/c", "vault/logical"),
        ("vault/lone", "vault"),
        ("lone", "/"),
        ("drillproof/lineage", "drillproof"),
    ],
)
def test_every_key_belongs_to_a_group(key: str, group: str) -> None:
    assert group_of(key) == group


def operation(name: str, size: int) -> dict[str, dict[str, object]]:
    return {"KV": {"Verb": "set", "Key": name, "Value": "x" * size}}


def test_batches_keep_all_operations_in_order_within_both_limits() -> None:
    operations = [operation(f"k{n}", size) for n, size in enumerate([10] * 200 + [200_000] * 7 + [10] * 3)]
    made = list(batches(operations))
    assert [one for batch in made for one in batch] == operations
    assert max(len(batch) for batch in made) == OPERATIONS_EACH
    assert max(len(json.dumps(batch)) for batch in made) <= BYTES_EACH + len("[]")


def test_batches_pass_on_an_operation_that_is_too_large_alone() -> None:
    made = list(batches([operation("a", 1), operation("b", BYTES_EACH), operation("c", 1)]))
    assert [len(batch) for batch in made] == [1, 1, 1]


def test_no_operations_make_no_batch() -> None:
    assert list(batches([])) == []


Answer = tuple[int, object] | Callable[[bytes], tuple[int, object]]


class Api(TCPServer):
    """Answers every request with what is in `answers` by path, and keeps what was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str, str | None]] = []
        self.told: list[tuple[str, str, bytes]] = []

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        assert isinstance(self.server, Api)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        self.server.asked.append((path, query, self.headers.get("X-Consul-Token")))
        self.server.told.append((self.command, path, body))
        said = self.server.answers.get(path, (404, None))
        code, answer = said(body) if callable(said) else said
        self.send_response(code)
        self.send_header("X-Consul-Index", "1")
        self.end_headers()
        self.wfile.write(json.dumps(answer, separators=(",", ":")).encode())

    do_GET = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 # the names that http.server looks for

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setattr("harness.workloads.consul.digest.KINDS", ("mesh",))  # one request instead of eighteen
    with Api() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class OnePod:
    """A cluster with nothing in it but the stand-in."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def forward(self, namespace: str, pod: str, port: int) -> contextlib.AbstractContextManager[tuple[str, int]]:
        return contextlib.nullcontext(self._api.address)


def store(api: Api) -> Consul:
    return Consul(OnePod(api), "custos", {"management-token": "secret"})  # type: ignore[arg-type] # all that is used


META = {"consul-version": "1.22.0"}


def itself(node: str = "consul-1", last_contact: str = "8ms", **settings: object) -> dict[str, object]:
    raft = {"state": "Follower", "commit_index": "5", "applied_index": "5", "last_contact": last_contact}
    config = {"NodeName": node, "NodeID": "id", "Datacenter": "custos"}
    member, stats = {"Addr": "10.0.0.1"}, {"raft": raft}
    return {"Config": config, "DebugConfig": settings, "Member": member, "Stats": stats, "Meta": META}


def test_every_read_is_stale_and_carries_the_token(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", "a stranger's")
    api.answers |= {"/v1/kv/": (200, [PAIR]), "/v1/peerings": (200, []), "/v1/acl/roles": (200, [])}
    with contextlib.closing(Server("consul-1", api.address, "secret")) as server:
        assert list(server.pairs()) == [PAIR]
        assert server.peerings() == []
        server.client.acl.role.list()
    assert len(api.asked) == 3
    assert {("stale" in query, token) for _, query, token in api.asked} == {(True, "secret")}


def test_no_key_at_all_is_no_error(api: Api) -> None:
    with contextlib.closing(Server("consul-1", api.address, "")) as server:
        assert list(server.pairs("nothing/")) == []


def test_keys_that_cannot_be_read_are_an_error(api: Api) -> None:
    api.answers["/v1/kv/"] = (500, "no cluster leader")
    with contextlib.closing(Server("consul-1", api.address, "")) as server, pytest.raises(ToolFailed, match="500"):
        list(server.pairs())


VALUES = st.text(alphabet=st.characters(codec="utf-8"), max_size=12) | st.lists(
    st.sampled_from(("}", ",", "{", '"', "\\", "LockIndex", '":', "[", "]")), max_size=12
).map("".join)
KEYS = st.fixed_dictionaries({"LockIndex": st.integers(0, 2**64 - 1), "Key": VALUES, "Value": VALUES})


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(KEYS, max_size=6), st.integers(1, 50))
def test_objects_are_read_as_they_come_however_they_are_cut(objects: list[dict[str, object]], size: int) -> None:
    text = json.dumps(objects, separators=(",", ":"), ensure_ascii=False).encode()
    assert list(elements(text[at : at + size] for at in range(0, len(text), size))) == objects


def test_no_more_keys_are_held_than_came_at_once() -> None:
    cut = [b'[{"LockIndex":1},{"LockIndex":2},{"LockIn', b'dex":3},{"LockIndex":4}]']
    left = iter(cut)
    read = elements(left)
    assert next(read) == {"LockIndex": 1}
    assert next(left) == cut[1]


@pytest.mark.parametrize(
    "text", ["", "[", "{}", "null", '[{"Key":"a"}', '[{"Key":"a"},{"Key":', "nonsense", '[{"Key":"a"}]]']
)
def test_a_list_that_breaks_off_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="incomplete"):
        list(elements([text.encode()]))


NODE = {"Node": "consul-1", "Address": "10.0.0.1"}
OUTSIDE = {"Node": "ldap-1", "Address": "192.0.2.17"}
CHECK = {"CheckID": "up", "Status": "passing"}


def whole(api: Api) -> Api:
    """A server that holds a little of everything."""
    acl = ("acl/policies", "acl/roles", "acl/tokens", "acl/auth-methods", "acl/binding-rules")
    api.answers |= {f"/v1/{path}": (200, []) for path in (*acl, "config/mesh", "query", "peerings")}
    pool = {"WAN": False, "Segment": "", "Keys": {"k": 3}, "PrimaryKeys": {"k": 3}}
    api.answers |= {
        "/v1/agent/self": (200, itself(ACLDefaultPolicy="deny", AdvertiseAddrLAN="10.0.0.1")),
        "/v1/acl/token/self": (403, "ACL not found"),
        "/v1/connect/ca/roots": (200, {"TrustDomain": "t", "Roots": [{"ID": "r"}]}),
        "/v1/connect/ca/configuration": (200, {"Provider": "consul"}),
        "/v1/operator/autopilot/configuration": (200, {"CleanupDeadServers": True}),
        "/v1/operator/keyring": (200, [pool]),
        "/v1/catalog/datacenters": (200, ["custos"]),
        "/v1/catalog/nodes": (200, [NODE, OUTSIDE]),
        "/v1/kv/": (200, [PAIR, OTHER]),
    }
    register(api, NODE)
    register(api, OUTSIDE)
    return api


def register(api: Api, node: dict[str, str], **check: str) -> None:
    name = node["Node"]
    api.answers[f"/v1/catalog/node/{name}"] = (200, {"Node": node, "Services": {"s": {"ID": "s", "Port": 636}}})
    api.answers[f"/v1/health/node/{name}"] = (200, [CHECK | check])


def parts(api: Api) -> Digest:
    return store(api).digest("consul-1").parts


def differing(before: Digest, after: Digest) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def test_the_digest_has_every_part(api: Api) -> None:
    read = parts(whole(api))
    assert {name for name, part in read.items() if part.rows} == {
        *("autopilot", "catalog node consul-1", "catalog node ldap-1", "connect ca", "connect ca settings"),
        *("datacenters", "gossip keys", "kv vault/core", "own settings"),
    }
    assert read["catalog node ldap-1"].rows == 3
    assert read["kv vault/core"].rows == 2


def test_every_endpoint_and_kind_is_read_or_excluded(api: Api) -> None:
    whole(api).answers |= {
        "/v1/acl/policies": (200, [{"ID": "p"}]),
        "/v1/acl/policy/p": (200, {"ID": "p"}),
        "/v1/acl/auth-methods": (200, [{"Name": "m"}]),
        "/v1/acl/auth-method/m": (200, {"Name": "m"}),
    }
    parts(api)
    asked = {path for path, _, _ in api.asked}
    known = (Path(__file__).with_name("catalogs") / "consul-1.22.txt").read_text().splitlines()
    read = {
        name for name in known if any(path == name or (name[-1] == "/" and path.startswith(name)) for path in asked)
    }
    kinds = {f"kind {kind}" for kind in ALL_KINDS}
    left = [name for name in known if name not in read | kinds]
    patterns = [name for name in UNREAD if name.startswith(("/", "kind "))]
    assert [name for name in left if not any(fnmatchcase(name, pattern) for pattern in patterns)] == []
    assert [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in left)] == []
    assert kinds <= {*known}


@pytest.mark.parametrize(
    ("path", "answer", "part"),
    [
        ("kv/", [PAIR, OTHER | {"Flags": 2}], "kv vault/core"),
        ("kv/", [PAIR, OTHER | {"Value": None}], "kv vault/core"),
        ("kv/", [PAIR, OTHER | {"Key": "vault/core/B"}], "kv vault/core"),
        ("acl/tokens", [{"AccessorID": "x"}], "acl tokens"),
        ("acl/token/self", {"AccessorID": "x"}, "own settings"),
        ("agent/self", itself(ACLDefaultPolicy="allow", AdvertiseAddrLAN="10.0.0.1"), "own settings"),
        ("query", [{"Name": "q", "Session": "s"}], "prepared queries"),
        ("connect/ca/roots", {"TrustDomain": "u", "Roots": [{"ID": "r"}]}, "connect ca"),
        ("connect/ca/configuration", {"Provider": "vault"}, "connect ca settings"),
        ("operator/autopilot/configuration", {"CleanupDeadServers": False}, "autopilot"),
        (
            "operator/keyring",
            [{"WAN": False, "Segment": "", "Keys": {"k": 3, "l": 3}, "PrimaryKeys": {}}],
            "gossip keys",
        ),
        ("config/mesh", [{"Kind": "mesh", "Meta": {"a": "b"}}], "config mesh"),
        ("peerings", [{"Name": "p", "State": "PENDING"}], "peerings"),
        ("connect/ca/configuration", {"Provider": "consul", "State": {"a": "b"}}, "connect ca settings"),
        ("catalog/node/ldap-1", {"Node": OUTSIDE | {"Address": "x"}, "Services": {}}, "catalog node ldap-1"),
        ("catalog/node/consul-1", {"Node": NODE, "Services": {"s": {"ID": "s", "Port": 1}}}, "catalog node consul-1"),
        (
            "catalog/node/consul-1",
            {"Node": NODE, "Services": {"s": {"ID": "s", "Port": 636, "Address": "192.0.2.66"}}},
            "catalog node consul-1",
        ),
        ("health/node/ldap-1", [CHECK | {"Status": "critical"}], "catalog node ldap-1"),
        ("health/node/consul-1", [CHECK, CHECK | {"CheckID": "_node_maintenance"}], "catalog node consul-1"),
        ("catalog/nodes", [NODE], "catalog node ldap-1"),
        ("catalog/datacenters", ["custos", "elsewhere"], "datacenters"),
    ],
)
def test_the_digest_shows_a_change_in_its_own_part(api: Api, path: str, answer: object, part: str) -> None:
    before = parts(whole(api))
    api.answers[f"/v1/{path}"] = (200, answer)
    assert differing(before, parts(api)) == {part}


def test_what_a_restart_changes_is_not_in_the_digest(api: Api) -> None:
    before = parts(whole(api))
    register(api, NODE | {"Address": "10.0.0.9"}, Status="critical", Output="starting")
    pool = {"WAN": False, "Segment": "", "Keys": {"k": 2}, "PrimaryKeys": {"k": 2}}
    api.answers |= {
        "/v1/agent/self": (200, itself(ACLDefaultPolicy="deny", AdvertiseAddrLAN="10.0.0.9")),
        "/v1/operator/keyring": (200, [pool]),
        "/v1/kv/": (200, [PAIR | {"ModifyIndex": 99, "LockIndex": 1, "Session": "s"}, OTHER]),
    }
    assert parts(api) == before


def test_gossip_that_is_lost_once_is_asked_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    before = parts(whole(api))
    good = api.answers["/v1/operator/keyring"]
    assert isinstance(good, tuple)
    answers = [(500, "1/3 nodes reported success"), good]
    api.answers["/v1/operator/keyring"] = lambda _: answers.pop(0)
    assert parts(api) == before
    api.answers["/v1/operator/keyring"] = (500, "1/3 nodes reported success")
    monkeypatch.setattr("harness.workloads.consul.digest.GOSSIP_S", 0)
    with pytest.raises(TimedOut, match="1/3 nodes"):
        parts(api)


def test_servers_without_acls_and_gossip_keys_are_read_and_it_shows_if_either_is_lost(api: Api) -> None:
    before = parts(whole(api))
    api.answers["/v1/agent/self"] = (200, itself(ACLsEnabled=False))
    for path in [path for path in api.answers if "/acl/" in path]:
        api.answers[path] = (401, "ACL support disabled")
    api.answers["/v1/operator/keyring"] = (500, "consul-0: Keyring is empty (encryption not enabled)")
    bare = parts(api)
    assert not any(name.startswith("acl ") for name in bare)
    assert any(name.startswith("acl ") for name in before)
    assert {"own settings", "gossip keys"} <= differing(before, bare)


def test_a_key_with_nothing_in_it_is_not_taken_for_one_whose_base64_says_none(api: Api) -> None:
    whole(api).answers["/v1/kv/"] = (200, [PAIR | {"Value": None}])
    nothing = parts(api)
    api.answers["/v1/kv/"] = (200, [PAIR | {"Value": "None"}])
    assert differing(nothing, parts(api)) == {"kv vault/core"}


def test_the_ledger_and_its_accounts_are_in_no_part(api: Api) -> None:
    before = parts(whole(api))
    ours = ({"Key": key, "Flags": 0, "Value": ""} for key in ("drillproof/ledger/k1", "drillproof/accounts/savings/0"))
    api.answers["/v1/kv/"] = (200, [PAIR, OTHER, *ours])
    assert parts(api) == before


def test_keys_by_the_slow_way_are_in_the_parts_of_the_digest(api: Api) -> None:
    lone = {"Key": "lone", "Flags": 0, "Value": None}
    lineage = {"Key": "drillproof/lineage", "Flags": 0, "Value": "AA=="}
    ledger = {"Key": "drillproof/ledger/k1", "Flags": 0, "Value": "AA=="}
    whole(api).answers["/v1/kv/"] = (200, [lineage, ledger, lone, PAIR])
    slow = store(api).reference_digest("consul-1")
    assert slow.keys() == {name for name in parts(api) if name.startswith("kv ")}


def test_a_server_without_a_key_has_no_part_by_the_slow_way(api: Api) -> None:
    del whole(api).answers["/v1/kv/"]
    assert store(api).reference_digest("consul-1") == {}


@pytest.mark.parametrize("change", [{"Flags": 2}, {"Value": "AA=="}, {"Value": None}, {"Key": "vault/core/B"}])
def test_the_slow_way_sees_what_the_digest_sees(api: Api, change: dict[str, object]) -> None:
    before = store(whole(api)).reference_digest("consul-1")
    api.answers["/v1/kv/"] = (200, [OTHER, PAIR])
    assert store(api).reference_digest("consul-1") == before
    api.answers["/v1/kv/"] = (200, [PAIR, OTHER | change])
    assert store(api).reference_digest("consul-1") != before


def test_the_bench_measures(api: Api) -> None:
    timing = measure(whole(api).address, "", "consul-1", rounds=1)
    assert min(timing.scan_s, timing.digest_s, timing.ratio) > 0


def test_another_server_in_its_place_is_told_and_not_believed(api: Api) -> None:
    whole(api).answers["/v1/agent/self"] = (200, itself("consul-2"))
    assert store(api).digest("consul-1").answered_by == "consul-2"
    for read in (lambda: list(store(api).ledger("consul-1")), lambda: store(api).balances("consul-1")):
        with pytest.raises(ToolFailed, match="consul-2 answered in its place"):
            read()


def test_a_server_that_would_forward_the_read_is_not_read(api: Api) -> None:
    api.answers["/v1/agent/self"] = (200, itself(last_contact="never"))
    with pytest.raises(ToolFailed, match="has not heard from a leader"):
        store(api).digest("consul-1")


MEMBERS = ("consul-0", "consul-1", "consul-2")


def quorum(
    api: Api,
    *,
    index: int = 5,
    address: str = "10.0.0.1",
    meta: dict[str, str] | None = META,
    voters: tuple[str, ...] = MEMBERS,
    others: tuple[str, ...] = (),
) -> None:
    servers = [
        {"Node": name, "Voter": name in voters, "Leader": name == "consul-0", "LastIndex": index}
        for name in (*voters, *others)
    ]
    api.answers |= {
        "/v1/agent/self": (200, itself()),
        "/v1/operator/raft/configuration": (200, {"Servers": servers}),
        "/v1/operator/autopilot/health": (200, {"Healthy": True, "Servers": servers}),
        "/v1/catalog/node/consul-1": (200, {"Node": {"ID": "id", "Address": address, "Meta": meta}}),
        "/v1/health/node/consul-1": (200, [CHECK]),
        "/v1/health/node/consul-2": (200, []),
        "/v1/kv/drillproof/lineage": (200, [PAIR]),
    }


def test_a_server_in_a_sound_quorum_is_healthy(api: Api) -> None:
    quorum(api)
    health = store(api).health("consul-1")
    assert (health.ok, health.role, health.identity) == (True, "follower", "id")


@pytest.mark.parametrize(
    ("change", "reason", "objects"),
    [
        (lambda api: quorum(api, index=6), Reason.ReplicationLagging, ()),
        (lambda api: quorum(api, address="10.0.0.9"), Reason.CatalogOutdated, ()),
        (lambda api: quorum(api, meta=None), Reason.CatalogOutdated, ()),
        (lambda api: quorum(api, voters=("consul-0", "consul-1")), Reason.VotersDiffer, ("consul-2",)),
        (lambda api: quorum(api, voters=("consul-1", "consul-2")), Reason.LeaderMissing, ()),
        (lambda api: quorum(api, voters=(*MEMBERS, "stranger")), Reason.VotersDiffer, ("stranger",)),
        (lambda api: quorum(api, others=("stranger",)), Reason.ServerNotVoting, ("stranger",)),
        (
            lambda api: api.answers.update({"/v1/agent/self": (200, itself("consul-2"))}),
            Reason.AnsweredByAnother,
            ("consul-2",),
        ),
        (
            lambda api: register(api, NODE, CheckID="_node_maintenance", Status="critical"),
            Reason.CheckFailing,
            ("check _node_maintenance",),
        ),
        (lambda api: api.answers.pop("/v1/kv/drillproof/lineage"), Reason.WaitsForRestore, ()),
    ],
)
def test_a_server_is_unwell(
    api: Api, monkeypatch: pytest.MonkeyPatch, change: Callable[[Api], object], reason: Reason, objects: tuple[str, ...]
) -> None:
    monkeypatch.setattr("harness.workloads.consul.adapter.LAG_S", 0)
    quorum(api)
    change(api)
    health = store(api).health("consul-1")
    assert not health.ok
    assert reason in health.reasons
    assert set(objects) <= set(health.objects)


def test_a_definition_that_is_refused_stops_the_seeding(api: Api) -> None:
    api.answers["/v1/acl/policy"] = (400, "bad rules")
    with pytest.raises(ToolFailed, match="bad rules"):
        Server("consul-1", api.address, "").submit("put", "acl/policy", {})


def text_pair(key: str, text: str, flags: int = 0) -> dict[str, object]:
    return {"Key": key, "Flags": flags, "Value": base64.b64encode(text.encode()).decode()}


def test_balances_are_read_from_the_member(api: Api) -> None:
    pairs = [text_pair("drillproof/accounts/checking/0", "-7"), text_pair("drillproof/accounts/savings/1", "1000")]
    whole(api).answers["/v1/kv/drillproof/accounts/"] = (200, pairs)
    assert store(api).balances("consul-1") == {"checking/0": -7, "savings/1": 1000}
    assert all("stale" in query for path, query, _ in api.asked if path.startswith("/v1/kv"))


@pytest.mark.parametrize("pair", [("x", 0), ("", 0), (" 7", 0), ("1_0", 0), ("7", 1)])
def test_an_account_without_a_balance_is_damaged(api: Api, pair: tuple[str, int]) -> None:
    whole(api).answers["/v1/kv/drillproof/accounts/"] = (200, [text_pair("drillproof/accounts/checking/0", *pair)])
    with pytest.raises(Corrupt, match="checking/0"):
        store(api).balances("consul-1")


def test_the_ledger_shows_what_is_there_even_where_it_is_none_of_ours(api: Api) -> None:
    whole(api).answers["/v1/kv/drillproof/ledger/"] = (
        200,
        [
            text_pair("drillproof/ledger/k1", '{"n": 1, "value": "1-a"}'),
            text_pair("drillproof/ledger/k2", '{"n": 2, "value": "2-a"}', 1),
            text_pair("drillproof/ledger/k3", '{"n":3,"value":"3-a"}'),
            text_pair("drillproof/ledger/k4", "x"),
        ],
    )
    rows = list(store(api).ledger("consul-1"))
    assert rows[0] == Row(1, "k1", "1-a")
    assert [(row.n, row.key) for row in rows[1:]] == [(0, "k2"), (0, "k3"), (0, "k4")]


@pytest.mark.parametrize(
    ("statement", "sent"),
    [
        ("PUT kv/a?flags=3 some text", ("PUT", "/v1/kv/a", b"some text")),
        ("PUT kv/a", ("PUT", "/v1/kv/a", b"")),
        ("PUT kv/a base64:AAH/", ("PUT", "/v1/kv/a", b"\0\1\xff")),
        ('PUT config {"Kind": "mesh"}', ("PUT", "/v1/config", b'{"Kind": "mesh"}')),
        ("DELETE acl/policy/{acl/policy/name/p:ID}", ("DELETE", "/v1/acl/policy/i1", b"")),
        ('PUT query/x {"ID": "{query[q]:ID}"}', ("PUT", "/v1/query/x", b'{"ID": "i2"}')),
    ],
)
def test_a_statement_becomes_a_request(api: Api, statement: str, sent: tuple[str, str, bytes]) -> None:
    api.answers |= {"/v1/acl/policy/name/p": (200, {"ID": "i1"}), "/v1/query": (200, [{"Name": "q", "ID": "i2"}])}
    api.answers[sent[1]] = (200, True)
    store(api).execute("consul-1", statement)
    assert api.told[-1] == sent


@pytest.mark.parametrize("answer", [(200, False), (403, "denied"), (500, "no leader")])
def test_a_statement_that_is_refused_is_an_error(api: Api, answer: tuple[int, object]) -> None:
    api.answers["/v1/kv/a"] = answer
    with pytest.raises(ToolFailed):
        store(api).execute("consul-1", "PUT kv/a x")


@pytest.mark.parametrize("statement", ["DELETE query/{query[q]:ID}", "DELETE query/{query[r]:Name}"])
def test_a_statement_about_what_is_not_there_is_not_sent(api: Api, statement: str) -> None:
    api.answers["/v1/query"] = (200, [{"Name": "q"}])
    with pytest.raises(ToolFailed, match="no "):
        store(api).execute("consul-1", statement)
    assert [path for _, path, _ in api.told] == ["/v1/query"]
