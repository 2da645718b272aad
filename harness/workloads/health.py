"""What can be wrong with a member, each with its reason code."""

from collections.abc import Iterable
from dataclasses import dataclass

from harness.core.model import Health
from harness.core.reason import Reason, by_precedence


@dataclass(frozen=True)
class Problem:
    """Something that can be wrong with a member, and whether it is."""

    exists: bool
    reason: Reason
    detail: str
    objects: tuple[str, ...] = ()


def health_of(problems: Iterable[Problem], *, good: str, role: str, identity: str) -> Health:
    """A member's health. `good` is the detail if no problem exists."""
    wrong = [each for each in problems if each.exists]
    return Health(
        ok=not wrong,
        detail="; ".join(each.detail for each in wrong) or good,
        role=role,
        identity=identity,
        reasons=by_precedence(each.reason for each in wrong),
        objects=tuple(name for each in wrong for name in each.objects),
    )
