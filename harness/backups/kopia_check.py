"""A kopia repository's check of all its data, made from outside the cluster.

Velero's image holds no kopia program. So our kopia-check (clusters/images/velero) reads the repository
straight from the bucket, with the very library that Velero has, and its keys.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from harness.backups import velero_check
from harness.backups.object_store import ObjectStore
from harness.backups.velero_check import CheckResult
from harness.core import timeouts
from harness.core.errors import HarnessError
from harness.core.json import text
from harness.core.kubernetes import Object, RunsKubectl
from harness.core.model import Json
from harness.core.process import run
from harness.core.reason import Reason

UPLOADER = "kopia"


def check(
    kubectl: RunsKubectl, program: Callable[[], Path], store: ObjectStore, copies: Sequence[Object], namespace: str
) -> CheckResult:
    """Read all data of the repositories of these volume copies. Never raises for one that cannot be read.

    `program` returns kopia-check, or raises why it cannot be built; `namespace` is Velero's.
    """
    if strange := {text(copy, "spec", "uploaderType") for copy in copies} - {UPLOADER}:
        return CheckResult(checked=False, damage=(f"volumes were copied with {', '.join(sorted(strange))}",))
    try:
        checker, password = program(), velero_check.password(kubectl, namespace)
    except HarnessError as error:
        return CheckResult(checked=False, damage=(str(error),))
    kept: dict[str, list[Object]] = {}
    for copy in copies:
        kept.setdefault(text(copy, "spec", "pod", "namespace"), []).append(copy)
    return velero_check.combined(
        _repository(checker, store, f"{store.folder}{UPLOADER}/{of}/", password, its) for of, its in kept.items()
    )


def _repository(checker: Path, store: ObjectStore, prefix: str, password: str, copies: Iterable[Object]) -> CheckResult:
    snapshots = {text(copy, "status", "snapshotID"): copy for copy in copies}
    asked: Json = {
        "endpoint": store.outside,
        "bucket": store.bucket,
        "prefix": prefix,
        "access_key": store.access_key,
        "secret_key": store.secret_key,
        "password": password,
        "snapshots": sorted(set(snapshots) - {""}),
    }
    try:
        # The keys go by standard input, so that no process list and no error shows them.
        said = run([checker], stdin=json.dumps(asked), within_s=timeouts.CHECK_S).stdout
        lost, damage, problems = _lines(said)
    except HarnessError as error:
        return CheckResult(checked=False, damage=(str(error),))
    if problems:
        return CheckResult(checked=False, damage=problems)
    told = (*(velero_check.describe_missing(snapshots[name]) for name in lost), *damage)
    return CheckResult(checked=True, damage=told, reasons=(Reason.SnapshotMissing,) if lost else ())


def _lines(said: str) -> tuple[tuple[str, ...], ...]:
    try:
        answer = json.loads(said)
        lists = [answer[key] for key in ("lost", "damage", "trouble")]
    except (ValueError, KeyError, TypeError) as error:
        raise HarnessError(f"kopia-check ended without a verdict: {said[-200:]}") from error
    return tuple(tuple(str(line) for line in lines) for lines in lists)
