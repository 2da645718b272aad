"""A restic repository's own check of all its data, made in Velero's pod: with its program, its way and its keys."""

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
"""With one of these restic ends when it has found damage; any other end (no way there) says nothing.

A repository that the password does not open, by which Velero itself would restore, is as good as lost.
"""

_NOISE = ("retrying after", "command terminated with exit code")


@dataclass(frozen=True)
class CheckResult:
    """Whether every check came to its end, and what was found, or what kept it from its end."""

    checked: bool
    damage: tuple[str, ...]
    reasons: tuple[Reason, ...] = ()


def check(ask: Callable[[str], str], repositories: Collection[str]) -> CheckResult:
    """Let every repository, named by its URL, be checked with all its data read. Never raises for one that can't be.

    `ask` runs restic with `CHECK` on one, and returns its standard output. ToolFailed, TimedOut.
    """
    return combined(_checked(ask, repository) for repository in sorted(repositories))


def combined(repositories: Iterable[CheckResult]) -> CheckResult:
    """What the answers for all repositories of a backup come to."""
    answers = tuple(repositories)
    if not answers:
        return CheckResult(checked=False, damage=("the backup names no repository",))
    damage = tuple(line for answer in answers for line in answer.damage)
    reasons = by_precedence(reason for answer in answers for reason in answer.reasons)
    return CheckResult(all(answer.checked for answer in answers), damage[:MAX_LINES], reasons)


def missing_snapshots(copies: Iterable[Object], listed: Collection[str]) -> Iterator[str]:
    """The volume copies whose snapshot is not among the keys `listed`: restic's check misses none that is gone."""
    for copy in copies:
        snapshot = text(copy, "status", "snapshotID")
        there = f"restic/{text(copy, 'spec', 'pod', 'namespace')}/snapshots/{snapshot}"
        if text(copy, "spec", "uploaderType") == "restic" and not any(key.startswith(there) for key in listed):
            yield describe_missing(copy)


def describe_missing(copy: Object) -> str:
    """What there is to say of a volume copy whose snapshot is gone."""
    of = f"{text(copy, 'spec', 'pod', 'name')}, volume {text(copy, 'spec', 'volume')}"
    return f"the snapshot {text(copy, 'status', 'snapshotID')} of {of} is not in the repository"


def password(kubectl: RunsKubectl, namespace: str = NAMESPACE) -> str:
    """What all repositories of the Velero in `namespace` are encrypted with."""
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
