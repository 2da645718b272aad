"""Consul's digest and batches, and how a server is asked: a stand-in for the HTTP API, no server."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer

import pytest

from harness.datastores.consul import Consul, canonical, digest_of, group_of
from harness.datastores.consul_server import BYTES_EACH, OPERATIONS_EACH, Server, batches
from harness.errors import ToolFailed
from harness.model import Operation, Part
from harness.ports import Refused, Unanswered

PAIR = {"Key": "vault/core/a", "Flags": 1, "Value": "AA==", "CreateIndex": 7, "ModifyIndex": 9, "LockIndex": 0}
OTHER = {"Key": "vault/core/b", "Flags": 1, "Value": "AQ=="}


def part(*rows: object) -> Part:
    return digest_of(canonical(row) for row in rows)


def test_digest_does_not_depend_on_order_or_on_raft_indexes() -> None:
    assert part(PAIR, OTHER) == part(OTHER, PAIR | {"CreateIndex": 1, "ModifyIndex": 2, "Session": "s"})


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


class Api(TCPServer):
    """Answers every request with what is in `answers` by path, and keeps what was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, tuple[int, object]] = {}
        self.asked: list[tuple[str, str, str | None]] = []

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        assert isinstance(self.server, Api)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        self.server.asked.append((path, query, self.headers.get("X-Consul-Token")))
        code, answer = self.server.answers.get(path, (404, None))
        self.send_response(code)
        self.send_header("X-Consul-Index", "1")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    do_GET = do_PUT = do_DELETE = _answer  # noqa: N815 # the names that http.server looks for

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def api() -> Iterator[Api]:
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


def itself(node: str = "consul-1", last_contact: str = "8ms") -> dict[str, object]:
    raft = {"state": "Follower", "commit_index": "5", "applied_index": "5", "last_contact": last_contact}
    config = {"NodeName": node, "NodeID": "id", "Datacenter": "custos"}
    return {"Config": config, "Member": {"Addr": "10.0.0.1"}, "Stats": {"raft": raft}}


def test_every_read_is_stale_and_carries_the_token(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", "a stranger's")
    api.answers |= {"/v1/kv/": (200, ["a"]), "/v1/txn": (200, {"Results": [{"KV": PAIR}]}), "/v1/acl/roles": (200, [])}
    server = Server("consul-1", api.address, "secret")
    assert server.key_names() == ["a"]
    assert list(server.pairs(["a"])) == [PAIR]
    server.client.acl.role.list()
    server.client.http.session.close()
    assert len(api.asked) == 3
    assert {("stale" in query, token) for _, query, token in api.asked} == {(True, "secret")}


def test_the_ledger_is_no_part_of_the_keys(api: Api) -> None:
    api.answers["/v1/kv/"] = (200, ["drillproof/ledger/k1", "drillproof/lineage", "vault/core/a"])
    assert Server("consul-1", api.address, "").key_names() == ["drillproof/lineage", "vault/core/a"]


def test_another_server_in_its_place_is_not_believed(api: Api) -> None:
    api.answers["/v1/agent/self"] = (200, itself("consul-2"))
    with pytest.raises(ToolFailed, match="consul-2 answered in its place"):
        Server("consul-1", api.address, "").about_itself()


def test_a_server_that_would_forward_the_read_is_not_read(api: Api) -> None:
    api.answers["/v1/agent/self"] = (200, itself(last_contact="never"))
    with pytest.raises(ToolFailed, match="has not heard from a leader"):
        store(api).digest("consul-1")


MEMBERS = ("consul-0", "consul-1", "consul-2")


def quorum(api: Api, *, index: int = 5, address: str = "10.0.0.1", voters: tuple[str, ...] = MEMBERS) -> None:
    servers = [{"Node": name, "Voter": True, "Leader": name == "consul-0", "LastIndex": index} for name in voters]
    api.answers |= {
        "/v1/agent/self": (200, itself()),
        "/v1/operator/raft/configuration": (200, {"Servers": servers}),
        "/v1/operator/autopilot/health": (200, {"Healthy": True, "Servers": servers}),
        "/v1/catalog/node/consul-1": (200, {"Node": {"ID": "id", "Address": address}}),
        "/v1/kv/drillproof/lineage": (200, [PAIR]),
    }


def test_a_server_in_a_sound_quorum_is_healthy(api: Api) -> None:
    quorum(api)
    health = store(api).health("consul-1")
    assert (health.ok, health.role, health.identity) == (True, "follower", "id")


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        (lambda api: quorum(api, index=6), "applied [5] of 6"),
        (lambda api: quorum(api, address="10.0.0.9"), "the catalog has it as id at 10.0.0.9"),
        (lambda api: quorum(api, voters=("consul-0", "consul-1")), "the voters are consul-0, consul-1"),
        (lambda api: quorum(api, voters=("consul-1", "consul-2")), "the leaders are none"),
        (lambda api: quorum(api, voters=(*MEMBERS, "stranger")), "stranger"),
        (lambda api: api.answers.pop("/v1/kv/drillproof/lineage"), "waits for a restore"),
    ],
)
def test_a_server_is_unwell(
    api: Api, monkeypatch: pytest.MonkeyPatch, change: Callable[[Api], object], detail: str
) -> None:
    monkeypatch.setattr("harness.datastores.consul.LAG_S", 0)
    quorum(api)
    change(api)
    health = store(api).health("consul-1")
    assert not health.ok
    assert detail in health.detail


def test_a_definition_that_is_refused_stops_the_seeding(api: Api) -> None:
    api.answers["/v1/acl/policy"] = (400, "bad rules")
    with pytest.raises(ToolFailed, match="bad rules"):
        Server("consul-1", api.address, "").submit("put", "acl/policy", {})


def test_no_writer_for_a_cluster_that_waits_for_its_restore(api: Api) -> None:
    with pytest.raises(Refused, match="waits for a restore"):
        store(api).writer()


@pytest.mark.parametrize(
    ("answer", "raised"),
    [((403, "denied"), Refused), ((413, "too large"), Refused), ((500, "leadership lost"), Unanswered)],
)
def test_what_an_answer_means_for_the_ledger(api: Api, answer: tuple[int, object], raised: type[Exception]) -> None:
    api.answers |= {"/v1/kv/drillproof/lineage": (200, [PAIR]), "/v1/kv/drillproof/ledger/k1": answer}
    writer = store(api).writer()
    with pytest.raises(raised):
        writer.apply(Operation(1, "put", "k1", "v"))
    writer.close()
    writer.close()
