"""Was it fast enough, was little enough lost, and are the stores of one moment?"""

from __future__ import annotations

import math

from harness.checks import migration_metrics, proof_metrics
from harness.core.errors import Unreadable
from harness.core.model import Finding, Json, Verdict
from harness.core.reason import Reason
from harness.evidence.marks import marks, rto_s
from harness.evidence.run_directory import MOVE, Run
from harness.evidence.write_classification import Classes


class ObjectivesMet:
    """RTO, RPO, skew and a proved backup's age are within the objectives. Without one it is not "met": no finding."""

    name = "objectives-met"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for each objective that the scenario has."""
        objectives = run.facts.get("objectives")
        if not isinstance(objectives, dict):
            detail = "run.json does not say what the objectives were"
            return (Finding(self.name, Verdict.UNKNOWN, Reason.NotRecorded, detail),)
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
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not math.isfinite(limit):
            detail = f"the objective for the {label} is no number: {limit!r}"
            return Finding(self.name, Verdict.UNKNOWN, Reason.ObjectiveInvalid, detail, objects=(label,))
        if figure is None:
            detail = f"{label} could not be measured"
            return Finding(self.name, Verdict.UNKNOWN, Reason.ObjectiveNotMeasured, detail, objects=(label,))
        missed = figure > limit
        verdict, reason = (Verdict.FAIL, Reason.ObjectiveMissed) if missed else (Verdict.PASS, Reason.AsExpected)
        return Finding(self.name, verdict, reason, f"{label} {figure:.1f} s, objective {limit:g} s", objects=(label,))


def _took_s(run: Run) -> float | None:
    if run.kind == MOVE:
        return migration_metrics.downtime_s(run.events)
    return proof_metrics.rto_s(run.events) if run.is_proof else rto_s(marks(run.events))


def rpo_s(run: Run) -> float | None:
    """The worst RPO of any member, in seconds, measured from the ledger; None if one was not read back."""
    return max((classes.rpo_s for classes in _every(run)), default=None)


def skew(run: Run) -> tuple[float, int] | None:
    """Seconds, and ticks, between the oldest and the newest recovery point of any member of any store.

    None if a member has none, or was not read back, or there is but one store.
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
