"""What Consul's writer makes of the answers to its transactions: a stand-in that keeps keys as Consul does."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import cast

import pytest
from consul import exceptions  # type: ignore[import-untyped] # py-consul ships no types
from requests import ConnectionError as Broken

from harness.core.bank_workload import balances_after, opening_balances
from harness.core.model import Operation
from harness.core.ports import Refused, Unanswered
from harness.workloads.consul.server import ACCOUNTS, LEDGER, Server
from harness.workloads.consul.writer import ConsulWriter

Step = Mapping[str, Mapping[str, object]]

PUT = Operation(1, "put", "k1", "1-a")


class Keys:
    """Keys with the index of their last change; a transaction is made whole, or refused whole."""

    def __init__(self) -> None:
        self.held = {ACCOUNTS + name: (1, str(balance)) for name, balance in opening_balances().items()}
        self.index = 1
        self.instead: Exception | None = None  # what an answer is lost to; the transaction is made all the same
        self.is_open = True
        self.ways = 0  # that are open to it

    def put(self, steps: list[Step]) -> Mapping[str, object]:
        held, self.index = dict(self.held), self.index + 1
        for step in steps:
            self._do(step["KV"], held)
        self.held = held
        if self.instead:
            raise self.instead
        changed = [str(step["KV"]["Key"]) for step in steps if step["KV"]["Verb"] != "delete"]
        return {"Results": [{"KV": {"Key": key, "ModifyIndex": self.index}} for key in changed]}

    def _do(self, step: Mapping[str, object], held: dict[str, tuple[int, str]]) -> None:
        key, verb = str(step["Key"]), step["Verb"]
        index, _ = held.get(key, (0, ""))
        if (verb == "get" and not index) or (verb == "cas" and index != step["Index"]):
            raise exceptions.ClientError(f"409 rolled back: {key}")
        if verb == "delete":
            held.pop(key)
        elif verb != "get":
            held[key] = (self.index, base64.b64decode(str(step["Value"])).decode())

    def set(self, key: str, value: str) -> None:
        self.index += 1
        self.held[key] = (self.index, value)

    def balances(self) -> dict[str, int]:
        return {key.removeprefix(ACCOUNTS): int(v) for key, (_, v) in self.held.items() if key.startswith(ACCOUNTS)}

    def rows(self) -> dict[str, str]:
        return {key.removeprefix(LEDGER): value for key, (_, value) in self.held.items() if key.startswith(LEDGER)}


@contextlib.contextmanager
def way(keys: Keys) -> Iterator[Server]:
    pairs = [
        {"Key": key, "ModifyIndex": index, "Flags": 0, "Value": base64.b64encode(value.encode()).decode()}
        for key, (index, value) in keys.held.items()
        if key.startswith(ACCOUNTS)
    ]
    keys.ways += 1
    server = SimpleNamespace(is_open=lambda: keys.is_open, pairs=lambda _: pairs, client=SimpleNamespace(txn=keys))
    try:
        yield cast("Server", server)
    finally:
        keys.ways -= 1


def writer(keys: Keys) -> ConsulWriter:
    return ConsulWriter(way(keys))


def test_a_write_and_its_transfer_are_one_transaction() -> None:
    keys = Keys()
    client = writer(keys)
    for operation in (PUT, Operation(2, "put", "k2", "2-é"), Operation(3, "update", "k1", "3-a")):
        client.apply(operation)
    client.apply(Operation(4, "delete", "k2", ""))
    assert {key: json.loads(value) for key, value in keys.rows().items()} == {"k1": {"n": 3, "value": "3-a"}}
    assert keys.balances() == balances_after(opening_balances(), (1, 2, 3, 4))


@pytest.mark.parametrize(
    "operation",
    [Operation(2, "update", "none", "2-a"), Operation(2, "delete", "none", ""), Operation(2, "put", "k1", "2-a")],
    ids=["update of nothing", "delete of nothing", "put over another"],
)
def test_what_does_not_fit_is_refused_with_its_transfer(operation: Operation) -> None:
    keys = Keys()
    client = writer(keys)
    client.apply(PUT)
    with pytest.raises(Refused, match="rolled back"):
        client.apply(operation)
    client.apply(Operation(3, "update", "k1", "3-a"))
    assert keys.balances() == balances_after(opening_balances(), (1, 3))


@pytest.mark.parametrize("when", ["before it connects", "while it is connected"])
def test_a_balance_that_a_stranger_changed_is_not_covered_up(when: str) -> None:
    keys = Keys()
    if when == "before it connects":
        keys.set(f"{ACCOUNTS}checking/1", "5")
    client = writer(keys)
    if when == "while it is connected":
        keys.set(f"{ACCOUNTS}checking/1", "5")
        with pytest.raises(Refused):
            client.apply(PUT)
        assert keys.rows() == {}
    else:
        client.apply(PUT)
    changed = opening_balances() | {"checking/1": 5}
    assert keys.balances() == (changed if when == "while it is connected" else balances_after(changed, (1,)))


@pytest.mark.parametrize("value", [None, "x", "7 "])
def test_no_money_is_moved_from_or_to_what_is_no_account(value: str | None) -> None:
    keys = Keys()
    if value is None:
        del keys.held[f"{ACCOUNTS}checking/1"]
    else:
        keys.set(f"{ACCOUNTS}checking/1", value)
    held = dict(keys.held)
    with pytest.raises(Refused, match="no balance of checking/1"):
        writer(keys).apply(PUT)
    assert keys.held == held


@pytest.mark.parametrize("error", [exceptions.ConsulException("500 leadership lost"), Broken("reset"), Broken()])
def test_a_lost_answer_is_not_a_refusal(error: Exception) -> None:
    keys = Keys()
    keys.instead = error
    with pytest.raises(Unanswered):
        writer(keys).apply(PUT)
    keys.instead = None
    assert keys.balances() == balances_after(opening_balances(), (1,))
    writer(keys).apply(Operation(2, "put", "k2", "2-a"))
    assert keys.balances() == balances_after(opening_balances(), (1, 2))


@pytest.mark.parametrize(
    "error",
    [exceptions.ClientError("413 too large"), exceptions.BadRequest("400"), exceptions.ACLPermissionDenied("403")],
)
def test_what_the_server_says_no_to_was_not_committed(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Keys()
    client = writer(keys)

    def refuse(steps: object) -> None:
        raise error

    monkeypatch.setattr(keys, "put", refuse)
    with pytest.raises(Refused):
        client.apply(PUT)


@pytest.mark.parametrize("answer", [None, {}, {"Results": None}, {"Results": [{}]}, {"Results": []}])
def test_an_answer_that_says_nothing_is_in_doubt(answer: object, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Keys()
    client = writer(keys)
    monkeypatch.setattr(keys, "put", lambda _: answer)
    with pytest.raises(Unanswered):
        client.apply(PUT)


def test_a_cluster_that_waits_for_its_restore_takes_no_writer() -> None:
    keys = Keys()
    keys.is_open = False
    with pytest.raises(Refused, match="waits for a restore"):
        writer(keys)
    assert keys.ways == 0


def test_the_way_to_the_server_is_closed_once() -> None:
    keys = Keys()
    client = writer(keys)
    assert keys.ways == 1
    client.close()
    client.close()
    assert keys.ways == 0
