"""The plan of a drill: its steps, the faults in them, and how long past runs took. Needs no cluster."""

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from harness.core.errors import Unreadable
from harness.core.json import keys
from harness.core.model import Json, Plan
from harness.evidence import journal, run_directory
from harness.workflows.drill.request import Options
from harness.workflows.drill.scenario import WORDS, Scenario

NEWEST = 20
"""The number of runs to read: older ones may come from another machine or version."""


@dataclass(frozen=True)
class DurationEstimate:
    runs: int = 0
    steps_s: Mapping[str, float] = field(default_factory=dict)  # by step: the median

    def whole_s(self, steps: tuple[str, ...]) -> float | None:
        """All of `steps` together; None if one of them was never completed."""
        return sum(self.steps_s[step] for step in steps) if set(steps) <= self.steps_s.keys() else None


def estimate(options: Options) -> DurationEstimate:
    """What the newest runs with the same scenario, strategy, engine, stores and size took."""
    alike = list(itertools.islice(_alike(options), NEWEST))
    took: dict[str, list[float]] = {}
    for run in alike:
        for step, seconds in _steps(run / "journal.jsonl"):
            took.setdefault(step, []).append(seconds)
    return DurationEstimate(len(alike), {step: median(seconds) for step, seconds in took.items()})


def _alike(options: Options) -> Iterator[Path]:
    wanted: dict[str, Json] = {
        "scenario": options.scenario.name,
        "strategy": options.way,
        "engine": options.engine,
        "size": options.size,
    }
    for file in sorted(options.runs.glob(f"*-{options.scenario.name}*/run.json"), reverse=True):
        if file.parent.is_symlink():
            continue
        with contextlib.suppress(Unreadable):
            facts = run_directory.read_json(file)
            if (
                wanted.items() <= facts.items()
                and run_directory.lane_of(facts) == options.lane
                and set(keys(facts, "stores")) == set(options.stores)
            ):
                yield file.parent


def _steps(path: Path) -> Iterator[tuple[str, float]]:
    begun: dict[str, float] = {}
    with contextlib.suppress(Unreadable):
        for _, line in journal.json_lines(path):
            match line:
                case {"kind": "step", "at_s": int() | float() as at_s, "data": {"step": str(step), "phase": phase}}:
                    if phase == "start":
                        begun[step] = at_s
                    elif phase == "end" and step in begun:
                        yield step, at_s - begun[step]


@dataclass(frozen=True)
class Step:
    name: str
    does: str
    breaks: tuple[str, ...]  # the faults injected in it
    usual_s: float | None  # the median of past runs; None if none completed it


@dataclass(frozen=True)
class DrillPlan:
    options: Options
    steps: tuple[Step, ...]
    runs: int  # past runs of the same kind
    usual_s: float | None

    @property
    def expects(self) -> tuple[str, ...]:
        """What a PASS takes, in words."""
        each = self.options.scenario
        if each.expected_findings:
            return tuple(
                f"{one.who}{f' or {one.otherwise.who}' if one.otherwise else ''} must detect the damage"
                for one in each.expected_findings
            )
        asked = {"RTO": each.objectives.rto_s, "RPO": each.objectives.rpo_s, "skew": each.objectives.skew_s}
        limits = [f"{name} at most {seconds:g} s" for name, seconds in asked.items() if seconds is not None]
        return ("all data must come back equal on every member", *(limits or ("no objectives",)))


def plan_drill(options: Options) -> DrillPlan:
    each, before = options.scenario, estimate(options)
    steps = tuple(_step(each, name, before) for name in each.steps)
    return DrillPlan(options, steps, before.runs, before.whole_s(each.steps))


def _step(each: Scenario, name: str, before: DurationEstimate) -> Step:
    breaks = tuple(injected.fault.name for injected in each.injections if injected.step == name)
    does = "; ".join(_restore(each.plan)) if name == "restore" else WORDS["steps"][name]
    return Step(name, does, breaks, before.steps_s.get(name))


def _restore(plan: Plan) -> Iterator[str]:
    ways = {
        "create a new cluster with the bucket of the old one": plan.new_cluster,
        "delete the rest of the namespace": plan.delete_namespace_first,
        "delete the claims of lost volumes": plan.recreate_lost_pvcs,
        "bring the bucket's objects back to older versions": plan.rewind,
        "restore the backup from before the newest": plan.restore and plan.restore_earlier_backup,
        "restore the backup": plan.restore and not plan.restore_earlier_backup,
        "retry while the tool reports failure": plan.retry_restore,
        "run the stores' own repair procedure on their volumes": plan.repair_stores,
        "wait for the stores to recover from their remaining members": not (plan.restore or plan.repair_stores),
    }
    yield from (words for words, planned in ways.items() if planned)
