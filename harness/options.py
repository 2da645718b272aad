"""What a drill is asked to be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.application import Application
from harness.hooks import Hook
from harness.scenario import Scenario


@dataclass(frozen=True)
class Options:
    """One drill as the user wants it; all words checked already (see `harness.request`)."""

    scenario: Scenario
    stores: tuple[str, ...]
    strategy: str
    engine: str
    seed: int
    size: str
    keep: bool
    hooks: tuple[Hook, ...]
    images: str
    mirror: str | None
    runs: Path
    cluster: str = "drillproof"
    key: Path | None = None  # the private key that signs; the user's own if None
    rate: float = 20.0  # writes a second to each store, as far as it keeps up
    application: Application | None = None  # what is protected; our own if None

    @property
    def way(self) -> str:
        """The strategy as runs are told apart by it: with the name of what is deployed, if that is ours and another."""
        if self.application and self.application.services:
            return f"{self.strategy} of {self.application.namespace}"
        return self.strategy


@dataclass(frozen=True)
class Diagnosis:
    """One thing that a machine needs, whether it has it, and the command that mends it."""

    name: str
    ok: bool | None  # None where it cannot be told yet
    detail: str
    mend: str = ""
