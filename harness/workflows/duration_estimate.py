"""How long drills usually take, from the journals of past runs. No data, no estimate."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from harness.core.errors import Unreadable
from harness.core.model import Json
from harness.evidence import journal, run_directory
from harness.workflows.drill.request import Options

NEWEST = 20
"""The number of runs to read: older ones may come from another machine or version."""


@dataclass(frozen=True)
class DurationEstimate:
    """What past drills of the same kind took."""

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
    for file in sorted(options.runs.glob(f"*-{options.scenario.name}*/run.json"), reverse=True):
        with contextlib.suppress(Unreadable):
            if not file.parent.is_symlink() and _is_alike(run_directory.read_json(file), options):
                yield file.parent


def _is_alike(facts: Mapping[str, Json], options: Options) -> bool:
    stores = facts.get("stores")
    return (
        facts.get("scenario") == options.scenario.name
        and facts.get("strategy") == options.way
        and facts.get("engine") == options.engine
        and facts.get("size") == options.size
        and isinstance(stores, dict)
        and set(stores) == set(options.stores)
    )


def _steps(path: Path) -> Iterator[tuple[str, float]]:
    """Each completed step with its seconds, as far as the journal is readable."""
    begun: dict[str, float] = {}
    with contextlib.suppress(Unreadable):
        for _, line in journal.json_lines(path):
            match line:
                case {"kind": "step", "at_s": int() | float() as at_s, "data": {"step": str(step), "phase": "start"}}:
                    begun[step] = at_s
                case {"kind": "step", "at_s": int() | float() as at_s, "data": {"step": str(step), "phase": "end"}}:
                    if step in begun:
                        yield step, at_s - begun[step]
