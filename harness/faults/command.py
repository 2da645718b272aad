"""An administrator runs the wrong command, or rolls out the wrong configuration."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from harness.core import parallel, timeouts
from harness.core.errors import FaultHadNoEffect
from harness.core.json import text
from harness.core.kubernetes import name_of, objects
from harness.core.ports import Reach, Target
from harness.faults import statefulset
from harness.faults.base import BaseFault
from harness.faults.observations import Observation, logged


@dataclass(frozen=True)
class Command(BaseFault):
    """Runs a command in pods of a store, and can then stop and start all pods of a StatefulSet."""

    what: str
    store: str
    pods: tuple[str, ...]
    argv: tuple[str, ...]
    observation: Observation  # the damage to wait for
    restart: str = ""  # the StatefulSet
    title = "{what} in {store}"
    reach = Reach.NAMESPACE

    def inject(self, target: Target) -> None:
        """Run it as root. FaultHadNoEffect if the store has no such pod, ToolFailed if it fails in one."""
        if unknown := set(self.pods) - set(target.store(self.store).members):
            raise FaultHadNoEffect(f"{self.store} has no {', '.join(sorted(unknown))}")
        self.undo(target)
        parallel.for_each(self.pods, lambda pod: self._run(target, pod))
        if self.restart:
            statefulset.restart(target, self.restart)

    def damage(self, target: Target) -> Mapping[str, str]:
        return self.observation(target, target.store(self.store))

    def undo(self, target: Target) -> None:
        if self.restart:
            statefulset.start(target, self.restart)

    def _run(self, target: Target, pod: str) -> None:
        where = ("exec", "-n", target.namespace, pod, "-c", self.store, "--")
        target.cluster.kubectl(*where, *self.argv, within_s=timeouts.DAMAGE_S)


@dataclass(frozen=True)
class EditConfig(BaseFault):
    """Replaces text in a file of a ConfigMap, then stops and starts all pods of a StatefulSet."""

    what: str
    store: str
    file: str
    old: str
    new: str
    observation: Observation  # the damage to wait for
    restart: str  # the StatefulSet
    title = "{what} in {file} of {store}"
    reach = Reach.NAMESPACE

    def inject(self, target: Target) -> None:
        self.undo(target)
        if not self._replace(target, self.old, self.new):
            raise FaultHadNoEffect(f"no ConfigMap has a file {self.file} that contains {self.old!r}")
        statefulset.restart(target, self.restart)

    def damage(self, target: Target) -> Mapping[str, str]:
        return self.observation(target, target.store(self.store))

    def undo(self, target: Target) -> None:
        """Put the old text back for new pods, and start a stopped StatefulSet."""
        self._replace(target, self.new, self.old)
        statefulset.start(target, self.restart)

    def _replace(self, target: Target, old: str, new: str) -> bool:
        """Whether any file contained the old text."""
        configs = objects(target.cluster.kubectl, "configmaps", f"--namespace={target.namespace}")
        found = {name_of(each): content for each in configs if old in (content := text(each, "data", self.file))}
        for name, content in found.items():
            patch = json.dumps({"data": {self.file: content.replace(old, new)}})
            target.cluster.kubectl(
                "patch", "configmap", name, "-n", target.namespace, "--type=merge", f"--patch={patch}"
            )
        return bool(found)


_WRITE_PEERS = """
peer() { printf '{"id": "00000000-0000-0000-0000-00000000000%s", "address": "10.244.255.%s:8300"}' "$1" "$1"; }
echo "[$(peer 1), $(peer 2), $(peer 3)]" >/consul/data/raft/peers.json
"""

STALE_PEERS = Command(
    "stale-peers",
    "consul",
    ("consul-0", "consul-1", "consul-2"),
    ("sh", "-ec", _WRITE_PEERS),
    logged("not part of stable configuration"),
    restart="consul",
)
"""Every Consul server starts with the `peers.json` of another cluster: it is in no quorum, and elects no leader."""
