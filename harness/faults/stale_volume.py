"""A member comes back with an older copy of its volume, as if it alone had been restored."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.core import parallel, timeouts
from harness.core.errors import FaultHadNoEffect
from harness.core.ports import Datastore, Reach, Target
from harness.core.wait import NotYet, until
from harness.faults import statefulset
from harness.faults.base import BaseFault, damaged
from harness.faults.observations import newest, of_pods

_COPY = ".drillproof-older"
"""Suffix of the copy next to a volume's folder, on its node."""

AHEAD = 20
"""Writes that other members must have and the older one must lack: more than can be in flight between two readings."""


@dataclass(frozen=True)
class TurnBack(BaseFault):
    """The only pod of a StatefulSet gets an older copy of its volumes; the other members keep theirs."""

    of: str  # the StatefulSet
    store: str
    title = "turn-back of {of}-0"
    reach = Reach.MACHINES

    @property
    def _pod(self) -> str:
        return f"{self.of}-0"

    def inject(self, target: Target) -> None:
        """Copy the volumes of the stopped pod, let the store take writes, then put the copies in the volumes' place."""
        self.undo(target)
        store, others = self._members(target)
        places = self._places(target)
        if not places:
            raise FaultHadNoEffect(f"{self._pod} has no local volumes")
        statefulset.stop(target, self.of)
        for node, path in places:
            target.machines.on_node(node, "cp", "-a", path, path + _COPY, within_s=timeouts.DAMAGE_S)
        was = max(newest(store, member) for member in others)
        statefulset.start(target, self.of)

        def gone_on() -> None:
            if behind := [member for member in others if newest(store, member) < was + 2 * AHEAD]:
                raise NotYet(f"fewer than {2 * AHEAD} new writes on {', '.join(behind)}")

        until(gone_on, waited_for=f"{self.store} to take writes", within_s=timeouts.HEALTHY_S, every_s=2)
        statefulset.stop(target, self.of)
        for node, path in places:
            target.machines.on_node(node, "rm", "-rf", path, within_s=timeouts.DAMAGE_S)
            target.machines.on_node(node, "mv", path + _COPY, path)
        statefulset.start(target, self.of)

    def damage(self, target: Target) -> Mapping[str, str]:
        """It can be read, and lacks writes that another member shows."""
        store, others = self._members(target)

        def older() -> Mapping[str, str]:
            # The others first: what they show now, a member that is not older has already.
            shown = parallel.for_each(others, lambda member: {row.n for row in store.ledger(member)})
            has = {row.n for row in store.ledger(self._pod)}
            lacking = {member: len(rows - has) for member, rows in zip(others, shown, strict=True)}
            if max(lacking.values()) < AHEAD:
                raise NotYet(f"{self._pod} lacks {lacking}")
            return {
                f"{self._pod} against {member}": f"lacks {count} of its writes" for member, count in lacking.items()
            }

        return damaged(older, waiting_for=f"{self._pod} to show older data")

    def undo(self, target: Target) -> None:
        """Start the pod if it is stopped, and remove copies that were not used. Its data stay older."""
        statefulset.start(target, self.of)
        for node, path in self._places(target):
            target.machines.on_node(node, "rm", "-rf", path + _COPY, within_s=timeouts.DAMAGE_S)

    def _members(self, target: Target) -> tuple[Datastore, list[str]]:
        store = target.store(self.store)
        others = [member for member in store.members if member != self._pod]
        if len(others) == len(store.members):
            raise FaultHadNoEffect(f"{self.store} has no {self._pod}")
        return store, others

    def _places(self, target: Target) -> list[tuple[str, str]]:
        mine = of_pods(target.cluster.volumes(target.namespace), (self._pod,))
        return [(volume.node, volume.path) for volume in mine if volume.kind == "local"]
