"""What a judged run says, by its reasons and names; a test matches no sentence."""

from __future__ import annotations

from collections.abc import Mapping

from harness.core.model import Finding


def words(finding: Finding) -> frozenset[str]:
    """All of a finding that a machine may match on: check, store, member, reason, causes and objects."""
    whose = (finding.check, finding.store, finding.member, finding.reason.value)
    return frozenset((*whose, *(cause.value for cause in finding.causes), *finding.objects))


def has(document: Mapping[str, object], verdict: str, *wanted: str) -> bool:
    """Whether a finding of findings.json has this verdict, and all of `wanted` among its names and reasons."""
    return any(set(wanted) <= each for each in _found(document, verdict))


def count(document: Mapping[str, object], verdict: str, *wanted: str) -> int:
    """How many findings have."""
    return sum(set(wanted) <= each for each in _found(document, verdict))


def _found(document: Mapping[str, object], verdict: str) -> list[set[str]]:
    listed = document["findings"]
    assert isinstance(listed, list)
    return [
        {each["check"], each["store"], each["member"], each["reason"], *each["causes"], *each["objects"]}
        for each in listed
        if each["verdict"] == verdict
    ]
