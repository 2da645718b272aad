"""Stand-ins for what tests do not run: clusters, Docker, assemblies."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Self

from harness.clusters.docker import Docker
from harness.core.errors import ToolFailed
from harness.core.model import Verdict
from harness.selftest.runner import in_memory_self_test
from harness.workflows.drill.request import Options
from harness.workflows.progress import Progress
from harness.workflows.session import SelfTest


def stand_in_assembly() -> ModuleType:
    """A module whose drills are its own `run_drill`."""

    class Site:
        def __init__(self, self_test: SelfTest, *, fresh: bool = False) -> None:
            assert self_test is in_memory_self_test
            self.fresh = fresh

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

        def drill(self, options: Options, progress: Progress) -> Path:
            run_drill: Callable[..., Path] = sys.modules["harness.workflows.drill.assembly"].run_drill
            return run_drill(options, progress, progress.say)

        def settle(self, run: Path, verdict: Verdict) -> None: ...

        def secrets(self) -> frozenset[str]:
            return frozenset()

    module = ModuleType("harness.workflows.drill.assembly")
    vars(module)["DrillSession"] = Site
    return module


@dataclass(frozen=True)
class RememberedDocker(Docker):
    """`owners` says whose things are; `answers` what is printed for a command by its first words."""

    binary: Path = Path("docker")
    calls: list[str] = field(default_factory=list)
    owners: dict[tuple[str, str], str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    refuses: dict[str, str] = field(default_factory=dict)

    def __call__(self, *args: str | Path, within_s: float = 120, secrets: Mapping[str, str] | None = None) -> str:
        call = " ".join(map(str, args))
        self.calls.append(call)
        for start, complaint in self.refuses.items():
            if call.startswith(start):
                raise ToolFailed(call.split(), 1, complaint)
        if args[:2] == ("network", "create"):
            self.owners["network", str(args[-1])] = str(args[2]).rpartition("=")[2]
        if args[1:2] == ("rm",):
            self.owners.pop((str(args[0]), str(args[-1])), None)
        return next((answer for start, answer in self.answers.items() if call.startswith(start)), "")

    def label(self, kind: str, name: str) -> str | None:
        return self.owners.get((kind, name))

    def did(self, start: str) -> list[int]:
        return [number for number, call in enumerate(self.calls) if call.startswith(start)]
