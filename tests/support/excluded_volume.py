"""A drill in memory whose backup lacks a volume, as its scenario expects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from in_memory import World

from harness.core.errors import FaultHadNoEffect
from harness.core.model import ExpectedFinding
from harness.core.ports import Reach, Target
from harness.core.reason import Reason
from harness.workflows.drill.scenario import Scenario, SecondaryFault

EXCLUSIONS = ExpectedFinding("backup-complete", Reason.VolumeNotBackedUp, "mysql", objects=("volume dump",))


@dataclass(frozen=True)
class LeaveOut:
    """The tool leaves a volume out, and says Completed."""

    world: World
    pod: str = "mysql-0"
    really: bool = True
    name: str = "leave-out"
    needs: tuple[str, ...] = ()
    reach: Reach = Reach.TOOL

    def inject(self, target: Target) -> None:
        if self.really:
            self.world.lost_volumes = (self.pod,)

    def damage(self, target: Target) -> Mapping[str, str]:
        if not self.world.lost_volumes:
            raise FaultHadNoEffect("nothing is left out")
        return {"volume": f"of {self.pod} is left out"}

    def undo(self, target: Target) -> None:
        self.world.lost_volumes = ()


def left_out(**how: object) -> Callable[[World], Scenario]:
    def scenario(world: World) -> Scenario:
        fault = LeaveOut(world, really=how.get("really") is not False)
        beside = how.get("beside") is True
        notices = how.get("expected", (EXCLUSIONS,))
        assert isinstance(notices, tuple)
        return Scenario(secondary_faults=(SecondaryFault(fault, "backup", during=beside),), expected_findings=notices)

    return scenario
