"""What lies below a cluster and can break: its nodes and its object store, which are containers of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.clusters.docker import Docker
from harness.core.errors import Misconfigured
from harness.core.process import run


@dataclass(frozen=True)
class KindMachines:
    """The containers of one cluster. Implements `harness.core.ports.Machines`."""

    docker: Docker
    listed: Callable[[], tuple[str, ...]]  # the nodes' names
    object_store: str  # the object store's name

    def nodes(self) -> tuple[str, ...]:
        """The names of all nodes, running or not; a node is called the same in Kubernetes."""
        return self.listed()

    def on_node(self, node: str, *argv: str, stdin: str | None = None, within_s: float = 60) -> str:
        """Run a command as root on a node, and return its standard output. ToolFailed, TimedOut."""
        command: list[str | Path] = [self.docker.binary, "exec", "--interactive", self._mine(node), *argv]
        return run(command, env=self.docker.env, stdin=stdin, within_s=within_s).stdout

    def power_off(self, machine: str) -> None:
        """End a node or the object store at once, as a power cut would. May be called twice."""
        # Not `kill`: kind's nodes restart on failure, and a container that was stopped stays so.
        if self.is_on(machine):
            self.docker("stop", "--time=0", machine)

    def power_on(self, machine: str) -> None:
        """Start it again, with the disk that it had. May be called twice."""
        self.docker("start", self._mine(machine))

    def is_on(self, machine: str) -> bool:
        """Whether it runs."""
        return self.docker("inspect", "--format={{.State.Running}}", self._mine(machine)) == "true"

    def _mine(self, machine: str) -> str:
        if machine not in (*self.nodes(), self.object_store):
            raise Misconfigured(f"{machine} is no machine of this cluster; it has: {', '.join(self.nodes())}")
        return machine
