"""Which findings explain others: causes first, each with what follows from it. Pure, and makes no verdict."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.core.model import Finding, Verdict
from harness.core.reason import Reason

_FILE = Path(__file__).with_name("causal_order.toml")

LAYER: Mapping[Reason, int] = {
    Reason[name]: layer
    for layer, each in enumerate(tomllib.loads(_FILE.read_text("utf-8")).values())
    for name in each["reasons"]
}
"""By reason, its layer in causal_order.toml: a lower one explains a higher one."""

_ABOUT_THE_RUN = {LAYER[Reason.RecoveryFailed], LAYER[Reason.ObjectiveMissed], LAYER[Reason.NotReadBack]}
"""The layers whose findings about the whole run may follow from those about one store."""


@dataclass(frozen=True)
class Cause:
    """A finding that no other one explains, and those that it explains."""

    finding: Finding
    follows: tuple[Finding, ...]


def explain(findings: Iterable[Finding]) -> tuple[Cause, ...]:
    """Every finding that is not PASS, once: as a cause, or below the first cause that explains it.

    FAILs come before UNKNOWNs, then earlier layers before later ones.
    """
    bad = [each for each in findings if each.verdict is not Verdict.PASS]
    causes: list[tuple[Finding, list[Finding]]] = []
    for finding in sorted(bad, key=lambda each: (each.verdict is not Verdict.FAIL, _layer(each), LAYER[each.reason])):
        for cause, follows in causes:
            if _explains(cause, finding):
                follows.append(finding)
                break
        else:
            causes.append((finding, []))
    return tuple(Cause(cause, tuple(follows)) for cause, follows in causes)


def _layer(finding: Finding) -> int:
    """That of the first of its causes: a recovery that did not end because a container crashes is about the crash."""
    return min(LAYER[reason] for reason in (finding.reason, *finding.causes))


def _explains(cause: Finding, finding: Finding) -> bool:
    same_store = cause.store in {"", finding.store}
    layer, later = _layer(cause), _layer(finding)
    if layer == later:  # the same on another member, or what it brought about
        again = cause.check == finding.check and cause.reason is finding.reason
        return same_store and (again or cause.reason in finding.causes)
    return layer < later and (same_store or (not finding.store and LAYER[finding.reason] in _ABOUT_THE_RUN))
