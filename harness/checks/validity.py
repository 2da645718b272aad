"""Whether a run can be believed at all: it finished, broke something, stayed isolated, and its checks can fail."""

from __future__ import annotations

from harness.checks.check import RUN_AGAIN, Check, few, latest, recorded, texts
from harness.checks.tool_messages import causes
from harness.core.json import mapping, text
from harness.core.model import Event, Finding
from harness.core.reason import Reason, by_precedence
from harness.evidence import before_reasons
from harness.evidence.run_directory import Run
from harness.evidence.signing import attestation


class DrillFinished(Check):
    """Every step finished.

    FAIL if the restore failed or timed out while the cluster answered: the recovery caused that. Any other
    interruption is UNKNOWN.
    """

    name = "drill-finished"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for each failure, or one PASS."""
        failures = (
            *map(self._failure, run.of("recovery-failed")),
            *map(self._interruption, run.of("error")),
        )
        if failures:
            return failures
        if not run.events or run.events[-1].kind != "end":
            detail = "the journal has no end: the run was killed, or lines were cut off"
            return (self.unknown(Reason.JournalTruncated, detail, "run it again"),)
        missing = [step for step in run.steps if not run.of("step", step=step, phase="end")]
        if missing:
            detail, steps = f"steps without an end: {', '.join(missing)}", [f"step {step}" for step in missing]
            return (self.unknown(Reason.StepNotFinished, detail, "the run was killed; run it again", objects=steps),)
        return (self.passed(f"all {len(run.steps)} steps finished"),)

    def _failure(self, event: Event) -> Finding:
        message = event.data.get("message")
        return self.failed(
            Reason.RecoveryFailed,
            f"the recovery failed in step {event.data.get('step')}: {message}",
            "see the logs of the pods and of the backup tool in bundle/",
            str(event.data.get("store", "")),
            objects=texts(event.data.get("objects")) or before_reasons.objects(event.data),
            causes=(*recorded(event.data, "message"), *causes(message)),
        )

    def _interruption(self, event: Event) -> Finding:
        step, message = event.data.get("step"), event.data.get("message")
        hint = "fix this and run it again; this run proves nothing about the backup"
        detail = f"interrupted in step {step}: {message}"
        return self.unknown(Reason.DrillInterrupted, detail, hint, objects=[f"step {step}"], causes=causes(message))


class EvidenceSigned(Check):
    """The evidence equals what was signed at the end of the run, so a journal that was replaced as a whole is found.

    A run without a signature has no finding. Whose key signed is a question for `drillproof verify`.
    """

    name = "evidence-signed"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for a signed run."""
        if not attestation.is_signed(run.path):
            return ()
        found = attestation.verify_judged(run.path)
        if found.evidence is not None and not found.problems:
            return (self.passed(f"the evidence is unchanged since key {found.evidence.key} signed it"),)
        reason, *others = by_precedence(problem.reason for problem in found.problems) or (Reason.SignatureInvalid,)
        hint = "list all changes with `drillproof verify`, and get the run again from where it was signed"
        files = [problem.file for problem in found.problems]
        return (self.unknown(reason, few(found.problems, 3), hint, objects=files, causes=others),)


class SelfTestPassed(Check):
    """Before the run, the checks detected every known mutation of a good recovery (see `harness.selftest.runner`).

    A check that misses a mutation may miss a bad recovery, too, so then no result counts.
    """

    name = "self-test"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding."""
        result = latest(run, "selftest") or {}
        detected, missed = result.get("noticed"), result.get("missed")
        if not isinstance(detected, int) or detected < 1 or not isinstance(missed, list):
            detail = "the self-test did not run before this drill"
            return (self.unknown(Reason.SelfTestNotRun, detail, "run it again without skipping the self-test"),)
        if missed:
            names = [str(each.get("name") if isinstance(each, dict) else each) for each in missed]
            detail = f"{len(missed)} of {detected + len(missed)} mutations were missed, {names[0]!r} among them"
            hint = "`drillproof selftest` shows them; please report this as a bug of drillproof"
            return (self.unknown(Reason.MutationMissed, detail, hint, objects=names),)
        return (self.passed(f"all {detected} mutations of a good recovery were detected"),)


class DamageSeen(Check):
    """Every fault of the scenario caused damage that the drill observed."""

    name = "damage-seen"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding for each fault."""
        return tuple(self._fault(run, name, step) for name, step in run.faults)

    def _fault(self, run: Run, name: str, step: str) -> Finding:
        injected, damage = run.of("fault", name=name, phase="injected", step=step), run.of("damage", fault=name)
        seen = mapping(damage[-1].data, "what") if damage else {}
        if not injected or not seen or damage[-1].seq < injected[-1].seq:
            hint = "check that the fault acts on the right target; a recovery proves nothing if nothing was lost"
            return self.unknown(Reason.DamageNotSeen, f"{name}: no damage was seen", hint, objects=[name])
        if step == "break" and not any(e.data.get("mark") == "T3" and e.seq > damage[-1].seq for e in run.of("mark")):
            detail = f"{name}: the time at which its damage was seen is not recorded"
            return self.unknown(Reason.DamageNotDated, detail, RUN_AGAIN, objects=[name])
        shown = few((f"{key}: {text(value)}" for key, value in seen.items()), 3)
        return self.passed(f"{name}: {shown}", objects=[name])


class NetworkIsolated(Check):
    """No packet left the drill's network: a restored copy of production must never reach production.

    Where run.json says that there was no isolation (a shared cluster), there is no finding, and the report says so.
    """

    name = "fence-held"

    def __call__(self, run: Run) -> tuple[Finding, ...]:
        """One finding; none without network isolation."""
        if not run.fenced:
            return ()
        counts = latest(run, "fence") or {}
        escaped = counts.get("escaped")
        if not isinstance(escaped, int):
            hint = "check whether another program removed drillproof's firewall rules, and run it again"
            detail = "packets that left the drill's network were not counted"
            return (self.unknown(Reason.EgressNotMeasured, detail, hint),)
        if escaped:
            hint = "check which firewall rules come before drillproof's (iptables -S DOCKER-USER)"
            return (self.failed(Reason.PacketEscaped, f"{escaped} packets left the drill's network", hint),)
        return (self.passed(f"no packet left the network; {counts.get('stopped')} were blocked"),)
