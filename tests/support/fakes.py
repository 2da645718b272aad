"""Stands in for the module that builds real clusters."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Self

from harness.core.model import Verdict
from harness.selftest.runner import in_memory_self_test
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

        def drill(self, *arguments: object) -> Path:
            run_drill: Callable[..., Path] = sys.modules["harness.workflows.drill.assembly"].run_drill
            return run_drill(*arguments)

        def settle(self, run: Path, verdict: Verdict) -> None: ...

        def secrets(self) -> frozenset[str]:
            return frozenset()

    module = ModuleType("harness.workflows.drill.assembly")
    vars(module)["DrillSession"] = Site
    return module
