"""What is judged, one guarantee a file. Every check is a pure function from a run to findings.

A check says PASS only of what the run shows. What the run does not say is UNKNOWN, and whatever a
check raises is made UNKNOWN by `harness.checks.judge`.
"""

from __future__ import annotations

from harness.checks.backup import BackupIsComplete
from harness.checks.check import Check
from harness.checks.cluster_reuse import TakenOverAsLeft
from harness.checks.completion import DrillWasFinished
from harness.checks.data import DataIsEqual
from harness.checks.fault_effect import DamageWasSeen
from harness.checks.fence import FenceHeld
from harness.checks.health import MembersAreHealthy
from harness.checks.indexes import IndexesHold
from harness.checks.ledger import LedgerIsKept
from harness.checks.login import LoginWorks
from harness.checks.migration import MoveIsCopied, NothingJoined, SourceStoodStill, TargetEqualsSource
from harness.checks.objectives import ObjectivesAreMet
from harness.checks.objects import ObjectsAreEqual
from harness.checks.proof import (
    BackupSaysComplete,
    ClaimsAreBack,
    DatabasesAreSound,
    DataMatchFingerprint,
    SourceIsUnchanged,
)
from harness.checks.provenance import AnswersAreFromTheRestored
from harness.checks.restore import RestoreIsComplete
from harness.checks.selftest import ChecksCanFail
from harness.checks.signature import EvidenceIsSigned
from harness.checks.transfers import TransfersAreWhole
from harness.checks.write import NewWriteIsCommitted
from harness.core.errors import HarnessError
from harness.evidence.run_directory import MOVE as MOVE_KIND
from harness.evidence.run_directory import PROOF as PROOF_KIND
from harness.evidence.run_directory import Run

ALL: tuple[Check, ...] = (
    DrillWasFinished(),
    EvidenceIsSigned(),
    TakenOverAsLeft(),
    DamageWasSeen(),
    BackupIsComplete(),
    RestoreIsComplete(),
    AnswersAreFromTheRestored(),
    MembersAreHealthy(),
    DataIsEqual(),
    IndexesHold(),
    ObjectsAreEqual(),
    LedgerIsKept(),
    TransfersAreWhole(),
    NewWriteIsCommitted(),
    LoginWorks(),
    ObjectivesAreMet(),
    FenceHeld(),
    ChecksCanFail(),
)

PROOF: tuple[Check, ...] = (
    DrillWasFinished(),
    EvidenceIsSigned(),
    SourceIsUnchanged(),
    BackupSaysComplete(),
    RestoreIsComplete(),
    ClaimsAreBack(),
    DatabasesAreSound(),
    DataMatchFingerprint(),
    ObjectivesAreMet(),
    FenceHeld(),
    ChecksCanFail(),
)
"""What is judged where a backup was proved that was there already (see `harness.checks.proof_metrics`)."""

MOVE: tuple[Check, ...] = (
    DrillWasFinished(),
    EvidenceIsSigned(),
    MoveIsCopied(),
    RestoreIsComplete(),
    ClaimsAreBack(),
    DatabasesAreSound(),
    TargetEqualsSource(),
    SourceStoodStill(),
    NothingJoined(),
    ObjectivesAreMet(),
    ChecksCanFail(),
)
"""What is judged where an application was moved for good (see `harness.checks.migration_metrics`)."""


def of(run: Run) -> tuple[Check, ...]:
    """The checks that a run has to pass; those of a drill where it does not say what it is."""
    try:
        return {PROOF_KIND: PROOF, MOVE_KIND: MOVE}.get(run.kind, ALL)
    except HarnessError:
        return ALL
