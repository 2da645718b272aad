"""A wrong word in a configuration, rolled out to all who read it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from harness.core.errors import FaultHadNoEffect
from harness.core.kubernetes import objects, text
from harness.core.model import Volume
from harness.core.ports import Reach, Target
from harness.faults import statefulset_restart
from harness.faults.observations import Sight


@dataclass(frozen=True)
class EditConfig:
    """Text in a file of a ConfigMap becomes another; then all pods of a StatefulSet are stopped and started again."""

    what: str
    store: str
    file: str
    old: str
    new: str
    sight: Sight  # what is then to be seen of the store
    restart: str  # the StatefulSet
    reach: ClassVar[Reach] = Reach.NAMESPACE

    @property
    def name(self) -> str:
        """What, and where."""
        return f"{self.what} in {self.file} of {self.store}"

    @property
    def needs(self) -> tuple[str, ...]:
        """The store itself."""
        return (self.store,)

    def inject(self, target: Target) -> None:
        """Write it, and let all read it. FaultHadNoEffect if the file has not the text, or there is none."""
        self.undo(target)
        if not self._write(target, self.old, self.new):
            raise FaultHadNoEffect(f"no ConfigMap has a file {self.file} with {self.old!r} in it")
        statefulset_restart.stop(target, self.restart)
        statefulset_restart.start(target, self.restart)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """What the sight shows; that the text was changed is no damage."""
        return self.sight(target, target.store(self.store))

    def undo(self, target: Target) -> None:
        """Write the old text again, for pods that are made from now on; start what is still stopped."""
        self._write(target, self.new, self.old)
        statefulset_restart.start(target, self.restart)

    def _write(self, target: Target, old: str, new: str) -> bool:
        """Whether any file had the old text."""
        found = dict(_files(target, self.file))
        having = {name: content for name, content in found.items() if old in content}
        for name, content in having.items():
            patch = json.dumps({"data": {self.file: content.replace(old, new)}})
            target.cluster.kubectl(
                "patch", "configmap", name, "-n", target.namespace, "--type=merge", f"--patch={patch}"
            )
        return bool(having)


def _files(target: Target, file: str) -> Iterator[tuple[str, str]]:
    """The name of each ConfigMap that has a file of this name, and what is in it."""
    for each in objects(target.cluster.kubectl, "configmaps", f"--namespace={target.namespace}"):
        if content := text(each, "data", file):
            yield text(each, "metadata", "name"), content
