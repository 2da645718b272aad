"""An administrator runs the wrong command where the store runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from harness.core import parallel, timeouts
from harness.core.errors import FaultHadNoEffect
from harness.core.model import Volume
from harness.core.ports import Reach, Target
from harness.faults import statefulset_restart
from harness.faults.observations import Sight


@dataclass(frozen=True)
class Command:
    """A command is run in some pods of a store; then all pods of a StatefulSet may be stopped and started again."""

    what: str
    store: str
    pods: tuple[str, ...]
    argv: tuple[str, ...]
    sight: Sight  # what is then to be seen of the store
    restart: str = ""  # the StatefulSet
    reach: ClassVar[Reach] = Reach.NAMESPACE

    @property
    def name(self) -> str:
        """What, and where."""
        return f"{self.what} in {self.store}"

    @property
    def needs(self) -> tuple[str, ...]:
        """The store itself."""
        return (self.store,)

    def inject(self, target: Target) -> None:
        """Run it everywhere, as root. FaultHadNoEffect if the store has no such pod, ToolFailed if it fails in one."""
        if strangers := set(self.pods) - set(target.store(self.store).members):
            raise FaultHadNoEffect(f"{self.store} has no {', '.join(sorted(strangers))}")
        self.undo(target)
        parallel.each(self.pods, lambda pod: self._run(target, pod))
        if self.restart:
            statefulset_restart.stop(target, self.restart)
            statefulset_restart.start(target, self.restart)

    def damage(self, target: Target, before: tuple[Volume, ...]) -> Mapping[str, str]:  # noqa: ARG002 # of the seam
        """What the sight shows; that the command was run is no damage."""
        return self.sight(target, target.store(self.store))

    def undo(self, target: Target) -> None:
        """Start what is still stopped. What the command did is done."""
        if self.restart:
            statefulset_restart.start(target, self.restart)

    def _run(self, target: Target, pod: str) -> None:
        where = ("exec", "-n", target.namespace, pod, "-c", self.store, "--")
        target.cluster.kubectl(*where, *self.argv, within_s=timeouts.DAMAGE_S)
