"""Somebody deletes Kubernetes objects: the whole namespace, or everything of some kinds."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect
from harness.core.kubernetes import name_of, objects
from harness.core.ports import Reach, Target
from harness.faults.base import BaseFault
from harness.faults.observations import gone, unreadable


@dataclass(frozen=True)
class DeleteNamespace(BaseFault):
    """`kubectl delete namespace`: pods, claims and, with the reclaim policy Delete, the volumes with all data."""

    retained: bool = False  # the volumes have the reclaim policy Retain
    title = "delete-namespace"
    reach = Reach.NAMESPACE

    def inject(self, target: Target) -> None:
        within_s = timeouts.DAMAGE_S
        command = ("delete", "namespace", target.namespace, "--wait=true", f"--timeout={within_s:.0f}s")
        target.cluster.kubectl(*command, within_s=within_s + 10)

    def damage(self, target: Target) -> Mapping[str, str]:
        """Every old claim and volume is gone by its UID (or the volume is Released), and no member can be read."""
        if not target.volumes_before:
            raise FaultHadNoEffect(f"the namespace {target.namespace} had no volumes, so its deletion proves nothing")
        return dict(gone(target, target.volumes_before, retained=self.retained)) | dict(unreadable(target))


@dataclass(frozen=True)
class DeleteObjects(BaseFault):
    """Deletes every object of some kinds in the namespace, with its dependents. The volumes stay."""

    kinds: tuple[str, ...]  # for example statefulsets
    needs: tuple[str, ...] = ()
    reach = Reach.NAMESPACE

    @property
    def name(self) -> str:
        return f"delete-{'-and-'.join(self.kinds)}"

    def inject(self, target: Target) -> None:
        if not self._existing(target):
            raise FaultHadNoEffect(f"{target.namespace} has no {', '.join(self.kinds)}")
        command = ("delete", ",".join(self.kinds), "--all", "-n", target.namespace, "--cascade=foreground")
        target.cluster.kubectl(*command, within_s=timeouts.DAMAGE_S)

    def damage(self, target: Target) -> Mapping[str, str]:
        if left := self._existing(target):
            raise FaultHadNoEffect(f"not deleted: {', '.join(left)}")
        return dict.fromkeys(self.kinds, "none is left") | dict(unreadable(target))

    def _existing(self, target: Target) -> tuple[str, ...]:
        found = objects(target.cluster.kubectl, ",".join(self.kinds), f"--namespace={target.namespace}")
        return tuple(map(name_of, found))
