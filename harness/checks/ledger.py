"""What became of every write?"""

from __future__ import annotations

from harness.classify import Classes
from harness.model import Finding, Verdict
from harness.rundir import Run


class LedgerIsKept:
    """Every member holds exactly what the acknowledged writes up to one moment left, and all the same moment."""

    name = "ledger-kept"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding a member, and one for each store whose members disagree."""
        findings = []
        for store, members in run.members.items():
            points = set()
            for member in members:
                classes = run.classes(store, member)
                points.add(classes.recovery_point_n)
                findings.append(self._judge(classes, store, member))
            if len(points) > 1:
                detail = f"its members were restored to different moments: writes {', '.join(map(str, sorted(points)))}"
                findings.append(Finding(self.name, Verdict.FAIL, detail, "", store))
        return tuple(findings)

    def _judge(self, classes: Classes, store: str, member: str) -> Finding:
        if classes.acknowledged == 0:
            return Finding(self.name, Verdict.UNKNOWN, "no write was acknowledged before the fault", "", store, member)
        if classes.wrong:
            detail = "; ".join(
                f"{getattr(classes, name)} {name.replace('_', ' ')} ({', '.join(classes.examples.get(name, ()))})"
                for name in classes.wrong
            )
            return Finding(self.name, Verdict.FAIL, detail, "", store, member)
        if classes.kept == 0:
            detail = f"none of {classes.acknowledged} acknowledged writes is there"
            return Finding(self.name, Verdict.FAIL, detail, "", store, member)
        detail = (
            f"{classes.kept} of {classes.acknowledged} acknowledged writes kept, {classes.lost_after} lost after "
            f"the recovery point (write {classes.recovery_point_n}), {classes.indeterminate} never answered"
        )
        return Finding(self.name, Verdict.PASS, detail, "", store, member)
