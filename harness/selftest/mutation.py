"""A sabotage: one small named thing that spoils a recovery, and the finding that must come of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from harness.core.model import Finding, Verdict
from harness.core.reason import Reason


@dataclass(frozen=True, init=False)
class Why:
    """The reason of a finding (or several, any of which will do), its own or a cause, and what it must name."""

    reason: Reason | tuple[Reason, ...]
    objects: tuple[str, ...]
    causes: tuple[Reason, ...]

    def __init__(self, reason: Reason | tuple[Reason, ...], *objects: str, causes: tuple[Reason, ...] = ()) -> None:
        """`objects` are the names of what was spoilt."""
        object.__setattr__(self, "reason", reason)
        object.__setattr__(self, "objects", objects)
        object.__setattr__(self, "causes", causes)


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What was spoilt, and by which finding it must be noticed."""

    name: str  # what was done, in words: "one row gone on a replica"
    check: str  # the check that must turn red
    why: Why  # the reason of that finding, and what it must name
    verdict: Verdict = Verdict.FAIL
    member: str = ""  # whose finding it must be; "" where it is the whole store's, or any member's
    also: tuple[str, ...] = ()  # checks that may turn red beside it, because it truly breaks what they guarantee, too

    def missed(self, findings: Iterable[Finding]) -> str:
        """What is there instead of the finding that should be; "" if it was noticed, and for its own reason."""
        red = [finding for finding in findings if finding.verdict is not Verdict.PASS]
        if not red:
            return "nothing turned red"
        if not any(self._is_noticed_by(finding) for finding in red):
            return f"noticed by the wrong check, or for the wrong reason: {_shown(red)}"
        wrong = [finding for finding in red if finding.check not in (self.check, *self.also)]
        return f"other checks turned red, too: {_shown(wrong)}" if wrong else ""

    def _is_noticed_by(self, finding: Finding) -> bool:
        return (
            finding.check == self.check
            and finding.verdict is self.verdict
            and (not self.member or finding.member == self.member)
            and self._is_why(finding)
        )

    def _is_why(self, finding: Finding) -> bool:
        """Whether it names the thing that was spoilt, and for its own reason; never by its sentence."""
        reason = self.why.reason
        return (
            not finding.reasons.isdisjoint(reason if isinstance(reason, tuple) else (reason,))
            and set(self.why.causes) <= set(finding.causes)
            and self._names(finding.objects)
        )

    def _names(self, objects: Collection[str]) -> bool:
        return set(self.why.objects) <= set(objects)


@dataclass(frozen=True)
class Act:
    """One thing done to one member. `text` is a statement in the store's own language, or `$ ` and a shell line."""

    member: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Sabotage(Expected):
    """A catalogue's entry. `heal` puts back exactly what `spoil` did, so that the next one starts from a good store."""

    spoil: tuple[Act, ...]
    heal: tuple[Act, ...]
    writes: bool = False  # whether a new write must be tried to notice it
    restarts: bool = False  # whether the members must be restarted to notice it


class Spoilable(Protocol):
    """A datastore that a self-test can act on, beside `harness.core.ports.Datastore`."""

    def execute(self, member: str, statement: str) -> None:
        """Run one administrator's statement on one member. ToolFailed if the member refuses it."""

    def reference_digest(self, member: str) -> dict[str, str]:
        """The rows of every table (key prefix), by part, hashed by the client from values it read one by one.

        A second way to the same answer as `digest`, which shares no code with it; names are those of `digest`'s parts.
        """


def _shown(findings: Iterable[Finding]) -> str:
    return " | ".join(
        f"{f.verdict.value} {f.check} {f.member or f.store}: {f.reason}: {f.detail[:200]}" for f in findings
    )
