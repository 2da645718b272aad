"""What a drill is going to do, step by step, what it will break, and how long by past runs; needs no cluster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.core.model import Plan
from harness.workflows.drill.request import Options
from harness.workflows.drill.scenario import Scenario
from harness.workflows.duration_estimate import DurationEstimate, estimate

IN_WORDS = {
    "up": "make a cluster with its object store, its fence and the backup engine",
    "deploy": "deploy every store, and wait until all members are healthy and replicate",
    "seed": "load known data, and begin a ledger of writes outside the cluster",
    "backup": "digest all data of every member, and take the backup",
    "write": "write on: what the backup cannot hold",
    "break": "break it, and see the damage",
    "restore": "bring it back",
    "readback": "read all back from every member, write anew, restart all members, read all again",
}
"""What each step of a drill is for."""


@dataclass(frozen=True)
class Step:
    """One step that will be."""

    name: str
    does: str
    breaks: tuple[str, ...]  # the faults that strike in it, for real
    usual_s: float | None  # by past runs; None where no such run ended it


@dataclass(frozen=True)
class DrillPlan:
    """One drill that will be."""

    options: Options
    steps: tuple[Step, ...]
    runs: int  # past runs like it
    usual_s: float | None

    @property
    def expects(self) -> tuple[str, ...]:
        """What must come out, in words."""
        each = self.options.scenario
        if each.expected_findings:
            return tuple(
                f"{one.who}{f', or {one.otherwise.who},' if one.otherwise else ''} must notice that it is bad"
                for one in each.expected_findings
            )
        asked = {"RTO": each.objectives.rto_s, "RPO": each.objectives.rpo_s, "skew": each.objectives.skew_s}
        limits = [f"{name} at most {seconds:g} s" for name, seconds in asked.items() if seconds is not None]
        return ("all must come back, equal, on every member", *(limits or ("no objective",)))


def plan_drill(options: Options) -> DrillPlan:
    """What the drill that is asked for will do."""
    each, before = options.scenario, estimate(options)
    steps = tuple(_step(each, name, before) for name in each.steps)
    return DrillPlan(options, steps, before.runs, before.whole_s(each.steps))


def _step(each: Scenario, name: str, before: DurationEstimate) -> Step:
    breaks = [each.fault.name] if each.fault and name == "break" else []
    breaks += [secondary.fault.name for secondary in each.secondary_faults if secondary.step == name]
    does = "; ".join(_restore(each.plan)) if name == "restore" else IN_WORDS[name]
    return Step(name, does, tuple(breaks), before.steps_s.get(name))


def _restore(plan: Plan) -> Iterator[str]:
    ways = {
        "make a new cluster, with the old one's bucket": plan.new_cluster,
        "remove what is left of the namespace": plan.delete_namespace_first,
        "remove the claims of lost volumes": plan.recreate_lost_pvcs,
        "bring back the bucket's objects from their older versions": plan.rewind,
        "restore the backup from before the newest": plan.restore and plan.older,
        "restore the backup": plan.restore and not plan.older,
        "ask again for as long as the tool calls it bad": plan.retry_restore,
        "let the stores' administrator bring them back from their own volumes": plan.repair_stores,
        "let the stores mend themselves from the members that are left": not (plan.restore or plan.repair_stores),
    }
    yield from (words for words, planned in ways.items() if planned)
