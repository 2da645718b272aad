"""All pods of a StatefulSet are stopped at once, and started again: nothing of it runs in between."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect
from harness.core.kubernetes import Object, number, objects, text
from harness.core.model import Volume
from harness.core.ports import Reach, Target
from harness.core.wait import NotYet, until

_REPLICAS = "drillproof.dev/replicas-before"
_ADDRESSES = "drillproof.dev/addresses-before"
"""Where the StatefulSet itself keeps what was, so that it outlives a killed harness."""


def stop(target: Target, name: str) -> None:
    """Return when none of its pods is left. FaultHadNoEffect if there is no such StatefulSet."""
    found = _set(target, name)
    if not found:
        raise FaultHadNoEffect(f"there is no StatefulSet {name}")
    if not text(found, "metadata", "annotations", _REPLICAS):
        _annotate(target, name, _REPLICAS, str(number(found, "spec", "replicas")))
    _scale(target, name, "0")

    def stopped() -> None:
        if left := _addresses(target, name):
            raise NotYet(f"still there: {', '.join(sorted(left))}")

    until(stopped, waited_for=f"the pods of {name} to end", within_s=timeouts.DAMAGE_S)


def start(target: Target, name: str) -> None:
    """As many pods as there were. Nothing where it was not stopped, or is no more; does not wait for them."""
    if replicas := text(_set(target, name), "metadata", "annotations", _REPLICAS):
        _scale(target, name, replicas)
        _annotate(target, name, _REPLICAS, None)


@dataclass(frozen=True)
class NewAddresses:
    """All pods of a StatefulSet are stopped, and come back with the volumes that they had, at other addresses."""

    of: str  # the StatefulSet
    needs: tuple[str, ...] = ()
    reach: ClassVar[Reach] = Reach.NAMESPACE

    @property
    def name(self) -> str:
        """Whose."""
        return f"new-addresses of {self.of}"

    def inject(self, target: Target) -> None:
        """Keep the addresses, and stop and start them all. FaultHadNoEffect if there are none."""
        self.undo(target)
        addresses = _addresses(target, self.of)
        if not all(addresses.values()) or not addresses:
            raise FaultHadNoEffect(f"not all pods of {self.of} have an address: {addresses}")
        _annotate(target, self.of, _ADDRESSES, json.dumps(addresses))
        stop(target, self.of)
        start(target, self.of)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """Every pod has an address, and nobody has any that one of them had. FaultHadNoEffect if one does."""
        was = json.loads(text(_set(target, self.of), "metadata", "annotations", _ADDRESSES) or "{}")

        def moved() -> Mapping[str, str]:
            now = _addresses(target, self.of)
            if lacking := [pod for pod in was if not now.get(pod)]:
                raise NotYet(f"without an address: {', '.join(lacking)}")
            return now

        now = until(moved, waited_for=f"the pods of {self.of} to have addresses", within_s=timeouts.DAMAGE_S)
        if not was or set(was.values()) & set(now.values()):
            raise FaultHadNoEffect(f"the pods of {self.of} have addresses that they had: {now}")
        return {f"address of {pod}": f"was {was[pod]}, is {now[pod]}" for pod in was}

    def undo(self, target: Target) -> None:
        """Start them, if that is still to be done. The new addresses stay."""
        start(target, self.of)
        if text(_set(target, self.of), "metadata", "annotations", _ADDRESSES):
            _annotate(target, self.of, _ADDRESSES, None)


def _set(target: Target, name: str) -> Object:
    sets = objects(target.cluster.kubectl, "statefulsets", f"--namespace={target.namespace}")
    return next((each for each in sets if text(each, "metadata", "name") == name), {})


def _addresses(target: Target, name: str) -> dict[str, str]:
    """The address of every pod of a StatefulSet, "" for one that has none yet."""
    pods = objects(target.cluster.kubectl, "pods", f"--namespace={target.namespace}")
    mine = (pod for pod in pods if text(pod, "metadata", "name").rpartition("-")[0] == name)
    return {text(pod, "metadata", "name"): text(pod, "status", "podIP") for pod in mine}


def _scale(target: Target, name: str, replicas: str) -> None:
    target.cluster.kubectl("scale", "statefulset", name, f"--replicas={replicas}", "-n", target.namespace)


def _annotate(target: Target, name: str, key: str, value: str | None) -> None:
    word = f"{key}-" if value is None else f"{key}={value}"
    target.cluster.kubectl("annotate", "--overwrite", "statefulset", name, word, "-n", target.namespace)
