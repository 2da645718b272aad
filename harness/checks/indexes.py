"""Would the database find what it holds?"""

from __future__ import annotations

from collections.abc import Mapping

from harness.checks.ledger import unread
from harness.checks.tool_messages import causes
from harness.core.model import Finding, Verdict
from harness.core.reason import Reason, by_precedence, from_name
from harness.evidence.run_directory import Run

SHOWN = 5
"""How many indexes a finding names; the journal has all."""


class IndexesConsistent:
    """Each index has just the entries that its table's rows call for, on every member of a store that has indexes.

    An index that lacks one gives wrong answers from rows that are all there. They are read after the members were
    restarted, as damage on a disk does not show in memory.
    """

    name = "indexes-hold"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding a member."""
        return tuple(self._member(run, store, member) for store in run.indexed for member in run.members[store])

    def _member(self, run: Run, store: str, member: str) -> Finding:
        restarted = [event.seq for event in run.of("restart", member=member)]
        read = run.of("indexes", store=store, member=member)
        damaged = run.of("corrupt", what="indexes", store=store, member=member)
        if damaged or not read or read[-1].seq < max(restarted, default=0):
            why = "its indexes were not held against their tables"
            return unread(run, self.name, "indexes", why=why, store=store, member=member)
        said = read[-1].data
        held, wrong, who = said.get("held"), said.get("wrong"), said.get("answered_by")
        if who != member:
            detail = f"when its indexes were asked for, {who or 'nobody'} answered in its place"
            by = Reason.AnsweredByAnother
            return Finding(self.name, Verdict.UNKNOWN, by, detail, "", store, member, (str(who or "nobody"),))
        if not isinstance(held, int) or held < 1 or not isinstance(wrong, Mapping):
            detail = "none of its indexes was held against its table"
            return Finding(self.name, Verdict.UNKNOWN, Reason.IndexNotChecked, detail, "", store, member)
        if wrong:
            told = "; ".join(f"index {name} {what}" for name, what in list(wrong.items())[:SHOWN])
            more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
            hint = "a query by such an index gives wrong answers from right rows; build it anew"
            recorded = said.get("reasons")
            by_index = recorded if isinstance(recorded, Mapping) else {}
            # A run of before there were reasons tells them in words alone.
            reasons = by_precedence(from_name(by_index.get(name)) or Reason.IndexDamaged for name in wrong)
            beside = by_precedence((*reasons[1:], *causes([*wrong.values()])))
            objects = tuple(f"index {name}" for name in wrong)
            return Finding(self.name, Verdict.FAIL, reasons[0], told + more, hint, store, member, objects, beside)
        detail = f"{held} indexes have the entries that their tables call for"
        return Finding(self.name, Verdict.PASS, Reason.AsExpected, detail, "", store, member)
