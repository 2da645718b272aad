"""Checkpoints happen while a database's live files are copied."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from harness.backups.data_mover import UPLOADS, as_copy, mounts
from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect
from harness.core.json import text
from harness.core.kubernetes import Object, objects
from harness.core.ports import Reach, Target
from harness.core.wait import NotYet, until
from harness.faults.base import BaseFault

BEGUN_S = 120.0
"""Time limit for Velero to start the copy after the backup was requested; normally it takes some seconds."""

_BEGUN = re.compile(r"^(\S+) .*checkpoint starting: ", re.MULTILINE)
# Ten for each `kubectl exec`, which takes as long as they do: small data are copied in two seconds.
_CHECKPOINTS = ("bash", "-ec", ". /scripts/cluster.sh; for _ in {1..10}; do sql -d postgres -c CHECKPOINT; done")


@dataclass(frozen=True)
class CheckpointsDuringCopy(BaseFault):
    """PostgreSQL's primary runs one checkpoint after another while Velero copies its data directory.

    Files copied before a checkpoint lack what it wrote, and `pg_control`, copied after it, makes recovery start behind
    that point. Checkpoints are normal: one runs every five minutes, and whenever an administrator asks for one.
    """

    store: str = "postgres"
    volume: str = "data"
    title = "checkpoints-during-copy of postgres-primary-0"
    reach = Reach.TOOL  # it reads Velero's objects

    def inject(self, target: Target) -> None:
        member = target.store(self.store).members[0]

        def begun() -> None:
            if not any(_is_under_way(copy) for copy in self._copies(target)):
                raise NotYet(f"no copy of {member}'s volume {self.volume} is running")

        def ended() -> None:
            if any(_is_under_way(copy) for copy in self._copies(target)):
                target.cluster.kubectl("exec", "-n", target.namespace, member, "-c", "postgres", "--", *_CHECKPOINTS)
                raise NotYet("the copy is running")

        until(begun, waited_for=f"the copy of {member} to begin", within_s=BEGUN_S, every_s=0.1)
        until(ended, waited_for=f"the copy of {member} to end", within_s=timeouts.BACKUP_S, every_s=0.1)

    def damage(self, target: Target) -> Mapping[str, str]:
        """How many checkpoints the server's own log shows between the start and the end of the copy."""
        member = target.store(self.store).members[0]
        copies = self._copies(target)
        if not copies:
            raise FaultHadNoEffect(f"Velero did not copy the volume {self.volume} of {member}")
        copy = max(copies, key=lambda copy: text(copy, "status", "startTimestamp"))
        start, end = (text(copy, "status", f"{which}Timestamp") for which in ("start", "completion"))
        log = target.cluster.kubectl(
            "logs", "-n", target.namespace, member, "-c", "postgres", "--timestamps", f"--since-time={start}"
        )
        # Velero's times have whole seconds: a checkpoint in the first or last one may have been outside.
        inside = [at for at in _BEGUN.findall(log) if start[:19] < at[:19] < end[:19]]
        if not inside:
            raise FaultHadNoEffect(f"no checkpoint began between {start} and {end}, when {member} was copied")
        return {member: f"{len(inside)} checkpoints began between {start} and {end}, while its files were copied"}

    def _copies(self, target: Target) -> list[Object]:
        member = target.store(self.store).members[0]
        # All with one command: a small copy is over within seconds.
        found = objects(target.cluster.kubectl, f"pods,podvolumebackups.velero.io,{UPLOADS}", "--all-namespaces")
        used = mounts(each for each in found if each["kind"] == "Pod")
        return [
            copy
            for copy in (as_copy(each, used) if each["kind"] == "DataUpload" else each for each in found)
            if (text(copy, "spec", "pod", "name"), text(copy, "spec", "volume")) == (member, self.volume)
        ]


def _is_under_way(copy: Object) -> bool:
    return bool(text(copy, "status", "startTimestamp")) and not text(copy, "status", "completionTimestamp")
