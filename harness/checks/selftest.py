"""Can the checks fail?"""

from __future__ import annotations

from harness.core.model import Finding, Verdict
from harness.core.reason import Reason
from harness.evidence.run_directory import Run


class SelfTestPassed:
    """Before the drill, a good recovery was spoilt in every known way, and the checks noticed each for its own reason.

    See `harness.selftest.runner`. A check that was blind then may be blind now, so nothing that it says counts.
    """

    name = "self-test"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding."""
        tried = run.of("selftest")
        noticed, missed = (tried[-1].data.get(key) for key in ("noticed", "missed")) if tried else (0, [])
        if not isinstance(noticed, int) or noticed < 1 or not isinstance(missed, list):
            detail = "the checks were not seen to fail before this drill"
            return (Finding(self.name, Verdict.UNKNOWN, Reason.SelfTestNotRun, detail),)
        if missed:
            hint = "`drillproof selftest` shows them; please report this as a bug of drillproof"
            names = tuple(str(each.get("name") if isinstance(each, dict) else each) for each in missed)
            detail = f"{len(missed)} of {noticed + len(missed)} sabotages were missed, {names[0]!r} among them"
            return (Finding(self.name, Verdict.UNKNOWN, Reason.MutationMissed, detail, hint, objects=names),)
        detail = f"all {noticed} sabotages of a good recovery were noticed"
        return (Finding(self.name, Verdict.PASS, Reason.AsExpected, detail),)
