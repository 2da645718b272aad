"""A mutation: one small change that damages a good recovery, and the finding that must detect it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from harness.core.model import ExpectedFinding, Finding, Verdict


@dataclass(frozen=True, kw_only=True)
class Expected:
    name: str  # what was done, in words: "one row gone on a replica"
    finding: ExpectedFinding  # of the check that must not pass; its `objects` are the names of what was changed
    verdict: Verdict = Verdict.FAIL
    also: tuple[str, ...] = ()  # checks that may fail, too, because the change really breaks what they guarantee

    def missed(self, findings: Iterable[Finding]) -> str:
        """What was found in place of the expected finding; "" if it was detected, for the expected reason."""
        bad = [finding for finding in findings if finding.verdict is not Verdict.PASS]
        if not bad:
            return "all checks passed"
        if not any(map(self.is_met_by, bad)):
            return f"the expected finding ({self.finding.check}) is missing; found: {_shown(bad)}"
        wrong = [finding for finding in bad if finding.check not in (self.finding.check, *self.also)]
        return f"other checks failed, too: {_shown(wrong)}" if wrong else ""

    def is_met_by(self, finding: Finding) -> bool:
        return finding.verdict is self.verdict and self.finding.is_met_by(finding)


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
