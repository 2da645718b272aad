"""Whether RTO, RPO, skew and a proved backup's age are within their objectives."""

from __future__ import annotations

import math

from harness.checks import migration_metrics, proof_metrics
from harness.checks.check import RUN_AGAIN, Check
from harness.core.errors import Unreadable
from harness.core.model import Finding, Json
from harness.core.reason import Reason
from harness.evidence.marks import marks, rto_s
from harness.evidence.run_directory import MOVE, Run
from harness.evidence.write_classification import Classes

_HINTS = {
    "RTO": "find the longest leg in the report's timeline; use a faster strategy, or set a higher objective",
    "RPO": "back up more often, or set a higher objective",
    "age of the backup": "check that the backup schedule still runs",
    "skew": "back up all stores at the same moment, or set a higher objective",
}
"""What to do about a figure over its objective."""


class ObjectivesMet(Check):
    """RTO, RPO, skew and a proved backup's age are within the objectives. A figure without one has no finding."""

    name = "objectives-met"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for each objective of the scenario."""
        objectives = run.facts.get("objectives")
        if not isinstance(objectives, dict):
            return (self.unknown(Reason.NotRecorded, "run.json does not record the objectives", RUN_AGAIN),)
        apart = skew(run)
        measured = (
            ("RTO", "rto_s", _took_s(run)),
            ("RPO", "rpo_s", proof_metrics.rpo_s(run.events) if run.is_proof else rpo_s(run)),
            ("age of the backup", "age_s", proof_metrics.age_s(run.facts, run.events) if run.is_proof else None),
            ("skew", "skew_s", None if apart is None else apart[0]),
        )
        return tuple(
            self._judge(label, figure, objectives[name])
            for label, name, figure in measured
            if objectives.get(name) is not None
        )

    def _judge(self, label: str, figure: float | None, limit: Json) -> Finding:
        objects = [label]
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not math.isfinite(limit):
            detail, hint = f"the objective for {label} is not a number: {limit!r}", "set it to a number of seconds"
            return self.unknown(Reason.ObjectiveInvalid, detail, hint, objects=objects)
        if figure is None:
            hint = "see the other findings for why; the run ended before the figure could be measured"
            return self.unknown(Reason.ObjectiveNotMeasured, f"{label} was not measured", hint, objects=objects)
        detail = f"{label} {figure:.1f} s, objective {limit:g} s"
        if figure > limit:
            return self.failed(Reason.ObjectiveMissed, detail, _HINTS[label], objects=objects)
        return self.passed(detail, objects=objects)


def _took_s(run: Run) -> float | None:
    if run.kind == MOVE:
        return migration_metrics.downtime_s(run.events)
    return proof_metrics.rto_s(run.events) if run.is_proof else rto_s(marks(run.events))


def rpo_s(run: Run) -> float | None:
    """The worst RPO of all members, in seconds, measured from the ledger; None if one was not read back."""
    return max((classes.rpo_s for classes in _every(run)), default=None)


def skew(run: Run) -> tuple[float, int] | None:
    """Seconds, and ticks, between the oldest and the newest recovery point of all members of all stores.

    None if a member has no recovery point, or was not read back, or there is only one store.
    """
    every = _every(run)
    at_s = [classes.recovery_point_s for classes in every if classes.recovery_point_s is not None]
    ticks = [classes.recovery_point_tick for classes in every if classes.recovery_point_tick is not None]
    if len(run.members) == 1 or not every or not len(at_s) == len(ticks) == len(every):
        return None
    return round(max(at_s) - min(at_s), 3), max(ticks) - min(ticks)


def _every(run: Run) -> list[Classes]:
    """The classes of every member; none if a single one was not read back."""
    try:
        return [run.kept(store, member).classes for store, member in run.each_member()]
    except Unreadable:
        return []
