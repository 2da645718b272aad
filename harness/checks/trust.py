"""Whether the findings of a run can be trusted: they must equal a re-evaluation of its evidence.

Where drills are signed, a run that no known key signed proves nothing either.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from harness.checks import judge
from harness.core.errors import HarnessError
from harness.evidence import run_view
from harness.evidence.run_directory import inside
from harness.evidence.run_view import RunView
from harness.evidence.signing import attestation


def believed(run: Path) -> RunView:
    """The view of a run directory; UNKNOWN at best if its findings differ from a re-evaluation of its evidence."""
    view = run_view.read(run)
    if view.problems:
        return view
    try:
        if judge.is_current(run):
            return view
        doubt = f"findings.json: differs from a re-evaluation; `drillproof recheck {run.name}` evaluates the run again"
    except (HarnessError, OSError) as error:
        doubt = f"cannot be evaluated: {error}"
    return replace(view, problems=(doubt,))


@dataclass(frozen=True)
class Provenance:
    """The keys that are trusted in a folder of runs."""

    known: frozenset[str]  # fingerprints
    needed: bool  # whether a known key signed any run of the folder

    @classmethod
    def of_folder(cls, runs: Path, known: Iterable[str]) -> Provenance:
        """The provenance of all runs in a folder. Misconfigured if there is no such folder."""
        keys = frozenset(known)
        return cls(keys, any(_signer(run) in keys for run in inside(runs)))

    def doubt(self, run: Path) -> str:
        """Why the origin of a run is doubted, in a line; "" if it is not."""
        if not self.needed:
            return ""
        signer = _signer(run)
        if signer in self.known:
            return ""
        why = f"its evidence is signed by the unknown key {signer}" if signer else "its evidence is not signed"
        return f"{why}, and other runs of this folder are signed by a known key"


def _signer(run: Path) -> str | None:
    """The key whose signature of the evidence holds; None if there is no such signature."""
    with contextlib.suppress(HarnessError, OSError):
        found = attestation.verify_findings(run).evidence if attestation.is_signed(run) else None
        return found.key if found else None
    return None
