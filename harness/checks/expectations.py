"""Detection scenarios: the backup or restore is bad on purpose, and the drill passes if the expected check finds that.

What the checks find of such a recovery makes no verdict. What must hold in every drill still does: the damage was seen,
no packet left the network, the self-test passed, the drill finished, and the evidence is unchanged.
"""

from collections.abc import Sequence

from harness.core.model import ExpectedFinding, Finding, Verdict
from harness.core.reason import Reason, by_precedence

ALWAYS = frozenset(
    {"damage-seen", "taken-over", "fence-held", "self-test", "drill-finished", "evidence-signed", "events-in-order"}
)
"""The checks that must pass in a detection scenario, too."""


BY = "check "
"""Precedes, among the objects of a PASS of `noticed`, the name of the check that made the expected finding."""


def conclude(
    expected: Sequence[ExpectedFinding], found: Sequence[Finding]
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The findings that make the verdict, and those that only describe the recovery, of all that were `found`."""
    # A drill may end early because the recovery failed, which is a result; an interruption is UNKNOWN.
    ended_early = [each for each in found if each.check == "drill-finished" and each.verdict is Verdict.FAIL]
    holding = tuple(each for each in found if each.check in ALWAYS and each not in ended_early)
    rest = tuple(finding for finding in found if finding not in holding)
    sound = all(finding.verdict is not Verdict.UNKNOWN for finding in holding)
    return (*holding, *(_detected(each, found, sound=sound) for each in expected)), rest


def _detected(expected: ExpectedFinding, found: Sequence[Finding], *, sound: bool) -> Finding:
    """PASS if either finding was made; UNKNOWN where one could not be judged, whatever the other is."""
    first = _one_detected(expected, found, sound=sound)
    if first.verdict is Verdict.PASS or expected.otherwise is None:
        return first
    other = _detected(expected.otherwise, found, sound=sound)
    return first if other.verdict is Verdict.FAIL else other


def _one_detected(expected: ExpectedFinding, found: Sequence[Finding], *, sound: bool) -> Finding:
    """PASS if the expected finding was made; where the drill itself is not `sound`, its absence says nothing."""
    asked = [each for each in found if each.check == expected.check and expected.store in {"", each.store}]
    failed = [each for each in asked if each.verdict is Verdict.FAIL]
    for finding in filter(expected.is_met_by, failed):
        detail = f"detected by {expected.check}: {finding.detail}"
        objects = (f"{BY}{finding.check}", *finding.objects)
        whose, why = (finding.store, finding.member, objects), by_precedence(finding.reasons)
        return Finding("noticed", Verdict.PASS, Reason.AsExpected, detail, "", *whose, why)
    wanted = f"expected from {expected.who}: {_words(expected)}"
    unsure = [each for each in asked if each.verdict is Verdict.UNKNOWN]
    whose = (expected.store, expected.member, expected.objects)
    if unsure or not sound:
        doubt = unsure[0].detail if unsure else "the drill itself is UNKNOWN"
        hint = "fix what made it UNKNOWN, and drill again"
        detail = f"{wanted}; it could not be judged: {doubt}"
        return Finding("noticed", Verdict.UNKNOWN, Reason.ExpectedFindingUnclear, detail, hint, *whose)
    said = f"{failed[0].reason}: {failed[0].detail}" if failed else "it found nothing wrong"
    hint = "find out why the check passed: in a real disaster this bad recovery would look good"
    detail = f"the injected failure was not detected. {wanted}; {said}"
    return Finding("noticed", Verdict.FAIL, Reason.ExpectedFindingMissing, detail, hint, *whose)


def _words(expected: ExpectedFinding) -> str:
    """`RestoreFailed or RestorePartiallyFailed because of RepositoryLocked, volume dump`."""
    said = f" because of {' and '.join(expected.causes)}" if expected.causes else ""
    return f"{' or '.join(expected.reasons)}{said}{''.join(f', {each}' for each in expected.objects)}"
