"""Was anything really broken?"""

from __future__ import annotations

from harness.core.model import Finding, Verdict
from harness.core.reason import Reason
from harness.evidence.run_directory import Run

SHOWN = 3
"""How much of the damage a finding tells; the journal has all of it."""


class DamageSeen:
    """Every fault of the scenario left damage that the drill saw for itself."""

    name = "damage-seen"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for each fault."""
        return tuple(self._fault(run, name, step) for name, step in run.faults)

    def _fault(self, run: Run, name: str, step: str) -> Finding:
        injected = run.of("fault", name=name, phase="injected", step=step)
        damage = run.of("damage", fault=name)
        what = damage[-1].data.get("what") if damage else None
        if not injected or not isinstance(what, dict) or not what or damage[-1].seq < injected[-1].seq:
            hint = "a recovery from nothing proves nothing; see whether the fault acts on what it should"
            detail = f"{name}: no damage was seen"
            return Finding(self.name, Verdict.UNKNOWN, Reason.DamageNotSeen, detail, hint, objects=(name,))
        if step == "break" and not any(e.data.get("mark") == "T3" and e.seq > damage[-1].seq for e in run.of("mark")):
            detail = f"{name}: when its damage was seen was not noted"
            return Finding(self.name, Verdict.UNKNOWN, Reason.DamageNotDated, detail, objects=(name,))
        first = "; ".join(f"{key}: {value}" for key, value in list(what.items())[:SHOWN])
        more = f"; and {len(what) - SHOWN} more" if len(what) > SHOWN else ""
        return Finding(self.name, Verdict.PASS, Reason.AsExpected, f"{name}: {first}{more}", objects=(name,))
