"""The checks of each kind of run. Every check is a pure function from a run to findings.

A check returns PASS only for what the run shows, and UNKNOWN for what it does not record. `harness.checks.judge` turns
what a check raises into UNKNOWN.
"""

from __future__ import annotations

from harness.checks.backup import BackupComplete, MigrationBackupComplete, ProvedBackupComplete, RestoreComplete
from harness.checks.check import Check
from harness.checks.cluster_reuse import ReusedStateUnchanged
from harness.checks.data import DataEqual, IndexesConsistent, ObjectsEqual
from harness.checks.ledger import TransfersAtomic, WritesKept
from harness.checks.migration import EndsSeparate, SourceUnchanged, TargetEqualsSource
from harness.checks.objectives import ObjectivesMet
from harness.checks.proof import BucketUnchanged, ClaimsRestored, DatabasesSound, FingerprintEqual
from harness.checks.provenance import AnswersFromRestored
from harness.checks.sequence import EventsInOrder
from harness.checks.service import Login, MembersHealthy, NewWriteCommitted
from harness.checks.validity import DamageSeen, DrillFinished, EvidenceSigned, NetworkIsolated, SelfTestPassed
from harness.core.errors import HarnessError
from harness.evidence.run_directory import MOVE as MOVE_KIND
from harness.evidence.run_directory import PROOF as PROOF_KIND
from harness.evidence.run_directory import Run

ALL: tuple[Check, ...] = (
    DrillFinished(),
    EvidenceSigned(),
    EventsInOrder(),
    ReusedStateUnchanged(),
    DamageSeen(),
    BackupComplete(),
    RestoreComplete(),
    AnswersFromRestored(),
    MembersHealthy(),
    DataEqual(),
    IndexesConsistent(),
    ObjectsEqual(),
    WritesKept(),
    TransfersAtomic(),
    NewWriteCommitted(),
    Login(),
    ObjectivesMet(),
    NetworkIsolated(),
    SelfTestPassed(),
)

PROOF: tuple[Check, ...] = (
    DrillFinished(),
    EvidenceSigned(),
    EventsInOrder(),
    BucketUnchanged(),
    ProvedBackupComplete(),
    RestoreComplete(),
    ClaimsRestored(),
    DatabasesSound(),
    FingerprintEqual(),
    ObjectivesMet(),
    NetworkIsolated(),
    SelfTestPassed(),
)
"""The checks of a proof (see `harness.checks.proof_metrics`)."""

MOVE: tuple[Check, ...] = (
    DrillFinished(),
    EvidenceSigned(),
    EventsInOrder(),
    MigrationBackupComplete(),
    RestoreComplete(),
    ClaimsRestored(),
    DatabasesSound(),
    TargetEqualsSource(),
    SourceUnchanged(),
    EndsSeparate(),
    ObjectivesMet(),
    SelfTestPassed(),
)
"""The checks of a migration (see `harness.checks.migration_metrics`)."""


def of(run: Run) -> tuple[Check, ...]:
    """The checks of a run; those of a drill if its kind cannot be read."""
    try:
        return {PROOF_KIND: PROOF, MOVE_KIND: MOVE}.get(run.kind, ALL)
    except HarnessError:
        return ALL
