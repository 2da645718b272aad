"""How long drills took before, by the journals of the runs in a folder; what was never seen is not guessed."""

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
"""No more runs are looked at: older ones tell of another machine, or of another version."""


@dataclass(frozen=True)
class DurationEstimate:
    """What earlier drills of the same kind took. Nobody's word for anything but how long to wait."""

    runs: int = 0
    steps_s: Mapping[str, float] = field(default_factory=dict)  # by step that ended: the median

    def whole_s(self, steps: tuple[str, ...]) -> float | None:
        """All of `steps` together; None if one of them never ended."""
        return sum(self.steps_s[step] for step in steps) if set(steps) <= self.steps_s.keys() else None


def estimate(options: Options) -> DurationEstimate:
    """What the newest runs took that had the same scenario, strategy, engine, stores and size."""
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
    """Each step that ended, as far as the journal can be read, with its seconds."""
    begun: dict[str, float] = {}
    with contextlib.suppress(Unreadable):
        for _, line in journal.json_lines(path):
            match line:
                case {"kind": "step", "at_s": int() | float() as at_s, "data": {"step": str(step), "phase": "start"}}:
                    begun[step] = at_s
                case {"kind": "step", "at_s": int() | float() as at_s, "data": {"step": str(step), "phase": "end"}}:
                    if step in begun:
                        yield step, at_s - begun[step]
