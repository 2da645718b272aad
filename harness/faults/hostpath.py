"""A volume is of a kind that the backup tool does not read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect
from harness.core.kubernetes import Object, condition, objects, text
from harness.core.model import Volume
from harness.core.ports import Reach, Target
from harness.core.wait import NotYet, until
from harness.faults.annotations import Annotate
from harness.faults.observations import of_pods
from harness.workloads.volume_claims import discard, held_by

_TYPE = "defaultVolumeType"
"""The annotation by which local-path's classes say of which kind their volumes are."""


@dataclass(frozen=True)
class HostPathVolume:
    """The volume of a pod is made anew as a `hostPath`, which is what local-path's classes give unless told otherwise.

    Its pod is made anew with it, and runs again before this returns.
    """

    pod: str
    storage_class: str
    needs: tuple[str, ...] = ()
    reach: ClassVar[Reach] = Reach.CLUSTER

    @property
    def name(self) -> str:
        """Whose."""
        return f"hostpath-volume of {self.pod}"

    def inject(self, target: Target) -> None:
        """Let the class forget the kind of its volumes, and remove the pod with its claims."""
        self._class.undo(target)  # a killed harness may have left it; what it should be must not be forgotten
        self._class.inject(target)
        self._make_anew(target)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:
        """Its claims are bound to other volumes than before, and those are hostPath."""
        old = {volume.volume_uid for volume in before}
        mine = self._volumes(target)
        if not mine or any(volume.kind != "hostPath" or volume.volume_uid in old for volume in mine):
            raise FaultHadNoEffect(f"{self.pod} is on {', '.join(f'{v.claim}: {v.kind}' for v in mine) or 'no volume'}")
        return {f"kind of {volume.claim}": f"hostPath, at {volume.path}" for volume in mine}

    def undo(self, target: Target) -> None:
        """Tell the class again what it forgot, and make a volume that is a hostPath once more."""
        self._class.undo(target)
        if any(volume.kind == "hostPath" for volume in self._volumes(target)):
            self._make_anew(target)

    def _make_anew(self, target: Target) -> None:
        old = self._pod(target)
        discard(target.cluster.kubectl, target.namespace, held_by(old))

        def runs() -> None:
            new = self._pod(target)
            if text(new, "metadata", "uid") == text(old, "metadata", "uid") or condition(new, "Ready") != "True":
                raise NotYet(f"{self.pod} does not run again")

        until(runs, waited_for=f"{self.pod} to run again", within_s=timeouts.DAMAGE_S)

    def _volumes(self, target: Target) -> tuple[Volume, ...]:
        return of_pods(target.cluster.volumes(target.namespace), (self.pod,))

    @property
    def _class(self) -> Annotate:
        return Annotate("no-volume-type", self.storage_class, {_TYPE: None}, kind="storageclasses")

    def _pod(self, target: Target) -> Object:
        pods = objects(target.cluster.kubectl, "pods", f"--namespace={target.namespace}")
        return next((pod for pod in pods if text(pod, "metadata", "name") == self.pod), {})
