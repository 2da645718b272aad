"""An object asks for something wrong: its annotations are not what they were."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.core.errors import FaultHadNoEffect
from harness.core.kubernetes import at, objects, text
from harness.core.model import Json, Volume
from harness.core.ports import Reach, Target

_KEPT = "drillproof.dev/annotations-before"
"""Where the object itself keeps what undo puts back, so that it outlives a killed harness."""


@dataclass(frozen=True)
class Annotate:
    """Sets annotations of one object to other values, or with None takes them away. A pod itself goes on."""

    what: str  # in the fault's name
    which: str
    to: Mapping[str, str | None] = field(hash=False)
    needs: tuple[str, ...] = ()
    kind: str = "pods"

    @property
    def name(self) -> str:
        """What, and of which object."""
        return f"{self.what} of {self.which}"

    @property
    def reach(self) -> Reach:
        """As far as that object is shared."""
        return Reach.CLUSTER if self.kind == "storageclasses" else Reach.NAMESPACE

    def inject(self, target: Target) -> None:
        """Keep what was there, and change it."""
        now = self._annotations(target)
        before = {key: text(now, key) or None for key in self.to}
        self._patch(target, {_KEPT: json.dumps(before), **self.to})

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """Every annotation is another than it was. FaultHadNoEffect if one is not."""
        now = self._annotations(target)
        was = json.loads(text(now, _KEPT) or "{}")
        same = [key for key in self.to if (text(now, key) or None) == was.get(key)]
        if same or not was:
            raise FaultHadNoEffect(f"{self.which} asks for what it asked for: {', '.join(same) or 'all of it'}")
        return {key: f"was {was[key]}, is {text(now, key) or 'gone'}" for key in self.to}

    def undo(self, target: Target) -> None:
        """Put it back as it was."""
        if kept := text(self._annotations(target), _KEPT):
            self._patch(target, {**json.loads(kept), _KEPT: None})

    def _annotations(self, target: Target) -> Json:
        listed = objects(target.cluster.kubectl, self.kind, f"--namespace={target.namespace}")
        found = [thing for thing in listed if text(thing, "metadata", "name") == self.which]
        if not found:
            raise FaultHadNoEffect(f"there is no {self.which} among the {self.kind}")
        return at(found[0], "metadata", "annotations") or {}

    def _patch(self, target: Target, annotations: Mapping[str, str | None]) -> None:
        patch = json.dumps({"metadata": {"annotations": dict(annotations)}})
        target.cluster.kubectl("patch", self.kind, self.which, "-n", target.namespace, "--type=merge", "-p", patch)
