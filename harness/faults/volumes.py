"""Volumes are lost, outlive their claims, or are of a kind that the backup tool does not read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect
from harness.core.json import text
from harness.core.kubernetes import Object, claims_of, condition, delete_claims, find, name_of, objects
from harness.core.model import Volume
from harness.core.ports import Reach, Target
from harness.core.wait import NotYet, until
from harness.faults.annotations import Annotate
from harness.faults.base import BaseFault
from harness.faults.observations import gone, of_pods

_RETAINED = "drillproof.dev/retained"
_TYPE = "defaultVolumeType"
"""The annotation with which local-path's storage classes choose the kind of their volumes."""


@dataclass(frozen=True)
class LoseVolumes(BaseFault):
    """Some pods lose all claims with their volumes. The StatefulSets create new pods with empty volumes."""

    of: str  # for the fault's name
    pods: tuple[str, ...]
    needs: tuple[str, ...] = ()
    title = "lose-volumes of {of}"
    reach = Reach.NAMESPACE

    def inject(self, target: Target) -> None:
        pods = objects(target.cluster.kubectl, "pods", f"--namespace={target.namespace}")
        claims = [claim for pod in pods if name_of(pod) in self.pods for claim in claims_of(pod).values()]
        if not claims:
            raise FaultHadNoEffect(f"{', '.join(self.pods)} had no claims")
        delete_claims(target.cluster.kubectl, target.namespace, claims)

    def damage(self, target: Target) -> Mapping[str, str]:
        lost = of_pods(target.volumes_before, self.pods)
        if not lost:
            raise FaultHadNoEffect(f"{', '.join(self.pods)} had no volumes")
        return gone(target, lost)


@dataclass(frozen=True)
class RetainVolumes(BaseFault):
    """Every volume of the namespace gets the reclaim policy Retain, as careful administrators set it."""

    title = "retain-volumes"
    reach = Reach.CLUSTER

    def inject(self, target: Target) -> None:
        volumes = [volume.volume for volume in target.cluster.volumes(target.namespace) if volume.volume]
        if not volumes:
            raise FaultHadNoEffect(f"the namespace {target.namespace} has no volumes")
        _set_policy(target, volumes, "Retain")

    def damage(self, target: Target) -> Mapping[str, str]:
        policies = {
            text(each, "metadata", "uid"): text(each, "spec", "persistentVolumeReclaimPolicy")
            for each in objects(target.cluster.kubectl, "persistentvolumes")
        }
        before = target.volumes_before
        if other := [volume.claim for volume in before if policies.get(volume.volume_uid) != "Retain"]:
            raise FaultHadNoEffect(f"not retained: {', '.join(other)}")
        return {f"policy of {volume.claim}": "Retain" for volume in before}

    def undo(self, target: Target) -> None:
        """Set the policy Delete again: Kubernetes then deletes those without a claim, with their data."""
        marked = objects(target.cluster.kubectl, "persistentvolumes", f"--selector={_RETAINED}=yes")
        _set_policy(target, list(map(name_of, marked)), "Delete")


@dataclass(frozen=True)
class HostPathVolume(BaseFault):
    """A pod gets a new volume that is a `hostPath`, the default kind of local-path's storage classes.

    Its pod is created again with it, and runs before this returns.
    """

    pod: str
    storage_class: str
    needs: tuple[str, ...] = ()
    title = "hostpath-volume of {pod}"
    reach = Reach.CLUSTER

    def inject(self, target: Target) -> None:
        self._class.undo(target)  # left by a killed harness: the saved annotation must not be overwritten
        self._class.inject(target)
        self._replace_volume(target)

    def damage(self, target: Target) -> Mapping[str, str]:
        """Its claims are bound to new volumes, all hostPath."""
        old = {volume.volume_uid for volume in target.volumes_before}
        mine = self._volumes(target)
        if not mine or any(volume.kind != "hostPath" or volume.volume_uid in old for volume in mine):
            raise FaultHadNoEffect(f"{self.pod} is on {', '.join(f'{v.claim}: {v.kind}' for v in mine) or 'no volume'}")
        return {f"kind of {volume.claim}": f"hostPath, at {volume.path}" for volume in mine}

    def undo(self, target: Target) -> None:
        self._class.undo(target)
        if any(volume.kind == "hostPath" for volume in self._volumes(target)):
            self._replace_volume(target)

    def _replace_volume(self, target: Target) -> None:
        old = self._pod(target)
        delete_claims(target.cluster.kubectl, target.namespace, claims_of(old).values())

        def runs() -> None:
            new = self._pod(target)
            if text(new, "metadata", "uid") == text(old, "metadata", "uid") or condition(new, "Ready") != "True":
                raise NotYet(f"{self.pod} is not ready")

        until(runs, waited_for=f"{self.pod} to run again", within_s=timeouts.DAMAGE_S)

    def _volumes(self, target: Target) -> tuple[Volume, ...]:
        return of_pods(target.cluster.volumes(target.namespace), (self.pod,))

    @property
    def _class(self) -> Annotate:
        return Annotate("no-volume-type", self.storage_class, {_TYPE: None}, kind="storageclasses")

    def _pod(self, target: Target) -> Object:
        return find(target.cluster.kubectl, "pods", self.pod, target.namespace)


def _set_policy(target: Target, volumes: list[str], policy: str) -> None:
    if volumes:
        patch = {"metadata": {"labels": {_RETAINED: "yes"}}, "spec": {"persistentVolumeReclaimPolicy": policy}}
        target.cluster.kubectl("patch", "persistentvolumes", *volumes, "--type=merge", "-p", json.dumps(patch))
