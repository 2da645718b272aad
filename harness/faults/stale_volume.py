"""Members come back with an older state than they had, as after a restore of them alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from harness.core import parallel, timeouts
from harness.core.errors import FaultHadNoEffect, TimedOut
from harness.core.kubernetes import items, objects, text
from harness.core.model import Volume
from harness.core.ports import Datastore, Reach, Target
from harness.core.wait import NotYet, until
from harness.faults import statefulset_restart
from harness.faults.observations import newest

_COPY = ".drillproof-older"
"""Beside a volume, on its node: what it held."""

AHEAD = 20
"""Writes that the others must have, and the older member not: more than can just be under way between two readings."""


@dataclass(frozen=True)
class TurnBack:
    """A StatefulSet's only pod gets its volumes back as they were some writes ago; the other members keep theirs."""

    of: str  # the StatefulSet
    store: str
    reach: ClassVar[Reach] = Reach.MACHINES

    @property
    def name(self) -> str:
        """Whom."""
        return f"turn-back of {self._pod}"

    @property
    def needs(self) -> tuple[str, ...]:
        """The store itself."""
        return (self.store,)

    @property
    def _pod(self) -> str:
        return f"{self.of}-0"

    def inject(self, target: Target) -> None:
        """Copy the volumes while nobody uses them, let the store go on, and put the copies in their places."""
        self.undo(target)
        store, others = self._members(target)
        places = self._places(target)
        if not places:
            raise FaultHadNoEffect(f"{self._pod} has no local volumes")
        statefulset_restart.stop(target, self.of)
        for node, path in places:
            target.machines.on_node(node, "cp", "-a", path, path + _COPY, within_s=timeouts.DAMAGE_S)
        was = max(newest(store, member) for member in others)
        statefulset_restart.start(target, self.of)

        def gone_on() -> None:
            if behind := [member for member in others if newest(store, member) < was + 2 * AHEAD]:
                raise NotYet(f"no {2 * AHEAD} writes more on {', '.join(behind)}")

        until(gone_on, waited_for=f"{self.store} to go on", within_s=timeouts.HEALTHY_S, every_s=2)
        statefulset_restart.stop(target, self.of)
        for node, path in places:
            target.machines.on_node(node, "rm", "-rf", path, within_s=timeouts.DAMAGE_S)
            target.machines.on_node(node, "mv", path + _COPY, path)
        statefulset_restart.start(target, self.of)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """It can be read, and lacks writes that another member shows. FaultHadNoEffect if it does not."""
        store, others = self._members(target)

        def older() -> Mapping[str, str]:
            # The others first: what they show, a member that is not older had before.
            shown = parallel.each(others, lambda member: {row.n for row in store.ledger(member)})
            has = {row.n for row in store.ledger(self._pod)}
            lacking = {member: len(rows - has) for member, rows in zip(others, shown, strict=True)}
            if max(lacking.values()) < AHEAD:
                raise NotYet(f"it lacks {lacking}")
            return {
                f"{self._pod} against {member}": f"lacks {count} of its writes" for member, count in lacking.items()
            }

        try:
            return until(older, waited_for=f"{self._pod} to show older data", within_s=timeouts.DAMAGE_S)
        except TimedOut as error:
            raise FaultHadNoEffect(str(error)) from error

    def undo(self, target: Target) -> None:
        """Start it, if that is still to be done, and remove copies that were not used. Its data stay older."""
        statefulset_restart.start(target, self.of)
        for node, path in self._places(target):
            target.machines.on_node(node, "rm", "-rf", path + _COPY, within_s=timeouts.DAMAGE_S)

    def _members(self, target: Target) -> tuple[Datastore, list[str]]:
        store = target.store(self.store)
        others = [member for member in store.members if member != self._pod]
        if len(others) == len(store.members):
            raise FaultHadNoEffect(f"{self.store} has no {self._pod}")
        return store, others

    def _places(self, target: Target) -> list[tuple[str, str]]:
        """The node and the path of each of its volumes."""
        volumes = target.cluster.volumes(target.namespace)
        mine = {volume.volume for volume in volumes if volume.claim.endswith(f"-{self._pod}")}
        return [
            (_node(volume), text(volume, "spec", "local", "path"))
            for volume in objects(target.cluster.kubectl, "pv")
            if text(volume, "metadata", "name") in mine and text(volume, "spec", "local", "path")
        ]


def _node(volume: Mapping[str, object]) -> str:
    terms = items(volume, "spec", "nodeAffinity", "required", "nodeSelectorTerms")  # type: ignore[arg-type]
    words = items(terms[0] if terms else None, "matchExpressions")
    return str((items(words[0] if words else None, "values") or ("",))[0])
