"""All pods of a StatefulSet stop at once: for good, or to start again later."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect
from harness.core.json import integer, text
from harness.core.kubernetes import Object, find, name_of, objects
from harness.core.ports import Reach, Target
from harness.core.wait import NotYet, until
from harness.faults.base import BaseFault, damaged

_REPLICAS = "drillproof.dev/replicas-before"
_ADDRESSES = "drillproof.dev/addresses-before"
"""Annotations of the StatefulSet that save what `start` and `undo` need, even if the harness was killed."""


def stop(target: Target, name: str) -> None:
    """Stop all pods of a StatefulSet, and return when none is left. FaultHadNoEffect if it has no pods."""
    _scale_to_none(target, name)
    until(lambda: _without_pods(target, name), waited_for=f"the pods of {name} to end", within_s=timeouts.DAMAGE_S)


def start(target: Target, name: str) -> None:
    """Start as many pods as there were, without waiting for them. Does nothing if the StatefulSet was not stopped."""
    if replicas := text(_set(target, name), "metadata", "annotations", _REPLICAS):
        _scale(target, name, replicas)
        _annotate(target, name, _REPLICAS, None)


def restart(target: Target, name: str) -> None:
    stop(target, name)
    start(target, name)


@dataclass(frozen=True)
class ScaleDown(BaseFault):
    """A StatefulSet is scaled to 0: its pods go, its claims stay."""

    statefulset: str
    needs: tuple[str, ...] = ()
    title = "scale-down {statefulset}"
    reach = Reach.NAMESPACE

    def inject(self, target: Target) -> None:
        _scale_to_none(target, self.statefulset)

    def damage(self, target: Target) -> Mapping[str, str]:
        name = self.statefulset
        if not text(_set(target, name), "metadata", "annotations", _REPLICAS):
            raise FaultHadNoEffect(f"the StatefulSet {name} is not scaled down")
        damaged(lambda: _without_pods(target, name), waiting_for=f"the pods of {name} to end")
        return {name: "has no pods"}

    def undo(self, target: Target) -> None:
        start(target, self.statefulset)


@dataclass(frozen=True)
class NewAddresses(BaseFault):
    """All pods of a StatefulSet stop, and come back with their volumes at other addresses."""

    of: str  # the StatefulSet
    needs: tuple[str, ...] = ()
    title = "new-addresses of {of}"
    reach = Reach.NAMESPACE

    def inject(self, target: Target) -> None:
        self.undo(target)
        addresses = _addresses(target, self.of)
        if not all(addresses.values()) or not addresses:
            raise FaultHadNoEffect(f"not all pods of {self.of} have an address: {addresses}")
        _annotate(target, self.of, _ADDRESSES, json.dumps(addresses))
        restart(target, self.of)

    def damage(self, target: Target) -> Mapping[str, str]:
        """Every pod has an address, and none has one that any of them had."""
        was = json.loads(text(_set(target, self.of), "metadata", "annotations", _ADDRESSES) or "{}")

        def moved() -> Mapping[str, str]:
            now = _addresses(target, self.of)
            if lacking := [pod for pod in was if not now.get(pod)]:
                raise NotYet(f"without an address: {', '.join(lacking)}")
            return now

        now = until(moved, waited_for=f"the pods of {self.of} to have addresses", within_s=timeouts.DAMAGE_S)
        if not was or set(was.values()) & set(now.values()):
            raise FaultHadNoEffect(f"the pods of {self.of} have old addresses: {now}")
        return {f"address of {pod}": f"was {was[pod]}, is {now[pod]}" for pod in was}

    def undo(self, target: Target) -> None:
        """Start the pods if they are stopped. The new addresses stay."""
        start(target, self.of)
        if text(_set(target, self.of), "metadata", "annotations", _ADDRESSES):
            _annotate(target, self.of, _ADDRESSES, None)


def _scale_to_none(target: Target, name: str) -> None:
    found = _set(target, name)
    if not found:
        raise FaultHadNoEffect(f"no StatefulSet {name}")
    if not text(found, "metadata", "annotations", _REPLICAS):
        replicas = integer(found, "spec", "replicas")
        if not replicas:
            raise FaultHadNoEffect(f"the StatefulSet {name} already has 0 replicas")
        _annotate(target, name, _REPLICAS, str(replicas))
    _scale(target, name, "0")


def _without_pods(target: Target, name: str) -> None:
    if left := _addresses(target, name):
        raise NotYet(f"not ended: {', '.join(sorted(left))}")


def _set(target: Target, name: str) -> Object:
    return find(target.cluster.kubectl, "statefulsets", name, target.namespace)


def _addresses(target: Target, name: str) -> dict[str, str]:
    pods = objects(target.cluster.kubectl, "pods", f"--namespace={target.namespace}")
    mine = (pod for pod in pods if name_of(pod).rpartition("-")[0] == name)
    return {name_of(pod): text(pod, "status", "podIP") for pod in mine}


def _scale(target: Target, name: str, replicas: str) -> None:
    target.cluster.kubectl("scale", "statefulset", name, f"--replicas={replicas}", "-n", target.namespace)


def _annotate(target: Target, name: str, key: str, value: str | None) -> None:
    change = f"{key}-" if value is None else f"{key}={value}"
    target.cluster.kubectl("annotate", "--overwrite", "statefulset", name, change, "-n", target.namespace)
