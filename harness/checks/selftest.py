"""Whether the checks detect a bad recovery."""

from __future__ import annotations

from harness.core.model import Finding, Verdict
from harness.core.reason import Reason
from harness.evidence.run_directory import Run


class SelfTestPassed:
    """Before the drill, the self-test mutated a good recovery, and the checks detected every mutation.

    See `harness.selftest.runner`. A check that missed a mutation may miss a fault of this drill, so no PASS counts.
    """

    name = "self-test"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding."""
        tried = run.of("selftest")
        noticed, missed = (tried[-1].data.get(key) for key in ("noticed", "missed")) if tried else (0, [])
        if not isinstance(noticed, int) or noticed < 1 or not isinstance(missed, list):
            detail = "the self-test did not run before this drill"
            return (Finding(self.name, Verdict.UNKNOWN, Reason.SelfTestNotRun, detail),)
        if missed:
            hint = "run `drillproof selftest` to list them, and report a bug of drillproof"
            names = tuple(str(each.get("name") if isinstance(each, dict) else each) for each in missed)
            detail = (
                f"the self-test missed {len(missed)} of {noticed + len(missed)} mutations, for example {names[0]!r}"
            )
            return (Finding(self.name, Verdict.UNKNOWN, Reason.MutationMissed, detail, hint, objects=names),)
        detail = f"the self-test detected all {noticed} mutations of a good recovery"
        return (Finding(self.name, Verdict.PASS, Reason.AsExpected, detail),)
