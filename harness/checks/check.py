"""The seam of all checks."""

from __future__ import annotations

from typing import Protocol

from harness.core.model import Finding
from harness.evidence.run_directory import Run


class Check(Protocol):
    """One guarantee, judged from what a run left behind. Pure."""

    @property
    def name(self) -> str: ...

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for each thing judged; UNKNOWN where the run does not say."""
