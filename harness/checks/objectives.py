"""Whether RTO, RPO, skew and a proved backup's age are within their objectives."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from harness.checks import migration_metrics, proof_metrics
from harness.checks.check import check, failed, passed, unknown
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


@check("objectives-met")
def objectives_met(run: Run) -> Iterator[Finding]:
    """RTO, RPO, skew and a proved backup's age are within the objectives. A figure without one has no finding."""
    objectives = run.facts.get("objectives")
    if not isinstance(objectives, dict):
        yield unknown(Reason.NotRecorded, "run.json does not record the objectives")
        return
    apart = skew(run)
    measured = (
        ("RTO", "rto_s", _took_s(run)),
        ("RPO", "rpo_s", proof_metrics.rpo_s(run.events) if run.is_proof else rpo_s(run)),
        ("age of the backup", "age_s", proof_metrics.age_s(run.facts, run.events) if run.is_proof else None),
        ("skew", "skew_s", None if apart is None else apart[0]),
    )
    for label, name, figure in measured:
        if objectives.get(name) is not None:
            yield replace(_met(label, figure, objectives[name]), objects=(label,))


def _met(label: str, figure: float | None, limit: Json) -> Finding:
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not math.isfinite(limit):
        detail = f"the objective for {label} is not a number: {limit!r}"
        return unknown(Reason.ObjectiveInvalid, detail, "set it to a number of seconds")
    if figure is None:
        hint = "see the other findings for why; the run ended before the figure could be measured"
        return unknown(Reason.ObjectiveNotMeasured, f"{label} was not measured", hint)
    detail = f"{label} {figure:.1f} s, objective {limit:g} s"
    return failed(Reason.ObjectiveMissed, detail, _HINTS[label]) if figure > limit else passed(detail)


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
