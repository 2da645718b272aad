"""What may be wrong with a member, each with its reason, and what comes of all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.core.model import Health
from harness.core.reason import Reason, ordered


@dataclass(frozen=True)
class Problem:
    """One thing that may be wrong with a member, and whether it is so."""

    is_so: bool
    reason: Reason
    detail: str
    objects: tuple[str, ...] = ()


def health_of(asked: Iterable[Problem], *, good: str, role: str, identity: str) -> Health:
    """The health of a member of which all of this was asked; `good` says how it is where nothing is wrong."""
    wrong = [each for each in asked if each.is_so]
    return Health(
        ok=not wrong,
        detail="; ".join(each.detail for each in wrong) or good,
        role=role,
        identity=identity,
        reasons=ordered(each.reason for each in wrong),
        objects=tuple(name for each in wrong for name in each.objects),
    )
