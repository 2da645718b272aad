"""Is every member well, and was it before?"""

from __future__ import annotations

from collections.abc import Mapping

from harness.checks.tool_messages import causes
from harness.core.model import Finding, Json, Verdict
from harness.core.reason import Reason, by_precedence, from_name
from harness.evidence import before_reasons
from harness.evidence.run_directory import Run


class MembersHealthy:
    """Every member answers and replicates after the restore, as it did before the backup."""

    name = "members-healthy"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding a member, with what it named as wrong: the first for the reason, the others as causes."""
        findings = []
        for store, member in run.each_member():
            before = run.of("health", when="before", store=store, member=member)
            after = run.of("health", when="after", store=store, member=member)
            reason = Reason.AsExpected
            objects: tuple[str, ...] = ()
            why: tuple[Reason, ...] = ()
            if not before or before[-1].data.get("ok") is not True:
                verdict, reason = Verdict.UNKNOWN, Reason.NotHealthyBefore
                detail = "was not seen healthy before the fault, so nothing can be said of it after"
            elif not after:
                verdict, reason, detail = Verdict.UNKNOWN, Reason.NotReadBack, "was not asked after the restore"
            elif after[-1].data.get("ok") is not True:
                verdict, detail = Verdict.FAIL, str(after[-1].data.get("detail"))
                reason, *others = recorded(after[-1].data, "detail") or (Reason.MemberUnhealthy,)
                why = by_precedence({*others, *causes(detail)} - {reason})
                objects = texts(after[-1].data.get("objects"))
            elif not after[-1].data.get("identity"):
                verdict, reason = Verdict.UNKNOWN, Reason.IdentityUnknown
                detail = "answered without saying who it is"
            else:
                verdict, detail = Verdict.PASS, f"{after[-1].data.get('role')}: {after[-1].data.get('detail')}"
            findings.append(Finding(self.name, verdict, reason, detail, "", store, member, objects, why))
        return tuple(findings)


def recorded(data: Mapping[str, Json], text: str) -> tuple[Reason, ...]:
    """The reasons that an event names, by precedence; in a journal of before there were any, those of its `text`."""
    if "reasons" not in data:
        return before_reasons.reasons(data.get(text))
    return by_precedence(filter(None, map(from_name, texts(data["reasons"]))))


def texts(names: Json) -> tuple[str, ...]:
    """The texts of a list in an event; none of anything else."""
    return tuple(map(str, names)) if isinstance(names, list | tuple) else ()
