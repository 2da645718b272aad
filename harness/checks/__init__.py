"""The checks of each kind of run. Every check is a pure function from a run to findings.

A check returns PASS only for what the run shows, and UNKNOWN for what it does not record. `harness.checks.judge` turns
what a check raises into UNKNOWN.
"""

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
from harness.checks.check import EVERY, Check
from harness.core.errors import HarnessError
from harness.evidence.run_directory import Run

_MODULES = (validity, sequence, cluster_reuse, proof, backup, provenance, service, data, ledger, migration, objectives)
"""All modules with checks, in the order of their findings."""


def of_kind(kind: str) -> tuple[Check, ...]:
    """The checks that have to pass in this kind of run (`Run.kind`)."""
    found = (each for module in _MODULES for each in vars(module).values() if isinstance(each, Check))
    return tuple(each for each in found if kind in each.kinds)


ALL, PROOF, MOVE = map(of_kind, EVERY)
"""The checks of a drill, of a proof and of a migration."""


def of(run: Run) -> tuple[Check, ...]:
    """The checks of a run; those of a drill if its kind cannot be read."""
    try:
        return dict(zip(EVERY, (ALL, PROOF, MOVE), strict=True)).get(run.kind, ALL)
    except HarnessError:
        return ALL
