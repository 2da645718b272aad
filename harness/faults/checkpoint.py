"""Checkpoints that fall into the copy of a database's live files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect
from harness.core.kubernetes import Object, objects, text
from harness.core.model import Volume
from harness.core.ports import Reach, Target
from harness.core.wait import NotYet, until

BEGUN_S = 120.0
"""For Velero to begin the copy once it was asked for a backup: it takes some seconds."""

_BEGUN = re.compile(r"^(\S+) .*checkpoint starting: ", re.MULTILINE)
# Ten for each way to the pod, which takes as long as they do: small data are copied in two seconds.
_CHECKPOINTS = ("bash", "-ec", ". /scripts/cluster.sh; for _ in {1..10}; do sql -d postgres -c CHECKPOINT; done")


@dataclass(frozen=True)
class CheckpointsDuringCopy:
    """PostgreSQL's primary makes one checkpoint after another for as long as Velero copies its data directory.

    Files copied before a checkpoint lack what it wrote, and `pg_control`, copied after it, lets recovery begin behind
    that. A checkpoint is nothing unusual: it happens by itself every five minutes, and whenever somebody asks for one.
    """

    name: str = "checkpoints-during-copy of postgres-primary-0"
    needs: tuple[str, ...] = ("postgres",)
    reach: ClassVar[Reach] = Reach.TOOL  # whose records it watches
    volume: str = "data"

    def inject(self, target: Target) -> None:
        """Wait for the copy to begin, and force checkpoints until it has ended. TimedOut if it does not begin."""
        member = target.store("postgres").members[0]

        def begun() -> None:
            if not any(_is_under_way(copy) for copy in self._copies(target)):
                raise NotYet(f"no copy of {member}'s volume {self.volume} is under way")

        def ended() -> None:
            if any(_is_under_way(copy) for copy in self._copies(target)):
                target.cluster.kubectl("exec", "-n", target.namespace, member, "-c", "postgres", "--", *_CHECKPOINTS)
                raise NotYet("the copy is under way")

        until(begun, waited_for=f"the copy of {member} to begin", within_s=BEGUN_S, every_s=0.1)
        until(ended, waited_for=f"the copy of {member} to end", within_s=timeouts.BACKUP_S, every_s=0.1)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # asks the server
        """The checkpoints that the server itself logged between the copy's beginning and its end; there must be one."""
        member = target.store("postgres").members[0]
        copies = self._copies(target)
        if not copies:
            raise FaultHadNoEffect(f"the volume {self.volume} of {member} was not copied")
        copy = max(copies, key=lambda copy: text(copy, "status", "startTimestamp"))
        start, end = (text(copy, "status", f"{which}Timestamp") for which in ("start", "completion"))
        log = target.cluster.kubectl(
            "logs", "-n", target.namespace, member, "-c", "postgres", "--timestamps", f"--since-time={start}"
        )
        # Velero's times have whole seconds: what is in the first or the last one may have been outside.
        inside = [at for at in _BEGUN.findall(log) if start[:19] < at[:19] < end[:19]]
        if not inside:
            raise FaultHadNoEffect(f"no checkpoint began between {start} and {end}, when {member} was copied")
        return {member: f"{len(inside)} checkpoints began between {start} and {end}, while its files were copied"}

    def undo(self, target: Target) -> None:
        """Nothing to take away: a checkpoint is over when it is."""

    def _copies(self, target: Target) -> list[Object]:
        member = target.store("postgres").members[0]
        return [
            copy
            for copy in objects(target.cluster.kubectl, "podvolumebackups.velero.io", "--all-namespaces")
            if (text(copy, "spec", "pod", "name"), text(copy, "spec", "volume")) == (member, self.volume)
        ]


def _is_under_way(copy: Object) -> bool:
    return bool(text(copy, "status", "startTimestamp")) and not text(copy, "status", "completionTimestamp")
