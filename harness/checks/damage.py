"""Was anything really broken?"""

from __future__ import annotations

from harness.model import Finding, Verdict
from harness.rundir import Run

SHOWN = 3
"""How much of the damage a finding tells; the journal has all of it."""


class DamageWasSeen:
    """The fault left damage that the drill saw for itself, between two healthy states."""

    name = "damage-seen"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding."""
        damage = run.of("damage")
        injected = run.of("fault", phase="injected")
        what = damage[0].data.get("what") if damage else None
        if not injected or not isinstance(what, dict) or not what:
            hint = "a recovery from nothing proves nothing; see whether the fault acts on what it should"
            return (Finding(self.name, Verdict.UNKNOWN, "no damage was seen before the restore", hint),)
        if not any(event.data.get("mark") == "T3" and event.seq > injected[0].seq for event in run.of("mark")):
            return (Finding(self.name, Verdict.UNKNOWN, "damage was noted, but not after the fault"),)
        first = "; ".join(f"{key}: {value}" for key, value in list(what.items())[:SHOWN])
        more = f"; and {len(what) - SHOWN} more" if len(what) > SHOWN else ""
        return (Finding(self.name, Verdict.PASS, first + more),)
