"""What runs say that were made before findings had reasons, so that they can still be judged: their sentences.

Nothing of today comes here: run.json names `expected_findings`, and an event names its `reasons`. A sentence that is in
no table means nothing, and a saying that is in none is refused; neither is ever matched more loosely than it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.core.model import ExpectedFinding, Json
from harness.core.reason import Reason as R  # noqa: N817 # the tables below are read by it
from harness.core.reason import by_precedence

_FAILED, _RESTORE_FAILED = (R.BackupFailed, R.BackupPartiallyFailed), (R.RestoreFailed, R.RestorePartiallyFailed)
_IN_KEYS = (R.PartMissing, R.PartEmptied, R.RowsMissing, R.RowsUnexpected, R.RowsDiffer)

SAYINGS: Mapping[tuple[str, str], ExpectedFinding] = {
    (each.check, saying): each
    for saying, each in (
        ("the bucket holds nothing of this backup", ExpectedFinding("backup-complete", R.BackupNotStored)),
        ("the repository is damaged", ExpectedFinding("backup-complete", R.RepositoryDamaged)),
        (
            "the repository is damaged: .*(no key found|cannot be opened)",
            ExpectedFinding("backup-complete", R.RepositoryDamaged, causes=(R.RepositoryNotOpened,)),
        ),
        (
            "is not in the repository",
            ExpectedFinding("backup-complete", R.RepositoryDamaged, causes=(R.SnapshotMissing,)),
        ),
        (
            "volume dump was not copied at all",
            ExpectedFinding("backup-complete", R.VolumeNotBackedUp, objects=("volume dump",)),
        ),
        ("hooks asked for, .* 1 failed", ExpectedFinding("backup-complete", R.HookFailed)),
        ("hooks asked for, .* [1-9][0-9]* failed", ExpectedFinding("backup-complete", R.HookFailed)),
        ("the tool says of its backup: FailedValidation", ExpectedFinding("backup-complete", R.BackupRefused)),
        ("the tool says of its backup: Failed", ExpectedFinding("backup-complete", R.BackupFailed)),
        (
            "the tool says of its backup: (Partially)?Failed",
            ExpectedFinding("backup-complete", (*_FAILED, R.BackupRefused)),
        ),
        ("the tool says of its restore: FailedValidation", ExpectedFinding("restore-complete", R.RestoreRefused)),
        ("PartiallyFailed|Failed", ExpectedFinding("restore-complete", _RESTORE_FAILED)),
        (
            "its restore: (Partially)?Failed.*error downloading backup",
            ExpectedFinding("restore-complete", (*_RESTORE_FAILED, R.RestoreRefused), causes=(R.BackupNotDownloaded,)),
        ),
        (
            "its restore: (Partially)?Failed.*data path restore failed",
            ExpectedFinding("restore-complete", _RESTORE_FAILED, causes=(R.DataPathFailed,)),
        ),
        (
            "its restore: (Partially)?Failed.*podvolumerestore with status .InProgress",
            ExpectedFinding("restore-complete", _RESTORE_FAILED, causes=(R.VolumeRestoreInterrupted,)),
        ),
        (
            "the tool says of its restore: (Partially)?Failed, .*repository is already locked",
            ExpectedFinding("restore-complete", _RESTORE_FAILED, causes=(R.RepositoryLocked,)),
        ),
        (
            "the tool says of its restore: (Partially)?Failed, .*(wrong|invalid repository) password",
            ExpectedFinding("restore-complete", _RESTORE_FAILED, causes=(R.RepositoryPasswordRejected,)),
        ),
        ("was in the backup and was not restored", ExpectedFinding("restore-complete", R.VolumeNotRestored)),
        (
            r"volume dump: (New|Prepared|InProgress|), \d+ bytes written back of",
            ExpectedFinding("restore-complete", R.VolumeRestoreNotFinished, objects=("volume dump",)),
        ),
        (
            "for Velero to find the backup",
            ExpectedFinding("drill-finished", R.RecoveryFailed, causes=(R.BackupNotFound,)),
        ),
        (
            r"consul-\d .*failed to open snapshot.*CRC mismatch",
            ExpectedFinding("drill-finished", R.RecoveryFailed, causes=(R.SnapshotCorrupted,)),
        ),
        (
            "not ready: postgres-read-0, postgres-read-1",
            ExpectedFinding(
                "drill-finished",
                R.RecoveryFailed,
                objects=("postgres-read-0", "postgres-read-1"),
                causes=(R.PodsNotReady,),
            ),
        ),
        (
            "Velero's restore .*no node takes it: .*unbound immediate PersistentVolumeClaims",
            ExpectedFinding("drill-finished", R.RecoveryFailed, causes=(R.RestoreNotFinished, R.VolumeUnbound)),
        ),
        ("says that its data are damaged", ExpectedFinding("data-equal", R.DataCorrupted)),
        ("kv vault/core", ExpectedFinding("data-equal", _IN_KEYS, objects=("kv vault/core",))),
        (
            r"core_tenant\.contact",
            ExpectedFinding("data-equal", R.RowsDiffer, objects=("table core_tenant.contact",)),
        ),
        (
            "config service-defaults differs",
            ExpectedFinding("data-equal", R.DefinitionDiffers, objects=("config service-defaults",)),
        ),
        ("the new write was not committed", ExpectedFinding("new-write", R.WriteNotCommitted)),
        (
            "the voters are (?!consul-0, consul-1, consul-2)",
            ExpectedFinding("members-healthy", R.VotersDiffer),
        ),
        ("same server_uuid", ExpectedFinding("members-healthy", R.DuplicateServerIdentity)),
        (
            "is ahead of its primary|has replayed up to|does not stream",
            ExpectedFinding("members-healthy", (R.AheadOfPrimary, R.ReplicationLagging, R.ReplicationStopped)),
        ),
        ("lost before", ExpectedFinding("ledger-kept", R.AcknowledgedWriteLost)),
        (
            "lost before|members were restored to different moments",
            ExpectedFinding("ledger-kept", (R.AcknowledgedWriteLost, R.MembersDiverge)),
        ),
        ("should hold", ExpectedFinding("transfers-whole", (R.BalanceSumDiffers, R.BalanceDiffers))),
    )
}
"""By check and saying, what the scenarios expected before findings had reasons."""

_SENTENCES: tuple[tuple[str, R], ...] = (
    (r"for Velero to find the backup", R.BackupNotFound),
    (r"for Velero's restore ", R.RestoreNotFinished),
    (r"of \d+ pods; not ready: ", R.PodsNotReady),
    (r"the snapshot \S+ of .* is not in the repository", R.SnapshotMissing),
    (r"the voters are ", R.VotersDiffer),
    (r"it is ahead of its primary", R.AheadOfPrimary),
    (r"it has replayed up to \S+, the primary had ", R.ReplicationLagging),
    (r"it does not stream", R.ReplicationStopped),
)
"""Of events in journals of then: (a regular expression, what it says)."""


def expected(fields: Json) -> ExpectedFinding:
    """What one entry of `noticed_by` in run.json expects; ValueError if it says what no scenario ever said."""
    told = fields if isinstance(fields, Mapping) else {}
    check, saying, store, other = (told.get(key) for key in ("check", "saying", "store", "otherwise"))
    known = SAYINGS.get((str(check), str(saying)))
    if known is None or not isinstance(store, str):
        raise ValueError(f"expects that {check} says {saying!r}, which no scenario of drillproof did")
    return ExpectedFinding(
        known.check,
        known.reason,
        store,
        objects=known.objects,
        causes=known.causes,
        otherwise=expected(other) if other else None,
    )


def expects_findings(facts: Mapping[str, Json]) -> bool:
    """Whether a run.json, of today or of then, says that the recovery is bad on purpose."""
    return bool(facts.get("expected_findings") or facts.get("noticed_by"))


def reasons(said: Json) -> tuple[R, ...]:
    """What the text, or the texts, of an event of then say."""
    lines = said if isinstance(said, list | tuple) else [said]
    text = "\n".join(line for line in lines if isinstance(line, str))
    return by_precedence(reason for pattern, reason in _SENTENCES if re.search(pattern, text))


def objects(event: Mapping[str, Json]) -> tuple[str, ...]:
    """The pods that a failed recovery of then calls not ready; none of an event that names its reasons."""
    if "reasons" in event:
        return ()
    found = re.search(r"of \d+ pods; not ready: ([a-z0-9.-]+(?:, [a-z0-9.-]+)*)", str(event.get("message")))
    return tuple(found[1].split(", ")) if found and found[1] != "none" else ()
