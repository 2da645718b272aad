"""A drill whose backup or restore is bad on purpose: it passes only if the ones who should notice do.

What the checks say of such a recovery is then no verdict but the answer to a question. What must hold in every drill
(the damage was seen, nothing left the fence, the checks can fail, the drill did not break off, nobody edited its
evidence) still does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.model import Finding, Notice, Verdict

ALWAYS = frozenset({"damage-seen", "taken-over", "fence-held", "self-test", "drill-finished", "evidence-signed"})
"""The checks that a bad recovery is no excuse for."""


def conclude(notices: Sequence[Notice], said: Sequence[Finding]) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The findings that make the verdict, and those that only tell of the recovery, from all that the checks `said`."""
    holding = tuple(finding for finding in said if finding.check in ALWAYS and not _of_the_recovery(finding))
    rest = tuple(finding for finding in said if finding not in holding)
    sound = all(finding.verdict is not Verdict.UNKNOWN for finding in holding)
    return (*holding, *(_noticed(notice, said, sound=sound) for notice in notices)), rest


def _of_the_recovery(finding: Finding) -> bool:
    # A drill that ended early since the recovery failed did what it should; one that broke off is UNKNOWN.
    return finding.check == "drill-finished" and finding.verdict is Verdict.FAIL


def _noticed(notice: Notice, said: Sequence[Finding], *, sound: bool) -> Finding:
    """PASS if either says what it should; where one could not tell, that the other found nothing says nothing."""
    first = _said(notice, said, sound=sound)
    if first.verdict is Verdict.PASS or notice.otherwise is None:
        return first
    other = _noticed(notice.otherwise, said, sound=sound)
    if other.verdict is Verdict.PASS:
        return other
    return other if other.verdict is Verdict.UNKNOWN else first


def _said(notice: Notice, said: Sequence[Finding], *, sound: bool) -> Finding:
    """PASS if a finding is what it should be; where the drill itself is not `sound`, its silence says nothing."""
    asked = [each for each in said if each.check == notice.check and notice.store in {"", each.store}]
    failed = [each for each in asked if each.verdict is Verdict.FAIL]
    for finding in failed:
        if re.search(notice.saying, finding.detail):
            detail = f"{notice.check}: {finding.detail}"
            return Finding("noticed", Verdict.PASS, detail, "", finding.store, finding.member)
    wanted = f"{notice.who} should say: {notice.saying or 'FAIL'}"
    unsure = [each for each in asked if each.verdict is Verdict.UNKNOWN]
    if unsure or not sound:
        why = unsure[0].detail if unsure else "the drill itself is UNKNOWN"
        return Finding("noticed", Verdict.UNKNOWN, f"{wanted}; it could not tell: {why}")
    instead = failed[0].detail if failed else "it found nothing wrong"
    hint = "the recovery is bad and looks green: on the worst day nobody would know"
    return Finding("noticed", Verdict.FAIL, f"nobody noticed. {wanted}; {instead}", hint, notice.store)
