"""Volumes are lost, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from harness.core.errors import FaultHadNoEffect
from harness.core.kubernetes import objects, text
from harness.core.model import Volume
from harness.core.ports import Reach, Target
from harness.faults.observations import gone, of_pods
from harness.workloads.volume_claims import discard, held_by


@dataclass(frozen=True)
class LoseVolumes:
    """All claims of some pods are lost with their volumes. The StatefulSets make pods and claims anew, and empty."""

    of: str  # in the fault's name
    pods: tuple[str, ...]
    needs: tuple[str, ...] = ()
    reach: ClassVar[Reach] = Reach.NAMESPACE

    @property
    def name(self) -> str:
        """Whose."""
        return f"lose-volumes of {self.of}"

    def inject(self, target: Target) -> None:
        """Delete the claims, and the pods that hold them."""
        claims = self._claims(target)
        if not claims:
            raise FaultHadNoEffect(f"{', '.join(self.pods)} had no claims")
        discard(target.cluster.kubectl, target.namespace, claims)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:
        """Their claims and volumes are gone by their UIDs."""
        lost = of_pods(before, self.pods)
        if not lost:
            raise FaultHadNoEffect(f"{', '.join(self.pods)} had no volumes")
        return gone(target, lost)

    def undo(self, target: Target) -> None:
        """Nothing to take away: the loss is over when it is seen."""

    def _claims(self, target: Target) -> tuple[str, ...]:
        pods = objects(target.cluster.kubectl, "pods", f"--namespace={target.namespace}")
        mine = (pod for pod in pods if text(pod, "metadata", "name") in self.pods)
        return tuple(claim for pod in mine for claim in held_by(pod))
