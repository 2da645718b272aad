"""A cluster that is fenced off and runs on, as a fault: what it lays on nodes, and what it takes for damage."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect
from harness.core.model import Row
from harness.core.ports import Target
from harness.faults.network import IsolateCluster


@dataclass
class Machines:
    """Two nodes, of which one is off; each rule on the other that drops has dropped `packets`."""

    packets: int = 3
    rules: list[str] = field(default_factory=list)
    said: str = "inet 10.9.0.3/24\ndefault via 10.9.0.1 dev eth0\n10.1.3.0/24 via 10.9.0.3\n10.1.7.0/24 via 10.9.0.7\n"

    def nodes(self) -> tuple[str, ...]:
        return ("worker", "dark")

    def is_on(self, machine: str) -> bool:
        return machine == "worker"

    def on_node(self, node: str, *argv: str, stdin: str | None = None, within_s: float = 60) -> str:
        assert node == "worker"
        if argv[0] == "iptables-restore":
            assert stdin is not None
            self.rules = [line for line in stdin.splitlines() if line.startswith("-I")]
            return ""
        if argv[0] == "iptables-save":
            return "\n".join(f"[{self.packets}:0] {rule}" for rule in self.rules)
        return self.said


def target(machines: Machines) -> Target:
    store = SimpleNamespace(members=("db-1",), ledger=lambda _: [Row(7, "k", "v")])
    return Target(*cast("Any", (None, "custos", (store,), None, machines)))


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeouts, "DAMAGE_S", 0.01)


def test_a_fenced_cluster_reaches_its_own_nodes_and_pods_and_its_host_alone_and_runs_on() -> None:
    machines, fault = Machines(), IsolateCluster()
    fault.inject(target(machines))
    *allowed, last = (rule for rule in machines.rules if "-i eth0" in rule)
    assert [rule.split()[6] for rule in allowed] == ["10.9.0.3", "10.1.3.0/24", "10.9.0.1"]
    assert last.endswith("-j DROP")
    seen = fault.damage(target(machines))
    assert seen == {"worker": "6 packets were dropped", "db-1 runs on": "at write 7"}
    fault.undo(target(machines))
    assert machines.rules


def test_a_cluster_that_sends_nothing_is_not_fenced_off() -> None:
    here = target(Machines(packets=0))
    IsolateCluster().inject(here)
    with pytest.raises(FaultHadNoEffect, match="packet"):
        IsolateCluster().damage(here)


def test_a_node_that_has_no_address_is_not_fenced_off() -> None:
    with pytest.raises(FaultHadNoEffect, match="worker"):
        IsolateCluster().inject(target(Machines(said="")))
