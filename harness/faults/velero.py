"""Velero's own parts fail while they work, are misconfigured, or delete backups that have expired."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from harness.backups.velero_install import NAMESPACE
from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect
from harness.core.json import items, text
from harness.core.kubernetes import Object, condition, name_of, objects
from harness.core.model import DONE
from harness.core.ports import Fault, Reach, Target
from harness.core.wait import NotYet, until
from harness.faults.base import BaseFault

_MARK = "drillproof.dev/killed"
_MARKED = f"--selector={_MARK}=yes"
_UPLOADS = "datauploads"
_PAST = "2000-01-01T00:00:00Z"
_TO_DO = frozenset({"", "New", "Accepted", "Prepared", "InProgress"})
_ENDED = frozenset({DONE, "PartiallyFailed", "Failed", "FailedValidation", "Canceled"})
_LABEL = {"velero": "deploy", "node-agent": "name"}
"""The label of each part's pods, whose value is the part's name, as `velero install` sets it."""


def kill(target: Target, part: str) -> None:
    """Kill all pods of one part of Velero at once; controllers create new ones. FaultHadNoEffect if it has none."""
    pods = ("pods", f"--namespace={NAMESPACE}", f"--selector={_LABEL[part]}={part}")
    if not objects(target.cluster.kubectl, *pods):
        raise FaultHadNoEffect(f"Velero has no pod of {part} to kill")
    target.cluster.kubectl("delete", *pods, "--force", "--grace-period=0", "--wait=false")


@dataclass(frozen=True)
class KillWhileWorking(BaseFault):
    """Kills all pods of one part of Velero as soon as one of its tasks is in progress."""

    part: str  # velero, node-agent
    task: str  # backups, restores, podvolumebackups, podvolumerestores
    title = "kill-{part} during {task}"
    reach = Reach.TOOL

    def inject(self, target: Target) -> None:
        """Wait for such a task, mark it, and kill the pods. TimedOut if no task starts."""
        _mark(target, self.task, frozenset({"InProgress"}))
        kill(target, self.part)

    def damage(self, target: Target) -> Mapping[str, str]:
        """The marked tasks that did not end as Completed, with their phases."""
        return _not_completed(target, self.task)


@dataclass(frozen=True)
class CancelUploads(BaseFault):
    """Every copy of a snapshot is cancelled before it ends, as Velero itself does when one takes too long."""

    title = "cancel-data-uploads"
    reach = Reach.TOOL

    def inject(self, target: Target) -> None:
        """Wait for uploads, mark them, and cancel them. TimedOut if none starts."""
        _mark(target, _UPLOADS, _TO_DO)
        patch = ("patch", f"{_UPLOADS}.velero.io", f"--namespace={NAMESPACE}", "--type=merge")
        for upload in records(target, _UPLOADS, _MARKED):
            target.cluster.kubectl(*patch, '--patch={"spec": {"cancel": true}}', name_of(upload))

    def damage(self, target: Target) -> Mapping[str, str]:
        """The marked uploads that did not end as Completed, with their phases."""
        return _not_completed(target, _UPLOADS)


@dataclass(frozen=True)
class While(BaseFault):
    """Another fault, from when Velero has a task of some kind until that task has ended."""

    task: str  # as above
    fault: Fault
    title = "{fault.name} during {task}"

    @property
    def needs(self) -> tuple[str, ...]:
        return self.fault.needs

    @property
    def reach(self) -> Reach:
        return self.fault.reach

    def inject(self, target: Target) -> None:
        """Wait for such a task, mark it, inject the fault, wait for its damage, and undo it when the task has ended."""
        _mark(target, self.task, _TO_DO)
        try:
            self.fault.inject(target)
            self.fault.damage(target)
            _ended(target, self.task)
        finally:
            self.undo(target)

    def damage(self, target: Target) -> Mapping[str, str]:
        """The marked tasks that did not end as Completed, with their phases."""
        return _not_completed(target, self.task)

    def undo(self, target: Target) -> None:
        self.fault.undo(target)


@dataclass(frozen=True)
class SlowNodeAgent(BaseFault):
    """The node agents, which copy the volumes, get a CPU limit, as is common. A copy then takes many times as long."""

    cpu: str = "100m"
    title = "slow-node-agent {cpu}"
    reach = Reach.TOOL

    def inject(self, target: Target) -> None:
        self._limit(target, self.cpu)

    def damage(self, target: Target) -> Mapping[str, str]:
        pods = objects(target.cluster.kubectl, "pods", f"--namespace={NAMESPACE}", "--selector=name=node-agent")
        limits = {
            name_of(pod): text(container, "resources", "limits", "cpu")
            for pod in pods
            for container in items(pod, "spec", "containers")
        }
        if set(limits.values()) != {self.cpu}:
            raise FaultHadNoEffect(f"not every node agent is limited to {self.cpu}: {limits or 'there is none'}")
        return dict.fromkeys(limits, f"is limited to {self.cpu} of a CPU")

    def undo(self, target: Target) -> None:
        self._limit(target, None)

    def _limit(self, target: Target, cpu: str | None) -> None:
        limited = {"name": "node-agent", "resources": {"limits": {"cpu": cpu}}}
        patch = json.dumps({"spec": {"template": {"spec": {"containers": [limited]}}}})
        target.cluster.kubectl("patch", "daemonset/node-agent", f"--namespace={NAMESPACE}", f"--patch={patch}")
        _wait_for_rollout(target, "daemonset/node-agent")


@dataclass(frozen=True)
class SecondServer(BaseFault):
    """A second Velero server runs; both handle every backup and restore."""

    title = "second-velero-server"
    reach = Reach.TOOL

    def inject(self, target: Target) -> None:
        self._scale(target, 2)

    def damage(self, target: Target) -> Mapping[str, str]:
        pods = objects(target.cluster.kubectl, "pods", f"--namespace={NAMESPACE}", "--selector=deploy=velero")
        ready = [name_of(pod) for pod in pods if condition(pod, "Ready") == "True"]
        if len(ready) < 2:  # noqa: PLR2004 # it is what the fault is about
            raise FaultHadNoEffect(f"Velero servers that are Ready: {', '.join(ready) or 'none'}")
        return dict.fromkeys(ready, "is a Velero server, and Ready")

    def undo(self, target: Target) -> None:
        self._scale(target, 1)

    def _scale(self, target: Target, replicas: int) -> None:
        target.cluster.kubectl("scale", "deployment/velero", f"--namespace={NAMESPACE}", f"--replicas={replicas}")
        _wait_for_rollout(target, "deployment/velero")


@dataclass(frozen=True)
class ReadOnlyLocation(BaseFault):
    """Every backup storage location is in read-only mode: Velero restores from it, and refuses new backups."""

    title = "read-only-location"
    reach = Reach.TOOL

    def inject(self, target: Target) -> None:
        self._set_mode(target, "ReadOnly")

    def damage(self, target: Target) -> Mapping[str, str]:
        found = records(target, "backupstoragelocations")
        modes = {f"location {name_of(each)}": text(each, "spec", "accessMode") for each in found}
        if set(modes.values()) != {"ReadOnly"}:
            raise FaultHadNoEffect(f"not every location is ReadOnly: {modes or 'there is none'}")
        return modes

    def undo(self, target: Target) -> None:
        self._set_mode(target, "ReadWrite")

    def _set_mode(self, target: Target, mode: str) -> None:
        patch = json.dumps({"spec": {"accessMode": mode}})
        command = ("patch", "backupstoragelocations.velero.io", f"--namespace={NAMESPACE}", "--type=merge")
        for location in records(target, "backupstoragelocations"):
            target.cluster.kubectl(*command, f"--patch={patch}", name_of(location))


@dataclass(frozen=True)
class ExpireBackups(BaseFault):
    """The time to live of every backup has run out, and Velero's garbage collection deletes them."""

    title = "expire-backups"
    reach = Reach.TOOL

    def inject(self, target: Target) -> None:
        """Set their expiration to the past, and restart Velero: it then looks at once instead of once an hour."""
        backups = list(map(name_of, records(target, "backups")))
        if not backups:
            raise FaultHadNoEffect("no backup could expire: there is none")
        past = json.dumps({"status": {"expiration": _PAST}})
        command = ("patch", "backups.velero.io", f"--namespace={NAMESPACE}", "--type=merge", f"--patch={past}")
        for backup in backups:
            target.cluster.kubectl(*command, backup)
        kill(target, "velero")

    def damage(self, target: Target) -> Mapping[str, str]:
        """No expired backup is left in the cluster, and no backup at all in the bucket."""

        def gone() -> Mapping[str, str]:
            bucket = target.bucket
            stored = bucket.client().list_objects_v2(Bucket=bucket.bucket, Prefix="backups/").get("KeyCount", 0)
            backups = [text(backup, "status", "expiration") for backup in records(target, "backups")]
            if (listed := backups.count(_PAST)) or stored:
                raise NotYet(
                    f"{listed} expired backups are left in the cluster, {stored} objects of backups in the bucket"
                )
            return {"backups in the cluster": "none is left", f"backups in the bucket {bucket.bucket}": "none is left"}

        return until(gone, waited_for="all backups to be deleted", within_s=timeouts.DAMAGE_S, every_s=1)


def _wait_for_rollout(target: Target, workload: str) -> None:
    within_s = timeouts.HEALTHY_S
    command = ("rollout", "status", workload, f"--namespace={NAMESPACE}", f"--timeout={within_s:.0f}s")
    target.cluster.kubectl(*command, within_s=within_s + 10)


def _mark(target: Target, task: str, phases: Collection[str]) -> None:
    """Wait for tasks of this kind in one of these phases, and label them. TimedOut if none starts."""

    def found() -> tuple[str, ...]:
        names = tuple(name_of(each) for each in records(target, task) if _phase(each) in phases)
        if not names:
            raise NotYet("none")
        return names

    # Almost without a pause: a small backup is over within a second or two.
    names = until(found, waited_for=f"{task} to be under way", within_s=timeouts.DAMAGE_S, every_s=0.1)
    label = ("label", f"{task}.velero.io", f"--namespace={NAMESPACE}")
    target.cluster.kubectl(*label, *names, f"{_MARK}=yes")
    earlier = {name_of(each) for each in records(target, task, _MARKED)} - set(names)
    if earlier:  # from another drill in this cluster
        target.cluster.kubectl(*label, *sorted(earlier), f"{_MARK}-")


def _ended(target: Target, task: str) -> Mapping[str, str]:
    def ended() -> Mapping[str, str]:
        phases = {name_of(each): _phase(each) for each in records(target, task, _MARKED)}
        if going := [name for name, phase in phases.items() if phase not in _ENDED]:
            raise NotYet(f"in progress: {', '.join(going)}")
        return phases

    return until(ended, waited_for=f"{task} to end", within_s=timeouts.BACKUP_S)


def _not_completed(target: Target, task: str) -> Mapping[str, str]:
    found = {f"{task} {name}": phase for name, phase in _ended(target, task).items() if phase != DONE}
    if not found:
        raise FaultHadNoEffect(f"all {task} ended as {DONE}: the fault came too late")
    return found


def records(target: Target, kind: str, *selector: str) -> tuple[Object, ...]:
    return objects(target.cluster.kubectl, f"{kind}.velero.io", f"--namespace={NAMESPACE}", *selector)


def _phase(task: Object) -> str:
    return text(task, "status", "phase")
