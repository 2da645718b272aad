"""Did the drill itself run to its end?"""

from __future__ import annotations

from harness.checks.health import recorded, texts
from harness.checks.tool_messages import causes
from harness.core.model import Finding, Verdict
from harness.core.reason import Reason, by_precedence
from harness.evidence import before_reasons
from harness.evidence.run_directory import Run


class DrillFinished:
    """Every step ran to its end. Where it broke off, this says whose fault that is.

    The recovery's, if the restore failed or ran out of time while the cluster itself still
    answered: that is FAIL. Anything else is the harness's or the cluster's trouble: UNKNOWN.
    """

    name = "drill-finished"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding a failure, or one PASS."""
        failed = tuple(
            Finding(
                self.name,
                Verdict.FAIL,
                Reason.RecoveryFailed,
                f"the recovery failed in step {event.data.get('step')}: {event.data.get('message')}",
                "the bundle/ folder has the logs of the pods and of the backup tool",
                store=str(event.data.get("store", "")),
                objects=texts(event.data.get("objects")) or before_reasons.objects(event.data),
                causes=by_precedence((*recorded(event.data, "message"), *causes(event.data.get("message")))),
            )
            for event in run.of("recovery-failed")
        )
        broke = tuple(
            Finding(
                self.name,
                Verdict.UNKNOWN,
                Reason.DrillInterrupted,
                f"the drill broke off in step {event.data.get('step')}: {event.data.get('message')}",
                "nothing can be said of the backup; mend this and drill again",
                objects=(f"step {event.data.get('step')}",),
                causes=causes(event.data.get("message")),
            )
            for event in run.of("error")
        )
        if failed or broke:
            return failed + broke
        if not run.events or run.events[-1].kind != "end":
            detail = "the journal has no end: the drill was killed, or lines were cut off"
            return (Finding(self.name, Verdict.UNKNOWN, Reason.JournalTruncated, detail, "drill again"),)
        missing = [step for step in run.steps if not run.of("step", step=step, phase="end")]
        if missing:
            detail = f"these steps never ended: {', '.join(missing)}"
            reason, hint = Reason.StepNotFinished, "the drill was killed; drill again"
            steps = tuple(f"step {step}" for step in missing)
            return (Finding(self.name, Verdict.UNKNOWN, reason, detail, hint, objects=steps),)
        return (Finding(self.name, Verdict.PASS, Reason.AsExpected, f"all {len(run.steps)} steps ended"),)
