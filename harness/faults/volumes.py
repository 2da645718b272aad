"""Volumes are lost, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness import deadlines
from harness.errors import FaultHadNoEffect
from harness.faults.loss import gone
from harness.k8s import at, items, objects, text
from harness.model import Volume
from harness.ports import Target
from harness.wait import NotYet, until


@dataclass(frozen=True)
class LoseVolumes:
    """All claims of some pods are lost with their volumes. The StatefulSets make pods and claims anew, and empty."""

    of: str  # in the fault's name
    pods: tuple[str, ...]
    needs: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Whose."""
        return f"lose-volumes of {self.of}"

    def inject(self, target: Target) -> None:
        """Delete the claims, and the pods that hold them."""
        claims = self._claims(target)
        if not claims:
            raise FaultHadNoEffect(f"{', '.join(self.pods)} had no claims")
        # The claims first: their finalizer keeps them until the pods are gone, and a new pod finds no old claim.
        target.cluster.kubectl("delete", "pvc", *claims, "-n", target.namespace, "--wait=false")
        pods = ("delete", "pods", *self.pods, "-n", target.namespace, "--force", "--grace-period=0", "--wait=false")
        target.cluster.kubectl(*pods)

        def let_go() -> None:
            # A pod that was made while the old claim was still there waits for it for ever; the next one does not.
            if held := set(claims) & set(self._terminating(target)):
                target.cluster.kubectl(*pods)
                raise NotYet(f"still held: {', '.join(sorted(held))}")

        until(let_go, waited_for="the claims to go", within_s=deadlines.DAMAGE_S, every_s=2)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:
        """Their claims and volumes are gone by their UIDs."""
        lost = [volume for volume in before if volume.claim.endswith(tuple(f"-{pod}" for pod in self.pods))]
        if not lost:
            raise FaultHadNoEffect(f"{', '.join(self.pods)} had no volumes")
        return gone(target, lost)

    def undo(self, target: Target) -> None:
        """Nothing to take away: the loss is over when it is seen."""

    def _claims(self, target: Target) -> tuple[str, ...]:
        return tuple(
            text(volume, "persistentVolumeClaim", "claimName")
            for pod in objects(target.cluster.kubectl, "pods", f"--namespace={target.namespace}")
            if text(pod, "metadata", "name") in self.pods
            for volume in items(pod, "spec", "volumes")
            if at(volume, "persistentVolumeClaim")
        )

    def _terminating(self, target: Target) -> tuple[str, ...]:
        claims = objects(target.cluster.kubectl, "pvc", f"--namespace={target.namespace}")
        return tuple(text(c, "metadata", "name") for c in claims if at(c, "metadata", "deletionTimestamp"))
