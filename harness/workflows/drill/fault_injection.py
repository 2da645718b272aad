"""Injects the faults of a scenario, sees the damage, and undoes them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from harness.core import parallel
from harness.core.errors import FaultHadNoEffect, HarnessError, TimedOut, ToolFailed
from harness.core.model import ToolReport, lost_claims
from harness.core.ports import Fault, Reach, Target
from harness.evidence.journal import Journal
from harness.workflows.drill.scenario import SecondaryFault
from harness.workflows.steps import Steps


class FaultInjector:
    """The faults of one drill. `target` returns what they act on, at the time of the call.

    `excuse` is told the reach of each fault before it is injected; None if the fault does not declare it.
    """

    def __init__(
        self,
        journal: Journal,
        steps: Steps,
        secondary_faults: Sequence[SecondaryFault],
        target: Callable[[], Target],
        excuse: Callable[[Reach | None], None],
    ) -> None:
        self._journal = journal
        self._steps = steps
        self._secondary_faults = secondary_faults
        self._target = target
        self._injected: set[str] = set()
        self._excuse = excuse
        self.lost: set[str] = set()
        """The claims whose volumes are lost."""

    def inject(self, fault: Fault) -> None:
        """Inject a fault, and see its damage. FaultHadNoEffect if there is none."""
        target = self._target()
        target = replace(target, volumes_before=target.cluster.volumes(target.namespace))
        self._injected.add(fault.name)
        self._excuse(getattr(fault, "reach", None))  # a user's own fault may lack it
        self._journal.append("fault", name=fault.name, phase="undo-written", step=self._steps.now)
        try:
            fault.inject(target)
            self._journal.append("fault", name=fault.name, phase="injected", step=self._steps.now)
            damage = fault.damage(target)
        except (ToolFailed, TimedOut) as error:
            # During a restore this error would look like one of the recovery.
            raise FaultHadNoEffect(f"{fault.name}: {error}") from error
        if not damage:
            raise FaultHadNoEffect(f"{fault.name} was injected without any damage")
        self._journal.append("damage", fault=fault.name, what=dict(damage))
        self.lost.update(lost_claims(damage))

    def undo(self, fault: Fault) -> None:
        """Undo a fault, but not its damage."""
        fault.undo(self._target())
        self._journal.append("fault", name=fault.name, phase="undone", step=self._steps.now)

    def inject_at(self, step: str) -> bool:
        """Inject the secondary faults of a step; whether there are any."""
        faults = [each.fault for each in self._at(step)]
        for fault in faults:
            self.inject(fault)
        return bool(faults)

    def undo_at(self, step: str) -> None:
        """Undo the secondary faults of a step: all of them, also if one fails, which is an error of the drill."""
        for each in self._at(step):
            if each.fault.name in self._injected:
                try:
                    self.undo(each.fault)
                except HarnessError as error:
                    self._steps.broke(error)

    def during(self, step: str, mark: str, act: Callable[[], ToolReport]) -> ToolReport:
        """Let the tool `act`, with the secondary faults of this step; sets the mark when it starts."""
        secondary_faults = self._at(step)
        others = [partial(self.inject, each.fault) for each in secondary_faults if each.during]
        try:
            for each in secondary_faults:
                if not each.during:
                    self.inject(each.fault)
            self._journal.mark(mark)
            return parallel.alongside(act, others)
        finally:
            self.undo_at(step)

    def _at(self, step: str) -> list[SecondaryFault]:
        return [each for each in self._secondary_faults if each.step == step]
