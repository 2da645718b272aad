"""restic's check of all data of a repository, run in Velero's pod: with its program, its access and its keys."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from harness.backups.velero_install import NAMESPACE
from harness.core import timeouts
from harness.core.errors import HarnessError, ToolFailed
from harness.core.json import text
from harness.core.kubernetes import Object, RunsKubectl, objects
from harness.core.reason import Reason, by_precedence

MAX_LINES = 20
CHECK = ("check", "--read-data", "--no-lock")
"""No lock is taken: it would stay, and block Velero, if the command were killed."""

_HEALTHY = "no errors were found"
_DAMAGED = (
    *("Fatal: repository contains errors", "Fatal: LoadIndex returned errors", " is damaged: "),
    "Fatal: wrong password or no key found",
)
"""restic ends with one of these when it has found damage; any other failure (no access) says nothing of the data.

A repository that Velero's password does not open is as good as lost.
"""

_NOISE = ("retrying after", "command terminated with exit code")


@dataclass(frozen=True)
class CheckResult:
    """Whether every check finished, and what it found, or why it did not finish."""

    checked: bool
    damage: tuple[str, ...]
    reasons: tuple[Reason, ...] = ()


def check(ask: Callable[[str], str], repositories: Collection[str]) -> CheckResult:
    """Check every repository, given by its URL, by reading all its data. Never raises for one that cannot be checked.

    `ask` runs restic with `CHECK` on one, and returns its standard output. ToolFailed, TimedOut.
    """
    return combined(_checked(ask, repository) for repository in sorted(repositories))


def combined(repositories: Iterable[CheckResult]) -> CheckResult:
    """One result of the results for all repositories of a backup."""
    answers = tuple(repositories)
    if not answers:
        return CheckResult(checked=False, damage=("the backup names no repository",))
    damage = tuple(line for answer in answers for line in answer.damage)
    reasons = by_precedence(reason for answer in answers for reason in answer.reasons)
    return CheckResult(all(answer.checked for answer in answers), damage[:MAX_LINES], reasons)


def missing_snapshots(copies: Iterable[Object], listed: Collection[str]) -> Iterator[str]:
    """The volume copies whose snapshot is not among the keys `listed`; restic's check does not look for these."""
    for copy in copies:
        snapshot = text(copy, "status", "snapshotID")
        there = f"restic/{text(copy, 'spec', 'pod', 'namespace')}/snapshots/{snapshot}"
        if text(copy, "spec", "uploaderType") == "restic" and not any(key.startswith(there) for key in listed):
            yield describe_missing(copy)


def describe_missing(copy: Object) -> str:
    """A sentence about a volume copy whose snapshot is missing."""
    of = f"{text(copy, 'spec', 'pod', 'name')}, volume {text(copy, 'spec', 'volume')}"
    return f"the snapshot {text(copy, 'status', 'snapshotID')} of {of} is not in the repository"


def password(kubectl: RunsKubectl, namespace: str = NAMESPACE) -> str:
    """The password of all repositories of the Velero in `namespace`."""
    name = "--field-selector=metadata.name=velero-repo-credentials"
    secrets = objects(kubectl, "secrets", f"--namespace={namespace}", name)
    return base64.b64decode(text(next(iter(secrets), None), "data", "repository-password")).decode()


def restic(kubectl: RunsKubectl, repository: str, *command: str, of: str = "deployment/velero") -> str:
    """Run restic on a repository in a pod of Velero's; return its standard output. ToolFailed, TimedOut."""
    # No shell is asked for, official images have none. The password goes by standard input, where it is in no list
    # of processes and in no error.
    in_pod = ("exec", "--stdin", f"--namespace={NAMESPACE}", of, f"--container={of.partition('/')[2]}", "--")
    words = (*in_pod, "restic", *command, "--no-cache", f"--repo={repository}")
    return kubectl(*words, stdin=password(kubectl) + "\n", within_s=timeouts.CHECK_S)


def _checked(ask: Callable[[str], str], repository: str) -> CheckResult:
    try:
        said = ask(repository)
    except ToolFailed as error:
        lines = tuple(line for line in error.tail.splitlines() if not any(noise in line for noise in _NOISE))
        return CheckResult(any(end in error.tail for end in _DAMAGED), lines or (str(error),))
    except HarnessError as error:
        return CheckResult(checked=False, damage=(str(error),))
    if _HEALTHY not in said:
        return CheckResult(checked=False, damage=(f"restic's check ended without a verdict: {said[-200:]}",))
    return CheckResult(checked=True, damage=())
