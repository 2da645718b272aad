"""What became of every write?"""

from __future__ import annotations

from harness.checks.data import corrupted
from harness.core.errors import Unreadable
from harness.core.model import Finding, Verdict
from harness.core.reason import Reason, by_precedence
from harness.evidence.marks import MARKS
from harness.evidence.run_directory import Run
from harness.evidence.write_classification import Classes

_REASONS = {
    "lost_before": Reason.AcknowledgedWriteLost,
    "lost_again": Reason.WriteLostAgain,
    "resurrected": Reason.WriteResurrected,
    "duplicated": Reason.WriteDuplicated,
    "altered": Reason.WriteAltered,
    "unexpected": Reason.WriteUnexpected,
}
"""Of the classes of `harness.evidence.write_classification` that are always wrong."""


class WritesKept:
    """Every member holds exactly what the acknowledged writes up to one moment left, and all the same moment."""

    name = "ledger-kept"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding a member, and one for each store whose members disagree."""
        findings: list[Finding] = []
        for store, members in run.members.items():
            points = set()
            for member in members:
                try:
                    classes = run.kept(store, member).classes
                except Unreadable as error:
                    findings.append(unread(run, self.name, "ledger", why=error, store=store, member=member))
                    continue
                points.add(classes.recovery_point_n)
                findings.append(self._judge(run, classes, store, member))
            if len(points) > 1:
                detail = f"its members were restored to different moments: writes {', '.join(map(str, sorted(points)))}"
                findings.append(Finding(self.name, Verdict.FAIL, Reason.MembersDiverge, detail, "", store))
        return tuple(findings)

    def _judge(self, run: Run, classes: Classes, store: str, member: str) -> Finding:
        if classes.acknowledged == 0:
            detail = "no write was acknowledged before the fault"
            return Finding(self.name, Verdict.UNKNOWN, Reason.NoWriteAcknowledged, detail, "", store, member)
        if classes.wrong:
            detail = "; ".join(
                f"{getattr(classes, name)} {name.replace('_', ' ')} ({', '.join(classes.examples.get(name, ()))})"
                for name in classes.wrong
            )
            first, *others = by_precedence(_REASONS[name] for name in classes.wrong)
            return Finding(self.name, Verdict.FAIL, first, detail, "", store, member, (), tuple(others))
        if classes.kept == 0:
            detail = f"none of {classes.acknowledged} acknowledged writes is there"
            return Finding(self.name, Verdict.FAIL, Reason.AllWritesLost, detail, "", store, member)
        if missing := [mark for mark in ("T0", "T4") if mark not in run.marks]:
            detail = f"the drill does not say when {' and '.join(MARKS[mark] for mark in missing)}"
            return Finding(self.name, Verdict.UNKNOWN, Reason.NotRecorded, detail, "", store, member, tuple(missing))
        detail = (
            f"{classes.kept} of {classes.acknowledged} acknowledged writes kept, {classes.lost_after} lost after "
            f"the recovery point (write {classes.recovery_point_n}), {classes.indeterminate} never answered"
        )
        return Finding(self.name, Verdict.PASS, Reason.AsExpected, detail, "", store, member)


def unread(run: Run, check: str, what: str, *, why: str | Unreadable, store: str, member: str) -> Finding:
    """Of what was not read: FAIL if the member said that it is damaged, else UNKNOWN with the reason."""
    if damaged := corrupted(run, check, what, store=store, member=member):
        return damaged
    reason, objects = (why.reason, why.objects) if isinstance(why, Unreadable) else (Reason.NotReadBack, ())
    return Finding(check, Verdict.UNKNOWN, reason, str(why), "", store, member, objects)
