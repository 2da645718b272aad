"""Who answered?"""

from __future__ import annotations

from collections.abc import Mapping

from harness.model import Event, Finding, Verdict
from harness.rundir import Run


class AnswersAreFromTheRestored:
    """No volume that was there before the fault is there after it, so nobody answers from a survivor."""

    name = "answers-from-restored"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding."""
        before, after = run.of("volumes", when="before"), run.of("volumes", when="after")
        old = _uids(before[-1]) if before else {}
        new = _uids(after[-1]) if after else {}
        if not old or not new:
            detail = "the drill did not note which volumes there were before and after"
            return (Finding(self.name, Verdict.UNKNOWN, detail),)
        kept = sorted(claim for claim, uids in new.items() if set(uids) & set(old.get(claim, ())))
        lacking = sorted(set(old) - set(new))
        if kept:
            hint = "what was read back may never have been lost, so it proves no restore"
            return (Finding(self.name, Verdict.UNKNOWN, f"still the same after the fault: {', '.join(kept)}", hint),)
        if lacking:
            return (Finding(self.name, Verdict.FAIL, f"did not come back: {', '.join(lacking)}"),)
        return (Finding(self.name, Verdict.PASS, f"all {len(new)} claims and their volumes are new ones"),)


def _uids(event: Event) -> dict[str, tuple[str, str]]:
    volumes = event.data.get("volumes")
    return {
        str(volume["claim"]): (str(volume["claim_uid"]), str(volume["volume_uid"]))
        for volume in (volumes if isinstance(volumes, list | tuple) else ())
        if isinstance(volume, Mapping)
    }
