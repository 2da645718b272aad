"""A mutation: one small change that damages a good recovery, and the finding that must detect it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from harness.core.model import Finding, Verdict
from harness.core.reason import Reason


@dataclass(frozen=True, init=False)
class Why:
    """The reason of a finding (or alternatives), as its own or as a cause, and the objects it must name."""

    reason: Reason | tuple[Reason, ...]
    objects: tuple[str, ...]
    causes: tuple[Reason, ...]

    def __init__(self, reason: Reason | tuple[Reason, ...], *objects: str, causes: tuple[Reason, ...] = ()) -> None:
        """`objects` are the names of what was changed."""
        object.__setattr__(self, "reason", reason)
        object.__setattr__(self, "objects", objects)
        object.__setattr__(self, "causes", causes)


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What was changed, and the finding that must detect it."""

    name: str  # what was done, in words: "one row gone on a replica"
    check: str  # the check that must not pass
    why: Why
    verdict: Verdict = Verdict.FAIL
    member: str = ""  # the member that the finding must be about; "" for the whole store, or any member
    also: tuple[str, ...] = ()  # checks that may fail, too, because the change really breaks what they guarantee

    def missed(self, findings: Iterable[Finding]) -> str:
        """What was found in place of the expected finding; "" if it was detected, for the expected reason."""
        bad = [finding for finding in findings if finding.verdict is not Verdict.PASS]
        if not bad:
            return "all checks passed"
        if not any(self._is_expected(finding) for finding in bad):
            return f"the expected finding ({self.check}) is missing; found: {_shown(bad)}"
        wrong = [finding for finding in bad if finding.check not in (self.check, *self.also)]
        return f"other checks failed, too: {_shown(wrong)}" if wrong else ""

    def _is_expected(self, finding: Finding) -> bool:
        return (
            finding.check == self.check
            and finding.verdict is self.verdict
            and (not self.member or finding.member == self.member)
            and self._has_reason(finding)
        )

    def _has_reason(self, finding: Finding) -> bool:
        """Whether it has the expected reason and names what was changed. Its sentence does not count."""
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
    """One change of one member. `text` is a statement in the store's own language, or `$ ` and a shell command."""

    member: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Mutation(Expected):
    """A mutation of a store. `revert` undoes exactly what `mutate` did, so that the next one finds a good store."""

    mutate: tuple[Act, ...]
    revert: tuple[Act, ...]
    writes: bool = False  # whether only a new write can show it
    restarts: bool = False  # whether only a restart of the members can show it


class MutationTarget(Protocol):
    """What a self-test needs of a datastore, in addition to `harness.core.ports.Datastore`."""

    def execute(self, member: str, statement: str) -> None:
        """Run an administrator's statement on one member. ToolFailed if the member refuses it."""

    def reference_digest(self, member: str) -> dict[str, str]:
        """The rows of every table (or key prefix), hashed by the client, which reads them one by one. By part.

        The self-test compares it with `digest`, with which it shares no code; it has the names of `digest`'s parts.
        """


def _shown(findings: Iterable[Finding]) -> str:
    return " | ".join(
        f"{f.verdict.value} {f.check} {f.member or f.store}: {f.reason}: {f.detail[:200]}" for f in findings
    )
