"""Whether RTO, RPO, skew and a proved backup's age are within their objectives."""

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from harness.checks import proof_metrics
from harness.checks.check import EVERY, check, failed, passed, unknown
from harness.core.errors import Unreadable
from harness.core.model import Finding, Json
from harness.core.reason import Reason
from harness.evidence.marks import rto_s
from harness.evidence.run_directory import MOVE, PROOF, Run
from harness.evidence.write_classification import Classes

_OBJECTIVES: Mapping[str, list[str]] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
"""By the name in run.json: the figure, and what to do where it is over its objective."""


@check("objectives-met", *EVERY)
def objectives_met(run: Run) -> Iterator[Finding]:
    """RTO, RPO, skew and a proved backup's age are within the objectives. A figure without one has no finding."""
    objectives = run.facts.get("objectives")
    if not isinstance(objectives, dict):
        yield unknown(Reason.NotRecorded, "run.json does not record the objectives")
        return
    measured = {"age_s": proof_metrics.age_s(run.facts, run.events), **figures(run)}
    for name, (label, hint) in _OBJECTIVES.items():
        if objectives.get(name) is not None:
            yield replace(_met(label, measured.get(name), objectives[name], hint), objects=(label,))


def _met(label: str, figure: float | None, limit: Json, hint: str) -> Finding:
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not math.isfinite(limit):
        detail = f"the objective for {label} is not a number: {limit!r}"
        return unknown(Reason.ObjectiveInvalid, detail)
    if figure is None:
        return unknown(Reason.ObjectiveNotMeasured, f"{label} was not measured")
    detail = f"{label} {figure:.1f} s, objective {limit:g} s"
    return failed(Reason.ObjectiveMissed, detail, hint) if figure > limit else passed(detail)


def figures(run: Run) -> dict[str, float | None]:
    """The figures that this kind of run has, by their names in findings.json; None for one that was not measured.

    The RTO of a proof is the time from the start of the fetch to the answer of the last database.
    In a migration nothing broke, and nothing may be lost: its RTO is the time from the start of the quiesce to the end
    of reading the target, in which clients cannot write, and it has no RPO.
    """
    if run.kind == PROOF:
        return {"rto_s": proof_metrics.since(run.events, "fetch", "T7"), "rpo_s": proof_metrics.rpo_s(run.events)}
    if run.kind == MOVE:
        return {"rto_s": proof_metrics.since(run.events, "freeze", "T9")}
    skew_s, ticks = skew(run) or (None, None)
    return {"rto_s": rto_s(run.marks), "rpo_s": rpo_s(run), "skew_s": skew_s, "skew_ticks": ticks}


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
