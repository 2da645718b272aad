"""Which check supports which control: reports/controls/controls.toml as values."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

from harness.core import resources

NIST = "NIST SP 800-53 Rev. 5"


@dataclass(frozen=True)
class Control:
    """One control, criterion or paragraph."""

    framework: str
    name: str  # as the framework writes it
    asks: str
    lacks: str  # what no drill shows
    statement: str  # its id for machines: NIST's own, else drillproof's
    timed: bool = False  # whether it needs objectives for RTO and RPO


@dataclass(frozen=True)
class Shows:
    """What a check shows, and what it reads in a run."""

    shows: str
    lacks: str
    controls: tuple[str, ...]  # names of controls; empty if it counts for all
    kinds: tuple[str, ...]  # the kinds of events that it reads
    ledger: bool = False  # whether it reads ledger/, too
    silent: bool = False  # whether some good drills have no finding of it


_FILE = tomllib.loads((resources.folder("reports/controls") / "controls.toml").read_text(encoding="utf-8"))

CONTROLS: tuple[Control, ...] = tuple(Control(**each) for each in _FILE["control"])

CHECKS: Mapping[str, Shows] = {
    name: Shows(**{**each, "controls": tuple(each["controls"]), "kinds": tuple(each["kinds"])})
    for name, each in _FILE["check"].items()
}
"""Every check by its name."""

NOT_SHOWN: tuple[str, ...] = tuple(_FILE["not_shown"])
"""What auditors may look for, and no check supports."""

UNMAPPED = Shows("Unknown.", "Everything.", (), ())
"""A check that is not in the file counts for all controls."""
