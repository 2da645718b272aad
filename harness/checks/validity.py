"""Whether a run can be believed at all: it finished, broke something, stayed isolated, and its checks can fail."""

from collections.abc import Iterator
from dataclasses import replace

from harness.checks.check import DRILL, EVERY, about, check, failed, few, latest, passed, recorded, texts, unknown
from harness.checks.tool_messages import causes
from harness.core.json import mapping, text
from harness.core.model import Event, Finding
from harness.core.reason import Reason, by_precedence
from harness.evidence import before_reasons
from harness.evidence.run_directory import PROOF, Run
from harness.evidence.signing import attestation

_PLATFORM = {
    Reason.ApiServerUnreachable: "start the API server again (is the node of the control plane up?)",
    Reason.NodeNotReady: "start the node again (`kubectl describe node` says why it is not Ready)",
    Reason.EngineUnresponsive: "start the container engine again (`drillproof doctor` looks at it)",
    Reason.NamespaceMissing: "find out who deleted the namespace (the audit log of the API server says it)",
    Reason.ObjectStoreUnreachable: "start the object store again, or repair the network to it",
}
"""What to do where something below a run did not work."""


@check("drill-finished", *EVERY)
def drill_finished(run: Run) -> Finding | tuple[Finding, ...]:
    """Every step finished.

    FAIL if the restore failed or timed out while the cluster answered: the recovery caused that. Any other
    interruption is UNKNOWN. One finding for each failure, or one PASS.
    """
    if failures := (*map(_failure, run.of("recovery-failed")), *map(_interruption, run.of("error"))):
        return failures
    if not run.events or run.events[-1].kind != "end":
        detail = "the journal has no end: the run was killed, or lines were cut off"
        return unknown(Reason.JournalTruncated, detail)
    if missing := [step for step in run.steps if not run.of("step", step=step, phase="end")]:
        detail, steps = f"steps without an end: {', '.join(missing)}", [f"step {step}" for step in missing]
        return unknown(Reason.StepNotFinished, detail, objects=steps)
    return passed(f"all {len(run.steps)} steps finished")


def _failure(event: Event) -> Finding:
    message = event.data.get("message")
    finding = failed(
        Reason.RecoveryFailed,
        f"the recovery failed in step {event.data.get('step')}: {message}",
        objects=texts(event.data.get("objects")) or before_reasons.objects(event.data),
        causes=(*recorded(event.data, "message"), *causes(message)),
    )
    return about(finding, str(event.data.get("store", "")))


def _interruption(event: Event) -> Finding:
    step, message = event.data.get("step"), event.data.get("message")
    # Journals of before had no reasons here, and their sentences say nothing of the platform.
    seen = recorded(event.data, "message") if "reasons" in event.data else ()
    first = next(filter(None, map(_PLATFORM.get, seen)), "fix this")
    hint = f"{first}, and run it again; this run proves nothing about the backup"
    detail, objects = f"interrupted in step {step}: {message}", [f"step {step}", *texts(event.data.get("objects"))]
    return unknown(Reason.DrillInterrupted, detail, hint, objects=objects, causes=(*seen, *causes(message)))


@check("evidence-signed", *EVERY)
def evidence_signed(run: Run) -> Finding | tuple[()]:
    """The evidence equals what was signed at the end of the run, so a journal that was replaced as a whole is found.

    A run without a signature has no finding. Whose key signed is a question for `drillproof verify`.
    """
    if not attestation.is_signed(run.path):
        return ()
    found = attestation.verify_judged(run.path)
    if found.evidence is not None and not found.problems:
        return passed(f"the evidence is unchanged since key {found.evidence.key} signed it")
    reason, *others = by_precedence(problem.reason for problem in found.problems) or (Reason.SignatureInvalid,)
    hint = "list all changes with `drillproof verify`, and get the run again from where it was signed"
    files = [problem.file for problem in found.problems]
    return unknown(reason, few(found.problems, 3), hint, objects=files, causes=others)


@check("self-test", *EVERY)
def self_test_passed(run: Run) -> Finding:
    """Before the run, the checks detected every known mutation of a good recovery (see `harness.selftest.runner`).

    A check that misses a mutation may miss a bad recovery, too, so then no result counts.
    """
    result = latest(run, "selftest") or {}
    detected, missed = result.get("noticed"), result.get("missed")
    if not isinstance(detected, int) or detected < 1 or not isinstance(missed, list):
        return unknown(Reason.SelfTestNotRun, "the self-test did not run before this drill")
    if missed:
        names = [str(each.get("name") if isinstance(each, dict) else each) for each in missed]
        detail = f"{len(missed)} of {detected + len(missed)} mutations were missed, {names[0]!r} among them"
        return unknown(Reason.MutationMissed, detail, objects=names)
    return passed(f"all {detected} mutations of a good recovery were detected")


@check("damage-seen")
def damage_seen(run: Run) -> Iterator[Finding]:
    """Every fault of the scenario caused damage that the drill observed."""
    return (replace(_damage(run, name, step), objects=(name,)) for name, step in run.faults)


def _damage(run: Run, name: str, step: str) -> Finding:
    injected, damage = run.of("fault", name=name, phase="injected", step=step), run.of("damage", fault=name)
    seen = mapping(damage[-1].data, "what") if damage else {}
    if not injected or not seen or damage[-1].seq < injected[-1].seq:
        return unknown(Reason.DamageNotSeen, f"{name}: no damage was seen")
    if step == "break" and not any(e.data.get("mark") == "T3" and e.seq > damage[-1].seq for e in run.of("mark")):
        return unknown(Reason.DamageNotDated, f"{name}: the time at which its damage was seen is not recorded")
    return passed(f"{name}: {few((f'{key}: {text(value)}' for key, value in seen.items()), 3)}")


@check("fence-held", DRILL, PROOF)
def network_isolated(run: Run) -> Finding | tuple[()]:
    """No packet left the drill's network: a restored copy of production must never reach production.

    Where run.json says that there was no isolation (a shared cluster), there is no finding, and the report says so.
    """
    if not run.fenced:
        return ()
    counts = latest(run, "fence") or {}
    escaped = counts.get("escaped")
    if not isinstance(escaped, int):
        return unknown(Reason.EgressNotMeasured, "packets that left the drill's network were not counted")
    if escaped:
        return failed(Reason.PacketEscaped, f"{escaped} packets left the drill's network")
    return passed(f"no packet left the network; {counts.get('stopped')} were blocked")
