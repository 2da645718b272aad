"""What is judged, one guarantee a file. Every check is a pure function from a run to findings.

A check says PASS only of what the run shows. What the run does not say is UNKNOWN, and whatever a
check raises is made UNKNOWN by `harness.checks.judge`.
"""

from __future__ import annotations

from harness.checks.backup import BackupComplete
from harness.checks.check import Check
from harness.checks.cluster_reuse import ReusedStateUnchanged
from harness.checks.completion import DrillFinished
from harness.checks.data import DataEqual
from harness.checks.fault_effect import DamageSeen
from harness.checks.fence import NetworkIsolated
from harness.checks.health import MembersHealthy
from harness.checks.indexes import IndexesConsistent
from harness.checks.ledger import WritesKept
from harness.checks.login import LoginWorks
from harness.checks.migration import EndsSeparate, MigrationBackupComplete, SourceUnchanged, TargetEqualsSource
from harness.checks.objectives import ObjectivesMet
from harness.checks.objects import ObjectsEqual
from harness.checks.proof import (
    BucketUnchanged,
    ClaimsRestored,
    DatabasesSound,
    FingerprintEqual,
    ProvedBackupComplete,
)
from harness.checks.provenance import AnswersFromRestored
from harness.checks.restore import RestoreComplete
from harness.checks.selftest import SelfTestPassed
from harness.checks.signature import EvidenceSigned
from harness.checks.transfers import TransfersAtomic
from harness.checks.write import NewWriteCommitted
from harness.core.errors import HarnessError
from harness.evidence.run_directory import MOVE as MOVE_KIND
from harness.evidence.run_directory import PROOF as PROOF_KIND
from harness.evidence.run_directory import Run

ALL: tuple[Check, ...] = (
    DrillFinished(),
    EvidenceSigned(),
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
    LoginWorks(),
    ObjectivesMet(),
    NetworkIsolated(),
    SelfTestPassed(),
)

PROOF: tuple[Check, ...] = (
    DrillFinished(),
    EvidenceSigned(),
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
"""What is judged where a backup was proved that was there already (see `harness.checks.proof_metrics`)."""

MOVE: tuple[Check, ...] = (
    DrillFinished(),
    EvidenceSigned(),
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
"""What is judged where an application was moved for good (see `harness.checks.migration_metrics`)."""


def of(run: Run) -> tuple[Check, ...]:
    """The checks that a run has to pass; those of a drill where it does not say what it is."""
    try:
        return {PROOF_KIND: PROOF, MOVE_KIND: MOVE}.get(run.kind, ALL)
    except HarnessError:
        return ALL
