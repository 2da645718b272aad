"""Is every member well, and was it before?"""

from __future__ import annotations

from harness.model import Finding, Verdict
from harness.rundir import Run


class MembersAreHealthy:
    """Every member answers and replicates after the restore, as it did before the backup."""

    name = "members-healthy"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding a member."""
        findings = []
        for store, member in run.each_member():
            before = run.of("health", when="before", store=store, member=member)
            after = run.of("health", when="after", store=store, member=member)
            if not before or before[-1].data.get("ok") is not True:
                verdict, detail = (
                    Verdict.UNKNOWN,
                    "was not seen healthy before the fault, so nothing can be said of it after",
                )
            elif not after:
                verdict, detail = Verdict.UNKNOWN, "was not asked after the restore"
            elif after[-1].data.get("ok") is not True:
                verdict, detail = Verdict.FAIL, str(after[-1].data.get("detail"))
            elif not after[-1].data.get("identity"):
                verdict, detail = Verdict.UNKNOWN, "answered without saying who it is"
            else:
                verdict, detail = Verdict.PASS, f"{after[-1].data.get('role')}: {after[-1].data.get('detail')}"
            findings.append(Finding(self.name, verdict, detail, "", store, member))
        return tuple(findings)
