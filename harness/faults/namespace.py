"""Somebody deletes the namespace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from harness.core import timeouts
from harness.core.errors import FaultHadNoEffect
from harness.core.model import Volume
from harness.core.ports import Reach, Target
from harness.faults.observations import gone, unreadable


@dataclass(frozen=True)
class DeleteNamespace:
    """`kubectl delete namespace`: pods, claims and, with their policy Delete, the volumes with all data."""

    retained: bool = False  # the volumes have the policy Retain
    name: ClassVar[str] = "delete-namespace"
    needs: ClassVar[tuple[str, ...]] = ()
    reach: ClassVar[Reach] = Reach.NAMESPACE

    def inject(self, target: Target) -> None:
        """Delete it, as somebody would by mistake, and return when it is gone. TimedOut if it stays in Terminating."""
        within_s = timeouts.DAMAGE_S
        command = ("delete", "namespace", target.namespace, "--wait=true", f"--timeout={within_s:.0f}s")
        target.cluster.kubectl(*command, within_s=within_s + 10)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:
        """Every claim and volume of before is gone by its UID, or the volume Released, and no member can be read.

        FaultHadNoEffect if there was nothing to lose, if anything is still there at the deadline, or if a member
        still answers.
        """
        if not before:
            raise FaultHadNoEffect(f"the namespace {target.namespace} had no volumes; deleting it proves nothing")
        return dict(gone(target, before, retained=self.retained)) | dict(unreadable(target))

    def undo(self, target: Target) -> None:
        """Nothing to take away: the deletion is over when it is seen."""
