"""The checks of each kind of run. Every check is a pure function from a run to findings.

A check returns PASS only for what the run shows, and UNKNOWN for what it does not record. `harness.checks.judge` turns
what a check raises into UNKNOWN.
"""

from __future__ import annotations

from harness.checks.backup import backup_complete, migration_backup_complete, proved_backup_complete, restore_complete
from harness.checks.check import Check
from harness.checks.cluster_reuse import reused_state_unchanged
from harness.checks.data import data_equal, indexes_consistent, objects_equal
from harness.checks.ledger import transfers_atomic, writes_kept
from harness.checks.migration import ends_separate, source_unchanged, target_equals_source
from harness.checks.objectives import objectives_met
from harness.checks.proof import bucket_unchanged, claims_restored, databases_sound, fingerprint_equal
from harness.checks.provenance import answers_from_restored
from harness.checks.sequence import events_in_order
from harness.checks.service import login, members_healthy, new_write_committed
from harness.checks.validity import damage_seen, drill_finished, evidence_signed, network_isolated, self_test_passed
from harness.core.errors import HarnessError
from harness.evidence.run_directory import MOVE as MOVE_KIND
from harness.evidence.run_directory import PROOF as PROOF_KIND
from harness.evidence.run_directory import Run

ALL: tuple[Check, ...] = (
    drill_finished,
    evidence_signed,
    events_in_order,
    reused_state_unchanged,
    damage_seen,
    backup_complete,
    restore_complete,
    answers_from_restored,
    members_healthy,
    data_equal,
    indexes_consistent,
    objects_equal,
    writes_kept,
    transfers_atomic,
    new_write_committed,
    login,
    objectives_met,
    network_isolated,
    self_test_passed,
)

PROOF: tuple[Check, ...] = (
    drill_finished,
    evidence_signed,
    events_in_order,
    bucket_unchanged,
    proved_backup_complete,
    restore_complete,
    claims_restored,
    databases_sound,
    fingerprint_equal,
    objectives_met,
    network_isolated,
    self_test_passed,
)
"""The checks of a proof (see `harness.checks.proof_metrics`)."""

MOVE: tuple[Check, ...] = (
    drill_finished,
    evidence_signed,
    events_in_order,
    migration_backup_complete,
    restore_complete,
    claims_restored,
    databases_sound,
    target_equals_source,
    source_unchanged,
    ends_separate,
    objectives_met,
    self_test_passed,
)
"""The checks of a migration (see `harness.checks.migration_metrics`)."""


def of(run: Run) -> tuple[Check, ...]:
    """The checks of a run; those of a drill if its kind cannot be read."""
    try:
        return {PROOF_KIND: PROOF, MOVE_KIND: MOVE}.get(run.kind, ALL)
    except HarnessError:
        return ALL
