"""Does the service take writes again?"""

from __future__ import annotations

from harness.core.model import Finding, Verdict
from harness.core.reason import Reason
from harness.evidence.run_directory import Run


class NewWriteCommitted:
    """After the restore a new write was acknowledged, and every member shows it."""

    name = "new-write"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding a store."""
        findings = []
        for store, members in run.members.items():
            writes = run.of("write", store=store)
            if not writes:
                detail = "no new write was tried after the restore"
                findings.append(Finding(self.name, Verdict.UNKNOWN, Reason.WriteNotTried, detail, "", store))
                continue
            data = writes[-1].data
            seen = data.get("seen_on")
            lacking = [m for m in members if not isinstance(seen, list | tuple) or m not in seen]
            objects: tuple[str, ...] = ()
            if data.get("committed") is not True:
                verdict, reason = Verdict.FAIL, Reason.WriteNotCommitted
                detail = f"the new write was not committed: {data.get('detail')}"
            elif lacking:
                verdict, reason, objects = Verdict.FAIL, Reason.WriteNotReplicated, tuple(lacking)
                detail = f"the new write {data.get('n')} never showed on {', '.join(lacking)}"
            else:
                verdict, reason = Verdict.PASS, Reason.AsExpected
                detail = f"write {data.get('n')} committed, and seen on all {len(members)} members"
            findings.append(Finding(self.name, verdict, reason, detail, "", store, "", objects))
        return tuple(findings)
