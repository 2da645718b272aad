"""Can the checks fail?"""

from __future__ import annotations

from harness.model import Finding, Verdict
from harness.rundir import Run


class ChecksCanFail:
    """Before the drill, a good recovery was spoilt in every known way, and the checks noticed each for its own reason.

    See `harness.selftest`. A check that was blind then may be blind now, so nothing that it says counts.
    """

    name = "self-test"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding."""
        tried = run.of("selftest")
        noticed, missed = (tried[-1].data.get(key) for key in ("noticed", "missed")) if tried else (0, [])
        if not isinstance(noticed, int) or noticed < 1 or not isinstance(missed, list):
            return (Finding(self.name, Verdict.UNKNOWN, "the checks were not seen to fail before this drill"),)
        if missed:
            hint = "`drillproof selftest` shows them; please report this as a bug of drillproof"
            first = missed[0].get("name") if isinstance(missed[0], dict) else missed[0]
            detail = f"{len(missed)} of {noticed + len(missed)} sabotages were missed, {first!r} among them"
            return (Finding(self.name, Verdict.UNKNOWN, detail, hint),)
        return (Finding(self.name, Verdict.PASS, f"all {noticed} sabotages of a good recovery were noticed"),)
