"""Looks at what a run stands on: the API server, the nodes, the object store and the container engine."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from harness.backups.object_store import ObjectStore
from harness.core import wait
from harness.core.errors import HarnessError, PlatformFailed, TimedOut, ToolFailed
from harness.core.json import text
from harness.core.kubernetes import RunsKubectl, condition, name_of, objects
from harness.core.ports import Machines, Reach
from harness.core.reason import Reason, by_precedence

_ANSWER_S = 15.0
_IN_A_ROW_S = 60.0  # two looks of before and after another wait say nothing of the time between
_EXCUSED = {Reach.MACHINES: tuple(Reason), Reach.CLUSTER: tuple(Reason), Reach.BUCKET: (Reason.ObjectStoreUnreachable,)}
"""What an injected fault of this reach may have broken itself; of the namespace or the backup tool, nothing."""


@dataclass(frozen=True)
class Failure:
    """Something below the run that does not work."""

    name: str  # as findings name it: `node drill-worker2`
    detail: str
    reason: Reason


class Platform(Protocol):
    @property
    def kubectl(self) -> RunsKubectl: ...

    @property
    def machines(self) -> Machines: ...

    @property
    def store(self) -> ObjectStore | None:
        """The object store, if the run may use it."""


class PlatformHealth:
    """What works below one run, and whether the run itself broke it."""

    def __init__(self) -> None:
        """Nothing is looked at before `watch`."""
        self._cluster: Platform | None = None
        self._namespaces: tuple[str, ...] = ()
        self._excused: set[Reason] = set()
        self.namespaces_exist = False  # from when they do, until a fault is injected, a missing one is a failure
        self._seen: dict[str, Failure] = {}
        self._looked_s = 0.0
        self._looking = threading.Lock()

    def watch(self, cluster: Platform | None, *namespaces: str) -> None:
        """Look at this cluster from now on, and at the run's `namespaces` in it.

        None: at no cluster, because it is being created or removed.
        """
        self._cluster, self._namespaces, self._seen = cluster, namespaces, {}

    def excuse(self, reach: Reach | None) -> None:
        """A fault of this reach is injected: what it may have broken is not reported. None: it may break anything."""
        self.namespaces_exist = False
        self._excused.update(tuple(Reason) if reach is None else _EXCUSED.get(reach, ()))

    def look(self) -> None:
        """PlatformFailed for what two looks in a row found not to work. Looks every `LOOK_S` seconds at most."""
        with self._looking:
            since_s = time.monotonic() - self._looked_s
            if since_s < wait.LOOK_S:
                return
            before = self._seen if since_s < _IN_A_ROW_S else {}
            self._seen = {each.name: each for each in self._failures()}
            self._looked_s = time.monotonic()
            lasting = [each for name, each in self._seen.items() if name in before]
        _refuse(lasting)

    def require(self) -> None:
        """PlatformFailed if anything does not work now; for when a step has failed already."""
        _refuse([*self._failures()])

    def _failures(self) -> Iterator[Failure]:
        cluster, excused = self._cluster, self._excused
        if cluster is None or excused >= set(Reason):
            return
        found = [each for each in self._outside(cluster) if each.reason not in excused]
        if found and cluster.machines.object_store:  # on machines of our own; the engine explains the others
            try:
                cluster.machines.nodes()
            except (ToolFailed, TimedOut) as error:
                yield Failure("the container engine", f"does not answer: {error}", Reason.EngineUnresponsive)
        yield from found

    def _outside(self, cluster: Platform) -> Iterator[Failure]:
        try:
            cluster.kubectl("get", "--raw", "/readyz", within_s=_ANSWER_S)
        except (ToolFailed, TimedOut) as error:
            yield Failure("the API server", f"does not answer: {error}", Reason.ApiServerUnreachable)
        else:
            yield from self._objects(cluster)
        store = cluster.store
        if store and (silence := store.silence(_ANSWER_S)):
            yield Failure("the object store", f"does not answer: {silence}", Reason.ObjectStoreUnreachable)

    def _objects(self, cluster: Platform) -> Iterator[Failure]:
        try:
            for node in objects(cluster.kubectl, "nodes", within_s=_ANSWER_S):
                status, name = condition(node, "Ready"), name_of(node)
                if status != "True" and (cluster.machines.object_store or name in self._our_nodes(cluster)):
                    said = f"is not Ready (its condition Ready is {status or 'not set'})"
                    yield Failure(f"node {name}", said, Reason.NodeNotReady)
            for namespace in self._namespaces if self.namespaces_exist else ():
                asked = ("get", "namespace", namespace, "--ignore-not-found", "-o", "name")
                if not cluster.kubectl(*asked, within_s=_ANSWER_S).strip():
                    yield Failure(f"namespace {namespace}", "is gone", Reason.NamespaceMissing)
        except HarnessError:  # not allowed, on a cluster of others
            return

    def _our_nodes(self, cluster: Platform) -> set[str]:
        """On a cluster of others only the nodes with our pods count."""
        return {
            text(pod, "spec", "nodeName")
            for namespace in self._namespaces
            for pod in objects(cluster.kubectl, "pods", f"--namespace={namespace}", within_s=_ANSWER_S)
        }


def _refuse(failures: list[Failure]) -> None:
    if failures:
        said = "; ".join(f"{each.name} {each.detail}" for each in failures)
        raise PlatformFailed(said, by_precedence(each.reason for each in failures), [each.name for each in failures])
