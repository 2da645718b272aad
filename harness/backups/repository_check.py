"""Checks all data of a backup's repositories, with restic or kopia, whichever copied the volumes.

restic runs in Velero's pod: with its program, its access and its keys. Velero's image holds no kopia program, so our
kopia-check (clusters/images/kopia-check) reads the repository from outside the cluster, straight from the bucket, with
Velero's keys and the library of the newest lane, which reads the repositories of all.
"""

import base64
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.backups.object_store import ObjectStore
from harness.backups.velero_install import NAMESPACE
from harness.core import timeouts
from harness.core.errors import HarnessError, ToolFailed
from harness.core.json import text
from harness.core.kubernetes import Object, RunsKubectl, find
from harness.core.model import Json
from harness.core.process import run
from harness.core.reason import Reason, by_precedence

KOPIA = "kopia"
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


def check_restic(ask: Callable[[str], str], repositories: Collection[str]) -> CheckResult:
    """Check every repository, given by its URL, by reading all its data. Never raises for one that cannot be checked.

    `ask` runs restic with `CHECK` on one, and returns its standard output. ToolFailed, TimedOut.
    """
    return _combined(_restic(ask, repository) for repository in sorted(repositories))


def check_kopia(
    kubectl: RunsKubectl, program: Callable[[], Path], store: ObjectStore, copies: Sequence[Object], namespace: str
) -> CheckResult:
    """Read all data of the repositories of these volume copies. Never raises for one that cannot be read.

    `program` returns kopia-check, or raises why it cannot be built; `namespace` is Velero's.
    """
    if strange := {text(copy, "spec", "uploaderType") for copy in copies} - {KOPIA}:
        return CheckResult(checked=False, damage=(f"volumes were copied with {', '.join(sorted(strange))}",))
    try:
        checker, secret = program(), password(kubectl, namespace)
    except HarnessError as error:
        return CheckResult(checked=False, damage=(str(error),))
    kept: dict[str, list[Object]] = {}
    for copy in copies:
        kept.setdefault(text(copy, "spec", "pod", "namespace"), []).append(copy)
    return _combined(_kopia(checker, store, f"{store.folder}{KOPIA}/{of}/", secret, its) for of, its in kept.items())


def missing_snapshots(copies: Iterable[Object], listed: Collection[str]) -> Iterator[str]:
    """The volume copies whose snapshot is not among the keys `listed`; restic's check does not look for these."""
    for copy in copies:
        snapshot = text(copy, "status", "snapshotID")
        there = f"restic/{text(copy, 'spec', 'pod', 'namespace')}/snapshots/{snapshot}"
        if text(copy, "spec", "uploaderType") == "restic" and not any(key.startswith(there) for key in listed):
            yield _missing(copy)


def password(kubectl: RunsKubectl, namespace: str = NAMESPACE) -> str:
    """The password of all repositories of the Velero in `namespace`."""
    secret = find(kubectl, "secrets", "velero-repo-credentials", namespace)
    return base64.b64decode(text(secret, "data", "repository-password")).decode()


def restic(kubectl: RunsKubectl, repository: str, *command: str, of: str = "deployment/velero") -> str:
    """Run restic on a repository in a pod of Velero's; return its standard output. ToolFailed, TimedOut."""
    # No shell is asked for, official images have none. The password goes by standard input, where it is in no list
    # of processes and in no error.
    in_pod = ("exec", "--stdin", f"--namespace={NAMESPACE}", of, f"--container={of.partition('/')[2]}", "--")
    words = (*in_pod, "restic", *command, "--no-cache", f"--repo={repository}")
    return kubectl(*words, stdin=password(kubectl) + "\n", within_s=timeouts.CHECK_S)


def _combined(repositories: Iterable[CheckResult]) -> CheckResult:
    answers = tuple(repositories)
    if not answers:
        return CheckResult(checked=False, damage=("the backup names no repository",))
    damage = tuple(line for answer in answers for line in answer.damage)
    reasons = by_precedence(reason for answer in answers for reason in answer.reasons)
    return CheckResult(all(answer.checked for answer in answers), damage[:MAX_LINES], reasons)


def _restic(ask: Callable[[str], str], repository: str) -> CheckResult:
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


def _kopia(checker: Path, store: ObjectStore, prefix: str, secret: str, copies: Iterable[Object]) -> CheckResult:
    snapshots = {text(copy, "status", "snapshotID"): copy for copy in copies}
    asked: Json = {
        "endpoint": store.outside,
        "bucket": store.bucket,
        "prefix": prefix,
        "access_key": store.access_key,
        "secret_key": store.secret_key,
        "password": secret,
        "snapshots": sorted(set(snapshots) - {""}),
    }
    try:
        # The keys go by standard input, so that no process list and no error shows them.
        said = run([checker], stdin=json.dumps(asked), within_s=timeouts.CHECK_S).stdout
        answer = json.loads(said)
        lost, damage, problems = (tuple(map(str, answer[key])) for key in ("lost", "damage", "trouble"))
    except HarnessError as error:
        return CheckResult(checked=False, damage=(str(error),))
    except (ValueError, KeyError, TypeError):
        return CheckResult(checked=False, damage=(f"kopia-check ended without a verdict: {said[-200:]}",))
    if problems:
        return CheckResult(checked=False, damage=problems)
    missing = (*(_missing(snapshots[name]) for name in lost), *damage)
    return CheckResult(checked=True, damage=missing, reasons=(Reason.SnapshotMissing,) if lost else ())


def _missing(copy: Object) -> str:
    of = f"{text(copy, 'spec', 'pod', 'name')}, volume {text(copy, 'spec', 'volume')}"
    return f"the snapshot {text(copy, 'status', 'snapshotID')} of {of} is not in the repository"
