"""The checks of each kind of run. Every check is a pure function from a run to findings.

A check returns PASS only for what the run shows, and UNKNOWN for what it does not record. `harness.checks.judge` turns
what a check raises into UNKNOWN.
"""

from __future__ import annotations

from harness.checks import (
    backup,
    cluster_reuse,
    data,
    ledger,
    migration,
    objectives,
    proof,
    provenance,
    sequence,
    service,
    validity,
)
from harness.checks.check import DRILL, EVERY, Check
from harness.core.errors import HarnessError
from harness.evidence.run_directory import MOVE as MOVE_KIND
from harness.evidence.run_directory import PROOF as PROOF_KIND
from harness.evidence.run_directory import Run

_MODULES = (validity, sequence, cluster_reuse, proof, backup, provenance, service, data, ledger, migration, objectives)
"""All modules with checks, in the order of their findings."""

_OF_KIND: dict[str, tuple[Check, ...]] = {
    kind: tuple(each for m in _MODULES for each in vars(m).values() if isinstance(each, Check) and kind in each.kinds)
    for kind in EVERY
}
ALL, PROOF, MOVE = (_OF_KIND[kind] for kind in (DRILL, PROOF_KIND, MOVE_KIND))
"""The checks of a drill, of a proof and of a migration."""


def of(run: Run) -> tuple[Check, ...]:
    """The checks of a run; those of a drill if its kind cannot be read."""
    try:
        return {PROOF_KIND: PROOF, MOVE_KIND: MOVE}.get(run.kind, ALL)
    except HarnessError:
        return ALL
