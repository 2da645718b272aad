"""Did the drill begin with the data that it was said to begin with?"""

from __future__ import annotations

from collections.abc import Mapping

from harness.left import differing
from harness.model import Finding, Verdict
from harness.reason import Reason
from harness.rundir import Run


class TakenOverAsLeft:
    """A drill that takes over the stores of an earlier one begins with the very data that were proved whole there.

    Else a loss that nobody noticed then would be the measure of all that follows. A drill that seeds its own stores
    has no such question.
    """

    name = "taken-over"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding, or none where nothing was taken over."""
        taken = run.of("taken-over")
        if not taken:
            return ()
        whose, left = (taken[-1].data.get(key) for key in ("run", "digests"))
        if odd := differing(run, left if isinstance(left, Mapping) else {}):
            detail = f"not what the drill {whose} left: {', '.join(odd)}"
            hint = "drill on a new cluster: with one scenario, or with --fresh"
            return (Finding(self.name, Verdict.UNKNOWN, Reason.NotAsLeft, detail, hint, objects=odd),)
        detail = f"all members began as the drill {whose} left them"
        return (Finding(self.name, Verdict.PASS, Reason.AsExpected, detail),)
