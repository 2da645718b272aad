"""Velero's own parts die while they work, or do what they should not have been let do."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect
from harness.core.kubernetes import Object, condition, items, objects, text
from harness.core.model import DONE, Volume
from harness.core.ports import Bounded, Fault, Reach, Target
from harness.core.wait import NotYet, until

NAMESPACE = "velero"
_MARK = "drillproof.dev/killed"
_MARKED = f"--selector={_MARK}=yes"
_PAST = "2000-01-01T00:00:00Z"
_TO_DO = frozenset({"", "New", "Accepted", "Prepared", "InProgress"})
_ENDED = frozenset({DONE, "PartiallyFailed", "Failed", "FailedValidation", "Canceled"})
_LABEL = {"velero": "deploy", "node-agent": "name"}
"""The label that a part's pods bear, with the part's name for its value, as `velero install` makes them."""


def kill(target: Target, part: str) -> None:
    """End all pods of one part of Velero at once; their controllers make new ones. FaultHadNoEffect if it has none."""
    pods = ("pods", f"--namespace={NAMESPACE}", f"--selector={_LABEL[part]}={part}")
    if not objects(target.cluster.kubectl, *pods):
        raise FaultHadNoEffect(f"no pod of {part} is there to be killed")
    target.cluster.kubectl("delete", *pods, "--force", "--grace-period=0", "--wait=false")


@dataclass(frozen=True)
class KillWhileWorking:
    """All pods of one part of Velero are killed as soon as one of its tasks is in progress."""

    part: str  # velero, node-agent
    task: str  # backups, restores, podvolumebackups, podvolumerestores
    needs: tuple[str, ...] = ()
    reach: ClassVar[Reach] = Reach.TOOL

    @property
    def name(self) -> str:
        """What is killed during what."""
        return f"kill-{self.part} during {self.task}"

    def inject(self, target: Target) -> None:
        """Wait for such a task, mark it, and kill the pods. TimedOut if none comes."""
        _mark(target, self.task, frozenset({"InProgress"}))
        kill(target, self.part)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """What was in progress ended as anything but Completed. FaultHadNoEffect if all of it came to a good end."""
        return _broken(target, self.task)

    def undo(self, target: Target) -> None:
        """Nothing to take away: their controllers have made new ones."""


@dataclass(frozen=True)
class While:
    """Another fault, as soon as Velero has one of its tasks to do, and until it has ended: then it is over."""

    task: str  # as above
    fault: Fault

    @property
    def name(self) -> str:
        """What, and during what."""
        return f"{self.fault.name} during {self.task}"

    @property
    def needs(self) -> tuple[str, ...]:
        """What it needs itself."""
        return self.fault.needs

    @property
    def reach(self) -> Reach:
        """As far as the other; and it marks the tool's own records."""
        return self.fault.reach if isinstance(self.fault, Bounded) else Reach.TOOL

    def inject(self, target: Target) -> None:
        """Wait for such a task, mark it, strike, see that it struck, and take it away when the task has ended."""
        _mark(target, self.task, _TO_DO)
        try:
            self.fault.inject(target)
            self.fault.damage(target, ())
            _ended(target, self.task)
        finally:
            self.undo(target)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """What was to be done ended as anything but Completed. FaultHadNoEffect if all of it came to a good end."""
        return _broken(target, self.task)

    def undo(self, target: Target) -> None:
        """Take it away."""
        self.fault.undo(target)


@dataclass(frozen=True)
class SlowNodeAgent:
    """The node agents, which copy the volumes, have a limit on the processor, as many are given one.

    A copy takes many times as long then. Nothing else is wrong with it.
    """

    cpu: str = "100m"
    needs: tuple[str, ...] = ()
    reach: ClassVar[Reach] = Reach.TOOL

    @property
    def name(self) -> str:
        """How much they have."""
        return f"slow-node-agent {self.cpu}"

    def inject(self, target: Target) -> None:
        """Set the limit, and return when all node agents run with it. ToolFailed if they do not."""
        self._limit(target, self.cpu)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """The limit of every pod that runs. FaultHadNoEffect if one has none."""
        pods = objects(target.cluster.kubectl, "pods", f"--namespace={NAMESPACE}", "--selector=name=node-agent")
        limits = {
            text(pod, "metadata", "name"): text(container, "resources", "limits", "cpu")
            for pod in pods
            for container in items(pod, "spec", "containers")
        }
        if set(limits.values()) != {self.cpu}:
            raise FaultHadNoEffect(f"not every node agent is limited to {self.cpu}: {limits or 'there is none'}")
        return dict.fromkeys(limits, f"has {self.cpu} of a processor, no more")

    def undo(self, target: Target) -> None:
        """Take the limit away, and return when all node agents run without it."""
        self._limit(target, None)

    def _limit(self, target: Target, cpu: str | None) -> None:
        limited = {"name": "node-agent", "resources": {"limits": {"cpu": cpu}}}
        patch = json.dumps({"spec": {"template": {"spec": {"containers": [limited]}}}})
        where = ("daemonset/node-agent", f"--namespace={NAMESPACE}")
        target.cluster.kubectl("patch", *where, f"--patch={patch}")
        within_s = timeouts.HEALTHY_S
        target.cluster.kubectl("rollout", "status", *where, f"--timeout={within_s:.0f}s", within_s=within_s + 10)


@dataclass(frozen=True)
class SecondServer:
    """A second Velero server runs beside the first; each takes every backup and restore for its own."""

    name: str = "second-velero-server"
    needs: tuple[str, ...] = ()
    reach: ClassVar[Reach] = Reach.TOOL

    def inject(self, target: Target) -> None:
        """Ask for two, and return when both are Ready. ToolFailed if they do not get so."""
        self._scale(target, 2)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """Both of them. FaultHadNoEffect if fewer than two are Ready."""
        pods = objects(target.cluster.kubectl, "pods", f"--namespace={NAMESPACE}", "--selector=deploy=velero")
        ready = [text(pod, "metadata", "name") for pod in pods if condition(pod, "Ready") == "True"]
        if len(ready) < 2:  # noqa: PLR2004 # it is what the fault is about
            raise FaultHadNoEffect(f"Velero's servers that are Ready: {', '.join(ready) or 'none'}")
        return dict.fromkeys(ready, "is a Velero server, and Ready")

    def undo(self, target: Target) -> None:
        """Go back to one."""
        self._scale(target, 1)

    def _scale(self, target: Target, replicas: int) -> None:
        where, within_s = ("deployment/velero", f"--namespace={NAMESPACE}"), timeouts.HEALTHY_S
        target.cluster.kubectl("scale", *where, f"--replicas={replicas}")
        target.cluster.kubectl("rollout", "status", *where, f"--timeout={within_s:.0f}s", within_s=within_s + 10)


@dataclass(frozen=True)
class ExpireBackups:
    """The time to live of every backup has run out, and Velero's own garbage collection deletes them."""

    name: str = "expire-backups"
    needs: tuple[str, ...] = ()
    reach: ClassVar[Reach] = Reach.TOOL

    def inject(self, target: Target) -> None:
        """Put their expiration into the past, and let Velero start anew: then it looks, and else once an hour."""
        backups = [text(backup, "metadata", "name") for backup in _tasks(target, "backups")]
        if not backups:
            raise FaultHadNoEffect("there is no backup that could expire")
        past = json.dumps({"status": {"expiration": _PAST}})
        command = ("patch", "backups.velero.io", f"--namespace={NAMESPACE}", "--type=merge", f"--patch={past}")
        for backup in backups:
            target.cluster.kubectl(*command, backup)
        kill(target, "velero")

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """No backup that expired is left in the cluster, and none at all in the bucket."""

        def gone() -> Mapping[str, str]:
            bucket = target.bucket
            kept = bucket.client().list_objects_v2(Bucket=bucket.bucket, Prefix="backups/").get("KeyCount", 0)
            backups = [text(backup, "status", "expiration") for backup in _tasks(target, "backups")]
            if (listed := backups.count(_PAST)) or kept:
                raise NotYet(
                    f"{listed} expired backups are left in the cluster, {kept} objects of backups in the bucket"
                )
            return {"backups in the cluster": "none is left", f"backups in the bucket {bucket.bucket}": "none is left"}

        return until(gone, waited_for="all backups to be deleted", within_s=timeouts.DAMAGE_S, every_s=1)

    def undo(self, target: Target) -> None:
        """Nothing to take away: what is deleted is deleted."""


def _mark(target: Target, task: str, phases: Collection[str]) -> None:
    """Wait for such tasks in one of these phases, and mark them. TimedOut if none comes."""

    def found() -> tuple[str, ...]:
        names = tuple(text(each, "metadata", "name") for each in _tasks(target, task) if _phase(each) in phases)
        if not names:
            raise NotYet("none")
        return names

    # Asked without a pause: a small backup is over within a second or two.
    names = until(found, waited_for=f"{task} to be under way", within_s=timeouts.DAMAGE_S, every_s=0.1)
    label = ("label", f"{task}.velero.io", f"--namespace={NAMESPACE}")
    target.cluster.kubectl(*label, *names, f"{_MARK}=yes")
    earlier = {text(each, "metadata", "name") for each in _tasks(target, task, _MARKED)} - set(names)
    if earlier:  # of another drill in this cluster
        target.cluster.kubectl(*label, *sorted(earlier), f"{_MARK}-")


def _ended(target: Target, task: str) -> Mapping[str, str]:
    """What was marked with the phase in which it ended, once all of it has. TimedOut."""

    def ended() -> Mapping[str, str]:
        phases = {text(each, "metadata", "name"): _phase(each) for each in _tasks(target, task, _MARKED)}
        if going := [name for name, phase in phases.items() if phase not in _ENDED]:
            raise NotYet(f"in progress: {', '.join(going)}")
        return phases

    return until(ended, waited_for=f"{task} to end", within_s=timeouts.BACKUP_S)


def _broken(target: Target, task: str) -> Mapping[str, str]:
    broken = {f"{task} {name}": phase for name, phase in _ended(target, task).items() if phase != DONE}
    if not broken:
        raise FaultHadNoEffect(f"all {task} came to a good end; it struck too late")
    return broken


def _tasks(target: Target, task: str, *selector: str) -> tuple[Object, ...]:
    return objects(target.cluster.kubectl, f"{task}.velero.io", f"--namespace={NAMESPACE}", *selector)


def _phase(task: Object) -> str:
    return text(task, "status", "phase")
