"""Annotations of an object are changed, and with them what the object asks for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.core.errors import FaultHadNoEffect
from harness.core.json import at, text
from harness.core.kubernetes import Object, find, name_of, objects
from harness.core.model import Json
from harness.core.ports import Reach, Target
from harness.faults.base import BaseFault

_SAVED = "drillproof.dev/annotations-before"
"""Saves the old values on the object itself, so that `undo` works even if the harness was killed."""

ANY = "any pod"
"""For `which`: the first pod that has all these annotations, whatever its name."""


@dataclass(frozen=True)
class Annotate(BaseFault):
    """Sets annotations of one object, or removes those whose new value is None. A pod keeps running."""

    what: str  # for the fault's name
    which: str  # the object's name, or ANY
    to: Mapping[str, str | None] = field(hash=False)
    needs: tuple[str, ...] = ()
    kind: str = "pods"
    title = "{what} of {which}"

    @property
    def reach(self) -> Reach:
        return Reach.CLUSTER if self.kind == "storageclasses" else Reach.NAMESPACE

    def inject(self, target: Target) -> None:
        now = self._annotations(target)
        before = {key: text(now, key) or None for key in self.to}
        self._patch(target, {_SAVED: json.dumps(before), **self.to})

    def damage(self, target: Target) -> Mapping[str, str]:
        now = self._annotations(target)
        was = json.loads(text(now, _SAVED) or "{}")
        same = [key for key in self.to if (text(now, key) or None) == was.get(key)]
        if same or not was:
            raise FaultHadNoEffect(f"annotations of {self.which} did not change: {', '.join(same or self.to)}")
        return {key: f"was {was[key]}, is {text(now, key) or 'gone'}" for key in self.to}

    def undo(self, target: Target) -> None:
        if saved := text(self._annotations(target), _SAVED):
            self._patch(target, {**json.loads(saved), _SAVED: None})

    def _annotations(self, target: Target) -> Json:
        return at(self._object(target), "metadata", "annotations") or {}

    def _object(self, target: Target) -> Object:
        kubectl, namespace = target.cluster.kubectl, target.namespace
        if self.which != ANY:
            if found := find(kubectl, self.kind, self.which, namespace):
                return found
            raise FaultHadNoEffect(f"{self.kind} {self.which} not found")
        pods = sorted(objects(kubectl, "pods", "-n", namespace), key=name_of)
        for wanted in ({_SAVED}, {*self.to}):  # the one that was changed, else one to change
            for pod in pods:
                if all(text(pod, "metadata", "annotations", key) for key in wanted):
                    return pod
        raise FaultHadNoEffect(f"no pod has the annotations {', '.join(self.to)}")

    def _patch(self, target: Target, annotations: Mapping[str, str | None]) -> None:
        patch = json.dumps({"metadata": {"annotations": dict(annotations)}})
        which = name_of(self._object(target))
        target.cluster.kubectl("patch", self.kind, which, "-n", target.namespace, "--type=merge", "-p", patch)
