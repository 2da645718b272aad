"""Pods are started with a configuration that is not theirs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from harness import deadlines
from harness.errors import FaultHadNoEffect
from harness.faults.loss import Sight
from harness.k8s import Object, make_anew, objects, text
from harness.model import Volume
from harness.ports import Target

_KEPT = "drillproof.dev/text-before"
"""Where the ConfigMap itself keeps what undo puts back, so that it outlives a killed harness."""


@dataclass(frozen=True)
class StartWith:
    """A text of a ConfigMap is another while some pods of a store are made anew. They keep what they started with."""

    what: str
    store: str
    pods: tuple[str, ...]
    configmap: str
    key: str
    old: str
    new: str
    sight: Sight  # what is then to be seen of the store

    @property
    def name(self) -> str:
        """What, and of whom."""
        return f"{self.what} of {', '.join(self.pods)}"

    @property
    def needs(self) -> tuple[str, ...]:
        """The store itself."""
        return (self.store,)

    def inject(self, target: Target) -> None:
        """Keep the text, change it, and make the pods anew. FaultHadNoEffect if there is nothing to change."""
        self.undo(target)
        whole = text(self._found(target), "data", self.key)
        if self.old not in whole:
            raise FaultHadNoEffect(f"{self.key} of {self.configmap} has no {self.old!r}")
        self._patch(target, whole.replace(self.old, self.new), kept=whole)
        make_anew(target.cluster.kubectl, target.namespace, self.pods, within_s=deadlines.DAMAGE_S)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """What the sight shows; that a text was changed is no damage."""
        return self.sight(target, target.store(self.store))

    def undo(self, target: Target) -> None:
        """Put the text back. The pods have what they started with until they are made anew."""
        if kept := text(self._found(target), "metadata", "annotations", _KEPT):
            self._patch(target, kept, kept=None)

    def _found(self, target: Target) -> Object:
        maps = objects(target.cluster.kubectl, "configmaps", f"--namespace={target.namespace}")
        return next((each for each in maps if text(each, "metadata", "name") == self.configmap), {})

    def _patch(self, target: Target, whole: str, *, kept: str | None) -> None:
        patch = json.dumps({"metadata": {"annotations": {_KEPT: kept}}, "data": {self.key: whole}})
        target.cluster.kubectl(
            "patch", "configmap", self.configmap, "-n", target.namespace, "--type=merge", "-p", patch
        )
