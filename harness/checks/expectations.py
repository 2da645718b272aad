"""A drill whose backup or restore is bad on purpose: it passes only if the findings that it expects are made.

What the checks say of such a recovery is then no verdict but the answer to a question. What must hold in every drill
(the damage was seen, nothing left the fence, the checks can fail, the drill did not break off, nobody edited its
evidence) still does.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.core.model import ExpectedFinding, Finding, Verdict
from harness.core.reason import Reason, by_precedence

ALWAYS = frozenset({"damage-seen", "taken-over", "fence-held", "self-test", "drill-finished", "evidence-signed"})
"""The checks that a bad recovery is no excuse for."""


BY = "check "
"""Begins, among the objects of a PASS of `noticed`, the name of the check that made the expected finding."""


def conclude(
    expected: Sequence[ExpectedFinding], said: Sequence[Finding]
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The findings that make the verdict, and those that only tell of the recovery, from all that the checks `said`."""
    holding = tuple(finding for finding in said if finding.check in ALWAYS and not _of_the_recovery(finding))
    rest = tuple(finding for finding in said if finding not in holding)
    sound = all(finding.verdict is not Verdict.UNKNOWN for finding in holding)
    return (*holding, *(_noticed(each, said, sound=sound) for each in expected)), rest


def _of_the_recovery(finding: Finding) -> bool:
    # A drill that ended early since the recovery failed did what it should; one that broke off is UNKNOWN.
    return finding.check == "drill-finished" and finding.verdict is Verdict.FAIL


def _noticed(expected: ExpectedFinding, said: Sequence[Finding], *, sound: bool) -> Finding:
    """PASS if either finding is there; where one could not tell, that the other found nothing says nothing."""
    first = _said(expected, said, sound=sound)
    if first.verdict is Verdict.PASS or expected.otherwise is None:
        return first
    other = _noticed(expected.otherwise, said, sound=sound)
    if other.verdict is Verdict.PASS:
        return other
    return other if other.verdict is Verdict.UNKNOWN else first


def _said(expected: ExpectedFinding, said: Sequence[Finding], *, sound: bool) -> Finding:
    """PASS if a finding is what it should be; where the drill itself is not `sound`, its silence says nothing."""
    asked = [each for each in said if each.check == expected.check and expected.store in {"", each.store}]
    failed = [each for each in asked if each.verdict is Verdict.FAIL]
    for finding in failed:
        if expected.is_met_by(finding):
            detail = f"{expected.check}: {finding.detail}"
            objects = (f"{BY}{finding.check}", *finding.objects)
            whose, why = (finding.store, finding.member, objects), by_precedence(finding.reasons)
            return Finding("noticed", Verdict.PASS, Reason.AsExpected, detail, "", *whose, why)
    wanted = f"{expected.who} should find {_words(expected)}"
    unsure = [each for each in asked if each.verdict is Verdict.UNKNOWN]
    whose = (expected.store, expected.member, expected.objects)
    if unsure or not sound:
        why_not = unsure[0].detail if unsure else "the drill itself is UNKNOWN"
        detail = f"{wanted}; it could not tell: {why_not}"
        return Finding("noticed", Verdict.UNKNOWN, Reason.ExpectedFindingUnclear, detail, "", *whose)
    instead = f"{failed[0].reason}: {failed[0].detail}" if failed else "it found nothing wrong"
    hint = "the recovery is bad and looks green: on the worst day nobody would know"
    detail = f"nobody noticed. {wanted}; {instead}"
    return Finding("noticed", Verdict.FAIL, Reason.ExpectedFindingMissing, detail, hint, *whose)


def _words(expected: ExpectedFinding) -> str:
    """`RestoreFailed or RestorePartiallyFailed because of RepositoryLocked: volume dump`."""
    because = f" because of {' and '.join(expected.causes)}" if expected.causes else ""
    return f"{' or '.join(expected.reasons)}{because}{''.join(f', {each}' for each in expected.objects)}"
