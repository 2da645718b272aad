"""Was it fast enough, and was little enough lost?"""

from __future__ import annotations

from harness.model import Finding, Verdict
from harness.objectives import marks, rto_s
from harness.rundir import Run


class ObjectivesAreMet:
    """RTO and RPO are within the scenario's objectives. Without an objective there is no finding: it is not "met"."""

    name = "objectives-met"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for each objective that the scenario has."""
        objectives = run.facts.get("objectives")
        wanted = objectives if isinstance(objectives, dict) else {}
        measured = {"rto_s": rto_s(marks(run.events)), "rpo_s": rpo_s(run)}
        findings = []
        for name, figure in measured.items():
            limit = wanted.get(name)
            label = name.removesuffix("_s").upper()
            if not isinstance(limit, int | float):
                continue
            if figure is None:
                findings.append(Finding(self.name, Verdict.UNKNOWN, f"{label} could not be measured"))
            elif figure > limit:
                findings.append(Finding(self.name, Verdict.FAIL, f"{label} {figure:.1f} s, objective {limit:.0f} s"))
            else:
                findings.append(Finding(self.name, Verdict.PASS, f"{label} {figure:.1f} s, objective {limit:.0f} s"))
        return tuple(findings)


def rpo_s(run: Run) -> float | None:
    """The worst RPO of any member, in seconds, measured from the ledger; None if no ledger was read back."""
    if not all(run.of("file", name=f"{store}@{member}.jsonl") for store, member in run.each_member()):
        return None
    return max(run.classes(store, member).rpo_s for store, member in run.each_member())
